//! Roll-ups that were counted by several definitions, on the real engine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;

use std::collections::{BTreeMap, BTreeSet};

use clickhouse_io::ClickHouse;
use clickhouse_io::rollup::{
    self, DayOfNetwork, Definitions, HourOfNetwork, Outdated, OutdatedMonth, Rebuild, Renewal, Unit, renew,
};
use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::write::{EventTable, insert};
use engine_of_test::engine;
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::examples::connection;
use schemas::ids::Tenant;
use schemas::times::Moment;

/// 2026-10-30T00:00:00Z: two days of a month, and two of the next.
const BEGIN_MS: u64 = 1_793_318_400_000;
const DAY_MS: u64 = 86_400_000;
/// Facts of a tenant are 20 minutes apart, 72 a day.
const FACTS: u64 = 4 * 72;
const ALL_ROWS: u64 = rollup::ROWS_AT_ONCE;

const UNITS: [Unit; 3] = [Unit::Hour, Unit::Day, Unit::NetworkDay];
const TABLES: [&str; 3] = ["connections_by_hour", "connections_by_day", "network_days"];

fn acme() -> Tenant {
    "acme".parse().unwrap()
}

fn day(number: u64) -> Moment {
    Moment::from_millis(i64::try_from(BEGIN_MS + number * DAY_MS).unwrap())
}

fn everything() -> (Moment, Moment) {
    (day(0), day(4))
}

fn month(tenant: &str, month: u32) -> OutdatedMonth {
    OutdatedMonth::new(tenant.parse().unwrap(), month)
}

fn event(tenant: &str, fact: u64) -> ConnectionEvent {
    let event = connection(EventType::ClosedConnection, &format!("{fact:x}-1"), BEGIN_MS + fact * 20 * 60_000);
    ConnectionEvent { tenant: tenant.parse().unwrap(), ..event }
}

fn row(event: ConnectionEvent, offset: u64) -> ConnectionRow {
    let offset = i64::try_from(offset).unwrap();
    ConnectionRow::from_event(event, Source { name: "main", partition: 3, offset })
}

/// Rows of two tenants, counted by this definition.
async fn fill(clickhouse: &ClickHouse, definition: u16) {
    for (tenant, first) in [("acme", 0), ("globex", FACTS)] {
        let rows = (0..FACTS).map(|fact| row(event(tenant, fact), first + fact)).collect();
        insert(clickhouse, EventTable::Connections, rows, tenant).await.unwrap();
        rollup::rebuild(clickhouse, definition, &tenant.parse().unwrap(), everything(), |_, _| {}).await.unwrap();
    }
}

/// As a first definition may have counted: other numbers, and a group that there is no more.
async fn count_otherwise(clickhouse: &ClickHouse) {
    for table in &TABLES[..2] {
        for other in ["succeeded + 1 AS succeeded", "99 AS resource_id"] {
            let sql =
                format!("INSERT INTO {table} SELECT * REPLACE ({other}, version + 1 AS version) FROM {table} FINAL");
            clickhouse.execute(&sql).await.unwrap();
        }
    }
    let sql =
        "INSERT INTO network_days SELECT * REPLACE ([7] AS devices, version + 1 AS version) FROM network_days FINAL";
    clickhouse.execute(sql).await.unwrap();
}

/// Groups and Remote Networks' days in which roll-up and raw rows differ.
async fn differences(clickhouse: &ClickHouse, tenant: &str, range: (Moment, Moment)) -> usize {
    let mut found = 0;
    for unit in UNITS {
        found += rollup::verify(clickhouse, &tenant.parse().unwrap(), unit, range, 5_000).await.unwrap().len();
    }
    found
}

/// How many hours, days and days of Remote Networks of a tenant are counted by which definition.
async fn definitions(clickhouse: &ClickHouse, tenant: &str, range: (Moment, Moment)) -> [Vec<(u16, u64)>; 3] {
    let mut all = [const { Vec::new() }; 3];
    for (of_unit, unit) in all.iter_mut().zip(UNITS) {
        let found = rollup::definitions(clickhouse, &tenant.parse().unwrap(), unit, range).await.unwrap();
        of_unit.extend(found.into_iter().map(|Definitions { definition, count }| (definition, count)));
    }
    all
}

