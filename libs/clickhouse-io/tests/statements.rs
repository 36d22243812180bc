//! Settings of statements, as they pass by on their way to the real engine: what a cluster, or a server that is slow, would want of them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clickhouse_io::report::{self, Column, ColumnSet, Cut, Offsets, Positions, ReportQuery, Slice, Stretch};
use clickhouse_io::rollup::{self, DayOfNetwork, HourOfNetwork, NotesReach, Reach, Unit};
use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::write::{EventTable, insert};
use clickhouse_io::{ClickHouse, ClickHouseConfig, Refusal, copies, migrate, open, traffic};
use engine_of_test::{Engine, end_ms, engine};
use local_parts::given::GivenClickHouse;
use local_parts::{Fault, FaultProxy};
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::examples::connection;
use schemas::ids::Tenant;
use schemas::migrations;
use schemas::times::Moment;
use traffic_query::{Dimension, Measure, TopQuery, TrafficFilter};

/// A database of its own behind a proxy, and the requests' targets that have passed by, each with its settings.
struct Watched {
    engine: Engine,
    clickhouse: ClickHouse,
    _proxy: FaultProxy,
    targets: Arc<Mutex<Vec<String>>>,
}

impl Watched {
    async fn new(name: &str) -> Self {
        let engine = engine().await;
        let proxy = FaultProxy::start(&engine.given.url).await.unwrap();
        let clickhouse = engine.database_with(name, |config| config.url = proxy.url()).await;
        let targets = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&targets);
        proxy.plan(move |seen| {
            noted.lock().unwrap().push(seen.target.clone());
            None
        });
        Self { engine, clickhouse, _proxy: proxy, targets }
    }

    /// What has passed by since this was asked before.
    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.targets.lock().unwrap())
    }
}

fn acme() -> Tenant {
    "acme".parse().unwrap()
}

/// A fact and its copy, and the hours they lie in.
async fn store_copies(clickhouse: &ClickHouse) -> (Moment, Moment) {
    let row = |offset: i64| {
        let event = connection(EventType::ClosedConnection, "twice", end_ms(0).unsigned_abs());
        ConnectionRow::from_event(event, Source { name: "main", partition: 3, offset })
    };
    insert(clickhouse, EventTable::Connections, vec![row(0), row(1)], "copies").await.unwrap();
    (Moment::from_millis(end_ms(0) - 3_600_000), Moment::from_millis(end_ms(0) + 3_600_000))
}

/// Rows of `store_many`.
const MANY: i64 = 20_000;

/// Facts of some hours, none like another; and their range.
async fn store_many(clickhouse: &ClickHouse) -> (Moment, Moment) {
    let rows = (0..MANY).map(|offset| {
        let id = format!("{offset:x}-1");
        let event = connection(EventType::ClosedConnection, &id, end_ms(offset).unsigned_abs());
        let event = ConnectionEvent { resource_address: format!("host{offset}.corp.example"), ..event };
        ConnectionRow::from_event(event, Source { name: "main", partition: 3, offset })
    });
    insert(clickhouse, EventTable::Connections, rows.collect(), "many").await.unwrap();
    (Moment::from_millis(end_ms(0)), Moment::from_millis(end_ms(MANY)))
}

/// Replicas refuse such a mutation without it, with a code that ends a service.
#[tokio::test]
async fn mutations_that_look_something_up_are_allowed_on_replicas() {
    let watched = Watched::new("mutations").await;
    let is_allowed = |target: &&String| target.contains("allow_nondeterministic_mutations=1");
    open::forget_ended(&watched.clickhouse, Duration::from_secs(60)).await.unwrap();
    let seen = watched.seen();
    assert_eq!(
        (seen.len(), seen.iter().filter(is_allowed).count()),
        (3, 2),
        "the time is asked for, then it is deleted, openings first: {seen:?}"
    );
    let range = store_copies(&watched.clickhouse).await;
    watched.seen();
    let deleted = copies::delete(&watched.clickhouse, &acme(), range, "test", |_| ()).await.unwrap();
    assert_eq!((deleted, watched.seen().iter().filter(is_allowed).count()), (1, 1));
    watched.engine.drop(&watched.clickhouse).await;
}

