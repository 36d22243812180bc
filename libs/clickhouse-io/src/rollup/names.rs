//! Names of what had traffic, for whoever types: of each id the newest. They are taken from the raw rows where days are counted, and
//! are merged by what is newest, so that it does not matter in which order, or how often.

use clickhouse::Row;
use schemas::ids::Tenant;
use schemas::times::Moment;
use serde::Deserialize;

use super::DAY;
use super::days::DayOfNetwork;
use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::pieces::{HOUR, bound, hours_with_rows, together, whole, within};

/// The names.
pub const NAMES_TABLE: &str = "names";
/// From when on they are all there.
const SINCE_TABLE: &str = "names_since";

/// Remote Networks of one statement. Their ids travel in its URL.
const NETWORKS_AT_ONCE: usize = 1_000;

/// Something that has names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameKind {
    RemoteNetwork,
    User,
    Resource,
    /// What was asked for: each is its own name.
    Address,
}

impl NameKind {
    const ALL: [Self; 4] = [Self::RemoteNetwork, Self::User, Self::Resource, Self::Address];

    /// Its word in the table.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::RemoteNetwork => "remote_network",
            Self::User => "user",
            Self::Resource => "resource",
            Self::Address => "address",
        }
    }

    /// The id in a raw row, NULL where there is none.
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::RemoteNetwork => "remote_network_id",
            Self::User => "user_id",
            Self::Resource => "resource_id",
            Self::Address => "nullIf(resource_address, '')",
        }
    }

    /// Its name there.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RemoteNetwork => "remote_network_name",
            Self::User => "user_email",
            Self::Resource => "if(empty(applied_rule), resource_address, applied_rule)",
            Self::Address => "resource_address",
        }
    }

    /// What is compared of a raw row: when it was, the rest of its event id, and the name. Of what is its own name nothing is newer than
    /// something else.
    fn seen(self) -> String {
        match self {
            Self::Address => "(toDateTime64(0, 6, 'UTC'), toFixedString('', 10), '')".to_owned(),
            Self::RemoteNetwork | Self::User | Self::Resource => {
                format!("(end_time, event_id_tail, toString({}))", self.name())
            }
        }
    }

    /// Each id of raw rows with the largest of [`Self::seen`].
    pub(crate) fn newest(self, condition: &str) -> String {
        let (id, seen) = (self.id(), self.seen());
        // Numbers become text when they are few.
        format!(
            "SELECT toString(found) AS id, newest FROM (
                 SELECT assumeNotNull({id}) AS found, max({seen}) AS newest FROM connections
                 WHERE {condition} AND {id} IS NOT NULL GROUP BY found)"
        )
    }
}

/// A name that is kept otherwise than the raw rows have it.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct NameDifference {
    /// What it is of: `remote_network`, `user`, `resource` or `address`.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// When it was seen last, the rest of that event id, and the name, as text; empty where nothing is kept.
    pub kept: String,
    /// The same of the raw rows; empty where none has it.
    pub raw: String,
}

/// Each name of a tenant's raw rows in `[from, to)` with the largest of [`NameKind::seen`]: each row is read once for all kinds.
fn of_rows(more: &str) -> String {
    let named = NameKind::ALL.map(|kind| {
        let (word, id, newest) = (kind.word(), kind.id(), kind.seen());
        format!("('{word}', ifNull(toString({id}), ''), {newest})")
    });
    // The tenant has no alias: by one the condition would hold the parameter against itself, and take every tenant's rows.
    format!(
        "SELECT {{tenant:String}}, named.1 AS kind, named.2 AS id, max(named.3) AS newest
         FROM connections ARRAY JOIN [{}] AS named WHERE {} {more} AND named.2 != '' GROUP BY kind, id",
        named.join(", "),
        within("end_time")
    )
}

/// The statement that adds them.
fn insert(more: &str) -> String {
    format!("INSERT INTO {NAMES_TABLE} (tenant, kind, id, newest) {}", of_rows(more))
}

