//! What became of the records of one producer, by their number in the order of sending: up to where all are settled, and which were
//! refused. A record costs two bits of work here, not a channel of its own.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError as ClientError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;

use crate::config;
use crate::error::ProduceError;

/// Whoever waits is woken when so many more are settled, or all: answers come for hundreds of records at once, one by one.
const WAKE_AFTER: u64 = 256;

/// The book of one producer; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Receipts(Arc<Book>);

#[derive(Default)]
struct Book {
    issued: AtomicU64,
    /// All records below are settled.
    settled_below: AtomicU64,
    /// Refusals that nobody has asked for yet.
    refused_count: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Of the records from `settled_below` on: which are settled.
    settled: VecDeque<bool>,
    refused: HashMap<u64, ProduceError>,
    waiting: Option<Waker>,
    wake_at: u64,
}

impl Receipts {
    /// The number and receipt of the next record.
    pub(crate) fn issue(&self) -> (u64, Receipt) {
        let number = self.0.issued.fetch_add(1, Ordering::Relaxed);
        (number, Receipt { number, receipts: self.clone() })
    }

    /// A record's fate is known.
    pub(crate) fn settle(&self, number: u64, fate: Result<(), ProduceError>) {
        let mut state = self.state();
        let first = self.0.settled_below.load(Ordering::Relaxed);
        let Some(index) = number.checked_sub(first).and_then(|index| usize::try_from(index).ok()) else { return };
        if let Err(error) = fate {
            state.refused.insert(number, error);
            self.0.refused_count.fetch_add(1, Ordering::Relaxed);
            state.wake_at = 0;
        }
        if index >= state.settled.len() {
            state.settled.resize(index + 1, false);
        }
        state.settled[index] = true;
        let mut below = first;
        while state.settled.front() == Some(&true) {
            state.settled.pop_front();
            below += 1;
        }
        if below == first {
            return;
        }
        // Behind what was written above: who sees the number sees the refusals.
        self.0.settled_below.store(below, Ordering::Release);
        if below >= state.wake_at || below == self.0.issued.load(Ordering::Relaxed) {
            let waiting = state.waiting.take();
            drop(state);
            if let Some(waiting) = waiting {
                waiting.wake();
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_settled(&self, number: u64) -> bool {
        self.0.settled_below.load(Ordering::Acquire) > number
    }

    fn refusal(&self, number: u64) -> Option<ProduceError> {
        if self.0.refused_count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let refused = self.state().refused.remove(&number);
        if refused.is_some() {
            self.0.refused_count.fetch_sub(1, Ordering::Relaxed);
        }
        refused
    }
}

/// Resolves when this record and all records sent before it are settled, perhaps a little later while others are on their way. One
/// receipt of a producer is waited for at a time: of several the one that was polled last is woken.
#[must_use = "a record whose fate nobody asks for may be lost"]
pub struct Receipt {
    number: u64,
    receipts: Receipts,
}

impl Future for Receipt {
    type Output = Result<(), ProduceError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.receipts.is_settled(self.number) {
            let mut state = self.receipts.state();
            // Again, now that nothing can be settled meanwhile.
            if !self.receipts.is_settled(self.number) {
                state.wake_at = if state.refused.is_empty() { self.number + WAKE_AFTER } else { 0 };
                state.waiting = Some(context.waker().clone());
                return Poll::Pending;
            }
        }
        Poll::Ready(self.receipts.refusal(self.number).map_or(Ok(()), Err))
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        // Nobody will ask for it.
        drop(self.receipts.refusal(self.number));
    }
}

impl ClientContext for Receipts {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        config::log(level, facility, message);
    }

    fn error(&self, error: ClientError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, "{reason}");
    }
}

impl ProducerContext for Receipts {
    /// The record's number.
    type DeliveryOpaque = usize;

    fn delivery(&self, delivered: &DeliveryResult<'_>, number: usize) {
        let fate = delivered.as_ref().map(drop).map_err(|(error, _)| ProduceError::from_client(error));
        self.settle(number as u64, fate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(receipt: &mut Receipt) -> Poll<Result<(), ProduceError>> {
        Pin::new(receipt).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn record_is_settled_when_all_before_it_are() {
        let receipts = Receipts::default();
        let mut issued: Vec<Receipt> = (0..3).map(|_| receipts.issue().1).collect();
        receipts.settle(2, Ok(()));
        receipts.settle(1, Err(ProduceError::Refused("too large".to_owned())));
        assert!(issued.iter_mut().all(|receipt| poll(receipt).is_pending()));
        receipts.settle(0, Ok(()));
        let fates: Vec<_> = issued.iter_mut().map(poll).collect();
        assert_eq!(fates[0], Poll::Ready(Ok(())));
        assert_eq!(fates[1], Poll::Ready(Err(ProduceError::Refused("too large".to_owned()))));
        assert_eq!(fates[2], Poll::Ready(Ok(())));
        assert_eq!(receipts.0.refused_count.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn refusal_that_nobody_asks_for_is_not_kept() {
        let receipts = Receipts::default();
        let (number, receipt) = receipts.issue();
        receipts.settle(number, Err(ProduceError::Fatal("purged".to_owned())));
        drop(receipt);
        assert!(receipts.state().refused.is_empty());
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_when_all_are_settled_and_when_one_is_refused() {
        let receipts = Receipts::default();
        let (_first, second) = (receipts.issue().1, receipts.issue().1);
        let settling = receipts.clone();
        let (fate, ()) = tokio::join!(second, async move {
            settling.settle(0, Ok(()));
            settling.settle(1, Ok(()));
        });
        assert_eq!(fate, Ok(()));
        let (refused, _open) = (receipts.issue().1, receipts.issue().1);
        let fate = tokio::join!(refused, async move {
            receipts.settle(2, Err(ProduceError::Refused("too large".to_owned())));
        });
        assert!(fate.0.is_err());
    }
}
