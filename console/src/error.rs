//! What ends the service, and what a request is answered when it cannot be done.

use audit_log::{ReadError, TrailError};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use clickhouse_io::QueryError;
use kafka_io::KafkaError;
use report_life::{JournalError, NotNow, OverLimit};
use report_store::StoreError;
use schema_registry::RegistryError;
use serde::Serialize;
use service_kit::config::RangeError;
use service_kit::tasks::GroupError;
use traffic_query::FilterError;
use traffic_query::time_range::rfc3339;
use utoipa::ToSchema;

/// Why the console ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen: {0}")]
    Listen(#[from] std::io::Error),
    /// Networks of addresses cannot be looked up.
    #[error("console.asn_database: {0}")]
    Networks(#[from] address_lookup::OpenError),
    /// A setting does not fit the others.
    #[error("{0}")]
    Setting(RangeError),
    /// Kafka cannot be used as it is.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The registry refuses.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Report events cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The audit log cannot be written.
    #[error(transparent)]
    Trail(#[from] TrailError),
    /// The audit log cannot be read.
    #[error(transparent)]
    Audit(#[from] ReadError),
    /// The store is not configured.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A task of the console ended.
    #[error(transparent)]
    Task(#[from] GroupError),
}

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nobody is signed in.
    NotSignedIn,
    /// The header that a foreign page cannot send is missing.
    Forged,
    /// Name or password is wrong.
    WrongPassword,
    /// Too many wrong passwords.
    TooManyTries,
    /// Not there, or another tenant's.
    NotFound,
    /// The path is there, the method is not.
    WrongMethod,
    /// A field cannot be taken as it is.
    Field(String, String),
    /// Not JSON, or not of the form that is asked for; in words.
    Unreadable(String),
    /// More bytes than are read.
    TooLarge,
    /// The report has no file.
    NotCompleted,
    /// The report is not where this can be done with it; in words.
    NotNow(String),
    /// More than the tenant may have.
    OverLimit(OverLimit),
    /// The tenant follows its reports on as many pages as it may.
    TooManyStreams,
    /// The range of a download lies outside of the file.
    OutsideOfFile,
    /// The question takes more than one may.
    TooMuch,
    /// A part is away.
    Away(&'static str),
}

/// Body of every answer that is no success.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorDetail {
    /// For programs.
    code: &'static str,
    /// For people.
    message: String,
    /// The field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// When it will work, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    again_at: Option<String>,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let said = str::to_owned;
        let again_at = match &self {
            Self::OverLimit(over) => over.again_at.map(rfc3339),
            _ => None,
        };
        let (status, code, message, field) = match self {
            Self::NotSignedIn => (StatusCode::UNAUTHORIZED, "not_signed_in", said("sign in first"), None),
            Self::Forged => (StatusCode::FORBIDDEN, "forged", said("the header X-Flowledger: 1 is missing"), None),
            Self::WrongPassword => {
                (StatusCode::UNAUTHORIZED, "wrong_password", said("tenant, account or password is wrong"), None)
            }
            Self::TooManyTries => (
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_tries",
                said("too many wrong passwords; try again in a minute"),
                None,
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", said("there is no such thing"), None),
            Self::WrongMethod => {
                (StatusCode::METHOD_NOT_ALLOWED, "wrong_method", said("this method has no meaning here"), None)
            }
            Self::Field(field, problem) => {
                (StatusCode::BAD_REQUEST, "bad_field", format!("{field} {problem}"), Some(field))
            }
            Self::Unreadable(problem) => (StatusCode::BAD_REQUEST, "unreadable", problem, None),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", said("the body is too large"), None),
            Self::NotCompleted => (StatusCode::CONFLICT, "not_completed", said("the report has no file (yet)"), None),
            Self::NotNow(problem) => (StatusCode::CONFLICT, "not_now", problem, None),
            Self::OverLimit(over) => {
                (StatusCode::TOO_MANY_REQUESTS, "over_limit", over.message, Some(over.limit.to_owned()))
            }
            Self::TooManyStreams => (
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_streams",
                said("reports are followed on too many pages; close some"),
                None,
            ),
            Self::OutsideOfFile => {
                (StatusCode::RANGE_NOT_SATISFIABLE, "outside_of_file", said("the range lies outside of the file"), None)
            }
            Self::TooMuch => (
                StatusCode::BAD_REQUEST,
                "too_much",
                said(
                    "this takes more time or memory than one question may; take a shorter range, filter by more, or split by less",
                ),
                None,
            ),
            Self::Away(part) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "away",
                format!("{part} does not answer; try again in a moment"),
                None,
            ),
        };
        (status, Json(ErrorBody { error: ErrorDetail { code, message, field, again_at } })).into_response()
    }
}

impl Refusal {
    /// A field of this name cannot be taken.
    pub(crate) fn field(name: &str, problem: impl Into<String>) -> Self {
        Self::Field(name.to_owned(), problem.into())
    }
}

impl From<FilterError> for Refusal {
    fn from(error: FilterError) -> Self {
        Self::Field(error.field, error.reason)
    }
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        tracing::warn!(%error, "a query for a page failed");
        if error.is_too_much() { Self::TooMuch } else { Self::Away("the database") }
    }
}

impl From<KafkaError> for Refusal {
    fn from(error: KafkaError) -> Self {
        tracing::warn!(%error, "a request could not be taken");
        Self::Away("the event log")
    }
}

impl From<JournalError> for Refusal {
    fn from(error: JournalError) -> Self {
        tracing::warn!(%error, "a request could not be taken");
        Self::Away("the event log")
    }
}

impl From<TrailError> for Refusal {
    fn from(error: TrailError) -> Self {
        tracing::warn!(%error, "an act could not be noted");
        Self::Away("the event log")
    }
}

impl From<OverLimit> for Refusal {
    fn from(over: OverLimit) -> Self {
        Self::OverLimit(over)
    }
}

impl From<NotNow> for Refusal {
    fn from(refused: NotNow) -> Self {
        Self::NotNow(refused.to_string())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "a download failed");
        match error {
            StoreError::NotFound(_) => Self::NotFound,
            StoreError::NotConfigured(_)
            | StoreError::BadKey
            | StoreError::Broken(_)
            | StoreError::Occupied(_)
            | StoreError::Failed { .. } => Self::Away("the store"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn question_that_takes_too_much_has_to_be_narrowed_and_any_other_waits_for_the_database() {
        let refused = |code, reason: &str| Refusal::from(QueryError::Refused { code, reason: reason.to_owned() });
        assert_eq!(refused(241, "Query memory limit exceeded: would use 4.01 GiB"), Refusal::TooMuch);
        assert_eq!(refused(159, "Timeout exceeded"), Refusal::TooMuch);
        assert_eq!(refused(241, "(total) memory limit exceeded"), Refusal::Away("the database"));
        assert_eq!(refused(60, "no table"), Refusal::Away("the database"));
        assert_eq!(Refusal::TooMuch.into_response().status(), StatusCode::BAD_REQUEST);
    }
}
