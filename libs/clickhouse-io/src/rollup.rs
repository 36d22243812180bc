//! The roll-ups: hours that are counted from the raw rows, days that are put together from hours, minutes that name the offsets they
//! were counted from, and days of Remote Networks with what merges but is no sum.

mod by_pieces;
mod check;
mod days;
mod days_counted;
mod definitions;
mod minute_columns;
mod minutes;
mod names;
mod network_days;
mod rebuild;
mod renew;
mod seal;

use std::collections::BTreeSet;

use schemas::ids::{RemoteNetworkId, Tenant};
use schemas::times::Moment;

use crate::client::ClickHouse;
use crate::error::QueryError;
pub use crate::pieces::ROWS_AT_ONCE;
use crate::pieces::{DAY, HOUR};
use crate::traffic::condition::is_dns_error;

pub use self::by_pieces::count_and_seal;
pub use self::days::{DayOfNetwork, NotesReach, count_and_seal_days, count_days, seal_days, unsealed_days};
pub(crate) use self::days_counted::days_counted;
pub use self::days_counted::note_days_counted;
pub(crate) use self::seal::hours_behind;
pub use self::seal::{IN_FLIGHT, Reach, UnsealedHour, seal, server_time, unsealed};
pub use check::{Difference, verify};
pub(crate) use definitions::hours_of_another;
pub use definitions::{Definitions, definitions};
pub use minute_columns::{MinuteColumns, MinuteCounts, MinuteKey};
pub use minutes::{MINUTES_TABLE, counted_offsets, highest_counted, insert_minutes, keep_minutes};
pub use names::{NAMES_TABLE, NameDifference, names_kept_from, verify_names};
pub(crate) use names::{NameKind, names_since};
pub use network_days::{DURATION_ERROR, FREQUENT_MAX, SET_MAX};
pub(crate) use network_days::{
    HAS_CONNECTIONS, IS_CUT, NO_ADDRESS, counted as counted_of_network, distinct, each_address, quantile,
};
pub use rebuild::{Rebuild, rebuild};
pub use renew::{Outdated, OutdatedMonth, Renewal, outdated, renew};

/// By which definition hours, days and days of Remote Networks are counted here. Raised by one with each change of what they count; each row
/// has that of the program that wrote it, and what lies below is counted anew (docs/traffic.md, *Changing a roll-up*).
pub const DEFINITION: u16 = 1;

/// The roll-up by hour.
pub const HOURS_TABLE: &str = "connections_by_hour";
/// The roll-up by day.
pub const DAYS_TABLE: &str = "connections_by_day";
/// The roll-up by day and Remote Network alone.
pub const NETWORK_DAYS_TABLE: &str = "network_days";

/// What a roll-up counts by. All begin at whole units of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// `connections_by_minute`.
    Minute,
    /// `connections_by_hour`.
    Hour,
    /// `connections_by_day`.
    Day,
    /// `network_days`.
    NetworkDay,
}

impl Unit {
    /// Its table, and the column that holds its beginning.
    pub(crate) const fn table(self) -> (&'static str, &'static str) {
        match self {
            Self::Minute => (MINUTES_TABLE, "minute"),
            Self::Hour => (HOURS_TABLE, "hour"),
            Self::Day => (DAYS_TABLE, "day"),
            Self::NetworkDay => (NETWORK_DAYS_TABLE, "day"),
        }
    }

