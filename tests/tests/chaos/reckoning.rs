//! What became of every record: read from Kafka, both tables and the dead letter, and held against what was produced.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use kafka_io::{Followed, TopicFollower};
use schemas::topics::{CONNECTION_EVENTS, CONNECTION_EVENTS_DEAD_LETTER, headers};

use crate::load::Produced;
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
    /// Rows and dead letters of nothing that was produced, events that are not what was produced, events in the dead letter.
    pub(crate) strange: usize,
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

pub(crate) async fn reckon(stage: &Stage, produced: &HashSet<Produced>) -> Reckoning {
    let mut found = Reckoning::default();
    let (mut rows, mut letters) = (rows(stage).await, letters(stage).await);
    let mut on_topic = HashSet::new();
    let mut places = BTreeSet::new();
    let events: HashMap<String, &Produced> = produced
        .iter()
        .filter_map(|made| if let Produced::Event(id) = made { Some((id.to_string(), made)) } else { None })
        .collect();
    for record in records(stage, CONNECTION_EVENTS.name).await {
        let place = (record.partition.number, record.offset);
        assert!(places.insert(place));
        let payload = record.payload.unwrap().to_vec();
        let poison = Produced::Poison(payload);
        let stored = rows.remove(&place).unwrap_or_default();
        let letter = letters.remove(&place).unwrap_or(0);
        found.copies_of_letters += letter.saturating_sub(1);
        let is_poison = produced.contains(&poison);
        match (is_poison, &stored[..], letter) {
            (true, [], 1..) => {
                found.dead_lettered += 1;
                on_topic.insert(poison);
            }
            (false, [event_id], 0) => match events.get(event_id) {
                Some(made) => {
                    found.stored += 1;
                    // An event that lies twice on the topic would have been produced twice.
                    if !on_topic.insert((*made).clone()) {
                        found.strange += 1;
                    }
                }
                None => found.strange += 1,
            },
            (_, [], 0) => found.lost += 1,
            (false, [], _) => found.strange += 1,
            (_, _, _) => found.doubled += 1,
        }
    }
    found.lost += produced.len() - on_topic.len().min(produced.len()) - found.lost.min(produced.len() - on_topic.len());
    found.strange += rows.len() + letters.len();
    if found.lost + found.doubled + found.strange > 0 {
        println!("looked into in {}", stage.folder());
    }
    found
}
