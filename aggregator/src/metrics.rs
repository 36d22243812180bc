//! Metrics of the aggregator beside those of its ranges.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use service_kit::metrics::Metrics;

#[derive(Clone, Debug, Default)]
pub(crate) struct AggregatorMetrics {
    pub(crate) copies: Counter,
    pub(crate) hours_counted: Counter,
    pub(crate) days_counted: Counter,
    pub(crate) hours_waiting: Gauge,
    pub(crate) outdated_days: Gauge,
    pub(crate) days_renewed: Counter,
    pub(crate) retries: Counter,
}

impl AggregatorMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let own = Self::default();
        for (name, help, counter) in [
            ("copies", "Events of which a copy was read shortly before", &own.copies),
            ("hours_counted", "Hours of Remote Networks that were counted from raw rows", &own.hours_counted),
            ("days_counted", "Days of Remote Networks that were put together from hours", &own.days_counted),
            ("days_renewed", "UTC days of tenants that were counted anew by a newer definition", &own.days_renewed),
            ("seal_retries", "Passes over hours that are over that were tried again", &own.retries),
        ] {
            metrics.register(&format!("flowledger_aggregator_{name}"), help, counter.clone());
        }
        for (name, help, gauge) in [
            (
                "hours_waiting",
                "Hours of Remote Networks that are over and wait until ingest has stored what came in them",
                &own.hours_waiting,
            ),
            (
                "outdated_days",
                "UTC days of tenants of which something is counted by an older definition than this program's",
                &own.outdated_days,
            ),
        ] {
            metrics.register(&format!("flowledger_aggregator_{name}"), help, gauge.clone());
        }
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GROUP, REFUSED, RangeMetrics};

    #[test]
    fn alert_rules_and_their_page_use_names_that_the_program_has() {
        let metrics = Metrics::new();
        let _ = (RangeMetrics::new(&metrics, GROUP, REFUSED), AggregatorMetrics::new(&metrics));
        for text in [
            include_str!("../../deploy/alerts.yml"),
            include_str!("../../deploy/alerts.test.yml"),
            include_str!("../../docs/operations.md"),
        ] {
            assert_eq!(metrics.unknown_in(text, "flowledger_aggregator_"), std::collections::BTreeSet::new());
        }
    }
}
