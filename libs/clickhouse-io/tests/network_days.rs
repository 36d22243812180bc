//! Days of Remote Networks on the real engine: what merges whatever the order, and is bounded.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;

use std::collections::{BTreeMap, BTreeSet};

use clickhouse_io::ClickHouse;
use clickhouse_io::rollup::{self, DayOfNetwork, FREQUENT_MAX, HourOfNetwork, NotesReach, SET_MAX, Unit};
use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::traffic::{self, Source as AnswerSource};
use clickhouse_io::write::{EventTable, insert};
use engine_of_test::engine;
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::examples::connection;
use schemas::ids::Tenant;
use schemas::times::Moment;
use traffic_query::{Bucket, Dimension, Measure, SeriesQuery, TopQuery, TrafficFilter};

/// 2026-10-31T00:00:00Z.
const BEGIN_MS: u64 = 1_793_404_800_000;
const DAY_MS: u64 = 86_400_000;

fn acme() -> Tenant {
    "acme".parse().unwrap()
}

/// A connection to a name of its own, ten seconds after the one before.
fn event(number: u64) -> ConnectionEvent {
    let mut event = connection(EventType::ClosedConnection, &format!("{number:x}-1"), BEGIN_MS + number * 10_000);
    event.resource_address = format!("host{number}.corp.example");
    event
}

async fn store(
    clickhouse: &ClickHouse,
    numbers: impl Iterator<Item = u64>,
    first_offset: i64,
) -> BTreeSet<DayOfNetwork> {
    let events: Vec<ConnectionEvent> = numbers.map(event).collect();
    let days = events.iter().map(|it| DayOfNetwork::of(acme(), it.end_time, it.remote_network_id)).collect();
    let row = |(event, offset)| ConnectionRow::from_event(event, Source { name: "main", partition: 0, offset });
    let rows = events.into_iter().zip(first_offset..).map(row).collect();
    insert(clickhouse, EventTable::Connections, rows, &first_offset.to_string()).await.unwrap();
    days
}

/// All that days of Remote Networks hold, but when it was counted.
async fn rows(clickhouse: &ClickHouse) -> String {
    clickhouse.text("SELECT * EXCEPT version FROM network_days FINAL ORDER BY ALL").await.unwrap()
}

/// Names that were asked for on each of two days, and on both.
async fn names(clickhouse: &ClickHouse) -> Vec<u128> {
    let (from, to) = (BEGIN_MS, BEGIN_MS + 2 * DAY_MS);
    let [from, to] = [from, to].map(|millis| Moment::from_millis(i64::try_from(millis).unwrap()));
    let filter = TrafficFilter::default().within(from, to);
    let later = Moment::from_micros(to.as_micros() + 86_400_000_000);
    let measures = [Measure::Addresses];
    let series = SeriesQuery::new(filter.clone(), Some(Bucket::Day), &[], &measures, 10).unwrap();
    let found = traffic::series(clickhouse, &acme(), &series, later).await.unwrap();
    assert_eq!(found.source, AnswerSource::Sketches);
    let all = TopQuery::new(filter, &[Dimension::RemoteNetwork], &measures, 10).unwrap();
    let all = traffic::top(clickhouse, &acme(), &all, later).await.unwrap();
    assert_eq!(all.source, AnswerSource::Sketches);
    let days = found.lines[0].values.iter().map(|values| values[0]);
    days.chain(all.groups.iter().map(|it| it.values[0])).collect()
}

