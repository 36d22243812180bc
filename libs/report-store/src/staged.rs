//! Files of stores whose multipart uploads know no conditions (GCS, folders): whole under a name that nobody else has, and put in
//! their place from there, where there is none.

use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::ObjectStoreExt;
use object_store::gcp::GoogleCloudStorage;
use object_store::multipart::MultipartStore;
use object_store::path::{Path, PathPart};
use reqwest::{Client, Url};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::request::{ListsUploads, client, sent};
use crate::{ReportStore, StoreError, brief, hexadecimal};

/// Beside all files; readers of lakes pass over names that begin so.
const FOLDER: &str = "_staged";

/// What is told of uploads that were begun.
#[derive(Clone)]
pub(crate) enum Staging {
    /// Nothing: they are files that nobody sees.
    Folder,
    Gcs(GcsUploads),
}

/// Uploads that Google keeps until somebody aborts them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct GcsUploads {
    store: Arc<GoogleCloudStorage>,
    client: Client,
    bucket: Url,
}

impl Staging {
    pub(crate) fn gcs(store: Arc<GoogleCloudStorage>, endpoint: &str, bucket: &str) -> Result<Self, StoreError> {
        let wrong = || StoreError::NotConfigured("endpoint is no URL".to_owned());
        let mut url = Url::parse(endpoint).map_err(|_| wrong())?;
        url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().push(bucket);
        Ok(Self::Gcs(GcsUploads { store, client: client()?, bucket: url }))
    }
}

impl GcsUploads {
    pub(crate) fn signer(&self) -> &GoogleCloudStorage {
        &self.store
    }
}

impl ListsUploads for GcsUploads {
    async fn page(&self, query: &[(&str, &str)]) -> Result<String, StoreError> {
        const ACTION: &str = "looking for uploads";
        let credential = self.store.credentials().get_credential().await.map_err(StoreError::during(ACTION))?;
        let mut url = self.bucket.clone();
        url.query_pairs_mut().extend_pairs(query);
        let (status, said) = sent(ACTION, self.client.get(url).bearer_auth(&credential.bearer)).await?;
        let refused = || StoreError::Failed { action: ACTION, reason: brief(&said) };
        if status.is_success() { Ok(said) } else { Err(refused()) }
    }
}

/// The folder of a file.
fn parent(file: &Path) -> impl Iterator<Item = PathPart<'_>> {
    file.parts().take(file.parts().count().saturating_sub(1))
}

impl ReportStore {
    /// Where all that is staged for a file begins.
    fn staged_prefix(&self, file: &Path) -> Path {
        let name = hexadecimal(&Sha256::digest(file.as_ref())[..8]);
        self.prefix.parts().chain([FOLDER.into(), name.as_str().into()]).collect()
    }

    /// A name for a file to be whole under.
    pub(crate) fn staged(&self, file: &Path) -> Path {
        let prefix = self.staged_prefix(file);
        let name = format!("{}-{}", prefix.filename().unwrap_or_default(), Uuid::new_v4());
        parent(&prefix).chain([name.as_str().into()]).collect()
    }

    /// What is staged for a file and not in its place: keys, and uploads that have no end, those of its slices too.
    pub(crate) async fn left_staged(
        &self,
        staging: &Staging,
        file: &Path,
    ) -> Result<(Vec<Path>, Vec<(Path, String)>), StoreError> {
        let prefix = self.staged_prefix(file);
        let folder: Path = self.prefix.parts().chain([FOLDER.into()]).collect();
        let listed = self.store.list(Some(&folder)).map_ok(|found| found.location);
        let listed: Vec<Path> = listed.try_collect().await.map_err(StoreError::during("listing files"))?;
        let keys = listed.into_iter().filter(|key| key.as_ref().starts_with(prefix.as_ref())).collect();
        let uploads = match staging {
            Staging::Folder => Vec::new(),
            Staging::Gcs(gcs) => {
                let slices: Path = parent(file).chain(["slices".into()]).collect();
                let mut uploads = gcs.uploads(prefix.as_ref()).await?;
                uploads.extend(gcs.uploads(&format!("{slices}/")).await?);
                uploads
            }
        };
        let parsed = |(key, id): (String, String)| Some((Path::parse(key).ok()?, id));
        Ok((keys, uploads.into_iter().filter_map(parsed).collect()))
    }

    /// Takes back what is staged for a file.
    pub(crate) async fn clear_staged(&self, staging: &Staging, file: &Path) -> Result<(), StoreError> {
        let (keys, uploads) = self.left_staged(staging, file).await?;
        for key in keys {
            match self.store.delete(&key).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(StoreError::during("deleting a file")(error)),
            }
        }
        if let Staging::Gcs(gcs) = staging {
            for (key, id) in uploads {
                match gcs.store.abort_multipart(&key, &id).await {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => return Err(StoreError::during("aborting an upload")(error)),
                }
            }
        }
        Ok(())
    }
}
