//! Every metric of the console.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use service_kit::metrics::Metrics;

/// Labels of a request: the route's pattern, never the path, and the status.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: u16,
}

/// Label of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

/// Requests, sign-ins, downloads.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConsoleMetrics {
    requests: Family<RequestLabels, Counter>,
    sign_ins: Family<ResultLabel, Counter>,
    pub(crate) downloads: Counter,
}

impl ConsoleMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let own = Self::default();
        metrics.register("flowledger_console_requests", "Requests by route and status", own.requests.clone());
        metrics.register("flowledger_console_sign_ins", "Sign-ins by result", own.sign_ins.clone());
        metrics.register("flowledger_console_downloads", "Files that were given out", own.downloads.clone());
        own
    }

    pub(crate) fn request(&self, route: &str, status: u16) {
        self.requests.get_or_create(&RequestLabels { route: route.to_owned(), status }).inc();
    }

    /// One of `right`, `wrong`, `too_many`.
    pub(crate) fn sign_in(&self, result: &'static str) {
        self.sign_ins.get_or_create(&ResultLabel { result }).inc();
    }
}
