//! Where a tenant wants to be told what becomes of its reports.

pub(crate) mod shown;

use std::net::SocketAddr;

use audit_log::Act;
use axum::Json;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use report_life::OverLimit;
use schemas::audit_event::AuditAction;
use schemas::ids::{DeliveryId, Tenant};
use schemas::times::Moment;
use schemas::webhook::Webhook;
use serde::Deserialize;
use traffic_query::check_limit;
use utoipa::{IntoParams, ToSchema};
use webhooks::{Guard, SecretKey, Standing, Wanted, asked_again, changed, deleted, made, paused, resumed, rotated};

use self::shown::{EventName, ShownDeliveries, ShownDelivery, ShownWebhook, ShownWebhooks};
use crate::app::App;
use crate::error::{ErrorBody, Refusal};
use crate::routes::extract::{JsonBody, UrlQuery};
use crate::routes::own::{OfTenant, Own};
use crate::routes::reports::in_time;
use crate::session::SignedIn;

/// Deliveries of a page at most.
const DELIVERIES_MAX: u32 = 500;

/// What is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWebhook {
    /// What the tenant calls it, up to 100 characters.
    name: String,
    /// Where to, with `https://`; port 443 or 8443, or what the operator allows.
    url: String,
    /// What of; all where none is named.
    #[serde(default)]
    events: Vec<EventName>,
    /// Who gets a mail when it is away; where none is named, who asks.
    contact: Option<String>,
}

impl NewWebhook {
    fn checked(self, app: &App, signed_in: &SignedIn) -> Result<Wanted, Refusal> {
        let events = if self.events.is_empty() { EventName::ALL.to_vec() } else { self.events };
        let wanted = Wanted {
            name: self.name,
            url: self.url,
            events: events.into_iter().map(Into::into).collect(),
            contact: self.contact.unwrap_or_else(|| signed_in.email.clone()),
        };
        Ok(wanted.checked(&Guard::new(&app.config.webhooks.allow))?)
    }
}

/// Of which secrets are made; without it there are no webhooks.
fn key(app: &App) -> Result<SecretKey, Refusal> {
    let key = app.config.webhooks.key.as_ref().map(SecretKey::new);
    key.ok_or_else(|| Refusal::NotNow("there are no webhooks here: the operator has not set webhooks.key".to_owned()))
}

impl OfTenant for Webhook {
    fn find(app: &App, tenant: &Tenant, id: &str) -> Option<Self> {
        app.webhooks.get(tenant, id.parse().ok()?)
    }
}

impl Own<Webhook> {
    /// Writes what `change` makes of it now, and shows it.
    async fn keep_changed(
        self,
        action: AuditAction,
        change: impl FnOnce(Webhook, &str, Moment) -> Webhook,
    ) -> Result<Json<ShownWebhook>, Refusal> {
        let act = self.does(action);
        let webhook = change(self.it, &self.signed_in.account, Moment::now());
        keep(&self.app, act, &webhook).await?;
        Ok(shown(&self.app, webhook))
    }
}

fn shown(app: &App, webhook: Webhook) -> Json<ShownWebhook> {
    let id = webhook.webhook_id;
    Json(app.webhooks.deliveries(id, |told| ShownWebhook::new(webhook, told, None)))
}

/// Writes a webhook as it is now, once `act` is on the audit log.
async fn keep(app: &App, act: Act, webhook: &Webhook) -> Result<(), Refusal> {
    app.note(act.to(&webhook.webhook_id).with("name", &webhook.name)).await?;
    in_time(app.outside.keep_webhook(webhook)).await
}

/// The same, and shows it with its secret.
async fn keep_with_secret(app: &App, act: Act, webhook: Webhook, key: &SecretKey) -> Result<ShownWebhook, Refusal> {
    keep(app, act, &webhook).await?;
    let secret = key.secret(webhook.webhook_id, webhook.generation);
    Ok(app.webhooks.deliveries(webhook.webhook_id, |told| ShownWebhook::new(webhook, told, Some(&secret))))
}

/// Make a webhook. The answer has its secret, which is not shown again.
#[utoipa::path(post, path = "/api/v1/webhooks", request_body = NewWebhook, responses(
    (status = 201, body = ShownWebhook), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody),
    (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn make(
    State(app): State<App>,
    signed_in: SignedIn,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    JsonBody(new): JsonBody<NewWebhook>,
) -> Result<Response, Refusal> {
    let (key, wanted) = (key(&app)?, new.checked(&app, &signed_in)?);
    let most = app.config.webhooks.per_tenant_max;
    if app.webhooks.list(&signed_in.tenant).len() >= most {
        let message = format!("there are {most} webhooks, and no more are allowed; delete some");
        return Err(OverLimit { limit: "webhooks.per_tenant_max", message, again_at: None }.into());
    }
    let webhook = made(signed_in.tenant.clone(), wanted, &signed_in.account, Moment::now());
    let act = signed_in.does(AuditAction::WebhookCreated, address);
    Ok((StatusCode::CREATED, Json(keep_with_secret(&app, act, webhook, &key).await?)).into_response())
}

/// Webhooks, oldest first.
#[utoipa::path(get, path = "/api/v1/webhooks", responses(
    (status = 200, body = ShownWebhooks), (status = 401, body = ErrorBody)))]
