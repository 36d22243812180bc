//! From an event on Kafka to a row that can be read, while events come at half of the top speed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use kafka_io::{BatchProducer, Delivered, OutRecord, ProduceError, Producer};
use rand::SeedableRng;
use rand::rngs::StdRng;
use schemas::topics::CONNECTION_EVENTS;
use tokio::sync::mpsc::UnboundedSender;

use crate::figure::{Figure, Measured};
use crate::ingest::kafka_engine::{self, KafkaEngine, Target};
use crate::ingest::stage::Stage;
use crate::traffic::Traffic;

/// So long events are followed, which are made before and sent at their pace.
const SECONDS: f64 = 20.0;
/// So long before that they come at the same pace: the broker compiles itself meanwhile, and the table has parts that are merged.
const WARM_UP_SECONDS: f64 = 5.0;
/// One event of so many is followed.
const FOLLOWED: usize = 200;
/// Buckets of the table.
const BUCKETS: i32 = 16;
/// So long after the first row the group is at rest.
const SETTLED: Duration = Duration::from_secs(5);
/// How often the tables are looked at. A look is 5 to 12 ms of the engine's CPU: oftener, and it would be a tenth of two cores.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Median and 99th percentile, seconds.
struct Waits {
    p50: f64,
    p99: f64,
}

pub(crate) async fn measure(
    per_second: f64,
    small: bool,
    settings: &str,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let ours = of_ingest(per_second, small, settings).await?;
    measured.figures.push(Figure::new("freshness_p50_seconds", ours.p50, "s", "limit", 0.5));
    measured.figures.push(Figure::new("freshness_p99_seconds", ours.p99, "s", "limit", 2.0));
    measured.notes.push(format!("freshness at {per_second:.0} events a second"));
    Ok(())
}

/// Both at a pace that the engine's Kafka table can keep.
pub(crate) async fn beside_kafka_engine(per_second: f64, small: bool, measured: &mut Measured) -> anyhow::Result<()> {
    let ours = of_ingest(per_second, small, "").await?;
    let stage = Stage::start(super::PARTITIONS).await?;
    let engine = KafkaEngine::start(&stage, Target::Connections, kafka_engine::FRESH).await?;
    let engines = waits(&stage, per_second, small).await?;
    engine.stop().await?;
    for (name, value, peer) in [("p50", ours.p50, engines.p50), ("p99", ours.p99, engines.p99)] {
        let name = format!("freshness_{name}_seconds_beside_kafka_engine");
        measured.figures.push(Figure::new(name, value, "s", "engine", peer));
    }
    measured.notes.push(format!(
        "freshness beside kafka_engine at {per_second:.0} events a second, half of its speed with a backlog; it flushes after 0.5 s, as \
         ranges of ours close"
    ));
    Ok(())
}

async fn of_ingest(per_second: f64, small: bool, settings: &str) -> anyhow::Result<Waits> {
    let stage = Stage::start(super::PARTITIONS).await?;
    let _program = stage.ingest(settings)?;
    waits(&stage, per_second, small).await
}

