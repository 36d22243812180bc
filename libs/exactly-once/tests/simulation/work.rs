//! What a process does with a partition: it reads, decodes, cuts, and hands closed ranges to the writer, as ingest does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use exactly_once::{
    Assignment, ClosedRange, Delivery, Ended, Limits, RangeCutter, RangeWriter, Refused, Source, Taken, TokenLife,
};
use rand::Rng;
use tokio::sync::mpsc;

use crate::adapters::{Batch, Gate, GatedLog, Store};
use crate::member::{Client, Epoch};
use crate::topic::Next;
use crate::world::{Shared, lock, point};

/// Together so long as the engine remembers tokens.
const TOKEN_LIFE: TokenLife = TokenLife { used: Duration::from_secs(20), late: Duration::from_secs(20) };
/// A reader at the end of a partition looks again after so long.
const FETCH_WAIT: Duration = Duration::from_millis(50);

#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) world: Shared,
    pub(crate) client: Arc<Mutex<Client>>,
    pub(crate) partition: usize,
    pub(crate) gate: Gate,
    pub(crate) epoch: Epoch,
    pub(crate) encoder: u32,
    pub(crate) skew_ms: i64,
    pub(crate) assignment: Assignment,
}

/// Reads and cuts.
pub(crate) async fn fill(work: Work, ranges: mpsc::Sender<ClosedRange<Batch>>) {
    let limits = {
        let random = &mut lock(&work.world).random;
        let (rows, age_ms) = (random.random_range(1..9), random.random_range(100..2_000));
        Limits { rows, bytes: 60, age: Duration::from_millis(age_ms) }
    };
    let mut cutter = RangeCutter::new(limits, &work.assignment);
    let (mut block, mut refused) = (Batch::default(), Vec::new());
    let mut position = work.assignment.begin();
    loop {
        point().await;
        let now = tokio::time::Instant::now().into_std();
        let next = lock(&work.world).topics[work.partition].next(position);
        let mut is_due = lock(&work.client).stops;
        match next {
            _ if is_due => {}
            // It is read again when the range before it is closed.
            Next::Record(offset) if cutter.ends_before(offset, now) => is_due = true,
            Next::Record(offset) => {
                let encoded = lock(&work.world).topics[work.partition].encode(work.encoder, offset);
                let taken = match encoded.filter(|_| !cutter.stays_refused(offset)) {
                    Some(place) => {
                        block.0.insert(offset, place);
                        Taken::Row
                    }
                    None => {
                        refused.push(Refused { offset, reason: "cannot be decoded".to_owned() });
                        Taken::Refused
                    }
                };
                cutter.add(offset, 10, taken, now);
                position = offset + 1;
            }
            Next::End(end) => {
                cutter.move_to(end, now);
                tokio::time::sleep(FETCH_WAIT).await;
            }
        }
        if is_due || cutter.is_due(now) {
            if let Some(cut) = cutter.close() {
                let range =
                    ClosedRange { cut, block: std::mem::take(&mut block), refused: std::mem::take(&mut refused) };
                if ranges.send(range).await.is_err() {
                    return;
                }
            }
            if lock(&work.client).stops {
                return;
            }
        }
    }
}

/// Writes what was cut.
pub(crate) async fn write(work: Work, mut ranges: mpsc::Receiver<ClosedRange<Batch>>) {
    let Work { world, client, partition, gate, epoch, encoder, skew_ms, assignment } = work;
    let clock = Arc::clone(&world);
    let writer = RangeWriter {
        log: GatedLog { client, epoch, world: Arc::clone(&world) },
        store: Store { world: Arc::clone(&world), partition, gate },
        observer: Arc::new(()),
        now_ms: Arc::new(move || lock(&clock).now_ms + skew_ms),
        source: Source::new(format!("main/topic/{partition}")).unwrap(),
        encoder,
        token_life: TOKEN_LIFE,
        delivery: Delivery::ExactlyOnce,
    };
    match writer.run(&assignment, &mut ranges).await {
        Ok(Ended::Drained | Ended::Abandoned) => {}
        Err(error) => lock(&world).fail(format!("the work on {partition} cannot go on: {error}")),
    }
}
