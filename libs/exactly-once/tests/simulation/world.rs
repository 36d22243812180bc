//! What all parts of the small world share: time, chance, the story, and the answers that they wait for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::broker::Broker;
use crate::engine::Engine;
use crate::mutants::Mutant;
use crate::topic::Topic;

/// Partitions of the topic.
pub(crate) const PARTITIONS: usize = 2;

pub(crate) struct World {
    pub(crate) random: StdRng,
    pub(crate) now_ms: i64,
    /// How likely something goes wrong where something can, in 1000.
    pub(crate) trouble: u32,
    /// How often an insert is late, in 1000, while anything goes wrong.
    pub(crate) late: u32,
    /// Each process is of another version, as far as chance goes; else they change together.
    pub(crate) is_mixed: bool,
    /// How often something did.
    pub(crate) faults: u32,
    pub(crate) topics: [Topic; PARTITIONS],
    pub(crate) broker: Broker,
    pub(crate) engine: Engine,
    /// What is broken on purpose.
    pub(crate) mutant: Option<Mutant>,
    /// Version of the encoder that a process is started with.
    pub(crate) encoder: u32,
    /// What happened, in its order, where somebody wants to read it.
    story: Option<Vec<String>>,
    /// What must not have happened.
    pub(crate) failure: Option<String>,
}

impl World {
    pub(crate) fn new(seed: u64, mutant: Option<Mutant>, tells: bool) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let topics = std::array::from_fn(|_| Topic::new(&mut random));
        let trouble = [0, 5, 20, 60, 120][random.random_range(0..5)];
        let (late, is_mixed) = ([20, 200][random.random_range(0..2)], random.random_bool(0.3));
        let (broker, engine) = (Broker::new(), Engine::new());
        let story = tells.then(Vec::new);
        Self {
            random,
            now_ms: 0,
            trouble,
            late,
            is_mixed,
            faults: 0,
            topics,
            broker,
            engine,
            mutant,
            encoder: 1,
            story,
            failure: None,
        }
    }

    pub(crate) fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(format!("{:>8} ms  {}", self.now_ms, line()));
        }
    }

    pub(crate) fn take_story(&mut self) -> Vec<String> {
        self.story.take().unwrap_or_default()
    }

    pub(crate) fn fail(&mut self, reason: String) {
        self.tell(|| format!("FAILURE: {reason}"));
        self.failure.get_or_insert(reason);
    }

    /// Gives how long it was, ms. Mostly not at all: telling the time to everybody is dear.
    pub(crate) fn pass_time(&mut self, longest_ms: u32) -> u64 {
        let passed_ms = if self.chance(250) { self.random.random_range(0..=longest_ms * 4) } else { 0 };
        self.now_ms += i64::from(passed_ms);
        u64::from(passed_ms)
    }

    /// True with so many chances in 1000.
    pub(crate) fn chance(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.random.random_ratio(per_mille, 1000)
    }

    /// True where something is to go wrong here.
    pub(crate) fn goes_wrong(&mut self) -> bool {
        let wrong = self.chance(self.trouble);
        self.faults += u32::from(wrong);
        wrong
    }

    pub(crate) fn has(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }
}

pub(crate) type Shared = Arc<Mutex<World>>;

pub(crate) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets others go on. Dropped here, a process died at this point.
pub(crate) async fn point() {
    let mut passed = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut passed, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// An answer that comes from another part of the world, or never.
pub(crate) struct Answer<T>(Arc<Mutex<(Option<T>, Option<Waker>)>>);

impl<T> Clone for Answer<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Answer<T> {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new((None, None))))
    }

    pub(crate) fn give(&self, answer: T) {
        let mut state = lock(&self.0);
        state.0 = Some(answer);
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
    }

    pub(crate) async fn get(self) -> T {
        std::future::poll_fn(|context| {
            let mut state = lock(&self.0);
            if let Some(answer) = state.0.take() {
                return Poll::Ready(answer);
            }
            state.1 = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}
