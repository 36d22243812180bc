//! Letters on a real broker: written, read, replayed, refused again, discarded.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use dead_letter::{ChangeError, Cut, Filter, Found, Letter, ReadError, ReadLimits, Who, discard, put, read, replay};
use kafka_io::{Followed, KafkaConfig, OutRecord, Producer, Record, TopicFollower, admin};
use local_parts::{Kafka, Silent, given};
use schemas::sha256;
use schemas::topics::{self, CONNECTION_EVENTS, CONNECTION_EVENTS_DEAD_LETTER, headers};

const LIMITS: ReadLimits = ReadLimits { records: 1_000_000, letters: 100_000, value_bytes: 64 << 20 };
const WHO: Who<'_> = Who { by: "ann", why: "mended" };

/// The broker that is given, or one of our own.
async fn broker() -> (KafkaConfig, Option<(Kafka, tempfile::TempDir)>) {
    let config = |servers| KafkaConfig { bootstrap_servers: servers, ..KafkaConfig::default() };
    if let Some(servers) = given::kafka() {
        return (config(servers), None);
    }
    let folder = tempfile::tempdir().unwrap();
    let kafka = Kafka::start(folder.path(), None, &Silent).await.unwrap();
    (config(kafka.bootstrap_servers()), Some((kafka, folder)))
}

fn letter<'a>(source_name: &'a str, offset: i64, headers: &'a [(&'a str, &'a [u8])]) -> Letter<'a> {
    Letter {
        reason: "the end lies before the start",
        source_name,
        topic: CONNECTION_EVENTS.name,
        partition: 3,
        offset,
        timestamp_ms: 1_793_487_602_000 + offset,
        key: Some(b"64894"),
        payload: b"\0\0\0\0\x01 as it was",
        headers,
    }
}

async fn found(config: &KafkaConfig, filter: &Filter) -> Vec<Found> {
    read(config, filter, true, LIMITS, |_| {}).await.unwrap().matching(filter)
}

/// Everything that lies on a topic.
async fn lying(config: &KafkaConfig, topic: &str) -> Vec<Record> {
    let mut follower = TopicFollower::from_beginning(config, topic).await.unwrap();
    let mut records = Vec::new();
    while let Followed::Record(record) = follower.next().await.unwrap() {
        records.push(record);
    }
    records
}

