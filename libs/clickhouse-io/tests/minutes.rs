//! The roll-up by minute on the real engine: what is counted, which offsets, and which hours are behind it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;

use std::collections::BTreeMap;
use std::time::Duration;

use clickhouse_io::rollup::{
    self, DayOfNetwork, HourOfNetwork, MinuteColumns, MinuteCounts, MinuteKey, NotesReach, Reach, counted_offsets,
    highest_counted, insert_minutes, unsealed, unsealed_days,
};
use clickhouse_io::{ClickHouse, running};
use engine_of_test::engine;
use schemas::ids::Tenant;
use schemas::times::Moment;

const HOUR_MICROS: i64 = 3_600_000_000;

/// A row of minute `minute` of the hour before this one, counted from these offsets.
fn push(columns: &mut MinuteColumns, minute: u32, network: u64, offsets: &[i64]) {
    let hour = Moment::now().as_micros().div_euclid(HOUR_MICROS) - 1;
    let key = MinuteKey {
        tenant: b"acme",
        minute: u32::try_from(hour * 3_600).unwrap() + minute * 60,
        remote_network_id: network,
        user_id: Some(1),
        service_account_id: None,
        resource_id: 2,
        connector_id: 3,
        protocol: 1,
        tunnel_path: 2,
        country: Some(b"DE"),
    };
    let counts = MinuteCounts { succeeded: offsets.len() as u64, bytes_received: u128::MAX, ..MinuteCounts::default() };
    columns.push(&key, &counts, offsets);
}

/// Inserts such rows of partition 3.
async fn insert(clickhouse: &ClickHouse, rows: &[(u32, u64, &[i64])], token: &str) {
    let mut columns = MinuteColumns::default();
    rows.iter().for_each(|(minute, network, offsets)| push(&mut columns, *minute, *network, offsets));
    insert_minutes(clickhouse, columns.encode("main", 3, Vec::new()).into(), token).await.unwrap();
}

async fn offsets(clickhouse: &ClickHouse, first: i64, last: i64) -> Vec<i64> {
    counted_offsets(clickhouse, "main", 3, first, last).await.unwrap().into_iter().collect()
}

