//! Every metric of ingest.

use service_kit::metrics::Metrics;
use service_kit::metrics::prometheus_client::encoding::EncodeLabelSet;
use service_kit::metrics::prometheus_client::metrics::counter::Counter;
use service_kit::metrics::prometheus_client::metrics::family::Family;
use service_kit::metrics::prometheus_client::metrics::gauge::Gauge;

/// Label `table`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct TableLabel {
    pub(crate) table: &'static str,
}

/// Fates of events, and how much is held. received = stored + dead-lettered + held.
#[derive(Clone, Debug, Default)]
pub(crate) struct IngestMetrics {
    pub(crate) received: Counter,
    pub(crate) stored: Family<TableLabel, Counter>,
    pub(crate) dead_lettered: Counter,
    pub(crate) batches: Counter,
    pub(crate) commits: Counter,
    pub(crate) retries: Counter,
    pub(crate) buffered_bytes: Gauge,
    pub(crate) writes_running: Gauge,
}

impl IngestMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let own = Self::default();
        let counter = |name: &str, help: &str, counter: &Counter| {
            metrics.register(&format!("flowledger_ingest_{name}"), help, counter.clone());
        };
        counter("received", "Events that were read from Kafka", &own.received);
        counter("dead_lettered", "Events that went to the dead-letter topic", &own.dead_lettered);
        counter("batches", "Batches that were written", &own.batches);
        counter("commits", "Offsets that were committed", &own.commits);
        counter("retries", "Writes and commits that were tried again", &own.retries);
        metrics.register("flowledger_ingest_stored", "Events that were stored, by table", own.stored.clone());
        metrics.register("flowledger_ingest_buffered_bytes", "Bytes in open batches", own.buffered_bytes.clone());
        metrics.register(
            "flowledger_ingest_writes_running",
            "Batches that are being written",
            own.writes_running.clone(),
        );
        own
    }
}
