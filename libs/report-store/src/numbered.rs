//! Parts of an upload by their numbers, which need not follow each other: the verbs of S3 that `object_store` has not. They are sent to
//! URLs that it signs.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::aws::AmazonS3;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use reqwest::{Client, Method, Response};
use schemas::report_event::UploadedPart;

use crate::{StoreError, brief};

/// A store may take minutes to put a large file together.
const ANSWER_MAX: Duration = Duration::from_secs(600);
/// How long a signed URL is good: for one request.
const SIGNED_FOR: Duration = Duration::from_secs(900);
/// What S3 says of an upload that no patience will finish.
const BROKEN: [&str; 4] = ["NoSuchUpload", "InvalidPart", "InvalidPartOrder", "EntityTooSmall"];

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct NumberedParts {
    store: Arc<AmazonS3>,
    client: Client,
}

impl NumberedParts {
    pub(crate) fn new(store: Arc<AmazonS3>) -> Result<Self, StoreError> {
        let client = Client::builder().timeout(ANSWER_MAX).build();
        Ok(Self { store, client: client.map_err(|error| StoreError::NotConfigured(error.to_string()))? })
    }

    pub(crate) async fn begin(&self, file: &Path) -> Result<String, StoreError> {
        self.store.create_multipart(file).await.map_err(StoreError::during("beginning an upload"))
    }

    pub(crate) async fn put(
        &self,
        file: &Path,
        upload_id: &str,
        number: i32,
        bytes: Bytes,
    ) -> Result<UploadedPart, StoreError> {
        let size_bytes = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let place = usize::try_from(number - 1).map_err(|_| StoreError::BadKey)?;
        let upload_id = upload_id.to_owned();
        let put = self.store.put_part(file, &upload_id, place, bytes.into());
        let etag = put.await.map_err(StoreError::during("uploading a part"))?.content_id;
        Ok(UploadedPart { number, etag, size_bytes })
    }

    pub(crate) async fn complete(
        &self,
        file: &Path,
        upload_id: &str,
        parts: &[UploadedPart],
    ) -> Result<(), StoreError> {
        const ACTION: &str = "finishing an upload";
        let parts = parts.iter().map(|part| {
            let (number, etag) = (part.number, escaped(&part.etag));
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
        });
        let body = format!("<CompleteMultipartUpload>{}</CompleteMultipartUpload>", parts.collect::<String>());
        let query = [("uploadId", upload_id)];
        let answer = self.send(ACTION, Method::POST, file, &query, body).await?;
        let is_well = answer.status().is_success();
        let said = text(ACTION, answer).await?;
        // An error may come behind a status that said success.
        if is_well && said.contains("<CompleteMultipartUploadResult") {
            return Ok(());
        }
        if BROKEN.iter().any(|code| said.contains(&format!("<Code>{code}</Code>"))) {
            return Err(StoreError::Broken(brief(&said)));
        }
        Err(StoreError::Failed { action: ACTION, reason: brief(&said) })
    }

    /// Uploads of exactly this file that were begun and have no end.
    pub(crate) async fn open(&self, file: &Path) -> Result<Vec<String>, StoreError> {
        const ACTION: &str = "looking for uploads";
        let (mut ids, mut markers) = (Vec::new(), None::<(String, String)>);
        loop {
            let mut query = vec![("uploads", ""), ("prefix", file.as_ref())];
            if let Some((key, id)) = &markers {
                query.extend([("key-marker", key.as_str()), ("upload-id-marker", id.as_str())]);
            }
            let answer = self.send(ACTION, Method::GET, &Path::default(), &query, String::new()).await?;
            let is_well = answer.status().is_success();
            let said = text(ACTION, answer).await?;
            if !is_well {
                return Err(StoreError::Failed { action: ACTION, reason: brief(&said) });
            }
            let uploads = said.split("<Upload>").skip(1);
            let own = uploads.filter(|upload| element(upload, "Key").as_deref() == Some(file.as_ref()));
            ids.extend(own.filter_map(|upload| element(upload, "UploadId")));
            let next = (element(&said, "NextKeyMarker"), element(&said, "NextUploadIdMarker"));
            let is_last = element(&said, "IsTruncated").as_deref() != Some("true");
            markers = match next {
                (Some(key), Some(id)) if !is_last && markers != Some((key.clone(), id.clone())) => Some((key, id)),
                _ => return Ok(ids),
            };
        }
    }

    /// Takes back what was uploaded; an upload that is not there is gone already.
    pub(crate) async fn abort(&self, file: &Path, upload_id: &str) -> Result<(), StoreError> {
        match self.store.abort_multipart(file, &upload_id.to_owned()).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(StoreError::during("aborting an upload")(error)),
        }
    }

    async fn send(
        &self,
        action: &'static str,
        method: Method,
        file: &Path,
        query: &[(&str, &str)],
        body: String,
    ) -> Result<Response, StoreError> {
        let options = SignedUrlOptions::new().with_query(query.iter().copied());
        let url = self.store.signed_url_opts(method.clone(), file, SIGNED_FOR, &options).await;
        let url = url.map_err(StoreError::during(action))?;
        let sent = self.client.request(method, url).body(body).send().await;
        // The URL is signed, and nobody's to read.
        sent.map_err(|error| StoreError::Failed { action, reason: error.without_url().to_string() })
    }
}

async fn text(action: &'static str, answer: Response) -> Result<String, StoreError> {
    answer.text().await.map_err(|error| StoreError::Failed { action, reason: error.without_url().to_string() })
}

/// Text of the first element of this name.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(
        text.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&apos;", "'")
            .replace("&amp;", "&"),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_and_unescaped() {
        let said =
            "<a><Upload><Key>x/y&amp;z</Key><UploadId>1&quot;</UploadId></Upload><IsTruncated>false</IsTruncated></a>";
        let found = ["Key", "UploadId", "IsTruncated"].map(|name| element(said, name).unwrap());
        assert_eq!(found, ["x/y&z", "1\"", "false"]);
        assert_eq!(element(said, "NextKeyMarker"), None);
        assert_eq!(element("<Key>cut off", "Key"), None);
        assert_eq!(escaped("\"a<b>&\""), "\"a&lt;b&gt;&amp;\"");
    }
}
