//! The engine: tables in parts, a dedup log of tokens that forgets, inserts that arrive late and die in the middle; and the dead
//! letter beside it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rand::Rng;

use crate::topic::Place;
use crate::world::{Answer, World};

/// How long tokens are remembered for sure.
pub(crate) const TOKENS_LAST_MS: i64 = 40_000;
/// How late an insert may arrive after it was begun.
const LATE_MS: i64 = 6_000;
/// How long after it was begun an insert may run at most.
pub(crate) const RUN_MS: i64 = 12_000;

/// How often a token may be tried for rows that it cannot bring any more: an answer may get lost, or a process freeze.
const IN_VAIN_MAX: u32 = 12;

#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Said(pub(crate) &'static str);

#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Done,
    Rows,
    Unsure,
}

/// An insert into one table.
pub(crate) struct Insert {
    pub(crate) partition: usize,
    pub(crate) token: String,
    pub(crate) rows: BTreeMap<Place, Vec<i64>>,
    pub(crate) arrives_ms: i64,
    /// The engine ends it then, if it runs still.
    pub(crate) ends_ms: i64,
    pub(crate) runs: bool,
    /// The token is noted in this place, its rows are not there yet.
    pub(crate) noted: Option<Place>,
    pub(crate) answer: Answer<Outcome>,
}

#[derive(Default)]
pub(crate) struct Engine {
    pub(crate) inserts: Vec<Insert>,
    tokens: HashMap<(String, Place), i64>,
    /// How often rows were swallowed that are not there.
    in_vain: HashMap<String, u32>,
    stored: BTreeMap<(usize, i64), u32>,
    refused: BTreeSet<(usize, i64)>,
    /// Records whose refusal is forgotten: they may be stored besides.
    pub(crate) excused: BTreeSet<(usize, i64)>,
    pub(crate) away_until_ms: i64,
}

impl Engine {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn is_stored(&self, partition: usize, offset: i64) -> bool {
        self.stored.contains_key(&(partition, offset))
    }

    pub(crate) fn is_refused(&self, partition: usize, offset: i64) -> bool {
        self.refused.contains(&(partition, offset))
    }

    pub(crate) fn refused_from(&self, partition: usize, offset: i64) -> Vec<i64> {
        self.refused.range((partition, offset)..(partition, i64::MAX)).map(|(_, offset)| *offset).collect()
    }

    pub(crate) fn stored_between(&self, partition: usize, first: i64, last: i64) -> BTreeSet<i64> {
        self.stored.range((partition, first)..=(partition, last)).map(|((_, offset), _)| *offset).collect()
    }

    pub(crate) fn is_running(&self, token: &str) -> bool {
        let begins = |it: &Insert| {
            it.token.strip_prefix(token).is_some_and(|rest| matches!(rest.as_bytes().first(), None | Some(b'/' | b'~')))
        };
        self.inserts.iter().any(|insert| insert.runs && begins(insert))
    }
}

impl World {
    /// How long an insert that is begun now is on its way.
    pub(crate) fn lateness_ms(&mut self) -> i64 {
        if self.trouble > 0 && self.chance(self.late) { self.random.random_range(0..LATE_MS) } else { 0 }
    }

