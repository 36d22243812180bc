//! Which offsets of a source are stored. Every stored offset is a row of one of the two tables, so they can be counted, or was one: a
//! copy that was deleted ([`crate::copies`]) is stored for good. It is noted before it is deleted, so notes are read after the rows: who
//! sees the row no more sees the note.
//!
//! Offsets are not in the tables' key. What is read is bounded by the index `kafka_offset` of the tables' granules, and by what the
//! asker knows of the rows. An answer holds for the moment it was asked: ask only when no insert of the range is running
//! ([`crate::running`]), and on a cluster ask the replica that was written.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use clickhouse::Row;
use clickhouse::query::Query;
use schemas::times::Moment;
use serde::Deserialize;

use crate::client::ClickHouse;
use crate::copies::DELETED_TABLE;
use crate::error::QueryError;
use crate::offset_set::OffsetSet;

/// What ingest writes.
const EVENT_TABLES: [&str; 2] = ["connections", "connection_openings"];
/// Buckets of Remote Networks that the tables are partitioned by, beside the month.
const BUCKETS: u32 = 16;

/// Offsets of one partition of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch<'a> {
    /// Configured name of this life of the topic.
    pub source: &'a str,
    /// Partition.
    pub partition: i32,
    /// First and last offset.
    pub offsets: RangeInclusive<i64>,
}

/// What the asker knows of the rows that it asks for; it only saves reading. Nothing known: everything may be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Within {
    /// First and last end time.
    pub end_time: Option<RangeInclusive<Moment>>,
    /// Tenants; none named: any.
    pub tenants: Vec<String>,
}

/// Rows of a stretch, both tables together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Row, Deserialize)]
pub struct Counted {
    /// Rows.
    pub rows: u64,
    /// Different offsets; fewer than rows where something is stored twice.
    pub offsets: u64,
}

/// A row by what tells its event from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct StoredEvent {
    /// Where it lay.
    pub offset: i64,
    /// The last ten bytes of the event id.
    pub id_tail: [u8; 10],
}

#[derive(Row, Deserialize)]
struct Highest {
    partition: i32,
    offset: i64,
}

#[derive(Row, Deserialize)]
struct Run {
    first: i64,
    last: i64,
}

/// For each partition where a row lies at or behind its end the highest offset that has one, in whichever table: none where all rows
/// are of the topic that ends there. Partitions that `ends` does not name are not asked for.
///
/// Granules whose offsets are all below the lowest of the ends are not read; where ends are far apart, those of the longer partitions
/// are, of these columns. A bucket of the tables is a statement of its own, so that the deadline is that of a sixteenth of the rows.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn at_or_behind(
    clickhouse: &ClickHouse,
    source: &str,
    ends: &BTreeMap<i32, i64>,
) -> Result<BTreeMap<i32, i64>, QueryError> {
    let mut highest = BTreeMap::new();
    if ends.is_empty() {
        return Ok(highest);
    }
    for statement in (0..BUCKETS).map(|bucket| behind_sql(ends, Some(bucket))).chain([behind_sql(ends, None)]) {
        let query = clickhouse.reading(&statement).param("source", source);
        for found in clickhouse.within(query.fetch_all::<Highest>()).await? {
            let offset = highest.entry(found.partition).or_insert(found.offset);
            *offset = found.offset.max(*offset);
        }
    }
    Ok(highest)
}

/// The statement of [`at_or_behind`] for a bucket of the tables of rows, or for the copies that were deleted, whose key has the offset.
/// Public for those who look at what it reads.
#[must_use]
pub fn behind_sql(ends: &BTreeMap<i32, i64>, bucket: Option<u32>) -> String {
    let behind: Vec<String> = ends
        .iter()
        .map(|(partition, end)| format!("(_kafka_partition = {partition} AND _kafka_offset >= {end})"))
        .collect();
    let behind = behind.join(" OR ");
    let (tables, of_bucket) = match bucket {
        Some(bucket) => (&EVENT_TABLES[..], format!("endsWith(_partition_id, '-{bucket}') AND ")),
        None => (&[DELETED_TABLE][..], String::new()),
    };
    let of_each = tables.iter().map(|table| {
        format!(
            "SELECT _kafka_partition AS partition, max(_kafka_offset) AS offset FROM {table}
            WHERE {of_bucket}_kafka_source = {{source:String}} AND ({behind}) GROUP BY partition"
        )
    });
    of_each.collect::<Vec<_>>().join(" UNION ALL ")
}

