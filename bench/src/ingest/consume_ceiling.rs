//! The limit: librdkafka's batch consume, as ingest uses it, by a group that throws every record away.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_io::KafkaConfig;
use kafka_io::batches::{Arrived, BatchConsumer, BatchOptions, Item};
use schemas::topics::CONNECTION_EVENTS;

/// Its group.
pub(crate) const GROUP: &str = "consume_ceiling";
/// Records that are taken at once, as many as ingest takes.
const RECORDS_MAX: usize = 10_000;
/// After so long without a record what was read is committed.
const QUIET: Duration = Duration::from_millis(200);

/// Runs until it is killed.
pub(crate) async fn run([kafka, ..]: [String; 3]) -> anyhow::Result<()> {
    let config = KafkaConfig { bootstrap_servers: kafka, ..KafkaConfig::default() };
    tokio::task::spawn_blocking(move || throw_away(&config)).await?
}

fn throw_away(config: &KafkaConfig) -> anyhow::Result<()> {
    let mut consumer = BatchConsumer::new(config, &BatchOptions::new(GROUP, CONNECTION_EVENTS.name))?;
    let committer = consumer.committer();
    // Of each partition the epoch and the next offset.
    let mut read: BTreeMap<i32, (u64, i64)> = BTreeMap::new();
    loop {
        match consumer.next(RECORDS_MAX, QUIET)? {
            Some(Arrived::Fetched(fetched)) => {
                let mut last = None;
                for item in fetched.items() {
                    if let Item::Record(record) = item {
                        let now = (record.partition, (record.epoch, record.offset + 1));
                        if let Some((partition, next)) = last.replace(now)
                            && partition != record.partition
                        {
                            read.insert(partition, next);
                        }
                    }
                }
                read.extend(last);
            }
            Some(_) => {}
            None => {
                for (partition, (epoch, next)) in std::mem::take(&mut read) {
                    committer
                        .commit_blocking(partition, epoch, next, "")
                        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
                }
            }
        }
    }
}
