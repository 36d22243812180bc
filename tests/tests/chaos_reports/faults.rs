//! What goes wrong: one fault a round, chosen by the seed, and only where it hits something.

use std::time::Instant;

use rand::Rng;
use rand::rngs::StdRng;

use crate::asked::Asked;
use crate::stage::{PAUSE, Stage, WAIT_MAX};

/// How often each fault came.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    exporters_killed: u32,
    engine_killed: u32,
    store_killed: u32,
    mail_killed: u32,
    mail_frozen: u32,
    frozen: u32,
    thawed: u32,
    stopped: u32,
    added: u32,
}

impl Faults {
    /// Processes that were killed.
    pub(crate) fn kills(&self) -> u32 {
        self.exporters_killed + self.engine_killed + self.store_killed + self.mail_killed
    }

    /// One fault; says what it was, and what it hit.
    pub(crate) async fn one(&mut self, pick: &mut StdRng, stage: &mut Stage, asked: &mut Asked) -> String {
        stage.exporters.restart_ended();
        if let Some(at) = stage.exporters.frozen().first().copied().filter(|_| pick.random_ratio(1, 2)) {
            self.thawed += 1;
            return format!("exporter {} goes on as a zombie", stage.exporters.thaw(at));
        }
        let may_pause = stage.exporters.awake().len() > 1;
        match pick.random_range(0..100) {
            0..34 => {
                let (at, what) = holder(pick, stage, asked).await;
                let before = stage.starts();
                let number = stage.exporters.kill_and_restart(at);
                self.exporters_killed += 1;
                stage.wait_started(number, &before).await;
                format!("exporter {number} killed with {what}")
            }
            34..46 if may_pause && stage.exporters.frozen().is_empty() => {
                let (at, what) = holder(pick, stage, asked).await;
                self.frozen += 1;
                format!("exporter {} frozen with {what}", stage.exporters.freeze(at))
            }
            46..54 if may_pause => {
                let (at, what) = holder(pick, stage, asked).await;
                self.stopped += 1;
                format!("exporter {} stopped with {what}", stage.exporters.stop(at).0)
            }
            54..64 if stage.exporters.has_room() => {
                let before = stage.starts();
                let number = stage.exporters.add();
                self.added += 1;
                stage.wait_started(number, &before).await;
                format!("exporter {number} added")
            }
            64..78 => {
                let queries = wait(pick, stage, asked, async |stage| stage.queries().await).await;
                self.engine_killed += 1;
                stage.engine.restart().await.unwrap();
                format!("engine killed with {queries} queries")
            }
            78..90 => {
                let request = tokio::time::timeout(WAIT_MAX, stage.next_upload()).await.unwrap();
                stage.s3.kill();
                self.store_killed += 1;
                stage.break_store(pick.random());
                stage.s3.restart().await.unwrap();
                format!("store killed at {request}")
            }
            _ => {
                let is_killed = pick.random_ratio(2, 3);
                if is_killed {
                    self.mail_killed += 1;
                    stage.mail.kill();
                } else {
                    self.mail_frozen += 1;
                    stage.mail.suspend();
                }
                asked.ask_quick(stage).await;
                let begin = Instant::now();
                while !asked.is_mail_waiting(stage) {
                    assert!(begin.elapsed() < WAIT_MAX, "no mail waits; see {}", stage.keep());
                    tokio::time::sleep(PAUSE).await;
                }
                tokio::time::sleep(std::time::Duration::from_millis(pick.random_range(0..1_500))).await;
                if is_killed {
                    stage.mail.restart().await.unwrap();
                } else {
                    stage.mail.resume();
                }
                format!("mail server {} while mails wait", if is_killed { "killed" } else { "frozen" })
            }
        }
    }

    /// Nothing goes wrong any more.
    pub(crate) fn end(&mut self, stage: &mut Stage) {
        while let Some(at) = stage.exporters.frozen().first().copied() {
            stage.exporters.thaw(at);
            self.thawed += 1;
        }
        stage.heal();
        stage.exporters.restart_ended();
    }
}

/// An exporter that makes something, and what.
async fn holder(pick: &mut StdRng, stage: &mut Stage, asked: &mut Asked) -> (usize, String) {
    wait(pick, stage, asked, async |stage| {
        let in_hand = stage.exporters.awake().into_iter().map(|at| (at, stage.in_hand(at)));
        let holders: Vec<_> = in_hand.filter(|(_, what)| !what.is_empty()).collect();
        // The one that holds most: choosing by the seed among what time decides would not be more the same.
        holders.into_iter().max_by_key(|(_, what)| what.len()).map(|(at, what)| (at, what.join(", ")))
    })
    .await
}

/// Waits until there is something to hit, while reports are asked for.
async fn wait<T>(
    pick: &mut StdRng,
    stage: &mut Stage,
    asked: &mut Asked,
    found: impl AsyncFn(&Stage) -> Option<T>,
) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = found(stage).await {
            return found;
        }
        assert!(begin.elapsed() < WAIT_MAX, "nothing is in flight; see {}", stage.keep());
        stage.exporters.restart_ended();
        asked.tend(pick, stage).await;
        tokio::time::sleep(PAUSE).await;
    }
}
