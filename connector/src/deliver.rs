//! Lines to Kafka, and positions behind the acknowledgements.
//!
//! Records are sent as lines come, and their acknowledgements taken in the order of sending. So everything before the oldest
//! one that is missing is done, for every source at once, and that is what positions say. They are kept behind the acknowledgements, or
//! written with the events and committed in one transaction: then a line counts as done when that is committed.

mod keep_positions;
mod settle;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use keep_positions::Committing;
use schemas::ids::{RemoteNetworkId, Tenant};
use schemas::topics;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::adapters::positions::{FileMark, SavedPosition};
use crate::adapters::{FromSource, SourceId};
use crate::behind::Behind;
use crate::config::{Config, LogVersion};
use crate::error::{Error, Unreadable, WriteError};
use crate::keep::{Carried, Keeper, Refusal};
use crate::letters::{EventHeaders, LineFacts};
use crate::line::{Line, Reached};
use crate::metrics::TenantMetrics;
use crate::pending::{Pending, State};
use crate::pipeline::{Fate, LineReader};
use crate::record_writer::RecordWriter;
use crate::stages::encode_event::Looked;

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
    reached: Reached,
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
    behind: Behind,
    /// Positions of the last run whose files may come yet.
    still_kept: Vec<SavedPosition>,
    pending: VecDeque<Pending<W::Acknowledgement>>,
    /// Records that were ever sent.
    sent: u64,
    in_flight: usize,
    in_flight_bytes: usize,
    is_changed: bool,
    /// False while a position of the last run may still be missing here.
    knows_positions: bool,
    saved_at: Instant,
    save_interval: Duration,
    in_transaction: bool,
    /// Not everything that was sent can be settled any more: nothing is committed, and nothing more counts as done.
    has_failed: bool,
    committing: Option<Committing>,
    /// The event that is being written.
    payload: Vec<u8>,
    summary: Summary,
}

/// What a line is, without what it holds.
enum Found {
    PassedOver,
    Unreadable(Unreadable),
    /// Its event is in the payload; this is its key.
    Event(RemoteNetworkId),
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
            has_failed: false,
            committing: None,
            payload: Vec::new(),
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
            behind: Behind::default(),
            still_kept: Vec::new(),
            pending: VecDeque::new(),
            sent: 0,
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

    /// What is not done yet of the files.
    pub(crate) fn behind(&self) -> Behind {
        self.behind.clone()
    }

    /// Delivers what comes until all senders are gone and everything is acknowledged. May be dropped at any time: what was
    /// not counted as done then is read again by the next run.
    pub(crate) async fn deliver_all(&mut self, incoming: &mut mpsc::Receiver<FromSource>) -> Result<(), Error> {
        let delivered = self.deliver_while_there_is(incoming).await;
        self.has_failed |= delivered.is_err();
        delivered
    }

