//! Schedules in a group of one, with a clock that is set by hand and a Kafka in memory that fails when it is told to.

mod making_up;

use std::sync::Mutex;
use std::time::SystemTime;

use kafka_io::{Partition, ProduceError};
use report_life::{Phase, ReportState};
use report_schedules::{Saved, deleted, paused, resumed, saved};
use schema_registry::{Encoder, RegistryConfig, SchemaId, WriterSchema};
use schemas::avro_schemas::REPORT_SCHEDULE;
use schemas::report_event::{ReportEvent, ReportEventType};
use service_kit::clock::ManualClock;
use service_kit::metrics::Metrics;

use super::*;
use crate::metrics::{FateLabel, StandingLabel};
use crate::stages::check_request::tests::request;

/// 2026-11-01, Sunday, noon UTC.
const NOON: u64 = 1_793_534_400;
const MINUTE: i64 = 60;

#[derive(Default)]
struct World {
    /// As they lay on the topic.
    requests: Mutex<Vec<ReportRequest>>,
    /// What events have come round.
    book: SharedBook,
    /// Kafka does not answer.
    is_away: Mutex<bool>,
    /// It takes requests, and does not say so.
    hangs: Mutex<bool>,
}

impl Desk for Arc<World> {
    fn is_known(&self, report: ReportId) -> bool {
        self.book.is_known(report)
    }

    fn last_run(&self, schedule: &ReportSchedule, before: Moment) -> Option<LastRun> {
        self.book.last_run(&schedule.tenant, schedule.schedule_id, before)
    }

    async fn barrier(&self) -> Result<Vec<BarrierOffset>, KafkaError> {
        if *self.is_away.lock().unwrap() {
            std::future::pending::<()>().await;
        }
        let requests = i64::try_from(self.requests.lock().unwrap().len()).unwrap();
        Ok(vec![BarrierOffset { partition: 0, offset: requests }])
    }

