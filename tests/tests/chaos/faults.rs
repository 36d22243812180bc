//! What goes wrong: one fault a round, chosen by the seed.

use rand::Rng;
use rand::rngs::StdRng;

use crate::stage::Stage;

/// Of so many stops one is in order.
const STOPS_JUDGED: u32 = 4;

/// How often each fault came.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    ingest_killed: u32,
    aggregator_killed: u32,
    connector_killed: u32,
    engine_killed: u32,
    kafka_killed: u32,
    added: u32,
    stopped: u32,
    stopped_in_time: u32,
    frozen: u32,
    thawed: u32,
}

impl Faults {
    /// Processes that were killed.
    pub(crate) fn kills(&self) -> u32 {
        self.ingest_killed + self.aggregator_killed + self.connector_killed + self.engine_killed + self.kafka_killed
    }

    /// Whether members that were told to stop could do what they held. One whose insert is not answered cannot; of some one can.
    pub(crate) fn stop_in_order(&self) -> bool {
        self.stopped < STOPS_JUDGED || self.stopped_in_time > 0
    }

    /// One fault; says what it was.
    pub(crate) async fn one(&mut self, pick: &mut StdRng, stage: &mut Stage) -> String {
        stage.restart_ended();
        // Ingest's group more often: it has more members.
        let is_ingest = pick.random_ratio(2, 3);
        let members = if is_ingest { &mut stage.ingest } else { &mut stage.aggregator };
        let service = members.service;
        let killed = if is_ingest { &mut self.ingest_killed } else { &mut self.aggregator_killed };
        if let Some(at) = members.frozen().first().copied().filter(|_| pick.random_ratio(1, 2)) {
            self.thawed += 1;
            return format!("{service} {} goes on as a zombie", members.thaw(at));
        }
        let awake = members.awake();
        let one = awake[pick.random_range(0..awake.len())];
        match pick.random_range(0..100) {
            0..10 => {
                self.connector_killed += 1;
                stage.connector.kill_and_restart();
                "connector killed".to_owned()
            }
            10..40 => {
                *killed += 1;
                format!("{service} {} killed", members.kill_and_restart(one))
            }
            40..58 => {
                self.engine_killed += 1;
                stage.engine.restart().await.unwrap();
                "engine killed".to_owned()
            }
            58..66 => {
                self.kafka_killed += 1;
                stage.kafka.restart().await.unwrap();
                "broker killed".to_owned()
            }
            66..78 if awake.len() > 1 && members.frozen().is_empty() => {
                self.frozen += 1;
                format!("{service} {} frozen", members.freeze(one))
            }
            78..88 if awake.len() > 1 => {
                self.stopped += 1;
                let (number, is_in_time) = members.stop(one);
                self.stopped_in_time += u32::from(is_in_time);
                format!("{service} {number} stopped")
            }
            _ if members.has_room() => {
                self.added += 1;
                format!("{service} {} added", members.add())
            }
            _ => {
                *killed += 1;
                format!("{service} {} killed", members.kill_and_restart(one))
            }
        }
    }

    /// Nothing goes wrong any more.
    pub(crate) fn end(&mut self, stage: &mut Stage) {
        for members in [&mut stage.ingest, &mut stage.aggregator] {
            while let Some(at) = members.frozen().first().copied() {
                members.thaw(at);
                self.thawed += 1;
            }
        }
        stage.restart_ended();
    }
}
