//! Names to choose from.

use axum::Json;
use axum::extract::State;
use clickhouse_io::traffic::{NAMES_MAX, Named, Searched};
use serde::{Deserialize, Serialize};
use traffic_query::check_limit;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::error::{ErrorBody, Refusal};
use crate::routes::extract::UrlQuery;
use crate::session::SignedIn;

/// An id and its newest name. Ids are text: they exceed what a browser's numbers hold.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Name {
    pub(super) id: String,
    pub(super) name: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RemoteNetworks {
    remote_networks: Vec<Name>,
    /// `raw` or `rollup`.
    source: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Users {
    users: Vec<Name>,
    /// `raw` or `rollup`.
    source: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Resources {
    resources: Vec<Name>,
    /// `raw` or `rollup`.
    source: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Addresses {
    addresses: Vec<Name>,
    /// `raw` or `rollup`.
    source: &'static str,
}

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Search {
    /// Part of the name; any case.
    #[serde(default)]
    search: String,
    /// At most so many, 1 to 1000.
    #[serde(default = "twenty")]
    limit: u32,
}

fn twenty() -> u32 {
    20
}

async fn found(
    app: &App,
    signed_in: &SignedIn,
    searched: Searched,
    search: &Search,
) -> Result<(Vec<Name>, &'static str), Refusal> {
    check_limit(search.limit, NAMES_MAX)?;
    let found = app.outside.search(&signed_in.tenant, searched, &search.search, search.limit).await?;
    Ok((found.names.into_iter().map(|Named { id, name }| Name { id, name }).collect(), found.source.name()))
}

/// Remote Networks that had traffic.
#[utoipa::path(get, path = "/api/v1/remote-networks", responses(
    (status = 200, body = RemoteNetworks), (status = 401, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn remote_networks(
    State(app): State<App>,
    signed_in: SignedIn,
) -> Result<Json<RemoteNetworks>, Refusal> {
    let all = Search { search: String::new(), limit: NAMES_MAX };
    let (remote_networks, source) = found(&app, &signed_in, Searched::RemoteNetworks, &all).await?;
    Ok(Json(RemoteNetworks { remote_networks, source }))
}

/// Users that had traffic, by e-mail address.
#[utoipa::path(get, path = "/api/v1/users", params(Search), responses(
    (status = 200, body = Users), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn users(
    State(app): State<App>,
    signed_in: SignedIn,
    UrlQuery(search): UrlQuery<Search>,
) -> Result<Json<Users>, Refusal> {
    let (users, source) = found(&app, &signed_in, Searched::Users, &search).await?;
    Ok(Json(Users { users, source }))
}

/// Resources that had traffic.
#[utoipa::path(get, path = "/api/v1/resources", params(Search), responses(
    (status = 200, body = Resources), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn resources(
    State(app): State<App>,
    signed_in: SignedIn,
    UrlQuery(search): UrlQuery<Search>,
) -> Result<Json<Resources>, Refusal> {
    let (resources, source) = found(&app, &signed_in, Searched::Resources, &search).await?;
    Ok(Json(Resources { resources, source }))
}

/// Names and addresses that were asked for.
#[utoipa::path(get, path = "/api/v1/addresses", params(Search), responses(
    (status = 200, body = Addresses), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn addresses(
    State(app): State<App>,
    signed_in: SignedIn,
    UrlQuery(search): UrlQuery<Search>,
) -> Result<Json<Addresses>, Refusal> {
    let (addresses, source) = found(&app, &signed_in, Searched::Addresses, &search).await?;
    Ok(Json(Addresses { addresses, source }))
}
