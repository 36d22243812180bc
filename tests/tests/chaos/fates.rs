//! Fates of records as the members count them themselves: what an alert rule is held against must be true of each, to the event.

use std::time::{Duration, Instant};

use crate::members::Members;

/// A scrape may fall between two counters, and a member that was just started may not listen yet.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// What a member's counters say.
#[derive(Clone, Copy, Debug)]
struct Fates {
    received: i64,
    with_fate: i64,
    held: i64,
}

impl Members {
    /// Sees to it that of each member's records every one has one fate: stored, found to be, `refused`, read again or held. Gives how many
    /// records they have received since they were started.
    pub(crate) async fn fates_add_up(&mut self, refused: &str) -> i64 {
        let mut received = 0;
        for at in self.awake() {
            let begin = Instant::now();
            received += loop {
                let fates = self.fates(at, refused).await;
                match fates {
                    Some(fates) if fates.received == fates.with_fate + fates.held => break fates.received,
                    _ => assert!(begin.elapsed() < WAIT_MAX, "{} {}: {fates:?}", self.service, self.number(at)),
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
                self.restart_ended();
            };
        }
        received
    }

    /// `None`: it says nothing.
    async fn fates(&self, at: usize, refused: &str) -> Option<Fates> {
        let answer = reqwest::get(format!("http://{}/metrics", self.operators_address(at)?)).await.ok()?;
        let text = answer.text().await.ok()?;
        let of = |name: &str| {
            let name = format!("flowledger_{}_{name} ", self.service);
            text.lines().find_map(|line| line.strip_prefix(&name)?.parse::<i64>().ok())
        };
        let with_fate =
            of("stored_total")? + of("found_total")? + of(&format!("{refused}_total"))? + of("abandoned_total")?;
        Some(Fates { received: of("received_total")?, with_fate, held: of("held_events")? })
    }

    /// Where a member's last process listens, as its log says.
    fn operators_address(&self, at: usize) -> Option<String> {
        let log = self.config.with_file_name(format!("{}-{}.log", self.service, self.number(at)));
        let log = std::fs::read(log).unwrap();
        let log = String::from_utf8_lossy(&log);
        let line = log.lines().rfind(|line| line.contains("metrics, health and readiness"))?;
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(line.get("address")?.as_str()?.to_owned())
    }
}
