//! Huge reports: of all rows, in many slices, which two exporters make.

use schemas::ids::ReportId;

use super::desk::Desk;
use super::exporter::Exporter;
use super::memory::SLICE_ROWS;

/// Exporters that make them.
pub(super) const EXPORTERS: usize = 2;
/// The fewest slices that a report of all rows has: also of few rows it is one that has to be put together.
const SLICES: u64 = 16;

/// Starts the exporters, and waits until each has its partitions of slices. `all`: rows in the table.
pub(super) async fn exporters(desk: &Desk<'_>, all: u64) -> anyhow::Result<Vec<Exporter>> {
    let settings = format!("[exporter]\nslice_rows = {}\n", SLICE_ROWS.min(all / SLICES));
    let exporters: Vec<Exporter> =
        std::iter::repeat_with(|| desk.exporter(&settings)).take(EXPORTERS).collect::<Result<_, _>>()?;
    desk.settled(EXPORTERS).await?;
    Ok(exporters)
}

/// The fewest slices that one of these reports was cut into, of those that were begun. One that is a single slice is not huge, and no
/// measurement.
pub(super) fn slices(desk: &Desk<'_>, reports: &[ReportId]) -> anyhow::Result<i64> {
    let cut = reports.iter().filter_map(|report| desk.state(*report)).map(|state| state.slices_most);
    let fewest = cut.filter(|slices| *slices > 0).min().unwrap_or(0);
    anyhow::ensure!(fewest > 1, "a huge report was cut into {fewest} slices: it has to have several");
    Ok(fewest)
}
