//! Every question about traffic against a plain evaluation over the list of events, on the real engine: made-up events, filters and
//! zones, copies of facts, from raw rows and from the roll-up.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;
mod traffic_of_test;

use std::collections::{BTreeMap, BTreeSet};

use clickhouse_io::native::read::BlockReader;
use clickhouse_io::report::{self, Bounds, ColumnSet, ConnectionColumns, Cut, Positions, ReportQuery};
use clickhouse_io::traffic::{self, Line, Searched};
use clickhouse_io::{ClickHouse, rollup};
use engine_of_test::engine;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use schemas::connection_event::{ConnectionEvent, EventType, TunnelPath};
use schemas::event_id::EventId;
use schemas::examples::connection;
use schemas::ids::Tenant;
use schemas::times::Moment;
use traffic_of_test::plain::{self, Stored};
use traffic_of_test::stored::{pages, store};
use traffic_of_test::{Period, SPRING, ended_at, events, filter, groups, plain_insights};
use traffic_query::{Bucket, Dimension, Field, Insight, InsightQuery, Measure, SeriesQuery, TopQuery, TrafficFilter};

/// Sets of events, each of a tenant of its own; `FLOWLEDGER_TRAFFIC_SETS` for more, from `FLOWLEDGER_TRAFFIC_FIRST_SET` on.
const SETS: u64 = 6;
/// Questions of each kind about each set.
const QUESTIONS: u64 = 9;

/// Seeds of the sets. Where none was named the last is one that nobody has seen: a failure names it.
fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (sets, first) = (number("FLOWLEDGER_TRAFFIC_SETS").unwrap_or(SETS), number("FLOWLEDGER_TRAFFIC_FIRST_SET"));
    let known = first.unwrap_or(0)..first.unwrap_or(0) + sets;
    known.chain(first.is_none().then(|| rand::random_range(1_000_000..1_000_000_000))).collect()
}

/// Facts that a report reads, of each its id.
async fn reported(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    filter: &TrafficFilter,
    denied: bool,
    rows_max: u64,
    now: Moment,
) -> BTreeSet<EventId> {
    let (filter, columns) = (filter.clone(), ColumnSet::ORDER);
    let query = ReportQuery { tenant: tenant.clone(), filter, denied, columns, offsets: None };
    let mut ids = BTreeSet::new();
    // Each slice is one statement then.
    let cut = Cut { stretch_rows: rows_max, slice_rows: rows_max, slices_max: u64::MAX };
    for slice in report::plan(clickhouse, &query, &cut, now).await.unwrap() {
        let slice = report::count_slice(clickhouse, &query, &slice, &cut, now).await.unwrap();
        let (mut answer, mut pieces) = (report::read(clickhouse, &query, &slice).unwrap(), Vec::new());
        while let Some(piece) = answer.next().await.unwrap() {
            pieces.push(piece);
        }
        let (mut pieces, mut rows) = (pieces.into_iter(), 0);
        let mut reader = BlockReader::new(|| Ok(pieces.next()), Vec::new());
        while let Some(block) = reader.next_block().unwrap() {
            let columns = ConnectionColumns::of(&block, columns).unwrap();
            rows += columns.rows as u64;
            ids.extend((0..columns.rows).map(|row| {
                let millis = columns.end_micros(row).div_euclid(1_000);
                EventId::from_parts(millis.unsigned_abs(), columns.event_id_tail[row])
            }));
        }
        assert_eq!(rows, slice.rows());
    }
    ids
}

