//! Every metric of the console.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use service_kit::metrics::Metrics;

/// Labels of a request: the route's pattern, never the path, and the status.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: u16,
}

/// How a sign-in or a note ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

/// Connections, requests, sign-ins, downloads, and the audit log.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConsoleMetrics {
    pub(crate) connections: Gauge,
    requests: Family<RequestLabels, Counter>,
    sign_ins: Family<ResultLabel, Counter>,
    pub(crate) downloads: Counter,
    audit_events: Family<ResultLabel, Counter>,
    pub(crate) audit_findings: Counter,
}

impl ConsoleMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let own = Self::default();
        metrics.register("flowledger_console_connections", "Connections that are open", own.connections.clone());
        metrics.register("flowledger_console_requests", "Requests by route and status", own.requests.clone());
        metrics.register("flowledger_console_sign_ins", "Sign-ins by result", own.sign_ins.clone());
        metrics.register("flowledger_console_downloads", "Files that were given out", own.downloads.clone());
        metrics.register(
            "flowledger_console_audit_events",
            "Acts of accounts by whether they could be noted",
            own.audit_events.clone(),
        );
        // There from the start, so that the first failure is an increase.
        drop(own.audit_events.get_or_create(&ResultLabel { result: "failed" }));
        metrics.register(
            "flowledger_console_audit_findings",
            "What was found to be wrong with the audit log",
            own.audit_findings.clone(),
        );
        own
    }

    /// Whether an act was noted.
    pub(crate) fn audit_event(&self, is_noted: bool) {
        let result = if is_noted { "noted" } else { "failed" };
        self.audit_events.get_or_create(&ResultLabel { result }).inc();
    }

    pub(crate) fn request(&self, route: &str, status: u16) {
        self.requests.get_or_create(&RequestLabels { route: route.to_owned(), status }).inc();
    }

    /// One of `right`, `wrong`, `too_many`.
    pub(crate) fn sign_in(&self, result: &'static str) {
        self.sign_ins.get_or_create(&ResultLabel { result }).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alert_rules_and_their_page_use_names_that_the_program_has() {
        let metrics = Metrics::new();
        let _metrics = ConsoleMetrics::new(&metrics);
        for text in [
            include_str!("../../deploy/alerts.yml"),
            include_str!("../../deploy/alerts.test.yml"),
            include_str!("../../docs/operations.md"),
        ] {
            assert_eq!(metrics.unknown_in(text, "flowledger_console_"), std::collections::BTreeSet::new());
        }
    }
}
