//! What became of every record: read from Kafka, both tables and the dead letter, and held against what was produced.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use kafka_io::{Followed, TopicFollower};
use schemas::event_id::EventId;
use schemas::topics::{CONNECTION_EVENTS, CONNECTION_EVENTS_DEAD_LETTER, headers};

use crate::load::{Produced, Published};
use crate::rollups;
use crate::stage::Stage;

/// Where a record lies.
type Place = (i32, i64);

#[derive(Debug, Default)]
pub(crate) struct Reckoning {
    /// Events that are stored once.
    pub(crate) stored: usize,
    /// Poison that lies in the dead letter and in no table.
    pub(crate) dead_lettered: usize,
    /// Records that are nowhere.
    pub(crate) lost: usize,
    /// Records that are stored more than once, or stored and dead-lettered.
    pub(crate) doubled: usize,
    /// Rows and dead letters of nothing that was produced, events that are not what was produced, events in the dead letter; connections that are
    /// open and should not be, or the other way round; what roll-ups have otherwise than the raw rows.
    pub(crate) strange: usize,
    /// Events that the roll-up by minute was counted from once.
    pub(crate) counted: usize,
    /// Records of events that were published before.
    pub(crate) copies: usize,
    /// Connections that are open.
    pub(crate) open: usize,
    /// Late connections, each once.
    pub(crate) late: usize,
    /// Letters that came twice, which readers drop.
    pub(crate) copies_of_letters: usize,
}

async fn records(stage: &Stage, topic: &str) -> Vec<kafka_io::Record> {
    let mut follower = TopicFollower::from_beginning(&stage.kafka_config(), topic).await.unwrap();
    let mut records = Vec::new();
    loop {
        let next = tokio::time::timeout(Duration::from_secs(60), follower.next()).await;
        match next.expect("the topic is read to its end").unwrap() {
            Followed::Record(record) => records.push(record),
            Followed::CaughtUp => return records,
        }
    }
}

/// Event ids by place, as often as they are stored.
async fn rows(stage: &Stage) -> HashMap<Place, Vec<String>> {
    let sql = "SELECT _kafka_partition, _kafka_offset, event_id FROM connections
        UNION ALL SELECT _kafka_partition, _kafka_offset, event_id FROM connection_openings";
    let mut rows: HashMap<Place, Vec<String>> = HashMap::new();
    for line in stage.sql(sql).await.lines() {
        let [partition, offset, event_id] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let place = (partition.parse().unwrap(), offset.parse().unwrap());
        rows.entry(place).or_default().push(event_id.to_owned());
    }
    rows
}

/// How often each place is in the roll-up by minute.
async fn counted(stage: &Stage) -> HashMap<Place, usize> {
    let sql = "SELECT _kafka_partition, arrayJoin(_kafka_offsets) AS offset, count() FROM connections_by_minute
        GROUP BY _kafka_partition, offset";
    let numbers = |line: &str| line.split('\t').map(|text| text.parse::<i64>().unwrap()).collect::<Vec<_>>();
    let counted = stage.sql(sql).await;
    let place = |line: &str| match numbers(line)[..] {
        [partition, offset, times] => ((i32::try_from(partition).unwrap(), offset), usize::try_from(times).unwrap()),
        _ => panic!("three columns: {line}"),
    };
    counted.lines().map(place).collect()
}

/// Ids of connections that are open.
async fn open(stage: &Stage) -> HashSet<String> {
    let sql = "SELECT connection_id FROM open_connections FINAL WHERE is_open";
    stage.sql(sql).await.lines().map(str::to_owned).collect()
}

async fn letters(stage: &Stage) -> BTreeMap<Place, usize> {
    let mut letters = BTreeMap::new();
    for record in records(stage, CONNECTION_EVENTS_DEAD_LETTER.name).await {
        let number = |name: &str| String::from_utf8(record.header(name).unwrap().to_vec()).unwrap();
        let place =
            (number(headers::SOURCE_PARTITION).parse().unwrap(), number(headers::SOURCE_OFFSET).parse().unwrap());
        *letters.entry(place).or_default() += 1;
    }
    letters
}

/// The event id is the first field: it follows the five bytes of the wire format.
fn made(payload: &[u8], produced: &Published) -> Produced {
    let poison = Produced::Poison(payload.to_vec());
    match payload[5..].first_chunk::<16>() {
        Some(id) if !produced.times.contains_key(&poison) => Produced::Event(EventId::from_bytes(*id)),
        _ => poison,
    }
}

pub(crate) async fn reckon(stage: &mut Stage, produced: &Published) -> Reckoning {
    let mut found = Reckoning::default();
    let (mut rows, mut letters) = (rows(stage).await, letters(stage).await);
    let mut counted = counted(stage).await;
    let mut on_topic: HashMap<Produced, usize> = HashMap::new();
    for record in records(stage, CONNECTION_EVENTS.name).await {
        let place = (record.partition.number, record.offset);
        let made = made(&record.payload.unwrap(), produced);
        let stored = rows.remove(&place).unwrap_or_default();
        let letter = letters.remove(&place).unwrap_or(0);
        found.copies_of_letters += letter.saturating_sub(1);
        match (&made, &stored[..], letter) {
            (Produced::Poison(_), [], 1..) => found.dead_lettered += 1,
            (Produced::Event(id), [stored], 0) if id.to_string() == *stored => found.stored += 1,
            (_, [], 0) => found.lost += 1,
            (_, [_, _, ..], _) | (_, [_], 1..) => found.doubled += 1,
            (_, _, _) => found.strange += 1,
        }
        match (&made, counted.remove(&place).unwrap_or(0)) {
            (Produced::Event(_), 1) => found.counted += 1,
            (Produced::Event(_), 0) => found.lost += 1,
            (Produced::Event(_), _) => found.doubled += 1,
            (Produced::Poison(_), times) => found.strange += times,
        }
        let published = produced.times.get(&made).copied().unwrap_or(0);
        let times = on_topic.entry(made).or_default();
        *times += 1;
        found.copies += usize::from(*times > 1);
        found.strange += usize::from(*times > published);
    }
    // Acknowledged, and not on Kafka.
    let missing = |(made, times): (&Produced, &usize)| times.saturating_sub(on_topic.get(made).copied().unwrap_or(0));
    found.lost += produced.times.iter().map(missing).sum::<usize>();
    found.strange += rows.len() + letters.len() + counted.len() + rollups::wrong_minutes(stage).await;
    let (open, expected) = (open(stage).await, produced.open());
    let wrong: Vec<&String> = open.symmetric_difference(&expected).collect();
    for id in wrong.iter().take(10) {
        println!("connection {id} is open: {}, and should be: {}", open.contains(*id), expected.contains(*id));
    }
    found.strange += wrong.len();
    found.open = open.len();
    found.late = rollups::late(stage).await;
    found.strange += rollups::wait_late(stage).await;
    if found.lost + found.doubled + found.strange > 0 {
        println!("look into {}", stage.keep());
    }
    found
}
