//! Passes over hours, with parts that fail.

mod noted;

use std::sync::Mutex;

use super::*;

const HOUR_MICROS: i64 = 3_600_000_000;
/// The server's time at the first pass; each one is an hour later.
const NOW_MICROS: i64 = 1_793_487_600_000_000;
/// What is kept by minute, and a day.
const KEPT: Duration = Duration::from_secs(31 * 24 * 3600);
/// When the first row of an hour that has to be counted was written: long ago.
const FIRST_WRITTEN: i64 = NOW_MICROS - 100 * HOUR_MICROS;

/// Answers as it is told, and notes what was done, in order.
#[derive(Default)]
struct Fake {
    unsealed: Mutex<Vec<Unsealed>>,
    /// Ingest's position of partition 0, one a question; the last one stays.
    stored: Mutex<Vec<i64>>,
    /// Of counts of hours, each of which counts one all the same.
    faults: Mutex<Vec<QueryError>>,
    /// Of rounds over open connections.
    house_faults: Mutex<Vec<QueryError>>,
    /// This group's position of partition 0, one a question; the last one stays. The topic ends at 10, and an offset later at each question.
    counted: Mutex<Vec<i64>>,
    ends_asked: Mutex<i64>,
    kept: Mutex<Vec<&'static str>>,
    /// Days for which rows by minute are kept, each time that it was said.
    minutes_kept: Mutex<Vec<u16>>,
    /// What days are said to have: stored before when, of days that were over when.
    noted: Mutex<Vec<(Moment, Moment)>>,
    /// Days and months that are outdated, the last one first.
    outdated: Mutex<Vec<(u64, Vec<OutdatedMonth>)>>,
    /// What becomes of turns, the last one first; without them none comes to an end.
    renewals: Mutex<Vec<Result<Renewal, QueryError>>>,
    renewed: Mutex<Vec<String>>,
    looked: Mutex<usize>,
    /// It is told to stop when it has looked so often,
    looked_max: usize,
    /// or renewed.
    renewed_max: usize,
    asked: Mutex<Vec<Reach>>,
    days_asked: Mutex<Vec<NotesReach>>,
    done: Mutex<Vec<String>>,
    stop: CancellationToken,
    /// It is told to stop when it counts after so many questions.
    passes: usize,
    /// It is told to stop when it has kept house so often.
    kept_max: usize,
}

impl Fake {
    /// Notes what was done with open connections, and stops behind so much of it.
    fn keeps(&self, what: &'static str) -> Result<(), QueryError> {
        if let Some(error) = self.house_faults.lock().unwrap().pop() {
            return Err(error);
        }
        let mut kept = self.kept.lock().unwrap();
        kept.push(what);
        if kept.len() == self.kept_max {
            self.stop.cancel();
        }
        Ok(())
    }

    fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }
}

impl Outside for Fake {
    async fn server_time(&self) -> Result<Moment, QueryError> {
        Ok(Moment::from_micros(NOW_MICROS + i64::try_from(self.asked.lock().unwrap().len()).unwrap() * HOUR_MICROS))
    }

    async fn unsealed(&self, reach: Reach) -> Result<Unsealed, QueryError> {
        self.asked.lock().unwrap().push(reach);
        Ok(self.unsealed.lock().unwrap().pop().unwrap_or_default())
    }

    async fn stored_until(&self) -> Result<BTreeMap<i32, i64>, KafkaError> {
        let mut stored = self.stored.lock().unwrap();
        let position = if stored.len() > 1 { stored.remove(0) } else { stored.first().copied().unwrap_or(0) };
        self.done.lock().unwrap().push(format!("stored until {position}"));
        Ok([(0, position)].into())
    }

    async fn count_and_seal(
        &self,
        hours: &BTreeSet<HourOfNetwork>,
        _: Moment,
        mut counted: impl FnMut(usize) + Send,
    ) -> Result<(), QueryError> {
        if self.asked.lock().unwrap().len() >= self.passes {
            self.stop.cancel();
        }
        if let Some(error) = self.faults.lock().unwrap().pop() {
            counted(1);
            return Err(error);
        }
        counted(hours.len());
        self.done.lock().unwrap().push(format!("hours {}", hours.len()));
        Ok(())
    }

    async fn count_and_seal_days(
        &self,
        reach: NotesReach,
        mut counted: impl FnMut(usize) + Send,
    ) -> Result<(), QueryError> {
        self.days_asked.lock().unwrap().push(reach);
        counted(2);
        Ok(())
    }

