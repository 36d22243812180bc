//! Days are put together from the hours, and again where hours have changed.
//!
//! Which days are behind is told by notes alone, without clocks: a day remembers from which notes of its hours it was counted, and any
//! other note that is there now makes it wrong. A note stands only when its hour can be seen, so a count that was begun after the notes
//! were read has seen what they say.

use std::collections::BTreeMap;

use clickhouse::Row;
use schemas::ids::{RemoteNetworkId, Tenant};
use schemas::times::Moment;
use serde::{Deserialize, Serialize};

use super::by_pieces::Pieces;
use super::definitions::days_of_newer;
use super::{DAY, DAY_DEFINITION, HOURS_TABLE, Unit, days_from_hours, insert_counted, names, network_days};
use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::write::insert_block;

/// Days of a tenant that are noted together: some statements' worth of days of Remote Networks.
const DAYS_SEALED_AT_ONCE: usize = 100;
/// Days of one statement, as with hours.
const DAYS_AT_ONCE: usize = 500;

/// One UTC day of one Remote Network of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DayOfNetwork {
    pub(super) tenant: Tenant,
    /// Unix time of its beginning, seconds.
    pub(super) day: i64,
    pub(super) remote_network: RemoteNetworkId,
}

impl DayOfNetwork {
    /// The day that an end time lies in.
    #[must_use]
    pub fn of(tenant: Tenant, end_time: Moment, remote_network: RemoteNetworkId) -> Self {
        let day = end_time.as_micros().div_euclid(DAY * 1_000_000) * DAY;
        Self { tenant, day, remote_network }
    }
}

/// Which days are looked at. All moments are the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotesReach {
    /// Those with a note of an hour that was asked for from then on,
    pub noted_since: Moment,
    /// and those that ended after this one;
    pub ended_since: Moment,
    /// of both those that ended before this one.
    pub ended_by: Moment,
}

#[derive(Row, Deserialize)]
struct Found {
    tenant: String,
    day: i64,
    network: u64,
    notes: u64,
}

#[derive(Row, Serialize, Deserialize)]
struct SealedRow {
    tenant: String,
    day: u32,
    remote_network_id: u64,
    notes: u64,
}

/// Days that are over and within reach, and were not counted from the notes that their hours have now, or by a program that did not count
/// all that is counted now; with a sum over those.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn unsealed_days(
    clickhouse: &ClickHouse,
    reach: NotesReach,
) -> Result<BTreeMap<DayOfNetwork, u64>, QueryError> {
    let sql = "WITH touched AS (
             SELECT DISTINCT tenant, toStartOfDay(hour) AS day, remote_network_id FROM hours_sealed
             WHERE hour < toDateTime({end:Int64}, 'UTC')
                 AND (asked_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') OR hour >= toDateTime({ended_since:Int64}, 'UTC'))),
         noted AS (
             SELECT tenant, toStartOfDay(hour) AS day, remote_network_id, hour, max(asked_at) AS asked FROM hours_sealed
             WHERE (tenant, toStartOfDay(hour), remote_network_id) IN (SELECT tenant, day, remote_network_id FROM touched)
             GROUP BY tenant, day, remote_network_id, hour),
         wanted AS (
             SELECT tenant, day, remote_network_id, sum(cityHash64(hour, asked)) AS notes FROM noted
             GROUP BY tenant, day, remote_network_id),
         sealed AS (
             SELECT tenant, day, remote_network_id, argMax(notes, written_at) AS seen FROM days_sealed
             WHERE (tenant, day, remote_network_id) IN (SELECT tenant, day, remote_network_id FROM touched)
             GROUP BY tenant, day, remote_network_id),
         lacking AS (
             SELECT tenant, day, remote_network_id FROM network_days FINAL
             WHERE (tenant, day, remote_network_id) IN (SELECT tenant, day, remote_network_id FROM touched)
                 AND notEmpty(addresses) AND empty(connections))
         SELECT toString(tenant) AS tenant, toInt64(toUnixTimestamp(day)) AS day, remote_network_id AS network, notes
         FROM wanted LEFT JOIN sealed USING (tenant, day, remote_network_id)
         WHERE notes != seen OR (tenant, day, remote_network_id) IN (SELECT tenant, day, remote_network_id FROM lacking)";
    let whole_days = |moment: Moment| moment.as_micros().div_euclid(DAY * 1_000_000) * DAY;
    let query = clickhouse
        .reading(sql)
        .param("since", reach.noted_since.as_micros())
        .param("ended_since", whole_days(reach.ended_since))
        .param("end", whole_days(reach.ended_by));
    let found = clickhouse.within(query.fetch_all::<Found>()).await?;
    let day = |it: Found| -> Option<(DayOfNetwork, u64)> {
        let remote_network = RemoteNetworkId::new(it.network)?;
        Some((DayOfNetwork { tenant: it.tenant.parse().ok()?, day: it.day, remote_network }, it.notes))
    };
    Ok(found.into_iter().filter_map(day).collect())
}

/// Puts these days together from their hours anew, counts what is no sum from the raw rows, and takes the names from there. Done again, or by
/// two at once, it gives the same.
///
/// # Errors
/// When ClickHouse refuses or does not answer; then it may have been done, or some of it.
pub async fn count_days<'a>(
    clickhouse: &ClickHouse,
    definition: u16,
    days: impl IntoIterator<Item = &'a DayOfNetwork>,
) -> Result<(), QueryError> {
    let days: Vec<&DayOfNetwork> = days.into_iter().collect();
    // A group that an hour has lost is there with zeros: no group of a day goes without a word.
    let rows = format!(
        "{HOURS_TABLE} FINAL WHERE tenant = {{tenant:String}}
         AND (toStartOfDay(hour), remote_network_id) IN {{keys:Array(Tuple(DateTime('UTC'), UInt64))}}"
    );
    let sql = insert_counted(Unit::Day, &days_from_hours(definition, &rows), DAY_DEFINITION);
    for of_tenant in days.chunk_by(|left, right| left.tenant == right.tenant) {
        for some in of_tenant.chunks(DAYS_AT_ONCE) {
            let keys: Vec<(i64, u64)> = some.iter().map(|it| (it.day, it.remote_network.get())).collect();
            let query = clickhouse
                .bounded(&sql)
                .with_setting("max_partitions_per_insert_block", "0")
                .param("tenant", some[0].tenant.as_str())
                .param("keys", keys);
            clickhouse.within(query.execute()).await?;
        }
        // Before what tells that the day is counted: who sees that has the names too.
        names::add(clickhouse, &of_tenant[0].tenant, of_tenant).await?;
        network_days::count(clickhouse, definition, &of_tenant[0].tenant, of_tenant).await?;
    }
    Ok(())
}

