//! Requests of our own, for verbs that `object_store` has not.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};

use crate::answers::UploadsPage;
use crate::{StoreError, brief};

/// A store may take minutes to put a large file together.
const ANSWER_MAX: Duration = Duration::from_secs(600);

/// Why a file is not there (yet).
#[derive(Debug)]
pub(crate) struct NotDone {
    pub(crate) error: StoreError,
    /// Trying again helps nothing.
    pub(crate) is_final: bool,
}

impl NotDone {
    pub(crate) fn during(action: &'static str) -> impl FnOnce(object_store::Error) -> Self {
        use object_store::Error as E;
        move |error| {
            let may_help = matches!(
                error,
                E::Generic { .. } | E::AlreadyExists { .. } | E::Precondition { .. } | E::NotModified { .. }
            );
            Self { error: StoreError::during(action)(error), is_final: !may_help }
        }
    }

    /// What a store said instead of doing it.
    pub(crate) fn answered(action: &'static str, status: StatusCode, said: &str, broken: &[&str]) -> Self {
        if broken.iter().any(|code| said.contains(&format!("<Code>{code}</Code>"))) {
            return Self { error: StoreError::Broken(brief(said)), is_final: true };
        }
        let may_help = !status.is_client_error()
            || matches!(
                status,
                StatusCode::REQUEST_TIMEOUT
                    | StatusCode::CONFLICT
                    | StatusCode::PRECONDITION_FAILED
                    | StatusCode::TOO_MANY_REQUESTS
            );
        let reason = format!("{status}: {}", brief(said));
        Self { error: StoreError::Failed { action, reason }, is_final: !may_help }
    }
}

impl From<StoreError> for NotDone {
    fn from(error: StoreError) -> Self {
        Self { is_final: !matches!(error, StoreError::Failed { .. }), error }
    }
}

pub(crate) fn client() -> Result<Client, StoreError> {
    let client = Client::builder().timeout(ANSWER_MAX).build();
    client.map_err(|error| StoreError::NotConfigured(error.to_string()))
}

/// Status and text of an answer.
pub(crate) async fn sent(action: &'static str, request: RequestBuilder) -> Result<(StatusCode, String), StoreError> {
    // A URL may be signed, and nobody's to read.
    let failed = |error: reqwest::Error| StoreError::Failed { action, reason: error.without_url().to_string() };
    let answer = request.send().await.map_err(failed)?;
    let status = answer.status();
    Ok((status, answer.text().await.map_err(failed)?))
}

/// A store that lists uploads as S3 does.
pub(crate) trait ListsUploads {
    /// One page of the answer to a query.
    fn page(&self, query: &[(&str, &str)]) -> impl Future<Output = Result<String, StoreError>> + Send;

    /// Key and id of each upload that was begun, has no end, and whose key begins with `prefix`.
    async fn uploads(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        let (mut found, mut markers) = (Vec::new(), None::<(String, String)>);
        loop {
            let mut query = vec![("uploads", ""), ("prefix", prefix)];
            if let Some((key, id)) = &markers {
                query.extend([("key-marker", key.as_str()), ("upload-id-marker", id.as_str())]);
            }
            let page = UploadsPage::read(&self.page(&query).await?);
            found.extend(page.uploads);
            // A store that begins the same page again has no other.
            match page.next.filter(|next| markers.as_ref() != Some(next)) {
                Some(next) => markers = Some(next),
                None => return Ok(found),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_that_may_do_it_later_is_asked_again() {
        let said = |status: u16, text: &str| {
            NotDone::answered("finishing an upload", StatusCode::from_u16(status).unwrap(), text, &["NoSuchUpload"])
        };
        for (status, text, is_final) in [
            (200, "<Error><Code>InternalError</Code></Error>", false),
            (503, "<Code>SlowDown</Code>", false),
            (409, "<Code>ConditionalRequestConflict</Code>", false),
            (412, "<Code>PreconditionFailed</Code>", false),
            (403, "<Code>AccessDenied</Code>", true),
            (404, "<Code>NoSuchUpload</Code>", true),
        ] {
            assert_eq!(said(status, text).is_final, is_final, "{status} {text}");
        }
        assert!(matches!(said(404, "<Code>NoSuchUpload</Code>").error, StoreError::Broken(_)));
    }
}
