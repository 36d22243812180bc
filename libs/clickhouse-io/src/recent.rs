//! What pages show: recent connections of a User or a Resource, and names to choose from.

use clickhouse::Row;
use schemas::connection_event::ConnectionEvent;
use schemas::ids::{ResourceId, Tenant, UserId};
use serde::Deserialize;

use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::rows::ConnectionRow;

/// The most connections that are read at once.
pub const CONNECTIONS_MAX: u32 = 500;
/// The most names that are read at once.
pub const NAMES_MAX: u32 = 1_000;

/// Whose connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Of a User.
    User(UserId),
    /// Of a Resource.
    Resource(ResourceId),
}

/// An id and its newest name.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct Named {
    /// Id.
    pub id: u64,
    /// Name on the newest connection.
    pub name: String,
}

/// The newest connections that ended, failed or were denied, newest first, each fact once; at most [`CONNECTIONS_MAX`].
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn connections(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    of: Of,
    limit: u32,
) -> Result<Vec<ConnectionEvent>, QueryError> {
    let (column, id) = match of {
        Of::User(id) => ("user_id", id.get()),
        Of::Resource(id) => ("resource_id", id.get()),
    };
    let sql = format!(
        "SELECT {} FROM connections WHERE tenant = {{tenant:String}} AND {column} = {{id:UInt64}}
         ORDER BY end_time DESC, event_id_tail DESC, _kafka_source, _kafka_partition, _kafka_offset
         LIMIT 1 BY end_time, event_id_tail LIMIT {{limit:UInt32}}",
        ConnectionRow::COLUMN_NAMES.join(", ")
    );
    let query = clickhouse
        .client
        .query_raw(&sql)
        .param("tenant", tenant.as_str())
        .param("id", id)
        .param("limit", limit.min(CONNECTIONS_MAX));
    let rows: Vec<ConnectionRow> = clickhouse.within(query.fetch_all()).await?;
    rows.into_iter().map(ConnectionRow::into_event).collect()
}

/// Remote Networks that had traffic, by name.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn remote_networks(clickhouse: &ClickHouse, tenant: &Tenant) -> Result<Vec<Named>, QueryError> {
    named(clickhouse, tenant, ("remote_network_id", "remote_network_name"), "", NAMES_MAX).await
}

/// Users that had traffic and whose e-mail address holds `search`, by address.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn users(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    search: &str,
    limit: u32,
) -> Result<Vec<Named>, QueryError> {
    named(clickhouse, tenant, ("user_id", "user_email"), search, limit).await
}

/// Resources that had traffic and whose name holds `search`, by name: the applied rule of the newest connection, or what was
/// asked for where there is none.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn resources(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    search: &str,
    limit: u32,
) -> Result<Vec<Named>, QueryError> {
    let name = "if(empty(applied_rule), resource_address, applied_rule)";
    named(clickhouse, tenant, ("resource_id", name), search, limit).await
}

async fn named(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    (id, name): (&str, &str),
    search: &str,
    limit: u32,
) -> Result<Vec<Named>, QueryError> {
    let sql = format!(
        "SELECT assumeNotNull({id}) AS id, argMax({name}, (end_time, event_id_tail)) AS name
         FROM connections WHERE tenant = {{tenant:String}} AND {id} IS NOT NULL
         GROUP BY id HAVING positionCaseInsensitiveUTF8(name, {{search:String}}) > 0 OR empty({{search:String}})
         ORDER BY name, id LIMIT {{limit:UInt32}}"
    );
    let query = clickhouse
        .client
        .query_raw(&sql)
        .param("tenant", tenant.as_str())
        .param("search", search)
        .param("limit", limit.min(NAMES_MAX));
    clickhouse.within(query.fetch_all()).await
}
