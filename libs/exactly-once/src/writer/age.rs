//! How old an intent is. Two clocks tell, and neither is believed alone: the host's, which may be set, and one that nobody sets but that
//! stands still with a machine that is halted. A token is used only while it is young by both, and is waited out by the second.

use std::ops::Deref;
use std::time::Duration;

use tokio::time::Instant;

use crate::intent::Intent;

/// So far the clock may be behind that of whoever made an intent. Further behind, one of the two was set, and it is not known how old it is.
const BEHIND_MAX: Duration = Duration::from_secs(60);

/// An intent under which a range is done.
#[derive(Clone, Debug)]
pub(super) struct HeldIntent {
    intent: Intent,
    /// How old it was when it was taken up, by the host's clock; `None`: nobody knows.
    age_then: Option<Duration>,
    taken_up: Instant,
}

impl HeldIntent {
    /// It is made now.
    pub(super) fn made(intent: Intent) -> Self {
        Self { intent, age_then: Some(Duration::ZERO), taken_up: Instant::now() }
    }

    /// An earlier owner made it; here it is `now_ms`.
    pub(super) fn found(intent: Intent, now_ms: i64) -> Self {
        let age_ms = now_ms.saturating_sub(intent.created_ms);
        let age_then = match u64::try_from(age_ms) {
            Ok(age_ms) => Some(Duration::from_millis(age_ms)),
            Err(_) => Some(Duration::ZERO).filter(|_| Duration::from_millis(age_ms.unsigned_abs()) <= BEHIND_MAX),
        };
        if age_then.is_none() {
            tracing::warn!(
                first = intent.first,
                ahead_ms = age_ms.unsigned_abs(),
                "a range was begun later than it is now: a clock was set, and its token is waited out"
            );
        }
        Self { intent, age_then, taken_up: Instant::now() }
    }

    /// It is as old as this, whatever was done to the host's clock since it was taken up; older where a machine was halted, or its age is not
    /// known.
    pub(super) fn age_at_least(&self) -> Duration {
        self.age_then.unwrap_or_default() + self.taken_up.elapsed()
    }

    /// True where it may be as old as that.
    pub(super) fn may_be(&self, age: Duration, now_ms: i64) -> bool {
        let by_host_ms = u64::try_from(now_ms.saturating_sub(self.intent.created_ms)).unwrap_or(0);
        self.age_then.is_none() || self.age_at_least() >= age || Duration::from_millis(by_host_ms) >= age
    }

    pub(super) fn refused_mut(&mut self) -> &mut Vec<i64> {
        &mut self.intent.refused
    }
}

impl Deref for HeldIntent {
    type Target = Intent;

    fn deref(&self) -> &Intent {
        &self.intent
    }
}
