//! Fates of records, and what the protocol went through.

use clickhouse_io::QueryError;
use exactly_once::Event;
use service_kit::metrics::Metrics;
use service_kit::metrics::prometheus_client::encoding::EncodeLabelSet;
use service_kit::metrics::prometheus_client::metrics::counter::Counter;
use service_kit::metrics::prometheus_client::metrics::family::Family;
use service_kit::metrics::prometheus_client::metrics::gauge::Gauge;

/// Label `partition`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct PartitionLabel {
    pub(crate) partition: i32,
}

/// Label `reason`: what ClickHouse refused an insert for, or `no_answer`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ReasonLabel {
    pub(crate) reason: &'static str,
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// One more in a gauge as long as this lives: also where a task is broken off.
pub(crate) struct Counted(Gauge);

impl Counted {
    pub(crate) fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Fates of events, and what the protocol went through. received = stored + found + refused + abandoned + held.
#[derive(Clone, Debug, Default)]
pub struct RangeMetrics {
    pub(crate) received: Counter,
    pub(crate) stored: Counter,
    pub(crate) found: Counter,
    pub(crate) refused: Counter,
    pub(crate) abandoned: Counter,
    pub(crate) ranges: Counter,
    pub(crate) ranges_replayed: Counter,
    pub(crate) ranges_renewed: Counter,
    pub(crate) ranges_counted: Counter,
    pub(crate) ranges_abandoned: Counter,
    pub(crate) rows_found_missing: Counter,
    pub(crate) rows_swallowed: Counter,
    pub(crate) inserts: Counter,
    pub(crate) inserts_refused: Family<ReasonLabel, Counter>,
    pub(crate) commits: Counter,
    pub(crate) retries: Counter,
    pub(crate) made_anew: Counter,
    pub(crate) held_events: Gauge,
    pub(crate) held_bytes: Gauge,
    pub(crate) partitions: Gauge,
    pub(crate) schemas_waited_for: Gauge,
    pub(crate) lag_seconds: Family<PartitionLabel, Gauge>,
    pub(crate) lag_events: Family<PartitionLabel, Gauge>,
    pub(crate) committed_offset: Family<PartitionLabel, Gauge>,
    pub(crate) offsets_without_rows: Family<PartitionLabel, Gauge>,
}

impl RangeMetrics {
    /// Registers them as those of `service`. `refused`: what becomes there of records that are no rows.
    #[must_use]
    pub fn new(metrics: &Metrics, service: &str, refused: &'static str) -> Self {
        let own = Self::default();
        let named = |name: &str| format!("flowledger_{service}_{name}");
        let counters = [
            ("received", "Events that were read from Kafka; again after a partition went", &own.received),
            ("stored", "Events that were stored", &own.stored),
            ("found", "Events that were stored already when their range was done again", &own.found),
            (refused, "Events that are no rows, because they cannot be read or break the contract", &own.refused),
            (
                "abandoned",
                "Events that were read, and are read again because their partition went or waited",
                &own.abandoned,
            ),
            ("ranges", "Ranges of offsets that are done", &own.ranges),
            ("ranges_replayed", "Ranges that an earlier owner had begun", &own.ranges_replayed),
            ("ranges_renewed", "Ranges that went on under a new token", &own.ranges_renewed),
            ("ranges_counted", "Times that stored offsets were counted", &own.ranges_counted),
            ("ranges_abandoned", "Ranges that were given up because their partition had gone", &own.ranges_abandoned),
            ("rows_found_missing", "Rows that a count did not find, and that were inserted", &own.rows_found_missing),
            ("rows_swallowed", "Rows that ClickHouse acknowledged without having them", &own.rows_swallowed),
            ("inserts", "Inserts that were acknowledged", &own.inserts),
            ("commits", "Offsets that were committed", &own.commits),
            ("made_anew", "Consumers that were broken and were made anew", &own.made_anew),
            ("retries", "Questions, inserts and commits that were tried again", &own.retries),
        ];
        for (name, help, counter) in counters {
            metrics.register(&named(name), help, counter.clone());
        }
        let gauges = [
            ("held_events", "Events that are read and have no fate yet", &own.held_events),
            ("held_bytes", "Bytes of events that are read and not yet durable", &own.held_bytes),
            ("partitions", "Partitions that are ours", &own.partitions),
            (
                "schemas_waited_for",
                "Schemas that the registry was asked for without an answer yet",
                &own.schemas_waited_for,
            ),
        ];
        for (name, help, gauge) in gauges {
            metrics.register(&named(name), help, gauge.clone());
        }
        metrics.register(
            &named("inserts_refused"),
            "Inserts that ClickHouse refused or did not answer, by reason",
            own.inserts_refused.clone(),
        );
        metrics.register(
            &named("lag_seconds"),
            "Age of the oldest event that is not durable, by Kafka's time; where Kafka gives none, since it is known of",
            own.lag_seconds.clone(),
        );
        metrics.register(
            &named("lag_events"),
            "Offsets between what is durable and the end of the partition",
            own.lag_events.clone(),
        );
        metrics.register(
            &named("committed_offset"),
            "Offset that everything before is durable of",
            own.committed_offset.clone(),
        );
        metrics.register(
            &named("offsets_without_rows"),
            "Offsets right before the committed one of which no row was stored when the partition was assigned, 10000 at most",
            own.offsets_without_rows.clone(),
        );
        own
    }

