//! Events for ingest while questions are asked.

use std::time::{Duration, Instant, SystemTime};

use kafka_io::BatchProducer;
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
    // Many at a time, as a Connector sends them: whoever sends shares the cores.
    let mut producer = BatchProducer::new(&stage.kafka_config(), "bench", CONNECTION_EVENTS.name)?;
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
        let begin = Instant::now();
        for (number, (key, value)) in (0_u64..).zip(records.iter().cycle()) {
            #[expect(clippy::cast_precision_loss, reason = "a number of events")]
            let due = Duration::from_secs_f64(number as f64 / per_second);
            let early = due.checked_sub(begin.elapsed()).filter(|early| *early > Duration::from_millis(10));
            if (early.is_some() || producer.is_full()) && producer.hand_over().await.is_err() {
                // What is not sent is not stored, and the measurement finds nothing.
                return;
            }
            if let Some(early) = early {
                tokio::time::sleep(early).await;
            }
            drop(producer.collect(key.as_bytes(), value));
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
