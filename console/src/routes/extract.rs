//! Bodies, queries and ids whose refusals have the form of every other.

use std::convert::Infallible;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::Refusal;

/// A JSON body.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let read = Json::from_request(request, state).await;
        read.map(|Json(body)| Self(body)).map_err(|rejection| match rejection {
            // The limit on a body's size is met while its bytes are read.
            JsonRejection::BytesRejection(_) => Refusal::TooLarge,
            other => Refusal::Unreadable(other.body_text()),
        })
    }
}

/// The query of a URL.
pub(crate) struct UrlQuery<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for UrlQuery<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let read = Query::from_request_parts(parts, state).await;
        read.map(|Query(query)| Self(query))
            .map_err(|rejection: QueryRejection| Refusal::Unreadable(rejection.body_text()))
    }
}

/// The id in a path. What is no text is no id: it comes empty, and the handler refuses it as it refuses every other that is none.
pub(crate) struct UrlId(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for UrlId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let read = Path::from_request_parts(parts, state).await;
        Ok(Self(read.map(|Path(id)| id).unwrap_or_default()))
    }
}