/// What a server has nothing of is not noted as done: it may be a newer one the next time.
#[tokio::test]
async fn migration_that_an_older_server_knows_nothing_of_is_done_by_a_newer_one() {
    let engine = engine().await;
    let proxy = FaultProxy::start(&engine.given.url).await.unwrap();
    let clickhouse = engine.database_with("older", |config| config.url = proxy.url()).await;
    let forget = "ALTER TABLE schema_migrations DELETE WHERE number = 15 SETTINGS mutations_sync = 1";
    clickhouse.execute(forget).await.unwrap();
    proxy.plan(|seen| {
        let body = "Code: 115. DB::Exception: Unknown setting 'auto_statistics_types'. (UNKNOWN_SETTING)".to_owned();
        let is_statement = seen.target.contains("allow_suspicious_low_cardinality_types");
        is_statement.then_some(Fault::Answer { status: 404, code: Some(115), body })
    });
    assert_eq!(migrate::migrate(&clickhouse, migrations::ALL).await.unwrap(), []);
    assert_eq!(proxy.counts().of("answer"), 12);
    proxy.plan(|_| None);
    let applied = migrate::migrate(&clickhouse, migrations::ALL).await.unwrap();
    assert_eq!(applied.into_iter().map(|it| it.number).collect::<Vec<_>>(), [15]);
    engine.drop(&clickhouse).await;
}

/// The server says so before the client gives up: that is what people are told to narrow their question for.
#[tokio::test]
async fn question_that_takes_too_long_is_too_much_and_no_server_that_is_away() {
    let engine = engine().await;
    let slow = |config: &mut ClickHouseConfig| config.timeout = Duration::from_secs(3);
    let clickhouse = engine.database_with("slow", slow).await;
    store_copies(&clickhouse).await;
    for statement in [
        "RENAME TABLE connections TO connections_kept",
        "CREATE VIEW connections AS SELECT * FROM connections_kept WHERE resource_id NOT IN (
             SELECT number + 1000000000000 FROM numbers(100000000000) WHERE sleep(0.01) = 1)
         SETTINGS allow_suspicious_low_cardinality_types = 1",
    ] {
        clickhouse.execute(statement).await.unwrap();
    }
    let asked = TopQuery::new(TrafficFilter::default(), &[Dimension::Port], &[Measure::Events], 10).unwrap();
    let refused = traffic::top(&clickhouse, &acme(), &asked, Moment::now()).await.unwrap_err();
    assert!(refused.is_too_much(), "{refused}");
    engine.drop(&clickhouse).await;
}

