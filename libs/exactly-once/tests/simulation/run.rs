//! One run: chance decides who goes one step further and what goes wrong, until all is written.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use exactly_once::rules::break_rule;
use rand::Rng;

use crate::member::Process;
use crate::mutants::Mutant;
use crate::world::{PARTITIONS, Shared, World, lock};

/// Most steps of a run; then it does not come to its end.
const STEPS_MAX: u32 = 60_000;
/// Steps that zombies and late inserts are given after all is written.
const STEPS_AFTER: u32 = 400;

/// What a run came to.
pub(crate) struct Outcome {
    pub(crate) faults: u32,
    pub(crate) failure: Option<String>,
    pub(crate) story: Vec<String>,
}

pub(crate) struct Run {
    pub(crate) world: Shared,
    pub(crate) processes: Vec<Process>,
    /// Processes that there should be.
    pub(crate) wanted: usize,
    pub(crate) last_process: u32,
    /// Partition whose offset an operator wants to move back.
    pub(crate) moving_back: Option<usize>,
    /// From this step on nothing goes wrong any more.
    calm_from: u32,
}

/// Runs a seed.
pub(crate) fn run(seed: u64, mutant: Option<Mutant>, tells: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    break_rule(mutant.and_then(Mutant::rule));
    let world = Arc::new(Mutex::new(World::new(seed, mutant, tells)));
    let (wanted, calm_from) = {
        let random = &mut lock(&world).random;
        (random.random_range(1..4), random.random_range(200..3_000))
    };
    let mut run =
        Run { world: Arc::clone(&world), processes: Vec::new(), wanted, last_process: 0, moving_back: None, calm_from };
    runtime.block_on(tokio::task::unconstrained(run.go()));
    drop(run);
    break_rule(None);
    let mut world = lock(&world);
    Outcome { faults: world.faults, failure: world.failure.take(), story: world.take_story() }
}

impl Run {
    async fn go(&mut self) {
        let mut steps_left = STEPS_AFTER;
        for step in 0..STEPS_MAX {
            if lock(&self.world).failure.is_some() {
                return;
            }
            if step == self.calm_from {
                lock(&self.world).trouble = 0;
            }
            if self.is_written() && step >= self.calm_from {
                steps_left -= 1;
                if steps_left == 0 {
                    lock(&self.world).check_end();
                    return;
                }
            }
            self.life_goes_on();
            self.trouble_comes();
            let longest_ms = self.step();
            let passed_ms = lock(&self.world).pass_time(longest_ms);
            if passed_ms > 0 {
                tokio::time::advance(Duration::from_millis(passed_ms)).await;
            }
        }
        lock(&self.world).fail("it does not come to its end".to_owned());
    }

    fn is_written(&self) -> bool {
        let world = lock(&self.world);
        let is_written = |it: usize| world.broker.committed[it] == (world.topics[it].len(), String::new());
        (0..PARTITIONS).all(is_written)
    }

    /// Somebody goes one step further. Gives how long that may take, ms.
    fn step(&mut self) -> u32 {
        let mut world = lock(&self.world);
        let now_ms = world.now_ms;
        let runs = |process: &Process| process.frozen_until_ms <= now_ms;
        let awake: Vec<usize> = (0..self.processes.len()).filter(|it| runs(&self.processes[*it])).collect();
        let mut tasks: Vec<(usize, usize)> = Vec::new();
        for process in &awake {
            let all = self.processes[*process].tasks.iter().enumerate();
            tasks.extend(all.filter(|(_, (_, task))| task.is_woken()).map(|(task, _)| (*process, task)));
        }
        let (inserts, commits) = (world.engine.inserts.len(), world.broker.on_their_way.len());
        let mut chosen = world.random.random_range(0..=tasks.len() * 2 + awake.len() + inserts + commits);
        let is_idle = tasks.is_empty() && commits == 0;
        let longest_ms = if is_idle { 500 } else { 20 };
        if chosen < tasks.len() * 2 {
            drop(world);
            let (process, task) = tasks[chosen / 2];
            if self.processes[process].tasks[task].1.poll() {
                self.processes[process].tasks.swap_remove(task);
            }
            return longest_ms;
        }
        chosen -= tasks.len() * 2;
        if chosen < awake.len() {
            drop(world);
            self.processes[awake[chosen]].step(&self.world);
        } else if chosen < awake.len() + inserts {
            world.step_insert();
        } else if chosen < awake.len() + inserts + commits {
            world.step_commit();
        }
        longest_ms
    }
}
