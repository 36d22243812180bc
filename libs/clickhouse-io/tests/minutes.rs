//! The roll-up by minute on the real engine: what is counted, which offsets, and which hours are behind it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;

use clickhouse_io::rollup::{
    self, HourOfNetwork, MinuteCounts, MinuteKey, MinuteRow, counted_offsets, highest_counted, insert_minutes, unsealed,
};
use clickhouse_io::{ClickHouse, running};
use engine_of_test::engine;
use schemas::times::Moment;

const HOUR_MICROS: i64 = 3_600_000_000;

/// A row of minute `minute` of the hour before this one, counted from these offsets of partition 3.
fn row(minute: u32, network: u64, offsets: &[i64]) -> MinuteRow {
    let hour = Moment::now().as_micros().div_euclid(HOUR_MICROS) - 1;
    let key = MinuteKey {
        tenant: "acme".to_owned(),
        minute: u32::try_from(hour * 3_600).unwrap() + minute * 60,
        remote_network_id: network,
        user_id: Some(1),
        service_account_id: None,
        resource_id: 2,
        connector_id: 3,
        protocol: 1,
        tunnel_path: 2,
        country: Some("DE".to_owned()),
    };
    let counts = MinuteCounts { succeeded: offsets.len() as u64, bytes_received: u128::MAX, ..MinuteCounts::default() };
    MinuteRow::new(key, counts, "main", 3, offsets.to_vec())
}

async fn offsets(clickhouse: &ClickHouse, first: i64, last: i64) -> Vec<i64> {
    counted_offsets(clickhouse, "main", 3, first, last).await.unwrap().into_iter().collect()
}

#[tokio::test]
async fn counted_offsets_are_found_whatever_rows_they_lie_in() {
    let engine = engine().await;
    let clickhouse = engine.database("minutes").await;
    assert_eq!(highest_counted(&clickhouse, "main", 3, 0).await.unwrap(), None);
    let rows = [row(0, 7, &[5, 9]), row(1, 7, &[6, 7]), row(1, 8, &[11])];
    insert_minutes(&clickhouse, &rows, "range-5").await.unwrap();
    insert_minutes(&clickhouse, &rows, "range-5").await.unwrap();
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
async fn hour_is_unsealed_until_it_is_counted_after_its_last_row_by_minute() {
    let engine = engine().await;
    let clickhouse = engine.database("seal").await;
    let (long_ago, now) = (Moment::from_micros(0), Moment::now());
    assert_eq!(unsealed(&clickhouse, "main", long_ago, now).await.unwrap(), rollup::Unsealed::default());
    insert_minutes(&clickhouse, &[row(0, 7, &[5, 9]), row(59, 7, &[6]), row(1, 8, &[11])], "range-5").await.unwrap();
    let found = unsealed(&clickhouse, "main", long_ago, now).await.unwrap();
    let hour = Moment::from_micros(now.as_micros() - HOUR_MICROS);
    let of = |network: &str| HourOfNetwork::of("acme".parse().unwrap(), hour, network.parse().unwrap());
    assert_eq!(found, [(of("7"), [(3, 9)].into()), (of("8"), [(3, 11)].into())].into());
    assert!(unsealed(&clickhouse, "other", long_ago, now).await.unwrap().is_empty());
    assert!(unsealed(&clickhouse, "main", Moment::now(), now).await.unwrap().is_empty(), "written before");
    assert!(unsealed(&clickhouse, "main", long_ago, hour).await.unwrap().is_empty(), "not over");
    // Counted long after its rows were written; then a late one comes.
    let counted = |network: u64| {
        let sql = format!(
            "INSERT INTO connections_hourly (tenant, hour, remote_network_id, version)
             SELECT 'acme', toStartOfHour(minute), remote_network_id, toUInt64(toUnixTimestamp64Nano(now64(9) + toIntervalHour(1)))
             FROM connections_by_minute WHERE remote_network_id = {network}"
        );
        let clickhouse = clickhouse.clone();
        async move { clickhouse.execute(&sql).await.unwrap() }
    };
    counted(7).await;
    assert_eq!(unsealed(&clickhouse, "main", long_ago, now).await.unwrap(), [(of("8"), [(3, 11)].into())].into());
    counted(8).await;
    assert_eq!(unsealed(&clickhouse, "main", long_ago, now).await.unwrap(), rollup::Unsealed::default());
    clickhouse
        .execute(
            "INSERT INTO connections_by_minute SELECT * REPLACE (written_at + toIntervalHour(2) AS written_at, [20] AS _kafka_offsets)
             FROM connections_by_minute WHERE remote_network_id = 8",
        )
        .await
        .unwrap();
    let found = unsealed(&clickhouse, "main", long_ago, now).await.unwrap();
    assert_eq!(found, [(of("8"), [(3, 20)].into())].into());
    engine.drop(&clickhouse).await;
}
