//! From an event on Kafka to a row that can be read, while events come at half of the top speed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use kafka_io::{OutRecord, Producer};
use rand::SeedableRng;
use rand::rngs::StdRng;
use schemas::topics::CONNECTION_EVENTS;

use crate::figure::{Figure, Measured};
use crate::ingest::stage::Stage;
use crate::traffic::Traffic;

/// Events that are made before, and sent at their pace.
const SECONDS: f64 = 20.0;
/// One event of so many is followed.
const FOLLOWED: usize = 200;
/// Buckets of the table.
const BUCKETS: i32 = 16;
/// How often the tables are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(25);

pub(crate) async fn measure(
    per_second: f64,
    small: bool,
    settings: &str,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let stage = Stage::start(super::PARTITIONS).await?;
    let _program = stage.ingest(settings)?;
    let now_ms = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64() * 1e3;
    let mut traffic = Traffic::new(StdRng::seed_from_u64(9), per_second)?.beginning_at_ms(now_ms);
    let seconds = if small { SECONDS / 2.0 } else { SECONDS };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of events")]
    let events = (per_second * seconds) as usize;
    let mut records = Vec::with_capacity(events);
    for _ in 0..events {
        let event = traffic.next_event()?;
        records.push((event.key(), stage.encoder.encode(&event)?));
    }
    let producer = Producer::new(&stage.kafka_config(), "bench")?;
    let (sender, mut acknowledged) = tokio::sync::mpsc::unbounded_channel();
    let begin = Instant::now();
    let sending = tokio::spawn(async move {
        for (number, (key, value)) in records.iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "a number of events")]
            let due = Duration::from_secs_f64(number as f64 / per_second);
            if let Some(early) = due.checked_sub(begin.elapsed()).filter(|early| *early > Duration::from_millis(2)) {
                tokio::time::sleep(early).await;
            }
            let out = OutRecord { topic: CONNECTION_EVENTS.name, key: key.as_bytes(), payload: value, headers: &[] };
            let acknowledgement = producer.enqueue(out).await?;
            if number % FOLLOWED == 0 {
                let sender = sender.clone();
                tokio::spawn(async move {
                    if let Ok(delivered) = acknowledgement.await {
                        let _ = sender.send((delivered, Instant::now()));
                    }
                });
            }
        }
        producer.flush(Duration::from_secs(60)).await
    });
    let (mut waiting, mut waits) = (Vec::new(), Vec::new());
    // Answered from what the engine knows of its parts, without reading rows: looking costs next to nothing. A bucket of the table holds
    // one Kafka partition, whose offsets are stored in order and without gaps.
    anyhow::ensure!(super::PARTITIONS == BUCKETS, "a bucket is not a partition");
    let sql = "SELECT kafkaMurmurHash(toString(remote_network_id)) % 16 AS bucket, count() - 1 FROM connections
        GROUP BY bucket";
    while waits.len() < events.div_ceil(FOLLOWED) {
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
        waiting.retain(|(delivered, since): &(kafka_io::Delivered, Instant)| {
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
    measured.figures.push(Figure::new("freshness_p50_seconds", at(50), "s", "limit", 0.5));
    measured.figures.push(Figure::new("freshness_p99_seconds", at(99), "s", "limit", 2.0));
    measured.notes.push(format!("freshness at {per_second:.0} events a second, {} followed", waits.len()));
    Ok(())
}
