//! Whether a process can do its work: ready when each of its parts says so.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The parts of a process and what they say; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    parts: Arc<Mutex<BTreeMap<&'static str, Arc<AtomicBool>>>>,
}

/// What one part says of itself.
#[derive(Clone, Debug)]
pub struct ReadyFlag {
    ready: Arc<AtomicBool>,
}

impl ReadyFlag {
    /// Says whether the part can do its work.
    pub fn set(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }
}

impl Readiness {
    /// The flag of a part, not ready at first. The same name gives the same flag.
    #[must_use]
    pub fn part(&self, name: &'static str) -> ReadyFlag {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        ReadyFlag { ready: Arc::clone(parts.entry(name).or_default()) }
    }

    /// Names of the parts that are not ready, in alphabetical order.
    #[must_use]
    pub fn waiting_for(&self) -> Vec<&'static str> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.iter().filter(|(_, ready)| !ready.load(Ordering::Acquire)).map(|(name, _)| *name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_is_ready_when_all_parts_are() {
        let readiness = Readiness::default();
        let (kafka, store) = (readiness.part("kafka"), readiness.part("store"));
        kafka.set(true);
        assert_eq!(readiness.waiting_for(), ["store"]);
        store.set(true);
        assert!(readiness.waiting_for().is_empty());
        readiness.part("kafka").set(false);
        assert_eq!(readiness.waiting_for(), ["kafka"]);
    }
}