    async fn deliver_while_there_is(&mut self, incoming: &mut mpsc::Receiver<FromSource>) -> Result<(), Error> {
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

    async fn save_where_due(&mut self) -> Result<(), Error> {
        if self.saved_at.elapsed() < self.save_interval { Ok(()) } else { self.save().await }
    }

    /// Keeps the positions where they have changed. Nothing happens twice when it is dropped and called again.
    pub(crate) async fn save(&mut self) -> Result<(), Error> {
        self.settle_ready()?;
        match &self.keeper {
            Keeper::Folder(_) => self.save_in_folder().await,
            Keeper::Transaction(_) => self.commit().await,
        }
    }

    /// Where to read on in each file: those that are not found, then those that are followed, oldest source first.
    pub(crate) fn positions(&self) -> Vec<SavedPosition> {
        let mut sources: Vec<(&SourceId, &Tracked)> = self.sources.iter().collect();
        sources.sort_by_key(|(source, _)| **source);
        let position = |(_, tracked): (&SourceId, &Tracked)| {
            let mark = tracked.mark.clone()?;
            Some(SavedPosition { mark, reached: tracked.reached })
        };
        self.still_kept.iter().cloned().chain(sources.into_iter().filter_map(position)).collect()
    }

    fn has_room(&self) -> bool {
        self.in_flight < self.in_flight_max
            && self.in_flight_bytes < self.in_flight_bytes_max
            && self.pending.len() < 2 * self.in_flight_max
    }

    /// Takes the last `count` lines that were sent out of a read of so many bytes, where they are less than half of it: else a log
    /// with few events in it would be held in memory as a whole.
    fn detach_few(&mut self, count: u64, bytes: u64) {
        let lines = || self.pending.iter().rev().filter_map(|it| it.state.line());
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let held: usize = lines().take(count).map(|line| line.content.kept().len()).sum();
        if (held as u64) < bytes / 2 {
            let lines = self.pending.iter_mut().rev().filter_map(|it| it.state.line_mut());
            lines.take(count).for_each(|line| line.content.detach());
        }
    }

    async fn take(&mut self, message: FromSource) -> Result<(), Error> {
        match message {
            FromSource::Opened { source, name, mark, reached, file } => {
                if let Some(file) = file {
                    self.behind.opened(source, file, reached.end());
                }
                self.summary.sources += 1;
                self.is_changed |= mark.is_some();
                self.sources.insert(source, Tracked { name, mark, reached });
            }
            FromSource::StillKept(positions) => {
                self.still_kept = positions;
                self.is_changed = true;
            }
            FromSource::LookedAround => self.begin_where_opened().await?,
            FromSource::Read { source, lines, bytes, fingerprint } => {
                self.summary.bytes += bytes;
                self.metrics.read_bytes.inc_by(bytes);
                let mark = self.sources.get_mut(&source).and_then(|tracked| tracked.mark.as_mut());
                if let (Some(mark), Some(fingerprint)) = (mark, fingerprint) {
                    mark.fingerprint = fingerprint;
                }
                let sent_before = self.sent;
                self.summary.read += lines.len() as u64;
                self.metrics.read.inc_by(lines.len() as u64);
                for line in lines {
                    if !self.has_room() {
                        self.make_room().await?;
                    }
                    self.deliver(source, line).await?;
                }
                self.detach_few(self.sent - sent_before, bytes);
                self.writer.hand_over().await?;
            }
            FromSource::Closed { source } => self.push(source, None, State::Done),
        }
        Ok(())
    }

    async fn write_event(
        &mut self,
        source: SourceId,
        line: Line,
        network: RemoteNetworkId,
    ) -> Result<State<W::Acknowledgement>, Error> {
        self.begin()?;
        let name = if self.position_headers { self.name_of(source) } else { Arc::default() };
        let headers = EventHeaders::of(self.position_headers, &name, line.start);
        let mut key = itoa::Buffer::new();
        let (topic, key) = (topics::CONNECTION_EVENTS.name, key.format(network.get()).as_bytes());
        match self.writer.write(topic, key, &self.payload, &headers.as_slice()).await {
            Ok(acknowledgement) => Ok(State::Event { acknowledgement, line }),
            Err(WriteError::Refused(reason)) => Ok(State::ToDeadLetter { line, reason, whole: true }),
            Err(error) => Err(error.into()),
        }
    }

    async fn deliver(&mut self, source: SourceId, line: Line) -> Result<(), Error> {
        let next = Some(line.reached());
        self.payload.clear();
        let (reader, writer, payload) = (&self.reader, &mut self.writer, &mut self.payload);
        let found = match reader.fate_of(&line.content) {
            Fate::PassedOver => Found::PassedOver,
            Fate::Unreadable(reason) => Found::Unreadable(reason),
            Fate::Event(event) => {
                match writer.encode(&event, payload) {
                    Looked::Not => {}
                    Looked::Found => _ = self.metrics.places_found.inc(),
                    Looked::NotFound => _ = self.metrics.places_not_found.inc(),
                }
                Found::Event(event.remote_network_id)
            }
        };
        let state = match found {
            Found::PassedOver => {
                self.summary.passed_over += 1;
                self.metrics.passed_over.inc();
                State::Done
            }
            Found::Unreadable(reason) => self.write_dead_letter(source, line, reason.to_string(), true).await?,
            Found::Event(_) if let Some(Refusal { reason, is_too_long }) = self.refusal(source, &line) => {
                self.write_dead_letter(source, line, reason, !is_too_long).await?
            }
            Found::Event(network) => self.write_event(source, line, network).await?,
        };
        self.push(source, next, state);
        Ok(())
    }

    fn push(&mut self, source: SourceId, next: Option<Reached>, state: State<W::Acknowledgement>) {
        let bytes = state.line().map(|line| line.content.kept().len());
        match bytes {
            None => match self.pending.back_mut() {
                None => return self.advance(source, next),
                // Lines that are passed over need no place of their own.
                Some(last) if last.source == source && last.bytes.is_none() && last.next.is_some() => {
                    last.next = next;
                    return;
                }
                Some(_) => {}
            },
            Some(bytes) => {
                self.sent += 1;
                self.in_flight += 1;
                self.in_flight_bytes += bytes;
                self.metrics.in_flight.inc();
            }
        }
        self.pending.push_back(Pending { source, next, bytes, state });
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
mod tests;
