//! A tenant's traffic: connections, and how many of what. Every question takes the same filter.

mod connection;
pub(crate) mod insights;
pub(crate) mod names;
mod open_connections;
pub(crate) mod url;

use axum::Json;
use axum::extract::State;
use clickhouse_io::traffic::{OPEN_MAX, Open, PAGE_MAX, Source, check_open};
use schemas::connection_event::ConnectionEvent;
use serde::Serialize;
use traffic_query::time_range::rfc3339;
use traffic_query::{Bucket, Dimension, Field, Measure, SeriesQuery, TopQuery, TrafficFilter};
use utoipa::ToSchema;

use crate::app::App;
use crate::error::{ErrorBody, Refusal};
use crate::networks::{Network, NetworkEdition, Networks};
use crate::routes::extract::UrlId;
use crate::routes::traffic::connection::Connection;
use crate::routes::traffic::open_connections::OpenConnections;
use crate::routes::traffic::url::TrafficUrl;
use crate::session::SignedIn;

/// An event as the API gives it.
#[must_use]
pub fn connection_json(event: ConnectionEvent, networks: &Networks) -> serde_json::Value {
    // Made of texts and numbers.
    serde_json::to_value(Connection::new(event, networks)).unwrap_or_default()
}

/// Open connections as the API gives them.
#[must_use]
pub fn open_json(open: Open, networks: &Networks) -> serde_json::Value {
    serde_json::to_value(OpenConnections::new(open, networks)).unwrap_or_default()
}

/// Connections of a page, where nothing else is said.
const PAGE: u32 = 50;
/// Groups of an answer, where nothing else is said.
const GROUPS: u32 = 10;
/// Dimensions whose values are counted at once.
const FACETS_MAX: usize = 14;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Connections {
    /// Newest first.
    connections: Vec<Connection>,
    /// For `before` of the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// Where networks of clients come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_networks: Option<NetworkEdition>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Events {
    /// Of one connection, the oldest first.
    events: Vec<Connection>,
    /// Where networks of clients come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_networks: Option<NetworkEdition>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Group {
    /// Absent for all other groups together.
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_network: Option<Network>,
    /// By measure.
    #[schema(value_type = Vec<u64>)]
    values: Vec<u128>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Groups {
    by: Vec<&'static str>,
    measures: Vec<&'static str>,
    /// Most of the first measure first; all others last.
    groups: Vec<Group>,
    /// `raw`, `rollup` or `sketches`.
    source: &'static str,
    /// Where networks of clients come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_networks: Option<NetworkEdition>,
    /// By how many hundredths of itself a duration may be wrong; absent where all are exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_error_percent: Option<f64>,
    /// Of addresses: how many connections may be missing at most in a number that is shown, and by how many an address that is not may be above
    /// the last that is; absent where all are exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    connections_missing_max: Option<u64>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Line {
    /// Absent for all other groups together.
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_network: Option<Network>,
    /// By bucket, then by measure.
    #[schema(value_type = Vec<Vec<u64>>)]
    values: Vec<Vec<u128>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Series {
    split: Vec<&'static str>,
    measures: Vec<&'static str>,
    /// Beginnings of the buckets; the first may lie before the range.
    starts: Vec<String>,
    series: Vec<Line>,
    /// `raw`, `rollup` or `sketches`.
    source: &'static str,
    /// Where networks of clients come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_networks: Option<NetworkEdition>,
    /// By how many hundredths of itself a duration may be wrong; absent where all are exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_error_percent: Option<f64>,
    /// Of addresses: how many connections may be missing at most in a number that is shown, and by how many an address that is not may be above
    /// the last that is; absent where all are exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    connections_missing_max: Option<u64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Facets {
    facets: Vec<Groups>,
}

/// Connections that ended, failed or were denied, newest first, a page at a time. Takes every field of the filter.
#[utoipa::path(get, path = "/api/v1/traffic/connections",
    params(("before" = Option<String>, Query, description = "`next` of the page before"),
           ("limit" = Option<u32>, Query, description = "At most so many, 1 to 500")),
    responses((status = 200, body = Connections), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
              (status = 503, body = ErrorBody)))]
pub(crate) async fn connections(
    State(app): State<App>,
    signed_in: SignedIn,
    url: TrafficUrl,
) -> Result<Json<Connections>, Refusal> {
    page(&app, &signed_in, &url, &[], |filter| filter).await
}

/// Connections of a User. Takes every field of the filter but `users` and `service_accounts`.
#[utoipa::path(get, path = "/api/v1/users/{id}/connections",
    params(("id" = String, Path), ("before" = Option<String>, Query),
           ("limit" = Option<u32>, Query, description = "At most so many, 1 to 500")),
    responses((status = 200, body = Connections), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
              (status = 503, body = ErrorBody)))]
