//! Recent connections of a User or a Resource, and names to choose from.

use axum::Json;
use axum::extract::State;
use clickhouse_io::recent::{Named, Of};
use schemas::connection_event::{ConnectionEvent, TunnelPath};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::error::{ErrorBody, Refusal};
use crate::range::rfc3339;
use crate::routes::extract::{UrlId, UrlQuery};
use crate::session::SignedIn;

/// An id and its newest name. Ids are text: they exceed what a browser's numbers hold.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Name {
    id: String,
    name: String,
}

fn names(found: Vec<Named>) -> Vec<Name> {
    found.into_iter().map(|named| Name { id: named.id.to_string(), name: named.name }).collect()
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RemoteNetworks {
    remote_networks: Vec<Name>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Users {
    users: Vec<Name>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Resources {
    resources: Vec<Name>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Connections {
    connections: Vec<Connection>,
}

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct Search {
    /// Part of the name; any case.
    #[serde(default)]
    search: String,
    /// At most so many, up to 1000.
    #[serde(default = "twenty")]
    limit: u32,
}

/// How many.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct Limit {
    /// At most so many, up to 500.
    #[serde(default = "fifty")]
    limit: u32,
}

fn twenty() -> u32 {
    20
}

fn fifty() -> u32 {
    50
}

#[derive(Debug, Serialize, ToSchema)]
struct User {
    id: String,
    email: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct ServiceAccount {
    id: String,
    name: String,
    key: String,
    key_id: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Resource {
    id: String,
    address: String,
    applied_rule: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct Relay {
    name: String,
    ip: Option<String>,
    port: Option<u16>,
}

/// One connection that ended, failed or was denied. Times are UTC.
#[derive(Debug, Serialize, ToSchema)]
struct Connection {
    event_id: String,
    start_time: String,
    end_time: String,
    duration_ms: i64,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_account: Option<ServiceAccount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_ip: Option<String>,
    connector: Name,
    remote_network: Name,
    resource: Resource,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_port: Option<u16>,
    protocol: &'static str,
    connection_type: &'static str,
    bytes_transferred: u64,
    bytes_received: u64,
    relays: Vec<Relay>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
}

impl From<ConnectionEvent> for Connection {
    fn from(event: ConnectionEvent) -> Self {
        let relay = |relay: schemas::connection_event::Relay| Relay {
            name: relay.name,
            ip: relay.ip.map(|ip| ip.to_string()),
            port: Some(relay.port).filter(|port| *port != 0),
        };
        Self {
            status: event.status().map_or("", |status| status.report_name()),
            event_id: event.event_id.to_string(),
            start_time: rfc3339(event.start_time),
            end_time: rfc3339(event.end_time),
            duration_ms: (event.end_time.as_micros() - event.start_time.as_micros()) / 1000,
            user: event.user.map(|user| User { id: user.id.to_string(), email: user.email }),
            service_account: event.service_account.map(|account| ServiceAccount {
                id: account.id.to_string(),
                name: account.name,
                key: account.key,
                key_id: account.key_id.map(|id| id.to_string()),
            }),
            device_id: event.device_id.map(|id| id.to_string()),
            client_ip: event.client_ip.map(|ip| ip.to_string()),
            connector: Name { id: event.connector_id.to_string(), name: event.connector_name },
            remote_network: Name { id: event.remote_network_id.to_string(), name: event.remote_network_name },
            resource: Resource {
                id: event.resource_id.to_string(),
                address: event.resource_address,
                applied_rule: event.applied_rule,
            },
            resource_ip: event.resource_ip.map(|ip| ip.to_string()),
            resource_port: Some(event.resource_port).filter(|port| *port != 0),
            protocol: event.protocol.name(),
            connection_type: if event.tunnel_path == TunnelPath::Direct { "direct" } else { "relay" },
            bytes_transferred: event.bytes_transferred,
            bytes_received: event.bytes_received,
            relays: event.relays.into_iter().map(relay).collect(),
            error_message: Some(event.error_message).filter(|message| !message.is_empty()),
        }
    }
}

/// Remote Networks that had traffic.
#[utoipa::path(get, path = "/api/v1/remote-networks", responses(
    (status = 200, body = RemoteNetworks), (status = 401, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn remote_networks(
    State(app): State<App>,
    signed_in: SignedIn,
) -> Result<Json<RemoteNetworks>, Refusal> {
    let found = app.outside.remote_networks(&signed_in.tenant).await?;
    Ok(Json(RemoteNetworks { remote_networks: names(found) }))
}

/// Users that had traffic.
#[utoipa::path(get, path = "/api/v1/users", params(Search), responses(
    (status = 200, body = Users), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn users(
    State(app): State<App>,
    signed_in: SignedIn,
    UrlQuery(search): UrlQuery<Search>,
) -> Result<Json<Users>, Refusal> {
    let found = app.outside.users(&signed_in.tenant, &search.search, search.limit).await?;
    Ok(Json(Users { users: names(found) }))
}

/// Resources that had traffic.
#[utoipa::path(get, path = "/api/v1/resources", params(Search), responses(
    (status = 200, body = Resources), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn resources(
    State(app): State<App>,
    signed_in: SignedIn,
    UrlQuery(search): UrlQuery<Search>,
) -> Result<Json<Resources>, Refusal> {
    let found = app.outside.resources(&signed_in.tenant, &search.search, search.limit).await?;
    Ok(Json(Resources { resources: names(found) }))
}

/// Recent connections of a User, newest first.
#[utoipa::path(get, path = "/api/v1/users/{id}/connections", params(("id" = String, Path), Limit), responses(
    (status = 200, body = Connections), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn user_connections(
    State(app): State<App>,
    signed_in: SignedIn,
    UrlId(id): UrlId,
    UrlQuery(limit): UrlQuery<Limit>,
) -> Result<Json<Connections>, Refusal> {
    let id = id.parse().map_err(|_| Refusal::Field("id", "is not a number".to_owned()))?;
    connections(&app, &signed_in, Of::User(id), limit.limit).await
}

/// Recent connections of a Resource, newest first.
#[utoipa::path(get, path = "/api/v1/resources/{id}/connections", params(("id" = String, Path), Limit), responses(
    (status = 200, body = Connections), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn resource_connections(
    State(app): State<App>,
    signed_in: SignedIn,
    UrlId(id): UrlId,
    UrlQuery(limit): UrlQuery<Limit>,
) -> Result<Json<Connections>, Refusal> {
    let id = id.parse().map_err(|_| Refusal::Field("id", "is not a number".to_owned()))?;
    connections(&app, &signed_in, Of::Resource(id), limit.limit).await
}

async fn connections(app: &App, signed_in: &SignedIn, of: Of, limit: u32) -> Result<Json<Connections>, Refusal> {
    let found = app.outside.connections(&signed_in.tenant, of, limit).await?;
    Ok(Json(Connections { connections: found.into_iter().map(Connection::from).collect() }))
}
