//! Passes over hours, with parts that fail.

use std::sync::Mutex;

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
    /// It is told to stop when it counts after so many questions.
    passes: usize,
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

    async fn count_hours(&self, hours: &BTreeSet<HourOfNetwork>) -> Result<(), QueryError> {
        if self.asked.lock().unwrap().len() >= self.passes {
            self.stop.cancel();
        }
        self.does(format!("hours {}", hours.len()))
    }

    async fn end_silent(&self, _: Duration) -> Result<(), QueryError> {
        self.does("silent")
    }

    async fn forget_ended(&self, _: Duration) -> Result<(), QueryError> {
        self.does("forgotten")
    }
}

fn hours(last: i64) -> Unsealed {
    let (tenant, network) = ("acme".parse().unwrap(), "7".parse().unwrap());
    let hour = HourOfNetwork::of(tenant, Moment::from_millis(1_793_487_600_000), network);
    [(hour, [(0, last)].into())].into()
}

async fn passed(fake: &Fake) -> Result<(), QueryError> {
    let config = Config { refresh: Duration::from_millis(1), ..Config::default() };
    run(&config, fake, &AggregatorMetrics::default(), &fake.stop).await
}

#[tokio::test(start_paused = true)]
async fn hours_are_counted_when_ingest_has_stored_what_they_are_counted_from_and_each_pass_asks_anew() {
    let fake = Fake { passes: 3, ..Fake::default() };
    *fake.unsealed.lock().unwrap() = vec![hours(9), hours(9), hours(9)];
    *fake.stored.lock().unwrap() = vec![4, 9, 10];
    passed(&fake).await.unwrap();
    let pass = |stored: &str| ["silent".to_owned(), "forgotten".to_owned(), format!("stored until {stored}")];
    let expected = [&pass("4")[..], &pass("9"), &pass("10"), &["hours 1".to_owned()]].concat();
    assert_eq!(fake.done(), expected);
    let asked = fake.asked.lock().unwrap().clone();
    // Everything that is kept at first; then no more than may have changed.
    assert!(asked[0].0 < before(Moment::now(), 25 * LOOK_BACK));
    assert!(asked[1].0 > before(asked[1].1, 2 * LOOK_BACK));
    assert!(asked.iter().all(|(_, ended_by)| *ended_by <= before(Moment::now(), AFTER_END)));
}

#[tokio::test(start_paused = true)]
async fn hour_that_waits_for_its_partition_holds_up_no_other() {
    let fake = Fake { passes: 1, ..Fake::default() };
    let mut both = hours(5);
    let (tenant, network) = ("globex".parse().unwrap(), "8".parse().unwrap());
    let other = HourOfNetwork::of(tenant, Moment::from_millis(1_793_487_600_000), network);
    both.insert(other, [(0, 5), (1, 2)].into());
    *fake.unsealed.lock().unwrap() = vec![both];
    *fake.stored.lock().unwrap() = vec![10];
    passed(&fake).await.unwrap();
    assert_eq!(fake.done(), ["silent", "forgotten", "stored until 10", "hours 1"]);
}

#[tokio::test(start_paused = true)]
async fn pass_that_fails_is_done_again_with_the_same_reach() {
    let fake = Fake { passes: 1, ..Fake::default() };
    *fake.unsealed.lock().unwrap() = vec![hours(0)];
    *fake.stored.lock().unwrap() = vec![10];
    *fake.faults.lock().unwrap() = vec![QueryError::NoAnswer("gone".to_owned())];
    passed(&fake).await.unwrap();
    assert_eq!(fake.done(), ["silent", "forgotten", "stored until 10", "hours 1"]);
}

#[tokio::test(start_paused = true)]
async fn refusal_that_only_an_operator_can_mend_ends_it() {
    let fake = Fake::default();
    *fake.faults.lock().unwrap() = vec![QueryError::Refused { code: 516, reason: "wrong password".to_owned() }];
    assert!(passed(&fake).await.is_err());
}
