//! A process: its place in the group, the gates of its assignments, and the work on its partitions.
//!
//! The rule for a rebalance is that of the production client: before a partition is let go, or the loss of all is accepted, its gate
//! is closed and commits in flight are waited for.

use std::sync::{Arc, Mutex};

use exactly_once::{Assignment, CommitError};
use rand::Rng;

use crate::adapters;
use crate::broker::{Commit, MemberId};
use crate::mutants::Mutant;
use crate::task::Task;
use crate::work::{Work, fill, write};
use crate::world::{Answer, PARTITIONS, Shared, World, lock};

/// Number of an assignment of one partition to one process.
pub(crate) type Epoch = usize;

/// The right to commit a partition.
#[derive(Default)]
struct Gate {
    partition: usize,
    is_open: bool,
    in_flight: u32,
}

/// A commit that has passed the gate.
pub(crate) struct Passed {
    client: Arc<Mutex<Client>>,
    epoch: Epoch,
    offset: i64,
    note: String,
    answer: Answer<Result<(), CommitError>>,
}

impl Passed {
    pub(crate) fn end(self, result: Result<(), CommitError>) {
        lock(&self.client).gates[self.epoch].in_flight -= 1;
        self.answer.give(result);
    }
}

/// What the tasks of a process share with its client library.
#[derive(Default)]
pub(crate) struct Client {
    gates: Vec<Gate>,
    queued: Vec<Passed>,
    /// The process is to end: what is held is written, nothing more is read.
    pub(crate) stops: bool,
}

impl Client {
    pub(crate) fn is_open(&self, epoch: Epoch) -> bool {
        self.gates[epoch].is_open
    }

    /// A commit passes the gate; from here on it goes its way, whatever becomes of who wanted it.
    pub(crate) fn pass(
        client: &Arc<Mutex<Self>>,
        epoch: Epoch,
        offset: i64,
        note: &str,
        answer: Answer<Result<(), CommitError>>,
    ) {
        let passed = Passed { client: Arc::clone(client), epoch, offset, note: note.to_owned(), answer };
        let mut client = lock(client);
        client.gates[epoch].in_flight += 1;
        client.queued.push(passed);
    }

    fn is_idle(&self, epoch: Epoch) -> bool {
        self.gates[epoch].in_flight == 0
    }
}

pub(crate) struct Process {
    pub(crate) id: u32,
    encoder: u32,
    skew_ms: i64,
    client: Arc<Mutex<Client>>,
    inserts: adapters::Gate,
    member: Option<MemberId>,
    generation: u32,
    owned: [Option<Epoch>; PARTITIONS],
    pub(crate) frozen_until_ms: i64,
    pub(crate) tasks: Vec<(Epoch, Task)>,
}

impl Process {
    pub(crate) fn new(id: u32, world: &mut World) -> Self {
        let skew_ms = world.random.random_range(-400..=400);
        let encoder = if world.is_mixed { world.random.random_range(1..=2) } else { world.encoder };
        let at_once_max = 1 + id as usize % PARTITIONS;
        world.tell(|| format!("process {id} starts with encoder {encoder}, {at_once_max} blocks at once"));
        Self {
            id,
            encoder,
            skew_ms,
            client: Arc::default(),
            inserts: adapters::Gate::new(at_once_max),
            member: None,
            generation: 0,
            owned: [None; PARTITIONS],
            frozen_until_ms: 0,
            tasks: Vec::new(),
        }
    }

    pub(crate) fn stop(&self) {
        lock(&self.client).stops = true;
    }

    /// Stopped, and everything that it held is written.
    pub(crate) fn is_done(&self) -> bool {
        lock(&self.client).stops && self.tasks.is_empty()
    }

    pub(crate) fn leave(&self, world: &mut World) {
        if let Some(member) = self.member {
            world.broker.leave(member, &mut world.random);
        }
    }

