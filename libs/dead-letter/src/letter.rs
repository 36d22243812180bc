//! The form of a letter, written and read.

use bytes::Bytes;
use kafka_io::{Acknowledgement, OutRecord, ProduceError, Producer, Record};
use schemas::times::Moment;
use schemas::topics::{CONNECTION_EVENTS_DEAD_LETTER, headers};

use crate::cut::Cut;
use crate::place::Place;

/// One refused record, as ingest writes it.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// Why, in words.
    pub reason: &'a str,
    /// Configured name of this life of the topic.
    pub source_name: &'a str,
    /// Topic that the record lay on.
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its time on Kafka, Unix milliseconds.
    pub timestamp_ms: i64,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; one without a value has an empty one.
    pub payload: &'a [u8],
    /// Its headers, in their order.
    pub headers: &'a [(&'a str, &'a [u8])],
}

/// Puts letters on the topic; returns when all replicas have them. Done again it writes copies, which readers drop. Of a record that the topic
/// does not take with the facts, for its size, its beginning is put ([`Cut`]).
///
/// # Errors
/// When not even the beginning of a letter is taken, or the producer cannot go on; some may have been written.
pub async fn put(producer: &Producer, letters: &[Letter<'_>]) -> Result<(), ProduceError> {
    let mut enqueued = Vec::with_capacity(letters.len());
    for letter in letters {
        enqueued.push((letter, enqueue(producer, letter, None).await));
    }
    for (letter, enqueued) in enqueued {
        let delivered = match enqueued {
            Ok(acknowledgement) => acknowledgement.await,
            Err(error) => Err(error),
        };
        match delivered {
            Ok(_) => {}
            // Or a small one that was sent together with it.
            Err(ProduceError::Refused(_)) => {
                let (beginning, cut) = letter.beginning();
                enqueue(producer, &beginning, cut.as_ref()).await?.await?;
            }
            Err(error @ ProduceError::Fatal(_)) => return Err(error),
        }
    }
    Ok(())
}

async fn enqueue(producer: &Producer, letter: &Letter<'_>, cut: Option<&Cut>) -> Result<Acknowledgement, ProduceError> {
    let facts = letter.facts(cut);
    let mut all: Vec<(&str, &[u8])> = facts.iter().map(|(name, value)| (*name, &value[..])).collect();
    // Behind the facts, so that headers of these names are never taken for them.
    all.extend_from_slice(letter.headers);
    let key = format!("{}-{}", letter.partition, letter.offset);
    let topic = CONNECTION_EVENTS_DEAD_LETTER.name;
    producer.enqueue(OutRecord { topic, key: key.as_bytes(), payload: letter.payload, headers: &all }).await
}

impl Letter<'_> {
    fn facts(&self, cut: Option<&Cut>) -> Vec<(&'static str, Vec<u8>)> {
        let mut facts = vec![(headers::REASON, self.reason.as_bytes().to_vec())];
        if let Some(cut) = cut {
            // In front of what every letter has: never taken for headers of the record, nor they for it.
            facts.push((headers::VALUE_LENGTH, cut.length.to_string().into_bytes()));
            facts.push((headers::VALUE_SHA256, cut.sha256.clone().into_bytes()));
        }
        facts.extend([
            (headers::SOURCE_TOPIC, self.topic.as_bytes().to_vec()),
            (headers::SOURCE_PARTITION, self.partition.to_string().into_bytes()),
            (headers::SOURCE_OFFSET, self.offset.to_string().into_bytes()),
            (headers::SOURCE_TIMESTAMP_MS, self.timestamp_ms.to_string().into_bytes()),
            (headers::SOURCE_NAME, self.source_name.as_bytes().to_vec()),
        ]);
        facts.extend(self.key.map(|key| (headers::SOURCE_KEY, key.to_vec())));
        facts
    }
}

/// The facts of a record of the topic, and the headers that the refused record had of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) place: Place,
    pub(crate) reason: String,
    /// `None`: the letter holds its record whole.
    pub(crate) cut: Option<Cut>,
    pub(crate) time: Moment,
    pub(crate) key: Option<Bytes>,
    pub(crate) own: Vec<(String, Bytes)>,
}

/// In the order in which they are written; the last two may be absent, and the second and third are there where the record was cut.
const FACTS: [&str; 9] = [
    headers::REASON,
    headers::VALUE_LENGTH,
    headers::VALUE_SHA256,
    headers::SOURCE_TOPIC,
    headers::SOURCE_PARTITION,
    headers::SOURCE_OFFSET,
    headers::SOURCE_TIMESTAMP_MS,
    headers::SOURCE_NAME,
    headers::SOURCE_KEY,
];

