//! What was counted by an older definition is found, and made anew as a rebuild makes it: beside the live one, and put in its place at once.

use clickhouse::Row;
use schemas::ids::Tenant;
use schemas::times::Moment;
use serde::Deserialize;

use super::definitions::exact;
use super::rebuild::{BUILT, TABLES, rebuild};
use super::{DAYS_TABLE, HOURS_TABLE, NETWORK_DAYS_TABLE, Unit};
use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::pieces::{DAY, hours_with_rows};

/// The first of all definitions: nothing was counted by an older one.
const FIRST: u16 = 1;

/// A UTC month of a tenant in which something is counted by an older definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutdatedMonth {
    tenant: Tenant,
    /// As digits: 202611.
    month: u32,
}

impl OutdatedMonth {
    /// Of this tenant, the month as digits: 202611.
    #[must_use]
    pub fn new(tenant: Tenant, month: u32) -> Self {
        Self { tenant, month }
    }

    /// Whose month it is.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Year and month as digits.
    #[must_use]
    pub fn month(&self) -> u32 {
        self.month
    }
}

/// What is counted by an older definition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outdated {
    /// How many UTC days of tenants.
    pub days: u64,
    /// The months that they lie in, the newest first.
    pub months: Vec<OutdatedMonth>,
}

/// What became of a turn of [`renew`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// A rebuild goes on, somebody else's: nothing was done.
    ByAnother,
    /// It was done.
    Done {
        /// Days that are counted anew.
        days: u64,
        /// Days of the month that still are counted by an older definition.
        left: u64,
    },
}

#[derive(Row, Deserialize)]
struct Found {
    tenant: String,
    days: u64,
}

/// What is counted by an older definition than this one, of all tenants. Asked month by month: together it reads all keys of what was counted by
/// an older one or is not merged yet, and nothing where there is nothing of the kind.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn outdated(clickhouse: &ClickHouse, definition: u16) -> Result<Outdated, QueryError> {
    let mut outdated = Outdated::default();
    if definition <= FIRST {
        return Ok(outdated);
    }
    let months = format!(
        "SELECT DISTINCT toUInt32OrZero(partition) AS number FROM system.parts
         WHERE database = currentDatabase() AND table IN ('{HOURS_TABLE}', '{DAYS_TABLE}', '{NETWORK_DAYS_TABLE}') AND active
         ORDER BY number DESC"
    );
    let months: Vec<u32> = clickhouse.within(clickhouse.reading(&months).fetch_all()).await?;
    let is_of_month = |unit: Unit| format!("toYYYYMM({}) = {{month:UInt32}}", unit.table().1);
    let sql = format!(
        "SELECT toString(whose) AS tenant, uniqExact(begin_of_day) AS days FROM ({}) GROUP BY whose ORDER BY tenant",
        older(definition, is_of_month)
    );
    for month in months {
        let query = exact(clickhouse.reading(&sql)).param("month", month);
        for Found { tenant, days } in clickhouse.within(query.fetch_all::<Found>()).await? {
            let Ok(tenant) = tenant.parse() else { continue };
            outdated.days += days;
            outdated.months.push(OutdatedMonth { tenant, month });
        }
    }
    Ok(outdated)
}

/// Counts days of a month anew that are counted by an older definition: the newest, as many as have no more than so many raw rows together, at
/// least one. Hours that are counted meanwhile stay, as in each rebuild. Where a rebuild of somebody else goes on nothing is done: one at a
/// time, but for two that begin in the same moment and do no harm to each other.
///
/// # Errors
/// When ClickHouse refuses or does not answer; then it may have been done, or some of it.
pub async fn renew(
    clickhouse: &ClickHouse,
    definition: u16,
    month: &OutdatedMonth,
    rows_max: u64,
) -> Result<Renewal, QueryError> {
    // One that was killed holds up others no longer than this.
    let others = format!("SELECT count() {TABLES} AND metadata_modification_time > now() - toIntervalMinute(10)");
    if clickhouse.within(clickhouse.reading(&others).fetch_one::<u64>()).await? > 0 {
        return Ok(Renewal::ByAnother);
    }
    let tenant = &month.tenant;
    let days = outdated_days(clickhouse, definition, month).await?;
    let Some(last) = days.last().copied() else { return Ok(Renewal::Done { days: 0, left: 0 }) };
    let (mut from, mut rows) = (last + DAY, 0);
    for day in days.iter().rev() {
        let hours = hours_with_rows(clickhouse, "connections", tenant, (*day, from)).await?;
        rows += hours.iter().map(|(_, count)| count).sum::<u64>();
        if *day < last && rows > rows_max {
            break;
        }
        from = *day;
    }
    let moment = |seconds: i64| Moment::from_micros(seconds * 1_000_000);
    rebuild(clickhouse, definition, tenant, (moment(from), moment(last + DAY)), |_, _| {}).await?;
    let left = days.iter().filter(|day| **day < from).count();
    Ok(Renewal::Done { days: (days.len() - left) as u64, left: left as u64 })
}

/// Days of a tenant's month of which anything is counted by an older definition, in order.
async fn outdated_days(
    clickhouse: &ClickHouse,
    definition: u16,
    month: &OutdatedMonth,
) -> Result<Vec<i64>, QueryError> {
    let is_of_month =
        |unit: Unit| format!("tenant = {{tenant:String}} AND toYYYYMM({}) = {{month:UInt32}}", unit.table().1);
    let sql = format!(
        "SELECT DISTINCT toInt64(toUnixTimestamp(begin_of_day)) AS begin FROM ({}) ORDER BY begin",
        older(definition, is_of_month)
    );
    let query = exact(clickhouse.reading(&sql)).param("tenant", month.tenant.as_str()).param("month", month.month);
    clickhouse.within(query.fetch_all()).await
}

/// Tenants and days of rows that count something by an older definition. What was replaced and is not merged away yet is looked for first, without
/// its groups: only days of it are read with `FINAL`.
fn older(definition: u16, condition: impl Fn(Unit) -> String) -> String {
    let of_unit = |unit: Unit| {
        let ((table, time), is_something) = (unit.table(), unit.is_something());
        // A day that goes on is not built: what an older program left of it, should there be one again, would not be all of it.
        let condition = format!("{} AND {time} < toStartOfDay(now('UTC') - toIntervalHour(2))", condition(unit));
        format!(
            "SELECT tenant AS whose, toStartOfDay({time}) AS begin_of_day FROM {table} FINAL
             WHERE {condition} AND (tenant, toStartOfDay({time})) IN (
                     SELECT DISTINCT tenant, toStartOfDay({time}) FROM {table} WHERE {condition} AND definition < {definition})
                 AND definition < {definition} AND {is_something}"
        )
    };
    BUILT.map(of_unit).join(" UNION ALL ")
}
