//! Events for ingest while questions are asked.

use std::time::{Duration, Instant, SystemTime};

use kafka_io::{OutRecord, Producer};
use rand::SeedableRng;
use rand::rngs::StdRng;
use schemas::topics::CONNECTION_EVENTS;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::ingest::stage::Stage;
use crate::traffic::Traffic;

/// Events that are made before, and sent again and again.
const EVENTS: usize = 200_000;
/// Within so long ingest has its partitions and stores what comes.
const STORED_MAX: Duration = Duration::from_secs(60);
/// So long after it does the group is at rest.
const SETTLED: Duration = Duration::from_secs(5);

/// Sends so many events a second of another tenant until the guard is dropped.
pub(super) async fn start(stage: &Stage, per_second: f64) -> anyhow::Result<DropGuard> {
    let now_ms = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64() * 1e3;
    let mut traffic = Traffic::new(StdRng::seed_from_u64(13), per_second)?.beginning_at_ms(now_ms);
    let mut records = Vec::with_capacity(EVENTS);
    for _ in 0..EVENTS {
        let event = traffic.next_event()?;
        records.push((event.key(), stage.encoder.encode(&event)?));
    }
    let producer = Producer::new(&stage.kafka_config(), "bench")?;
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
        let begin = Instant::now();
        for (number, (key, value)) in (0_u64..).zip(records.iter().cycle()) {
            #[expect(clippy::cast_precision_loss, reason = "a number of events")]
            let due = Duration::from_secs_f64(number as f64 / per_second);
            if let Some(early) = due.checked_sub(begin.elapsed()).filter(|early| *early > Duration::from_millis(2)) {
                tokio::time::sleep(early).await;
            }
            let out = OutRecord { topic: CONNECTION_EVENTS.name, key: key.as_bytes(), payload: value, headers: &[] };
            drop(producer.enqueue(out).await);
            // Behind its time it would never wait, and hold up whatever its thread is to do next.
            if number % 64 == 0 {
                tokio::task::yield_now().await;
            }
        }
    }));
    let sent = Instant::now();
    while stage.clickhouse.text("SELECT count() FROM connections WHERE tenant = 'acme'").await?.trim() == "0" {
        anyhow::ensure!(sent.elapsed() < STORED_MAX, "ingest stores nothing");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(SETTLED).await;
    Ok(stopped.drop_guard())
}
