//! The set of open connections.

use std::time::Duration;

use bytes::Bytes;

use crate::client::ClickHouse;
use crate::error::QueryError;
pub use crate::open_columns::{OpenChange, OpenColumns, end_reason};
use crate::rollup::{MINUTES_TABLE, server_time};
use crate::write::{EventTable, insert_body};

/// The table.
const TABLE: &str = "open_connections";
/// Rows by minute are there for so long at least, whatever was set before.
const MINUTES_KEPT_MIN: Duration = Duration::from_secs(3 * 24 * 3600);
/// When silence began.
const SINCE: &str = "now64(6, 'UTC') - toIntervalSecond({silence:UInt64})";
/// Of tenants without a connection that has been open for so long nothing has to be read: their rows lie together.
const OF_TENANTS: &str = "tenant IN (SELECT tenant FROM open_connections
    WHERE is_open AND opened_at < now64(6, 'UTC') - toIntervalSecond({silence:UInt64}))";

/// Writes a block of [`OpenColumns`]. The same again changes nothing; an empty body: nothing happens.
///
/// # Errors
/// When ClickHouse refuses or does not answer; then it may have been done.
pub async fn write(clickhouse: &ClickHouse, body: Bytes) -> Result<(), QueryError> {
    insert_body(clickhouse, TABLE, body, None).await
}

/// Ends entries whose Connector has reported nothing for `silence`: nothing of it was counted by minute since, by the server's clock, whatever times
/// its events have. Rows by minute are there for some days: where silence is longer, raw rows tell who has reported. What is not counted yet is not
/// known: the caller sees to it that there is no backlog.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn end_silent(clickhouse: &ClickHouse, silence: Duration) -> Result<(), QueryError> {
    let mut reported =
        format!("SELECT tenant, connector_id FROM {MINUTES_TABLE} WHERE written_at > {SINCE} AND {OF_TENANTS}");
    if silence >= MINUTES_KEPT_MIN {
        for table in [EventTable::Connections, EventTable::ConnectionOpenings] {
            reported += &format!(
                " UNION ALL SELECT tenant, connector_id FROM {} WHERE end_time > {SINCE}
                  AND toStartOfHour(end_time) >= toStartOfHour({SINCE}) AND {OF_TENANTS}",
                table.name()
            );
        }
    }
    // The inner query first: a replaced column's new value would else be what WHERE sees.
    let sql = format!(
        "INSERT INTO {TABLE}
         SELECT * REPLACE (false AS is_open, now64(6, 'UTC') AS ended_at, 'silent' AS end_reason,
                           bitShiftLeft(toUInt64(1), 61) AS version, now64(3, 'UTC') AS written_at)
         FROM (
             SELECT * FROM {TABLE} FINAL
             WHERE is_open AND opened_at < {SINCE} AND (tenant, connector_id) NOT IN ({reported}))"
    );
    let query = clickhouse.bounded(&sql).param("silence", silence.as_secs());
    clickhouse.within(query.execute()).await
}

/// Forgets entries whose end was written longer than `remembered` ago, all versions of each. When the connection ended does not matter: a copy of an
/// opening comes as late as its end.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn forget_ended(clickhouse: &ClickHouse, remembered: Duration) -> Result<(), QueryError> {
    let remembered = i64::try_from(remembered.as_micros()).unwrap_or(i64::MAX);
    let before = server_time(clickhouse).await?.as_micros().saturating_sub(remembered);
    for sql in [FORGET_UNDER_ENDS, FORGET_ENDS] {
        let query = clickhouse
            .bounded(sql)
            // A cluster's replicas refuse what may say something else on each of them, as one that asks may: each looks the entries up by
            // itself, as of this moment.
            .with_setting("allow_nondeterministic_mutations", "1")
            .param("before", before);
        clickhouse.within(query.execute()).await?;
    }
    Ok(())
}

/// Openings, and ends that were written again, of entries whose last end was written before. It is looked up anew for each part of the table, so what decides stays:
/// were an end gone from one part, an opening in the next would stand for the entry. The moment is a parameter: each replica of a cluster would have a
/// time of its own.
const FORGET_UNDER_ENDS: &str =
    "DELETE FROM open_connections WHERE (is_open OR written_at >= fromUnixTimestamp64Micro({before:Int64}, 'UTC'))
    AND (tenant, connector_id, connection_id) IN (
        SELECT tenant, connector_id, connection_id FROM open_connections FINAL
        WHERE NOT is_open AND written_at < fromUnixTimestamp64Micro({before:Int64}, 'UTC'))";
/// And then those ends: nothing stands under them any more.
const FORGET_ENDS: &str =
    "DELETE FROM open_connections WHERE NOT is_open AND written_at < fromUnixTimestamp64Micro({before:Int64}, 'UTC')";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deleted_is_the_same_whenever_and_wherever_it_is_looked_up() {
        for clock in ["now", "today", "rand", "hostName"] {
            assert!(![FORGET_UNDER_ENDS, FORGET_ENDS].iter().any(|sql| sql.contains(clock)), "{clock}");
        }
    }
}