pub(crate) async fn user_connections(
    State(app): State<App>,
    signed_in: SignedIn,
    UrlId(id): UrlId,
    url: TrafficUrl,
) -> Result<Json<Connections>, Refusal> {
    let id = id.parse().map_err(|_| Refusal::field("id", "is not a number"))?;
    let decided = [Field::Users, Field::ServiceAccounts];
    page(&app, &signed_in, &url, &decided, |filter| TrafficFilter { users: [id].into(), ..filter }).await
}

/// Connections of a Resource. Takes every field of the filter but `resources`.
#[utoipa::path(get, path = "/api/v1/resources/{id}/connections",
    params(("id" = String, Path), ("before" = Option<String>, Query),
           ("limit" = Option<u32>, Query, description = "At most so many, 1 to 500")),
    responses((status = 200, body = Connections), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
              (status = 503, body = ErrorBody)))]
pub(crate) async fn resource_connections(
    State(app): State<App>,
    signed_in: SignedIn,
    UrlId(id): UrlId,
    url: TrafficUrl,
) -> Result<Json<Connections>, Refusal> {
    let id = id.parse().map_err(|_| Refusal::field("id", "is not a number"))?;
    page(&app, &signed_in, &url, &[Field::Resources], |filter| TrafficFilter { resources: [id].into(), ..filter }).await
}

/// A page of connections; fields that the path decides must not be given.
async fn page(
    app: &App,
    signed_in: &SignedIn,
    url: &TrafficUrl,
    decided: &[Field],
    of: impl FnOnce(TrafficFilter) -> TrafficFilter + Send,
) -> Result<Json<Connections>, Refusal> {
    let filter = url.filter(&["before", "limit"])?;
    if let Some(field) = decided.iter().find(|it| filter.narrows(**it)) {
        return Err(Refusal::field(field.name(), "is decided by the path"));
    }
    let filter = of(filter);
    let before = match url.one("before")? {
        Some(text) => Some(text.parse().map_err(|_| Refusal::field("before", "is not the next of a page"))?),
        None => None,
    };
    let found = app.outside.recent(&signed_in.tenant, &filter, before, url.limit(PAGE, PAGE_MAX)?).await?;
    Ok(Json(Connections {
        connections: found.connections.into_iter().map(|it| Connection::new(it, &app.networks)).collect(),
        next: found.next.map(|next| next.to_string()),
        client_networks: app.networks.source(),
    }))
}

/// One connection with all its events; `id` is the event id of any of them.
#[utoipa::path(get, path = "/api/v1/traffic/connections/{id}", params(("id" = String, Path)),
    responses((status = 200, body = Events), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody),
              (status = 503, body = ErrorBody)))]
pub(crate) async fn connection(
    State(app): State<App>,
    signed_in: SignedIn,
    UrlId(id): UrlId,
) -> Result<Json<Events>, Refusal> {
    let id = id.parse().map_err(|_| Refusal::NotFound)?;
    let events = app.outside.connection(&signed_in.tenant, id).await?;
    if events.is_empty() {
        return Err(Refusal::NotFound);
    }
    let events = events.into_iter().map(|it| Connection::new(it, &app.networks)).collect();
    Ok(Json(Events { events, client_networks: app.networks.source() }))
}

/// Connections that are open now, those opened last first. Takes the fields of the filter that are known of a connection while it is
/// open; the range is that of the opening.
#[utoipa::path(get, path = "/api/v1/traffic/open",
    params(("limit" = Option<u32>, Query, description = "At most so many, 1 to 10000")),
    responses((status = 200, body = OpenConnections), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
              (status = 503, body = ErrorBody)))]
pub(crate) async fn open(
    State(app): State<App>,
    signed_in: SignedIn,
    url: TrafficUrl,
) -> Result<Json<OpenConnections>, Refusal> {
    let filter = url.filter(&["limit"])?;
    check_open(&filter)?;
    let found = app.outside.open(&signed_in.tenant, &filter, url.limit(PAGE, OPEN_MAX)?).await?;
    Ok(Json(OpenConnections::new(found, &app.networks)))
}

/// Measures over time, split by up to two dimensions. Takes every field of the filter; days are those of its zone.
#[utoipa::path(get, path = "/api/v1/traffic/series",
    params(("bucket" = Option<String>, Query, description = "minute, hour, day, week or month; by the range where it is absent"),
           ("split" = Option<Vec<String>>, Query, description = "Dimensions, at most two"),
           ("measures" = Option<Vec<String>>, Query, description = "connections where it is absent"),
           ("limit" = Option<u32>, Query, description = "Series beside that of all others, 1 to 100")),
    responses((status = 200, body = Series), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
              (status = 503, body = ErrorBody)))]
