//! An exporter is killed while it makes slices: how many are begun again for it.

use std::collections::BTreeMap;
use std::time::Duration;

use schemas::ids::ReportId;
use schemas::report_event::ReportEventType;

use super::desk::Desk;
use super::exporter::{Exporter, WORKERS};
use super::recorded_report::{ASKED, RecordedReport, SLICES};
use crate::figure::{Figure, Measured};

/// Seconds of a slice.
const SLICE_SECONDS: u64 = 3;
/// Slices that are done when one is killed.
const DONE_BEFORE: i64 = 4;
/// How often it is looked whether it is time to kill one.
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(crate) async fn measure(desk: &Desk<'_>, all: u64) -> anyhow::Result<Measured> {
    let (report, first) = RecordedReport::record(desk, all).await?;
    report.pace(SLICE_SECONDS);
    let (mut exporters, mut gone) = (vec![first], Vec::new());
    let (mut measured, mut most) = (Measured::default(), 0.0_f64);
    for kills_owner in [true, false] {
        exporters.push(report.exporter()?);
        desk.settled(exporters.len()).await?;
        let asked = desk.ask(&desk.request(report.range, ASKED)?).await?;
        let victim = in_mid_slice(desk, &exporters, asked, kills_owner).await?;
        let mut victim = exporters.remove(victim);
        victim.kill()?;
        // What it had begun and not done: its log is whole, for it is dead.
        let held = begun(std::slice::from_ref(&victim), asked)?.len() - victim.done(asked)?.len();
        anyhow::ensure!(held > 0, "the exporter that was killed held no slice");
        gone.push(victim);
        let ended = desk.completed(asked).await?;
        let all = begun(exporters.iter().chain(&gone), asked)?;
        let again: usize = all.values().map(|times| times - 1).sum();
        anyhow::ensure!(all.len() == SLICES, "{} slices were begun of {SLICES}", all.len());
        let events = desk.events_to(asked, ReportEventType::Completed).await?;
        let done = events.iter().filter(|event| event.event_type == ReportEventType::SliceDone).count();
        measured.notes.push(format!(
            "resume: killed with {held} slices in hand, it had the report: {kills_owner}; attempt {}, {SLICES} slices, {again} begun again, \
             {done} said to be done, {} rows",
            ended.attempt, ended.rows
        ));
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        let a_worker = again as f64 / WORKERS as f64;
        most = most.max(a_worker);
    }
    for exporter in exporters {
        exporter.stop()?;
    }
    measured.figures.push(Figure::new("resume_slices_again_per_worker", most, "slices", "goal", 1.0));
    Ok(measured)
}

/// Waits until some slices are done, and the one who is to be killed makes one; gives its place.
async fn in_mid_slice(
    desk: &Desk<'_>,
    exporters: &[Exporter],
    report: ReportId,
    kills_owner: bool,
) -> anyhow::Result<usize> {
    loop {
        let done = desk.state(report).and_then(|state| state.plan.clone()).map_or(0, |plan| plan.slices_done());
        anyhow::ensure!(done < SLICES as i64, "no exporter could be killed in mid-slice");
        for (place, exporter) in exporters.iter().enumerate() {
            let is_wanted = done >= DONE_BEFORE && exporter.is_owner(report)? == kills_owner;
            if is_wanted && exporter.begun(report)?.len() > exporter.done(report)?.len() {
                return Ok(place);
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Slices of a report, and how often each was begun.
fn begun<'a>(
    exporters: impl IntoIterator<Item = &'a Exporter>,
    report: ReportId,
) -> anyhow::Result<BTreeMap<i64, usize>> {
    let mut begun = BTreeMap::new();
    for exporter in exporters {
        for slice in exporter.begun(report)? {
            *begun.entry(slice).or_insert(0) += 1;
        }
    }
    Ok(begun)
}