pub(crate) async fn list(State(app): State<App>, signed_in: SignedIn) -> Json<ShownWebhooks> {
    let webhooks = app.webhooks.list(&signed_in.tenant).into_iter();
    Json(ShownWebhooks { webhooks: webhooks.map(|it| shown(&app, it).0).collect() })
}

/// One webhook.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}", params(("id" = String, Path)), responses(
    (status = 200, body = ShownWebhook), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(crate) async fn get(own: Own<Webhook>) -> Json<ShownWebhook> {
    shown(&own.app, own.it)
}

/// Another name, URL, contact or other events. Its secret stays.
#[utoipa::path(put, path = "/api/v1/webhooks/{id}", params(("id" = String, Path)), request_body = NewWebhook, responses(
    (status = 200, body = ShownWebhook), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 413, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn change(
    own: Own<Webhook>,
    JsonBody(new): JsonBody<NewWebhook>,
) -> Result<Json<ShownWebhook>, Refusal> {
    let wanted = new.checked(&own.app, &own.signed_in)?;
    own.keep_changed(AuditAction::WebhookChanged, |last, by, now| changed(last, wanted, by, now)).await
}

/// Forget it, and what it was told.
#[utoipa::path(delete, path = "/api/v1/webhooks/{id}", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn delete(own: Own<Webhook>) -> Result<StatusCode, Refusal> {
    own.keep_changed(AuditAction::WebhookDeleted, deleted).await.map(|_| StatusCode::NO_CONTENT)
}

/// Tell it nothing until it is resumed.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/pause", params(("id" = String, Path)), responses(
    (status = 200, body = ShownWebhook), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn pause(own: Own<Webhook>) -> Result<Json<ShownWebhook>, Refusal> {
    own.keep_changed(AuditAction::WebhookPaused, paused).await
}

/// Tell it what happens from now on, also where it was away.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/resume", params(("id" = String, Path)), responses(
    (status = 200, body = ShownWebhook), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn resume(own: Own<Webhook>) -> Result<Json<ShownWebhook>, Refusal> {
    own.keep_changed(AuditAction::WebhookResumed, resumed).await
}

/// Another secret, which is shown once; the one before signs beside it for a time.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/rotate", params(("id" = String, Path)), responses(
    (status = 200, body = ShownWebhook), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn rotate(own: Own<Webhook>) -> Result<Json<ShownWebhook>, Refusal> {
    let (key, act) = (key(&own.app)?, own.does(AuditAction::WebhookSecretRotated));
    let webhook = rotated(own.it, own.app.config.webhooks.former_secret, &own.signed_in.account, Moment::now());
    Ok(Json(keep_with_secret(&own.app, act, webhook, &key).await?))
}

/// Which of what it was told.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeliveriesPage {
    /// `next` of the page before.
    before: Option<String>,
    /// At most so many, 1 to 500.
    #[serde(default = "fifty")]
    limit: u32,
}

fn fifty() -> u32 {
    50
}

/// What it was told, newest first, and what became of that, a page at a time.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}/deliveries", params(("id" = String, Path), DeliveriesPage), responses(
    (status = 200, body = ShownDeliveries), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
pub(crate) async fn deliveries(
    own: Own<Webhook>,
    UrlQuery(page): UrlQuery<DeliveriesPage>,
) -> Result<Json<ShownDeliveries>, Refusal> {
    check_limit(page.limit, DELIVERIES_MAX)?;
    let before = page.before.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| Refusal::field("before", "is not the next of a page"))?;
    let (webhook, limit) = (&own.it, usize::try_from(page.limit).unwrap_or(usize::MAX));
    let shown = |told: &webhooks::Deliveries| ShownDeliveries::new(webhook, told, before, limit);
    Ok(Json(own.app.webhooks.deliveries(webhook.webhook_id, shown)))
}

/// Tell it again, whatever became of it.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/deliveries/{delivery}/redeliver",
    params(("id" = String, Path), ("delivery" = String, Path)), responses(
    (status = 200, body = ShownDelivery), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn redeliver(
    State(app): State<App>,
    signed_in: SignedIn,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    path: Option<Path<(String, String)>>,
) -> Result<Json<ShownDelivery>, Refusal> {
    let Path((id, delivery)) = path.ok_or(Refusal::NotFound)?;
    let webhook = Webhook::find(&app, &signed_in.tenant, &id).ok_or(Refusal::NotFound)?;
    let delivery: DeliveryId = delivery.parse().map_err(|_| Refusal::NotFound)?;
    let look = |told: &webhooks::Deliveries| (told.get(delivery).cloned(), Standing::of(&webhook, told.told()));
    let (last, standing) = app.webhooks.deliveries(webhook.webhook_id, look);
    let last = last.ok_or(Refusal::NotFound)?;
    if !standing.sends() {
        return Err(Refusal::NotNow(format!("the webhook is {}: resume it first", standing.name())));
    }
    let again = asked_again(&last, &signed_in.account, Moment::now());
    let act = signed_in.does(AuditAction::WebhookRedelivered, address).to(&webhook.webhook_id);
    app.note(act.with("delivery", &delivery.to_string())).await?;
    in_time(app.outside.redeliver(&again)).await?;
    Ok(Json(app.webhooks.deliveries(webhook.webhook_id, |told| ShownDelivery::new(&webhook, told, again))))
}
