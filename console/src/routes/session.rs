//! Signing in and out.

use std::net::SocketAddr;
use std::sync::Arc;

use audit_log::Act;
use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schemas::audit_event::{AuditAction, AuditDoor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::error::{ErrorBody, Refusal};
use crate::routes::extract::JsonBody;
use crate::session::{COOKIE_NAME, SignedIn, is_own, token};

/// Who wants in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    tenant: String,
    account: String,
    password: String,
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    tenant: String,
    account: String,
}

impl From<SignedIn> for Session {
    fn from(signed_in: SignedIn) -> Self {
        Self { tenant: signed_in.tenant.into(), account: signed_in.account }
    }
}

fn cookie(app: &App, value: &str, seconds: u64) -> HeaderValue {
    let secure = if app.config.public_url.starts_with("https://") { "; Secure" } else { "" };
    let text = format!("{COOKIE_NAME}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// Sign in.
#[utoipa::path(post, path = "/api/v1/session", request_body = Credentials, responses(
    (status = 200, body = Session), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 413, body = ErrorBody), (status = 429, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn sign_in(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    parts: Parts,
    JsonBody(credentials): JsonBody<Credentials>,
) -> Result<Response, Refusal> {
    if !is_own(&parts) {
        return Err(Refusal::Forged);
    }
    let Credentials { tenant, account, password } = credentials;
    let known = app.config.accounts.iter().find(|it| it.tenant.as_str() == tenant && it.name == account);
    match Arc::clone(&app.sessions).sign_in_by_turns(tenant, account, password).await {
        Ok((token, signed_in)) => {
            if let Err(refusal) = app.note(signed_in.does(AuditAction::SignedIn, address)).await {
                // Nobody has its cookie.
                app.sessions.sign_out(&token);
                app.metrics.sign_in("busy");
                return Err(refusal);
            }
            app.metrics.sign_in("right");
            let cookie = cookie(&app, &token, app.sessions.lasts().as_secs());
            Ok(([(SET_COOKIE, cookie)], Json(Session::from(signed_in))).into_response())
        }
        Err(refusal) => {
            if let (Refusal::WrongPassword, Some(it)) = (&refusal, known) {
                let act = Act::new(it.tenant.clone(), &it.name, AuditDoor::Console, AuditAction::SignInRefused);
                let (app, act) = (app.clone(), act.from(&address.ip()).refused());
                // The answer does not wait for it: how long it takes would tell which accounts there are.
                tokio::spawn(async move { app.note(act).await });
            }
            app.metrics.sign_in(match refusal {
                Refusal::TooManyTries => "too_many",
                Refusal::WrongPassword => "wrong",
                _ => "busy",
            });
            Err(refusal)
        }
    }
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/v1/session", responses((status = 200, body = Session), (status = 401, body = ErrorBody)))]
pub(crate) async fn who_am_i(signed_in: SignedIn) -> Json<Session> {
    Json(signed_in.into())
}

/// Sign out.
#[utoipa::path(delete, path = "/api/v1/session", responses(
    (status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn sign_out(
    State(app): State<App>,
    signed_in: SignedIn,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    parts: Parts,
) -> Result<Response, Refusal> {
    // Before it is noted: whoever wants to be out is out, whatever is away.
    if let Some(token) = token(&parts) {
        app.sessions.sign_out(&token);
    }
    app.note(signed_in.does(AuditAction::SignedOut, address)).await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie(&app, "", 0))]).into_response())
}