/// Whoever gave up waiting tries again: what the server still did would be done twice at once.
#[tokio::test]
async fn no_statement_goes_on_longer_than_it_is_waited_for() {
    let watched = Watched::new("bounded").await;
    let clickhouse = &watched.clickhouse;
    let (from, to) = store_copies(clickhouse).await;
    watched.seen();
    let have = |what: &str, settings: &[&str]| {
        let mut seen = watched.seen();
        // What a table is like, which the client asks before it writes rows.
        seen.retain(|target| !target.contains("describe_include_subcolumns"));
        for setting in settings {
            assert!(!seen.is_empty() && seen.iter().all(|it| it.contains(setting)), "{what}, {setting}: {seen:?}");
        }
    };
    let bounded = |what: &str| have(what, &["max_execution_time=119"]);
    // Broken off with its connection, too.
    let reading = |what: &str| {
        have(what, &["max_execution_time=119", "readonly=2", "cancel_http_readonly_queries_on_client_close=1"]);
    };
    let minute = Duration::from_secs(60);
    open::end_silent(clickhouse, minute).await.unwrap();
    bounded("end_silent");
    assert!(!rollup::keep_minutes(clickhouse, 30).await.unwrap());
    assert!(rollup::keep_minutes(clickhouse, 7).await.unwrap());
    bounded("keep_minutes");
    open::forget_ended(clickhouse, minute).await.unwrap();
    bounded("forget_ended");

    let asked_at = rollup::server_time(clickhouse).await.unwrap();
    let reach = Reach { written_since: Moment::FIRST, ended_since: Moment::FIRST, ended_by: asked_at };
    rollup::unsealed(clickhouse, "main", reach).await.unwrap();
    let reach = NotesReach { noted_since: Moment::FIRST, ended_since: Moment::FIRST, ended_by: to };
    rollup::unsealed_days(clickhouse, reach).await.unwrap();
    for unit in [Unit::Minute, Unit::Hour, Unit::Day, Unit::NetworkDay] {
        rollup::verify(clickhouse, &acme(), unit, (from, to), 10).await.unwrap();
    }
    rollup::verify_names(clickhouse, &acme(), (from, to), 10).await.unwrap();
    rollup::definitions(clickhouse, &acme(), Unit::Hour, (from, to)).await.unwrap();
    rollup::outdated(clickhouse, 2).await.unwrap();
    copies::find(clickhouse, &acme(), (from, to), 10).await.unwrap();
    reading("what only reads");

    let event = connection(EventType::ClosedConnection, "twice", end_ms(0).unsigned_abs());
    let hour = HourOfNetwork::of(acme(), event.end_time, event.remote_network_id);
    rollup::count_and_seal(clickhouse, rollup::DEFINITION, &[hour].into(), asked_at, |_| ()).await.unwrap();
    bounded("count_and_seal");
    let day = DayOfNetwork::of(acme(), event.end_time, event.remote_network_id);
    rollup::count_and_seal_days(clickhouse, rollup::DEFINITION, &[(day, 1)].into(), |_| ()).await.unwrap();
    bounded("count_and_seal_days");
    rollup::names_kept_from(clickhouse, from).await.unwrap();
    bounded("names_kept_from");
    rollup::note_days_counted(clickhouse, rollup::DEFINITION, to, to).await.unwrap();
    bounded("note_days_counted");
    copies::delete(clickhouse, &acme(), (from, to), "test", |_| ()).await.unwrap();
    bounded("delete");
    watched.engine.drop(clickhouse).await;
}

/// The engine is the one that ingest writes to.
#[tokio::test]
async fn question_takes_no_more_memory_than_it_may_and_counts_of_the_aggregator_take_what_they_need() {
    let watched = Watched::new("memory_of_a_question").await;
    let clickhouse = &watched.clickhouse;
    let (from, to) = store_many(clickhouse).await;
    let filter = TrafficFilter::default().within(from, to);
    let query = TopQuery::new(filter, &[Dimension::Address], &[Measure::Addresses], 10).unwrap();
    let ask = async |clickhouse: &ClickHouse| traffic::top(clickhouse, &acme(), &query, to).await;
    watched.seen();
    assert_eq!(ask(clickhouse).await.unwrap().groups.len(), 10);
    let seen = watched.seen();
    let allowed = format!("max_memory_usage={}", 4_u64 << 30);
    assert!(!seen.is_empty() && seen.iter().all(|it| it.contains(&allowed)), "{seen:?}");

    let GivenClickHouse { url, user, password } = watched.engine.given.clone();
    let (database, password) = (clickhouse.database().to_owned(), password.map(Into::into));
    let narrow =
        ClickHouseConfig { url, user, password, database, question_memory_max: 100_000, ..ClickHouseConfig::default() };
    let narrow = ClickHouse::new(&narrow);
    let error = ask(&narrow).await.unwrap_err();
    assert_eq!((error.refusal(), error.is_too_much()), (Some(Refusal::MemoryLimit), true), "{error}");
    let hours = (0..MANY).map(|offset| {
        let event = connection(EventType::ClosedConnection, "any", end_ms(offset).unsigned_abs());
        HourOfNetwork::of(acme(), event.end_time, event.remote_network_id)
    });
    rollup::count_again(&narrow, rollup::DEFINITION, &hours.collect()).await.unwrap();
    watched.engine.drop(clickhouse).await;
}

