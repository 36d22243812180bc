//! The crate as it is, in a small world where everything goes wrong at every point.
//!
//! Several processes of a group with a cutter and a writer for each partition; a broker that fences by member and generation and
//! not by partition; an engine with a dedup log that forgets and can hold a token without its rows. Time and every fault come from
//! one seed. At every moment no offset is stored twice, none is stored and refused, and none is committed before it is durable; in
//! the end every record has its fate. `make simulate SEEDS=100000 [FIRST_SEED=n]` runs others than these.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod adapters;
mod broker;
mod engine;
mod member;
mod mutants;
mod run;
mod task;
mod topic;
mod troubles;
mod work;
mod world;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use mutants::Mutant;
use run::run;

/// Lines of a failing seed's story that are shown.
const STORY_LINES: usize = 200;

/// Runs seeds on all cores until one fails; gives how much went wrong, and the lowest seed that failed.
fn first_failure(seeds: Range<u64>, mutant: Option<Mutant>) -> (u64, Option<u64>) {
    let (next, failed, faults) = (AtomicU64::new(seeds.start), AtomicU64::new(u64::MAX), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || seed > failed.load(Ordering::Relaxed) {
                        return;
                    }
                    let outcome = run(seed, mutant, false);
                    faults.fetch_add(u64::from(outcome.faults), Ordering::Relaxed);
                    if outcome.failure.is_some() {
                        failed.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    (faults.into_inner(), (failed != u64::MAX).then_some(failed))
}

fn story_of(seed: u64, mutant: Option<Mutant>) -> String {
    let outcome = run(seed, mutant, true);
    let shown = &outcome.story[outcome.story.len().saturating_sub(STORY_LINES)..];
    format!("seed {seed} {mutant:?}: {}\n{}", outcome.failure.unwrap_or_default(), shown.join("\n"))
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

#[test]
fn every_record_is_stored_once_or_refused_whatever_happens() {
    let first = number("FIRST_SEED", 0);
    let seeds = number("SEEDS", 2_000);
    let (faults, failed) = first_failure(first..first + seeds, None);
    if let Some(seed) = failed {
        panic!("{}\nagain: make simulate FIRST_SEED={seed} SEEDS=1", story_of(seed, None));
    }
    println!("seeds={seeds} first_seed={first} faults={faults} failed=0");
    assert!(seeds < 100 || faults / seeds > 5, "{faults}: too little went wrong to say anything");
}

#[test]
fn without_any_one_of_its_rules_it_fails() {
    let mut survivors = Vec::new();
    for mutant in Mutant::all() {
        match first_failure(0..2_000, Some(mutant)).1 {
            Some(seed) => {
                let failure = run(seed, Some(mutant), false).failure.unwrap_or_default();
                println!("{mutant:?}: seed {seed}: {failure}");
            }
            None => survivors.push(mutant),
        }
    }
    assert!(survivors.is_empty(), "not noticed: {survivors:?}");
}

#[test]
fn seed_is_the_same_run_again() {
    let (once, again) = (run(7, None, true).story, run(7, None, true).story);
    assert!(once.len() > 20 && once == again);
}

#[test]
fn page_names_the_mutant_of_every_rule() {
    let page = include_str!("../../../../docs/exactly-once.md");
    let names = Mutant::all().map(|mutant| match mutant {
        Mutant::Without(rule) => format!("| `{rule:?}` |"),
        Mutant::NoEpoch | Mutant::NoWait | Mutant::SplitByRows => format!("| `{mutant:?}` |"),
    });
    let missing: Vec<String> = names.filter(|name| !page.contains(name)).collect();
    assert!(missing.is_empty(), "not in docs/exactly-once.md: {missing:?}");
}
