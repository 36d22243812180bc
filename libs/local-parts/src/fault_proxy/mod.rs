//! A proxy that breaks HTTP between a client and a server, at a point that the test chooses, and counts what it broke.
//!
//! Each request is given to a plan, which says what becomes of it: nothing, or a [`Fault`]. A fault is counted when it has really
//! come about, a cut only where there was something left to cut: so a test can prove that it came in mid-flight. Plans are
//! functions of what the proxy sees, so the same plan over the same requests does the same.

mod http;
mod relay;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::PartError;

/// What becomes of one request. Lengths are bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is reset before anything of the request is passed on.
    Refuse,
    /// So much of the request's body is passed on, then both connections are reset.
    CutRequest {
        /// Bytes of the body.
        after: usize,
    },
    /// So much of the request's body is passed on, and then it is ended as if that had been all.
    TruncateRequest {
        /// Bytes of the body.
        after: usize,
    },
    /// The request is passed on after a while.
    Delay(Duration),
    /// The request is passed on with one of ClickHouse's settings added, such as a limit that it will meet.
    WithSetting {
        /// Name.
        name: &'static str,
        /// Value.
        value: &'static str,
    },
    /// The server has answered; its answer is passed on after a while.
    DelayAnswer(Duration),
    /// The server has answered; nothing of it is passed on, and the connection is reset.
    SwallowAnswer,
    /// So much of the answer is passed on, its head included, then the connection is reset.
    CutAnswer {
        /// Bytes of the answer.
        after: usize,
    },
    /// The request is sent to the server twice, one after the other; the second answer is passed on.
    Repeat,
    /// The answer is passed on, and after a while the same request is sent to the server again.
    RepeatLater(Duration),
    /// Nothing is passed on; the client is answered once its request is whole.
    Answer {
        /// HTTP status.
        status: u16,
        /// ClickHouse's error code, for its header.
        code: Option<i32>,
        /// Body.
        body: String,
    },
    /// The same, at once and without reading the request's body, and the connection is closed.
    AnswerEarly {
        /// HTTP status.
        status: u16,
        /// ClickHouse's error code, for its header.
        code: Option<i32>,
        /// Body.
        body: String,
    },
}

impl Fault {
    /// Its name among the counts.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::CutRequest { .. } => "cut_request",
            Self::TruncateRequest { .. } => "truncate_request",
            Self::Delay(_) => "delay",
            Self::WithSetting { .. } => "with_setting",
            Self::DelayAnswer(_) => "delay_answer",
            Self::SwallowAnswer => "swallow_answer",
            Self::CutAnswer { .. } => "cut_answer",
            Self::Repeat => "repeat",
            Self::RepeatLater(_) => "repeat_later",
            Self::Answer { .. } => "answer",
            Self::AnswerEarly { .. } => "answer_early",
        }
    }
}

/// A request, as a plan sees it: its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Number of the request, from 0.
    pub number: u64,
    /// Method.
    pub method: String,
    /// Path and query, as they were sent.
    pub target: String,
}

impl Seen {
    /// True for a request that inserts into ClickHouse.
    #[must_use]
    pub fn is_insert(&self) -> bool {
        self.target.contains("query=INSERT")
    }
}

/// What the proxy did until now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that clients made.
    pub connections: u64,
    /// Requests whose head came.
    pub requests: u64,
    /// Requests that were sent to the server whole; repeated ones as often as they were sent.
    pub passed_on: u64,
    /// Bytes of bodies that went to the server.
    pub bytes_up: u64,
    /// Bytes of answers that went to clients.
    pub bytes_down: u64,
    /// Faults that have come about, by name.
    pub faults: BTreeMap<&'static str, u64>,
}

impl Counts {
    /// Faults of this name that have come about.
    #[must_use]
    pub fn of(&self, name: &str) -> u64 {
        self.faults.get(name).copied().unwrap_or(0)
    }

    /// All faults that have come about.
    #[must_use]
    pub fn all_faults(&self) -> u64 {
        self.faults.values().sum()
    }
}

type Plan = Box<dyn FnMut(&Seen) -> Option<Fault> + Send>;

/// What all connections share.
pub(crate) struct Shared {
    server: SocketAddr,
    plan: Mutex<Plan>,
    counts: watch::Sender<Counts>,
}

impl Shared {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        self.counts.send_modify(change);
    }

    fn came_about(&self, fault: &Fault) {
        self.count(|counts| *counts.faults.entry(fault.name()).or_default() += 1);
    }
}

/// A running proxy on loopback; gone with its handle. Without a plan it breaks nothing.
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl std::fmt::Debug for FaultProxy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FaultProxy").field("address", &self.address).finish_non_exhaustive()
    }
}

impl FaultProxy {
    /// Stands in front of a server on this machine: `http://127.0.0.1:port`. The server need not be there yet.
    ///
    /// # Errors
    /// When the URL is none of this machine, or no port is free.
    pub async fn start(url: &str) -> Result<Self, PartError> {
        let wrong = || PartError::System {
            action: format!("{url} is not http://127.0.0.1:port"),
            source: std::io::ErrorKind::InvalidInput.into(),
        };
        let server =
            url.strip_prefix("http://").and_then(|it| it.trim_end_matches('/').parse().ok()).ok_or_else(wrong)?;
        let no_port = || PartError::system("no free port on loopback");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(no_port())?;
        let address = listener.local_addr().map_err(no_port())?;
        let plan: Plan = Box::new(|_| None);
        let shared = Arc::new(Shared { server, plan: Mutex::new(plan), counts: watch::Sender::default() });
        let accepting = tokio::spawn(relay::accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, accepting })
    }

    /// `http://127.0.0.1:port`: for the client, instead of the server's.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on each request is given to this plan.
    pub fn plan(&self, plan: impl FnMut(&Seen) -> Option<Fault> + Send + 'static) {
        *self.shared.plan() = Box::new(plan);
    }

    /// From now on these faults come about one after the other, each at the next request that `applies`; then none.
    pub fn script(&self, applies: impl Fn(&Seen) -> bool + Send + 'static, faults: impl IntoIterator<Item = Fault>) {
        let mut faults: std::collections::VecDeque<Fault> = faults.into_iter().collect();
        self.plan(move |seen| if applies(seen) { faults.pop_front() } else { None });
    }

    /// From now on every request that `applies` meets one of these faults with this probability, by a seed.
    pub fn seeded(
        &self,
        seed: u64,
        probability: f64,
        faults: Vec<Fault>,
        applies: impl Fn(&Seen) -> bool + Send + 'static,
    ) {
        let mut random = StdRng::seed_from_u64(seed);
        self.plan(move |seen| {
            if faults.is_empty() || !applies(seen) || !random.random_bool(probability.clamp(0.0, 1.0)) {
                return None;
            }
            Some(faults[random.random_range(0..faults.len())].clone())
        });
    }

    /// From now on nothing is broken.
    pub fn heal(&self) {
        self.plan(|_| None);
    }

    /// What it did until now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.counts.borrow().clone()
    }

    /// Waits until the counts are as they should be. The caller puts a deadline around it.
    pub async fn until(&self, is_so: impl FnMut(&Counts) -> bool) {
        let mut counts = self.shared.counts.subscribe();
        // The sender lives as long as `self`.
        let _ = counts.wait_for(is_so).await;
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