/// What the roll-up says of a report that has so many facts is right; gives how many hours it was asked about.
async fn held_by_rollup(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    filter: &TrafficFilter,
    denied: bool,
    now: Moment,
    facts: u64,
) -> usize {
    let (filter, columns) = (filter.clone(), ColumnSet::ORDER);
    let query = ReportQuery { tenant: tenant.clone(), filter, denied, columns, offsets: None };
    // Everything was stored and counted; minutes here were written after the hours were.
    let all: BTreeMap<i32, i64> = (0..100).map(|partition| (partition, i64::MAX)).collect();
    let positions = Positions { source: "main".to_owned(), awaited: all.clone(), counted: all };
    clickhouse.execute("TRUNCATE TABLE IF EXISTS hours_sealed").await.unwrap();
    let sealed = "INSERT INTO hours_sealed (tenant, hour, remote_network_id, asked_at)
        SELECT DISTINCT tenant, toStartOfHour(minute), remote_network_id, now64(6) + 1 FROM connections_by_minute";
    clickhouse.execute(sealed).await.unwrap();
    let Some(rolled_up) = report::rolled_up(clickhouse, &query, &positions, now).await.unwrap() else { return 0 };
    assert_eq!(rolled_up.facts(), Bounds::exactly(facts), "{:?}", query.filter.to_pairs());
    let raw = report::hold_against_rows(clickhouse, &query, &positions, &rolled_up).await.unwrap();
    assert_eq!(raw.facts.and(rolled_up.around), Bounds::exactly(facts));
    assert_eq!(raw.lost, []);
    rolled_up.hours.len()
}

#[tokio::test]
async fn every_answer_is_that_of_a_plain_evaluation() {
    let engine = engine().await;
    let clickhouse = engine.database("traffic").await;
    let (mut from_rollup, mut with_others, mut shown, mut held, mut left_out) = (0, 0, 0, 0, 0);
    let seeds = seeds();
    let sets = seeds.len() as u64;
    for seed in seeds {
        let tenant: Tenant = format!("tenant-{seed}").parse().unwrap();
        let mut random = StdRng::seed_from_u64(seed);
        let period = Period::of(seed);
        let all = events(&mut random, &tenant, period);
        store(&clickhouse, &tenant, &all).await;
        for question in 0..QUESTIONS {
            let filter = filter(&mut random, period);
            let at = format!("seed {seed}, question {question}: {:?}", filter.to_pairs());
            let facts = plain::facts(&all, &filter);
            shown += facts.len();
            left_out += plain::left_out(&all, &filter, &facts) as u64;
            // Asked while it happens, and long after: by minute, by hour, and from raw rows at the ends.
            let now = period.now(&mut random);

            let limit = random.random_range(2..9);
            assert_eq!(pages(&clickhouse, &tenant, &filter, limit).await, plain::newest_first(&facts), "{at}");

            let with_denied = random.random_bool(0.5);
            let is_shown = |event: &&ConnectionEvent| with_denied || event.event_type != EventType::DeniedAccess;
            let expected: BTreeSet<_> = facts.iter().copied().filter(is_shown).map(|event| event.event_id).collect();
            let rows_max = random.random_range(20..200);
            let read = reported(&clickhouse, &tenant, &filter, with_denied, rows_max, now).await;
            assert_eq!(read, expected, "{at}: report");
            held += held_by_rollup(&clickhouse, &tenant, &filter, with_denied, now, expected.len() as u64).await;

            let query = groups(&mut random, &filter);
            let found = traffic::top(&clickhouse, &tenant, &query, now).await.unwrap();
            from_rollup += u64::from(found.source == traffic::Source::Rollup);
            with_others += u64::from(found.others.is_some());
            // What is not exact gives no exact order: asked below.
            if found.source != traffic::Source::Sketches {
                let (expected, others) = plain::top(&facts, &query);
                let found_groups: Vec<_> = found.groups.into_iter().map(|it| (it.keys, it.values)).collect();
                assert_eq!(found_groups, expected, "{at}: {query:?}");
                assert_eq!(found.others, others, "{at}: {query:?}");
            }

            let of = Dimension::ALL[random.random_range(0..Dimension::ALL.len())];
            let facet = TopQuery::facet(&filter, of, limit).unwrap();
            let found = traffic::top(&clickhouse, &tenant, &facet, now).await.unwrap();
            let (expected, others) = plain::facet(&all, &filter, of, limit as usize);
            let found_groups: Vec<_> = found.groups.into_iter().map(|it| (it.keys, it.values)).collect();
            assert_eq!((found_groups, found.others), (expected, others), "{at}: facet of {of:?}");

            let measures = [Measure::Connections, Measure::Events, Measure::Users, Measure::BytesReceived];
            let counted = traffic::count(&clickhouse, &tenant, &filter, &measures, now).await.unwrap();
            from_rollup += u64::from(counted.source == traffic::Source::Rollup);
            assert_eq!(counted.values, plain::measures(&facts, &measures), "{at}: {:?}", counted.source);
            let two_hours = 7_200_000_000;
            assert!(!counted.is_settled || filter.to.as_micros() + two_hours <= now.as_micros(), "{at}");

            let widths = [Bucket::Day, Bucket::Hour, Bucket::Minute, Bucket::Week, Bucket::Month].map(Some);
            let bucket = [&[None], &widths[..]].concat()[random.random_range(0..6)];
            let split = &query.by()[..random.random_range(0..=query.by().len())];
            let narrow = period.narrow(&filter);
            let Ok(series) = SeriesQuery::new(narrow.clone(), bucket, split, query.measures(), query.limit()) else {
                continue;
            };
            let found = traffic::series(&clickhouse, &tenant, &series, now).await.unwrap();
            from_rollup += u64::from(found.source == traffic::Source::Rollup);
            if found.source == traffic::Source::Sketches {
                continue;
            }
            let facts = plain::facts(&all, &narrow);
            let expected: Vec<Line> = plain::series(&facts, &series);
            assert_eq!(found.lines, expected, "{at}: {series:?}");
        }
    }
    // A test of nothing would pass too.
    let enough = from_rollup > sets && with_others > sets && shown > 150 * sets as usize && held > 0 && left_out > sets;
    assert!(enough, "{from_rollup} {with_others} {shown} {held} {left_out}");
    engine.drop(&clickhouse).await;
}

