//! Parts of an upload by their numbers, which need not follow each other: the verbs of S3 that `object_store` has not. They are sent to
//! URLs that it signs.

use std::sync::Arc;
use std::time::Duration;

use object_store::PutPayload;
use object_store::aws::AmazonS3;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use reqwest::header::IF_NONE_MATCH;
use reqwest::{Client, Method, RequestBuilder};
use schemas::report_event::UploadedPart;

use crate::answers::escaped;
use crate::request::{ListsUploads, NotDone, client, sent};
use crate::{StoreError, brief};

/// How long a signed URL is good: for one request.
const SIGNED_FOR: Duration = Duration::from_secs(900);
/// What S3 says of an upload that no patience will finish.
const BROKEN: [&str; 4] = ["NoSuchUpload", "InvalidPart", "InvalidPartOrder", "EntityTooSmall"];

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct NumberedParts {
    store: Arc<AmazonS3>,
    client: Client,
    /// The store refuses what would overwrite a file; else it is only looked before.
    pub(crate) is_conditional: bool,
}

impl NumberedParts {
    pub(crate) fn new(store: Arc<AmazonS3>, is_conditional: bool) -> Result<Self, StoreError> {
        Ok(Self { store, client: client()?, is_conditional })
    }

    pub(crate) fn signer(&self) -> &AmazonS3 {
        &self.store
    }

    pub(crate) async fn begin(&self, file: &Path) -> Result<String, StoreError> {
        self.store.create_multipart(file).await.map_err(StoreError::during("beginning an upload"))
    }

    pub(crate) async fn put(
        &self,
        file: &Path,
        upload_id: &str,
        number: i32,
        part: PutPayload,
    ) -> Result<UploadedPart, StoreError> {
        let size_bytes = i64::try_from(part.content_length()).unwrap_or(i64::MAX);
        let place = usize::try_from(number - 1).map_err(|_| StoreError::BadKey)?;
        let upload_id = upload_id.to_owned();
        let put = self.store.put_part(file, &upload_id, place, part);
        let etag = put.await.map_err(StoreError::during("uploading a part"))?.content_id;
        Ok(UploadedPart { number, etag, size_bytes })
    }

    /// Makes the file of these parts, where there is none.
    pub(crate) async fn complete(&self, file: &Path, upload_id: &str, parts: &[UploadedPart]) -> Result<(), NotDone> {
        const ACTION: &str = "finishing an upload";
        let parts = parts.iter().map(|part| {
            let (number, etag) = (part.number, escaped(&part.etag));
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
        });
        let body = format!("<CompleteMultipartUpload>{}</CompleteMultipartUpload>", parts.collect::<String>());
        let mut request = self.request(ACTION, Method::POST, file, &[("uploadId", upload_id)]).await?.body(body);
        if self.is_conditional {
            request = request.header(IF_NONE_MATCH, "*");
        }
        let (status, said) = sent(ACTION, request).await?;
        // An error may come behind a status that said success.
        if status.is_success() && said.contains("<CompleteMultipartUploadResult") {
            return Ok(());
        }
        Err(NotDone::answered(ACTION, status, &said, &BROKEN))
    }

    /// Uploads of exactly this file that were begun and have no end.
    pub(crate) async fn open(&self, file: &Path) -> Result<Vec<String>, StoreError> {
        let found = self.uploads(file.as_ref()).await?;
        Ok(found.into_iter().filter(|(key, _)| key == file.as_ref()).map(|(_, id)| id).collect())
    }

    /// Takes back what was uploaded; an upload that is not there is gone already.
    pub(crate) async fn abort(&self, file: &Path, upload_id: &str) -> Result<(), StoreError> {
        match self.store.abort_multipart(file, &upload_id.to_owned()).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(StoreError::during("aborting an upload")(error)),
        }
    }

    async fn request(
        &self,
        action: &'static str,
        method: Method,
        file: &Path,
        query: &[(&str, &str)],
    ) -> Result<RequestBuilder, StoreError> {
        let options = SignedUrlOptions::new().with_query(query.iter().copied());
        let url = self.store.signed_url_opts(method.clone(), file, SIGNED_FOR, &options).await;
        Ok(self.client.request(method, url.map_err(StoreError::during(action))?))
    }
}

impl ListsUploads for NumberedParts {
    async fn page(&self, query: &[(&str, &str)]) -> Result<String, StoreError> {
        const ACTION: &str = "looking for uploads";
        let request = self.request(ACTION, Method::GET, &Path::default(), query).await?;
        let (status, said) = sent(ACTION, request).await?;
        let refused = || StoreError::Failed { action: ACTION, reason: brief(&said) };
        if status.is_success() { Ok(said) } else { Err(refused()) }
    }
}
