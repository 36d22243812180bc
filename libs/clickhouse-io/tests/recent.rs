//! Pages of connections, newest first, on the real engine: while events arrive, and of whoever is seldom there, from places that the roll-up by day knows of and from
//! all that nobody has counted.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;
mod traffic_of_test;

use std::collections::BTreeSet;
use std::time::Duration;

use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::write::{EventTable, insert};
use clickhouse_io::{ClickHouse, QueryError, rollup, traffic};
use engine_of_test::engine;
use local_parts::FaultProxy;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use schemas::connection_event::{ConnectionEvent, EventType, User};
use schemas::examples::connection;
use schemas::ids::Tenant;
use schemas::times::Moment;
use traffic_of_test::plain::{self, Stored};
use traffic_of_test::stored::{count, pages, store, store_raw};
use traffic_of_test::{Period, SPRING, events};
use traffic_query::TrafficFilter;

const DAY_MICROS: i64 = 24 * 3_600_000_000;
/// Years of made-up events; `FLOWLEDGER_RECENT_SETS` for more, from `FLOWLEDGER_RECENT_FIRST_SET` on.
const SETS: u64 = 2;
/// Pages of each, three times.
const QUESTIONS: usize = 12;

fn days_ago(days: i64) -> Moment {
    Moment::from_micros(Moment::now().as_micros() - days * DAY_MICROS)
}

/// Notes that days have all that was stored until now, of days that are over at a moment; what is stored later is known to be later.
async fn note(clickhouse: &ClickHouse, over_at: Moment) {
    // The engine tells by the second when a part came.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let now = rollup::server_time(clickhouse).await.unwrap();
    let in_flight = i64::try_from(rollup::IN_FLIGHT.as_micros()).unwrap();
    let stored_before = Moment::from_micros(now.as_micros() + in_flight);
    rollup::note_days_counted(clickhouse, rollup::DEFINITION, stored_before, over_at).await.unwrap();
}

#[tokio::test]
async fn page_stays_what_it_was_while_events_arrive() {
    let engine = engine().await;
    let clickhouse = engine.database("traffic_pages").await;
    let tenant: Tenant = "acme".parse().unwrap();
    let all = events(&mut StdRng::seed_from_u64(5), &tenant, SPRING);
    let (early, late): (Vec<Stored>, Vec<Stored>) =
        all.into_iter().partition(|it| it.event.end_time < Moment::from_millis(1_774_750_000_000));
    store(&clickhouse, &tenant, &early).await;
    let filter = TrafficFilter::default();
    let first = traffic::recent(&clickhouse, &tenant, &filter, None, 10).await.unwrap();
    let before = traffic::recent(&clickhouse, &tenant, &filter, first.next, 10).await.unwrap();
    let late: Vec<Stored> = late.into_iter().map(|it| Stored { offset: it.offset + 100_000, ..it }).collect();
    store(&clickhouse, &tenant, &late).await;
    assert_eq!(traffic::recent(&clickhouse, &tenant, &filter, first.next, 10).await.unwrap(), before);
    assert_ne!(traffic::recent(&clickhouse, &tenant, &filter, None, 10).await.unwrap(), first);
    engine.drop(&clickhouse).await;
}