#[tokio::test]
async fn set_that_is_full_tells_about_how_many_there_were_and_the_order_of_rows_does_not_matter() {
    let engine = engine().await;
    let (forward, backward) = (engine.database("network_days").await, engine.database("network_days_backward").await);
    let per_day = DAY_MS / 10_000;
    let days = store(&forward, 0..2 * per_day, 0).await;
    rollup::count_days(&forward, rollup::DEFINITION, &days).await.unwrap();
    // The other way round, in two parts, some of them twice, and counted twice.
    let late = store(&backward, (per_day / 2..2 * per_day).rev(), 0).await;
    rollup::count_days(&backward, rollup::DEFINITION, &late).await.unwrap();
    let early = store(&backward, (0..per_day).rev(), 100_000).await;
    rollup::count_days(&backward, rollup::DEFINITION, &early).await.unwrap();
    assert_eq!(rows(&forward).await, rows(&backward).await);

    let found = names(&forward).await;
    assert_eq!(found, names(&backward).await);
    for (found, exact) in found.iter().zip([per_day, per_day, 2 * per_day]) {
        assert!(exact > u64::from(SET_MAX));
        // Four standard errors; the same names each time.
        let off = u64::try_from(*found).unwrap().abs_diff(exact);
        assert!(off * 64 < 4 * exact, "{found} for {exact}");
    }
    engine.drop(&forward).await;
    engine.drop(&backward).await;
}

#[tokio::test]
async fn day_that_is_wrong_or_missing_is_found_and_built_anew() {
    let engine = engine().await;
    let clickhouse = engine.database("network_days_verify").await;
    let days = store(&clickhouse, (0..100).map(|number| number * 150), 0).await;
    let [from, to] =
        [BEGIN_MS, BEGIN_MS + 3 * DAY_MS].map(|millis| Moment::from_millis(i64::try_from(millis).unwrap()));
    let range = (from, to);
    let differences = async || rollup::verify(&clickhouse, &acme(), Unit::NetworkDay, range, 10).await.unwrap();
    assert_eq!(differences().await.len(), 2, "none is counted");
    rollup::count_days(&clickhouse, rollup::DEFINITION, &days).await.unwrap();
    assert_eq!(differences().await, []);
    let wrongs = [
        "[1] AS durations",
        "[7, 9] AS devices",
        "99 AS remote_network_id",
        "[] AS connections",
        "['one'] AS frequent_addresses",
    ];
    for wrong in wrongs {
        let sql = format!(
            "INSERT INTO network_days SELECT * REPLACE ({wrong}, version + 1 AS version) FROM network_days FINAL
             WHERE notEmpty(addresses) LIMIT 1"
        );
        clickhouse.execute(&sql).await.unwrap();
        assert_eq!(differences().await.len(), 1, "{wrong}");
        rollup::rebuild(&clickhouse, rollup::DEFINITION, &acme(), range, |_, _| {}).await.unwrap();
        assert_eq!(differences().await, [], "{wrong}");
    }
    let other: Tenant = "globex".parse().unwrap();
    assert_eq!(rollup::verify(&clickhouse, &other, Unit::NetworkDay, range, 10).await.unwrap(), []);
    engine.drop(&clickhouse).await;
}

/// Names that were asked for on each of three days, and where the answer came from.
async fn names_by_day(clickhouse: &ClickHouse) -> (Vec<u128>, AnswerSource) {
    let [from, to] =
        [BEGIN_MS, BEGIN_MS + 3 * DAY_MS].map(|millis| Moment::from_millis(i64::try_from(millis).unwrap()));
    let later = Moment::from_micros(to.as_micros() + 86_400_000_000);
    let filter = TrafficFilter::default().within(from, to);
    let series = SeriesQuery::new(filter, Some(Bucket::Day), &[], &[Measure::Addresses], 10).unwrap();
    let found = traffic::series(clickhouse, &acme(), &series, later).await.unwrap();
    (found.lines[0].values.iter().map(|values| values[0]).collect(), found.source)
}