#[tokio::test]
async fn counted_offsets_are_found_whatever_rows_they_lie_in() {
    let engine = engine().await;
    let clickhouse = engine.database("minutes").await;
    assert_eq!(highest_counted(&clickhouse, "main", 3, 0).await.unwrap(), None);
    let rows: [(u32, u64, &[i64]); 3] = [(0, 7, &[5, 9]), (1, 7, &[6, 7]), (1, 8, &[11])];
    insert(&clickhouse, &rows, "range-5").await;
    insert(&clickhouse, &rows, "range-5").await;
    assert_eq!(
        clickhouse.text("SELECT count(), max(bytes_received) FROM connections_by_minute").await.unwrap(),
        format!("3\t{}\n", u128::MAX),
        "the same token is swallowed"
    );
    assert_eq!(offsets(&clickhouse, 0, 100).await, [5, 6, 7, 9, 11]);
    assert_eq!(offsets(&clickhouse, 6, 9).await, [6, 7, 9]);
    assert!(offsets(&clickhouse, 8, 8).await.is_empty());
    assert_eq!(highest_counted(&clickhouse, "main", 3, 9).await.unwrap(), Some(11));
    assert_eq!(highest_counted(&clickhouse, "main", 3, 12).await.unwrap(), None);
    for (source, partition) in [("main", 4), ("other", 3)] {
        assert_eq!(counted_offsets(&clickhouse, source, partition, 0, 100).await.unwrap(), [].into());
        assert_eq!(highest_counted(&clickhouse, source, partition, 0).await.unwrap(), None);
    }
    assert!(!running::is_running(&clickhouse, "range-5").await.unwrap());
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn hour_is_unsealed_until_it_is_sealed_after_its_last_row_by_minute() {
    let engine = engine().await;
    let clickhouse = engine.database("seal").await;
    let now = rollup::server_time(&clickhouse).await.unwrap();
    let hour_ago = Moment::from_micros(now.as_micros() - HOUR_MICROS);
    let all = Reach { written_since: Moment::from_micros(0), ended_since: now, ended_by: now };
    let asked = async |source: &str, reach: Reach| -> BTreeMap<HourOfNetwork, BTreeMap<i32, i64>> {
        let found = unsealed(&clickhouse, source, reach).await.unwrap();
        assert!(found.values().all(|it| it.first_written >= Moment::from_millis(now.as_millis())), "{found:?}");
        found.into_iter().map(|(hour, it)| (hour, it.offsets)).collect()
    };
    assert_eq!(asked("main", all).await, [].into());
    insert(&clickhouse, &[(0, 7, &[5, 9]), (59, 7, &[6]), (1, 8, &[11])], "range-5").await;
    let of = |network: &str| HourOfNetwork::of("acme".parse().unwrap(), hour_ago, network.parse().unwrap());
    let (seven, eight) = ((of("7"), [(3, 9)].into()), (of("8"), [(3, 11)].into()));
    assert_eq!(asked("main", all).await, [seven.clone(), eight.clone()].into());
    // Of another life of the topic: there is nothing to wait for.
    assert_eq!(asked("other", all).await, [(of("7"), [].into()), (of("8"), [].into())].into());
    let later = Moment::from_micros(now.as_micros() + HOUR_MICROS);
    assert_eq!(asked("main", Reach { written_since: later, ..all }).await, [].into(), "written before");
    assert_eq!(asked("main", Reach { ended_by: hour_ago, ..all }).await, [].into(), "not over");
    // Written before, as a row that was ahead of the clock; its hour has ended since.
    let ended = Reach { written_since: later, ended_since: hour_ago, ended_by: now };
    assert_eq!(asked("main", ended).await, [seven.clone(), eight.clone()].into());

    // A count alone proves nothing: it may have been broken off, or have been made before raw rows were there.
    rollup::count_again(&clickhouse, rollup::DEFINITION, &[of("7"), of("8")].into()).await.unwrap();
    assert_eq!(asked("main", all).await, [seven.clone(), eight.clone()].into());
    let after = |seconds: u64| {
        let written = rollup::IN_FLIGHT + Duration::from_secs(seconds);
        Moment::from_micros(now.as_micros() + i64::try_from(written.as_micros()).unwrap())
    };
    rollup::seal(&clickhouse, &[of("7")].into(), after(60)).await.unwrap();
    assert_eq!(asked("main", all).await, [eight.clone()].into());
    // Asked when a row of it may have been in flight.
    rollup::seal(&clickhouse, &[of("8")].into(), now).await.unwrap();
    assert_eq!(asked("main", all).await, [eight].into());
    rollup::seal(&clickhouse, &[of("8")].into(), after(60)).await.unwrap();
    assert_eq!(asked("main", all).await, [].into());
    // Then a late one comes.
    clickhouse
        .execute(
            "INSERT INTO connections_by_minute SELECT * REPLACE (written_at + toIntervalHour(2) AS written_at, [20] AS _kafka_offsets)
             FROM connections_by_minute WHERE remote_network_id = 8",
        )
        .await
        .unwrap();
    assert_eq!(asked("main", all).await, [(of("8"), [(3, 20)].into())].into());
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn day_is_unsealed_until_it_is_counted_from_the_notes_that_its_hours_have() {
    let engine = engine().await;
    let clickhouse = engine.database("seal_days").await;
    let day_micros = 24 * HOUR_MICROS;
    let now = rollup::server_time(&clickhouse).await.unwrap();
    let yesterday = now.as_micros().div_euclid(day_micros) * day_micros - day_micros;
    let (tenant, at) =
        (|| "acme".parse::<Tenant>().unwrap(), |hours: i64| Moment::from_micros(yesterday + hours * HOUR_MICROS));
    let hour = |hours: i64, network: &str| HourOfNetwork::of(tenant(), at(hours), network.parse().unwrap());
    let day = |days: i64, network: &str| DayOfNetwork::of(tenant(), at(24 * days), network.parse().unwrap());
    let everything = NotesReach { noted_since: Moment::from_micros(0), ended_since: now, ended_by: now };
    let found = async |reach: NotesReach| unsealed_days(&clickhouse, reach).await.unwrap();
    let names = async |reach: NotesReach| found(reach).await.into_keys().collect::<Vec<_>>();
    assert_eq!(names(everything).await, []);
    let hours = [hour(0, "7"), hour(23, "7"), hour(5, "8"), hour(24, "7")];
    rollup::seal(&clickhouse, &hours.into(), now).await.unwrap();
    assert_eq!(names(everything).await, [day(0, "7"), day(0, "8")], "today is not over");
    let tomorrow = Moment::from_micros(now.as_micros() + day_micros);
    let ended = NotesReach { noted_since: tomorrow, ended_since: now, ended_by: tomorrow };
    assert_eq!(names(ended).await, [day(1, "7")], "noted before, and over since");
    let later = NotesReach { noted_since: tomorrow, ..everything };
    assert_eq!(names(later).await, [], "noted before");

    // A count alone proves nothing: it may have been broken off.
    let all = found(everything).await;
    rollup::count_days(&clickhouse, rollup::DEFINITION, all.keys()).await.unwrap();
    assert_eq!(found(everything).await, all);
    rollup::seal_days(&clickhouse, &all).await.unwrap();
    assert_eq!(names(everything).await, []);
    // An hour of one of them was counted again, and then one that had no note.
    for (again, asked) in [(0, 1), (9, 2)] {
        let asked_at = Moment::from_micros(now.as_micros() + asked);
        rollup::seal(&clickhouse, &[hour(again, "8")].into(), asked_at).await.unwrap();
        let behind = found(everything).await;
        assert_eq!(behind.keys().collect::<Vec<_>>(), [&day(0, "8")]);
        let mut counted = 0;
        rollup::count_and_seal_days(&clickhouse, rollup::DEFINITION, &behind, |count| counted += count).await.unwrap();
        assert_eq!(counted, 1);
        assert_eq!(names(everything).await, []);
    }
    engine.drop(&clickhouse).await;
}
