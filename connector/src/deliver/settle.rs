//! The part of delivery that takes Kafka's answers, in the order of sending, and moves sources on behind them.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::Delivery;
use crate::adapters::SourceId;
use crate::error::{Error, WriteError};
use crate::line::Reached;
use crate::pending::{Pending, State};
use crate::record_writer::RecordWriter;

impl<W: RecordWriter> Delivery<W> {
    /// Waits until everything that was sent is acknowledged.
    pub(crate) async fn settle_all(&mut self) -> Result<(), Error> {
        while !self.pending.is_empty() {
            let settled = self.settle_front().await;
            self.has_failed |= settled.is_err();
            settled?;
        }
        Ok(())
    }

    /// Waits until a quarter of what may be in flight is free: to wait for each record would be to sleep and wake for each.
    pub(super) async fn make_room(&mut self) -> Result<(), Error> {
        let enough = |held: usize, max: usize| held <= max - max.div_ceil(4);
        while !(enough(self.in_flight, self.in_flight_max)
            && enough(self.in_flight_bytes, self.in_flight_bytes_max)
            && enough(self.pending.len(), 2 * self.in_flight_max))
        {
            self.save_where_due().await?;
            self.settle_front().await?;
        }
        Ok(())
    }

    /// Waits for the oldest record, and moves its source on; and on over everything else that is settled by then. Nothing happens
    /// twice when it is dropped and called again.
    pub(super) async fn settle_front(&mut self) -> Result<(), Error> {
        if self.has_failed {
            return Err(WriteError::Broken("delivery has failed before".to_owned()).into());
        }
        self.writer.hand_over().await?;
        loop {
            let Some(front) = self.pending.front_mut() else { return Ok(()) };
            let source = front.source;
            match &mut front.state {
                State::Done => break,
                State::Event { acknowledgement, .. } | State::DeadLetter { acknowledgement, .. } => {
                    let answer = acknowledgement.await;
                    self.take_answer(answer)?;
                }
                State::ToDeadLetter { line, reason, whole } => {
                    let (line, reason, whole) = (line.clone(), reason.clone(), *whole);
                    let state = self.write_dead_letter(source, line, reason, whole).await?;
                    if let Some(front) = self.pending.front_mut() {
                        front.state = state;
                    }
                }
            }
        }
        self.settle_ready()
    }

    /// Moves on over what is settled already.
    pub(super) fn settle_ready(&mut self) -> Result<(), Error> {
        if self.has_failed {
            return Ok(());
        }
        let mut context = Context::from_waker(Waker::noop());
        let (mut last, mut count) = (None, 0);
        let mut outcome = Ok(());
        while let Some(front) = self.pending.front_mut() {
            match &mut front.state {
                State::Done => {}
                State::ToDeadLetter { .. } => break,
                State::Event { acknowledgement, .. } | State::DeadLetter { acknowledgement, .. } => {
                    let Poll::Ready(answer) = Pin::new(acknowledgement).poll(&mut context) else { break };
                    outcome = self.take_answer(answer);
                    if outcome.is_err() {
                        break;
                    }
                    // A refusal leaves something to do.
                    continue;
                }
            }
            let Some(Pending { source, next, bytes, .. }) = self.pending.pop_front() else { break };
            if let Some(bytes) = bytes {
                count += 1;
                self.in_flight -= 1;
                self.in_flight_bytes -= bytes;
            }
            match last {
                Some((of, Some(_))) if of == source => {}
                Some((of, at)) => self.advance(of, at),
                None => {}
            }
            last = Some((source, next));
        }
        if let Some((source, next)) = last {
            self.advance(source, next);
        }
        self.metrics.in_flight.dec_by(count);
        outcome
    }

    /// Kafka has acknowledged or refused the oldest record.
    fn take_answer(&mut self, answer: Result<(), WriteError>) -> Result<(), Error> {
        let taken = self.take_answer_of_front(answer);
        self.has_failed |= taken.is_err();
        taken
    }

    fn take_answer_of_front(&mut self, answer: Result<(), WriteError>) -> Result<(), Error> {
        let Some(front) = self.pending.front_mut() else { return Ok(()) };
        match (answer, &front.state) {
            (Ok(()), State::DeadLetter { .. }) => {
                front.state = State::Done;
                self.summary.unreadable += 1;
                if !self.in_transaction {
                    self.metrics.unreadable.inc();
                }
            }
            (Ok(()), _) => {
                front.state = State::Done;
                self.summary.published += 1;
                if !self.in_transaction {
                    self.metrics.published.inc();
                }
            }
            (Err(WriteError::Refused(_)), State::DeadLetter { whole: true, reason, .. }) => {
                let reason = reason.clone();
                if self.in_transaction {
                    return Err(self.refused_in_transaction(&reason, true));
                }
                front.refuse(reason, false);
            }
            (Err(WriteError::Refused(reason)), State::Event { .. }) => {
                if self.in_transaction {
                    return Err(self.refused_in_transaction(&reason, false));
                }
                front.refuse(reason, true);
            }
            (Err(error), _) => return Err(error.into()),
        }
        Ok(())
    }

    pub(super) fn advance(&mut self, source: SourceId, next: Option<Reached>) {
        match next {
            Some(next) => self.behind.reached(source, next.end()),
            None => self.behind.closed(source),
        }
        match (next, self.sources.get_mut(&source)) {
            (Some(next), Some(tracked)) => tracked.reached = next,
            (None, _) => drop(self.sources.remove(&source)),
            (Some(_), None) => {}
        }
        self.is_changed = true;
    }
}
