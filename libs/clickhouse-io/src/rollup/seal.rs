//! Which hours of the hourly roll-up are behind what was counted by minute, and which are known not to be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clickhouse::Row;
use schemas::ids::{RemoteNetworkId, Tenant};
use schemas::times::Moment;
use serde::{Deserialize, Serialize};

use super::minutes::MINUTES_TABLE;
use super::{HOUR, HourOfNetwork};
use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::pieces::{bound, within};
use crate::write::insert_block;

/// An insert may say that it began so long before its rows can be seen: longer than a statement of the aggregator may take.
pub const IN_FLIGHT: Duration = Duration::from_secs(300);

/// Which rows by minute are looked at. All moments are the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Those that were written from then on,
    pub written_since: Moment,
    /// and those of hours that ended after this one,
    pub ended_since: Moment,
    /// and before this one.
    pub ended_by: Moment,
}

/// What is known of an hour that has to be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsealedHour {
    /// When the first of the rows was written that say so.
    pub first_written: Moment,
    /// For each partition of the source the highest offset in it: raw rows have to be stored so far before it is counted.
    pub offsets: BTreeMap<i32, i64>,
}

#[derive(Row, Deserialize)]
struct Found {
    tenant: String,
    hour: i64,
    network: u64,
    first_written: i64,
    last: Vec<(i32, i64)>,
}

#[derive(Row, Serialize, Deserialize)]
struct SealedRow {
    tenant: String,
    hour: u32,
    remote_network_id: u64,
    asked_at: i64,
}

/// What time it is for the server.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn server_time(clickhouse: &ClickHouse) -> Result<Moment, QueryError> {
    let query = clickhouse.reading("SELECT toUnixTimestamp64Micro(now64(6))");
    Ok(Moment::from_micros(clickhouse.within(query.fetch_one()).await?))
}

/// Hours that are over and have rows within reach that may not have been there when the hour was sealed last. Hours of all sources;
/// offsets of this one, which is the one that ingest still stores.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn unsealed(
    clickhouse: &ClickHouse,
    source: &str,
    reach: Reach,
) -> Result<BTreeMap<HourOfNetwork, UnsealedHour>, QueryError> {
    let sql = format!(
        "WITH changed AS (
             SELECT tenant, toStartOfHour(minute) AS hour, remote_network_id, min(written_at) AS first, max(written_at) AS written,
                 maxMapIf(map(_kafka_partition, _kafka_offsets[-1]), _kafka_source = {{source:String}}) AS last
             FROM {MINUTES_TABLE}
             WHERE minute < toDateTime({{end:Int64}}, 'UTC')
                 AND (written_at >= fromUnixTimestamp64Micro({{since:Int64}}, 'UTC')
                      OR minute >= toDateTime({{ended_since:Int64}}, 'UTC'))
             GROUP BY tenant, hour, remote_network_id),
         sealed AS (
             SELECT tenant, hour, remote_network_id, max(asked_at) AS asked FROM hours_sealed
             WHERE (tenant, hour, remote_network_id) IN (SELECT tenant, hour, remote_network_id FROM changed)
             GROUP BY tenant, hour, remote_network_id)
         SELECT toString(tenant) AS tenant, toInt64(toUnixTimestamp(hour)) AS hour, remote_network_id AS network,
             toUnixTimestamp64Milli(first) * 1000 AS first_written, CAST(last, 'Array(Tuple(Int32, Int64))') AS last
         FROM changed LEFT JOIN sealed USING (tenant, hour, remote_network_id)
         WHERE toUnixTimestamp64Milli(written) * 1000 + {{in_flight:Int64}} > toUnixTimestamp64Micro(asked)"
    );
    let whole_hours = |moment: Moment| moment.as_micros().div_euclid(HOUR * 1_000_000) * HOUR;
    let in_flight = i64::try_from(IN_FLIGHT.as_micros()).unwrap_or(i64::MAX);
    let query = clickhouse
        .reading(&sql)
        .param("source", source)
        .param("since", reach.written_since.as_micros())
        .param("ended_since", whole_hours(reach.ended_since))
        .param("end", whole_hours(reach.ended_by))
        .param("in_flight", in_flight);
    let found = clickhouse.within(query.fetch_all::<Found>()).await?;
    let hour = |it: Found| -> Option<(HourOfNetwork, UnsealedHour)> {
        let remote_network = RemoteNetworkId::new(it.network)?;
        let hour = HourOfNetwork { tenant: it.tenant.parse::<Tenant>().ok()?, hour: it.hour, remote_network };
        let (first_written, offsets) = (Moment::from_micros(it.first_written), it.last.into_iter().collect());
        Some((hour, UnsealedHour { first_written, offsets }))
    };
    Ok(found.into_iter().filter_map(hour).collect())
}

/// Notes that these hours were counted from everything that was there for certain at `asked_at`. After the count, never before.
///
/// # Errors
/// When ClickHouse refuses or does not answer; then it may have been done.
pub async fn seal(
    clickhouse: &ClickHouse,
    hours: &BTreeSet<HourOfNetwork>,
    asked_at: Moment,
) -> Result<(), QueryError> {
    let row = |it: &HourOfNetwork| SealedRow {
        tenant: it.tenant.to_string(),
        hour: u32::try_from(it.hour).unwrap_or_default(),
        remote_network_id: it.remote_network.get(),
        asked_at: asked_at.as_micros(),
    };
    let rows: Vec<SealedRow> = hours.iter().map(row).collect();
    insert_block(clickhouse, "hours_sealed", &rows, None).await
}

/// Hours of `[from, to)`, by their begins in microseconds, that have rows by minute that were written after it was asked what had changed when they
/// were counted last. What was in flight then may be missing among them, for a moment.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub(crate) async fn hours_behind(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    (from, to): (Moment, Moment),
) -> Result<BTreeSet<i64>, QueryError> {
    let sql = format!(
        "WITH changed AS (
             SELECT tenant, toStartOfHour(minute) AS hour, remote_network_id, max(written_at) AS written
             FROM {MINUTES_TABLE} WHERE {}
             GROUP BY tenant, hour, remote_network_id),
         sealed AS (
             SELECT tenant, hour, remote_network_id, max(asked_at) AS asked FROM hours_sealed
             WHERE (tenant, hour, remote_network_id) IN (SELECT tenant, hour, remote_network_id FROM changed)
             GROUP BY tenant, hour, remote_network_id)
         SELECT DISTINCT toInt64(toUnixTimestamp(hour)) * 1000000 AS begin
         FROM changed LEFT JOIN sealed USING (tenant, hour, remote_network_id)
         WHERE toUnixTimestamp64Milli(written) * 1000 > toUnixTimestamp64Micro(asked)",
        within("minute")
    );
    let seconds = |moment: Moment| moment.as_micros().div_euclid(1_000_000);
    let query = bound(clickhouse.reading(&sql), tenant, seconds(from), seconds(to));
    Ok(clickhouse.within(query.fetch_all::<i64>()).await?.into_iter().collect())
}
