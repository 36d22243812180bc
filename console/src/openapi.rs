//! The API's description, made from the handlers.

use utoipa::OpenApi;

use crate::routes::traffic::{insights, names};
use crate::routes::{audit, reports, schedules, session, syncs, traffic, webhooks};

#[derive(OpenApi)]
#[openapi(
    info(title = "Flowledger console", description = "Reports and traffic of the signed-in tenant."),
    paths(
        session::sign_in,
        session::who_am_i,
        session::sign_out,
        reports::ask,
        reports::list,
        reports::get,
        reports::cancel,
        reports::retry,
        reports::changes::changes,
        reports::estimate::estimate,
        reports::download::download,
        reports::download::manifest,
        schedules::save,
        schedules::preview,
        schedules::list,
        schedules::get,
        schedules::replace,
        schedules::delete,
        schedules::pause,
        schedules::resume,
        schedules::run,
        webhooks::make,
        webhooks::list,
        webhooks::get,
        webhooks::change,
        webhooks::delete,
        webhooks::pause,
        webhooks::resume,
        webhooks::rotate,
        webhooks::deliveries,
        webhooks::redeliver,
        syncs::make,
        syncs::list,
        syncs::get,
        syncs::change,
        syncs::delete,
        syncs::pause,
        syncs::resume,
        syncs::backfill,
        syncs::cancel_backfill,
        audit::list,
        names::remote_networks,
        names::users,
        names::resources,
        names::addresses,
        traffic::connections,
        traffic::connection,
        traffic::open,
        traffic::series,
        traffic::top,
        traffic::facets,
        insights::insight,
        traffic::user_connections,
        traffic::resource_connections,
    )
)]
struct Api;

/// The OpenAPI document as JSON, with line ends.
#[must_use]
pub fn openapi_json() -> String {
    // Made of constants: it was serialized in the tests.
    Api::openapi().to_pretty_json().unwrap_or_default()
}