    /// One insert goes one step further: it arrives, notes its token in a place, stores its rows there, or ends.
    pub(crate) fn step_insert(&mut self) {
        let nth = self.random.random_range(0..self.engine.inserts.len());
        let mut insert = self.engine.inserts.swap_remove(nth);
        if !insert.runs {
            if insert.arrives_ms > self.now_ms {
                self.engine.inserts.push(insert);
                return;
            }
            if self.now_ms < self.engine.away_until_ms || self.goes_wrong() {
                insert.answer.give(Outcome::Unsure);
                return;
            }
            let topic = &self.topics[insert.partition];
            if insert.rows.values().flatten().any(|offset| topic.is_poison(*offset)) {
                self.tell(|| format!("engine refuses {} {:?}", insert.token, insert.rows));
                insert.answer.give(Outcome::Rows);
                return;
            }
            insert.runs = true;
            self.engine.inserts.push(insert);
            return;
        }
        if self.now_ms > insert.ends_ms {
            self.tell(|| format!("engine ends {}, it ran too long", insert.token));
            insert.answer.give(Outcome::Unsure);
            return;
        }
        if let Some(place) = insert.noted.take() {
            let rows = insert.rows.remove(&place).unwrap_or_default();
            self.tell(|| format!("engine stores {} {place:?} {rows:?}", insert.token));
            for offset in rows {
                self.store(insert.partition, offset);
            }
        } else if let Some(place) = insert.rows.keys().next().copied() {
            let key = (insert.token.clone(), place);
            let (now_ms, forgets) = (self.now_ms, self.random.random_bool(0.5));
            let noted_ms = *self.engine.tokens.get(&key).unwrap_or(&i64::MIN);
            if noted_ms == i64::MIN || forgets && noted_ms + TOKENS_LAST_MS < now_ms {
                self.engine.tokens.insert(key, now_ms);
                insert.noted = Some(place);
            } else {
                self.swallow(&mut insert, place);
            }
        } else {
            // The answer may get lost: then the client waits until it gives up.
            if !self.goes_wrong() {
                insert.answer.give(Outcome::Done);
            }
            return;
        }
        self.engine.inserts.push(insert);
    }

    fn swallow(&mut self, insert: &mut Insert, place: Place) {
        self.tell(|| format!("engine swallows {} {place:?}", insert.token));
        let rows = insert.rows.remove(&place).unwrap_or_default();
        let are_there = rows.iter().all(|offset| self.engine.is_stored(insert.partition, *offset));
        let in_vain = self.engine.in_vain.entry(insert.token.clone()).or_default();
        *in_vain += u32::from(!are_there);
        if *in_vain > IN_VAIN_MAX {
            self.fail(format!(
                "{} is tried again and again though the engine has the token without the rows",
                insert.token
            ));
        }
    }

    fn store(&mut self, partition: usize, offset: i64) {
        let count = self.engine.stored.entry((partition, offset)).or_default();
        *count += 1;
        if *count > 1 {
            self.fail(format!("partition {partition}: {offset} is stored twice"));
        }
        self.check_one_fate(partition, offset);
    }

    pub(crate) fn refuse(&mut self, partition: usize, offset: i64) {
        self.tell(|| format!("dead letter of {partition}: {offset}"));
        self.engine.refused.insert((partition, offset));
        self.check_one_fate(partition, offset);
    }

    fn check_one_fate(&mut self, partition: usize, offset: i64) {
        let engine = &self.engine;
        let has_both = engine.is_stored(partition, offset) && engine.is_refused(partition, offset);
        if has_both && !engine.excused.contains(&(partition, offset)) {
            self.fail(format!("partition {partition}: {offset} is stored and refused"));
        }
    }

    /// The engine dies: what ran is gone, what it noted stays.
    pub(crate) fn crash_engine(&mut self) {
        let away_ms = self.random.random_range(0..3_000);
        self.engine.away_until_ms = self.now_ms + away_ms;
        let hole = self.engine.inserts.iter().any(|insert| insert.noted.is_some());
        self.tell(|| format!("the engine dies{}", if hole { " between a token and its rows" } else { "" }));
        let (running, on_their_way) = std::mem::take(&mut self.engine.inserts).into_iter().partition(|it| it.runs);
        self.engine.inserts = on_their_way;
        let running: Vec<Insert> = running;
        for insert in running {
            insert.answer.give(Outcome::Unsure);
        }
    }

    /// The topic's fate when the run is over.
    pub(crate) fn check_end(&mut self) {
        for partition in 0..self.topics.len() {
            for offset in 0..self.topics[partition].len() {
                let (topic, engine) = (&self.topics[partition], &self.engine);
                let has_fate = engine.is_stored(partition, offset) || engine.is_refused(partition, offset);
                if topic.is_record(offset) != has_fate && !topic.has_vanished(offset) {
                    self.fail(format!("partition {partition}: {offset} has no fate, or is no record and has one"));
                }
            }
        }
    }
}