/// Waits of the events that are followed, whoever carries them into the table.
async fn waits(stage: &Stage, per_second: f64, small: bool) -> anyhow::Result<Waits> {
    let now_ms = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64() * 1e3;
    let mut traffic = Traffic::new(StdRng::seed_from_u64(9), per_second)?.beginning_at_ms(now_ms);
    let seconds = if small { SECONDS / 2.0 } else { SECONDS };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "numbers of events")]
    let (first_followed, events) =
        ((per_second * WARM_UP_SECONDS) as usize, (per_second * (WARM_UP_SECONDS + seconds)) as usize);
    let mut records = Vec::with_capacity(events);
    for _ in 0..events {
        let event = traffic.next_event()?;
        records.push((event.key(), stage.encoder.encode(&event)?));
    }
    let producer = Producer::new(&stage.kafka_config(), "bench")?;
    warm_up(stage, &producer, &records[0]).await?;
    let in_bulk = BatchProducer::new(&stage.kafka_config(), "bench", CONNECTION_EVENTS.name)?;
    let (sender, mut acknowledged) = tokio::sync::mpsc::unbounded_channel();
    let begin = Instant::now();
    let sending = tokio::spawn(send(records, per_second, first_followed, producer, in_bulk, sender));
    let (mut waiting, mut waits) = (Vec::new(), Vec::new());
    // Answered from what the engine knows of its parts, without reading rows: looking costs next to nothing. A bucket of the table holds
    // one Kafka partition, whose offsets are stored in order and without gaps.
    anyhow::ensure!(super::PARTITIONS == BUCKETS, "a bucket is not a partition");
    let sql = "SELECT kafkaMurmurHash(toString(remote_network_id)) % 16 AS bucket, count() - 1 FROM connections
        GROUP BY bucket";
    let followed = (first_followed..events).filter(|number| number % FOLLOWED == 0).count();
    while waits.len() < followed {
        anyhow::ensure!(begin.elapsed() < Duration::from_secs(600), "events do not become rows");
        let seen = stage.clickhouse.text(sql).await?;
        let now = Instant::now();
        let highest: BTreeMap<i32, i64> = seen
            .lines()
            .filter_map(|line| {
                line.split_once('\t').and_then(|(number, offset)| Some((number.parse().ok()?, offset.parse().ok()?)))
            })
            .collect();
        while let Ok(one) = acknowledged.try_recv() {
            waiting.push(one);
        }
        waiting.retain(|(delivered, since): &(Delivered, Instant)| {
            let is_there = highest.get(&delivered.partition).is_some_and(|offset| *offset >= delivered.offset);
            if is_there {
                waits.push(now.duration_since(*since).as_secs_f64());
            }
            !is_there
        });
        tokio::time::sleep(LOOK_EVERY).await;
    }
    sending.await??;
    waits.sort_by(f64::total_cmp);
    let at = |share: usize| waits[(waits.len() * share / 100).min(waits.len() - 1)];
    Ok(Waits { p50: at(50), p99: at(99) })
}

/// Each record when it is due; those that are followed one by one, which tells where they lie, the others many at a time as a Connector's
/// are, because whoever sends shares the cores.
async fn send(
    records: Vec<(String, Vec<u8>)>,
    per_second: f64,
    first_followed: usize,
    producer: Producer,
    mut in_bulk: BatchProducer,
    acknowledged: UnboundedSender<(Delivered, Instant)>,
) -> Result<(), ProduceError> {
    let (begin, mut last) = (Instant::now(), None);
    for (number, (key, value)) in records.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "a number of events")]
        let due = Duration::from_secs_f64(number as f64 / per_second);
        if let Some(early) = due.checked_sub(begin.elapsed()).filter(|early| *early > Duration::from_millis(2)) {
            in_bulk.hand_over().await?;
            tokio::time::sleep(early).await;
        }
        if number < first_followed || number % FOLLOWED != 0 {
            // Settled when all before it are.
            last = Some(in_bulk.collect(key.as_bytes(), value));
            if in_bulk.is_full() {
                in_bulk.hand_over().await?;
            }
            continue;
        }
        let out = OutRecord { topic: CONNECTION_EVENTS.name, key: key.as_bytes(), payload: value, headers: &[] };
        let acknowledgement = producer.enqueue(out).await?;
        let acknowledged = acknowledged.clone();
        tokio::spawn(async move {
            if let Ok(delivered) = acknowledgement.await {
                let _ = acknowledged.send((delivered, Instant::now()));
            }
        });
    }
    in_bulk.hand_over().await?;
    if let Some(last) = last {
        last.await?;
    }
    producer.flush(Duration::from_secs(60)).await
}

/// Until whoever carries events has its partitions: starts are measured elsewhere.
async fn warm_up(stage: &Stage, producer: &Producer, (key, value): &(String, Vec<u8>)) -> anyhow::Result<()> {
    let begin = Instant::now();
    producer
        .send(OutRecord { topic: CONNECTION_EVENTS.name, key: key.as_bytes(), payload: value, headers: &[] })
        .await?;
    while stage.clickhouse.text("SELECT count() FROM connections").await?.trim() == "0" {
        anyhow::ensure!(begin.elapsed() < Duration::from_secs(120), "an event does not become a row");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    // A second member may still join.
    tokio::time::sleep(SETTLED).await;
    Ok(())
}
