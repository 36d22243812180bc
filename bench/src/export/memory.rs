//! The exporter's memory: a process of its own for each kind of report, of few rows and then of all, and one that makes all kinds.
//!
//! `KINDS` in the environment: only these, such as `csv_gz,parquet`, where a file of all rows of another would not fit on the disk.

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
    let chosen = std::env::var("KINDS").ok();
    let is_chosen = |name: &str| chosen.as_deref().is_none_or(|chosen| chosen.split(',').any(|it| it == name));
    let kinds: Vec<_> = Asked::ALL.into_iter().filter(|(name, _)| is_chosen(name)).collect();
    anyhow::ensure!(!kinds.is_empty(), "KINDS names no kind");
    for &(name, asked) in &kinds {
        let exporter = [desk.exporter(&settings)?];
        desk.settled(1).await?;
        let of_few = desk.report(&exporter, few, asked).await?;
        let of_all = desk.report(&exporter, range, asked).await?;
        desk.store.delete(&of_all.object_key).await?;
        let name = format!("exporter_resident_mb_{name}");
        measured.figures.push(Figure::new(&name, of_all.resident_mb, "MB", "1 M rows", of_few.resident_mb));
        said(&of_few.note(&name));
        said(&of_all.note(&name));
        measured.notes.push(of_all.note(&name));
        let [exporter] = exporter;
        exporter.stop()?;
    }
    let exporter = [desk.exporter(&settings)?];
    desk.settled(1).await?;
    for &(_, asked) in &kinds {
        let made = desk.report(&exporter, range, asked).await?;
        desk.store.delete(&made.object_key).await?;
    }
    let resident_mb = exporter[0].resident_mb()?;
    let [exporter] = exporter;
    exporter.stop()?;
    measured.figures.push(Figure::new("exporter_resident_mb", resident_mb, "MB", "limit", RESIDENT_MAX));
    Ok(measured)
}

#[expect(clippy::print_stderr, reason = "it takes long: people see how far it is")]
fn said(text: &str) {
    eprintln!("{text}");
}
