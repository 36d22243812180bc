//! The broker: committed offsets with their notes, and a group whose members are fenced by member and generation, and not by
//! partition.

use std::collections::BTreeMap;

use exactly_once::CommitError;
use rand::Rng;
use rand::rngs::StdRng;

use crate::member::Passed;
use crate::world::{PARTITIONS, World};

/// A member that is silent for so long is thrown out.
const SESSION_MS: i64 = 10_000;

pub(crate) type MemberId = u32;

/// A commit on its way, as its member sent it.
pub(crate) struct Commit {
    pub(crate) member: MemberId,
    pub(crate) generation: u32,
    pub(crate) partition: usize,
    pub(crate) offset: i64,
    pub(crate) note: String,
    pub(crate) passed: Passed,
}

#[derive(Default)]
pub(crate) struct Broker {
    pub(crate) generation: u32,
    /// Members, and when they were heard of.
    pub(crate) members: BTreeMap<MemberId, i64>,
    pub(crate) owners: [Option<MemberId>; PARTITIONS],
    /// Partitions whose owner is asked to let them go.
    pub(crate) wanted_back: [bool; PARTITIONS],
    pub(crate) committed: [(i64, String); PARTITIONS],
    pub(crate) on_their_way: Vec<Commit>,
    pub(crate) away_until_ms: i64,
    last_member: MemberId,
}

impl Broker {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn join(&mut self, random: &mut StdRng, now_ms: i64) -> MemberId {
        self.last_member += 1;
        self.members.insert(self.last_member, now_ms);
        self.rebalance(random);
        self.last_member
    }

    pub(crate) fn leave(&mut self, member: MemberId, random: &mut StdRng) {
        if self.members.remove(&member).is_some() {
            self.rebalance(random);
        }
    }

    /// The owner has let a partition go.
    pub(crate) fn let_go(&mut self, partition: usize, random: &mut StdRng) {
        self.owners[partition] = None;
        self.wanted_back[partition] = false;
        self.rebalance(random);
    }

    pub(crate) fn throw_out_silent(&mut self, random: &mut StdRng, now_ms: i64) -> Vec<MemberId> {
        let silent = self.members.iter().filter(|(_, heard_ms)| **heard_ms + SESSION_MS < now_ms);
        let silent: Vec<MemberId> = silent.map(|(member, _)| *member).collect();
        for member in &silent {
            self.members.remove(member);
        }
        if !silent.is_empty() {
            self.rebalance(random);
        }
        silent
    }

    /// A new generation: what has no owner gets one.
    fn rebalance(&mut self, random: &mut StdRng) {
        self.generation += 1;
        let members: Vec<MemberId> = self.members.keys().copied().collect();
        for partition in 0..PARTITIONS {
            let has_owner = self.owners[partition].is_some_and(|owner| members.contains(&owner));
            if !has_owner {
                self.wanted_back[partition] = false;
                self.owners[partition] = (!members.is_empty()).then(|| members[random.random_range(0..members.len())]);
            } else if members.len() > 1 && random.random_range(0..4) == 0 {
                self.wanted_back[partition] = true;
            }
        }
    }

    fn refusal(&self, commit: &Commit) -> Option<CommitError> {
        if !self.members.contains_key(&commit.member) {
            return Some(CommitError::NotOurs("unknown member".to_owned()));
        }
        // Whether the partition is the member's is not asked.
        (commit.generation != self.generation).then(|| CommitError::Retry("illegal generation".to_owned()))
    }
}

impl World {
    /// A commit reaches the broker, or gets lost, or its answer does.
    pub(crate) fn step_commit(&mut self) {
        let nth = self.random.random_range(0..self.broker.on_their_way.len());
        let commit = self.broker.on_their_way.remove(nth);
        if self.now_ms < self.broker.away_until_ms || self.goes_wrong() {
            commit.passed.end(Err(CommitError::Retry("no answer".to_owned())));
            return;
        }
        if let Some(refusal) = self.broker.refusal(&commit) {
            self.tell(|| format!("broker refuses member {} on {}: {refusal}", commit.member, commit.partition));
            commit.passed.end(Err(refusal));
            return;
        }
        let (partition, offset, note) = (commit.partition, commit.offset, commit.note.clone());
        self.tell(|| format!("member {} commits {partition}: {offset} {note}", commit.member));
        if offset < self.broker.committed[partition].0 {
            self.fail(format!("offset of partition {partition} is moved back to {offset}"));
        }
        self.check_durable(partition, offset);
        self.broker.committed[partition] = (offset, note);
        let answer = if self.goes_wrong() { Err(CommitError::Retry("lost answer".to_owned())) } else { Ok(()) };
        commit.passed.end(answer);
    }

    /// What lies before a committed offset must be stored, refused, or gone from the topic.
    fn check_durable(&mut self, partition: usize, offset: i64) {
        for before in 0..offset {
            let topic = &self.topics[partition];
            let is_durable = self.engine.is_stored(partition, before) || self.engine.is_refused(partition, before);
            if topic.is_record(before) && !topic.has_vanished(before) && !is_durable {
                self.fail(format!("partition {partition}: {offset} is committed, and {before} is not durable"));
            }
        }
    }
}
