//! Lines to Kafka, and positions behind the acknowledgements.
//!
//! Records are sent as lines come, and their acknowledgements taken in the order of sending. So everything before the oldest
//! one that is missing is done, for every source at once, and that is what positions say. They are kept behind the acknowledgements, or
//! written with the events and committed in one transaction: then a line counts as done when that is committed.

mod keep_positions;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use keep_positions::Committing;
use schemas::ids::Tenant;
use schemas::topics;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::adapters::positions::{FileMark, SavedPosition};
use crate::adapters::{FromSource, SourceId};
use crate::config::{Config, LogVersion};
use crate::error::{Error, WriteError};
use crate::keep::{Carried, Keeper, Refusal};
use crate::letters::{EventHeaders, LineFacts};
use crate::line::Line;
use crate::metrics::TenantMetrics;
use crate::pending::{Pending, State};
use crate::pipeline::{Fate, LineReader};
use crate::record_writer::RecordWriter;

/// Positions are written to the state folder at most this often.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);

/// What became of everything that was read: `read = published + unreadable + passed_over` when all of it is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines.
    pub read: u64,
    /// Events that Kafka acknowledged.
    pub published: u64,
    /// Lines whose dead letter Kafka acknowledged.
    pub unreadable: u64,
    /// Lines that report no connection.
    pub passed_over: u64,
    /// Bytes.
    pub bytes: u64,
    /// Files and streams that were opened.
    pub sources: u64,
}

/// A source and how far it is done.
struct Tracked {
    name: Arc<str>,
    mark: Option<FileMark>,
    offset: u64,
}

/// Where lines become records, and acknowledgements positions.
pub(crate) struct Delivery<W: RecordWriter> {
    writer: W,
    reader: LineReader,
    tenant: Tenant,
    version: LogVersion,
    position_headers: bool,
    in_flight_max: usize,
    in_flight_bytes_max: usize,
    metrics: TenantMetrics,
    keeper: Keeper,
    carried: Carried,
    sources: HashMap<SourceId, Tracked>,
    pending: VecDeque<Pending<W::Acknowledgement>>,
    in_flight: usize,
    in_flight_bytes: usize,
    is_changed: bool,
    /// False while a position of the last run may still be missing here.
    knows_positions: bool,
    saved_at: Instant,
    save_interval: Duration,
    in_transaction: bool,
    committing: Option<Committing>,
    summary: Summary,
}

impl<W: RecordWriter> Delivery<W> {
    pub(crate) fn new(
        config: &Config,
        tenant: Tenant,
        writer: W,
        keeper: Keeper,
        carried: Carried,
        metrics: TenantMetrics,
    ) -> Self {
        let save_interval = match keeper {
            Keeper::Folder(_) => SAVE_INTERVAL,
            Keeper::Transaction(_) => config.transaction_interval,
        };
        Self {
            summary: carried.committed(),
            save_interval,
            in_transaction: false,
            committing: None,
            carried,
            writer,
            reader: LineReader::new(tenant.clone(), config.log_version),
            tenant,
            version: config.log_version,
            position_headers: config.position_headers,
            in_flight_max: config.in_flight_max,
            in_flight_bytes_max: config.in_flight_bytes_max,
            metrics,
            keeper,
            sources: HashMap::new(),
            pending: VecDeque::new(),
            in_flight: 0,
            in_flight_bytes: 0,
            is_changed: false,
            knows_positions: false,
            saved_at: Instant::now(),
        }
    }

    /// Counts so far.
    pub(crate) fn summary(&self) -> Summary {
        self.summary
    }

