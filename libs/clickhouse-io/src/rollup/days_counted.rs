//! From which raw rows the roll-up by day has everything.
//!
//! The aggregator notes it when it has counted all that was on the topic at a moment: what was stored before that moment had come from there. The note
//! lies among those of days, under no tenant, so that who empties those empties it too: then nothing is known until the aggregator has looked
//! through all days again.

use clickhouse::Row;
use schemas::ids::Tenant;
use schemas::times::Moment;
use serde::Deserialize;

use super::names::names_since;
use super::{DAY, DAYS_TABLE, HOURS_TABLE, IN_FLIGHT, NETWORK_DAYS_TABLE};
use crate::client::ClickHouse;
use crate::error::QueryError;

/// Raw rows of a tenant that are in the roll-up by day for certain, as groups that say who and where: those of some days that were stored in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DaysCounted {
    /// Of end times from the beginning of this day
    pub(crate) from: Moment,
    /// up to the beginning of this one,
    pub(crate) until: Moment,
    /// in parts that were there, by the server's clock, before this second.
    pub(crate) stored_before: Moment,
}

#[derive(Row, Deserialize)]
struct Note {
    until: i64,
    stored_before: i64,
}

/// Notes that what ingest had stored before a moment is in the roll-up by day, of days that were over at another. Both are the server's. After the
/// count, never before; and not where anything is counted by a newer definition than `definition`: who counts by this one leaves that to others.
///
/// # Errors
/// When ClickHouse refuses or does not answer; then it may have been done.
pub async fn note_days_counted(
    clickhouse: &ClickHouse,
    definition: u16,
    stored_before: Moment,
    over_at: Moment,
) -> Result<(), QueryError> {
    let newer = [HOURS_TABLE, DAYS_TABLE, NETWORK_DAYS_TABLE]
        .map(|table| format!("(SELECT count() FROM {table} WHERE definition > {{definition:UInt16}}) = 0"));
    let sql = format!(
        "INSERT INTO days_sealed (tenant, day, remote_network_id, notes, written_at)
         SELECT '', toStartOfDay(toDateTime({{over_at:Int64}}, 'UTC')), 0, 0, fromUnixTimestamp64Micro({{stored_before:Int64}}, 'UTC')
         WHERE {}",
        newer.join(" AND ")
    );
    let query = clickhouse
        .bounded(&sql)
        .param("definition", definition)
        .param("over_at", over_at.as_micros().div_euclid(1_000_000))
        .param("stored_before", stored_before.as_micros());
    clickhouse.within(query.execute()).await
}

/// What the last note says; `None` where there is none, or no day from which on all are counted.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub(crate) async fn days_counted(clickhouse: &ClickHouse, tenant: &Tenant) -> Result<Option<DaysCounted>, QueryError> {
    let sql = "SELECT toInt64(toUnixTimestamp(argMax(day, written_at))) AS until, toUnixTimestamp64Micro(max(written_at)) AS stored_before
         FROM days_sealed WHERE tenant = '' HAVING count() > 0";
    let note: Option<Note> = clickhouse.within(clickhouse.reading(sql).fetch_optional()).await?;
    // Names are taken where days are counted: from when on all are there is the same.
    let (Some(note), Some(since)) = (note, names_since(clickhouse, tenant).await?) else { return Ok(None) };
    let from = -(-since.as_micros()).div_euclid(DAY * 1_000_000) * DAY * 1_000_000;
    let in_flight = i64::try_from(IN_FLIGHT.as_micros()).unwrap_or(i64::MAX);
    Ok(Some(DaysCounted {
        from: Moment::from_micros(from),
        until: Moment::from_micros(note.until.saturating_mul(1_000_000)),
        // An insert may say that it began before its rows could be seen.
        stored_before: Moment::from_micros(note.stored_before.saturating_sub(in_flight)),
    }))
}
