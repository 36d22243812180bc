//! What the caller's thread, the control thread and the committers of one member share.
//!
//! One lock guards which partitions are ours. The caller's thread holds it while it takes a batch, and a rebalance holds it while it
//! changes the set, so each record belongs to one epoch for certain. A rebalance goes first: it says that it wants the lock, and
//! ends the wait of a batch that is being taken.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::batches::assignment::Assignment;
use crate::batches::batch_queue::QueueCell;
use crate::batches::topic_life::TopicLife;
use crate::batches::{Arrived, FetchError};
use crate::commit_gate::CommitGate;

/// How long one wait for records or changes lasts at most: whoever misses a signal waits no longer.
pub(crate) const WAIT_MAX: Duration = Duration::from_millis(50);

pub(crate) struct Shared {
    pub(crate) topic: String,
    pub(crate) life: TopicLife,
    pub(crate) revoke_wait: Duration,
    /// Static members keep their place when they stop.
    pub(crate) is_static: bool,
    pub(crate) gate: CommitGate,
    pub(crate) queue: Arc<QueueCell>,
    pub(crate) stop: AtomicBool,
    pub(crate) is_woken: AtomicBool,
    wants_lock: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

/// Behind the lock.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) assignment: Assignment,
    /// Changes that the caller has not taken yet.
    pub(crate) changes: VecDeque<Arrived>,
    /// Why nothing more will come.
    pub(crate) failed: Option<FetchError>,
}

impl Shared {
    pub(crate) fn new(topic: &str, life: TopicLife, revoke_wait: Duration, is_static: bool) -> Self {
        Self {
            topic: topic.to_owned(),
            life,
            revoke_wait,
            is_static,
            gate: CommitGate::default(),
            queue: Arc::default(),
            stop: AtomicBool::new(false),
            is_woken: AtomicBool::new(false),
            wants_lock: AtomicBool::new(false),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// The lock, for whoever changes something that the caller waits for.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.wants_lock.store(true, Ordering::Release);
        self.queue.interrupt();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let done = change(&mut state);
        self.wants_lock.store(false, Ordering::Release);
        drop(state);
        self.changed.notify_all();
        done
    }

    /// The lock, for the caller's thread: after whoever wants to change something.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while self.wants_lock.load(Ordering::Acquire) {
            state = self.wait(state, WAIT_MAX);
        }
        state
    }

    /// Waits for a change, no longer than [`WAIT_MAX`].
    pub(crate) fn wait<'a>(&self, state: MutexGuard<'a, State>, wait: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, wait.min(WAIT_MAX)).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Ends what the caller's thread waits for.
    pub(crate) fn wake(&self) {
        self.is_woken.store(true, Ordering::Release);
        self.queue.interrupt();
        self.changed.notify_all();
    }

    /// Nothing more will come.
    pub(crate) fn fail(&self, error: FetchError) {
        self.change(|state| {
            state.failed.get_or_insert(error);
        });
    }
}
