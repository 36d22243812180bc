//! Every metric of the aggregator.

use prometheus_client::metrics::counter::Counter;
use service_kit::metrics::Metrics;

/// received = counted + passed over.
#[derive(Clone, Debug, Default)]
pub(crate) struct AggregatorMetrics {
    pub(crate) received: Counter,
    pub(crate) passed_over: Counter,
    pub(crate) hours_counted: Counter,
    pub(crate) retries: Counter,
}

impl AggregatorMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let own = Self::default();
        for (name, help, counter) in [
            ("received", "Events that were read from Kafka", &own.received),
            ("passed_over", "Events that break the contract", &own.passed_over),
            ("hours_counted", "Hours of Remote Networks that were counted anew", &own.hours_counted),
            ("retries", "Writes that were tried again", &own.retries),
        ] {
            metrics.register(&format!("flowledger_aggregator_{name}"), help, counter.clone());
        }
        own
    }
}
