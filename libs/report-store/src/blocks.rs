//! Blocks of an Azure blob. `object_store` uploads them and commits a list of them always; ours is committed where there is no blob yet.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use object_store::PutPayload;
use object_store::azure::{AzureAuthorizer, MicrosoftAzure};
use object_store::client::{HttpRequest, HttpRequestBody};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use reqwest::header::{CONTENT_LENGTH, IF_NONE_MATCH};
use reqwest::{Client, Method, Url};
use schemas::report_event::UploadedPart;

use crate::StoreError;
use crate::request::{NotDone, client, sent};

const ACTION: &str = "committing blocks";
/// What Azure says of blocks that no patience will commit.
const BROKEN: [&str; 2] = ["InvalidBlockList", "InvalidBlockId"];

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Blocks {
    store: Arc<MicrosoftAzure>,
    client: Client,
    container: Url,
    account: String,
}

impl Blocks {
    pub(crate) fn new(
        store: Arc<MicrosoftAzure>,
        endpoint: &str,
        container: &str,
        account: String,
    ) -> Result<Self, StoreError> {
        let wrong = || StoreError::NotConfigured("endpoint is no URL".to_owned());
        let mut url = Url::parse(endpoint).map_err(|_| wrong())?;
        url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().push(container);
        Ok(Self { store, client: client()?, container: url, account })
    }

    pub(crate) fn signer(&self) -> &MicrosoftAzure {
        &self.store
    }

    /// The part's `etag` is the block's id.
    pub(crate) async fn put(&self, file: &Path, number: i32, part: PutPayload) -> Result<UploadedPart, StoreError> {
        let size_bytes = i64::try_from(part.content_length()).unwrap_or(i64::MAX);
        // Blocks have ids, no numbers, and belong to the blob, whoever uploads them.
        let no_upload = String::new();
        let put = self.store.put_part(file, &no_upload, 0, part);
        let etag = put.await.map_err(StoreError::during("uploading a block"))?.content_id;
        Ok(UploadedPart { number, etag, size_bytes })
    }

    /// Makes the file of these blocks, where there is none.
    pub(crate) async fn complete(&self, file: &Path, blocks: &[UploadedPart]) -> Result<(), NotDone> {
        let list = blocks.iter().map(|it| format!("<Uncommitted>{}</Uncommitted>", STANDARD.encode(&it.etag)));
        let list = list.collect::<String>();
        let body = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>{list}</BlockList>");
        let request = self.authorized(file, body.len()).await?;
        let (url, headers) = (request.uri().to_string(), request.headers().clone());
        let (status, said) = sent(ACTION, self.client.put(url).headers(headers).body(body)).await?;
        if status.is_success() { Ok(()) } else { Err(NotDone::answered(ACTION, status, &said, &BROKEN)) }
    }

    async fn authorized(&self, file: &Path, length: usize) -> Result<HttpRequest, StoreError> {
        let mut url = self.container.clone();
        let segments: Vec<_> = file.parts().map(|part| part.as_ref().to_owned()).collect();
        url.path_segments_mut().map_err(|()| StoreError::BadKey)?.extend(segments);
        url.query_pairs_mut().append_pair("comp", "blocklist");
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = Method::PUT;
        *request.uri_mut() = url.as_str().parse().map_err(|_| StoreError::BadKey)?;
        request.headers_mut().insert(CONTENT_LENGTH, length.into());
        request.headers_mut().insert(IF_NONE_MATCH, reqwest::header::HeaderValue::from_static("*"));
        let credential = self.store.credentials().get_credential().await.map_err(StoreError::during(ACTION))?;
        let authorizer = AzureAuthorizer::new(&credential, &self.account);
        authorizer.try_authorize(&mut request).map_err(StoreError::during(ACTION))?;
        Ok(request)
    }
}
