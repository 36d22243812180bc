//! `flowledger dead-letter`: the events that ingest refused, for people. What a letter is, and what becomes of it, stands in the
//! crate `dead-letter`; here it is asked for and printed.
//!
//! Letters go to standard output, progress and the last word to standard error, so that the output can be piped.

mod decode;
mod options;
mod print;

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use dead_letter::{Filter, Found, ReadLimits, Who, discard, read, replay};
use futures_util::StreamExt;
use kafka_io::Producer;

use self::decode::Events;
pub(crate) use self::options::DeadLetterCommand;
use self::options::{ChangeOptions, SelectOptions, StateOption};
use crate::cli::CommonOptions;
use crate::config::Config;
use crate::output::{line, plain};

/// Bytes of values that are held at most.
const VALUE_BYTES_MAX: usize = 256 << 20;
/// Letters that may match at most; each takes about half a kilobyte.
const LETTERS_MAX: usize = 200_000;
/// Records between two words of progress.
const PROGRESS_EVERY: u64 = 100_000;
/// Letters that are sent at once.
const SENT_AT_ONCE: usize = 64;
/// How long all brokers together may take for everything that is sent.
const SEND_MAX: Duration = Duration::from_secs(300);

pub(crate) async fn run(command: DeadLetterCommand) -> anyhow::Result<()> {
    match command {
        DeadLetterCommand::List { select, limit, json } => {
            let (letters, _) = selected(&select, StateOption::Open, false).await?;
            let shown = letters.len().min(limit);
            print::list(&letters[letters.len() - shown..], json)?;
            said(&format!("{shown} of {} letters; the newest are shown", letters.len()));
            Ok(())
        }
        DeadLetterCommand::Show { select, json } => {
            let (letters, mut events) = selected(&select, StateOption::Any, true).await?;
            ensure!(!letters.is_empty(), "no such letter");
            for letter in &letters {
                let event = events.of(letter).await;
                print::show(letter, event.as_ref(), json)?;
            }
            Ok(())
        }
        DeadLetterCommand::Replay { select, change } => {
            let letters = whole(meant(&select, &change, true).await?)?;
            change_all(&select, &change, &letters, "replay", async |producer, letter, who| {
                let now = replay(producer, letter, who).await?;
                Ok(format!("replayed to {}-{}", now.partition, now.offset))
            })
            .await
        }
        DeadLetterCommand::Discard { select, change } => {
            ensure!(!change.why.is_empty(), "say why they are discarded: --why TEXT");
            let letters = meant(&select, &change, false).await?;
            change_all(&select, &change, &letters, "discard", async |producer, letter, who| {
                discard(producer, letter, who).await?;
                Ok("discarded".to_owned())
            })
            .await
        }
    }
}

fn config(select: &SelectOptions) -> anyhow::Result<Config> {
    let options = CommonOptions { config: select.config.clone(), ..CommonOptions::default() };
    crate::services::loaded(&options, |_| Ok(()))?.context("no config")
}

/// The letters that the options mean, oldest first.
async fn selected(
    select: &SelectOptions,
    otherwise: StateOption,
    with_values: bool,
) -> anyhow::Result<(Vec<Found>, Events)> {
    let config = config(select)?;
    let filter = select.filter(otherwise);
    let limits = ReadLimits { records: select.read_max, letters: LETTERS_MAX, value_bytes: VALUE_BYTES_MAX };
    let mut events = Events::new(&config.registry)?;
    let with_values = with_values || select.tenant.is_some();
    let letters = read(&config.kafka, &filter, with_values, limits, |records| {
        if records % PROGRESS_EVERY == 0 {
            said(&format!("{records} records read"));
        }
    })
    .await?;
    if letters.odd > 0 {
        said(&format!("{} records on the topic are no letters", letters.odd));
    }
    let mut letters = letters.matching(&filter);
    if let Some(tenant) = &select.tenant {
        let mut of_tenant = Vec::new();
        for letter in letters {
            if events.of(&letter).await.is_some_and(|event| event.tenant == *tenant) {
                of_tenant.push(letter);
            }
        }
        letters = of_tenant;
    }
    named_but_missing(&filter, &letters)?;
    Ok((letters, events))
}

fn named_but_missing(filter: &Filter, letters: &[Found]) -> anyhow::Result<()> {
    for name in &filter.names {
        let found: Vec<_> = letters.iter().filter(|letter| name.names(&letter.place)).collect();
        match found[..] {
            [] => bail!("there is no letter {name}, or the other options leave it out"),
            [_] => {}
            [first, ..] => bail!("{} letters are called {name}; name the source too: {}", found.len(), first.place),
        }
    }
    Ok(())
}

/// The letters that are to be changed. Everything only where that was said.
async fn meant(select: &SelectOptions, change: &ChangeOptions, with_values: bool) -> anyhow::Result<Vec<Found>> {
    let is_everything = select.filter(StateOption::Open).is_everything() && select.tenant.is_none();
    ensure!(!is_everything || change.all, "name letters, set a filter, or say --all");
    let (mut letters, _) = selected(select, StateOption::Open, with_values).await?;
    if letters.len() > change.limit {
        said(&format!("{} letters match; the oldest {} are taken: run it again for more", letters.len(), change.limit));
        letters.truncate(change.limit);
    }
    Ok(letters)
}

/// Those that hold their records whole. The others are said, and stay open; where there are no others it did not work.
fn whole(letters: Vec<Found>) -> anyhow::Result<Vec<Found>> {
    let (cut, whole): (Vec<_>, Vec<_>) = letters.into_iter().partition(|letter| letter.cut.is_some());
    for letter in &cut {
        said(&dead_letter::ChangeError::Cut(letter.place.clone()).to_string());
    }
    ensure!(cut.is_empty() || !whole.is_empty(), "nothing can be replayed: all {} letters are cut", cut.len());
    Ok(whole)
}

async fn change_all(
    select: &SelectOptions,
    change: &ChangeOptions,
    letters: &[Found],
    verb: &str,
    work: impl AsyncFn(&Producer, &Found, Who<'_>) -> Result<String, dead_letter::ChangeError>,
) -> anyhow::Result<()> {
    if change.dry_run {
        for letter in letters {
            line(&format!("{}\twould {verb}\t{}", letter.place, plain(&letter.reason)))?;
        }
        said(&format!("dry run: {} letters", letters.len()));
        return Ok(());
    }
    let producer = Producer::new(&config(select)?.kafka, "flowledger-dead-letter")?;
    let by = change.by.clone().or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "unknown".to_owned());
    let who = Who { by: &by, why: &change.why };
    let (mut done, producer, work) = (0, &producer, &work);
    let sending = async {
        let mut changed = futures_util::stream::iter(letters)
            .map(|letter| async move { (letter, work(producer, letter, who).await) })
            .buffered(SENT_AT_ONCE);
        while let Some((letter, outcome)) = changed.next().await {
            line(&format!("{}\t{}", letter.place, outcome?))?;
            done += 1;
        }
        anyhow::Ok(())
    };
    let sent = tokio::time::timeout(SEND_MAX, sending).await;
    said(&format!("{verb}: {done} of {} letters", letters.len()));
    sent.context("Kafka does not acknowledge; what was not printed is still open: run it again")?
}

/// A word beside the output.
#[expect(clippy::print_stderr, reason = "progress of a command line program")]
fn said(text: &str) {
    eprintln!("{text}");
}
