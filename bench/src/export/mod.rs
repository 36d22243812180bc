//! Reports: rows a CPU second of exporter and engine together, the exporter's memory, and how several exporters, tenants and wishes to cancel
//! go together. One figure a file, and each of them by its own name too.
//!
//! `EVENTS` in the environment: so many rows, whole millions; `ROWS`: a folder in which the engine keeps them, so that another run need not make them.

mod asked;
mod beside;
mod cancel;
mod desk;
mod exporter;
mod gzip;
mod huge;
mod memory;
mod peers;
mod recorded;
mod recorded_report;
mod resume;
mod rows;
mod scale;
mod speed;

use std::path::PathBuf;

use anyhow::Context;

use self::desk::Desk;
use crate::figure::Measured;
use crate::ingest::stage::Stage;

/// What of reports is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Speed,
    Memory,
    Scale,
    Beside,
    Cancel,
    Resume,
}

impl Part {
    pub(crate) const ALL: &[Self] = &[Self::Speed, Self::Memory, Self::Beside, Self::Cancel, Self::Resume, Self::Scale];

    /// Rows of the table, where nobody says how many: alone, memory is measured with more.
    fn rows(parts: &[Self], small: bool) -> u64 {
        match (parts, small) {
            (_, true) => 2_000_000,
            ([Self::Memory], false) => 100_000_000,
            (_, false) => 20_000_000,
        }
    }
}

/// Measures these parts, one after the other, over the same rows.
pub(crate) async fn measure(parts: &[Part], small: bool) -> anyhow::Result<Measured> {
    let all = match std::env::var("EVENTS") {
        Ok(events) => events.parse().with_context(|| format!("EVENTS is no number: {events}"))?,
        Err(_) => Part::rows(parts, small),
    };
    let kept = std::env::var_os("ROWS").map(PathBuf::from);
    let stage = Stage::start_on(16, kept.as_deref()).await?;
    rows::fill(&stage.clickhouse, all).await?;
    let desk = Desk::start(&stage).await?;
    let mut measured = Measured::default();
    for part in parts {
        let of_part = match part {
            Part::Speed => speed::measure(&desk, all).await?,
            Part::Memory => memory::measure(&desk, all).await?,
            Part::Scale => scale::measure(&desk, all, small).await?,
            Part::Beside => beside::measure(&desk, all).await?,
            Part::Cancel => cancel::measure(&desk, all).await?,
            Part::Resume => resume::measure(&desk, all).await?,
        };
        measured.figures.extend(of_part.figures);
        measured.notes.extend(of_part.notes);
    }
    Ok(measured)
}