    async fn request(&self, request: &ReportRequest) -> Result<(), JournalError> {
        self.requests.lock().unwrap().push(request.clone());
        if *self.hangs.lock().unwrap() {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

impl World {
    /// Minutes from noon at which those that were asked for were due.
    fn asked(&self) -> Vec<i64> {
        let since_noon = |it: &ReportRequest| it.requested_at.as_millis() / 1_000 - i64::try_from(NOON).unwrap();
        self.requests.lock().unwrap().iter().map(|it| since_noon(it) / MINUTE).collect()
    }

    /// The events of all that was asked for have come round.
    fn comes_round(&self) {
        for it in &*self.requests.lock().unwrap() {
            self.book.apply(&Journal::requested(it));
        }
    }

    /// Minutes from noon at which the ranges of those that were asked for begin and end.
    fn ranges(&self) -> Vec<(i64, i64)> {
        let minute = |moment: Moment| (moment.as_millis() - at(0).as_millis()) / 60_000;
        self.requests.lock().unwrap().iter().map(|it| (minute(it.range_from), minute(it.range_to))).collect()
    }

    /// The first that were asked for have failed, and that was so long ago that nothing else is known of them.
    fn forgets(&self, count: usize) {
        for it in &self.requests.lock().unwrap()[..count] {
            self.book.apply(&ReportEvent::new(it.report_id, it.tenant.clone(), ReportEventType::Failed, at(0)));
        }
        self.book.forget(at(1));
    }
}

fn at(minutes: i64) -> Moment {
    Moment::from_millis((i64::try_from(NOON).unwrap() + minutes * MINUTE) * 1_000)
}

fn partition(number: i32) -> Partition {
    Partition { topic: "report-schedules".into(), number }
}

/// An exporter that has partition 0, with nothing read of it yet; `admin` of `acme` has an account.
async fn exporter(world: &Arc<World>) -> (Schedules<Arc<World>>, Arc<ManualClock>) {
    let mut decoder = Decoder::new(&REPORT_SCHEDULE).unwrap();
    decoder.learn(SchemaId::new(7), &WriterSchema(REPORT_SCHEDULE.schema.to_owned())).unwrap();
    let registry = Registry::new(&RegistryConfig::default()).unwrap();
    let owners = Owners::from_iter([("acme".parse().unwrap(), "admin".to_owned())]);
    let clock = Arc::new(ManualClock::at(SystemTime::UNIX_EPOCH + Duration::from_secs(NOON)));
    let own_clock = Arc::clone(&clock) as Arc<dyn Clock>;
    let metrics = ScheduleMetrics::new(&Metrics::default());
    let stop = CancellationToken::new();
    let mut own = Schedules::new(Arc::clone(world), (decoder, registry), (owners, 3), own_clock, metrics, stop);
    own.arrived(Arrival::Assigned { epoch: 1, partitions: vec![partition(0)] }).await.unwrap();
    (own, clock)
}

/// One that has read what lies there.
async fn exporter_with(world: &Arc<World>, schedules: &[ReportSchedule]) -> (Schedules<Arc<World>>, Arc<ManualClock>) {
    let (mut own, clock) = exporter(world).await;
    for schedule in schedules {
        own.arrived(record(schedule)).await.unwrap();
    }
    own.arrived(end()).await.unwrap();
    (own, clock)
}

fn end() -> Arrival {
    Arrival::End { partition: partition(0), epoch: 1, position: 9 }
}

fn record(schedule: &ReportSchedule) -> Arrival {
    let payload = Encoder::new(SchemaId::new(7), &REPORT_SCHEDULE).unwrap().encode(schedule).unwrap();
    unreadable(payload)
}

fn unreadable(payload: Vec<u8>) -> Arrival {
    let (partition, timestamp, headers) = (partition(0), Moment::FIRST, Vec::new());
    Arrival::Record(Record {
        partition,
        epoch: 1,
        offset: 4,
        timestamp,
        key: None,
        payload: Some(payload.into()),
        headers,
    })
}

/// Every ten minutes, kept at a quarter past noon, of `admin` of `acme`.
fn every_ten() -> ReportSchedule {
    let (name, range, when) = ("Often".to_owned(), "since last run".to_owned(), Some("*/10 * * * *".to_owned()));
    saved(Saved { name, range, when, request: request() }, at(15))
}

/// Looks until what others asked for is known.
async fn look_for_long_at(own: &mut Schedules<Arc<World>>, clock: &ManualClock, minutes: i64) {
    look_at(own, clock, minutes).await;
    for _ in 0..2 {
        clock.advance(BOOK_BEHIND_MAX / 2);
        own.look().await.unwrap();
    }
}

async fn look_at(own: &mut Schedules<Arc<World>>, clock: &ManualClock, minutes: i64) {
    let passed = at(minutes).as_micros() - own.now().as_micros();
    clock.advance(Duration::from_micros(u64::try_from(passed).unwrap()));
    own.look().await.unwrap();
}

fn standing(own: &Schedules<Arc<World>>, standing: &'static str) -> i64 {
    own.metrics.schedules.get_or_create(&StandingLabel { standing }).get()
}

fn runs(own: &Schedules<Arc<World>>, fate: &'static str) -> u64 {
    own.metrics.runs.get_or_create(&FateLabel { fate }).get()
}

#[tokio::test]
async fn report_is_asked_for_when_it_is_due_and_once() {
    let world = Arc::<World>::default();
    let (mut own, clock) = exporter_with(&world, &[every_ten()]).await;
    look_at(&mut own, &clock, 19).await;
    assert!(world.asked().is_empty(), "what was due before it was kept is not made");
    for minutes in [20, 21, 29] {
        look_at(&mut own, &clock, minutes).await;
        assert_eq!(world.asked(), [20], "also where its event has not come round");
    }
    look_at(&mut own, &clock, 30).await;
    assert_eq!(world.asked(), [20, 30]);
    let requests = world.requests.lock().unwrap().clone();
    assert_eq!((requests[1].range_from, requests[1].range_to), (at(15), at(25)));
    assert_eq!(
        requests[1].barrier,
        [BarrierOffset { partition: 0, offset: 1 }],
        "of the moment at which it is asked for"
    );
    assert_eq!((runs(&own, "asked"), runs(&own, "failed"), own.metrics.lag_seconds.get()), (2, 0, 0));
    assert_eq!(standing(&own, "active"), 1);
}

#[tokio::test]
async fn nothing_is_asked_for_before_all_is_read_nor_after_the_partition_went() {
    let world = Arc::<World>::default();
    let (mut own, clock) = exporter(&world).await;
    let schedule = every_ten();
    own.arrived(record(&schedule)).await.unwrap();
    look_at(&mut own, &clock, 20).await;
    assert!(world.asked().is_empty());
    // The next record says that it was paused.
    own.arrived(record(&paused(schedule.clone(), "admin", at(16)))).await.unwrap();
    own.arrived(end()).await.unwrap();
    look_at(&mut own, &clock, 21).await;
    assert!(world.asked().is_empty());
    own.arrived(record(&schedule)).await.unwrap();
    own.arrived(Arrival::Lost { partitions: vec![partition(0)] }).await.unwrap();
    look_at(&mut own, &clock, 40).await;
    assert_eq!((world.asked(), standing(&own, "active")), (vec![], 0));
}

#[tokio::test]
async fn exporter_that_takes_over_asks_for_what_is_not_known_and_it_is_one_report() {
    let schedule = every_ten();
    let world = Arc::<World>::default();
    let (mut first, clock) = exporter_with(&world, std::slice::from_ref(&schedule)).await;
    look_at(&mut first, &clock, 20).await;
    // Dies before the event is there, or is frozen and believes that it goes on.
    let (mut next, next_clock) = exporter_with(&world, std::slice::from_ref(&schedule)).await;
    look_at(&mut next, &next_clock, 21).await;
    assert_eq!(world.asked(), [20, 20]);
    let requests = world.requests.lock().unwrap().clone();
    assert_ne!(requests[0].barrier, requests[1].barrier, "they are asked for at different moments");
    assert_eq!(ReportRequest { barrier: requests[0].barrier.clone(), ..requests[1].clone() }, requests[0]);
    // The fold takes the second one for the first, also where that has failed by then.
    let mut state = ReportState::begun_by(&Journal::requested(&requests[0]));
    state.apply(&ReportEvent::new(state.id, state.tenant.clone(), ReportEventType::Failed, at(22)));
    state.apply(&Journal::retried(&requests[1]));
    state.apply(&Journal::requested(&requests[1]));
    assert_eq!(state.phase, Phase::Failed);

    world.comes_round();
    let (mut third, third_clock) = exporter_with(&world, &[schedule]).await;
    look_at(&mut third, &third_clock, 29).await;
    assert_eq!(world.asked(), [20, 20], "it is known");
}

#[tokio::test]
async fn report_that_is_forgotten_is_not_asked_for_again() {
    let (world, schedule) = (Arc::<World>::default(), every_ten());
    let (mut own, clock) = exporter_with(&world, std::slice::from_ref(&schedule)).await;
    look_at(&mut own, &clock, 20).await;
    world.comes_round();
    world.forgets(1);
    let (mut next, clock) = exporter_with(&world, &[schedule]).await;
    look_at(&mut next, &clock, 29).await;
    assert_eq!(world.asked(), [20]);
    look_for_long_at(&mut next, &clock, 75).await;
    assert_eq!(world.asked(), [20, 50, 60, 70]);
    assert_eq!(world.ranges()[1], (15, 45), "what it ended with is known by when it was due");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked_for_now_is_tried_again_and_shows_how_long_it_waits() {
    let world = Arc::<World>::default();
    let (mut own, clock) = exporter_with(&world, &[every_ten()]).await;
    *world.is_away.lock().unwrap() = true;
    for (minutes, lag) in [(20, 0), (22, 120), (25, 300)] {
        look_at(&mut own, &clock, minutes).await;
        assert_eq!((world.asked().len(), own.metrics.lag_seconds.get()), (0, lag));
    }
    *world.is_away.lock().unwrap() = false;
    look_at(&mut own, &clock, 26).await;
    assert_eq!((world.asked(), own.metrics.lag_seconds.get()), (vec![20], 0));
    assert_eq!((runs(&own, "asked"), runs(&own, "failed")), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn request_of_which_nobody_knows_whether_it_was_taken_is_asked_for_again() {
    let world = Arc::<World>::default();
    let (mut own, clock) = exporter_with(&world, &[every_ten()]).await;
    *world.hangs.lock().unwrap() = true;
    look_at(&mut own, &clock, 20).await;
    *world.hangs.lock().unwrap() = false;
    look_at(&mut own, &clock, 21).await;
    let requests = world.requests.lock().unwrap().clone();
    assert_eq!((world.asked(), requests[0].report_id), (vec![20, 20], requests[1].report_id));
    look_at(&mut own, &clock, 22).await;
    assert_eq!(world.asked().len(), 2);
}

#[tokio::test]
async fn paused_deleted_and_ownerless_schedules_make_nothing() {
    let world = Arc::<World>::default();
    let foreign = ReportSchedule { tenant: "globex".parse().unwrap(), ..every_ten() };
    let by_hand = ReportSchedule { when: None, range: "yesterday".to_owned(), ..every_ten() };
    let unreadable_times = ReportSchedule { range: "tomorrow".to_owned(), ..every_ten() };
    let (still, gone) = (every_ten(), every_ten());
    let (mut own, clock) =
        exporter_with(&world, &[still.clone(), gone.clone(), foreign, by_hand, unreadable_times]).await;
    own.arrived(unreadable(vec![0, 0, 0, 0, 7, 1])).await.unwrap();
    assert_eq!(own.metrics.unreadable.get(), 1);
    let still = paused(still, "admin", at(16));
    own.arrived(record(&still)).await.unwrap();
    own.arrived(record(&deleted(gone, "admin", at(16)))).await.unwrap();
    look_at(&mut own, &clock, 40).await;
    assert!(world.asked().is_empty(), "{:?}", world.asked());
    let standings = ["active", "by_hand", "paused", "owner_gone"].map(|it| standing(&own, it));
    assert_eq!(standings, [0, 1, 1, 1]);
    own.arrived(record(&resumed(still, "admin", "admin", at(45)))).await.unwrap();
    look_at(&mut own, &clock, 55).await;
    assert_eq!(world.asked(), [50], "nothing of the pause");
}

#[tokio::test]
async fn request_that_is_refused_ends_the_service() {
    struct Refuses;
    impl Desk for Refuses {
        fn is_known(&self, _: ReportId) -> bool {
            false
        }
        fn last_run(&self, _: &ReportSchedule, _: Moment) -> Option<LastRun> {
            None
        }
        async fn barrier(&self) -> Result<Vec<BarrierOffset>, KafkaError> {
            Ok(Vec::new())
        }
        async fn request(&self, _: &ReportRequest) -> Result<(), JournalError> {
            Err(ProduceError::Fatal("fenced".to_owned()).into())
        }
    }
    let metrics = ScheduleMetrics::new(&Metrics::default());
    let run = report_schedules::Run { due: at(20), from: at(10), to: at(20) };
    assert!(ask(&Refuses, &every_ten(), &run, &metrics).await.is_err());
}
