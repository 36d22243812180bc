//! Figures, and how they are printed.

use serde::Serialize;

/// One figure beside its peer; `ratio` is the value over the peer's.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) peer: &'static str,
    pub(crate) peer_value: f64,
    ratio: f64,
}

impl Figure {
    pub(crate) fn new(
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        peer: &'static str,
        peer_value: f64,
    ) -> Self {
        Self { name: name.into(), value, unit, peer, peer_value, ratio: value / peer_value }
    }
}

/// Figures for programs, and further lines for people.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    pub(crate) figures: Vec<Figure>,
    pub(crate) notes: Vec<String>,
}

impl Measured {
    pub(crate) fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            for figure in &self.figures {
                println!("{}", serde_json::to_string(figure)?);
            }
            return Ok(());
        }
        let width = self.figures.iter().map(|figure| figure.name.len()).max().unwrap_or(0);
        println!(
            "{:<width$} {:>12} {:<8} {:<12} {:>12} {:>8}",
            "figure", "value", "unit", "beside it", "value", "ratio"
        );
        for Figure { name, value, unit, peer, peer_value, ratio } in &self.figures {
            println!("{name:<width$} {value:>12.2} {unit:<8} {peer:<12} {peer_value:>12.2} {ratio:>8.3}");
        }
        for note in &self.notes {
            println!("{note}");
        }
        Ok(())
    }
}