/// The highest stored offset of a partition that is not below `from`; `None` where none is. Given the committed offset, it reads
/// about what was stored after it.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn highest_offset(
    clickhouse: &ClickHouse,
    source: &str,
    partition: i32,
    from: i64,
) -> Result<Option<i64>, QueryError> {
    let stretch = Stretch { source, partition, offsets: from..=i64::MAX };
    let mut highest = None;
    for tables in [&EVENT_TABLES[..], &[DELETED_TABLE]] {
        // Over no rows the engine's max is 0, which is an offset.
        let query = asked(clickhouse, tables, &stretch, &Within::default(), |rows| {
            format!("SELECT {{partition:Int32}} AS partition, max(offset) AS offset FROM ({rows}) HAVING count() > 0")
        });
        let found = clickhouse.within(query.fetch_optional::<Highest>()).await?;
        highest = highest.max(found.map(|it| it.offset));
    }
    Ok(highest)
}

/// The rows of a stretch with the highest offsets, the highest first, and no more than `most`; copies that were deleted are not among them.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn newest(clickhouse: &ClickHouse, stretch: &Stretch<'_>, most: u32) -> Result<Vec<StoredEvent>, QueryError> {
    let columns = "_kafka_offset AS offset, event_id_tail AS id_tail";
    let query = asked_for(clickhouse, &EVENT_TABLES, columns, stretch, &Within::default(), |rows| {
        format!("SELECT offset, id_tail FROM ({rows}) ORDER BY offset DESC LIMIT {most}")
    });
    clickhouse.within(query.fetch_all::<StoredEvent>()).await
}

/// How many rows of a stretch are in the tables, and how many of its offsets; copies that were deleted are not.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn count(clickhouse: &ClickHouse, stretch: &Stretch<'_>, within: &Within) -> Result<Counted, QueryError> {
    let query = asked(clickhouse, &EVENT_TABLES, stretch, within, |rows| {
        format!("SELECT count() AS rows, uniqExact(offset) AS offsets FROM ({rows})")
    });
    clickhouse.within(query.fetch_one::<Counted>()).await
}

/// Which offsets of a stretch are stored.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn offsets(clickhouse: &ClickHouse, stretch: &Stretch<'_>, within: &Within) -> Result<OffsetSet, QueryError> {
    let mut runs = Vec::new();
    for tables in [&EVENT_TABLES[..], &[DELETED_TABLE]] {
        // Neighbours have the same difference of offset and row number.
        let query = asked(clickhouse, tables, stretch, within, |rows| {
            format!(
                "SELECT min(offset) AS first, max(offset) AS last FROM (
                    SELECT offset, offset - toInt64(row_number() OVER (ORDER BY offset)) AS run
                    FROM (SELECT DISTINCT offset FROM ({rows}))
                ) GROUP BY run"
            )
        });
        runs.extend(clickhouse.within(query.fetch_all::<Run>()).await?);
    }
    Ok(runs.into_iter().map(|run| (run.first, run.last)).collect())
}

/// What `question` makes of the statement that gives the stretch's rows of these tables, as column `offset`.
fn asked(
    clickhouse: &ClickHouse,
    tables: &[&str],
    stretch: &Stretch<'_>,
    within: &Within,
    question: impl FnOnce(String) -> String,
) -> Query {
    asked_for(clickhouse, tables, "_kafka_offset AS offset", stretch, within, question)
}

/// The same of other columns.
fn asked_for(
    clickhouse: &ClickHouse,
    tables: &[&str],
    columns: &str,
    stretch: &Stretch<'_>,
    within: &Within,
    question: impl FnOnce(String) -> String,
) -> Query {
    let mut filter = "_kafka_source = {source:String} AND _kafka_partition = {partition:Int32}
        AND _kafka_offset BETWEEN {first:Int64} AND {last:Int64}"
        .to_owned();
    if within.end_time.is_some() {
        // By the hour too: the engine does not see by itself that the key's hour follows from the end time.
        filter.push_str(
            " AND end_time BETWEEN fromUnixTimestamp64Micro({from:Int64}, 'UTC') AND fromUnixTimestamp64Micro({to:Int64}, 'UTC')
              AND toStartOfHour(end_time) BETWEEN toStartOfHour(fromUnixTimestamp64Micro({from:Int64}, 'UTC'))
                                          AND toStartOfHour(fromUnixTimestamp64Micro({to:Int64}, 'UTC'))",
        );
    }
    if !within.tenants.is_empty() {
        filter.push_str(" AND tenant IN {tenants:Array(String)}");
    }
    let of_each = tables.iter().map(|table| format!("SELECT {columns} FROM {table} WHERE {filter}"));
    let sql = question(of_each.collect::<Vec<_>>().join(" UNION ALL "));
    let mut query = clickhouse
        .reading(&sql)
        .param("source", stretch.source)
        .param("partition", stretch.partition)
        .param("first", stretch.offsets.start())
        .param("last", stretch.offsets.end());
    if let Some(times) = &within.end_time {
        query = query.param("from", times.start().as_micros()).param("to", times.end().as_micros());
    }
    if !within.tenants.is_empty() {
        query = query.param("tenants", &within.tenants);
    }
    query
}
