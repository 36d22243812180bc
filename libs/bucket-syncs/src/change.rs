//! What people do to syncs, as events.

use report_life::{check_receivers, traffic_filter};
use schemas::bucket_sync_event::{BucketSyncEvent, BucketSyncEventType, BucketSyncSettings};
use schemas::ids::{SyncId, Tenant};
use schemas::report_request::{BarrierOffset, Compression, ReportFormat};
use schemas::times::Moment;
use traffic_query::FilterError;

use crate::config::Config;
use crate::state::{HOUR, SyncState};

/// Longest name, characters.
const NAME_MAX: usize = 100;
/// Shortest and longest time between two objects.
const INTERVALS: std::ops::RangeInclusive<i32> = 10..=86_400;

/// What of a sync can be changed. The rest says what its objects are, and stays: another sync has other objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// What the tenant calls it.
    pub name: String,
    /// Time between two objects.
    pub interval_seconds: i32,
    /// Who is told when it fails, and when it is well again.
    pub receivers: Vec<String>,
}

impl Changed {
    /// The settings of a sync with these in their place.
    #[must_use]
    pub fn of(self, last: &BucketSyncSettings) -> BucketSyncSettings {
        let Self { name, interval_seconds, receivers } = self;
        BucketSyncSettings { name, interval_seconds, receivers, ..last.clone() }
    }
}

/// Holds settings against what there is.
///
/// # Errors
/// The field that is wrong.
pub fn check(settings: &BucketSyncSettings, config: &Config) -> Result<(), FilterError> {
    let wrong = |field: &str, reason: String| Err(FilterError { field: field.to_owned(), reason });
    let name = &settings.name;
    if name.trim().is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return wrong("name", format!("is not 1 to {NAME_MAX} characters, none of them a control character"));
    }
    if !config.destinations.contains_key(&settings.destination) {
        let known: Vec<_> = config.destinations.keys().map(String::as_str).collect();
        return wrong(
            "destination",
            format!("is none of those that the operator has configured: {}", known.join(", ")),
        );
    }
    match (settings.format, settings.compression) {
        (ReportFormat::Ndjson, Compression::None | Compression::Gzip | Compression::Zstd)
        | (ReportFormat::Parquet, Compression::None) => {}
        (ReportFormat::Ndjson | ReportFormat::Parquet, _) => {
            return wrong("compression", "is not for this format".to_owned());
        }
        _ => return wrong("format", "is neither ndjson nor parquet".to_owned()),
    }
    if !INTERVALS.contains(&settings.interval_seconds) {
        return wrong("interval_seconds", format!("is not from {} to {}", INTERVALS.start(), INTERVALS.end()));
    }
    traffic_filter(&settings.report_filter())?;
    check_receivers(&settings.receivers)
}

/// A new sync, of what comes to Kafka from `barrier` on.
#[must_use]
pub fn created(
    tenant: Tenant,
    settings: BucketSyncSettings,
    barrier: Vec<BarrierOffset>,
    actor: &str,
    now: Moment,
) -> BucketSyncEvent {
    BucketSyncEvent {
        actor: Some(actor.to_owned()),
        settings: Some(settings),
        until: barrier,
        ..BucketSyncEvent::new(SyncId::generate(), tenant, BucketSyncEventType::Created, now)
    }
}

/// What an account wants of a sync.
#[must_use]
pub fn wish(state: &SyncState, event_type: BucketSyncEventType, actor: &str, now: Moment) -> BucketSyncEvent {
    BucketSyncEvent { actor: Some(actor.to_owned()), ..state.event(event_type, now) }
}

