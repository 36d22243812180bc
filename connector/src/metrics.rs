//! Every metric of the connector. All carry label `tenant`, so that connectors of several tenants can share a process.

use schemas::ids::Tenant;
use service_kit::metrics::Metrics;
use service_kit::metrics::prometheus_client::metrics::counter::Counter;
use service_kit::metrics::prometheus_client::metrics::family::Family;
use service_kit::metrics::prometheus_client::metrics::gauge::Gauge;

type Labels = [(&'static str, String); 1];

/// The metrics of all connectors of a process. Make it once for each registry, and give each connector a clone.
#[derive(Clone, Debug)]
pub struct ConnectorMetrics {
    read: Family<Labels, Counter>,
    read_bytes: Family<Labels, Counter>,
    published: Family<Labels, Counter>,
    unreadable: Family<Labels, Counter>,
    passed_over: Family<Labels, Counter>,
    input_errors: Family<Labels, Counter>,
    aborted: Family<Labels, Counter>,
    places_found: Family<Labels, Counter>,
    places_not_found: Family<Labels, Counter>,
    in_flight: Family<Labels, Gauge>,
    followed: Family<Labels, Gauge>,
    behind: Family<Labels, Gauge>,
}

impl ConnectorMetrics {
    /// Registers the metrics.
    #[must_use]
    pub fn new(registry: &Metrics) -> Self {
        let counter = |name: &str, help: &str| {
            let family = Family::<Labels, Counter>::default();
            registry.register(&format!("flowledger_connector_{name}"), help, family.clone());
            family
        };
        let gauge = |name: &str, help: &str| {
            let family = Family::<Labels, Gauge>::default();
            registry.register(&format!("flowledger_connector_{name}"), help, family.clone());
            family
        };
        Self {
            read: counter("read_lines", "Lines read; in the end each is published, unreadable or passed over"),
            read_bytes: counter("read_bytes", "Bytes read"),
            published: counter("published_events", "Events that Kafka acknowledged"),
            unreadable: counter("unreadable_lines", "Lines whose dead letter Kafka acknowledged"),
            passed_over: counter("passed_over_lines", "Lines that report no connection"),
            input_errors: counter("input_errors", "Failed tries to open or read an input"),
            aborted: counter("aborted_transactions", "Transactions that were aborted, and whose lines were read again"),
            places_found: counter(
                "places_found",
                "Clients without a location that were looked up, and whose place is the event's now",
            ),
            places_not_found: counter("places_not_found", "Clients without a location that were looked up in vain"),
            in_flight: gauge("in_flight_records", "Records that Kafka has not acknowledged yet"),
            followed: gauge("followed_files", "Files that are followed"),
            behind: gauge(
                "behind_bytes",
                "Bytes of followed files that are neither published, nor in a dead letter, nor passed over yet",
            ),
        }
    }

    /// A transaction of a tenant's connector was aborted.
    pub(crate) fn count_aborted(&self, tenant: Option<&Tenant>) {
        if let Some(tenant) = tenant {
            self.aborted.get_or_create_owned(&[("tenant", tenant.to_string())]).inc();
        }
    }

    /// Those of one tenant.
    pub(crate) fn of(&self, tenant: &Tenant) -> TenantMetrics {
        let labels: Labels = [("tenant", tenant.to_string())];
        TenantMetrics {
            read: self.read.get_or_create_owned(&labels),
            read_bytes: self.read_bytes.get_or_create_owned(&labels),
            published: self.published.get_or_create_owned(&labels),
            unreadable: self.unreadable.get_or_create_owned(&labels),
            passed_over: self.passed_over.get_or_create_owned(&labels),
            input_errors: self.input_errors.get_or_create_owned(&labels),
            places_found: self.places_found.get_or_create_owned(&labels),
            places_not_found: self.places_not_found.get_or_create_owned(&labels),
            in_flight: self.in_flight.get_or_create_owned(&labels),
            followed: self.followed.get_or_create_owned(&labels),
            behind: self.behind.get_or_create_owned(&labels),
        }
    }
}

/// The metrics of one tenant; gauges are moved, never set, because several connectors share them.
#[derive(Clone, Debug)]
pub(crate) struct TenantMetrics {
    pub(crate) read: Counter,
    pub(crate) read_bytes: Counter,
    pub(crate) published: Counter,
    pub(crate) unreadable: Counter,
    pub(crate) passed_over: Counter,
    pub(crate) input_errors: Counter,
    pub(crate) places_found: Counter,
    pub(crate) places_not_found: Counter,
    pub(crate) in_flight: Gauge,
    pub(crate) followed: Gauge,
    pub(crate) behind: Gauge,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connectors_of_one_registry_share_metrics_by_tenant() {
        let registry = Metrics::new();
        let metrics = ConnectorMetrics::new(&registry);
        metrics.of(&"acme".parse().unwrap()).read.inc();
        metrics.clone().of(&"acme".parse().unwrap()).read.inc();
        metrics.of(&"globex".parse().unwrap()).in_flight.inc();
        let text = registry.render();
        assert!(text.contains("flowledger_connector_read_lines_total{tenant=\"acme\"} 2"), "{text}");
        assert!(text.contains("flowledger_connector_in_flight_records{tenant=\"globex\"} 1"), "{text}");
    }

    #[test]
    fn alert_rules_and_their_page_use_names_that_the_program_has() {
        let metrics = Metrics::new();
        let _metrics = ConnectorMetrics::new(&metrics);
        for text in [
            include_str!("../../deploy/alerts.yml"),
            include_str!("../../deploy/alerts.test.yml"),
            include_str!("../../docs/operations.md"),
        ] {
            assert_eq!(metrics.unknown_in(text, "flowledger_connector_"), std::collections::BTreeSet::new());
        }
    }
}
