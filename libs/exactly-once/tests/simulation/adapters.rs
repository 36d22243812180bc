//! The log and the store as one process sees them under one assignment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use exactly_once::{BeginGate, Block, CommitError, OffsetLog, RangeStore, Refused, Rows, StoreError};

use crate::engine::{Insert, Outcome, RUN_MS, Said};
use crate::member::{Client, Epoch};
use crate::mutants::Mutant;
use crate::topic::Place;
use crate::world::{Answer, Shared, World, lock, point};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// All inserts of a block are begun within this time.
const BEGIN_MAX: Duration = Duration::from_secs(6);

#[derive(Debug, Default)]
pub(crate) struct Batch(pub(crate) BTreeMap<i64, Place>);

impl Block for Batch {
    fn rows(&self) -> usize {
        self.0.len()
    }

    fn offsets(&self) -> BTreeSet<i64> {
        self.0.keys().copied().collect()
    }
}

/// Commits through the gate of an assignment.
pub(crate) struct GatedLog {
    pub(crate) client: Arc<Mutex<Client>>,
    pub(crate) epoch: Epoch,
    pub(crate) world: Shared,
}

impl OffsetLog for GatedLog {
    async fn commit(&self, offset: i64, note: &str) -> Result<(), CommitError> {
        point().await;
        let checks_epoch = !lock(&self.world).has(Mutant::NoEpoch);
        let answer = Answer::new();
        if checks_epoch && !lock(&self.client).is_open(self.epoch) {
            return Err(CommitError::NotOurs("the gate is closed".to_owned()));
        }
        Client::pass(&self.client, self.epoch, offset, note, answer.clone());
        // Dropped here, the commit goes its way all the same.
        answer.get().await
    }
}

/// What the inserts of one process pass, and how many blocks have.
#[derive(Clone)]
pub(crate) struct Gate {
    gate: BeginGate,
    at_once_max: usize,
    in_work: Arc<AtomicUsize>,
}

impl Gate {
    pub(crate) fn new(at_once_max: usize) -> Self {
        Self { gate: BeginGate::new(at_once_max, BEGIN_MAX), at_once_max, in_work: Arc::default() }
    }
}

/// A block in work, also where its process dies.
struct InWork<'a>(&'a AtomicUsize);

impl Drop for InWork<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) struct Store {
    pub(crate) world: Shared,
    pub(crate) partition: usize,
    pub(crate) gate: Gate,
}

impl Store {
    /// Asks, and gets the answer later, or none.
    async fn ask<T>(&self, ask: impl FnOnce(&mut World) -> T) -> Result<T, StoreError<Said>> {
        point().await;
        let answer = {
            let mut world = lock(&self.world);
            if world.now_ms < world.engine.away_until_ms || world.goes_wrong() {
                return Err(StoreError::Unsure(Said("away")));
            }
            ask(&mut world)
        };
        point().await;
        if lock(&self.world).goes_wrong() { Err(StoreError::Unsure(Said("lost answer"))) } else { Ok(answer) }
    }

    /// Rows by the insert that they go in with: a table, and a group of its parts.
    fn inserts(&self, block: &Batch, rows: Rows<'_>) -> BTreeMap<(u8, u8), BTreeMap<Place, Vec<i64>>> {
        let splits_by_rows = lock(&self.world).has(Mutant::SplitByRows);
        let is_chosen = |offset: &i64| match rows {
            Rows::All => true,
            Rows::Only(offsets) => offsets.contains(offset),
        };
        let mut inserts: BTreeMap<(u8, u8), BTreeMap<Place, Vec<i64>>> = BTreeMap::new();
        let chosen = block.0.iter().filter(|(offset, _)| is_chosen(offset));
        let few = splits_by_rows && chosen.clone().count() < 3;
        for (offset, place) in chosen {
            let split = if few { 0 } else { place.part / 2 };
            inserts.entry((place.table, split)).or_default().entry(*place).or_default().push(*offset);
        }
        inserts
    }
}

impl RangeStore for Store {
    type Block = Batch;
    type Error = Said;

    async fn insert(&self, block: &Batch, rows: Rows<'_>, token: &str) -> Result<(), StoreError<Said>> {
        let turn = self.gate.gate.turn().await;
        let in_work = InWork(&self.gate.in_work);
        if in_work.0.fetch_add(1, Ordering::Relaxed) >= self.gate.at_once_max {
            lock(&self.world).fail("more blocks are in work at once than may be".to_owned());
        }
        for ((table, split), rows) in self.inserts(block, rows) {
            point().await;
            // It was frozen between two of them: the token may be old by now.
            turn.check().map_err(|_| StoreError::Unsure(Said("too late")))?;
            let answer = Answer::new();
            {
                let mut world = lock(&self.world);
                let late_ms = world.lateness_ms();
                let insert = Insert {
                    partition: self.partition,
                    token: format!("{token}/{table}/{split}"),
                    rows,
                    arrives_ms: world.now_ms + late_ms,
                    ends_ms: world.now_ms + RUN_MS,
                    runs: false,
                    noted: None,
                    answer: answer.clone(),
                };
                world.tell(|| format!("insert {} {:?}, {late_ms} ms late", insert.token, insert.rows));
                world.engine.inserts.push(insert);
            }
            match tokio::time::timeout(PATIENCE, answer.get()).await {
                Ok(Outcome::Done) => {}
                Ok(Outcome::Rows) => return Err(StoreError::Rows(Said("poison"))),
                Ok(Outcome::Unsure) | Err(_) => return Err(StoreError::Unsure(Said("no answer"))),
            }
        }
        Ok(())
    }

    async fn stored(&self, first: i64, last: i64) -> Result<BTreeSet<i64>, StoreError<Said>> {
        self.ask(|world| world.engine.stored_between(self.partition, first, last)).await
    }

    async fn highest_stored(&self, from: i64) -> Result<Option<i64>, StoreError<Said>> {
        self.ask(|world| world.engine.stored_between(self.partition, from, i64::MAX).last().copied()).await
    }

    async fn is_running(&self, token: &str) -> Result<bool, StoreError<Said>> {
        self.ask(|world| world.engine.is_running(token)).await
    }

    async fn refuse(&self, _: &Batch, refused: &[Refused]) -> Result<(), StoreError<Said>> {
        self.ask(|world| refused.iter().for_each(|it| world.refuse(self.partition, it.offset))).await
    }
}