    async fn counted_until(&self) -> Result<BTreeMap<i32, i64>, KafkaError> {
        let mut counted = self.counted.lock().unwrap();
        let position = if counted.len() > 1 { counted.remove(0) } else { counted.first().copied().unwrap_or(0) };
        Ok([(0, position)].into())
    }

    async fn ends(&self) -> Result<BTreeMap<i32, i64>, KafkaError> {
        let mut asked = self.ends_asked.lock().unwrap();
        *asked += 1;
        Ok([(0, 9 + *asked), (1, 0)].into())
    }

    async fn outdated(&self) -> Result<Outdated, QueryError> {
        let (days, months) = self.outdated.lock().unwrap().pop().unwrap_or_default();
        let mut looked = self.looked.lock().unwrap();
        *looked += 1;
        if *looked == self.looked_max {
            self.stop.cancel();
        }
        Ok(Outdated { days, months })
    }

    async fn renew(&self, month: &OutdatedMonth) -> Result<Renewal, QueryError> {
        let Some(renewal) = self.renewals.lock().unwrap().pop() else { return std::future::pending().await };
        let mut renewed = self.renewed.lock().unwrap();
        renewed.push(format!("{} {}", month.tenant(), month.month()));
        if renewed.len() == self.renewed_max {
            self.stop.cancel();
        }
        renewal
    }

    async fn note_days_counted(&self, stored_before: Moment, over_at: Moment) -> Result<(), QueryError> {
        self.noted.lock().unwrap().push((stored_before, over_at));
        Ok(())
    }

    async fn keep_minutes(&self, days: u16) -> Result<(), QueryError> {
        self.minutes_kept.lock().unwrap().push(days);
        Ok(())
    }

    async fn end_silent(&self, _: Duration) -> Result<(), QueryError> {
        self.keeps("silent")
    }

    async fn forget_ended(&self, _: Duration) -> Result<(), QueryError> {
        self.keeps("forgotten")
    }
}

fn hour(offsets: BTreeMap<i32, i64>) -> UnsealedHour {
    UnsealedHour { first_written: Moment::from_micros(FIRST_WRITTEN), offsets }
}

fn hours(last: i64) -> Unsealed {
    let (tenant, network) = ("acme".parse().unwrap(), "7".parse().unwrap());
    [(HourOfNetwork::of(tenant, Moment::from_micros(NOW_MICROS), network), hour([(0, last)].into()))].into()
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
    assert_eq!(fake.done(), ["stored until 4", "stored until 9", "stored until 10", "hours 1"]);
    // Everything that is kept at first; then as far back as what waits was written, and hours that have ended since.
    let at = |micros: i64| Moment::from_micros(micros);
    let ended_by = |pass: i64| before(at(NOW_MICROS + pass * HOUR_MICROS), AFTER_END);
    let first = Reach { written_since: before(at(NOW_MICROS), KEPT), ended_since: ended_by(0), ended_by: ended_by(0) };
    let again = |pass: i64| Reach {
        written_since: at(FIRST_WRITTEN),
        ended_since: ended_by(pass - 1),
        ended_by: ended_by(pass),
    };
    assert_eq!(*fake.asked.lock().unwrap(), [first, again(1), again(2)]);
}

#[tokio::test(start_paused = true)]
async fn pass_that_left_nothing_behind_is_followed_from_what_was_in_flight() {
    let fake = Fake { passes: 2, ..Fake::default() };
    *fake.unsealed.lock().unwrap() = vec![hours(0), hours(0)];
    *fake.stored.lock().unwrap() = vec![10];
    passed(&fake).await.unwrap();
    let asked = fake.asked.lock().unwrap().clone();
    assert_eq!(asked[1].written_since, before(Moment::from_micros(NOW_MICROS), IN_FLIGHT));
}

