//! What happens from outside. By itself: records are written, silent members are thrown out, processes come and end. And what goes
//! wrong: processes die, freeze, or come back with another encoder; broker and engine go away; records vanish; an operator moves
//! offsets back.

use exactly_once::Note;
use rand::Rng;

use crate::member::Process;
use crate::run::Run;
use crate::world::{PARTITIONS, World, lock};

/// How long a frozen process sleeps at most: longer than a token lives.
const FREEZE_MS_MAX: i64 = 60_000;

impl Run {
    pub(crate) fn life_goes_on(&mut self) {
        let world = &mut *lock(&self.world);
        for partition in 0..PARTITIONS {
            let topic = &world.topics[partition];
            if topic.written < topic.len() && world.chance(40) {
                world.topics[partition].written += 1;
            }
        }
        if world.now_ms >= world.broker.away_until_ms {
            for member in world.broker.throw_out_silent(&mut world.random, world.now_ms) {
                world.tell(|| format!("member {member} is thrown out"));
            }
        }
        for process in self.processes.extract_if(.., |process| process.is_done()) {
            process.leave(world);
        }
        if let Some(partition) = self.moving_back {
            if world.nothing_is_on_its_way() {
                world.move_back(partition);
                self.moving_back = None;
            }
        } else if self.processes.len() < self.wanted && world.chance(100) {
            self.last_process += 1;
            self.processes.push(Process::new(self.last_process, world));
        }
    }

    pub(crate) fn trouble_comes(&mut self) {
        let world = &mut *lock(&self.world);
        if world.trouble == 0 || !world.random.random_ratio(world.trouble, 10_000) {
            return;
        }
        world.faults += 1;
        let now_ms = world.now_ms;
        let process = world.random.random_range(0..self.processes.len().max(1));
        let partition = world.random.random_range(0..PARTITIONS);
        match world.random.random_range(0..100) {
            0..25 if !self.processes.is_empty() => {
                let process = self.processes.swap_remove(process);
                world.tell(|| format!("process {} is killed", process.id));
            }
            25..45 if !self.processes.is_empty() => {
                let (process, freeze_ms) = (&mut self.processes[process], world.random.random_range(0..FREEZE_MS_MAX));
                process.frozen_until_ms = now_ms + freeze_ms;
                world.tell(|| format!("process {} is frozen for {freeze_ms} ms", process.id));
            }
            45..50 if !self.processes.is_empty() => self.processes[process].stop(),
            50..65 => world.crash_engine(),
            65..71 => world.engine.away_until_ms = now_ms + world.random.random_range(0..90_000),
            71..77 => world.broker.away_until_ms = now_ms + world.random.random_range(0..20_000),
            77..83 => world.broker.wanted_back[partition] = world.broker.owners[partition].is_some(),
            83..88 => world.encoder = 3 - world.encoder,
            88..97 => world.vanish(partition),
            97..100 => {
                world.tell(|| "an operator stops everything".to_owned());
                self.processes.clear();
                self.moving_back = Some(partition);
            }
            _ => {}
        }
    }
}

impl World {
    /// Mostly a row that the engine refuses, and that is not done with.
    fn vanish(&mut self, partition: usize) {
        let (topic, committed) = (&self.topics[partition], self.broker.committed[partition].0);
        let refused = (committed..topic.written).find(|it| topic.is_poison(*it) && !topic.has_vanished(*it));
        let any = self.random.random_range(0..topic.len());
        let offset = refused.filter(|_| self.random.random_bool(0.7)).unwrap_or(any);
        if offset < topic.written {
            self.topics[partition].vanish(offset);
            self.tell(|| format!("record {offset} of {partition} vanishes"));
        }
    }

    fn nothing_is_on_its_way(&self) -> bool {
        self.broker.members.is_empty() && self.engine.inserts.is_empty() && self.broker.on_their_way.is_empty()
    }

    /// Another form of this program has written the note.
    pub(crate) fn blot_note(&mut self, partition: usize) {
        let (offset, note) = &mut self.broker.committed[partition];
        let Note::Intent(intent) = Note::read(*offset, note) else { return };
        "{\"v\":2}".clone_into(note);
        self.forget_refusals(partition, intent.refused);
    }

    /// These are in no intent any more: an encoder that does not refuse them may store them besides.
    fn forget_refusals(&mut self, partition: usize, refused: Vec<i64>) {
        let topic = &self.topics[partition];
        self.engine.excused.extend(refused.into_iter().filter(|it| topic.is_disputed(*it)).map(|it| (partition, it)));
    }

    /// Nobody runs, and nothing of them can arrive any more: offsets may be moved.
    fn move_back(&mut self, partition: usize) {
        let offset = self.random.random_range(0..=self.broker.committed[partition].0);
        let refused = self.engine.refused_from(partition, offset);
        self.forget_refusals(partition, refused);
        self.tell(|| format!("an operator moves {partition} back to {offset}"));
        self.broker.committed[partition] = (offset, String::new());
    }
}