/// Reports are read from the same engine, by many statements at once.
#[tokio::test]
async fn statements_of_a_report_take_no_more_memory_and_threads_than_its_client_may() {
    let watched = Watched::new("bounds_of_a_report").await;
    let clickhouse = &watched.clickhouse;
    let (from, to) = store_many(clickhouse).await;
    rollup::rebuild(clickhouse, rollup::DEFINITION, &acme(), (from, to), |_, _| {}).await.unwrap();
    let bounded = clickhouse.clone().bounded_to(3 << 30, 3);
    let taken = "SELECT value FROM system.settings WHERE name IN ('max_memory_usage', 'max_threads') ORDER BY name";
    assert_eq!(bounded.text(taken).await.unwrap(), "3221225472\n3\n", "the server knows them");
    watched.seen();
    let have = |what: &str, threads: u8| {
        let settings = ["max_memory_usage=3221225472".to_owned(), format!("max_threads={threads}")];
        let (seen, mut pieces) = (watched.seen(), Vec::new());
        assert!(!seen.is_empty(), "{what} asks");
        for target in &seen {
            pieces.clear();
            pieces.extend(target.split(['?', '&']));
            assert!(settings.iter().all(|it| pieces.contains(&it.as_str())), "{what}: {target}");
        }
    };
    let whole = ReportQuery {
        tenant: acme(),
        filter: TrafficFilter::default().within(from, to),
        denied: true,
        columns: ColumnSet::of(Column::ALL),
        offsets: None,
    };
    let filter = TrafficFilter { domain: Some("example".to_owned()), ..whole.filter.clone() };
    let narrowed = ReportQuery { filter, ..whole.clone() };
    let cut = Cut { stretch_rows: 3_000, slice_rows: 10_000, slices_max: 1_000 };
    let now = Moment::from_millis(end_ms(MANY) + 24 * 3_600_000);
    for (query, threads) in [(&whole, 1), (&narrowed, 3)] {
        let slices = report::plan(&bounded, query, &cut, now).await.unwrap();
        have("planning", 3);
        let slice = report::count_slice(&bounded, query, &slices[0], &cut, now).await.unwrap();
        have("counting a slice", 3);
        report::recount(&bounded, query, &slice).await.unwrap();
        have("counting again", 3);
        let mut answer = report::read(&bounded, query, &slice.one_statement()).unwrap();
        while answer.next().await.unwrap().is_some() {}
        have("reading", threads);
    }
    let offsets = Offsets { source: "main".to_owned(), until: [(3, MANY)].into(), ..Offsets::default() };
    report::hours(&bounded, &ReportQuery { offsets: Some(offsets), ..whole.clone() }).await.unwrap();
    have("looking for hours", 3);
    let at: BTreeMap<_, _> = [(3, MANY)].into();
    let positions = Positions { source: "main".to_owned(), awaited: at.clone(), counted: at };
    let rolled_up = report::rolled_up(&bounded, &whole, &positions, now).await.unwrap().unwrap();
    have("asking the roll-up", 3);
    report::hold_against_rows(&bounded, &whole, &positions, &rolled_up).await.unwrap();
    have("holding against rows", 3);

    let narrow = clickhouse.clone().bounded_to(100_000, 1);
    let all = Slice { stretches: vec![Stretch { from, to, rows: MANY.unsigned_abs() }] };
    let mut answer = report::read(&narrow, &whole, &all).unwrap();
    let error = loop {
        match answer.next().await {
            Ok(piece) => assert!(piece.is_some(), "all was read"),
            Err(error) => break error,
        }
    };
    assert_eq!((error.is_over_its_memory(), error.is_overload()), (true, false), "{error}");
    watched.engine.drop(clickhouse).await;
}
