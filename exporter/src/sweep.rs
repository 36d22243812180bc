//! What clearing at a report's end has left, as where the store was away for longer than it is waited for, and what came to the store
//! afterwards, of an exporter that was frozen until then: each report is cleared again an hour after its end, and a day after it.
//!
//! Only of reports that are at their end: what it came to stays, and one that is asked for again is made by higher attempts, so no file that
//! is a report's, or will be, is touched. The exporter does it that has the first partition of the requests; it begins with what ended in
//! the two days before. Where nobody comes and goes that is twice for each report, one report after the other.

use std::collections::HashSet;
use std::time::Duration;

use report_life::{Phase, ReportEnd, ReportState};
use schemas::ids::ReportId;
use schemas::report_request::ReportRequest;
use schemas::times::Moment;

use crate::adapters::Outside;
use crate::life::Life;

/// How often it is looked for them, and what could not be cleared is tried again.
const LOOK_EVERY: Duration = Duration::from_secs(600);
/// Between two reports: the store has other work.
const PAUSE: Duration = Duration::from_secs(1);
/// Microseconds.
const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// Report, its end, and whether it was a day ago.
type Cleared = HashSet<(ReportId, Moment, bool)>;

/// Goes on until it is dropped.
pub(crate) async fn sweep<O: Outside>(life: &Life<O>) {
    let mut cleared = Cleared::new();
    loop {
        let ours = life.has_first_partition().await;
        ours.run_until_cancelled(rounds(life, &mut cleared)).await;
    }
}

async fn rounds<O: Outside>(life: &Life<O>, cleared: &mut Cleared) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = Moment::now().as_micros();
        let [hour_ago, day_ago, last] = [HOUR, DAY, 2 * DAY].map(|age| Moment::from_micros(now - age));
        cleared.retain(|(_, at, _)| *at >= last);
        for ended in life.outside.ended(last, hour_ago) {
            let this = (ended.report, ended.end.at, ended.end.at < day_ago);
            if cleared.contains(&this) {
                continue;
            }
            // What is left of one is tried again in the next round, and holds up no other.
            if clear_again(life, &ended).await {
                cleared.insert(this);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// False where something may be left.
async fn clear_again<O: Outside>(life: &Life<O>, ended: &ReportEnd) -> bool {
    // Those before this one may have taken long: asked for again meanwhile, it comes when it has ended again.
    let state = life.outside.known(ended.report).filter(|it| it.end() == Some(ended.end) && is_certain(it));
    let Some(state) = state else { return true };
    let Some(request) = &state.request else { return true };
    life.clear_as_of(&state, request, Duration::ZERO).await
}

/// True where it is known which files are the report's own, and that the folder is its own. Before the first attempt nothing is begun.
fn is_certain(state: &ReportState) -> bool {
    let is_of_request = |it: &ReportRequest| it.report_id == state.id && it.tenant == state.tenant;
    let names_its_files = state.phase != Phase::Completed || state.object_key.is_some();
    state.attempt > 0 && names_its_files && state.request.as_ref().is_some_and(is_of_request)
}

#[cfg(test)]
mod tests;