/// All rows of a tenant that count, with their versions.
async fn rows(clickhouse: &ClickHouse, tenant: &str) -> String {
    let mut all = String::new();
    for table in TABLES {
        let sql = format!("SELECT * FROM {table} FINAL WHERE tenant = '{tenant}' ORDER BY ALL");
        all += &clickhouse.text(&sql).await.unwrap();
    }
    all
}

#[tokio::test]
async fn what_an_older_definition_counted_is_counted_anew_once_month_by_month_and_nobody_elses() {
    let engine = engine().await;
    let clickhouse = engine.database("definitions").await;
    fill(&clickhouse, 1).await;
    count_otherwise(&clickhouse).await;
    assert_eq!(
        rollup::outdated(&clickhouse, 1).await.unwrap(),
        Outdated::default(),
        "the first is nobody's younger one"
    );
    let expected = [("acme", 202_611), ("globex", 202_611), ("acme", 202_610), ("globex", 202_610)];
    let months: Vec<_> = expected.into_iter().map(|(tenant, number)| month(tenant, number)).collect();
    assert_eq!(rollup::outdated(&clickhouse, 2).await.unwrap(), Outdated { days: 8, months: months.clone() });

    // Of 48 hours two groups each, of two days too, and two Remote Networks' days.
    let (october, november) = ((day(0), day(2)), (day(2), day(4)));
    assert_eq!(differences(&clickhouse, "acme", november).await, 102);
    let globex = rows(&clickhouse, "globex").await;
    assert_eq!(renew(&clickhouse, 2, &months[0], ALL_ROWS).await.unwrap(), Renewal::Done { days: 2, left: 0 });
    assert_eq!(differences(&clickhouse, "acme", november).await, 0);
    assert_eq!(differences(&clickhouse, "acme", october).await, 102, "their turn has not come");
    assert_eq!(rows(&clickhouse, "globex").await, globex);
    let by = |definition: u16| [vec![(definition, 48)], vec![(definition, 2)], vec![(definition, 2)]];
    assert_eq!(definitions(&clickhouse, "acme", november).await, by(2));
    assert_eq!(definitions(&clickhouse, "acme", october).await, by(1));

    // Once is enough.
    let before = rows(&clickhouse, "acme").await;
    assert_eq!(renew(&clickhouse, 2, &months[0], ALL_ROWS).await.unwrap(), Renewal::Done { days: 0, left: 0 });
    assert_eq!(rows(&clickhouse, "acme").await, before);
    assert_eq!(rollup::outdated(&clickhouse, 2).await.unwrap(), Outdated { days: 6, months: months[1..].to_vec() });
    for month in &months[1..] {
        assert_eq!(renew(&clickhouse, 2, month, ALL_ROWS).await.unwrap(), Renewal::Done { days: 2, left: 0 });
    }
    assert_eq!(rollup::outdated(&clickhouse, 2).await.unwrap(), Outdated::default());
    for tenant in ["acme", "globex"] {
        assert_eq!(differences(&clickhouse, tenant, everything()).await, 0, "{tenant}");
        assert_eq!(definitions(&clickhouse, tenant, october).await, by(2), "{tenant}");
    }
    // Nothing of it is brought back by what was replaced and lay there still.
    for table in TABLES {
        clickhouse.execute(&format!("OPTIMIZE TABLE {table} FINAL")).await.unwrap();
    }
    assert_eq!(differences(&clickhouse, "acme", everything()).await, 0);
    assert_eq!(rollup::outdated(&clickhouse, 2).await.unwrap(), Outdated::default());
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn turn_takes_the_newest_days_and_no_more_rows_than_it_may_but_at_least_a_day() {
    let engine = engine().await;
    let clickhouse = engine.database("definitions_turns").await;
    fill(&clickhouse, 1).await;
    count_otherwise(&clickhouse).await;
    let october = month("acme", 202_610);
    assert_eq!(renew(&clickhouse, 2, &october, 1).await.unwrap(), Renewal::Done { days: 1, left: 1 });
    assert_eq!(definitions(&clickhouse, "acme", (day(1), day(2))).await[0], [(2, 24)]);
    assert_eq!(definitions(&clickhouse, "acme", (day(0), day(1))).await[0], [(1, 24)]);
    assert_eq!(renew(&clickhouse, 2, &october, 1).await.unwrap(), Renewal::Done { days: 1, left: 0 });
    // Both days of the next month have 144.
    let november = month("acme", 202_611);
    assert_eq!(renew(&clickhouse, 2, &november, 144).await.unwrap(), Renewal::Done { days: 2, left: 0 });
    assert_eq!(differences(&clickhouse, "acme", everything()).await, 0);

    // A range that somebody had rebuilt until noon: the day is as old as its oldest hour, until all of it is counted.
    let noon = Moment::from_micros(day(3).as_micros() + 12 * 3_600_000_000);
    rollup::rebuild(&clickhouse, 3, &acme(), (day(3), noon), |_, _| {}).await.unwrap();
    let mixed = definitions(&clickhouse, "acme", (day(3), day(4))).await;
    assert_eq!(mixed, [vec![(2, 12), (3, 12)], vec![(2, 1)], vec![(3, 1)]]);
    assert_eq!(renew(&clickhouse, 3, &november, ALL_ROWS).await.unwrap(), Renewal::Done { days: 2, left: 0 });
    let by = [vec![(3, 24)], vec![(3, 1)], vec![(3, 1)]];
    assert_eq!(definitions(&clickhouse, "acme", (day(3), day(4))).await, by);
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn rebuild_of_somebody_else_is_waited_for() {
    let engine = engine().await;
    let clickhouse = engine.database("definitions_another").await;
    fill(&clickhouse, 1).await;
    let (tenant, november) = (acme(), month("acme", 202_611));
    let another = Rebuild::begin(&clickhouse, 2, &tenant, (day(0), day(1))).await.unwrap();
    assert_eq!(renew(&clickhouse, 2, &november, ALL_ROWS).await.unwrap(), Renewal::ByAnother);
    assert_eq!(definitions(&clickhouse, "acme", everything()).await[0], [(1, 96)]);
    another.end().await.unwrap();
    assert_eq!(renew(&clickhouse, 2, &november, ALL_ROWS).await.unwrap(), Renewal::Done { days: 2, left: 0 });
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn older_program_leaves_hours_and_days_of_a_newer_one() {
    let engine = engine().await;
    let clickhouse = engine.database("definitions_older").await;
    fill(&clickhouse, 2).await;
    // Late events of an hour, and one of an hour of a Remote Network that nobody has counted.
    let late = |id: &str| connection(EventType::ClosedConnection, id, BEGIN_MS + 100 * 20 * 60_000);
    let events = [
        ConnectionEvent { resource_id: "8".parse().unwrap(), ..late("late") },
        ConnectionEvent { remote_network_id: "8".parse().unwrap(), ..late("other") },
    ];
    let late_rows = events.iter().cloned().zip(5_000..).map(|(event, offset)| row(event, offset)).collect();
    insert(&clickhouse, EventTable::Connections, late_rows, "late").await.unwrap();
    let hours: BTreeSet<_> =
        events.iter().map(|it| HourOfNetwork::of(acme(), it.end_time, it.remote_network_id)).collect();
    let days: BTreeMap<_, _> =
        events.iter().map(|it| (DayOfNetwork::of(acme(), it.end_time, it.remote_network_id), 1)).collect();
    let asked_at = rollup::server_time(&clickhouse).await.unwrap();
    let count = async |definition: u16| {
        let (mut of_hours, mut of_days) = (0, 0);
        rollup::count_and_seal(&clickhouse, definition, &hours, asked_at, |count| of_hours += count).await.unwrap();
        rollup::count_and_seal_days(&clickhouse, definition, &days, |count| of_days += count).await.unwrap();
        (of_hours, of_days)
    };
    let notes = async |table: &str| clickhouse.text(&format!("SELECT remote_network_id FROM {table}")).await.unwrap();
    assert_eq!(count(1).await, (1, 1), "what nobody has counted yet is counted by whoever is there");
    assert_eq!((notes("hours_sealed").await, notes("days_sealed").await), ("8\n".to_owned(), "8\n".to_owned()));
    // Its group in the hour and in the day, and the Remote Network's day has an address that is known.
    assert!(differences(&clickhouse, "acme", everything()).await >= 2);
    assert_eq!(count(2).await, (2, 2));
    assert_eq!(differences(&clickhouse, "acme", everything()).await, 0);
    assert_eq!(rollup::outdated(&clickhouse, 2).await.unwrap(), Outdated::default());

    // One that knows no definitions, and wrote last.
    let sql = "INSERT INTO connections_by_hour (* EXCEPT (definition))
               SELECT * EXCEPT (definition) REPLACE (succeeded + 1 AS succeeded, version + 1 AS version) FROM connections_by_hour FINAL
               WHERE tenant = 'acme' AND toHour(hour) = 9 AND toYYYYMM(hour) = 202611";
    clickhouse.execute(sql).await.unwrap();
    let november = month("acme", 202_611);
    let expected = Outdated { days: 2, months: vec![november.clone()] };
    assert_eq!(rollup::outdated(&clickhouse, 2).await.unwrap(), expected);
    assert_eq!(renew(&clickhouse, 2, &november, ALL_ROWS).await.unwrap(), Renewal::Done { days: 2, left: 0 });
    assert_eq!(differences(&clickhouse, "acme", everything()).await, 0);
    engine.drop(&clickhouse).await;
}

/// As where somebody went back to an older program in the middle of a day.
#[tokio::test]
async fn day_of_which_only_hours_are_newer_is_put_together_by_an_older_program_and_found_by_the_newer() {
    let engine = engine().await;
    let clickhouse = engine.database("definitions_back").await;
    fill(&clickhouse, 2).await;
    for table in &TABLES[1..] {
        clickhouse.execute(&format!("TRUNCATE TABLE {table}")).await.unwrap();
    }
    let event = event("acme", 0);
    let days = BTreeMap::from([(DayOfNetwork::of(acme(), event.end_time, event.remote_network_id), 1)]);
    rollup::count_and_seal_days(&clickhouse, 1, &days, |_| ()).await.unwrap();
    let first = (day(0), day(1));
    assert_eq!(definitions(&clickhouse, "acme", first).await, [vec![(2, 24)], vec![(1, 1)], vec![(1, 1)]]);
    assert_eq!(differences(&clickhouse, "acme", first).await, 0, "nothing of the day is missing");
    let october = month("acme", 202_610);
    assert_eq!(rollup::outdated(&clickhouse, 2).await.unwrap(), Outdated { days: 1, months: vec![october] });
    engine.drop(&clickhouse).await;
}

/// What goes on is not built by turns.
#[tokio::test]
async fn day_that_goes_on_is_not_outdated() {
    let engine = engine().await;
    let clickhouse = engine.database("definitions_today").await;
    let now = rollup::server_time(&clickhouse).await.unwrap();
    let today = connection(EventType::ClosedConnection, "a-1", u64::try_from(now.as_millis()).unwrap());
    insert(&clickhouse, EventTable::Connections, vec![row(today, 0)], "today").await.unwrap();
    let hours = |micros: i64| Moment::from_micros(now.as_micros() + micros * 3_600_000_000);
    rollup::rebuild(&clickhouse, 1, &acme(), (hours(-1), hours(1)), |_, _| {}).await.unwrap();
    assert_eq!(definitions(&clickhouse, "acme", (hours(-1), hours(1))).await[0], [(1, 1)]);
    assert_eq!(rollup::outdated(&clickhouse, 2).await.unwrap(), Outdated::default());
    engine.drop(&clickhouse).await;
}
