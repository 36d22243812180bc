//! Less is asked of ClickHouse at once while it has too much to do: each refusal for that halves the lanes, and each minute without one opens one
//! again. What it is asked beside that waits by itself ([`crate::write_file`]).

use std::time::Duration;

use clickhouse_io::QueryError;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::adapters::Outside;
use crate::lanes::Lanes;
use crate::life::Life;

/// Without a refusal for so long a lane is opened.
const WIDER_AFTER: Duration = Duration::from_secs(60);
/// Refusals within so long are of one moment: lanes are halved once for them.
const ONE_MOMENT: Duration = Duration::from_secs(5);

/// What statements have come to.
#[derive(Debug)]
pub(crate) struct Load {
    refused: watch::Sender<()>,
}

impl Default for Load {
    fn default() -> Self {
        Self { refused: watch::channel(()).0 }
    }
}

impl Load {
    /// A statement was refused. One that took more than it alone may says nothing of the server, which goes on with the others.
    pub(crate) fn refused(&self, error: &QueryError) {
        if error.is_overload() {
            self.refused.send_replace(());
        }
    }
}

impl<O: Outside> Life<O> {
    /// Has as many lanes as ClickHouse bears, for good.
    pub(crate) async fn follow_load(&self) {
        let mut refused = self.load.refused.subscribe();
        self.tell_width();
        loop {
            // The sender lives as long as `self`.
            if timeout(WIDER_AFTER, refused.changed()).await.is_ok() {
                self.lanes_of_statements().into_iter().for_each(Lanes::narrow);
                tracing::warn!(
                    lanes = self.lanes.width(),
                    "ClickHouse has too much to do: fewer reports are made at once"
                );
                self.tell_width();
                sleep(ONE_MOMENT).await;
                refused.mark_unchanged();
            } else {
                self.lanes_of_statements().into_iter().for_each(Lanes::widen);
                self.tell_width();
            }
        }
    }

    fn lanes_of_statements(&self) -> [&Lanes; 2] {
        [&self.planning, &self.lanes]
    }

    fn tell_width(&self) {
        self.metrics.lanes(self.planning.width(), self.lanes.width());
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::config::Config;
    use crate::fakes::{Fake, a_record};
    use crate::life::Lived;
    use crate::metrics::WorkLabel;
    use crate::stages::check_request::tests::request;

    fn refused(code: i32, reason: &str) -> QueryError {
        QueryError::Refused { code, reason: reason.to_owned() }
    }

    fn told(life: &Life<Fake>, work: &'static str) -> i64 {
        life.metrics.lanes.get_or_create(&WorkLabel { work }).get()
    }

    /// What is done beside the following of the load, in a world whose clock goes on by itself.
    async fn followed<T>(life: &Life<Fake>, work: impl Future<Output = T>) -> T {
        tokio::select! {
            // It listens before anything is refused.
            biased;
            () = life.follow_load() => panic!("it follows for good"),
            done = work => done,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_halve_the_lanes_and_minutes_without_one_open_them_again() {
        let life = Fake::default().life_with(Config { concurrency: 8, ..Config::default() });
        let seconds = |seconds| sleep(Duration::from_secs(seconds));
        let busy = refused(202, "Too many simultaneous queries");
        followed(&life, async {
            seconds(1).await;
            assert_eq!((told(&life, "plan"), told(&life, "write")), (4, 8));
            for _ in 0..3 {
                life.load.refused(&busy);
                seconds(1).await;
            }
            assert_eq!((life.planning.width(), life.lanes.width()), (2, 4), "of one moment");
            seconds(10).await;
            life.load.refused(&refused(241, "(total) memory limit exceeded"));
            seconds(1).await;
            assert_eq!((told(&life, "plan"), told(&life, "write")), (1, 2));
            // Its own limits.
            life.load.refused(&refused(241, "Query memory limit exceeded: would use 5 GiB, maximum: 4 GiB"));
            life.load.refused(&refused(159, "Timeout exceeded"));
            life.load.refused(&refused(60, "no table"));
            life.load.refused(&QueryError::NoAnswer("connection reset".to_owned()));
            seconds(10).await;
            assert_eq!(life.lanes.width(), 2);
            seconds(70).await;
            assert_eq!((life.planning.width(), life.lanes.width()), (2, 3));
            // A minute begins anew.
            life.load.refused(&busy);
            seconds(59).await;
            assert_eq!(life.lanes.width(), 1);
            seconds(3_600).await;
            assert_eq!((told(&life, "plan"), told(&life, "write")), (4, 8), "as many as at first");
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn statements_of_a_report_tell_what_they_were_refused_for() {
        for of_what in ["plan", "read", "rolled up"] {
            let fake = Fake::default();
            let faults = match of_what {
                "plan" => &fake.0.plan_faults,
                "read" => &fake.0.read_faults,
                _ => &fake.0.rollup_faults,
            };
            faults.lock().unwrap().insert(0, refused(745, "Server is overloaded"));
            let life = fake.life();
            let begin = Instant::now();
            let lived = followed(&life, life.live(&request(), a_record())).await;
            assert_eq!(lived.unwrap(), Lived::Done);
            assert_eq!(life.lanes.width(), 1, "{of_what}: of two, {:?}", begin.elapsed());
        }
    }
}
