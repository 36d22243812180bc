//! Metrics of a process, in OpenMetrics text.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

pub use prometheus_client;
use prometheus_client::encoding::EncodeMetric;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Metric, Registry};

/// The registry of a process; cheap to clone. Names are `flowledger_<service>_<what>`, with the unit last.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    names: Arc<Mutex<BTreeSet<String>>>,
}

impl Metrics {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a metric. Keep a clone of `metric` to write to. The encoder adds `_total` to counters.
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        let end = if let MetricType::Counter = EncodeMetric::metric_type(&metric) { "_total" } else { "" };
        self.names.lock().unwrap_or_else(PoisonError::into_inner).insert(format!("{name}{end}"));
        self.registry.lock().unwrap_or_else(PoisonError::into_inner).register(name, help, metric);
    }

    /// All metrics as text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        if encode(&mut text, &registry).is_err() {
            tracing::error!("metrics could not be encoded");
        }
        text
    }

    /// Names in a text that begin so and that no metric has, with or without a value: alert rules and pages are held against the program
    /// by it.
    #[must_use]
    pub fn unknown_in(&self, text: &str, prefix: &str) -> BTreeSet<String> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let unknown = words.filter(|word| word.starts_with(prefix) && !names.contains(*word));
        unknown.map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::family::Family;
    use prometheus_client::metrics::gauge::Gauge;

    use super::*;

    #[test]
    fn names_that_no_metric_has_are_found_in_a_text() {
        let metrics = Metrics::new();
        metrics.register("flowledger_test_events", "", Family::<[(String, String); 1], Counter>::default());
        metrics.register("flowledger_test_held", "", Gauge::<i64>::default());
        let text = "sum(flowledger_test_events_total{a=\"b\"}) - flowledger_test_held > flowledger_other_x";
        assert_eq!(metrics.unknown_in(text, "flowledger_test_"), BTreeSet::new());
        let text = "rate(flowledger_test_events[5m]), `flowledger_test_held_total`";
        let unknown = ["flowledger_test_events", "flowledger_test_held_total"].map(str::to_owned);
        assert_eq!(metrics.unknown_in(text, "flowledger_test_"), BTreeSet::from(unknown));
    }
}
