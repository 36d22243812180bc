//! Trying again, at growing intervals, until it works, cannot work, or the process is to end.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Intervals that double from `first` to `max`, each shortened by up to a half at random so that many clients do not come
/// back at once.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    /// Intervals from `first` to `max`.
    #[must_use]
    pub fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, next: first }
    }

    /// How long to wait now.
    pub fn next_wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.max);
        wait.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// Begins anew: the last try worked.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

impl Default for Backoff {
    /// From 0.1 s to 5 s.
    fn default() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(5))
    }
}

/// How one try ended.
#[derive(Debug)]
pub enum Attempt<T, E> {
    /// It worked.
    Done(T),
    /// It may work later.
    Again(E),
    /// It never will.
    Fail(E),
}

/// Tries until it works or never will. `None`: the stop token was cancelled first; a try that runs is then dropped.
///
/// Not `AsyncFnMut`: the compiler could not tell then that what calls this may be spawned.
pub async fn until_stopped<T, E, F, R>(
    stop: &CancellationToken,
    mut backoff: Backoff,
    mut operation: F,
) -> Option<Result<T, E>>
where
    F: FnMut() -> R,
    R: Future<Output = Attempt<T, E>>,
{
    stop.run_until_cancelled(async {
        loop {
            match operation().await {
                Attempt::Done(value) => return Ok(value),
                Attempt::Fail(error) => return Err(error),
                Attempt::Again(_) => tokio::time::sleep(backoff.next_wait()).await,
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn operation_is_tried_until_it_works() {
        let mut tries = 0;
        let result = until_stopped(&CancellationToken::new(), Backoff::default(), || {
            tries += 1;
            std::future::ready(if tries < 10 { Attempt::Again("not yet") } else { Attempt::Done(tries) })
        })
        .await;
        assert_eq!(result, Some(Ok(10)));
    }

    #[tokio::test(start_paused = true)]
    async fn retries_end_when_the_process_is_to_end() {
        let stop = CancellationToken::new();
        let stopper = stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(60)).await;
            stopper.cancel();
        });
        let result: Option<Result<(), _>> =
            until_stopped(&stop, Backoff::default(), async || Attempt::Again("not yet")).await;
        assert_eq!(result, None);
    }

    #[test]
    fn interval_grows_to_its_maximum() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(4));
        let waits: Vec<_> = (0..5).map(|_| backoff.next_wait()).collect();
        assert!(waits[0] <= Duration::from_secs(1));
        assert!(waits[4] >= Duration::from_secs(2) && waits[4] <= Duration::from_secs(4));
    }
}