#[tokio::test]
async fn day_that_is_not_counted_yet_is_answered_from_raw_rows() {
    let engine = engine().await;
    let clickhouse = engine.database("network_days_uncounted").await;
    // Ten, twenty and thirty names a day.
    let per_day = DAY_MS / 10_000;
    let numbers = (0..3_u64).flat_map(|day| (0..10 * (day + 1)).map(move |at| day * per_day + at));
    let events: Vec<ConnectionEvent> = numbers.clone().map(event).collect();
    let days = store(&clickhouse, numbers, 0).await;
    let hours = events.iter().map(|it| HourOfNetwork::of(acme(), it.end_time, it.remote_network_id)).collect();
    rollup::count_again(&clickhouse, rollup::DEFINITION, &hours).await.unwrap();
    rollup::count_days(&clickhouse, rollup::DEFINITION, &days).await.unwrap();
    assert_eq!(names_by_day(&clickhouse).await, (vec![10, 20, 30], AnswerSource::Sketches));
    // As before an upgrade: the sums are there, and what merges is not; of some days, then of all.
    for (missing, source) in [("2026-11-01", AnswerSource::Sketches), ("2026-10-31", AnswerSource::Sketches)] {
        let sql = format!("DELETE FROM network_days WHERE day = '{missing} 00:00:00'");
        clickhouse.execute(&sql).await.unwrap();
        assert_eq!(names_by_day(&clickhouse).await, (vec![10, 20, 30], source), "{missing}");
    }
    clickhouse.execute("TRUNCATE TABLE network_days").await.unwrap();
    assert_eq!(names_by_day(&clickhouse).await, (vec![10, 20, 30], AnswerSource::Raw));
    engine.drop(&clickhouse).await;
}

/// Days of which connections are counted by address, and those of which they are not, in one question.
#[tokio::test]
async fn day_whose_addresses_have_no_connections_yet_is_answered_from_raw_rows() {
    let engine = engine().await;
    let clickhouse = engine.database("network_days_upgrade").await;
    let per_day = DAY_MS / 10_000;
    let numbers = (0..3_u64).flat_map(|day| (0..10 * (day + 1)).map(move |at| day * per_day + at));
    let events: Vec<ConnectionEvent> = numbers.clone().map(event).collect();
    let days = store(&clickhouse, numbers, 0).await;
    let hours = events.iter().map(|it| HourOfNetwork::of(acme(), it.end_time, it.remote_network_id)).collect();
    rollup::count_again(&clickhouse, rollup::DEFINITION, &hours).await.unwrap();
    rollup::count_days(&clickhouse, rollup::DEFINITION, &days).await.unwrap();
    let ask = async || {
        let top =
            traffic::top(&clickhouse, &acme(), &of_addresses(3, &[Dimension::Address], 7), later(3)).await.unwrap();
        let names: Vec<_> = top.groups.iter().map(|it| (it.keys[0].clone(), it.values[0])).collect();
        ((names, top.others, top.missing_max), top.source)
    };
    let (expected, source) = ask().await;
    assert_eq!(source, AnswerSource::Addresses);
    assert_eq!((expected.0[0].clone(), expected.1.clone()), (("host0.corp.example".to_owned(), 1), Some(vec![53])));
    // As the migration leaves them, or as an older aggregator counts: with a later version too.
    for (of, source) in [("day = '2026-11-01 00:00:00'", AnswerSource::Addresses), ("true", AnswerSource::Raw)] {
        let sql = format!(
            "INSERT INTO network_days (* EXCEPT (connections, frequent_addresses))
             SELECT * EXCEPT (connections, frequent_addresses) REPLACE (version + 1 AS version) FROM network_days FINAL WHERE {of}"
        );
        clickhouse.execute(&sql).await.unwrap();
        assert_eq!(ask().await, (expected.clone(), source), "{of}");
        assert_eq!(names_by_day(&clickhouse).await, (vec![10, 20, 30], AnswerSource::Sketches), "sets are there");
    }
    // Whatever notes say, such a day has to be counted, and once is enough.
    let hours: BTreeSet<_> =
        events.iter().map(|it| HourOfNetwork::of(acme(), it.end_time, it.remote_network_id)).collect();
    rollup::seal(&clickhouse, &hours, later(3)).await.unwrap();
    let reach = NotesReach { noted_since: Moment::FIRST, ended_since: Moment::FIRST, ended_by: later(3) };
    let notes = rollup::unsealed_days(&clickhouse, reach).await.unwrap();
    assert_eq!(notes.keys().cloned().collect::<BTreeSet<_>>(), days);
    rollup::seal_days(&clickhouse, &notes).await.unwrap();
    assert_eq!(rollup::unsealed_days(&clickhouse, reach).await.unwrap(), notes);
    let mut counted = 0;
    rollup::count_and_seal_days(&clickhouse, rollup::DEFINITION, &notes, |count| counted += count).await.unwrap();
    assert_eq!(counted, 3);
    assert_eq!(rollup::unsealed_days(&clickhouse, reach).await.unwrap(), BTreeMap::new());
    assert_eq!(ask().await, (expected, AnswerSource::Addresses));
    engine.drop(&clickhouse).await;
}

