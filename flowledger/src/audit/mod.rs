//! `flowledger audit`: what accounts did, listed, and held against its own hashes. What that proves stands in `docs/audit.md`.
//!
//! Answers go to standard output, progress and the last word to standard error.

mod options;
mod print;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use anyhow::{Context, bail};
use audit_log::{Act, AuditBook, Checker, Finding, Taken, Trail, read_all};
use schema_registry::Registry;
use schemas::audit_event::{AuditAction, AuditDoor, AuditEvent, ChainHead, ChainId};
use schemas::ids::Tenant;
use schemas::topics::AUDIT_EVENTS;
use service_kit::CancellationToken;

pub(crate) use self::options::AuditCommand;
use self::options::{ReadOptions, SelectOptions};
use crate::cli::CommonOptions;
use crate::config::Config;
use crate::output::{plain, said};

/// How long Kafka and the registry may take until an act is noted.
const NOTE_MAX: Duration = Duration::from_secs(60);
/// Records between two words of progress.
const PROGRESS_EVERY: i64 = 100_000;

pub(crate) async fn run(command: AuditCommand) -> anyhow::Result<()> {
    match command {
        AuditCommand::Verify { read, tenant, heads } => verify(&read, tenant, &heads).await,
        AuditCommand::List { read, select } => list(&read, &select).await,
    }
}

/// All records of the topic, in their order.
async fn each(read: &ReadOptions, mut each: impl FnMut(Taken)) -> anyhow::Result<()> {
    let options = CommonOptions { config: read.config.clone(), ..CommonOptions::default() };
    let config = crate::services::loaded(&options, |_| Ok(()))?.context("no config")?;
    let registry = Registry::new(&config.registry)?;
    let progress = |taken: Taken| {
        if (taken.offset + 1) % PROGRESS_EVERY == 0 {
            said(&format!("{} records read", taken.offset + 1));
        }
        each(taken);
    };
    Ok(read_all(&config.kafka, &registry, &read.topic, progress).await?)
}

async fn verify(read: &ReadOptions, tenant: Option<Tenant>, heads: &[ChainHead]) -> anyhow::Result<()> {
    let (mut checker, mut found, mut of_tenant) = (Checker::default(), Vec::new(), BTreeSet::<ChainId>::new());
    each(read, |taken| {
        found.extend(checker.take(&taken));
        if let Ok(event) = taken.event
            && event.tenant == tenant
        {
            of_tenant.insert(event.chain);
        }
    })
    .await?;
    let problems = heads.iter().filter_map(|head| checker.check_head(head).err());
    found.extend(problems.map(|problem| Finding { offset: None, event: None, problem }));
    print::chains(&checker, tenant.is_some().then_some(&of_tenant), read.json)?;
    for finding in &found {
        print::finding(finding, read.json)?;
    }
    if !found.is_empty() {
        bail!("{} findings: the log is not as it was written", found.len());
    }
    said(&format!(
        "{} events in {} chains, nothing is wrong; heads that no chain names are worth noting elsewhere",
        checker.records(),
        checker.chains().count()
    ));
    Ok(())
}

async fn list(read: &ReadOptions, select: &SelectOptions) -> anyhow::Result<()> {
    let (question, mut events, mut unreadable) = (select.question(), VecDeque::<AuditEvent>::new(), 0);
    each(read, |taken| match taken.event {
        Ok(event) if question.asks_for(&event) && (select.tenant.is_none() || event.tenant == select.tenant) => {
            events.push_back(event);
            if events.len() > question.limit {
                events.pop_front();
            }
        }
        Ok(_) => {}
        Err(_) => unreadable += 1,
    })
    .await?;
    if unreadable > 0 {
        said(&format!("{unreadable} records cannot be read: `flowledger audit verify` says where they are"));
    }
    print::events(events.make_contiguous(), read.json)
}

/// An act of an operator on this machine. `by`: in whose name.
pub(crate) fn act(tenant: &Tenant, by: &str, action: AuditAction) -> Act {
    let account = std::env::var("USER").unwrap_or_default();
    let act = Act::new(tenant.clone(), by, AuditDoor::CommandLine, action).with("account_on_machine", &account);
    match machine() {
        Some(machine) => act.with("machine", &machine),
        None => act,
    }
}

/// What this machine is called, where the system says so: a terminal has no address.
pub(crate) fn machine() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Puts an act on the log, before it is done: in a chain of its own, which names the ends of those before it.
pub(crate) async fn note(config: &Config, registry: &Registry, act: Act) -> anyhow::Result<()> {
    let noting = async {
        let book = AuditBook::default();
        read_all(&config.kafka, registry, AUDIT_EVENTS.name, |taken| {
            for finding in book.take(taken) {
                said(&format!("audit log: {}", plain(&finding.to_string())));
            }
        })
        .await?;
        let never = CancellationToken::new();
        let trail = Trail::open(config.kafka.clone(), registry, book, AuditDoor::CommandLine, &never).await;
        trail.context("the registry does not answer")??.note(act).await.context("the audit log")
    };
    tokio::time::timeout(NOTE_MAX, noting).await.context("Kafka or the registry does not answer")?
}
