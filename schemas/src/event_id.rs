//! The id of a connection event: a UUID of version 8 that is a function of the fact.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::connection_event::EventType;
use crate::ids::{ConnectorId, Tenant};

/// 16 bytes whose order is the order of time: 6 bytes of Unix milliseconds, big endian, then 10 bytes of a SHA-256 over the
/// fact, with version and variant as RFC 9562 has them. Two events with equal ids are copies of one fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(#[serde(with = "crate::fixed16")] [u8; 16]);

impl EventId {
    /// The id of a fact. `timestamp_ms` is the event's own Unix time and has to fit 6 bytes, which every time before 2100
    /// does.
    #[must_use]
    pub fn of_fact(
        tenant: &Tenant,
        connector: ConnectorId,
        connection_id: &str,
        event_type: EventType,
        timestamp_ms: u64,
    ) -> Self {
        // What is short comes in one piece: each costs the hash some nanoseconds.
        let (mut before, mut after) = (itoa::Buffer::new(), itoa::Buffer::new());
        let before = Joined::of([tenant.as_str(), "\n", before.format(connector.get()), "\n"]);
        let after = Joined::of(["\n", event_type.log_name(), "\n", after.format(timestamp_ms)]);
        let digest = Sha256::new()
            .chain_update(before.bytes())
            .chain_update(connection_id)
            .chain_update(after.bytes())
            .finalize();
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&timestamp_ms.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&digest[..10]);
        bytes[6] = 0x80 | bytes[6] & 0x0f;
        bytes[8] = 0x80 | bytes[8] & 0x3f;
        Self(bytes)
    }

    /// From 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// From the milliseconds of its event and the 10 bytes that [`Self::tail`] gave.
    #[must_use]
    pub fn from_parts(timestamp_ms: u64, tail: [u8; 10]) -> Self {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&timestamp_ms.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&tail);
        Self(bytes)
    }

    /// All 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The Unix milliseconds in the first 6 bytes.
    #[must_use]
    pub fn timestamp_ms(&self) -> u64 {
        self.0[..6].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    /// The last 10 bytes: with the event's time they are the whole id, and sort like it.
    #[must_use]
    pub fn tail(&self) -> [u8; 10] {
        let mut tail = [0; 10];
        tail.copy_from_slice(&self.0[6..]);
        tail
    }

    /// True where version and variant are those of a UUID of version 8.
    #[must_use]
    pub fn is_version_8(&self) -> bool {
        self.0[6] >> 4 == 8 && self.0[8] >> 6 == 2
    }
}

/// Short texts, one behind the other.
struct Joined {
    bytes: [u8; 96],
    length: usize,
}

impl Joined {
    /// All of them are 96 bytes at most: a tenant has 63, a number 20, and the name of an event type 22.
    fn of(texts: [&str; 4]) -> Self {
        let (mut bytes, mut length) = ([0; 96], 0);
        for text in texts {
            bytes[length..length + text.len()].copy_from_slice(text.as_bytes());
            length += text.len();
        }
        Self { bytes, length }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_bytes(self.0).fmt(formatter)
    }
}

/// A text that is no event id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an event id: a UUID of version 8 is expected")]
pub struct NotAnEventId;

impl FromStr for EventId {
    type Err = NotAnEventId;

    fn from_str(text: &str) -> Result<Self, NotAnEventId> {
        let id = text.parse().map(|id: Uuid| Self(id.into_bytes())).map_err(|_| NotAnEventId)?;
        if id.is_version_8() { Ok(id) } else { Err(NotAnEventId) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_of_a_fact_is_the_one_that_the_oracle_computes() {
        // python3: report.event_id("acme", 150034, "5c11932a63f77b97-118", "closed_connection", 1793487602665)
        let id = EventId::of_fact(
            &"acme".parse().unwrap(),
            "150034".parse().unwrap(),
            "5c11932a63f77b97-118",
            EventType::ClosedConnection,
            1_793_487_602_665,
        );
        assert_eq!(id.to_string(), "01a19431-03e9-824e-8c4b-c50df9bf66b1");
        assert!(id.is_version_8());
        assert_eq!(id.timestamp_ms(), 1_793_487_602_665);
        assert_eq!(EventId::from_parts(id.timestamp_ms(), id.tail()), id);
    }

    #[test]
    fn longest_texts_have_room() {
        let (tenant, connector) = ("a".repeat(63).parse().unwrap(), i64::MAX.to_string().parse().unwrap());
        let long = "c".repeat(100_000);
        let id = EventId::of_fact(&tenant, connector, &long, EventType::EstablishedConnection, u64::MAX >> 16);
        assert!(id.is_version_8());
    }
}