/// So many days after the first, and a day.
fn later(days: u64) -> Moment {
    Moment::from_millis(i64::try_from(BEGIN_MS + (days + 1) * DAY_MS).unwrap())
}

/// The first groups with most connections in so many days.
fn of_addresses(days: u64, by: &[Dimension], limit: u32) -> TopQuery {
    let [from, to] =
        [BEGIN_MS, BEGIN_MS + days * DAY_MS].map(|millis| Moment::from_millis(i64::try_from(millis).unwrap()));
    TopQuery::new(TrafficFilter::default().within(from, to), by, &[Measure::Connections], limit).unwrap()
}

/// Days with more addresses than are kept: some that many go to, on some days fewer than to those that are kept, and thousands that one goes to.
fn days_with_many_addresses() -> Vec<ConnectionEvent> {
    let mut events = Vec::new();
    let mut push = |network: u64, day: u64, name: String| {
        let number = events.len() as u64;
        let end_ms = BEGIN_MS + day * DAY_MS + number * 7_919 % DAY_MS;
        let mut event = connection(EventType::ClosedConnection, &format!("{number:x}-1"), end_ms);
        event.remote_network_id = network.to_string().parse().unwrap();
        event.resource_address = name;
        events.push(event);
    };
    for (network, day) in [(1, 0), (1, 1), (2, 0), (2, 2)] {
        for name in 0..u64::from(SET_MAX) + 300 {
            push(network, day, format!("once{}.corp.example", day * 3_000 + name));
        }
        for name in 0..30 {
            // The last in the order of bytes: with one connection it is not kept.
            let count = if (name + day) % 3 == 0 { 1 } else { 100 + 10 * name };
            (0..count).for_each(|_| push(network, day, format!("regular{name:02}.corp.example")));
        }
    }
    // A day of which all are kept.
    (0..500).for_each(|name| push(1, 2, format!("once{name}.corp.example")));
    events
}

type Names = BTreeMap<Vec<String>, u128>;

fn key(event: &ConnectionEvent, by: &[Dimension]) -> Vec<String> {
    let key = |dimension: &Dimension| match dimension {
        Dimension::Address => event.resource_address.clone(),
        _ => event.remote_network_id.to_string(),
    };
    by.iter().map(key).collect()
}

/// Each number lacks no more than the answer says, and no address that is left out has more than the last and that.
fn assert_within(found: &traffic::Top, exact: &Names, at: &str) {
    let missing = u128::from(found.missing_max.unwrap_or(0));
    let last = found.groups.last().unwrap().values[0];
    assert!(missing * 32 <= last, "{at}: {missing} of {last}");
    for group in &found.groups {
        let (value, exact) = (group.values[0], exact[&group.keys]);
        assert!(value <= exact && exact <= value + missing, "{at}: {:?} {value} for {exact}", group.keys);
    }
    let is_shown = |keys: &Vec<String>| found.groups.iter().any(|group| group.keys == *keys);
    let most = exact.iter().filter(|(keys, _)| !is_shown(keys)).map(|(_, exact)| *exact).max().unwrap();
    assert!(most <= last + missing, "{at}: {most} is left out behind {last}");
    let shown: u128 = found.groups.iter().map(|group| group.values[0]).sum();
    assert_eq!(found.others, Some(vec![exact.values().sum::<u128>() - shown]), "{at}");
}

