//! What a service is given when it is started.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, SystemClock};
use crate::metrics::Metrics;
use crate::readiness::Readiness;

/// Shared by all tasks of a process; cheap to clone.
#[derive(Clone)]
pub struct ServiceContext {
    /// Cancelled when the process is to end: stop reading, drain, write, commit, close.
    pub stop: CancellationToken,
    /// Where metrics are registered.
    pub metrics: Metrics,
    /// What has to be true before the process counts as ready.
    pub readiness: Readiness,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl ServiceContext {
    /// A context with the machine's clock and empty metrics.
    #[must_use]
    pub fn new(stop: CancellationToken) -> Self {
        Self { stop, metrics: Metrics::new(), readiness: Readiness::default(), clock: Arc::new(SystemClock) }
    }

    /// The same context with a stop token of its own, which the parent's cancels too.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { stop: self.stop.child_token(), ..self.clone() }
    }
}
