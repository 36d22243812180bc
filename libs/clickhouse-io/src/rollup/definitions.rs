//! By which definitions rows of the roll-ups were counted. Each row says it, so it is true of what is there, whoever wrote it.

use std::collections::BTreeSet;

use clickhouse::Row;
use clickhouse::query::Query;
use schemas::ids::{RemoteNetworkId, Tenant};
use schemas::times::Moment;
use serde::Deserialize;

use super::days::DayOfNetwork;
use super::{HOURS_TABLE, HourOfNetwork, Unit};
use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::pieces::{bound, whole, within};

/// How many hours or days of Remote Networks are counted by one definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct Definitions {
    /// The definition; the oldest of the groups of each.
    pub definition: u16,
    /// Hours or days of Remote Networks in which anything is counted.
    pub count: u64,
}

/// By which definitions the units that `[from, to)` touches are counted, the oldest first. Minutes are kept as they were counted when their
/// events came, and do not say by which: there are none.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn definitions(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    unit: Unit,
    (from, to): (Moment, Moment),
) -> Result<Vec<Definitions>, QueryError> {
    if unit == Unit::Minute {
        return Ok(Vec::new());
    }
    let ((from, to), (table, time)) = (whole(from, to, unit.seconds()), unit.table());
    let sql = format!(
        "SELECT oldest AS definition, count() AS count FROM (
             SELECT min(definition) AS oldest FROM {table} FINAL WHERE {} AND {} GROUP BY {time}, remote_network_id)
         GROUP BY oldest ORDER BY oldest",
        within(time),
        unit.is_something()
    );
    clickhouse.within(exact(bound(clickhouse.reading(&sql), tenant, from, to)).fetch_all()).await
}

/// Hours of `[from, to)`, by their begins in microseconds, of which anything is counted by another definition than this one: what they say cannot be held
/// against what is counted here.
pub(crate) async fn hours_of_another(
    clickhouse: &ClickHouse,
    definition: u16,
    tenant: &Tenant,
    (from, to): (Moment, Moment),
) -> Result<BTreeSet<i64>, QueryError> {
    let within = within("hour");
    // What was replaced and is not merged away yet is looked for first: mostly there is nothing.
    let sql = format!(
        "SELECT DISTINCT toInt64(toUnixTimestamp(hour)) * 1000000 AS begin FROM {HOURS_TABLE} FINAL
         WHERE {within} AND hour IN (SELECT DISTINCT hour FROM {HOURS_TABLE} WHERE {within} AND definition != {definition})
             AND definition != {definition} AND {}",
        Unit::Hour.is_something()
    );
    let seconds = |moment: Moment| moment.as_micros().div_euclid(1_000_000);
    let query = exact(bound(clickhouse.reading(&sql), tenant, seconds(from), seconds(to)));
    Ok(clickhouse.within(query.fetch_all::<i64>()).await?.into_iter().collect())
}

/// A statement that chooses by definition among the rows that count: the index of definitions may leave out none that replaces another.
pub(super) fn exact(query: Query) -> Query {
    query.with_setting("use_skip_indexes_if_final", "0")
}

/// Those of these hours, all of one tenant, of which anything is counted by a newer definition.
pub(super) async fn hours_of_newer(
    clickhouse: &ClickHouse,
    definition: u16,
    hours: &[HourOfNetwork],
) -> Result<BTreeSet<HourOfNetwork>, QueryError> {
    let Some(HourOfNetwork { tenant, .. }) = hours.first() else { return Ok(BTreeSet::new()) };
    let sql = format!(
        "SELECT DISTINCT toInt64(toUnixTimestamp(hour)) AS begin, remote_network_id FROM {HOURS_TABLE} FINAL
         WHERE tenant = {{tenant:String}} AND (hour, remote_network_id) IN {{keys:Array(Tuple(DateTime('UTC'), UInt64))}}
             AND definition > {definition}"
    );
    let keys = hours.iter().map(|it| (it.hour, it.remote_network.get())).collect();
    let found = of_newer(clickhouse, &sql, tenant, keys, "hours").await?;
    let hour = |(hour, remote_network)| HourOfNetwork { tenant: tenant.clone(), hour, remote_network };
    Ok(found.into_iter().map(hour).collect())
}

/// Those of these days, all of one tenant, that are counted by a newer definition. One of which only hours are is put together by whoever is there:
/// it is by the older definition then, and the newer program finds it.
pub(super) async fn days_of_newer(
    clickhouse: &ClickHouse,
    definition: u16,
    days: &[&DayOfNetwork],
) -> Result<BTreeSet<DayOfNetwork>, QueryError> {
    let Some(DayOfNetwork { tenant, .. }) = days.first() else { return Ok(BTreeSet::new()) };
    let newer = [Unit::Day, Unit::NetworkDay].map(|unit| {
        let (table, time) = unit.table();
        format!(
            "SELECT toStartOfDay({time}) AS begin_of_day, remote_network_id FROM {table} FINAL
             WHERE tenant = {{tenant:String}} AND (toStartOfDay({time}), remote_network_id) IN {{keys:Array(Tuple(DateTime('UTC'), UInt64))}}
                 AND definition > {definition}"
        )
    });
    let sql = format!(
        "SELECT DISTINCT toInt64(toUnixTimestamp(begin_of_day)) AS begin, remote_network_id FROM ({})",
        newer.join(" UNION ALL ")
    );
    let keys = days.iter().map(|it| (it.day, it.remote_network.get())).collect();
    let found = of_newer(clickhouse, &sql, tenant, keys, "days").await?;
    let day = |(day, remote_network)| DayOfNetwork { tenant: tenant.clone(), day, remote_network };
    Ok(found.into_iter().map(day).collect())
}

async fn of_newer(
    clickhouse: &ClickHouse,
    sql: &str,
    tenant: &Tenant,
    keys: Vec<(i64, u64)>,
    what: &str,
) -> Result<Vec<(i64, RemoteNetworkId)>, QueryError> {
    let query = exact(clickhouse.reading(sql)).param("tenant", tenant.as_str()).param("keys", keys);
    let found: Vec<(i64, u64)> = clickhouse.within(query.fetch_all()).await?;
    if !found.is_empty() {
        tracing::warn!(%tenant, count = found.len(), what, "some are counted by a newer definition than this program's: they are left to the newer program");
    }
    Ok(found.into_iter().filter_map(|(begin, id)| Some((begin, RemoteNetworkId::new(id)?))).collect())
}