    pub(crate) const fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::Hour => HOUR,
            Self::Day | Self::NetworkDay => DAY,
        }
    }

    /// The beginning of the unit that a time lies in, in SQL.
    fn begin(self, time: &str) -> String {
        match self {
            Self::Minute => format!("toStartOfMinute({time})"),
            Self::Hour => format!("toStartOfHour({time})"),
            Self::Day | Self::NetworkDay => format!("toStartOfDay({time})"),
        }
    }

    /// What names a group.
    fn keys(self) -> String {
        let (_, time) = self.table();
        match self.names() {
            "" => format!("tenant, {time}, remote_network_id"),
            names => format!("tenant, {time}, remote_network_id, {names}"),
        }
    }

    /// What names a group, beside tenant, time and Remote Network.
    const fn names(self) -> &'static str {
        match self {
            Self::Minute | Self::Hour | Self::Day => NAMES,
            Self::NetworkDay => "",
        }
    }

    /// What is counted of it.
    const fn counts(self) -> &'static str {
        match self {
            Self::Minute | Self::Hour | Self::Day => COUNTS,
            Self::NetworkDay => network_days::COUNTS,
        }
    }

    /// The counts of a group that nothing is left of,
    const fn nothing(self) -> &'static str {
        match self {
            Self::Minute | Self::Hour | Self::Day => "0, 0, 0, 0, 0, 0",
            Self::NetworkDay => "[], [], [], [], [], []",
        }
    }

    /// and what is true of all others.
    const fn is_something(self) -> &'static str {
        match self {
            Self::Minute | Self::Hour | Self::Day => "succeeded + failed_dns + failed_other + denied > 0",
            Self::NetworkDay => "notEmpty(addresses)",
        }
    }
}

/// Hours of one statement. Their keys travel in its URL, which some servers and proxies cut at 64 kB.
const HOURS_AT_ONCE: usize = 500;

/// One hour of one Remote Network of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HourOfNetwork {
    tenant: Tenant,
    /// Unix time of its beginning, seconds.
    hour: i64,
    remote_network: RemoteNetworkId,
}

impl HourOfNetwork {
    /// The hour that an end time lies in.
    #[must_use]
    pub fn of(tenant: Tenant, end_time: Moment, remote_network: RemoteNetworkId) -> Self {
        let hour = end_time.as_micros().div_euclid(HOUR * 1_000_000) * HOUR;
        Self { tenant, hour, remote_network }
    }
}

/// Counts the groups of these hours anew, and marks them as counted by this definition. Done again, or by two at once, it gives the same. What is
/// not stored yet is not in it.
///
/// # Errors
/// When ClickHouse refuses or does not answer; then it may have been done, or some of it.
pub async fn count_again(
    clickhouse: &ClickHouse,
    definition: u16,
    hours: &BTreeSet<HourOfNetwork>,
) -> Result<(), QueryError> {
    let hours: Vec<&HourOfNetwork> = hours.iter().collect();
    for of_tenant in hours.chunk_by(|left, right| left.tenant == right.tenant) {
        for some in of_tenant.chunks(HOURS_AT_ONCE) {
            count_some(clickhouse, definition, &some[0].tenant, some).await?;
        }
    }
    Ok(())
}

/// Counts hours of one tenant.
async fn count_some(
    clickhouse: &ClickHouse,
    definition: u16,
    tenant: &Tenant,
    hours: &[&HourOfNetwork],
) -> Result<(), QueryError> {
    let keys = hours.iter().map(|it| (it.hour, it.remote_network.get())).collect();
    count_from_raw(clickhouse, definition, Unit::Hour, tenant, keys).await
}

/// Hours of days of Remote Networks, as keys of statements: no more of each than others have.
fn keys_of_days(days: &[&DayOfNetwork]) -> impl Iterator<Item = Vec<(i64, u64)>> {
    let hours = |it: &&DayOfNetwork| {
        let (day, network) = (it.day, it.remote_network.get());
        (0..DAY / HOUR).map(move |hour| (day + hour * HOUR, network))
    };
    days.chunks(HOURS_AT_ONCE / 24).map(move |some| some.iter().flat_map(hours).collect())
}

/// Counts groups of one tenant that lie in these hours of Remote Networks, whole units of them.
async fn count_from_raw(
    clickhouse: &ClickHouse,
    definition: u16,
    unit: Unit,
    tenant: &Tenant,
    keys: Vec<(i64, u64)>,
) -> Result<(), QueryError> {
    // The keys are a set over the table's own key and partition: only what they name is read.
    let sql = insert_counted(
        unit,
        &counted(
            unit,
            "tenant = {tenant:String}
             AND (toStartOfHour(end_time), remote_network_id) IN {keys:Array(Tuple(DateTime('UTC'), UInt64))}",
        ),
        &definition.to_string(),
    );
    let query = clickhouse
        .bounded(&sql)
        .with_setting("max_partitions_per_insert_block", "0")
        .param("tenant", tenant.as_str())
        .param("keys", keys);
    clickhouse.within(query.execute()).await
}

