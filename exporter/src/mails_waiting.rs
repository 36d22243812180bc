//! Reports that are made, and whose mails wait for the mail server.
//!
//! They hold no place among those that are made, so a mail server that is away holds up nobody's file. Their number is bounded, too: where there
//! are more, the mails of the one that has waited longest are given up.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use service_kit::CancellationToken;
use tokio::sync::watch;

/// How many may wait; each is little more than a task and its request.
const WAITING_MAX: usize = 10_000;

#[derive(Default)]
struct Queue {
    next: u64,
    /// Oldest first.
    waiting: VecDeque<(u64, CancellationToken)>,
}

pub(crate) struct MailsWaiting {
    queue: Mutex<Queue>,
    most: usize,
    count: watch::Sender<usize>,
}

impl Default for MailsWaiting {
    fn default() -> Self {
        Self { queue: Mutex::default(), most: WAITING_MAX, count: watch::Sender::new(0) }
    }
}

impl MailsWaiting {
    /// Begins to wait, until it is dropped.
    pub(crate) fn begin(&self) -> Waits<'_> {
        let until = CancellationToken::new();
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let number = queue.next;
        queue.next += 1;
        queue.waiting.push_back((number, until.clone()));
        if queue.waiting.len() > self.most
            && let Some((_, oldest)) = queue.waiting.pop_front()
        {
            oldest.cancel();
        }
        self.count.send_replace(queue.waiting.len());
        Waits { all: self, number, until }
    }

    /// How many wait, and when that changes.
    pub(crate) fn count(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }
}

/// One that waits.
pub(crate) struct Waits<'a> {
    all: &'a MailsWaiting,
    number: u64,
    /// Cancelled where it is given up for the sake of others.
    pub(crate) until: CancellationToken,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let mut queue = self.all.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.waiting.retain(|(number, _)| *number != self.number);
        self.all.count.send_replace(queue.waiting.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_more_than_may_wait_the_oldest_is_given_up() {
        let all = MailsWaiting { most: 2, ..MailsWaiting::default() };
        let count = all.count();
        let waits = [all.begin(), all.begin(), all.begin()];
        assert_eq!(waits.each_ref().map(|it| it.until.is_cancelled()), [true, false, false]);
        assert_eq!(*count.borrow(), 2);
        let [oldest, second, third] = waits;
        drop((oldest, third));
        assert_eq!((*count.borrow(), second.until.is_cancelled()), (1, false));
    }
}
