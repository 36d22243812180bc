//! Chaos: a connector, members of ingest and aggregator, the broker and the engine are killed, frozen and added at random moments under load;
//! afterwards every record that was produced is stored once or dead-lettered, is in the roll-up by minute once, and nothing else is; the connections
//! are open that were opened and not ended, and hours, days and names of late events are what the raw rows say. No process has ended but those that
//! were killed, or for a reason that is known.
//!
//! `FLOWLEDGER_CHAOS_ROUNDS` (25), `FLOWLEDGER_CHAOS_SEED` (random, and printed), `FLOWLEDGER_CHAOS_PROTOCOL` (`classic`,
//! `consumer`; by the seed). A round is one fault, and begins only when events are in flight.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "what a long run shows to whoever waits for it")]

mod connector;
mod ended;
mod fates;
mod faults;
mod load;
mod members;
mod reckoning;
mod rollups;
mod stage;
mod traffic;

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::ended::unexplained;
use crate::faults::Faults;
use crate::stage::Stage;

fn setting(name: &str) -> Option<String> {
    std::env::var(format!("FLOWLEDGER_CHAOS_{name}")).ok()
}

fn main() {
    // What a test runner asks of a target that has no harness.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let rounds = setting("ROUNDS").map_or(25, |text| text.parse().unwrap());
    let seed: u64 = setting("SEED").map_or_else(rand::random, |text| text.parse().unwrap());
    // One run of three is of the newer protocol, where nobody chooses.
    let by_seed = if seed.is_multiple_of(3) { "consumer" } else { "classic" };
    let protocol = setting("PROTOCOL").unwrap_or_else(|| by_seed.to_owned());
    println!("chaos: {rounds} rounds, seed {seed}, protocol {protocol}");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(rounds, seed, &protocol));
}

async fn run(rounds: u32, seed: u64, protocol: &str) {
    let mut pick = StdRng::seed_from_u64(seed);
    let mut stage = Stage::start(protocol, seed).await;
    let load = stage.begin_load(seed).await;
    stage.ingest.add();
    stage.aggregator.add();
    stage.wait_stored(1).await;
    let mut faults = Faults::default();
    for round in 1..=rounds {
        // In mid-flight: rows came since the last fault, and more are on their way.
        stage.wait_in_flight(&load).await;
        tokio::time::sleep(Duration::from_millis(pick.random_range(0..700))).await;
        let what = faults.one(&mut pick, &mut stage).await;
        println!("round {round:>4}: {what}; {} produced, {} stored", load.produced(), stage.stored().await);
    }
    faults.end(&mut stage);
    let produced = load.end().await;
    stage.wait_stored(produced.events() as u64).await;
    stage.wait_all_read(ingest::GROUP).await;
    stage.wait_all_read(aggregator::GROUP).await;
    let received =
        (stage.ingest.fates_add_up("dead_lettered").await, stage.aggregator.fates_add_up("passed_over").await);
    println!("every record has a fate by its member's counters; received since their starts: {received:?}");
    let reckoning = reckoning::reckon(&mut stage, &produced).await;
    println!("{reckoning:?}");
    println!("faults: {faults:?}, of the network {:?}", stage.proxy.counts().faults);
    println!("{} processes ended by themselves", stage.ended().len());
    println!(
        "rounds={rounds} kills={} events={} lost={} doubled={}",
        faults.kills(),
        produced.records(),
        reckoning.lost,
        reckoning.doubled
    );
    let broken = stage.proxy.counts().all_faults();
    assert!(faults.kills() > 0 && broken > 0 && reckoning.stored > 0, "nothing was tried");
    assert!(reckoning.copies > 0 && reckoning.open > 0 && reckoning.late > 0, "too little was tried");
    assert!(reckoning.dead_lettered > 0, "no poison was tried");
    assert_eq!((reckoning.lost, reckoning.doubled, reckoning.strange), (0, 0, 0));
    let mistaken = stage.mistaken_for_new();
    assert!(mistaken.is_empty(), "the topic was taken for another one: {mistaken:?}; see {}", stage.keep());
    let unexplained = unexplained(stage.ended());
    assert!(unexplained.is_empty(), "ended without having been killed; see {}\n{unexplained}", stage.keep());
    assert!(faults.stop_in_order(), "no stop was in order: {faults:?}; see {}", stage.keep());
    drop(stage);
}