/// What names a group of a roll-up of sums.
const NAMES: &str = "user_id, service_account_id, resource_id, connector_id, protocol, tunnel_path, country";
/// What is counted of it.
const COUNTS: &str = "succeeded, failed_dns, failed_other, denied, bytes_received, bytes_transferred";

/// Writes groups with their definition, and with a version: a constant of the query, taken when it begins, so that who began later has seen at
/// least as much.
fn insert_counted(unit: Unit, groups: &str, definition: &str) -> String {
    let ((table, _), keys, counts) = (unit.table(), unit.keys(), unit.counts());
    format!(
        "INSERT INTO {table} ({keys}, {counts}, definition, version)
         SELECT {keys}, {counts}, toUInt16({definition}), toUInt64(toUnixTimestamp64Nano(now64(9))) FROM ({groups})"
    )
}

/// The groups of raw rows, each fact once.
fn counted(unit: Unit, condition: &str) -> String {
    let (keys, time) = (unit.keys(), format!("{} AS {}", unit.begin("end_time"), unit.table().1));
    let counts = match unit {
        Unit::Minute | Unit::Hour | Unit::Day => {
            "countIf(event_type = 'closed_connection') AS succeeded, countIf(is_dns) AS failed_dns,
             countIf(event_type = 'failed_to_connect' AND NOT is_dns) AS failed_other,
             countIf(event_type = 'denied_access') AS denied,
             sumIf(toUInt128(received), event_type = 'closed_connection') AS bytes_received,
             sumIf(toUInt128(transferred), event_type = 'closed_connection') AS bytes_transferred"
                .to_owned()
        }
        Unit::NetworkDay => network_days::counted(),
    };
    format!("SELECT {keys}, {counts} FROM ({}) GROUP BY {keys}", facts(&time, condition))
}

/// The same groups put together from rows of a finer roll-up; `rows` is what stands behind FROM, with its condition, and `more` what stands behind
/// the counts.
fn put_together(unit: Unit, time: &str, rows: &str, more: &str) -> String {
    let (_, name) = unit.table();
    format!(
        "SELECT tenant, {time} AS {name}, remote_network_id, {NAMES}, sum(succeeded) AS succeeded, sum(failed_dns) AS failed_dns,
             sum(failed_other) AS failed_other, sum(denied) AS denied, sum(bytes_received) AS bytes_received,
             sum(bytes_transferred) AS bytes_transferred{more}
         FROM {rows} GROUP BY {}",
        unit.keys()
    )
}

/// The column of [`days_from_hours`] that says by which definition a day is counted.
const DAY_DEFINITION: &str = "oldest";

/// Days from hours; `hours` is what stands behind FROM. A day is counted by the oldest definition of its hours, and by none that is newer than
/// this one.
fn days_from_hours(definition: u16, hours: &str) -> String {
    let of_hours = format!(
        "(SELECT *, if({}, least(definition, {definition}), {definition}) AS of_hour FROM {hours})",
        Unit::Hour.is_something()
    );
    put_together(Unit::Day, "toStartOfDay(hour)", &of_hours, &format!(", min(of_hour) AS {DAY_DEFINITION}"))
}

/// Rows of `connections`, each fact once: of copies the one with the lowest (partition, offset).
fn facts(time: &str, condition: &str) -> String {
    format!(
        "SELECT tenant, {time}, remote_network_id, user_id, service_account_id, resource_id, connector_id, protocol,
             tunnel_path, country, event_type, bytes_received AS received, bytes_transferred AS transferred, end_time,
             duration_us, device_id, client_ip, resource_address,
             {} AS is_dns
         FROM connections WHERE {condition}
         ORDER BY _kafka_source, _kafka_partition, _kafka_offset
         LIMIT 1 BY tenant, toUnixTimestamp64Milli(end_time), event_id_tail",
        is_dns_error()
    )
}
