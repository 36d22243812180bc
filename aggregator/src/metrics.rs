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
    pub(crate) retries: Counter,
}

impl AggregatorMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let own = Self::default();
        for (name, help, counter) in [
            ("copies", "Events of which a copy was read shortly before", &own.copies),
            ("hours_counted", "Hours of Remote Networks that were counted from raw rows", &own.hours_counted),
            ("days_counted", "Days of Remote Networks that were put together from hours", &own.days_counted),
            ("seal_retries", "Passes over hours that are over that were tried again", &own.retries),
        ] {
            metrics.register(&format!("flowledger_aggregator_{name}"), help, counter.clone());
        }
        metrics.register(
            "flowledger_aggregator_hours_waiting",
            "Hours of Remote Networks that are over and wait until ingest has stored what came in them",
            own.hours_waiting.clone(),
        );
        own
    }
}
