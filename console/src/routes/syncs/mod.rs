//! Bucket syncs, and how they stand.

mod shown;

use std::net::SocketAddr;

use audit_log::Act;
use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bucket_syncs::{Changed, SyncState, backfill as past, cancel_backfill as cancelled, check, created, wish};
use schemas::audit_event::AuditAction;
use schemas::bucket_sync_event::{BucketSyncEvent, BucketSyncEventType, BucketSyncSettings};
use schemas::ids::Tenant;
use schemas::report_request::{Compression, ReportFormat};
use schemas::times::Moment;
use serde::Deserialize;
use traffic_query::time_range::in_utc;
use utoipa::ToSchema;

use self::shown::{AskedBackfill, BucketSync, BucketSyncs, TakenRange};
use crate::app::App;
use crate::error::{ErrorBody, Refusal};
use crate::routes::extract::JsonBody;
use crate::routes::filter::narrowed;
use crate::routes::own::{OfTenant, Own};
use crate::routes::reports::in_time;
use crate::session::SignedIn;

pub use self::shown::sync_json;

/// Of a new sync, where nothing else is said.
const INTERVAL_SECONDS: i32 = 300;

fn interval_seconds() -> i32 {
    INTERVAL_SECONDS
}

/// What its objects are.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ObjectFormat {
    /// The contract's envelope, one event a line.
    #[default]
    Ndjson,
    /// The 26 columns.
    Parquet,
}

/// How its objects are packed.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ObjectCompression {
    None,
    Gzip,
    Zstd,
}

narrowed! {
    /// A sync that is to be made.
    NewSync {
        name: String,
        /// One of `destinations`, as the list tells them.
        destination: String,
        #[serde(default)]
        format: ObjectFormat,
        /// Of `ndjson`: gzip where nothing is said. Parquet is packed inside.
        compression: Option<ObjectCompression>,
        /// 10 to 86 400.
        #[serde(default = "interval_seconds")]
        interval_seconds: i32,
        /// Who is told when it fails, and when it is well again; who makes it where nobody is named.
        #[serde(default)]
        receivers: Vec<String>,
    }
}

impl NewSync {
    fn settings(mut self, signed_in: &SignedIn) -> Result<BucketSyncSettings, Refusal> {
        let filter = self.filter()?;
        let (format, packed) = match self.format {
            ObjectFormat::Ndjson => (ReportFormat::Ndjson, Compression::Gzip),
            ObjectFormat::Parquet => (ReportFormat::Parquet, Compression::None),
        };
        let compression = self.compression.map_or(packed, |it| match it {
            ObjectCompression::None => Compression::None,
            ObjectCompression::Gzip => Compression::Gzip,
            ObjectCompression::Zstd => Compression::Zstd,
        });
        let own = || vec![signed_in.email.clone()];
        Ok(BucketSyncSettings {
            name: self.name,
            destination: self.destination,
            format,
            compression,
            denied: self.denied,
            interval_seconds: self.interval_seconds,
            receivers: if self.receivers.is_empty() { own() } else { self.receivers },
            filter: Some(filter),
        })
    }
}

/// What of a sync is to be changed: all of these.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangedSync {
    name: String,
    /// 10 to 86 400.
    interval_seconds: i32,
    receivers: Vec<String>,
}

/// A past range; what is taken are the whole hours of UTC that hold it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PastRange {
    /// First end time, as of a report.
    from: String,
    /// First end time after it.
    to: String,
    /// IANA name.
    zone: String,
}

/// Which past range is not wanted any more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelledBackfill {
    /// Its number, as the sync shows it.
    number: i64,
}

impl OfTenant for SyncState {
    fn find(app: &App, tenant: &Tenant, id: &str) -> Option<Self> {
        app.syncs.get(tenant, id.parse().ok()?)
    }
}

impl Own<SyncState> {
    /// Writes what the account wants of it, and shows it as it is then.
    async fn wish(self, action: AuditAction, event_type: BucketSyncEventType) -> Result<Json<BucketSync>, Refusal> {
        let act = self.does(action);
        let event = wish(&self.it, event_type, &self.signed_in.account, Moment::now());
        done(&self.app, act, self.it, event).await
    }
}

/// Writes an event, once `act` is on the audit log, and shows the sync as it is once the event has come round.
async fn write(app: &App, act: Act, event: BucketSyncEvent) -> Result<(), Refusal> {
    app.note(act.to(&event.sync_id)).await?;
    in_time(app.outside.append_sync(&event)).await
}

async fn done(app: &App, act: Act, last: SyncState, event: BucketSyncEvent) -> Result<Json<BucketSync>, Refusal> {
    let state = last.with(&event);
    write(app, act.with("name", &state.settings.name), event).await?;
    Ok(Json(BucketSync::new(&state, Moment::now())))
}

