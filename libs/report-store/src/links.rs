//! Links: URLs by which a file is read for a while by who has no key of the store.

use std::time::Duration;

use object_store::signer::{SignedUrlOptions, Signer};
use reqwest::Method;
use secrecy::SecretString;

use crate::staged::Staging;
use crate::{Completion, ReportStore, StoreError};

/// What a store says of a file that it gives by a link.
#[derive(Clone, Copy, Debug)]
pub struct SavedAs<'a> {
    /// Name to save it under; nothing in it needs quoting.
    pub name: &'a str,
    /// Media type.
    pub content_type: &'a str,
}

impl ReportStore {
    /// A URL that gives this one file to whoever has it, for `lifetime` from now, whole seconds; keys that end earlier end it. It reads
    /// and does nothing else. The file is not looked for. Azure passes over `saved_as`: there the file's own name and type count.
    ///
    /// # Errors
    /// When it is not a key of the store, or the store signs no links: a folder, Azure by a SAS, an identity that may not.
    pub async fn link(&self, key: &str, saved_as: SavedAs<'_>, lifetime: Duration) -> Result<SecretString, StoreError> {
        let path = self.path(key)?;
        let answer = SignedUrlOptions::new().with_query([
            ("response-content-disposition", format!("attachment; filename=\"{}\"", saved_as.name)),
            ("response-content-type", saved_as.content_type.to_owned()),
        ]);
        let signed = match &self.completion {
            Completion::Numbered(parts) => parts.signer().signed_url_opts(Method::GET, &path, lifetime, &answer).await,
            Completion::Staged(Staging::Gcs(uploads)) => {
                uploads.signer().signed_url_opts(Method::GET, &path, lifetime, &answer).await
            }
            // What the client signs for Azure has no place for what the answer is to say.
            Completion::Blocks(blocks) => blocks.signer().signed_url(Method::GET, &path, lifetime).await,
            Completion::Staged(Staging::Folder) => {
                return Err(StoreError::NotConfigured("a folder signs no links".to_owned()));
            }
        };
        signed.map(|url| String::from(url).into()).map_err(StoreError::during("signing a link"))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::StoreConfig;

    const SAVED_AS: SavedAs<'_> = SavedAs { name: "events.csv.gz", content_type: "application/gzip" };
    const LIFETIME: Duration = Duration::from_secs(300);

    async fn link(config: &StoreConfig, key: &str) -> Result<String, StoreError> {
        let store = ReportStore::open(config)?;
        store.link(key, SAVED_AS, LIFETIME).await.map(|link| link.expose_secret().to_owned())
    }

    fn s3(endpoint: Option<&str>) -> StoreConfig {
        StoreConfig {
            url: "s3://reports/some/folder".to_owned(),
            endpoint: endpoint.map(str::to_owned),
            access_key: Some("id-of-the-key".to_owned()),
            secret_key: Some("not to be seen".to_owned().into()),
            ..StoreConfig::default()
        }
    }

    #[tokio::test]
    async fn link_of_s3_names_the_file_its_name_and_its_lifetime_and_no_key() {
        for (endpoint, begins) in [
            (None, "https://s3.us-east-1.amazonaws.com/reports/some/folder/acme/1/e.csv.gz?"),
            (Some("https://files.example"), "https://files.example/reports/some/folder/acme/1/e.csv.gz?"),
        ] {
            let link = link(&s3(endpoint), "acme/1/e.csv.gz").await.unwrap();
            assert!(link.starts_with(begins), "{link}");
            for part in [
                "response-content-disposition=attachment%3B%20filename%3D%22events.csv.gz%22",
                "response-content-type=application%2Fgzip",
                "X-Amz-Expires=300",
                "X-Amz-SignedHeaders=host",
            ] {
                assert!(link.contains(part), "{part}: {link}");
            }
            assert!(!link.contains("seen"), "{link}");
        }
    }

    #[tokio::test]
    async fn link_of_azure_reads_one_blob() {
        let config = StoreConfig {
            url: "abfss://files@acc.dfs.core.windows.net/some/folder".to_owned(),
            secret_key: Some("bm90IHRvIGJlIHNlZW4=".to_owned().into()),
            ..StoreConfig::default()
        };
        let link = link(&config, "acme/1/e.csv.gz").await.unwrap();
        assert!(link.starts_with("https://acc.blob.core.windows.net/files/some/folder/acme/1/e.csv.gz?"), "{link}");
        assert!(link.contains("sr=b") && link.contains("sp=r&"), "a blob, to be read: {link}");
    }

    #[tokio::test]
    async fn folder_signs_none_and_a_key_that_leads_out_gets_none() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", folder.path().display());
        let refused = link(&StoreConfig { url, ..StoreConfig::default() }, "acme/1/e.csv.gz").await;
        assert!(matches!(&refused, Err(StoreError::NotConfigured(why)) if why.contains("folder")), "{refused:?}");
        assert_eq!(link(&s3(None), "../other/e.csv.gz").await, Err(StoreError::BadKey));
    }
}
