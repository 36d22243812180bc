//! Names to choose from, as somebody types.

use clickhouse::Row;
use schemas::ids::Tenant;
use schemas::times::Moment;
use serde::Deserialize;
use traffic_query::TrafficFilter;

use super::condition::{END_TIME, condition};
use super::parameters::Parameters;
use super::sources::{Source, uncounted_day};
use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::rollup::{NAMES_TABLE, NameKind, names_since};

/// The most names that are read at once, as [`traffic_query::check_limit`] takes it.
pub const NAMES_MAX: u32 = 1_000;

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Searched {
    /// Remote Networks, by name.
    RemoteNetworks,
    /// Users, by e-mail address.
    Users,
    /// Resources, by the applied rule of the newest connection, or what was asked for where there is none.
    Resources,
    /// Names and addresses that were asked for; each is its own id.
    Addresses,
}

/// An id and its newest name.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct Named {
    /// Id; for addresses the address.
    pub id: String,
    /// Name on the newest connection.
    pub name: String,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// By name.
    pub names: Vec<Named>,
    /// [`Source::Rollup`] where days that are over come from names that were kept.
    pub source: Source,
}

/// Those that had traffic and whose name holds `text` in any case, by name; all where it is empty. `now` decides
/// which days are counted.
///
/// # Errors
/// When ClickHouse refuses or does not answer in time.
pub async fn search(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    searched: Searched,
    text: &str,
    limit: u32,
    now: Moment,
) -> Result<Names, QueryError> {
    let kind = match searched {
        Searched::RemoteNetworks => NameKind::RemoteNetwork,
        Searched::Users => NameKind::User,
        Searched::Resources => NameKind::Resource,
        Searched::Addresses => NameKind::Address,
    };
    let since = names_since(clickhouse, tenant).await?;
    let mut parameters = Parameters::default();
    let of_rows = |from: Moment, to: Moment, parameters: &mut Parameters| {
        let filter = TrafficFilter::default().within(from, to);
        kind.newest(&condition(tenant, &filter, END_TIME, parameters))
    };
    let everything = TrafficFilter::default();
    let (rows, name, source) = match since {
        None => {
            let (id, name) = (kind.id(), kind.name());
            let condition = condition(tenant, &everything, END_TIME, &mut parameters);
            let rows = format!(
                "SELECT toString(assumeNotNull({id})) AS id, end_time, event_id_tail, {name} AS of_row
                 FROM connections WHERE {condition} AND {id} IS NOT NULL"
            );
            (rows, "toString(argMax(of_row, (end_time, event_id_tail)))", Source::Raw)
        }
        Some(since) => {
            let day = uncounted_day(now).max(since);
            let before = of_rows(everything.from, since, &mut parameters);
            let after = of_rows(day, everything.to, &mut parameters);
            let (tenant, word) = (parameters.text(tenant.as_str()), kind.word());
            let kept = format!("SELECT id, newest FROM {NAMES_TABLE} WHERE tenant = {tenant} AND kind = '{word}'");
            let name = if kind == NameKind::Address { "id" } else { "tupleElement(max(newest), 3)" };
            (format!("{before} UNION ALL {after} UNION ALL {kept}"), name, Source::Rollup)
        }
    };
    let text = parameters.text(text);
    let sql = format!(
        "SELECT id, {name} AS name FROM ({rows})
         GROUP BY id HAVING positionCaseInsensitiveUTF8(name, {text}) > 0 OR empty({text})
         ORDER BY name, id LIMIT {limit}"
    );
    let names = clickhouse.within(parameters.query(clickhouse, &sql).fetch_all()).await?;
    Ok(Names { names, source })
}
