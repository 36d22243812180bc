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