#[tokio::test]
async fn addresses_of_days_that_have_too_many_say_what_may_be_missing_or_come_from_raw_rows() {
    let engine = engine().await;
    let clickhouse = engine.database("network_days_cut").await;
    let events = days_with_many_addresses();
    let row = |(event, offset)| ConnectionRow::from_event(event, Source { name: "main", partition: 0, offset });
    let rows = events.iter().cloned().zip(0..).map(row).collect();
    insert(&clickhouse, EventTable::Connections, rows, "cut").await.unwrap();
    let hours = events.iter().map(|it| HourOfNetwork::of(acme(), it.end_time, it.remote_network_id)).collect();
    rollup::count_again(&clickhouse, rollup::DEFINITION, &hours).await.unwrap();
    let days: BTreeSet<_> =
        events.iter().map(|it| DayOfNetwork::of(acme(), it.end_time, it.remote_network_id)).collect();
    rollup::count_days(&clickhouse, rollup::DEFINITION, &days).await.unwrap();
    let kept = "SELECT length(addresses), length(frequent_addresses), length(connections), arraySum(connections)
                FROM network_days FINAL ORDER BY remote_network_id, day FORMAT TSV";
    let kept = clickhouse.text(kept).await.unwrap();
    for (line, (network, day)) in kept.lines().zip([(1, 0), (1, 1), (1, 2), (2, 0), (2, 2)]) {
        let begin = Moment::from_millis(i64::try_from(BEGIN_MS + day * DAY_MS).unwrap());
        let this = DayOfNetwork::of(acme(), begin, network.to_string().parse().unwrap());
        let is_of = |it: &&ConnectionEvent| DayOfNetwork::of(acme(), it.end_time, it.remote_network_id) == this;
        let all = events.iter().filter(is_of).count();
        let expected = if (network, day) == (1, 2) {
            format!("500\t0\t500\t{all}")
        } else {
            format!("{SET_MAX}\t{FREQUENT_MAX}\t{}\t{all}", FREQUENT_MAX + 1)
        };
        assert_eq!(line, expected, "{network} {day}");
    }

    let both = [Dimension::RemoteNetwork, Dimension::Address];
    let mut with_missing = 0;
    for by in [&both[1..], &both[..]] {
        let mut exact = Names::new();
        events.iter().for_each(|event| *exact.entry(key(event, by)).or_default() += 1);
        for limit in [3, 30] {
            let at = format!("{by:?} {limit}");
            let query = of_addresses(3, by, limit);
            let found = traffic::top(&clickhouse, &acme(), &query, later(3)).await.unwrap();
            assert_eq!(found.source, AnswerSource::Addresses, "{at}");
            assert_within(&found, &exact, &at);
            with_missing += u32::from(found.missing_max.is_some());
            let series = SeriesQuery::new(query.filter().clone(), Some(Bucket::Day), by, query.measures(), limit);
            let series = traffic::series(&clickhouse, &acme(), &series.unwrap(), later(3)).await.unwrap();
            assert_eq!((series.source, series.missing_max), (AnswerSource::Addresses, found.missing_max), "{at}");
            let sums = |keys: &Option<Vec<String>>| {
                let line = series.lines.iter().find(|line| line.keys == *keys).unwrap();
                vec![line.values.iter().map(|values| values[0]).sum::<u128>()]
            };
            assert!(found.groups.iter().all(|it| sums(&Some(it.keys.clone())) == it.values), "{at}");
            assert_eq!(Some(sums(&None)), found.others, "{at}");
        }
        // The last of so many has a few connections only: what is missing would be too much of it.
        let found = traffic::top(&clickhouse, &acme(), &of_addresses(3, by, 100), later(3)).await.unwrap();
        let mut expected: Vec<_> = exact.iter().map(|(keys, count)| (keys.clone(), vec![*count])).collect();
        expected.sort_by_key(|(_, values)| std::cmp::Reverse(values[0]));
        let groups: Vec<_> = found.groups.into_iter().map(|it| (it.keys, it.values)).collect();
        assert_eq!((groups, found.missing_max), (expected[..100].to_vec(), None), "{by:?}");
    }
    assert_eq!(with_missing, 3, "of the first three by Remote Network all days have all");
    let range = (Moment::from_millis(i64::try_from(BEGIN_MS).unwrap()), later(3));
    assert_eq!(rollup::verify(&clickhouse, &acme(), Unit::NetworkDay, range, 10).await.unwrap(), []);
    let before = self::rows(&clickhouse).await;
    rollup::rebuild(&clickhouse, rollup::DEFINITION, &acme(), range, |_, _| {}).await.unwrap();
    assert_eq!(self::rows(&clickhouse).await, before);
    engine.drop(&clickhouse).await;
}