/// Names that the raw rows of the days that `[from, to)` touches have, and that are not kept, or only older; and names that are kept as of
/// these days, and that no raw row has so: at most `limit`, by kind and id. A day has none before it is over and counted. Of addresses no
/// time is kept: of them only what is missing is told.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn verify_names(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    (from, to): (Moment, Moment),
    limit: u32,
) -> Result<Vec<NameDifference>, QueryError> {
    let (from, to) = whole(from, to, DAY);
    let as_text = |newest: &str| format!("concat(toString({newest}.1), ' ', hex({newest}.2), ' ', {newest}.3)");
    let is_of_these_days = "of_kept.1 >= toDateTime({from:Int64}, 'UTC') AND of_kept.1 < toDateTime({to:Int64}, 'UTC')";
    let sql = format!(
        "SELECT kind, id, if(count_kept = 0, '', {}) AS kept, if(count_raw = 0, '', {}) AS raw
         FROM (
             SELECT kind, id, countIf(is_kept) AS count_kept, countIf(NOT is_kept) AS count_raw,
                 maxIf(newest, is_kept) AS of_kept, maxIf(newest, NOT is_kept) AS of_raw
             FROM (
                 SELECT toString(kind) AS kind, id, newest, true AS is_kept FROM {NAMES_TABLE} WHERE tenant = {{tenant:String}}
                 UNION ALL
                 SELECT kind, id, newest, false FROM ({}))
             GROUP BY kind, id)
         WHERE count_raw > 0 AND (count_kept = 0 OR of_raw > of_kept)
             OR count_kept > 0 AND of_kept > of_raw AND {is_of_these_days}
         ORDER BY kind, id LIMIT {limit}",
        as_text("of_kept"),
        as_text("of_raw"),
        of_rows("")
    );
    clickhouse.within(bound(clickhouse.reading(&sql), tenant, from, to).fetch_all()).await
}

/// Adds the names of days of one tenant.
pub(super) async fn add(clickhouse: &ClickHouse, tenant: &Tenant, days: &[&DayOfNetwork]) -> Result<(), QueryError> {
    let sql = insert("AND remote_network_id IN {networks:Array(UInt64)}");
    for of_day in days.chunk_by(|left, right| left.day == right.day) {
        for some in of_day.chunks(NETWORKS_AT_ONCE) {
            let networks: Vec<u64> = some.iter().map(|it| it.remote_network.get()).collect();
            let day = some[0].day;
            let query = bound(clickhouse.bounded(&sql), tenant, day, day + DAY).param("networks", networks);
            clickhouse.within(query.execute()).await?;
        }
    }
    Ok(())
}

/// Adds the names of all hours that `[from, to)` touches, and notes that they are there, where nothing is left out behind them.
pub(super) async fn add_all(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    (from, to): (Moment, Moment),
) -> Result<(), QueryError> {
    let sql = insert("");
    let since = names_since(clickhouse, tenant).await?;
    let range = whole(from, to, HOUR);
    for hours in together(&hours_with_rows(clickhouse, "connections", tenant, range).await?) {
        let (begin, end) = (hours[0].0, hours[hours.len() - 1].0 + HOUR);
        let query = bound(clickhouse.bounded(&sql), tenant, begin, end);
        clickhouse.within(query.execute()).await?;
    }
    match since {
        Some(since) if since.as_micros() <= to.as_micros() => note(clickhouse, tenant.as_str(), range.0, "true").await,
        _ => Ok(()),
    }
}

/// Notes that names of all tenants are there from the first whole day behind this moment on, where nothing is noted yet: days that were over
/// then and were not counted, or by a program that kept no names, have been counted.
///
/// # Errors
/// When ClickHouse refuses or does not answer; then it may have been done.
pub async fn names_kept_from(clickhouse: &ClickHouse, counted_since: Moment) -> Result<(), QueryError> {
    let day = -(-counted_since.as_micros()).div_euclid(DAY * 1_000_000) * DAY;
    note(clickhouse, "", day, &format!("(SELECT count() FROM {SINCE_TABLE} WHERE tenant = '') = 0")).await
}

/// `tenant`: empty for all.
async fn note(clickhouse: &ClickHouse, tenant: &str, since: i64, condition: &str) -> Result<(), QueryError> {
    let sql = format!(
        "INSERT INTO {SINCE_TABLE} SELECT {{tenant:String}}, toDateTime({{since:Int64}}, 'UTC') WHERE {condition}"
    );
    let since = since.clamp(0, u32::MAX.into());
    let query = clickhouse.bounded(&sql).param("tenant", tenant).param("since", since);
    clickhouse.within(query.execute()).await
}

/// From when on all names are there, of days that are counted; `None` where none are.
pub(crate) async fn names_since(clickhouse: &ClickHouse, tenant: &Tenant) -> Result<Option<Moment>, QueryError> {
    let sql = format!(
        "SELECT toInt64(toUnixTimestamp(min(since))) FROM {SINCE_TABLE} WHERE tenant IN ('', {{tenant:String}})
         HAVING countIf(tenant = '') > 0"
    );
    let query = clickhouse.reading(&sql).param("tenant", tenant.as_str());
    let since: Option<i64> = clickhouse.within(query.fetch_optional()).await?;
    Ok(since.map(|seconds| Moment::from_micros(seconds.saturating_mul(1_000_000))))
}
