//! Signing in and out.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
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
    parts: Parts,
    JsonBody(credentials): JsonBody<Credentials>,
) -> Result<Response, Refusal> {
    if !is_own(&parts) {
        return Err(Refusal::Forged);
    }
    let Credentials { tenant, account, password } = credentials;
    match Arc::clone(&app.sessions).sign_in_by_turns(tenant, account, password).await {
        Ok((token, signed_in)) => {
            app.metrics.sign_in("right");
            let cookie = cookie(&app, &token, app.sessions.lasts().as_secs());
            Ok(([(SET_COOKIE, cookie)], Json(Session::from(signed_in))).into_response())
        }
        Err(refusal) => {
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
    (status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub(crate) async fn sign_out(State(app): State<App>, _: SignedIn, parts: Parts) -> Response {
    if let Some(token) = token(&parts) {
        app.sessions.sign_out(&token);
    }
    (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie(&app, "", 0))]).into_response()
}