    /// Delivers what comes until all senders are gone and everything is acknowledged. May be dropped at any time: what was
    /// not counted as done then is read again by the next run.
    pub(crate) async fn deliver_all(&mut self, incoming: &mut mpsc::Receiver<FromSource>) -> Result<(), Error> {
        let mut save_tick = interval_at(Instant::now() + self.save_interval, self.save_interval);
        save_tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = save_tick.tick() => self.save_where_due().await?,
                settled = self.settle_front(), if !self.pending.is_empty() => settled?,
                message = incoming.recv(), if self.has_room() => match message {
                    Some(message) => self.take(message).await?,
                    None => return self.settle_all().await,
                },
            }
        }
    }

    /// Waits until everything that was sent is acknowledged.
    pub(crate) async fn settle_all(&mut self) -> Result<(), Error> {
        while !self.pending.is_empty() {
            self.settle_front().await?;
        }
        Ok(())
    }

    async fn save_where_due(&mut self) -> Result<(), Error> {
        if self.saved_at.elapsed() < self.save_interval { Ok(()) } else { self.save().await }
    }

    /// Keeps the positions where they have changed. Nothing happens twice when it is dropped and called again.
    pub(crate) async fn save(&mut self) -> Result<(), Error> {
        match &self.keeper {
            Keeper::Folder(_) => self.save_in_folder().await,
            Keeper::Transaction(_) => self.commit().await,
        }
    }

    /// Where to read on in each file, oldest source first.
    pub(crate) fn positions(&self) -> Vec<SavedPosition> {
        let mut sources: Vec<(&SourceId, &Tracked)> = self.sources.iter().collect();
        sources.sort_by_key(|(source, _)| **source);
        let position = |(_, tracked): (&SourceId, &Tracked)| {
            let mark = tracked.mark.clone()?;
            Some(SavedPosition { mark, offset: tracked.offset })
        };
        sources.into_iter().filter_map(position).collect()
    }

    fn has_room(&self) -> bool {
        self.in_flight < self.in_flight_max
            && self.in_flight_bytes < self.in_flight_bytes_max
            && self.pending.len() < 2 * self.in_flight_max
    }

    async fn take(&mut self, message: FromSource) -> Result<(), Error> {
        match message {
            FromSource::Opened { source, name, mark, offset } => {
                self.summary.sources += 1;
                self.is_changed |= mark.is_some();
                self.sources.insert(source, Tracked { name, mark, offset });
            }
            FromSource::LookedAround => self.knows_positions = true,
            FromSource::Read { source, lines, bytes, fingerprint } => {
                self.summary.bytes += bytes;
                self.metrics.read_bytes.inc_by(bytes);
                let mark = self.sources.get_mut(&source).and_then(|tracked| tracked.mark.as_mut());
                if let (Some(mark), Some(fingerprint)) = (mark, fingerprint) {
                    mark.fingerprint = fingerprint;
                }
                for line in lines {
                    while !self.has_room() {
                        self.save_where_due().await?;
                        self.settle_front().await?;
                    }
                    self.deliver(source, line).await?;
                }
            }
            FromSource::Closed { source } => self.push(source, None, 0, State::Done),
        }
        Ok(())
    }

    async fn deliver(&mut self, source: SourceId, line: Line) -> Result<(), Error> {
        self.summary.read += 1;
        self.metrics.read.inc();
        let (next, bytes) = (Some(line.next), line.content.kept().len());
        let state = match self.reader.fate_of(&line.content) {
            Fate::PassedOver => {
                self.summary.passed_over += 1;
                self.metrics.passed_over.inc();
                State::Done
            }
            Fate::Unreadable(reason) => self.write_dead_letter(source, line, reason.to_string(), true).await?,
            Fate::Event(_) if let Some(Refusal { reason, is_too_long }) = self.refusal(source, &line) => {
                self.write_dead_letter(source, line, reason, !is_too_long).await?
            }
            Fate::Event(event) => {
                self.begin()?;
                let name = self.name_of(source);
                let headers = EventHeaders::of(self.position_headers, &name, line.start);
                let written = match self.writer.encode(&event) {
                    Ok(payload) => {
                        let (topic, key) = (topics::CONNECTION_EVENTS.name, event.key());
                        self.writer.write(topic, key.as_bytes(), &payload, &headers.as_slice()).await
                    }
                    Err(error) => Err(error),
                };
                match written {
                    Ok(acknowledgement) => State::Event { acknowledgement, line },
                    Err(WriteError::Refused(reason)) => State::ToDeadLetter { line, reason, whole: true },
                    Err(error) => return Err(error.into()),
                }
            }
        };
        self.push(source, next, bytes, state);
        Ok(())
    }

    fn push(&mut self, source: SourceId, next: Option<u64>, bytes: usize, state: State<W::Acknowledgement>) {
        if matches!(state, State::Done) {
            match self.pending.back_mut() {
                None => return self.advance(source, next),
                // Lines that are passed over need no place of their own.
                Some(last) if last.source == source && matches!(last.state, State::Done) && last.next.is_some() => {
                    last.next = next;
                    return;
                }
                Some(_) => {}
            }
        } else {
            self.in_flight += 1;
            self.in_flight_bytes += bytes;
            self.metrics.in_flight.inc();
        }
        self.pending.push_back(Pending { source, next, bytes, state });
    }

    /// Waits for the oldest record, and moves its source on. Nothing happens twice when it is dropped and called again.
    async fn settle_front(&mut self) -> Result<(), Error> {
        let Some(front) = self.pending.front_mut() else { return Ok(()) };
        let was_sent = !matches!(front.state, State::Done);
        loop {
            let Some(front) = self.pending.front_mut() else { return Ok(()) };
            let source = front.source;
            match &mut front.state {
                State::Done => break,
                State::Event { acknowledgement, .. } => match acknowledgement.await {
                    Ok(()) => {
                        front.state = State::Done;
                        self.summary.published += 1;
                        if !self.in_transaction {
                            self.metrics.published.inc();
                        }
                    }
                    Err(WriteError::Refused(reason)) if self.in_transaction => {
                        return Err(self.refused_in_transaction(&reason, false));
                    }
                    Err(WriteError::Refused(reason)) => front.refuse(reason, true),
                    Err(error) => return Err(error.into()),
                },
                State::ToDeadLetter { line, reason, whole } => {
                    let (line, reason, whole) = (line.clone(), reason.clone(), *whole);
                    let state = self.write_dead_letter(source, line, reason, whole).await?;
                    if let Some(front) = self.pending.front_mut() {
                        front.state = state;
                    }
                }
                State::DeadLetter { acknowledgement, whole, reason, .. } => match acknowledgement.await {
                    Ok(()) => {
                        front.state = State::Done;
                        self.summary.unreadable += 1;
                        if !self.in_transaction {
                            self.metrics.unreadable.inc();
                        }
                    }
                    Err(WriteError::Refused(_)) if *whole && self.in_transaction => {
                        let reason = reason.clone();
                        return Err(self.refused_in_transaction(&reason, true));
                    }
                    Err(WriteError::Refused(_)) if *whole => {
                        let reason = reason.clone();
                        front.refuse(reason, false);
                    }
                    Err(error) => return Err(error.into()),
                },
            }
        }
        if let Some(Pending { source, next, bytes, .. }) = self.pending.pop_front() {
            if was_sent {
                self.in_flight -= 1;
                self.in_flight_bytes -= bytes;
                self.metrics.in_flight.dec();
            }
            self.advance(source, next);
        }
        Ok(())
    }

    /// Sends a line as a dead letter. One that is refused as a whole is tried again with its beginning alone.
    async fn write_dead_letter(
        &mut self,
        source: SourceId,
        line: Line,
        reason: String,
        whole: bool,
    ) -> Result<State<W::Acknowledgement>, Error> {
        self.begin()?;
        let whole = whole && self.refusal(source, &line).is_none_or(|refusal| !refusal.is_too_long);
        let name = self.name_of(source);
        let facts = LineFacts::of(&line, &reason, &name, &self.tenant, self.version);
        let topic = topics::CONNECTION_LINES_DEAD_LETTER.name;
        let payload = LineFacts::payload(&line, whole);
        match self.writer.write(topic, name.as_bytes(), payload, &facts.headers()).await {
            Ok(acknowledgement) => Ok(State::DeadLetter { acknowledgement, line, reason, whole }),
            Err(WriteError::Refused(_)) if whole => Ok(State::ToDeadLetter { line, reason, whole: false }),
            Err(error) => Err(error.into()),
        }
    }

    fn advance(&mut self, source: SourceId, next: Option<u64>) {
        match (next, self.sources.get_mut(&source)) {
            (Some(next), Some(tracked)) => tracked.offset = next,
            (None, _) => drop(self.sources.remove(&source)),
            (Some(_), None) => {}
        }
        self.is_changed = true;
    }

    fn name_of(&self, source: SourceId) -> Arc<str> {
        self.sources.get(&source).map(|tracked| Arc::clone(&tracked.name)).unwrap_or_default()
    }
}

impl<W: RecordWriter> Drop for Delivery<W> {
    fn drop(&mut self) {
        self.metrics.in_flight.dec_by(i64::try_from(self.in_flight).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
#[path = "deliver_tests.rs"]
mod tests;