/// Days tell of 60 events, and since then there were more than a step may sort: hours are enough for a page, and none is left out.
#[tokio::test]
async fn user_who_does_far_more_than_days_know_of_has_a_page_too() {
    let engine = engine().await;
    let clickhouse = engine.database("traffic_burst").await;
    let (before, burst) = (1_793_400_000_000_u64, 1_793_487_602_000_u64);
    let ends = (0..60).map(|at| before + at * 60_000).chain((0..70_000).map(|at| burst + at * 10));
    let events: Vec<ConnectionEvent> =
        ends.map(|end_ms| connection(EventType::ClosedConnection, &format!("{end_ms:x}-1"), end_ms)).collect();
    let (tenant, to) = (events[0].tenant.clone(), Moment::from_millis(1_793_491_000_000));
    let rows = events.iter().cloned().zip(0..);
    let row = |(event, offset)| ConnectionRow::from_event(event, Source { name: "main", partition: 0, offset });
    insert(&clickhouse, EventTable::Connections, rows.map(row).collect::<Vec<_>>(), "burst").await.unwrap();
    let known = &events[..60];
    let hour = |it: &ConnectionEvent| rollup::HourOfNetwork::of(tenant.clone(), it.end_time, it.remote_network_id);
    let day = |it: &ConnectionEvent| rollup::DayOfNetwork::of(tenant.clone(), it.end_time, it.remote_network_id);
    rollup::count_again(&clickhouse, rollup::DEFINITION, &known.iter().map(hour).collect()).await.unwrap();
    rollup::count_days(&clickhouse, rollup::DEFINITION, &known.iter().map(day).collect::<BTreeSet<_>>()).await.unwrap();
    let too_many = "SELECT * FROM connections ORDER BY event_id_tail LIMIT 1 BY event_id_tail LIMIT 51 FORMAT Null
        SETTINGS max_rows_to_sort = 65536";
    let refused = clickhouse.execute(too_many).await.unwrap_err();
    assert!(matches!(refused, QueryError::Refused { code: 396, .. }), "{refused}");

    let users = events[0].user.iter().map(|user| user.id).collect();
    let filter = TrafficFilter { users, to, ..TrafficFilter::default() };
    let mut newest: Vec<ConnectionEvent> = events.into_iter().rev().take(100).collect();
    newest.sort_by_key(|event| std::cmp::Reverse(event.event_id));
    let first = traffic::recent(&clickhouse, &tenant, &filter, None, 50).await.unwrap();
    let second = traffic::recent(&clickhouse, &tenant, &filter, first.next, 50).await.unwrap();
    assert_eq!([first.connections, second.connections].concat(), newest);
    engine.drop(&clickhouse).await;
}

/// A filter that leaves little, and often reaches far.
fn seldom(random: &mut StdRng, period: Period) -> TrafficFilter {
    let mut filter = TrafficFilter::default();
    let id = |random: &mut StdRng, to: u64| random.random_range(1..to).to_string();
    match random.random_range(0..4) {
        0 => _ = filter.users.insert(id(random, 7).parse().unwrap()),
        1 => _ = filter.service_accounts.insert(id(random, 7).parse().unwrap()),
        2 => _ = filter.connectors.insert((random.random_range(1..5) * 10 + 1).to_string().parse().unwrap()),
        _ => {
            filter.users.insert(id(random, 6).parse().unwrap());
            filter.resources.insert(id(random, 7).parse().unwrap());
        }
    }
    if random.random_bool(0.3) {
        filter.domain = Some("example".to_owned());
    }
    if random.random_bool(0.4) {
        let mut moment = || random.random_range(period.first.as_micros()..period.last.as_micros());
        let (one, two) = (moment(), moment());
        (filter.from, filter.to) = (Moment::from_micros(one.min(two)), Moment::from_micros(one.max(two) + 1));
    }
    filter
}