/// A past range is wanted: `[from, to)` in whole hours, of what came to Kafka before the sync was made. One that begins later would hold nothing.
///
/// # Errors
/// The field that is wrong.
pub fn backfill(
    state: &SyncState,
    (from, to): (Moment, Moment),
    actor: &str,
    now: Moment,
) -> Result<BucketSyncEvent, FilterError> {
    let wrong = |field: &str, reason: &str| Err(FilterError { field: field.to_owned(), reason: reason.to_owned() });
    let is_hour = |moment: Moment| moment.as_micros() % HOUR == 0;
    if !is_hour(from) || from < Moment::FIRST {
        return wrong("from", "is not the begin of an hour in UTC, from 1970 on");
    }
    if from >= state.created_at {
        return wrong("from", "is after the sync was made: what came since then is among its live objects");
    }
    if !is_hour(to) || to > Moment::END || to <= from {
        return wrong("to", "is not the begin of an hour in UTC after `from`, until 2100");
    }
    let event = wish(state, BucketSyncEventType::BackfillRequested, actor, now);
    Ok(BucketSyncEvent { range_from: Some(from), range_to: Some(to), ..event })
}

/// The rest of a past range is not wanted any more. What is in the bucket of it stays.
///
/// # Errors
/// With field `number`: there is none of this number that waits, or is being written.
pub fn cancel_backfill(
    state: &SyncState,
    number: i64,
    actor: &str,
    now: Moment,
) -> Result<BucketSyncEvent, FilterError> {
    if !state.backfills.iter().any(|it| it.number == number && it.is_open()) {
        let reason = "is that of no past range that waits or is being written".to_owned();
        return Err(FilterError { field: "number".to_owned(), reason });
    }
    let event = wish(state, BucketSyncEventType::BackfillCancelled, actor, now);
    Ok(BucketSyncEvent { number: Some(number), ..event })
}

#[cfg(test)]
mod tests {
    use schemas::report_request::ReportFilter;

    use super::*;
    use crate::state::tests::{at, made, settings};

    #[test]
    fn wrong_field_is_named() {
        let mut config = Config::default();
        config.destinations.insert("lake".to_owned(), report_store::StoreConfig::default());
        assert_eq!(check(&settings(), &config), Ok(()));
        let refused = |change: fn(&mut BucketSyncSettings)| {
            let mut wrong = settings();
            change(&mut wrong);
            check(&wrong, &config).unwrap_err().field
        };
        assert_eq!(refused(|it| it.name = " ".to_owned()), "name");
        assert_eq!(refused(|it| it.destination = "sea".to_owned()), "destination");
        assert_eq!(refused(|it| it.format = ReportFormat::Csv), "format");
        assert_eq!(refused(|it| it.format = ReportFormat::Parquet), "compression");
        assert_eq!(refused(|it| it.interval_seconds = 9), "interval_seconds");
        assert_eq!(refused(|it| it.receivers = vec!["nobody".to_owned()]), "receivers");
        let narrow = |it: &mut BucketSyncSettings| {
            it.filter = Some(ReportFilter { ports: vec!["https".to_owned()], ..ReportFilter::default() });
        };
        assert_eq!(refused(narrow), "ports");
    }

    #[test]
    fn past_range_is_of_whole_hours() {
        let state = SyncState { created_at: at(2 * 3600 + 1), ..made() };
        let hours = |from: i64, to: i64| backfill(&state, (at(from * 3600), at(to * 3600)), "admin", at(9));
        assert_eq!(hours(1, 3).unwrap().range_to, Some(at(3 * 3600)));
        assert_eq!(hours(1, 1).unwrap_err().field, "to");
        assert_eq!(backfill(&state, (at(1), at(3600)), "admin", at(9)).unwrap_err().field, "from");
        // What came since then is live.
        assert!(hours(2, 9).is_ok());
        let refused = hours(3, 9).unwrap_err();
        assert!(refused.field == "from" && refused.reason.contains("after the sync was made"), "{refused:?}");
    }

    #[test]
    fn past_range_that_is_not_done_can_be_cancelled_once() {
        let state = made();
        let state = state.clone().with(&backfill(&state, (at(0), at(3600)), "admin", at(110)).unwrap());
        let cancelled = cancel_backfill(&state, 1, "admin", at(120)).unwrap();
        assert_eq!(state.open_backfill().map(|it| it.number), Some(1));
        let after = state.with(&cancelled);
        assert_eq!(after.open_backfill(), None);
        for number in [1, 2] {
            assert_eq!(cancel_backfill(&after, number, "admin", at(130)).unwrap_err().field, "number");
        }
    }
}
