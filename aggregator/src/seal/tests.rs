//! Passes over hours, with parts that fail.

use std::sync::Mutex;

use clickhouse_io::rollup::HourOfNetwork;

use super::*;

/// Answers as it is told, and notes what was done, in order.
#[derive(Default)]
struct Fake {
    unsealed: Mutex<Vec<Unsealed>>,
    /// Ingest's position of partition 0, one a question; the last one stays.
    stored: Mutex<Vec<i64>>,
    faults: Mutex<Vec<QueryError>>,
    asked: Mutex<Vec<(Moment, Moment)>>,
    done: Mutex<Vec<String>>,
    stop: CancellationToken,
}

impl Fake {
    fn does(&self, what: impl Into<String>) -> Result<(), QueryError> {
        match self.faults.lock().unwrap().pop() {
            Some(error) => Err(error),
            None => {
                self.done.lock().unwrap().push(what.into());
                Ok(())
            }
        }
    }

    fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }
}

impl Outside for Fake {
    async fn unsealed(&self, since: Moment, ended_by: Moment) -> Result<Unsealed, QueryError> {
        self.asked.lock().unwrap().push((since, ended_by));
        Ok(self.unsealed.lock().unwrap().pop().unwrap_or_default())
    }

    async fn stored_until(&self) -> Result<BTreeMap<i32, i64>, KafkaError> {
        let mut stored = self.stored.lock().unwrap();
        let position = if stored.len() > 1 { stored.remove(0) } else { stored.first().copied().unwrap_or(0) };
        self.done.lock().unwrap().push(format!("stored until {position}"));
        Ok([(0, position)].into())
    }

    async fn count_hours(&self, unsealed: &Unsealed) -> Result<(), QueryError> {
        self.does(format!("hours {}", unsealed.hours.len()))
    }

    async fn end_silent(&self, _: Duration) -> Result<(), QueryError> {
        self.does("silent")
    }

    async fn forget_ended(&self, _: Duration) -> Result<(), QueryError> {
        if self.asked.lock().unwrap().len() == 2 {
            self.stop.cancel();
        }
        self.does("forgotten")
    }
}

fn hours(last: i64) -> Unsealed {
    let (tenant, network) = ("acme".parse().unwrap(), "7".parse().unwrap());
    let hour = HourOfNetwork::of(tenant, Moment::from_millis(1_793_487_600_000), network);
    Unsealed { hours: [hour].into(), offsets: [(0, last)].into() }
}

async fn passed(fake: &Fake) -> Result<(), QueryError> {
    let config = Config { refresh: Duration::from_millis(1), ..Config::default() };
    run(&config, fake, &AggregatorMetrics::default(), &fake.stop).await
}

#[tokio::test(start_paused = true)]
async fn hours_are_counted_when_ingest_has_stored_what_they_are_counted_from() {
    let fake = Fake::default();
    *fake.unsealed.lock().unwrap() = vec![Unsealed::default(), hours(9)];
    *fake.stored.lock().unwrap() = vec![4, 9, 10];
    passed(&fake).await.unwrap();
    let first = ["stored until 4", "stored until 9", "stored until 10", "hours 1", "silent", "forgotten"];
    assert_eq!(fake.done(), [&first[..], &["silent", "forgotten"]].concat());
    let asked = fake.asked.lock().unwrap().clone();
    // Everything that is kept at first; then no more than may have changed.
    assert!(asked[0].0 < before(Moment::now(), 30 * 12 * LOOK_BACK));
    assert!(asked[1].0 > before(asked[1].1, 2 * LOOK_BACK));
    assert!(asked.iter().all(|(_, ended_by)| *ended_by <= before(Moment::now(), AFTER_END)));
}

#[tokio::test(start_paused = true)]
async fn pass_that_fails_is_done_again_with_the_same_reach() {
    let fake = Fake::default();
    *fake.unsealed.lock().unwrap() = vec![hours(0), hours(0)];
    *fake.stored.lock().unwrap() = vec![10];
    *fake.faults.lock().unwrap() = vec![QueryError::NoAnswer("gone".to_owned())];
    passed(&fake).await.unwrap();
    assert_eq!(fake.done(), ["stored until 10", "stored until 10", "hours 1", "silent", "forgotten"]);
    let asked = fake.asked.lock().unwrap().clone();
    assert_eq!(asked[0].0, asked[1].0);
}

#[tokio::test(start_paused = true)]
async fn refusal_that_only_an_operator_can_mend_ends_it() {
    let fake = Fake::default();
    *fake.faults.lock().unwrap() = vec![QueryError::Refused { code: 516, reason: "wrong password".to_owned() }];
    assert!(passed(&fake).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn stop_is_heard_while_an_ingest_is_waited_for_that_never_comes() {
    let fake = Fake::default();
    *fake.unsealed.lock().unwrap() = vec![hours(9)];
    let stop = fake.stop.clone();
    let stopping = async move {
        tokio::time::sleep(Duration::from_secs(600)).await;
        stop.cancel();
    };
    let (passed, ()) = tokio::join!(passed(&fake), stopping);
    passed.unwrap();
    assert!(fake.done().iter().all(|done| done == "stored until 0"), "{:?}", fake.done());
}
