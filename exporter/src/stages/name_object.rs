//! Names of a sync's objects: a function of the sync and of the interval or hour.

use bucket_syncs::{Plan, SyncState};
use jiff::Timestamp;
use schemas::report_request::{Compression, ReportFormat};
use schemas::times::Moment;

fn ending(state: &SyncState) -> &'static str {
    match (state.settings.format, state.settings.compression) {
        (ReportFormat::Parquet, _) => "parquet",
        (_, Compression::Gzip) => "ndjson.gz",
        (_, Compression::Zstd) => "ndjson.zst",
        _ => "ndjson",
    }
}

fn utc(moment: Moment, form: &str) -> String {
    Timestamp::from_microsecond(moment.as_micros()).unwrap_or_default().strftime(form).to_string()
}

/// Of an interval: by its end, which the folders say too; the number tells apart what came of one interval in several objects.
pub(crate) fn live_key(state: &SyncState, plan: &Plan) -> String {
    let folders = utc(plan.interval_end, "date=%Y-%m-%d/hour=%H/%Y%m%dT%H%M%SZ");
    format!("{}/{}/live/{folders}-{:09}.{}", state.tenant, state.id, plan.number, ending(state))
}

/// Of an hour of the past.
pub(crate) fn backfill_key(state: &SyncState, hour: Moment) -> String {
    let folders = utc(hour, "date=%Y-%m-%d/hour=%H/%Y%m%dT%H%M%SZ");
    format!("{}/{}/backfill/{folders}.{}", state.tenant, state.id, ending(state))
}

#[cfg(test)]
mod tests {
    use schemas::times::Moment;

    use super::*;
    use crate::stages::write_sync_mail::tests::state;

    #[test]
    fn object_is_named_by_the_end_of_its_interval_and_an_hour_by_its_begin() {
        let state = state();
        let interval_end = Moment::from_millis(1_793_500_200_000);
        let (from, until) = (bucket_syncs::Offsets::new(), bucket_syncs::Offsets::new());
        let plan = Plan { number: 42, interval_end, from, until, is_behind: false, packed: Vec::new() };
        let folder = format!("acme/{}", state.id);
        let expected = format!("{folder}/live/date=2026-11-01/hour=02/20261101T023000Z-000000042.ndjson.gz");
        assert_eq!(live_key(&state, &plan), expected);
        let hour = Moment::from_millis(1_793_491_200_000);
        let expected = format!("{folder}/backfill/date=2026-11-01/hour=00/20261101T000000Z.ndjson.gz");
        assert_eq!(backfill_key(&state, hour), expected);
    }
}