#[tokio::test(start_paused = true)]
async fn days_are_looked_for_in_all_notes_at_first_and_then_since_the_last_pass_that_was_done() {
    let fake = Fake { passes: 3, ..Fake::default() };
    *fake.unsealed.lock().unwrap() = vec![hours(0), hours(0), hours(0)];
    *fake.stored.lock().unwrap() = vec![10];
    let metrics = AggregatorMetrics::default();
    let config = Config { refresh: Duration::from_millis(1), ..Config::default() };
    run(&config, &fake, &metrics, &fake.stop).await.unwrap();
    let at = |hours: i64| Moment::from_micros(NOW_MICROS + hours * HOUR_MICROS);
    let asked = fake.days_asked.lock().unwrap().clone();
    let reach = |noted_since, ended_since: i64, ended_by: i64| NotesReach {
        noted_since,
        ended_since: before(at(ended_since), AFTER_END),
        ended_by: before(at(ended_by), AFTER_END),
    };
    assert_eq!(asked[..2], [reach(before(at(0), NOTES_LOOKED_BACK), 0, 0), reach(at(0), 0, 1)]);
    assert_eq!(metrics.days_counted.get(), 2 * asked.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn hour_that_waits_for_its_partition_holds_up_no_other() {
    let fake = Fake { passes: 1, ..Fake::default() };
    let mut both = hours(5);
    let (tenant, network) = ("globex".parse().unwrap(), "8".parse().unwrap());
    let other = HourOfNetwork::of(tenant, Moment::from_micros(NOW_MICROS), network);
    both.insert(other, hour([(0, 5), (1, 2)].into()));
    *fake.unsealed.lock().unwrap() = vec![both];
    *fake.stored.lock().unwrap() = vec![10];
    let metrics = AggregatorMetrics::default();
    run(&Config::default(), &fake, &metrics, &fake.stop).await.unwrap();
    assert_eq!(fake.done(), ["stored until 10", "hours 1"]);
    assert_eq!((metrics.hours_counted.get(), metrics.hours_waiting.get()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn days_do_not_wait_for_hours_that_cannot_be_counted_and_these_are_looked_for_again() {
    // Too much memory; rows that the table does not take.
    for code in [241, 469] {
        let fake = Fake { passes: 2, ..Fake::default() };
        *fake.unsealed.lock().unwrap() = vec![hours(0), hours(0)];
        *fake.stored.lock().unwrap() = vec![10];
        *fake.faults.lock().unwrap() = vec![QueryError::Refused { code, reason: "by a test".to_owned() }];
        let (metrics, begin) = (AggregatorMetrics::default(), tokio::time::Instant::now());
        run(&Config::default(), &fake, &metrics, &fake.stop).await.unwrap();
        assert!(begin.elapsed() >= Config::default().refresh, "{code}: the next pass is as far away as any");
        assert_eq!(fake.days_asked.lock().unwrap().len(), 2, "{code}: in the pass that failed too");
        assert_eq!((metrics.hours_counted.get(), metrics.days_counted.get(), metrics.retries.get()), (2, 4, 1));
        let asked = fake.asked.lock().unwrap().clone();
        // The second pass looks from where the first one did.
        assert_eq!(asked[0].written_since, before(Moment::from_micros(NOW_MICROS), KEPT));
        assert_eq!(asked[1].written_since, asked[0].written_since, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn hours_that_only_an_operator_can_mend_end_it() {
    let fake = Fake { passes: 9, ..Fake::default() };
    *fake.unsealed.lock().unwrap() = vec![hours(0)];
    *fake.stored.lock().unwrap() = vec![10];
    *fake.faults.lock().unwrap() = vec![QueryError::Refused { code: 60, reason: "no table".to_owned() }];
    assert!(passed(&fake).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn nobody_is_silent_before_all_is_counted_that_was_on_the_topic() {
    let fake = Fake { kept_max: 8, ..Fake::default() };
    // The end was at 10 when it was asked for first, at 11 when that was reached.
    *fake.counted.lock().unwrap() = vec![0, 9, 10, 10, 11, 99];
    passed(&fake).await.unwrap();
    let (forgotten, silent) = ("forgotten", "silent");
    let expected = [forgotten, forgotten, forgotten, silent, forgotten, forgotten, silent, forgotten];
    assert_eq!(*fake.kept.lock().unwrap(), expected);
    assert_eq!(*fake.minutes_kept.lock().unwrap(), [30], "once");
}

#[tokio::test(start_paused = true)]
async fn round_that_fails_holds_up_no_hours_and_is_done_again() {
    let fake = Fake { kept_max: 2, passes: 9, ..Fake::default() };
    *fake.unsealed.lock().unwrap() = vec![hours(0)];
    *fake.stored.lock().unwrap() = vec![10];
    *fake.house_faults.lock().unwrap() = vec![QueryError::NoAnswer("gone".to_owned())];
    passed(&fake).await.unwrap();
    assert_eq!(fake.done(), ["stored until 10", "hours 1"]);
    assert_eq!(*fake.kept.lock().unwrap(), ["forgotten", "forgotten"]);
}

#[tokio::test(start_paused = true)]
async fn refusal_that_only_an_operator_can_mend_ends_it() {
    let fake = Fake::default();
    *fake.house_faults.lock().unwrap() = vec![QueryError::Refused { code: 516, reason: "wrong password".to_owned() }];
    assert!(passed(&fake).await.is_err());
}

fn months(tenants: &[&str]) -> Vec<OutdatedMonth> {
    tenants.iter().map(|tenant| OutdatedMonth::new(tenant.parse().unwrap(), 202_611)).collect()
}

async fn renewed(fake: &Fake) -> (AggregatorMetrics, Result<(), QueryError>) {
    let metrics = AggregatorMetrics::default();
    let done = run(&Config::default(), fake, &metrics, &fake.stop).await;
    (metrics, done)
}

#[tokio::test(start_paused = true)]
async fn hours_do_not_wait_for_what_is_counted_anew_by_another_definition() {
    let fake = Fake { passes: 3, ..Fake::default() };
    *fake.outdated.lock().unwrap() = vec![(1, months(&["acme"]))];
    *fake.unsealed.lock().unwrap() = vec![hours(0), hours(0), hours(0)];
    *fake.stored.lock().unwrap() = vec![10];
    passed(&fake).await.unwrap();
    assert_eq!(fake.done().iter().filter(|done| *done == "hours 1").count(), 3);
    assert_eq!(*fake.looked.lock().unwrap(), 1, "the first turn goes on all the time");
}

#[tokio::test(start_paused = true)]
async fn month_is_gone_on_with_until_nothing_is_left_of_it_and_one_that_fails_holds_up_no_other() {
    let fake = Fake { renewed_max: 5, ..Fake::default() };
    *fake.outdated.lock().unwrap() = vec![(4, months(&["globex"])), (9, months(&["acme", "globex", "initech"]))];
    let memory = QueryError::Refused { code: 241, reason: "by a test".to_owned() };
    let done = |days, left| Ok(Renewal::Done { days, left });
    *fake.renewals.lock().unwrap() = vec![done(4, 0), done(2, 0), Err(memory), done(1, 0), done(2, 1)];
    let (metrics, ended) = renewed(&fake).await;
    ended.unwrap();
    let expected = ["acme", "acme", "globex", "initech", "globex"].map(|tenant| format!("{tenant} 202611"));
    assert_eq!(*fake.renewed.lock().unwrap(), expected);
    assert_eq!((metrics.days_renewed.get(), metrics.outdated_days.get(), metrics.retries.get()), (9, 0, 1));
    assert_eq!(*fake.looked.lock().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn where_another_is_at_it_it_is_waited_for_and_in_the_end_looked_seldom() {
    let fake = Fake { looked_max: 3, ..Fake::default() };
    *fake.outdated.lock().unwrap() = vec![(2, months(&["acme", "globex"]))];
    let done = |days| Ok(Renewal::Done { days, left: 0 });
    *fake.renewals.lock().unwrap() = vec![done(1), done(0), Ok(Renewal::ByAnother)];
    let begin = tokio::time::Instant::now();
    let (metrics, ended) = renewed(&fake).await;
    ended.unwrap();
    assert_eq!(*fake.renewed.lock().unwrap(), ["acme 202611", "acme 202611", "globex 202611"]);
    assert_eq!((metrics.days_renewed.get(), metrics.retries.get()), (1, 0));
    assert_eq!(metrics.outdated_days.get(), 0, "the last look says so");
    let took = begin.elapsed();
    let expected = renewal::LOOKED_EVERY + 2 * Config::default().refresh;
    assert!(took >= expected && took < expected + Duration::from_secs(1), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn renewal_that_only_an_operator_can_mend_is_tried_again_and_ends_nothing() {
    let fake = Fake { renewed_max: 2, ..Fake::default() };
    let refused = || Err(QueryError::Refused { code: 497, reason: "no right to make tables".to_owned() });
    *fake.outdated.lock().unwrap() = vec![(1, months(&["acme"])), (1, months(&["acme"]))];
    *fake.renewals.lock().unwrap() = vec![refused(), refused()];
    let (metrics, ended) = renewed(&fake).await;
    ended.unwrap();
    assert_eq!(*fake.renewed.lock().unwrap(), ["acme 202611", "acme 202611"]);
    assert!(metrics.retries.get() >= 1);
}
