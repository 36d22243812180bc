//! Chaos of reports: exporters are killed, frozen, stopped and added, and the engine, the store and the mail server are killed and cut off,
//! while reports of many kinds are made; afterwards each is completed with the bytes of an undisturbed run, or failed for an outage that
//! there was, or was cancelled; nothing else lies in the store, and whoever was to get a mail has it.
//!
//! `FLOWLEDGER_CHAOS_REPORTS_ROUNDS` (10), `FLOWLEDGER_CHAOS_REPORTS_SEED` (random, and printed). A round is one fault, and comes only when
//! it hits something: work in hand, a query that runs, a request to the store, a mail that waits.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "what a long run shows to whoever waits for it")]

mod asked;
#[path = "../chaos/ended.rs"]
mod ended;
mod faults;
#[path = "../chaos/members.rs"]
mod members;
mod reckoning;
mod stage;
mod traffic;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::asked::{Asked, OPEN};
use crate::ended::unexplained;
use crate::faults::Faults;
use crate::stage::Stage;

fn setting(name: &str) -> Option<String> {
    std::env::var(format!("FLOWLEDGER_CHAOS_REPORTS_{name}")).ok()
}

fn main() {
    // What a test runner asks of a target that has no harness.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let rounds = setting("ROUNDS").map_or(10, |text| text.parse().unwrap());
    let seed = setting("SEED").map_or_else(rand::random, |text| text.parse().unwrap());
    println!("chaos of reports: {rounds} rounds, seed {seed}");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(rounds, seed));
}

async fn run(rounds: u32, seed: u64) {
    let mut pick = StdRng::seed_from_u64(seed);
    let mut stage = Stage::start().await;
    let mut asked = Asked::undisturbed(&mut stage).await;
    stage.slow_down_and_break(seed).await;
    stage.exporters.add();
    let mut faults = Faults::default();
    for round in 1..=rounds {
        asked.tend(&mut pick, &stage).await;
        let what = faults.one(&mut pick, &mut stage, &mut asked).await;
        println!("round {round:>4}: {what}; {}", asked.summary(&stage));
    }
    faults.end(&mut stage);
    asked.wait_ended(&mut stage).await;
    let reckoning = reckoning::reckon(&mut stage, &asked).await;
    println!("{reckoning:?}");
    println!("faults: {faults:?}, of networks {:?} {:?}", stage.engine_counts(), stage.store_counts());
    println!(
        "rounds={rounds} kills={} reports={} completed={} failed={} refused={} wrong={} left_over={} mails_missing={}",
        faults.kills(),
        asked.all.len(),
        reckoning.completed,
        reckoning.failed,
        reckoning.refused,
        reckoning.wrong,
        reckoning.left_over,
        reckoning.mails_missing
    );
    assert!(faults.kills() > 0 && reckoning.completed > 0, "nothing was tried");
    // An outage that lasts longer than `retry_max` may fail all that are open at once. More is not its doing.
    assert!(reckoning.failed <= reckoning.completed + OPEN, "what could be made was given up");
    assert_eq!((reckoning.wrong, reckoning.left_over, reckoning.mails_missing), (0, 0, 0));
    let unexplained = unexplained(&stage.exporters.ended);
    assert!(unexplained.is_empty(), "ended without having been killed; see {}\n{unexplained}", stage.keep());
    drop(stage);
}
