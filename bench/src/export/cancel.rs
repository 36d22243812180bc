//! From the wish to cancel a huge report to the end of its last query.

use std::time::{Duration, Instant};

use report_life::Phase;
use schemas::report_request::Compression;

use super::asked::Asked;
use super::desk::Desk;
use super::{huge, rows};
use crate::figure::{Figure, Measured};
use crate::percentile::percentile;

/// Reports that are cancelled, one after the other.
const ROUNDS: u32 = 12;
const GOAL_S: f64 = 2.0;
/// Statements of reports that run.
const RUNNING: &str = "SELECT count() FROM system.processes
    WHERE query LIKE '%FROM connections %' AND query NOT LIKE '%system.processes%'";
/// So long nobody may ask for more once the last query has gone.
const STILL_S: f64 = 0.5;
/// The longest time to wait for a query.
const QUERY_MAX: Duration = Duration::from_secs(60);

pub(crate) async fn measure(desk: &Desk<'_>, all: u64) -> anyhow::Result<Measured> {
    let exporters = huge::exporters(desk, all).await?;
    let (mut last_query, mut said, mut reports) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let report = desk.ask(&desk.request(rows::range(1.0), Asked::csv(Compression::Gzip))?).await?;
        desk.until(report, |state| state.phase == Phase::Running || state.phase.is_final()).await?;
        let begin = Instant::now();
        while queries(desk).await? == 0 {
            anyhow::ensure!(begin.elapsed() < QUERY_MAX, "a report whose rows nobody reads");
        }
        // Each at another moment of its making.
        tokio::time::sleep(Duration::from_millis(u64::from(round % 4) * 50)).await;
        let wish = Instant::now();
        desk.cancel(report).await?;
        let (mut gone_s, mut said_s) = (None, None);
        // Whoever has not heard of it yet would begin another slice.
        let stays_so =
            |gone_s: Option<f64>| gone_s.is_some_and(|gone_s| wish.elapsed().as_secs_f64() > gone_s + STILL_S);
        while said_s.is_none() || !stays_so(gone_s) {
            if queries(desk).await? > 0 {
                gone_s = None;
            } else if gone_s.is_none() {
                gone_s = Some(wish.elapsed().as_secs_f64());
            }
            let phase = desk.state(report).map(|state| state.phase).filter(|phase| phase.is_final());
            if let (Some(phase), None) = (phase, said_s) {
                anyhow::ensure!(phase == Phase::Cancelled, "a report that was to be cancelled is {phase:?}");
                said_s = Some(wish.elapsed().as_secs_f64());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        last_query.extend(gone_s);
        said.extend(said_s);
        reports.push(report);
    }
    let slices = huge::slices(desk, &reports)?;
    for exporter in exporters {
        exporter.stop()?;
    }
    let mut measured = Measured::default();
    for (name, percent) in [("cancel_p50_seconds", 50), ("cancel_seconds", 100)] {
        measured.figures.push(Figure::new(name, percentile(&mut last_query, percent), "s", "goal", GOAL_S));
    }
    measured.notes.push(format!(
        "cancel: {ROUNDS} reports of {slices} slices or more while {} exporters read their rows, to the last query gone; cancelled after {:.2} s \
         at most",
        huge::EXPORTERS,
        percentile(&mut said, 100)
    ));
    Ok(measured)
}

async fn queries(desk: &Desk<'_>) -> anyhow::Result<u64> {
    Ok(desk.stage.clickhouse.text(RUNNING).await?.trim().parse()?)
}