/// Values are equal, but durations, which lie within the stated part of what they are.
fn assert_within(measures: &[Measure], found: &[u128], exact: &[u128], at: &str) {
    assert_eq!((found.len(), exact.len()), (measures.len(), measures.len()), "{at}");
    for ((measure, found), exact) in measures.iter().zip(found).zip(exact) {
        match measure {
            Measure::DurationP50 | Measure::DurationP95 => {
                #[expect(clippy::cast_precision_loss, reason = "a duration")]
                let (found, exact) = (*found as f64, *exact as f64);
                assert!((found - exact).abs() <= exact * rollup::DURATION_ERROR, "{at}: {found} for {exact}");
            }
            _ => assert_eq!(found, exact, "{at}: {}", measure.name()),
        }
    }
}

#[tokio::test]
async fn what_merges_is_within_its_error_and_all_else_is_exact() {
    let engine = engine().await;
    let clickhouse = engine.database("traffic_sketches").await;
    let (mut merged, mut with_durations) = (0, 0);
    let seeds = seeds();
    let sets = seeds.len() as u64;
    for seed in seeds {
        let tenant: Tenant = format!("tenant-{seed}").parse().unwrap();
        let mut random = StdRng::seed_from_u64(200 + seed);
        let period = Period::of(seed);
        let all = events(&mut random, &tenant, period);
        store(&clickhouse, &tenant, &all).await;
        for question in 0..2 * QUESTIONS {
            // What days of Remote Networks know; a first measure that is exact gives an order that is.
            let drawn = filter(&mut random, period);
            let mut filter = period.narrow(&drawn);
            let others = Field::ALL
                .into_iter()
                .filter(|it| !matches!(it, Field::From | Field::To | Field::Zone | Field::RemoteNetworks));
            filter = others.fold(filter, TrafficFilter::without);
            let now = period.now(&mut random);
            let by = [Dimension::RemoteNetwork];
            let exact = Measure::ALL[random.random_range(0..10)];
            let any = Measure::ALL[random.random_range(10..Measure::ALL.len())];
            let measures = [exact, any, Measure::DurationP50, Measure::DurationP95];
            let at = format!("seed {seed}, question {question}, now {now:?}: {:?}", filter.to_pairs());
            let facts = plain::facts(&all, &filter);

            let query = TopQuery::new(filter.clone(), &by, &measures, random.random_range(1..4)).unwrap();
            let found = traffic::top(&clickhouse, &tenant, &query, now).await.unwrap();
            let (expected, others) = plain::top(&facts, &query);
            merged += u64::from(found.source == traffic::Source::Sketches);
            let names: Vec<_> = expected.iter().map(|it| &it.0).collect();
            assert_eq!(found.groups.iter().map(|it| &it.keys).collect::<Vec<_>>(), names, "{at}");
            for (found, expected) in found.groups.iter().zip(&expected) {
                assert_within(&measures, &found.values, &expected.1, &at);
                with_durations += u64::from(expected.1[2] > 0);
            }
            assert_eq!(found.others.is_some(), others.is_some(), "{at}");
            if let (Some(found), Some(exact)) = (found.others, others) {
                assert_within(&measures, &found, &exact, &at);
            }

            let bucket = [Bucket::Day, Bucket::Hour][random.random_range(0..2)];
            let split = &by[..random.random_range(0..=by.len())];
            let series = SeriesQuery::new(filter.clone(), Some(bucket), split, &measures, query.limit()).unwrap();
            let found = traffic::series(&clickhouse, &tenant, &series, now).await.unwrap();
            merged += u64::from(found.source == traffic::Source::Sketches);
            let expected = plain::series(&facts, &series);
            assert_eq!(found.lines.len(), expected.len(), "{at}");
            for (found, expected) in found.lines.iter().zip(&expected) {
                assert_eq!(found.keys, expected.keys, "{at}");
                for (found, expected) in found.values.iter().zip(&expected.values) {
                    assert_within(&measures, found, expected, &at);
                }
            }
        }
    }
    let enough = merged > sets * 4 && with_durations > sets * 20;
    assert!(enough, "{merged} {with_durations}");
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn connections_by_address_are_those_of_a_plain_evaluation() {
    let engine = engine().await;
    let clickhouse = engine.database("traffic_addresses").await;
    let (mut of_days, mut with_others) = (0, 0);
    let seeds = seeds();
    let sets = seeds.len() as u64;
    for seed in seeds {
        let tenant: Tenant = format!("tenant-{seed}").parse().unwrap();
        let mut random = StdRng::seed_from_u64(300 + seed);
        let period = Period::of(seed);
        let all = events(&mut random, &tenant, period);
        store(&clickhouse, &tenant, &all).await;
        for question in 0..2 * QUESTIONS {
            let drawn = filter(&mut random, period);
            let filter = period.narrow(&drawn);
            // Mostly what days of Remote Networks know.
            let known = [Field::From, Field::To, Field::Zone, Field::RemoteNetworks];
            let others = Field::ALL.into_iter().filter(|it| !known.contains(it)).filter(|_| question % 4 != 0);
            let filter = others.fold(filter, TrafficFilter::without);
            let now = period.now(&mut random);
            let both = [Dimension::RemoteNetwork, Dimension::Address];
            let reversed = [both[1], both[0]];
            let by = [&both[1..], &both, &reversed][random.random_range(0..3)];
            let at = format!("seed {seed}, question {question}, now {now:?}, by {by:?}: {:?}", filter.to_pairs());
            let facts = plain::facts(&all, &filter);

            let query = TopQuery::new(filter.clone(), by, &[Measure::Connections], random.random_range(1..9)).unwrap();
            let found = traffic::top(&clickhouse, &tenant, &query, now).await.unwrap();
            of_days += u64::from(found.source == traffic::Source::Addresses);
            with_others += u64::from(found.others.is_some());
            assert_eq!(found.missing_max, None, "{at}");
            let (expected, others) = plain::top(&facts, &query);
            let groups: Vec<_> = found.groups.into_iter().map(|it| (it.keys, it.values)).collect();
            assert_eq!((groups, found.others), (expected, others), "{at}");

            let bucket = [Bucket::Day, Bucket::Hour][random.random_range(0..2)];
            let series = SeriesQuery::new(filter, Some(bucket), by, query.measures(), query.limit()).unwrap();
            let found = traffic::series(&clickhouse, &tenant, &series, now).await.unwrap();
            of_days += u64::from(found.source == traffic::Source::Addresses);
            assert_eq!((found.lines, found.missing_max), (plain::series(&facts, &series), None), "{at}");
        }
    }
    assert!(of_days > sets * 4 && with_others > sets * 4, "{of_days} {with_others}");
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn what_stands_out_is_what_a_plain_evaluation_finds() {
    let engine = engine().await;
    let clickhouse = engine.database("traffic_insights").await;
    let (mut found_of, mut from_rollup) = ([0; Insight::ALL.len()], 0);
    // Answers in another order than that of their subjects.
    let mut in_order = found_of;
    let seeds = seeds();
    for &seed in &seeds {
        let tenant: Tenant = format!("tenant-{seed}").parse().unwrap();
        let mut random = StdRng::seed_from_u64(100 + seed);
        let period = Period::of(seed);
        let all = events(&mut random, &tenant, period);
        store(&clickhouse, &tenant, &all).await;
        let questions =
            Insight::ALL.iter().enumerate().flat_map(|(number, it)| [(number, it, false), (number, it, true)]);
        for (number, insight, is_wide) in questions {
            // Few events on one side, so that something is new, and something gone.
            let share = random.random_range(1..10);
            let edge = |share: i64| (period.last.as_micros() - period.first.as_micros()) / 10 * share;
            let middle = match insight {
                Insight::UnusedResources | Insight::InactiveUsers => period.last.as_micros() - edge(share) / 20,
                _ => period.first.as_micros() + edge(share) / 9,
            };
            // So much is found that an order shows; of rules where they have few names.
            let domain = (*insight == Insight::BroadRules).then(|| "example".to_owned());
            let wide = TrafficFilter { domain, ..TrafficFilter::default() };
            let filter = if is_wide { wide } else { filter(&mut random, period).without(Field::Statuses) };
            let filter = filter.within(Moment::from_micros(middle), Moment::END);
            let now = Moment::from_micros(period.last.as_micros() + random.random_range(0..86_400_000_000));
            let query = InsightQuery::new(*insight, &filter, now, 1000).unwrap();
            let at = format!("seed {seed}, {}: {:?}", insight.name(), query.filter().to_pairs());
            let traffic::Findings { findings: found, source } =
                traffic::insight(&clickhouse, &tenant, &query, now).await.unwrap();
            let is_in_rows_alone =
                matches!(insight, Insight::NewClientAddresses | Insight::BroadRules | Insight::UnresolvedNames);
            assert!(!is_in_rows_alone || source == traffic::Source::Raw, "{at}: {source:?}");
            from_rollup += u64::from(source == traffic::Source::Rollup);
            let mut expected = plain_insights::findings(&all, &query);
            found_of[number] += found.len();
            in_order[number] += usize::from(!found.is_sorted_by(|one, two| one.subject <= two.subject));
            // Raw rows know when exactly, a roll-up to the minute, hour or day: so it gives the order.
            let late_max = if source == traffic::Source::Raw { 1 } else { 86_400_000_000 };
            for plain in &mut expected {
                let Some(it) = found.iter().find(|it| it.subject == plain.subject) else { continue };
                if let Some((exact, seen_at)) = plain.seen_at.zip(it.seen_at) {
                    let late = exact.as_micros() - seen_at.as_micros();
                    assert!((0..late_max).contains(&late), "{at}: {it:?} {plain:?}");
                    plain.seen_at = it.seen_at;
                }
            }
            plain_insights::sort(*insight, &mut expected);
            assert_eq!(found, expected, "{at}");
            let first = InsightQuery::new(*insight, query.filter(), now, 1).unwrap();
            let first = traffic::insight(&clickhouse, &tenant, &first, now).await.unwrap().findings;
            assert_eq!(first, found[..found.len().min(1)], "{at}");
            let other: Tenant = "globex".parse().unwrap();
            assert_eq!(traffic::insight(&clickhouse, &other, &query, now).await.unwrap().findings, [], "{at}");
        }
    }
    // One set that is looked at again need not have findings, and an order, of each.
    if seeds.len() as u64 >= SETS {
        assert!(found_of.iter().chain(&in_order).all(|found| *found > 0), "{found_of:?} {in_order:?}");
        assert!(from_rollup > 0);
    }
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn minutes_are_held_against_the_raw_rows() {
    let engine = engine().await;
    let clickhouse = engine.database("traffic_minutes").await;
    let tenant: Tenant = "acme".parse().unwrap();
    let all = events(&mut StdRng::seed_from_u64(5), &tenant, SPRING);
    store(&clickhouse, &tenant, &all).await;
    let differences = async |tenant: &Tenant, range| {
        rollup::verify(&clickhouse, tenant, rollup::Unit::Minute, range, 10_000).await.unwrap().len()
    };
    let ever = (Moment::FIRST, Moment::END);
    assert_eq!(differences(&tenant, ever).await, 0);
    // One group counts twice; then none is there.
    for (sql, expected) in [
        ("INSERT INTO connections_by_minute SELECT * FROM connections_by_minute WHERE _kafka_offsets = [0]", 1),
        ("TRUNCATE TABLE connections_by_minute", plain_groups(&all)),
    ] {
        clickhouse.execute(sql).await.unwrap();
        assert_eq!(differences(&tenant, ever).await, expected, "{sql}");
    }
    let other: Tenant = "globex".parse().unwrap();
    assert_eq!(differences(&other, ever).await, 0);
    assert_eq!(differences(&tenant, (SPRING.last, Moment::END)).await, 0, "out of the range");
    engine.drop(&clickhouse).await;
}

/// How many groups by minute there are.
fn plain_groups(all: &[Stored]) -> usize {
    let ever = TrafficFilter { from: Moment::FIRST, to: Moment::END, ..TrafficFilter::default() };
    let key = |event: &ConnectionEvent| {
        let who = (event.user.as_ref().map(|it| it.id), event.service_account.as_ref().map(|it| it.id));
        let place = (event.remote_network_id, event.resource_id, event.connector_id);
        let path = (event.protocol, event.tunnel_path == TunnelPath::Relay);
        let country = event.location.as_ref().and_then(|it| it.country.clone());
        (event.end_time.as_millis() / 60_000, who, place, path, country)
    };
    plain::facts(all, &ever).into_iter().map(key).collect::<BTreeSet<_>>().len()
}

#[tokio::test]
async fn connection_is_found_by_each_of_its_events_with_all_the_others() {
    let engine = engine().await;
    let clickhouse = engine.database("traffic_one").await;
    let tenant: Tenant = "acme".parse().unwrap();
    let mut all = events(&mut StdRng::seed_from_u64(7), &tenant, SPRING);
    // A Connector lies in one Remote Network: elsewhere the other events of a connection are not looked for.
    for event in all.iter_mut().map(|it| &mut it.event) {
        event.remote_network_id = (event.connector_id.get() / 10).to_string().parse().unwrap();
    }
    store(&clickhouse, &tenant, &all).await;
    let mut with_opening = 0;
    for stored in all.iter().step_by(11) {
        let found = traffic::connection(&clickhouse, &tenant, stored.event.event_id).await.unwrap();
        let expected = plain::connection(&all, &stored.event);
        with_opening += u32::from(expected.len() > 1);
        assert_eq!(found, expected);
    }
    assert!(with_opening > 3, "{with_opening}");
    let other: Tenant = "globex".parse().unwrap();
    let foreign = traffic::connection(&clickhouse, &other, all[0].event.event_id).await.unwrap();
    assert!(foreign.is_empty(), "another tenant's");
    engine.drop(&clickhouse).await;
}

/// A failure does not say how long it was tried. One without an opening, and an opening that is older than a day, stand alone.
#[tokio::test]
async fn opening_of_a_connection_that_failed_is_found_a_day_back() {
    let engine = engine().await;
    let clickhouse = engine.database("traffic_failed").await;
    let tenant: Tenant = "acme".parse().unwrap();
    let failed_ms = 1_793_487_602_000_i64;
    let mut all = Vec::new();
    for (id, hours) in [("at once", 0), ("after a while", 3), ("after a day", 24), ("too late", 26)] {
        let failed = connection(EventType::FailedToConnect, id, failed_ms.unsigned_abs());
        let opened = Moment::from_millis(failed_ms - hours * 3_600_000);
        all.extend([ended_at(&failed, EventType::EstablishedConnection, opened), failed]);
    }
    all.push(connection(EventType::FailedToConnect, "never opened", failed_ms.unsigned_abs()));
    let stored: Vec<Stored> =
        all.iter().zip(0..).map(|(event, offset)| Stored { event: event.clone(), partition: 0, offset }).collect();
    store(&clickhouse, &tenant, &stored).await;
    for (event, at) in all.iter().zip(0..) {
        let found = traffic::connection(&clickhouse, &tenant, event.event_id).await.unwrap();
        let expected = match &event.connection_id[..] {
            // Forward it is looked for without end.
            "too late" if event.event_type == EventType::FailedToConnect => vec![event.clone()],
            _ => plain::connection(&stored, event),
        };
        assert_eq!(found, expected, "{at}");
    }
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn other_tenants_are_in_no_answer() {
    let engine = engine().await;
    let clickhouse = engine.database("traffic_tenants").await;
    let (own, other): (Tenant, Tenant) = ("acme".parse().unwrap(), "globex".parse().unwrap());
    let all = events(&mut StdRng::seed_from_u64(3), &own, SPRING);
    store(&clickhouse, &own, &all).await;
    let filter = TrafficFilter::default();
    assert!(traffic::recent(&clickhouse, &other, &filter, None, 10).await.unwrap().connections.is_empty());
    let counted = async |tenant| {
        traffic::count(&clickhouse, tenant, &filter, &[Measure::Events], Moment::now()).await.unwrap().values
    };
    assert_eq!(counted(&other).await, [0_u128]);
    assert_ne!(counted(&own).await, [0_u128]);
    let measures = [Measure::Events, Measure::Users];
    for measures in [&measures[..1], &measures] {
        let query = TopQuery::new(filter.clone(), &[Dimension::Resource], measures, 10).unwrap();
        let top = traffic::top(&clickhouse, &other, &query, Moment::now()).await.unwrap();
        assert_eq!((top.groups, top.others), (vec![], None));
        let narrow = filter.within(SPRING.first, SPRING.last);
        let query = SeriesQuery::new(narrow, Some(Bucket::Day), &[], measures, 10).unwrap();
        let series = traffic::series(&clickhouse, &other, &query, Moment::now()).await.unwrap();
        assert!(series.lines.iter().flat_map(|it| &it.values).flatten().all(|value| *value == 0));
    }
    rollup::names_kept_from(&clickhouse, Moment::FIRST).await.unwrap();
    for searched in [Searched::RemoteNetworks, Searched::Users, Searched::Resources, Searched::Addresses] {
        let names =
            async |tenant| traffic::search(&clickhouse, tenant, searched, "", 10, Moment::now()).await.unwrap().names;
        assert!(names(&other).await.is_empty());
        assert!(!names(&own).await.is_empty(), "{searched:?}");
    }
    engine.drop(&clickhouse).await;
}