/// [`count_days`] and [`seal_days`], a few at a time: what is done stays done, and a day that cannot be counted holds up no other. Days of which anything
/// is counted by a newer definition are left to who counts by it. `counted` is told how many are done, as it goes on.
///
/// # Errors
/// When ClickHouse is away or refuses all of them; or, when the others are done, refuses some or does not come to an end with them.
pub async fn count_and_seal_days(
    clickhouse: &ClickHouse,
    definition: u16,
    days: &BTreeMap<DayOfNetwork, u64>,
    mut counted: impl FnMut(usize),
) -> Result<(), QueryError> {
    let days: Vec<(&DayOfNetwork, u64)> = days.iter().map(|(day, notes)| (day, *notes)).collect();
    let mut pieces = Pieces::new(&days, |(day, _)| &day.tenant, DAYS_SEALED_AT_ONCE);
    while let Some(some) = pieces.next() {
        let done = async {
            let days: Vec<&DayOfNetwork> = some.iter().map(|(day, _)| *day).collect();
            let newer = days_of_newer(clickhouse, definition, &days).await?;
            let notes = some.iter().filter(|(day, _)| !newer.contains(*day));
            let notes: BTreeMap<DayOfNetwork, u64> = notes.map(|(day, notes)| ((*day).clone(), *notes)).collect();
            count_days(clickhouse, definition, notes.keys()).await?;
            seal_days(clickhouse, &notes).await?;
            Ok(notes.len())
        };
        match done.await {
            Ok(count) => counted(count),
            Err(error) => pieces.failed(clickhouse, some, error).await?,
        }
    }
    pieces.end()
}

/// Notes from which notes of their hours these days were counted. After the count, never before.
///
/// # Errors
/// When ClickHouse refuses or does not answer; then it may have been done.
pub async fn seal_days(clickhouse: &ClickHouse, days: &BTreeMap<DayOfNetwork, u64>) -> Result<(), QueryError> {
    let row = |(it, notes): (&DayOfNetwork, &u64)| SealedRow {
        tenant: it.tenant.to_string(),
        day: u32::try_from(it.day).unwrap_or_default(),
        remote_network_id: it.remote_network.get(),
        notes: *notes,
    };
    let rows: Vec<SealedRow> = days.iter().map(row).collect();
    insert_block(clickhouse, "days_sealed", &rows, None).await
}