impl Facts {
    /// `None`: it is no letter.
    pub(crate) fn of(record: &Record) -> Option<Self> {
        let mut values: [Option<&Bytes>; FACTS.len()] = [None; FACTS.len()];
        let mut own = record.headers.iter().peekable();
        for (name, value) in FACTS.iter().zip(&mut values) {
            *value = own.next_if(|(key, _)| key == name).map(|(_, value)| value);
        }
        let [reason, length, sha256, topic, partition, offset, time, source_name, key] = values;
        Some(Self {
            place: Place {
                source_name: source_name.map(text).unwrap_or_default(),
                topic: text(topic?),
                partition: text(partition?).parse().ok()?,
                offset: text(offset?).parse().ok()?,
            },
            reason: text(reason?),
            cut: match (length, sha256) {
                (Some(length), Some(sha256)) => Some(Cut { length: text(length).parse().ok()?, sha256: text(sha256) }),
                _ => None,
            },
            time: Moment::from_millis(text(time?).parse().ok()?),
            key: key.cloned(),
            own: own.cloned().collect(),
        })
    }
}

/// A header's value as text; what is no UTF-8 is replaced.
pub(crate) fn text(value: &Bytes) -> String {
    String::from_utf8_lossy(value).into_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use kafka_io::Partition;
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn letter(offset: i64) -> Letter<'static> {
        Letter {
            reason: "end before start",
            source_name: "main",
            topic: "connection-events",
            partition: 3,
            offset,
            timestamp_ms: 1_793_487_602_000,
            key: Some(b"64894"),
            payload: b"value",
            headers: &[],
        }
    }

    /// The letter as it lies on the topic.
    pub(crate) fn lying(letter: &Letter<'_>, offset: i64) -> Record {
        lying_as(letter, None, offset)
    }

    pub(crate) fn lying_as(letter: &Letter<'_>, cut: Option<&Cut>, offset: i64) -> Record {
        let owned = |name: &str, value: &[u8]| (name.to_owned(), Bytes::copy_from_slice(value));
        let facts = letter.facts(cut);
        let facts = facts.iter().map(|(name, value)| owned(name, value));
        Record {
            partition: Partition { topic: CONNECTION_EVENTS_DEAD_LETTER.name.into(), number: 0 },
            epoch: 0,
            offset,
            timestamp: Moment::from_millis(1_793_487_700_000),
            key: Some(format!("{}-{}", letter.partition, letter.offset).into()),
            payload: Some(Bytes::copy_from_slice(letter.payload)),
            headers: facts.chain(letter.headers.iter().map(|(name, value)| owned(name, value))).collect(),
        }
    }

    #[test]
    fn record_without_the_facts_is_no_letter() {
        let mut record = lying(&letter(118), 0);
        record.headers.remove(3);
        assert_eq!(Facts::of(&record), None);
        record.headers.clear();
        assert_eq!(Facts::of(&record), None);
    }

    proptest! {
        /// Whatever the record's own headers are called, they are kept, and never taken for facts.
        #[test]
        fn what_was_written_is_read(
            names in prop::collection::vec(prop::sample::select([&FACTS[..], &["trace", "marker", ""]].concat()), 0..6),
            offset in 0..i64::MAX,
            partition in 0..i32::MAX,
            with_key in any::<bool>(),
            is_cut in any::<bool>(),
        ) {
            let own: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, &b"x"[..])).collect();
            // The one name that a record without a key may not begin with.
            prop_assume!(with_key || names.first() != Some(&headers::SOURCE_KEY));
            let letter = Letter { partition, key: with_key.then_some(b"7"), headers: &own, ..letter(offset) };
            let cut = is_cut.then(|| Cut { length: 5_000_000, sha256: "ab".to_owned() });
            let facts = Facts::of(&lying_as(&letter, cut.as_ref(), 9)).unwrap();
            prop_assert_eq!(&facts.cut, &cut);
            prop_assert_eq!((facts.place.offset, facts.place.partition), (offset, partition));
            prop_assert_eq!(facts.key.as_deref(), letter.key);
            let read: Vec<&str> = facts.own.iter().map(|(name, _)| name.as_str()).collect();
            prop_assert_eq!(read, names);
        }
    }
}
