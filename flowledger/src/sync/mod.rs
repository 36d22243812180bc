//! `flowledger sync`: what the API does with bucket syncs, for an operator at a terminal. It reads and writes the same events; the
//! configuration is what lets it in, so the tenant is an option here.

mod options;
mod print;

use std::time::Duration;

use anyhow::{Context, ensure};
use bucket_syncs::{
    Changed, SharedSyncs, SyncJournal, SyncState, backfill, cancel_backfill, check, created, follow_syncs, wish,
};
use kafka_io::Producer;
use report_life::{barrier, report_filter};
use schema_registry::Registry;
use schemas::audit_event::AuditAction;
use schemas::bucket_sync_event::{BucketSyncEvent, BucketSyncEventType, BucketSyncSettings};
use schemas::report_request::Compression;
use schemas::times::Moment;
use service_kit::CancellationToken;
use traffic_query::time_range::{in_utc, rfc3339};
use traffic_query::{Field, FilterError};

pub(crate) use self::options::SyncCommand;
use self::options::{ObjectFormat, OneOptions};
use crate::audit;
use crate::cli::CommonOptions;
use crate::config::Config;
use crate::output::{noted, said};
use crate::select::SelectOptions;

/// How long Kafka and the registry may take until all events of syncs are read, or something is written.
const KAFKA_MAX: Duration = Duration::from_secs(60);

pub(crate) async fn run(command: SyncCommand) -> anyhow::Result<()> {
    match command {
        SyncCommand::New { select, name, destination, format, compression, filter, denied, interval, receivers } => {
            let filter = filter.0;
            let has_range = filter.narrows(Field::From) || filter.narrows(Field::To);
            ensure!(!has_range, "--from and --to: a sync begins with what comes now; `sync backfill` brings the past");
            let packed = if format == ObjectFormat::Ndjson { Compression::Gzip } else { Compression::None };
            let settings = BucketSyncSettings {
                name,
                destination,
                format: format.into(),
                compression: compression.map_or(packed, Into::into),
                denied,
                interval_seconds: interval,
                receivers,
                filter: Some(report_filter(&filter, denied).map_err(wrong)?),
            };
            let desk = Desk::open(&select).await?;
            let state = desk.make(&select, settings).await?;
            let id = state.id.to_string();
            Ok(if select.json { print::one(&state, true) } else { crate::output::line(&id) }?)
        }
        SyncCommand::List { select } => {
            let desk = Desk::open(&select).await?;
            Ok(print::list(&desk.syncs.list(&select.tenant), select.json)?)
        }
        SyncCommand::Show { one } => {
            let desk = Desk::open(&one.select).await?;
            Ok(print::one(&desk.found(&one)?, one.select.json)?)
        }
        SyncCommand::Change { one, name, interval, receivers } => {
            let desk = Desk::open(&one.select).await?;
            let last = desk.found(&one)?;
            let settings = &last.settings;
            let changed = Changed {
                name: name.unwrap_or_else(|| settings.name.clone()),
                interval_seconds: interval.unwrap_or(settings.interval_seconds),
                receivers: if receivers.is_empty() { settings.receivers.clone() } else { receivers },
            };
            let settings = changed.of(settings);
            check(&settings, &desk.config.syncs).map_err(wrong)?;
            let event = BucketSyncEvent {
                settings: Some(settings),
                ..wish(&last, BucketSyncEventType::Changed, &one.select.actor(), Moment::now())
            };
            desk.write(&one.select, AuditAction::SyncChanged, &last.settings.name, &event).await
        }
        SyncCommand::Pause { one } => wished(&one, BucketSyncEventType::Paused, AuditAction::SyncPaused).await,
        SyncCommand::Resume { one } => wished(&one, BucketSyncEventType::Resumed, AuditAction::SyncResumed).await,
        SyncCommand::Delete { one } => wished(&one, BucketSyncEventType::Deleted, AuditAction::SyncDeleted).await,
        SyncCommand::Backfill { one, from, to, zone } => {
            let wanted = in_utc(&from, &to, &zone).map_err(wrong)?;
            noted(&wanted.notes);
            let desk = Desk::open(&one.select).await?;
            let state = desk.found(&one)?;
            let range = (wanted.from, wanted.to);
            let (event, (from, to)) = backfill(&state, range, &one.select.actor(), Moment::now()).map_err(wrong)?;
            desk.write(&one.select, AuditAction::SyncBackfilled, &state.settings.name, &event).await?;
            said(&format!("it brings {} to {}, whole hours of UTC", rfc3339(from), rfc3339(to)));
            Ok(())
        }
        SyncCommand::CancelBackfill { one, number } => {
            let desk = Desk::open(&one.select).await?;
            let state = desk.found(&one)?;
            let event = cancel_backfill(&state, number, &one.select.actor(), Moment::now()).map_err(wrong)?;
            desk.write(&one.select, AuditAction::SyncBackfilled, &state.settings.name, &event).await
        }
    }
}