    /// The store has acknowledged an insert.
    pub fn count_insert(&self) {
        self.inserts.inc();
    }

    /// ClickHouse has refused an insert, or not answered.
    pub fn count_refused_insert(&self, error: &QueryError) {
        let reason = error.refusal().map_or("no_answer", clickhouse_io::Refusal::name);
        self.inserts_refused.get_or_create(&ReasonLabel { reason }).inc();
    }

    pub(crate) fn set_offsets_without_rows(&self, partition: i32, offsets: i64) {
        self.offsets_without_rows.get_or_create(&PartitionLabel { partition }).set(offsets);
    }

    pub(crate) fn count_made_anew(&self) {
        self.made_anew.inc();
    }

    /// Events came, and so many more are held.
    pub(crate) fn came(&self, events: u64, held: u64) {
        self.received.inc_by(events);
        self.held_events.inc_by(signed(held));
    }

    /// An event came that is of no use now, and is read again.
    pub(crate) fn came_for_nothing(&self) {
        self.received.inc();
        self.abandoned.inc();
    }

    /// Events that were held are read again.
    pub(crate) fn let_go(&self, events: u64) {
        self.abandoned.inc_by(events);
        self.has_fate(events);
    }

    /// Events are held no more.
    pub(crate) fn has_fate(&self, events: u64) {
        self.held_events.dec_by(signed(events));
    }

    /// Counts, and logs what an operator wants to know of.
    pub(crate) fn saw(&self, event: &Event<'_>, partition: i32) {
        let count = |rows: usize| rows as u64;
        match *event {
            Event::Retrying { what, reason } => {
                tracing::warn!(partition, what, %reason, "tried again");
                self.retries.inc();
            }
            Event::Replayed => {
                tracing::info!(partition, "a range that was begun before is done again");
                self.ranges_replayed.inc();
            }
            Event::Renewed => {
                tracing::info!(partition, "a range goes on under a new token");
                self.ranges_renewed.inc();
            }
            Event::Counted { stored, missing } => {
                tracing::info!(partition, stored, missing, "stored offsets of a range were counted");
                self.ranges_counted.inc();
                self.rows_found_missing.inc_by(count(missing));
            }
            Event::Swallowed { rows } => {
                tracing::warn!(partition, rows, "acknowledged without being there; they go in under another token");
                self.rows_swallowed.inc_by(count(rows));
            }
            Event::Done { stored, found, refused } => {
                self.ranges.inc();
                self.stored.inc_by(count(stored));
                self.found.inc_by(count(found));
                self.refused.inc_by(count(refused));
            }
            Event::Abandoned => {
                tracing::info!(partition, "a range is given up: its partition has gone");
                self.ranges_abandoned.inc();
            }
        }
    }
}