    /// The client library does one thing: sends a commit, or hears of the group.
    pub(crate) fn step(&mut self, shared: &Shared) {
        let mut world = lock(shared);
        let queued = lock(&self.client).queued.len();
        if queued > 0 && world.chance(500) {
            let nth = world.random.random_range(0..queued);
            let passed = lock(&self.client).queued.remove(nth);
            self.send(passed, &mut world);
        } else if world.now_ms >= world.broker.away_until_ms {
            self.hear(&mut world, shared);
        }
    }

    fn send(&self, passed: Passed, world: &mut World) {
        let Some(member) = self.member else {
            passed.end(Err(CommitError::Retry("no member".to_owned())));
            return;
        };
        let (offset, note) = (passed.offset, passed.note.clone());
        let partition = lock(&self.client).gates[passed.epoch].partition;
        let generation = self.generation;
        world.broker.on_their_way.push(Commit { member, generation, partition, offset, note, passed });
    }

    fn hear(&mut self, world: &mut World, shared: &Shared) {
        let Some(member) = self.member else {
            if !lock(&self.client).stops {
                let (member, id) = (world.broker.join(&mut world.random, world.now_ms), self.id);
                (self.member, self.generation) = (Some(member), world.broker.generation);
                world.tell(|| format!("process {id} joins as member {member}"));
            }
            return;
        };
        if !world.broker.members.contains_key(&member) {
            // All of them are closed, whichever is idle first.
            let idle = (0..PARTITIONS).filter(|it| self.close(*it, world)).count();
            if idle == PARTITIONS {
                self.owned = [None; PARTITIONS];
                self.member = None;
            }
            return;
        }
        world.broker.members.insert(member, world.now_ms);
        self.generation = world.broker.generation;
        for partition in 0..PARTITIONS {
            if world.broker.owners[partition] != Some(member) {
                continue;
            }
            if !world.broker.wanted_back[partition] {
                if self.owned[partition].is_none() && !lock(&self.client).stops {
                    self.begin(partition, world, shared);
                }
            } else if self.close(partition, world) {
                self.owned[partition] = None;
                world.tell(|| format!("member {member} lets {partition} go"));
                world.broker.let_go(partition, &mut world.random);
                self.generation = world.broker.generation;
            }
        }
    }

    /// Closes the gate of a partition; true where it may go. Its work is dropped, or finds out by itself.
    fn close(&mut self, partition: usize, world: &mut World) -> bool {
        let Some(epoch) = self.owned[partition] else { return true };
        if lock(&self.client).is_open(epoch) {
            lock(&self.client).gates[epoch].is_open = false;
            let id = self.id;
            world.tell(|| format!("process {id} closes its gate of {partition}"));
            if world.chance(500) {
                self.tasks.retain(|(task_epoch, _)| *task_epoch != epoch);
            }
        }
        lock(&self.client).is_idle(epoch) || world.has(Mutant::NoWait)
    }

    fn begin(&mut self, partition: usize, world: &mut World, shared: &Shared) {
        let epoch = {
            let mut client = lock(&self.client);
            client.gates.push(Gate { partition, is_open: true, in_flight: 0 });
            client.gates.len() - 1
        };
        self.owned[partition] = Some(epoch);
        if world.trouble > 0 && world.chance(80) {
            world.blot_note(partition);
        }
        let (offset, note) = &world.broker.committed[partition];
        let assignment = Assignment::new(Some((*offset, note)), 0);
        let (id, pending) = (self.id, note.clone());
        let begin = assignment.begin();
        world.tell(|| format!("process {id} begins {partition} at {begin} {pending}"));
        let work = Work {
            world: Arc::clone(shared),
            client: Arc::clone(&self.client),
            partition,
            gate: self.inserts.clone(),
            epoch,
            encoder: self.encoder,
            skew_ms: self.skew_ms,
            assignment,
        };
        let (sender, receiver) = tokio::sync::mpsc::channel(world.random.random_range(1..3));
        self.tasks.push((epoch, Task::new(fill(work.clone(), sender))));
        self.tasks.push((epoch, Task::new(write(work, receiver))));
    }
}