/// Make a sync, of what comes from now on.
#[utoipa::path(post, path = "/api/v1/syncs", request_body = NewSync, responses(
    (status = 201, body = BucketSync), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn make(
    State(app): State<App>,
    signed_in: SignedIn,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    JsonBody(new): JsonBody<NewSync>,
) -> Result<Response, Refusal> {
    let settings = new.settings(&signed_in)?;
    check(&settings, &app.config.syncs)?;
    if app.syncs.list(&signed_in.tenant).len() >= app.config.syncs.of_a_tenant {
        return Err(Refusal::NotNow("there are as many syncs as may be; delete one first".to_owned()));
    }
    let barrier = in_time(app.outside.barrier()).await?;
    let event = created(signed_in.tenant.clone(), settings, barrier, &signed_in.account, Moment::now());
    let state = SyncState::begun_by(&event).ok_or(Refusal::NotFound)?;
    let act = signed_in.does(AuditAction::SyncCreated, address);
    let act = act.with("name", &state.settings.name).with("destination", &state.settings.destination);
    write(&app, act, event).await?;
    Ok((StatusCode::CREATED, Json(BucketSync::new(&state, Moment::now()))).into_response())
}

/// BucketSyncs, oldest first, and where one may be made to.
#[utoipa::path(get, path = "/api/v1/syncs", responses(
    (status = 200, body = BucketSyncs), (status = 401, body = ErrorBody)))]
pub(crate) async fn list(State(app): State<App>, signed_in: SignedIn) -> Json<BucketSyncs> {
    let now = Moment::now();
    let syncs = app.syncs.list(&signed_in.tenant).into_iter().map(|it| BucketSync::new(&it, now)).collect();
    Json(BucketSyncs { syncs, destinations: app.config.syncs.destinations.keys().cloned().collect() })
}

/// One sync, and how it stands.
#[utoipa::path(get, path = "/api/v1/syncs/{id}", params(("id" = String, Path)), responses(
    (status = 200, body = BucketSync), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(crate) async fn get(own: Own<SyncState>) -> Json<BucketSync> {
    Json(BucketSync::new(&own.it, Moment::now()))
}

/// Give it another name, interval or receivers. What its objects are stays as it is: make another sync for others.
#[utoipa::path(put, path = "/api/v1/syncs/{id}", params(("id" = String, Path)), request_body = ChangedSync, responses(
    (status = 200, body = BucketSync), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 413, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn change(
    own: Own<SyncState>,
    JsonBody(changed): JsonBody<ChangedSync>,
) -> Result<Json<BucketSync>, Refusal> {
    let act = own.does(AuditAction::SyncChanged);
    let ChangedSync { name, interval_seconds, receivers } = changed;
    let settings = Changed { name, interval_seconds, receivers }.of(&own.it.settings);
    check(&settings, &own.app.config.syncs)?;
    let event = wish(&own.it, BucketSyncEventType::Changed, &own.signed_in.account, Moment::now());
    let event = BucketSyncEvent { settings: Some(settings), ..event };
    done(&own.app, act, own.it, event).await
}

/// Forget it. Its objects stay.
#[utoipa::path(delete, path = "/api/v1/syncs/{id}", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn delete(own: Own<SyncState>) -> Result<StatusCode, Refusal> {
    own.wish(AuditAction::SyncDeleted, BucketSyncEventType::Deleted).await.map(|_| StatusCode::NO_CONTENT)
}

/// Write no objects until it is resumed.
#[utoipa::path(post, path = "/api/v1/syncs/{id}/pause", params(("id" = String, Path)), responses(
    (status = 200, body = BucketSync), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn pause(own: Own<SyncState>) -> Result<Json<BucketSync>, Refusal> {
    own.wish(AuditAction::SyncPaused, BucketSyncEventType::Paused).await
}

/// Write objects again, beginning with what came meanwhile.
#[utoipa::path(post, path = "/api/v1/syncs/{id}/resume", params(("id" = String, Path)), responses(
    (status = 200, body = BucketSync), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn resume(own: Own<SyncState>) -> Result<Json<BucketSync>, Refusal> {
    own.wish(AuditAction::SyncResumed, BucketSyncEventType::Resumed).await
}

/// Bring a past range, of what came before the sync was made, beside what comes now. It is widened to whole hours of UTC; `range` says what was taken.
#[utoipa::path(post, path = "/api/v1/syncs/{id}/backfill", params(("id" = String, Path)), request_body = PastRange, responses(
    (status = 200, body = AskedBackfill), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 413, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn backfill(
    own: Own<SyncState>,
    JsonBody(range): JsonBody<PastRange>,
) -> Result<Json<AskedBackfill>, Refusal> {
    let wanted = in_utc(&range.from, &range.to, &range.zone)?;
    let (event, taken) = past(&own.it, (wanted.from, wanted.to), &own.signed_in.account, Moment::now())?;
    let act = own.does(AuditAction::SyncBackfilled);
    let act = act.with("from", &range.from).with("to", &range.to).with("zone", &range.zone);
    let Json(sync) = done(&own.app, act, own.it, event).await?;
    Ok(Json(AskedBackfill { sync, range: TakenRange::new(taken, wanted.notes) }))
}

/// Write no more of a past range. What is in the bucket of it stays; what is written at that moment may still come, for half a minute.
#[utoipa::path(post, path = "/api/v1/syncs/{id}/backfill/cancel", params(("id" = String, Path)),
    request_body = CancelledBackfill, responses(
    (status = 200, body = BucketSync), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 413, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn cancel_backfill(
    own: Own<SyncState>,
    JsonBody(CancelledBackfill { number }): JsonBody<CancelledBackfill>,
) -> Result<Json<BucketSync>, Refusal> {
    let event = cancelled(&own.it, number, &own.signed_in.account, Moment::now())?;
    let act = own.does(AuditAction::SyncBackfilled).with("cancelled", &number.to_string());
    done(&own.app, act, own.it, event).await
}