#[tokio::test(flavor = "multi_thread")]
async fn letter_is_replayed_as_it_was_and_its_state_is_on_the_topic() {
    let (config, _broker) = broker().await;
    admin::ensure_topics(&config, topics::ALL, 1).await.unwrap();
    let producer = Producer::new(&config, "test").unwrap();
    // A source of its own: on a broker that is given other letters may lie.
    let source = format!("test-{}", std::process::id());
    let mine =
        |offset: i64| Filter { names: vec![format!("{source}/3-{offset}").parse().unwrap()], ..Filter::default() };
    let own: [(&str, &[u8]); 2] = [("trace", b"7"), ("reason", b"a header of the record's own")];
    put(&producer, &[letter(&source, 118, &own), letter(&source, 119, &[])]).await.unwrap();
    // ingest was killed and wrote the first one again.
    put(&producer, &[letter(&source, 118, &own)]).await.unwrap();
    // Somebody wrote what is no letter.
    let odd = OutRecord { topic: CONNECTION_EVENTS_DEAD_LETTER.name, key: b"x", payload: b"y", headers: &[] };
    producer.send(odd).await.unwrap();

    let first = found(&config, &mine(118)).await.remove(0);
    assert_eq!((first.copies, first.state.name(), first.replays), (2, "open", 0));
    assert_eq!(first.reason, "the end lies before the start");
    let here = replay(&producer, &first, WHO).await.unwrap();

    let events = lying(&config, CONNECTION_EVENTS.name).await;
    let sent = events.iter().find(|it| (it.partition.number, it.offset) == (here.partition, here.offset)).unwrap();
    assert_eq!(
        (sent.key.as_deref(), sent.payload.as_deref()),
        (Some(&b"64894"[..]), Some(&b"\0\0\0\0\x01 as it was"[..]))
    );
    assert_eq!(sent.header("trace").unwrap(), "7");
    assert_eq!(sent.header("reason").unwrap(), "a header of the record's own");
    for (name, value) in [
        (headers::ORIGIN_NAME, source.as_str()),
        (headers::ORIGIN_TOPIC, CONNECTION_EVENTS.name),
        (headers::ORIGIN_PARTITION, "3"),
        (headers::ORIGIN_OFFSET, "118"),
        (headers::ORIGIN_TIMESTAMP_MS, "1793487602118"),
        (headers::REPLAYS, "1"),
    ] {
        assert_eq!(sent.header(name).unwrap(), value, "{name}");
    }

    // Marked; a copy that comes later does not open it again.
    put(&producer, &[letter(&source, 118, &own)]).await.unwrap();
    let first = found(&config, &mine(118)).await.remove(0);
    let dead_letter::State::Replayed(mark) = &first.state else { panic!("{first:?}") };
    assert_eq!((mark.by.as_str(), mark.why.as_str()), ("ann", "mended"));
    assert_eq!(mark.to, format!("{}-{}", here.partition, here.offset));
    let open = Filter { state: Some("open"), ..mine(118) };
    assert!(found(&config, &open).await.is_empty());

    // Refused again where it lies now: another letter, with the first one's origin.
    let again: Vec<(&str, &[u8])> = sent.headers.iter().map(|(name, value)| (name.as_str(), &value[..])).collect();
    put(&producer, &[letter(&source, 7_000, &again)]).await.unwrap();
    let second = found(&config, &mine(7_000)).await.remove(0);
    assert_eq!((second.origin.offset, second.replays, second.state.name()), (118, 1, "open"));
    assert_eq!(second.origin_time, first.time);

    discard(&producer, &second, WHO).await.unwrap();
    assert_eq!(found(&config, &mine(7_000)).await[0].state.name(), "discarded");
    assert_eq!(found(&config, &mine(119)).await[0].state.name(), "open");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_and_held_is_bounded() {
    let (config, _broker) = broker().await;
    admin::ensure_topics(&config, topics::ALL, 1).await.unwrap();
    let producer = Producer::new(&config, "test").unwrap();
    let source = format!("bounded-{}", std::process::id());
    let letters: Vec<Letter<'_>> = (0..20).map(|offset| letter(&source, offset, &[])).collect();
    put(&producer, &letters).await.unwrap();
    let everything = Filter::default();
    let with =
        async |limits: ReadLimits| read(&config, &everything, true, limits, |_| {}).await.map(|_| ()).unwrap_err();
    assert_eq!(with(ReadLimits { records: 19, ..LIMITS }).await, ReadError::TooManyRecords(19));
    assert_eq!(with(ReadLimits { letters: 19, ..LIMITS }).await, ReadError::TooMuch("19 letters".to_owned()));
    let bytes = ReadLimits { value_bytes: 100, ..LIMITS };
    assert!(matches!(with(bytes).await, ReadError::TooMuch(_)));
    // Without values there is nothing to hold.
    let letters = read(&config, &everything, false, bytes, |_| {}).await.unwrap().matching(&everything);
    assert!(letters.len() >= 20 && letters.iter().all(|it| it.value.is_none() && it.size_bytes > 0));
    let unread = letters.iter().find(|it| it.place.source_name == source).unwrap();
    assert!(replay(&producer, unread, WHO).await.is_err());
}

/// Bytes that nothing packs.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_record_is_too_large_for_a_letter() {
    let (config, own) = broker().await;
    admin::ensure_topics(&config, topics::ALL, 1).await.unwrap();
    let producer = Producer::new(&config, "test").unwrap();
    let source = format!("large-{}", std::process::id());
    // Of what a client sends by its default, of what a topic takes by Kafka's, and beyond all of them. And small ones beside.
    let sizes = [10, 1_000_000, 1_048_588, 11, 5 << 20, 70_000_000, 12];
    let values = sizes.map(noise);
    let many: Vec<(&str, &[u8])> = vec![("more", &values[1][..]); 6];
    let mut letters: Vec<Letter<'_>> =
        (0..).zip(&values).map(|(offset, payload)| Letter { payload, ..letter(&source, offset, &[]) }).collect();
    letters.push(letter(&source, 7, &many));
    put(&producer, &letters).await.unwrap();

    for (letter, offset) in letters.iter().zip(0_usize..) {
        let mine = Filter { names: vec![format!("{source}/3-{offset}").parse().unwrap()], ..Filter::default() };
        let found = found(&config, &mine).await.remove(0);
        assert_eq!(found.size_bytes, letter.payload.len());
        let value = found.value.as_deref().unwrap();
        // A topic of a broker that is given may be an older one, and take less.
        let must_be_whole = letter.payload.len() < 100 && offset != 7 || own.is_some() && offset < 4;
        match &found.cut {
            None => assert_eq!((value, offset < 4 || offset == 6), (letter.payload, true), "{offset}"),
            Some(cut) => {
                assert!(!must_be_whole, "{offset}");
                let whole = letter.payload;
                assert_eq!(cut, &Cut { length: whole.len() as u64, sha256: sha256::hexadecimal(whole) });
                assert_eq!(value, &whole[..whole.len().min(64 << 10)]);
                let error = replay(&producer, &found, WHO).await.unwrap_err();
                assert_eq!(error, ChangeError::Cut(found.place.clone()));
                discard(&producer, &found, WHO).await.unwrap();
            }
        }
    }
}
