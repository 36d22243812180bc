//! A small report of one tenant while another tenant has asked for ten huge ones: from the request to the mail.

use std::time::{Duration, Instant};

use schemas::ids::ReportId;
use schemas::report_request::Compression;

use super::asked::Asked;
use super::desk::{Desk, LOOK_EVERY};
use super::exporter::Exporter;
use super::huge;
use super::rows::{self, SMALL_ROWS, SMALL_TENANT};
use crate::figure::{Figure, Measured};
use crate::percentile::percentile;

/// Small reports, one after the other.
const SMALL: u32 = 30;
/// Huge ones that are open all the time.
const HUGE: usize = 10;
const GOAL_S: f64 = 10.0;
/// The longest wait for a mail.
const MAIL_MAX: Duration = Duration::from_secs(300);
const ASKED: Asked = Asked::csv(Compression::Gzip);

pub(crate) async fn measure(desk: &Desk<'_>, all: u64) -> anyhow::Result<Measured> {
    rows::fill_small_tenant(&desk.stage.clickhouse).await?;
    let exporters = huge::exporters(desk, all).await?;
    let used = || exporters.iter().map(Exporter::cpu_seconds).sum::<anyhow::Result<f64>>();
    mailed(desk, "warm").await?;
    let (mut alone, mut beside, mut huge) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..SMALL {
        alone.push(mailed(desk, &format!("alone{number}")).await?);
    }
    let before = (used()?, Instant::now());
    let mut open_min = HUGE;
    for number in 0..SMALL {
        top_up(desk, &mut huge).await?;
        beside.push(mailed(desk, &format!("beside{number}")).await?);
        open_min = open_min.min(open(desk, &huge));
    }
    let cores = (used()? - before.0) / before.1.elapsed().as_secs_f64();
    let (asked, slices) = (huge.len(), huge::slices(desk, &huge)?);
    for report in &huge {
        desk.cancel(*report).await?;
    }
    for report in huge {
        desk.until(report, |state| state.phase.is_final()).await?;
    }
    for exporter in exporters {
        exporter.stop()?;
    }
    let mut measured = Measured::default();
    for percent in [50, 99] {
        let name = format!("small_report_beside_ten_huge_p{percent}_seconds");
        let (value, peer) = (percentile(&mut beside, percent), percentile(&mut alone, percent));
        measured.figures.push(Figure::new(&name, value, "s", "alone", peer));
        if percent == 99 {
            measured.figures.push(Figure::new(name, value, "s", "goal", GOAL_S));
        }
    }
    measured.notes.push(format!(
        "beside: {SMALL} reports of {SMALL_ROWS} rows, each until its mail was taken; {asked} huge ones were asked for, of {slices} slices or \
         more, {open_min} to {HUGE} were open, and the {} exporters took {cores:.2} of a core",
        huge::EXPORTERS
    ));
    Ok(measured)
}

/// Seconds from the request of a small report to its mail.
async fn mailed(desk: &Desk<'_>, name: &str) -> anyhow::Result<f64> {
    let receiver = format!("{name}@{SMALL_TENANT}.example");
    let mut request = desk.request(rows::range(1.0), ASKED)?;
    request.tenant = SMALL_TENANT.parse()?;
    request.receivers.push(receiver.clone());
    let begin = Instant::now();
    let report = desk.ask(&request).await?;
    while !desk.mail.messages()?.iter().any(|mail| mail.receivers.contains(&receiver)) {
        anyhow::ensure!(begin.elapsed() < MAIL_MAX, "no mail came");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let taken_s = begin.elapsed().as_secs_f64();
    let state = desk.completed(report).await?;
    anyhow::ensure!(state.rows == i64::try_from(SMALL_ROWS)?, "{} rows instead of {SMALL_ROWS}", state.rows);
    Ok(taken_s)
}

/// Asks for huge ones until so many are open, and waits until rows of one are read.
async fn top_up(desk: &Desk<'_>, huge: &mut Vec<ReportId>) -> anyhow::Result<()> {
    while open(desk, huge) < HUGE {
        let report = desk.ask(&desk.request(rows::range(1.0), ASKED)?).await?;
        desk.until(report, |_| true).await?;
        huge.push(report);
    }
    while !huge.iter().filter_map(|report| desk.state(*report)).any(|state| !state.phase.is_final() && state.rows > 0) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

fn open(desk: &Desk<'_>, huge: &[ReportId]) -> usize {
    huge.iter().filter_map(|report| desk.state(*report)).filter(|state| !state.phase.is_final()).count()
}
