//! The exporter's memory: a process of its own for each kind of report, of few rows and then of all, and one that makes all kinds.

use super::asked::Asked;
use super::desk::Desk;
use super::rows;
use crate::figure::{Figure, Measured};

/// The most that the exporter may have in memory, MB.
pub(crate) const RESIDENT_MAX: f64 = 256.0;
/// Rows of the first report.
const FEW: u64 = 1_000_000;
/// `exporter.slice_rows` as it is by default.
pub(crate) const SLICE_ROWS: u64 = 5_000_000;

pub(crate) async fn measure(desk: &Desk<'_>, all: u64) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    // An exporter makes two slices at once: of a short report too.
    let settings = format!("[exporter]\nslice_rows = {}\n", SLICE_ROWS.min(all / 4));
    let (few, range) = (rows::hours(rows::hours_of(FEW, all)), rows::range(1.0));
    for (name, asked) in Asked::ALL {
        let exporter = [desk.exporter(&settings)?];
        desk.settled(1).await?;
        let of_few = desk.report(&exporter, few, asked).await?;
        let of_all = desk.report(&exporter, range, asked).await?;
        let name = format!("exporter_resident_mb_{name}");
        measured.figures.push(Figure::new(&name, of_all.resident_mb, "MB", "1 M rows", of_few.resident_mb));
        measured.notes.push(of_all.note(&name));
        let [exporter] = exporter;
        exporter.stop()?;
    }
    let exporter = [desk.exporter(&settings)?];
    desk.settled(1).await?;
    for (_, asked) in Asked::ALL {
        desk.report(&exporter, range, asked).await?;
    }
    let resident_mb = exporter[0].resident_mb()?;
    let [exporter] = exporter;
    exporter.stop()?;
    measured.figures.push(Figure::new("exporter_resident_mb", resident_mb, "MB", "limit", RESIDENT_MAX));
    Ok(measured)
}