pub(crate) async fn series(
    State(app): State<App>,
    signed_in: SignedIn,
    url: TrafficUrl,
) -> Result<Json<Series>, Refusal> {
    let filter = url.filter(&["bucket", "split", "measures", "limit"])?;
    let split = url.all::<Dimension>("split")?;
    let bucket = url.one("bucket")?.map(str::parse::<Bucket>).transpose();
    let bucket = bucket.map_err(|reason| Refusal::field("bucket", reason))?;
    let query = SeriesQuery::new(filter, bucket, &split, &measures(&url)?, url.number("limit", GROUPS)?)?;
    let found = app.outside.series(&signed_in.tenant, &query).await?;
    let line = |line: clickhouse_io::traffic::Line| Line {
        client_network: line.keys.as_ref().and_then(|keys| app.networks.of_keys(&split, keys)),
        keys: line.keys,
        values: line.values,
    };
    Ok(Json(Series {
        client_networks: app.networks.source_for(&split),
        series: found.lines.into_iter().map(line).collect(),
        split: split.into_iter().map(Dimension::name).collect(),
        measures: query.groups().measures().iter().map(|it| it.name()).collect(),
        starts: found.starts.into_iter().map(rfc3339).collect(),
        source: found.source.name(),
        duration_error_percent: found.source.duration_error_percent(),
        connections_missing_max: found.missing_max,
    }))
}

/// The groups with most of a measure, and all others together. Takes every field of the filter.
#[utoipa::path(get, path = "/api/v1/traffic/top",
    params(("by" = Vec<String>, Query, description = "Dimensions, one or two"),
           ("measures" = Option<Vec<String>>, Query, description = "connections where it is absent; the first gives the order"),
           ("limit" = Option<u32>, Query, description = "Groups beside the others, 1 to 100")),
    responses((status = 200, body = Groups), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
              (status = 503, body = ErrorBody)))]
pub(crate) async fn top(State(app): State<App>, signed_in: SignedIn, url: TrafficUrl) -> Result<Json<Groups>, Refusal> {
    let filter = url.filter(&["by", "measures", "limit"])?;
    let query = TopQuery::new(filter, &url.all::<Dimension>("by")?, &measures(&url)?, url.number("limit", GROUPS)?)?;
    Ok(Json(groups(&app, &signed_in, &query).await?))
}

/// For each dimension the values with most events, among the connections that all other fields of the filter let through.
#[utoipa::path(get, path = "/api/v1/traffic/facets",
    params(("of" = Vec<String>, Query, description = "Dimensions"),
           ("limit" = Option<u32>, Query, description = "Values of each, 1 to 100")),
    responses((status = 200, body = Facets), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
              (status = 503, body = ErrorBody)))]
pub(crate) async fn facets(
    State(app): State<App>,
    signed_in: SignedIn,
    url: TrafficUrl,
) -> Result<Json<Facets>, Refusal> {
    let filter = url.filter(&["of", "limit"])?;
    let of = url.all::<Dimension>("of")?;
    if of.is_empty() || of.len() > FACETS_MAX {
        return Err(Refusal::field("of", format!("has not 1 to {FACETS_MAX} values")));
    }
    let mut facets = Vec::with_capacity(of.len());
    for dimension in of {
        let query = TopQuery::facet(&filter, dimension, url.number("limit", GROUPS)?)?;
        facets.push(groups(&app, &signed_in, &query).await?);
    }
    Ok(Json(Facets { facets }))
}

fn measures(url: &TrafficUrl) -> Result<Vec<Measure>, Refusal> {
    let measures = url.all::<Measure>("measures")?;
    Ok(if measures.is_empty() { vec![Measure::Connections] } else { measures })
}

async fn groups(app: &App, signed_in: &SignedIn, query: &TopQuery) -> Result<Groups, Refusal> {
    let found = app.outside.top(&signed_in.tenant, query).await?;
    let (source, connections_missing_max): (Source, _) = (found.source, found.missing_max);
    let groups = found.groups.into_iter().map(|group| Group {
        client_network: app.networks.of_keys(query.by(), &group.keys),
        keys: Some(group.keys),
        values: group.values,
    });
    let others = found.others.map(|values| Group { keys: None, client_network: None, values });
    Ok(Groups {
        by: query.by().iter().map(|it| it.name()).collect(),
        measures: query.measures().iter().map(|it| it.name()).collect(),
        groups: groups.chain(others).collect(),
        client_networks: app.networks.source_for(query.by()),
        source: source.name(),
        duration_error_percent: source.duration_error_percent(),
        connections_missing_max,
    })
}