/// Most is counted. What is not: what was there before the aggregator, the newest days, and what came late into days that are over.
#[tokio::test]
async fn pages_of_whoever_is_seldom_there_are_those_of_a_plain_evaluation() {
    let engine = engine().await;
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let first = number("FLOWLEDGER_RECENT_FIRST_SET").unwrap_or(0);
    let known = first..first + number("FLOWLEDGER_RECENT_SETS").unwrap_or(SETS);
    let mut shown = 0;
    // The last is one that nobody has seen: a failure names it.
    for seed in known.chain([rand::random_range(1_000_000..1_000_000_000)]) {
        let clickhouse = engine.database(&format!("recent_{seed}")).await;
        let (tenant, mut random): (Tenant, _) = ("acme".parse().unwrap(), StdRng::seed_from_u64(seed));
        let period = Period { first: days_ago(365), last: Moment::now() };
        let all = events(&mut random, &tenant, period);
        let (since, over_at) = (days_ago(random.random_range(0..400)), days_ago(random.random_range(0..4)));
        let over_day = over_at.as_micros().div_euclid(DAY_MICROS) * DAY_MICROS;
        let mut sorted = [const { Vec::new() }; 3];
        for stored in all.iter().cloned() {
            let end = stored.event.end_time;
            // The first whole day is counted: what lies before it in its day is not.
            let is_counted = end >= since && end.as_micros() < over_day;
            let late = is_counted && random.random_bool(0.15);
            sorted[if late { 2 } else { usize::from(!is_counted) }].push(stored);
        }
        let [counted, uncounted, late] = sorted;
        let mut ask = async |when: &str| {
            for question in 0..QUESTIONS {
                let (filter, limit) = (seldom(&mut random, period), random.random_range(2..9));
                let expected = plain::newest_first(&plain::facts(&all, &filter));
                shown += expected.len();
                let found = pages(&clickhouse, &tenant, &filter, limit).await;
                assert_eq!(found, expected, "seed {seed}, {when}, question {question}: {:?}", filter.to_pairs());
            }
        };
        for some in [&counted, &uncounted] {
            if !some.is_empty() {
                store_raw(&clickhouse, &tenant, some).await;
            }
        }
        count(&clickhouse, &counted).await;
        rollup::names_kept_from(&clickhouse, since).await.unwrap();
        note(&clickhouse, over_at).await;
        if !late.is_empty() {
            store_raw(&clickhouse, &tenant, &late).await;
        }
        ask("with notes").await;
        // Nobody says that days are believed.
        clickhouse.execute("TRUNCATE TABLE days_sealed SYNC").await.unwrap();
        ask("without notes").await;
        for table in [rollup::DAYS_TABLE, rollup::HOURS_TABLE, rollup::NETWORK_DAYS_TABLE] {
            clickhouse.execute(&format!("TRUNCATE TABLE {table} SYNC")).await.unwrap();
        }
        ask("without roll-ups").await;
        engine.drop(&clickhouse).await;
    }
    assert!(shown > QUESTIONS * 50, "{shown}");
}

/// How far it reaches, the rows, and whether their copies say something else: a step that ends too early would be more.
#[tokio::test]
async fn first_page_is_three_questions_though_days_were_counted_several_times() {
    let engine = engine().await;
    let proxy = FaultProxy::start(&engine.given.url).await.unwrap();
    let url = proxy.url();
    let clickhouse = engine.database_with("recent_versions", |config| config.url = url).await;
    clickhouse.execute(&format!("SYSTEM STOP MERGES {}", rollup::DAYS_TABLE)).await.unwrap();
    let tenant: Tenant = "acme".parse().unwrap();
    let event = |days| {
        connection(EventType::ClosedConnection, &format!("{days:x}-1"), days_ago(days).as_millis().unsigned_abs())
    };
    let events = (1..=100).map(event).zip(0..);
    let events: Vec<Stored> = events.map(|(event, offset)| Stored { event, partition: 0, offset }).collect();
    store_raw(&clickhouse, &tenant, &events).await;
    count(&clickhouse, &events).await;
    for _ in 0..2 {
        let again = format!("INSERT INTO {0} SELECT * REPLACE (version + 1 AS version) FROM {0}", rollup::DAYS_TABLE);
        clickhouse.execute(&again).await.unwrap();
    }
    let versions = clickhouse.text(&format!("SELECT count() FROM {}", rollup::DAYS_TABLE)).await.unwrap();
    assert_eq!(versions.trim(), "300", "nothing has merged");
    let users = events[0].event.user.iter().map(|user| user.id).collect();
    let filter = TrafficFilter { users, ..TrafficFilter::default() };
    let asked = proxy.counts().requests;
    let page = traffic::recent(&clickhouse, &tenant, &filter, None, 50).await.unwrap();
    assert_eq!(proxy.counts().requests - asked, 3);
    assert_eq!(page.connections, events[..50].iter().map(|it| it.event.clone()).collect::<Vec<_>>());
    engine.drop(&clickhouse).await;
}