async fn wished(one: &OneOptions, event_type: BucketSyncEventType, action: AuditAction) -> anyhow::Result<()> {
    let desk = Desk::open(&one.select).await?;
    let state = desk.found(one)?;
    let event = wish(&state, event_type, &one.select.actor(), Moment::now());
    desk.write(&one.select, action, &state.settings.name, &event).await
}

/// Where syncs are kept.
struct Desk {
    config: Config,
    registry: Registry,
    syncs: SharedSyncs,
}

impl Desk {
    /// Returns when all events are read.
    async fn open(select: &SelectOptions) -> anyhow::Result<Self> {
        let options = CommonOptions { config: select.config.clone(), ..CommonOptions::default() };
        let config = crate::services::loaded(&options, |_| Ok(()))?.context("no config")?;
        let (registry, syncs) = (Registry::new(&config.registry)?, SharedSyncs::default());
        let stop = CancellationToken::new();
        let following = follow_syncs(config.kafka.clone(), registry.clone(), syncs.clone(), stop);
        tokio::select! {
            read = within(syncs.caught_up()) => read?,
            ended = following => ended?,
        }
        Ok(Self { config, registry, syncs })
    }

    fn found(&self, one: &OneOptions) -> anyhow::Result<SyncState> {
        let (tenant, id) = (&one.select.tenant, one.sync);
        self.syncs.get(tenant, id).with_context(|| format!("{tenant} has no sync {id}"))
    }

    async fn make(&self, select: &SelectOptions, settings: BucketSyncSettings) -> anyhow::Result<SyncState> {
        check(&settings, &self.config.syncs).map_err(wrong)?;
        let most = self.config.syncs.of_a_tenant;
        ensure!(self.syncs.list(&select.tenant).len() < most, "syncs.of_a_tenant: there are {most} already");
        let barrier = within(barrier(&self.config.kafka)).await??;
        let event = created(select.tenant.clone(), settings, barrier, &select.actor(), Moment::now());
        let state = SyncState::begun_by(&event).context("it has no settings")?;
        self.write(select, AuditAction::SyncCreated, &state.settings.name, &event).await?;
        Ok(state)
    }

    /// Once it is on the audit log.
    async fn write(
        &self,
        select: &SelectOptions,
        action: AuditAction,
        name: &str,
        event: &BucketSyncEvent,
    ) -> anyhow::Result<()> {
        let act = audit::act(&select.tenant, &select.actor(), action).to(&event.sync_id).with("name", name);
        let act = match (event.event_type, event.number) {
            (BucketSyncEventType::BackfillCancelled, Some(number)) => act.with("cancelled", &number.to_string()),
            (BucketSyncEventType::BackfillRequested, _) => {
                let [from, to] = [event.range_from, event.range_to].map(|it| it.map(rfc3339).unwrap_or_default());
                act.with("from", &from).with("to", &to).with("zone", "UTC")
            }
            _ => act,
        };
        audit::note(&self.config, &self.registry, act).await?;
        let producer = Producer::new(&self.config.kafka, "flowledger-sync")?;
        let stop = CancellationToken::new();
        let journal = within(SyncJournal::open(producer, &self.registry, &stop)).await?;
        Ok(within(journal.context("the registry does not answer")??.append(event)).await??)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is mapped over errors")]
fn wrong(error: FilterError) -> anyhow::Error {
    anyhow::anyhow!("{} {}", error.field, error.reason)
}

async fn within<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    tokio::time::timeout(KAFKA_MAX, work).await.context("Kafka or the registry does not answer")
}
