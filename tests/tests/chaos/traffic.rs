//! What is published: connections that open and end, some of them in the wrong order, and events that are published twice.

use std::time::{Duration, SystemTime};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use schema_registry::Encoder;
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::event_id::EventId;
use schemas::examples::connection;
use schemas::times::Moment;

use crate::load::Produced;

/// Late events are so old: of another month, and of a day that is over.
const LATE: Duration = Duration::from_secs(40 * 86_400);
/// More than a day after Kafka's time, which is as much as a Connector's clock may be wrong.
const AHEAD: Duration = Duration::from_secs(2 * 86_400);
const REMOTE_NETWORKS: u64 = 40;
/// Of so many of them one event of ten is published twice, so one of a hundred of all. The others' minutes can be reckoned to the last event.
const NETWORKS_WITH_COPIES: u64 = 4;
/// What is published later waits for about so many other records: for other ranges, and now and then for another owner of its partition.
const LATER: u32 = 1_000;

fn remote_network(number: u64) -> u64 {
    64_000 + number * 7
}

/// One of the Remote Networks, with copies or without.
fn any_network(pick: &mut StdRng) -> u64 {
    remote_network(pick.random_range(0..REMOTE_NETWORKS))
}

/// Whether what ended, failed or was denied there may have been published twice.
pub(crate) fn has_copies(network: u64) -> bool {
    network < remote_network(NETWORKS_WITH_COPIES)
}

/// Unix milliseconds.
fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(since_1970.as_millis()).unwrap()
}

/// What an event does to its connection.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Opens(String),
    Ends(String),
    Nothing,
}

impl Change {
    fn of(event: &ConnectionEvent) -> Self {
        let id = || event.connection_id.clone();
        match event.event_type {
            EventType::EstablishedConnection => Self::Opens(id()),
            EventType::ClosedConnection | EventType::FailedToConnect => Self::Ends(id()),
            EventType::DeniedAccess | EventType::Unknown => Self::Nothing,
        }
    }
}

/// One record.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) key: String,
    pub(crate) value: Vec<u8>,
    pub(crate) made: Produced,
    pub(crate) change: Change,
}

/// Makes one record after the other.
pub(crate) struct Traffic {
    pick: StdRng,
    encoder: Encoder<ConnectionEvent>,
    number: u64,
    /// Openings that nothing has ended.
    open: Vec<ConnectionEvent>,
    /// Copies, and openings that come behind their ends.
    later: Vec<Record>,
}

impl Traffic {
    pub(crate) fn new(encoder: Encoder<ConnectionEvent>, seed: u64) -> Self {
        Self { pick: StdRng::seed_from_u64(seed), encoder, number: 0, open: Vec::new(), later: Vec::new() }
    }

    pub(crate) fn next_record(&mut self) -> Record {
        // The more wait, the sooner one of them goes.
        let waiting = u32::try_from(self.later.len()).unwrap().min(LATER);
        if self.pick.random_ratio(waiting, LATER) {
            let at = self.pick.random_range(0..self.later.len());
            return self.later.swap_remove(at);
        }
        if self.pick.random_ratio(1, 150) {
            return self.poison();
        }
        let event = match self.pick.random_range(0..10) {
            0..4 => {
                let opening = self.event(EventType::EstablishedConnection);
                self.open.push(opening.clone());
                opening
            }
            4..8 => self.end(),
            8 => self.event(EventType::FailedToConnect),
            _ => self.event(EventType::DeniedAccess),
        };
        let record = self.record(&event);
        if has_copies(event.remote_network_id.get()) && self.pick.random_ratio(1, 10) {
            self.later.push(record.clone());
        }
        record
    }

