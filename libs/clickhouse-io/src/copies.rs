//! Copies among the raw rows: found, noted for good, and then deleted.
//!
//! Of rows with one event id the one with the lowest (source, partition, offset) is the fact, here as in every report. The others go, but
//! each is a row of `copies_deleted` before it does, and its offset counts as stored from then on ([`crate::stored`]): what comes
//! again after a crash is not taken for missing. Only rows that are noted are deleted, so whatever is broken off may be done again.
//!
//! Rows that lie twice under one offset stay: nothing tells them apart.

use clickhouse::Row;
use schemas::ids::Tenant;
use schemas::times::Moment;
use serde::Deserialize;

use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::pieces::{HOUR, bound, hours_with_rows, together, whole, within};
use crate::rollup::server_time;
use crate::write::EventTable;

/// Where copies that were deleted are noted.
pub(crate) const DELETED_TABLE: &str = "copies_deleted";

/// Both tables that ingest writes.
const TABLES: [EventTable; 2] = [EventTable::Connections, EventTable::ConnectionOpenings];

/// A row that is not the first one of its fact.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct Copy {
    /// Its table.
    pub event_table: String,
    /// Of the event, Unix time in microseconds.
    pub end_time: i64,
    /// As the text of a UUID.
    pub event_id: String,
    /// Configured name of the topic's life that it came from.
    pub source: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// How many copies lie in the hours that `[from, to)` touches, and the first of them, those of `connections` before openings, at most `limit`. Hours that are
/// not over are left out.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn find(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    range: (Moment, Moment),
    limit: u64,
) -> Result<(u64, Vec<Copy>), QueryError> {
    let (mut all, mut shown) = (0, Vec::new());
    for table in TABLES {
        let copies = copies_of(table);
        let counted = format!("SELECT count() FROM ({copies})");
        let named = format!(
            "SELECT '{}' AS event_table, toUnixTimestamp64Micro(end_time) AS end_time, event_id, toString(_kafka_source) AS source,
                 _kafka_partition AS partition, _kafka_offset AS offset
             FROM ({copies}) ORDER BY end_time, event_id, source, partition, offset LIMIT {{limit:UInt64}}",
            table.name()
        );
        for (begin, end) in pieces(clickhouse, table, tenant, range).await? {
            let count: u64 =
                clickhouse.within(bound(clickhouse.reading(&counted), tenant, begin, end).fetch_one()).await?;
            all += count;
            let wanted = limit.saturating_sub(shown.len() as u64).min(count);
            if wanted > 0 {
                let query = bound(clickhouse.reading(&named), tenant, begin, end).param("limit", wanted);
                shown.extend(clickhouse.within(query.fetch_all::<Copy>()).await?);
            }
        }
    }
    Ok((all, shown))
}

/// Deletes the copies in the hours that `[from, to)` touches and that are over, each after it was noted with who wanted it; gives how many
/// there were. `progress` is told so as it goes on.
///
/// # Errors
/// When ClickHouse refuses or does not answer; then some of it was done, and it may be done again.
pub async fn delete(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    range: (Moment, Moment),
    by: &str,
    mut progress: impl FnMut(u64),
) -> Result<u64, QueryError> {
    let mut done = 0;
    for table in TABLES {
        let (name, copies) = (table.name(), copies_of(table));
        let counted = format!("SELECT count() FROM ({copies})");
        let noted = format!(
            "INSERT INTO {DELETED_TABLE}
                 (tenant, event_table, end_time, event_id, _kafka_source, _kafka_partition, _kafka_offset, deleted_by)
             SELECT {{tenant:String}}, '{name}', end_time, event_id, _kafka_source, _kafka_partition, _kafka_offset, {{by:String}}
             FROM ({copies})"
        );
        // What was noted and nothing else, also by one that was broken off before it deleted.
        let deleted = format!(
            "DELETE FROM {name} WHERE {} AND (_kafka_source, _kafka_partition, _kafka_offset) IN (
                 SELECT _kafka_source, _kafka_partition, _kafka_offset FROM {DELETED_TABLE}
                 WHERE event_table = '{name}' AND {})",
            within("end_time"),
            within("end_time")
        );
        for (begin, end) in pieces(clickhouse, table, tenant, range).await? {
            let count: u64 =
                clickhouse.within(bound(clickhouse.reading(&counted), tenant, begin, end).fetch_one()).await?;
            if count == 0 {
                continue;
            }
            clickhouse.within(bound(clickhouse.bounded(&noted), tenant, begin, end).param("by", by).execute()).await?;
            let query = bound(clickhouse.bounded(&deleted), tenant, begin, end)
                .with_setting("lightweight_deletes_sync", "2")
                // On a cluster each replica looks the noted rows up by itself; they are there for good.
                .with_setting("allow_nondeterministic_mutations", "1");
            clickhouse.within(query.execute()).await?;
            done += count;
            progress(done);
        }
    }
    Ok(done)
}

/// How many copies were deleted from `connections` of a tenant with end times in `[from, to)`.
pub(crate) async fn deleted_within(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    (from, to): (Moment, Moment),
) -> Result<u64, QueryError> {
    let sql = format!(
        "SELECT uniqExact(_kafka_source, _kafka_partition, _kafka_offset) FROM {DELETED_TABLE} WHERE event_table = 'connections' AND tenant = {{tenant:String}}
             AND end_time >= fromUnixTimestamp64Micro({{from:Int64}}, 'UTC') AND end_time < fromUnixTimestamp64Micro({{to:Int64}}, 'UTC')"
    );
    let query = clickhouse.reading(&sql).param("tenant", tenant.as_str());
    clickhouse.within(query.param("from", from.as_micros()).param("to", to.as_micros()).fetch_one()).await
}

/// Stretches of hours that are over and have rows, for one statement each. Copies have the end time of their fact to the millisecond, so
/// they lie in one hour.
async fn pieces(
    clickhouse: &ClickHouse,
    table: EventTable,
    tenant: &Tenant,
    (from, to): (Moment, Moment),
) -> Result<Vec<(i64, i64)>, QueryError> {
    let (from, to) = whole(from, to, HOUR);
    let this_hour = server_time(clickhouse).await?.as_micros().div_euclid(HOUR * 1_000_000) * HOUR;
    let hours = hours_with_rows(clickhouse, table.name(), tenant, (from, to.min(this_hour))).await?;
    let pieces = together(&hours).into_iter().filter_map(|some| Some((some.first()?.0, some.last()?.0 + HOUR)));
    Ok(pieces.collect())
}

/// The rows of a table that are not the first of their fact.
fn copies_of(table: EventTable) -> String {
    const FACT: &str = "toUnixTimestamp64Milli(end_time), event_id_tail";
    let (name, within) = (table.name(), within("end_time"));
    format!(
        "SELECT * FROM (
             SELECT end_time, event_id, _kafka_source, _kafka_partition, _kafka_offset,
                 min((_kafka_source, _kafka_partition, _kafka_offset)) OVER (PARTITION BY {FACT}) AS first
             FROM {name} WHERE {within}
                 AND ({FACT}) IN (SELECT {FACT} FROM {name} WHERE {within} GROUP BY {FACT} HAVING count() > 1))
         WHERE (_kafka_source, _kafka_partition, _kafka_offset) > first"
    )
}
