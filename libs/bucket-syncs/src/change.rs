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

/// The whole hours of UTC that hold `[from, to)`. Two ranges may share one, as days do where clocks are off by half an hour: each hour is
/// one object, by its name, and is not made again where it is there.
fn whole_hours((from, to): (Moment, Moment)) -> (Moment, Moment) {
    let (from, to) = (from.as_micros(), to.as_micros());
    (Moment::from_micros(from - from.rem_euclid(HOUR)), Moment::from_micros(to + (-to).rem_euclid(HOUR)))
}

/// A past range is wanted: the whole hours of UTC that hold `[from, to)`, which are given beside the event, of what came to Kafka before the sync was
/// made. One that begins later would hold nothing.
///
/// # Errors
/// The field that is wrong.
pub fn backfill(
    state: &SyncState,
    (from, to): (Moment, Moment),
    actor: &str,
    now: Moment,
) -> Result<(BucketSyncEvent, (Moment, Moment)), FilterError> {
    let wrong = |field: &str, reason: &str| Err(FilterError { field: field.to_owned(), reason: reason.to_owned() });
    if from < Moment::FIRST {
        return wrong("from", "is before 1970");
    }
    if from >= state.created_at {
        return wrong("from", "is after the sync was made: what came since then is among its live objects");
    }
    if to <= from || to > Moment::END {
        return wrong("to", "is not after `from`, until 2100");
    }
    let (from, to) = whole_hours((from, to));
    let event = wish(state, BucketSyncEventType::BackfillRequested, actor, now);
    Ok((BucketSyncEvent { range_from: Some(from), range_to: Some(to), ..event }, (from, to)))
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
    fn past_range_is_widened_to_whole_hours() {
        let state = SyncState { created_at: at(2 * 3600 + 1), ..made() };
        let asked = |from: i64, to: i64| backfill(&state, (at(from), at(to)), "admin", at(9));
        let taken = |from: i64, to: i64| {
            let (event, taken) = asked(from, to).unwrap();
            assert_eq!((event.range_from, event.range_to), (Some(taken.0), Some(taken.1)));
            taken
        };
        assert_eq!(taken(3600, 3 * 3600), (at(3600), at(3 * 3600)), "as it is");
        assert_eq!(taken(1800, 5400), (at(0), at(2 * 3600)));
        assert_eq!(taken(3601, 3602), (at(3600), at(2 * 3600)));
        assert_eq!(taken(2 * 3600, 3 * 3600 - 1), (at(2 * 3600), at(3 * 3600)));
        let (_, (_, last)) = backfill(&state, (at(0), Moment::END), "admin", at(9)).unwrap();
        assert_eq!(last, Moment::END, "no further than may be");
        assert_eq!(asked(3600, 3600).unwrap_err().field, "to");
        // What came since then is live, also where its hour began before.
        for from in [2 * 3600 + 1, 2 * 3600 + 1800, 3 * 3600] {
            let refused = asked(from, 9 * 3600).unwrap_err();
            assert!(refused.field == "from" && refused.reason.contains("after the sync was made"), "{refused:?}");
        }
        let beyond = |from, to| backfill(&state, (from, to), "admin", at(9)).unwrap_err().field;
        assert_eq!(beyond(Moment::from_micros(-1), at(9)), "from");
        assert_eq!(beyond(at(0), Moment::from_micros(Moment::END.as_micros() + 1)), "to");
    }

    #[test]
    fn past_range_that_is_not_done_can_be_cancelled_once() {
        let state = made();
        let state = state.clone().with(&backfill(&state, (at(0), at(3600)), "admin", at(110)).unwrap().0);
        let cancelled = cancel_backfill(&state, 1, "admin", at(120)).unwrap();
        assert_eq!(state.open_backfill().map(|it| it.number), Some(1));
        let after = state.with(&cancelled);
        assert_eq!(after.open_backfill(), None);
        for number in [1, 2] {
            assert_eq!(cancel_backfill(&after, number, "admin", at(130)).unwrap_err().field, "number");
        }
    }
}
