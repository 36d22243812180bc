//! Rows of a report, in slices that fit memory, in the order of the report, each fact once.

use std::collections::HashSet;

use clickhouse::Row;
use clickhouse::query::Query;
use schemas::ids::{RemoteNetworkId, Tenant};
use schemas::times::Moment;
use serde::Deserialize;

use crate::client::ClickHouse;
use crate::copies::deleted_within;
use crate::error::QueryError;
use crate::rows::ConnectionRow;

/// What a report asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportQuery {
    /// Whose traffic.
    pub tenant: Tenant,
    /// First end time.
    pub from: Moment,
    /// First end time after it.
    pub to: Moment,
    /// Remote Networks; empty means all.
    pub remote_networks: Vec<RemoteNetworkId>,
    /// Denied attempts too.
    pub denied: bool,
}

/// A piece of a report's range, `[from, to)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// First end time.
    pub from: Moment,
    /// First end time after it.
    pub to: Moment,
    /// Rows in it when it was planned, copies included; later there may be more, and fewer only where copies were deleted.
    pub rows: u64,
}

#[derive(Clone, Copy, Debug, Row, Deserialize)]
struct Bucket {
    from: i64,
    rows: u64,
}

/// Widths of the buckets that are counted, microseconds: an hour, a minute, a second. Hours are what the table is sorted by.
const WIDTHS: [i64; 3] = [3_600_000_000, 60_000_000, 1_000_000];

const WHERE: &str = "tenant = {tenant:String}
    AND end_time >= fromUnixTimestamp64Micro({from:Int64}, 'UTC') AND end_time < fromUnixTimestamp64Micro({to:Int64}, 'UTC')
    AND (empty({networks:Array(UInt64)}) OR remote_network_id IN {networks:Array(UInt64)})
    AND ({denied:Bool} OR event_type != 'denied_access')";

impl ReportQuery {
    fn bound(&self, clickhouse: &ClickHouse, sql: &str, from: Moment, to: Moment) -> Query {
        let networks: Vec<u64> = self.remote_networks.iter().map(|it| it.get()).collect();
        clickhouse
            .client
            .query_raw(sql)
            .param("tenant", self.tenant.as_str())
            .param("from", from.as_micros())
            .param("to", to.as_micros())
            .param("networks", networks)
            .param("denied", self.denied)
    }

    async fn counted(
        &self,
        clickhouse: &ClickHouse,
        from: Moment,
        to: Moment,
        width: i64,
    ) -> Result<Vec<Bucket>, QueryError> {
        let sql = format!(
            "SELECT intDiv(toUnixTimestamp64Micro(end_time), {width}) * {width} AS from, count() AS rows
             FROM connections WHERE {WHERE} GROUP BY from ORDER BY from"
        );
        clickhouse.within(self.bound(clickhouse, &sql, from, to).fetch_all()).await
    }

    async fn rows(&self, clickhouse: &ClickHouse, slice: &Slice) -> Result<u64, QueryError> {
        let sql = format!("SELECT count() FROM connections WHERE {WHERE}");
        clickhouse.within(self.bound(clickhouse, &sql, slice.from, slice.to).fetch_one()).await
    }
}

/// Cuts the range into slices of at most `rows_max` rows, in order of time, without the stretches that are empty. A single
/// second with more rows than that is one slice.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn plan(clickhouse: &ClickHouse, query: &ReportQuery, rows_max: u64) -> Result<Vec<Slice>, QueryError> {
    let mut slices = Vec::new();
    // Hours that are too full are counted again in minutes, and minutes in seconds.
    let mut open = vec![(query.from, query.to, 0)];
    while let Some((from, to, level)) = open.pop() {
        let width = WIDTHS[level];
        let buckets = query.counted(clickhouse, from, to, width).await?;
        let mut finer = Vec::new();
        for bucket in buckets {
            let begin = Moment::from_micros(bucket.from.max(from.as_micros()));
            let end = Moment::from_micros((bucket.from + width).min(to.as_micros()));
            if bucket.rows > rows_max && level + 1 < WIDTHS.len() {
                finer.push((begin, end, level + 1));
            } else {
                slices.push(Slice { from: begin, to: end, rows: bucket.rows });
            }
        }
        open.extend(finer);
    }
    slices.sort_unstable_by_key(|slice| slice.from);
    Ok(merged(slices, rows_max))
}

/// Neighbours together, as long as they fit.
fn merged(slices: Vec<Slice>, rows_max: u64) -> Vec<Slice> {
    let mut merged: Vec<Slice> = Vec::new();
    for slice in slices {
        match merged.last_mut() {
            Some(last) if last.rows + slice.rows <= rows_max => {
                last.to = slice.to;
                last.rows += slice.rows;
            }
            _ => merged.push(slice),
        }
    }
    merged
}

/// The rows of a slice, in order of end time and event id, each fact once: of copies the one with the lowest (partition, offset).
///
/// # Errors
/// When ClickHouse refuses or does not answer, or fewer rows came than were counted: a stream that was cut is never taken for a
/// whole one.
pub async fn read_slice(
    clickhouse: &ClickHouse,
    query: &ReportQuery,
    slice: &Slice,
) -> Result<Vec<ConnectionRow>, QueryError> {
    let sql = format!(
        "SELECT {} FROM connections WHERE {WHERE}
         ORDER BY end_time, event_id_tail, _kafka_source, _kafka_partition, _kafka_offset",
        ConnectionRow::COLUMN_NAMES.join(", ")
    );
    let mut expected = slice.rows;
    loop {
        let rows: Vec<ConnectionRow> =
            clickhouse.within(query.bound(clickhouse, &sql, slice.from, slice.to).fetch_all()).await?;
        let found = rows.len() as u64;
        if found >= expected {
            return Ok(each_fact_once(rows));
        }
        // Copies may have been deleted since it was planned. Then it is counted again, and read again.
        let deleted = deleted_within(clickhouse, &query.tenant, (slice.from, slice.to)).await?;
        let counted = if deleted == 0 { expected } else { query.rows(clickhouse, slice).await? };
        if counted >= expected {
            return Err(QueryError::Cut { expected, found });
        }
        expected = counted;
    }
}

/// Drops copies of rows that are in order. Copies have equal event ids, so they lie within one millisecond.
fn each_fact_once(mut rows: Vec<ConnectionRow>) -> Vec<ConnectionRow> {
    let mut seen = HashSet::new();
    let mut millis = 0;
    rows.retain(|row| {
        let id = row.event_id();
        if id.timestamp_ms() != millis {
            millis = id.timestamp_ms();
            seen.clear();
        }
        seen.insert(id)
    });
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_read_together_while_they_fit() {
        let slice = |from, to, rows| Slice { from: Moment::from_micros(from), to: Moment::from_micros(to), rows };
        let slices = vec![slice(0, 1, 40), slice(5, 6, 60), slice(6, 7, 1), slice(9, 10, 500)];
        assert_eq!(merged(slices, 100), [slice(0, 6, 100), slice(6, 7, 1), slice(9, 10, 500)]);
    }
}
