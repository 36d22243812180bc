//! Sends letters again, and marks what became of them.

use bytes::Bytes;
use kafka_io::{Delivered, OutRecord, ProduceError, Producer};
use schemas::topics::{CONNECTION_EVENTS, CONNECTION_EVENTS_DEAD_LETTER, headers};

use crate::fold::Found;
use crate::place::Place;

/// Who changes something, and why.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// Who.
    pub by: &'a str,
    /// Why; may be empty.
    pub why: &'a str,
}

/// Why a letter was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// It was read without its value.
    #[error("letter {0} was read without its value")]
    NoValue(Place),
    /// It holds the beginning of its record.
    #[error(
        "letter {0} holds only the beginning of its record, which was too large for the topic: send it again from where it lies, \
         partition {partition}, offset {offset} of {topic}, while Kafka keeps it",
        partition = .0.partition, offset = .0.offset, topic = .0.topic
    )]
    Cut(Place),
    /// The record was not published, or not marked; then it may be replayed again.
    #[error("letter {place}: {reason}")]
    NotPublished {
        /// The letter.
        place: Place,
        /// Why.
        reason: ProduceError,
    },
}

/// Sends the record of a letter to `connection-events` as it was, with its origin in headers, and marks the letter when that is
/// acknowledged. Gives where it lies now.
///
/// # Errors
/// When the letter is not whole, the record is refused, or the producer cannot go on. If it was published and not marked, the letter stays open, and what is
/// sent again is a copy of the same event.
pub async fn replay(producer: &Producer, letter: &Found, who: Who<'_>) -> Result<Delivered, ChangeError> {
    if letter.cut.is_some() {
        return Err(ChangeError::Cut(letter.place.clone()));
    }
    let value = letter.value.as_ref().ok_or_else(|| ChangeError::NoValue(letter.place.clone()))?;
    let failed = |reason| ChangeError::NotPublished { place: letter.place.clone(), reason };
    let headers = origin_headers(letter);
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (name.as_str(), &value[..])).collect();
    let out = OutRecord {
        topic: CONNECTION_EVENTS.name,
        key: letter.key.as_deref().unwrap_or_default(),
        payload: value,
        headers: &headers,
    };
    let delivered = producer.send(out).await.map_err(failed)?;
    let to = format!("{}-{}", delivered.partition, delivered.offset);
    mark(producer, &letter.place, "replayed", who, &to).await.map_err(failed)?;
    Ok(delivered)
}

/// Marks a letter as not needed.
///
/// # Errors
/// When the marker is refused or the producer cannot go on.
pub async fn discard(producer: &Producer, letter: &Found, who: Who<'_>) -> Result<(), ChangeError> {
    let failed = |reason| ChangeError::NotPublished { place: letter.place.clone(), reason };
    mark(producer, &letter.place, "discarded", who, "").await.map_err(failed)
}

async fn mark(producer: &Producer, place: &Place, kind: &str, who: Who<'_>, to: &str) -> Result<(), ProduceError> {
    let headers = marker_headers(place, kind, who.by, who.why, to);
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let (topic, key) = (CONNECTION_EVENTS_DEAD_LETTER.name, place.key());
    producer.send(OutRecord { topic, key: key.as_bytes(), payload: b"", headers: &headers }).await.map(drop)
}

pub(crate) fn marker_headers(place: &Place, kind: &str, by: &str, why: &str, to: &str) -> Vec<(&'static str, String)> {
    vec![
        // In front: that is what tells it from a letter.
        (headers::MARKER, kind.to_owned()),
        (headers::SOURCE_NAME, place.source_name.clone()),
        (headers::SOURCE_TOPIC, place.topic.clone()),
        (headers::SOURCE_PARTITION, place.partition.to_string()),
        (headers::SOURCE_OFFSET, place.offset.to_string()),
        (headers::MARKED_BY, by.to_owned()),
        (headers::MARKED_WHY, why.to_owned()),
        (headers::REPLAYED_TO, to.to_owned()),
    ]
}

/// The record's own headers, with its first origin and one replay more.
pub(crate) fn origin_headers(letter: &Found) -> Vec<(String, Bytes)> {
    let origin = [
        (headers::ORIGIN_NAME, letter.origin.source_name.clone()),
        (headers::ORIGIN_TOPIC, letter.origin.topic.clone()),
        (headers::ORIGIN_PARTITION, letter.origin.partition.to_string()),
        (headers::ORIGIN_OFFSET, letter.origin.offset.to_string()),
        (headers::ORIGIN_TIMESTAMP_MS, letter.origin_time.as_millis().to_string()),
        (headers::REPLAYS, (letter.replays.saturating_add(1)).to_string()),
    ];
    let is_own = |(name, _): &&(String, Bytes)| origin.iter().all(|(it, _)| it != name);
    let own: Vec<(String, Bytes)> = letter.headers.iter().filter(is_own).cloned().collect();
    own.into_iter().chain(origin.into_iter().map(|(name, value)| (name.to_owned(), Bytes::from(value)))).collect()
}