    /// The end of a connection: every other one of a connection whose opening is published too, before it or behind it, and sometimes again behind
    /// it. Whatever the order, it has ended then.
    fn end(&mut self) -> ConnectionEvent {
        match self.pick.random_range(0..8) {
            0 => {
                let opening = self.event(EventType::EstablishedConnection);
                let record = self.record(&opening);
                self.later.push(record);
                self.end_of(&opening)
            }
            1..4 if !self.open.is_empty() => {
                let at = self.pick.random_range(0..self.open.len());
                let opening = self.open.swap_remove(at);
                if self.pick.random_ratio(1, 4) {
                    let copy = self.record(&opening);
                    self.later.push(copy);
                }
                self.end_of(&opening)
            }
            _ => self.event(EventType::ClosedConnection),
        }
    }

    fn end_of(&mut self, opening: &ConnectionEvent) -> ConnectionEvent {
        let mut end = connection(EventType::ClosedConnection, &opening.connection_id, self.end_ms());
        end.remote_network_id = opening.remote_network_id;
        end.start_time = opening.end_time.min(end.end_time);
        end
    }

    /// An event of a connection that no other event is of.
    fn event(&mut self, event_type: EventType) -> ConnectionEvent {
        self.number += 1;
        let id = format!("{:x}-{:x}", self.pick.random::<u64>(), self.number);
        let mut event = connection(event_type, &id, self.end_ms());
        event.remote_network_id = any_network(&mut self.pick).to_string().parse().unwrap();
        event
    }

    /// Now, and now and then late.
    fn end_ms(&mut self) -> u64 {
        let late_ms = u64::try_from(LATE.as_millis()).unwrap();
        if self.pick.random_ratio(1, 200) { now_ms() - late_ms } else { now_ms() }
    }

    fn record(&self, event: &ConnectionEvent) -> Record {
        Record {
            key: event.key(),
            value: self.encoder.encode(event).unwrap(),
            made: Produced::Event(event.event_id),
            change: Change::of(event),
        }
    }

    /// What is no event: bytes that no schema is of, a connection that ended before it began, or one that ends in two days.
    fn poison(&mut self) -> Record {
        let value = match self.pick.random_range(0..3) {
            0 => {
                self.number += 1;
                let mut value = vec![self.pick.random_range(0..2), 0, 0, 0, 1];
                value.extend(self.number.to_be_bytes());
                value
            }
            1 => {
                let mut event = self.event(EventType::ClosedConnection);
                event.start_time = Moment::from_micros(event.end_time.as_micros() + 1);
                self.encoder.encode(&event).unwrap()
            }
            _ => {
                let id = self.event(EventType::ClosedConnection).connection_id;
                let ahead_ms = u64::try_from(AHEAD.as_millis()).unwrap();
                let event = connection(EventType::ClosedConnection, &id, now_ms() + ahead_ms);
                self.encoder.encode(&event).unwrap()
            }
        };
        let (key, made) = (any_network(&mut self.pick).to_string(), Produced::Poison(value.clone()));
        Record { key, value, made, change: Change::Nothing }
    }
}

/// A line of version 2 as a Connector prints it, of a connection of its own.
pub(crate) fn line(pick: &mut StdRng, number: u64) -> (String, Produced) {
    let (network, now) = (any_network(pick), now_ms());
    let connection_id = format!("{:016x}-{number}", pick.random::<u64>());
    let line = format!(
        r#"I ANALYTICS {{"event_type":"closed_connection","timestamp":{now},"connection":{{"id":"{connection_id}","protocol":"tcp","duration":12,"rx":3,"tx":4}},"connector":{{"id":"150099","name":"quiet-heron"}},"remote_network":{{"id":"{network}","name":"Lab"}},"resource":{{"id":"7","address":"wiki.corp.example"}},"user":{{"id":"9","email":"jane@acme.example"}}}}"#
    );
    let (tenant, connector_id) = ("acme".parse().unwrap(), "150099".parse().unwrap());
    let event_id = EventId::of_fact(&tenant, connector_id, &connection_id, EventType::ClosedConnection, now);
    (line + "\n", Produced::Event(event_id))
}
