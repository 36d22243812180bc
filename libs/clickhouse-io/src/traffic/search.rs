//! Names to choose from, as somebody types.

use clickhouse::Row;
use schemas::ids::Tenant;
use serde::Deserialize;

use super::parameters::Parameters;
use crate::client::ClickHouse;
use crate::error::QueryError;

/// The most names that are read at once.
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

/// Those that had traffic and whose name holds `text` in any case, by name; all where it is empty. At most [`NAMES_MAX`].
///
/// # Errors
/// When ClickHouse refuses or does not answer in time.
pub async fn search(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    searched: Searched,
    text: &str,
    limit: u32,
) -> Result<Vec<Named>, QueryError> {
    let (id, name) = match searched {
        Searched::RemoteNetworks => ("remote_network_id", "remote_network_name"),
        Searched::Users => ("user_id", "user_email"),
        Searched::Resources => ("resource_id", "if(empty(applied_rule), resource_address, applied_rule)"),
        Searched::Addresses => ("nullIf(resource_address, '')", "resource_address"),
    };
    let mut parameters = Parameters::default();
    let (tenant, text) = (parameters.text(tenant.as_str()), parameters.text(text));
    let sql = format!(
        "SELECT toString(assumeNotNull({id})) AS id, toString(argMax({name}, (end_time, event_id_tail))) AS name
         FROM connections WHERE tenant = {tenant} AND {id} IS NOT NULL
         GROUP BY id HAVING positionCaseInsensitiveUTF8(name, {text}) > 0 OR empty({text})
         ORDER BY name, id LIMIT {}",
        limit.min(NAMES_MAX)
    );
    clickhouse.within(parameters.query(clickhouse, &sql).fetch_all()).await
}
