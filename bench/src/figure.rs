//! Figures, how they are printed, and what is said before they are there.

use serde::Serialize;

/// One figure beside its peer; `ratio` is the value over the peer's. JSON has null where there is none.
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

    /// One with nothing beside it: no goal is set for it, and nobody else does the same.
    pub(crate) fn alone(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self::new(name, value, unit, "", f64::NAN)
    }
}

/// Says how far a long run is.
#[expect(clippy::print_stderr, reason = "people look at it while it runs; figures go to the output")]
pub(crate) fn said(text: &str) {
    eprintln!("{text}");
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
            if peer.is_empty() {
                println!("{name:<width$} {value:>12.2} {unit}");
            } else {
                println!("{name:<width$} {value:>12.2} {unit:<8} {peer:<12} {peer_value:>12.2} {ratio:>8.3}");
            }
        }
        for note in &self.notes {
            println!("{note}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figure_alone_has_no_peer_in_json() {
        let alone = serde_json::to_value(Figure::alone("hours_share_of_raw_percent", 4.5, "%")).unwrap();
        assert_eq!(alone["value"], 4.5);
        assert!(alone["peer_value"].is_null() && alone["ratio"].is_null(), "{alone}");
        let beside = serde_json::to_value(Figure::new("raw_bytes_per_row", 39.0, "bytes", "goal", 52.0)).unwrap();
        assert_eq!(beside["ratio"], 0.75);
    }
}
