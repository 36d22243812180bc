//! What a service is given when it is started.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, SystemClock};
use crate::metrics::Metrics;
use crate::readiness::Readiness;

/// Most letters of a host's name that are taken; Kafka takes 249 in all.
const HOST_MAX: usize = 200;

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
    /// What this process is called among those of its service, the same after a restart; `None` where nothing tells it apart.
    pub name: Option<Arc<str>>,
}

impl ServiceContext {
    /// A context with the machine's clock and empty metrics.
    #[must_use]
    pub fn new(stop: CancellationToken) -> Self {
        let (metrics, readiness) = (Metrics::new(), Readiness::default());
        Self { stop, metrics, readiness, clock: Arc::new(SystemClock), name: None }
    }

    /// The same context of a process that listens there, and is called by its host and port.
    #[must_use]
    pub fn called_by(self, listen: SocketAddr) -> Self {
        Self { name: process_name(&hostname::get().unwrap_or_default().to_string_lossy(), listen.port()), ..self }
    }

    /// The same context with a stop token of its own, which the parent's cancels too.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { stop: self.stop.child_token(), ..self.clone() }
    }
}

/// Letters that Kafka takes in names of members; `None` of a port that is chosen anew at each start.
fn process_name(host: &str, port: u16) -> Option<Arc<str>> {
    let letter = |it: char| if it.is_ascii_alphanumeric() || "._-".contains(it) { it } else { '-' };
    let host: String = host.chars().map(letter).take(HOST_MAX).collect();
    (port != 0 && !host.is_empty()).then(|| format!("{host}-{port}").into())
}

#[cfg(test)]
mod tests {
    use super::process_name;

    #[test]
    fn process_is_called_by_host_and_port() {
        assert_eq!(process_name("node-1.example", 9464).as_deref(), Some("node-1.example-9464"));
        assert_eq!(process_name("büro 1", 9464).as_deref(), Some("b-ro-1-9464"));
        assert_eq!(process_name(&"n".repeat(500), 1).map(|it| it.len()), Some(202));
    }

    #[test]
    fn process_that_another_could_be_taken_for_has_no_name() {
        assert_eq!(process_name("node-1", 0), None);
        assert_eq!(process_name("", 9464), None);
    }
}