/// What is noted is believed: so only days that hold something of the User are read, and whatever came since.
#[tokio::test]
async fn user_of_three_connections_in_a_year_is_read_where_he_was_and_where_nobody_has_counted() {
    let engine = engine().await;
    let clickhouse = engine.database("recent_seldom").await;
    clickhouse.execute("SYSTEM STOP MERGES connections").await.unwrap();
    let tenant: Tenant = "acme".parse().unwrap();
    let at = |id: &str, ago: Moment| connection(EventType::ClosedConnection, id, ago.as_millis().unsigned_abs());
    let noon =
        |days| Moment::from_micros(days_ago(days).as_micros().div_euclid(DAY_MICROS) * DAY_MICROS + DAY_MICROS / 2);
    let own = [300, 200, 100].map(|days| at(&format!("own {days}"), noon(days)));
    let other = User { id: "10".parse().unwrap(), email: "joe@acme.example".to_owned() };
    let of_other = |event: ConnectionEvent| ConnectionEvent { user: Some(other.clone()), ..event };
    let others = (0..360).map(|days| of_other(at(&format!("other {days}"), days_ago(days))));
    let hour_ago = Moment::from_micros(Moment::now().as_micros() - DAY_MICROS / 24);
    let [lost, late, new] = [at("lost", days_ago(150)), at("late", days_ago(50)), at("new", hour_ago)];
    let placed = |events: Vec<ConnectionEvent>, first: i64| -> Vec<Stored> {
        events.into_iter().zip(first..).map(|(event, offset)| Stored { event, partition: 0, offset }).collect()
    };
    let counted = placed(own.iter().cloned().chain(others).collect(), 0);
    store_raw(&clickhouse, &tenant, &counted).await;
    count(&clickhouse, &counted).await;
    // Stored in time, and counted by nobody: no aggregator leaves that behind.
    store_raw(&clickhouse, &tenant, &placed(vec![lost.clone()], 1_000)).await;
    rollup::names_kept_from(&clickhouse, days_ago(360)).await.unwrap();
    note(&clickhouse, Moment::now()).await;
    store_raw(&clickhouse, &tenant, &placed(vec![late.clone(), new.clone()], 2_000)).await;

    let users = own[0].user.iter().map(|user| user.id).collect();
    let filter = TrafficFilter { users, ..TrafficFilter::default() };
    let [oldest, older, old] = own;
    let mut expected = vec![new, late, old, older, oldest];
    for limit in [2, 4, 50] {
        assert_eq!(pages(&clickhouse, &tenant, &filter, limit).await, expected, "{limit}");
    }
    // The range begins on a day, an hour before he was there.
    let from = Moment::from_micros(noon(300).as_micros() - DAY_MICROS / 24);
    assert_eq!(pages(&clickhouse, &tenant, &filter.within(from, filter.to), 50).await, expected);
    clickhouse.execute("TRUNCATE TABLE days_sealed SYNC").await.unwrap();
    expected.insert(3, lost);
    assert_eq!(pages(&clickhouse, &tenant, &filter, 50).await, expected);
    // Where others count by a newer definition, this one's hours and days are not all.
    let newer = "INSERT INTO connections_by_day SELECT * REPLACE (toUInt16(definition + 1) AS definition) FROM connections_by_day LIMIT 1";
    clickhouse.execute(newer).await.unwrap();
    note(&clickhouse, Moment::now()).await;
    assert_eq!(clickhouse.text("SELECT count() FROM days_sealed").await.unwrap().trim(), "0");
    engine.drop(&clickhouse).await;
}
