//! Section `store`.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use service_kit::config::{RangeError, Validate, redacted};

/// Where files of reports lie.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// `file:///folder`, `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`, or
    /// `abfss://container@account.dfs.core.windows.net/prefix`.
    pub url: String,
    /// Endpoint of a store that is not the vendor's own: `http://host:port`.
    pub endpoint: Option<String>,
    /// Region; S3.
    pub region: String,
    /// Id of the key; S3. Without it the platform's identity is taken.
    pub access_key: Option<String>,
    /// The key; S3, and Azure's of the account. Without it the platform's identity is taken.
    #[serde(serialize_with = "redacted")]
    pub secret_key: Option<SecretString>,
    /// Storage account; Azure, where the URL does not name it.
    pub account: Option<String>,
    /// File with the key of a service account, JSON; GCS. Without it the platform's identity is taken.
    pub key_file: Option<String>,
    /// How the store is told to encrypt; S3. Without it the bucket's own setting holds.
    pub encryption: Option<Encryption>,
    /// Id or ARN of the key for `sse-kms` and `dsse-kms`; without it the account's own.
    pub kms_key: Option<String>,
    /// Whether objects share the bucket's data key, `sse-kms`; without it the bucket's own setting holds.
    pub bucket_key: Option<bool>,
    /// The store is asked to refuse what would overwrite a file; false for an S3 store that does not know `If-None-Match`.
    pub conditional_writes: bool,
    /// Plain HTTP to the endpoint is allowed.
    pub allow_http: bool,
}

/// What encrypts at S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encryption {
    /// Keys of S3.
    SseS3,
    /// A key of KMS.
    SseKms,
    /// A key of KMS, in two layers.
    DsseKms,
}

impl Encryption {
    /// As S3 calls it.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::SseS3 => "AES256",
            Self::SseKms => "aws:kms",
            Self::DsseKms => "aws:kms:dsse",
        }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            url: "file:///var/lib/flowledger/reports".to_owned(),
            endpoint: None,
            region: "us-east-1".to_owned(),
            access_key: None,
            secret_key: None,
            account: None,
            key_file: None,
            encryption: None,
            kms_key: None,
            bucket_key: None,
            conditional_writes: true,
            allow_http: false,
        }
    }
}

/// What a URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Folder(String),
    S3 { bucket: String, prefix: String },
    Gcs { bucket: String, prefix: String },
    Azure { container: String, account: Option<String>, prefix: String },
}

impl Place {
    /// None where the URL has no form that is known.
    pub(crate) fn of(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        if scheme == "file" {
            return rest.starts_with('/').then(|| Self::Folder(rest.to_owned()));
        }
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let (name, prefix) = (Some(name.to_owned()).filter(|name| !name.is_empty())?, prefix.to_owned());
        match scheme {
            "s3" => Some(Self::S3 { bucket: name, prefix }),
            "gs" => Some(Self::Gcs { bucket: name, prefix }),
            "az" => (!name.contains('@')).then_some(Self::Azure { container: name, account: None, prefix }),
            "abfss" => {
                let (container, host) = name.split_once('@')?;
                let account = host.strip_suffix(".dfs.core.windows.net")?;
                let is_named = !container.is_empty() && !account.is_empty();
                let (container, account) = (container.to_owned(), Some(account.to_owned()));
                is_named.then_some(Self::Azure { container, account, prefix })
            }
            _ => None,
        }
    }
}

impl StoreConfig {
    /// The same store by another address of it, under which it gives files to who has a [link](crate::ReportStore::link); `None`: by its own.
    ///
    /// # Errors
    /// Where the store signs no links, or none for another address; in words.
    pub fn for_links(&self, endpoint: Option<&str>) -> Result<Self, &'static str> {
        match (Place::of(&self.url), endpoint) {
            (Some(Place::Folder(_)), _) => Err("a folder signs no links"),
            (Some(Place::Gcs { .. }), endpoint) if endpoint.is_some() || self.endpoint.is_some() => {
                Err("links of GCS are signed for Google's own address")
            }
            (_, None) => Ok(self.clone()),
            (_, Some(endpoint)) => Ok(Self { endpoint: Some(endpoint.to_owned()), ..self.clone() }),
        }
    }
}

impl Validate for StoreConfig {
    fn validate(&self) -> Result<(), RangeError> {
        const FORMS: &str = "is none of file:///folder, s3://bucket/prefix, gs://bucket/prefix, az://container/prefix and \
                             abfss://container@account.dfs.core.windows.net/prefix";
        let place = Place::of(&self.url).ok_or_else(|| RangeError::new("url", FORMS))?;
        if let Place::Folder(_) = place {
            // It needs none of the rest.
            return Ok(());
        }
        let is_s3 = matches!(place, Place::S3 { .. });
        let is_azure = matches!(place, Place::Azure { .. });
        let is_kms = matches!(self.encryption, Some(Encryption::SseKms | Encryption::DsseKms));
        let rules = [
            ("access_key", is_s3 || self.access_key.is_none(), "is of S3 only"),
            ("secret_key", is_s3 || is_azure || self.secret_key.is_none(), "is of S3 and Azure only"),
            (
                "access_key",
                !is_s3 || self.access_key.is_some() == self.secret_key.is_some(),
                "and secret_key are given together or not at all",
            ),
            ("account", is_azure || self.account.is_none(), "is of Azure only"),
            (
                "account",
                !matches!(&place, Place::Azure { account: Some(of_url), .. } if self.account.as_ref().is_some_and(|it| it != of_url)),
                "is not the one that the URL names",
            ),
            ("key_file", matches!(place, Place::Gcs { .. }) || self.key_file.is_none(), "is of GCS only"),
            ("encryption", is_s3 || self.encryption.is_none(), "is of S3 only: set it at the bucket or the account"),
            ("kms_key", is_kms || self.kms_key.is_none(), "needs encryption = sse-kms or dsse-kms"),
            (
                "bucket_key",
                self.encryption == Some(Encryption::SseKms) || self.bucket_key.is_none(),
                "needs encryption = sse-kms",
            ),
            ("conditional_writes", is_s3 || self.conditional_writes, "may be turned off for S3 only"),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            Some((field, _, reason)) => Err(RangeError::new(field, reason)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut StoreConfig)) -> String {
        let mut config = StoreConfig { url: "s3://bucket".to_owned(), ..StoreConfig::default() };
        change(&mut config);
        config.validate().map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn urls_name_stores() {
        let azure = |account: Option<&str>| Place::Azure {
            container: "c".to_owned(),
            account: account.map(str::to_owned),
            prefix: "a/b".to_owned(),
        };
        let plain = ("b".to_owned(), String::new());
        for (url, place) in [
            ("file:///tmp/x", Some(Place::Folder("/tmp/x".to_owned()))),
            ("s3://b", Some(Place::S3 { bucket: plain.0.clone(), prefix: plain.1.clone() })),
            ("gs://b/", Some(Place::Gcs { bucket: plain.0.clone(), prefix: plain.1.clone() })),
            ("az://c/a/b", Some(azure(None))),
            ("abfss://c@acc.dfs.core.windows.net/a/b", Some(azure(Some("acc")))),
            ("abfss://c/a/b", None),
            ("abfss://c@acc.example.com/a/b", None),
            ("az://c@acc/a", None),
            ("s3:///x", None),
            ("file://x", None),
            ("gcs://b", None),
            ("https://b.s3.amazonaws.com", None),
            ("", None),
        ] {
            assert_eq!(Place::of(url), place, "{url}");
            let is_refused = refused(|it| it.url = url.to_owned()).contains("url");
            assert_eq!(is_refused, place.is_none(), "{url}");
        }
    }

    #[test]
    fn links_are_of_stores_that_sign_and_lead_where_they_are_told() {
        let at = |url: &str| StoreConfig { url: url.to_owned(), ..StoreConfig::default() };
        let public = Some("https://files.example");
        for (url, without, with) in [
            ("file:///tmp/x", Err("folder"), Err("folder")),
            ("gs://b", Ok(None), Err("Google")),
            ("s3://b", Ok(None), Ok(public)),
            ("az://c", Ok(None), Ok(public)),
        ] {
            for (endpoint, expected) in [(None, without), (public, with)] {
                match (at(url).for_links(endpoint), expected) {
                    (Ok(found), Ok(expected)) => assert_eq!(found.endpoint.as_deref(), expected, "{url}"),
                    (Err(why), Err(expected)) => assert!(why.contains(expected), "{url}: {why}"),
                    (found, _) => panic!("{url}: {found:?}"),
                }
            }
        }
        let inside = StoreConfig { endpoint: Some("http://s3:9000".to_owned()), ..at("s3://b") };
        assert_eq!(inside.for_links(None).unwrap().endpoint.as_deref(), Some("http://s3:9000"));
        let private = StoreConfig { url: "gs://b".to_owned(), ..inside };
        assert!(private.for_links(None).unwrap_err().contains("Google's own address"));
    }

    #[test]
    fn settings_of_another_store_are_refused() {
        type Change = fn(&mut StoreConfig);
        let cases: [(&str, Change); 10] = [
            ("access_key", |it| it.access_key = Some("id".to_owned())),
            ("access_key", |it| {
                it.url = "gs://b".to_owned();
                it.access_key = Some("id".to_owned());
            }),
            ("secret_key", |it| {
                it.url = "gs://b".to_owned();
                it.secret_key = Some("no one's".to_owned().into());
            }),
            ("account", |it| it.account = Some("acc".to_owned())),
            ("account", |it| {
                it.url = "abfss://c@acc.dfs.core.windows.net/".to_owned();
                it.account = Some("other".to_owned());
            }),
            ("key_file", |it| it.key_file = Some("/key.json".to_owned())),
            ("encryption", |it| {
                it.url = "az://c".to_owned();
                it.encryption = Some(Encryption::SseS3);
            }),
            ("kms_key", |it| {
                it.encryption = Some(Encryption::SseS3);
                it.kms_key = Some("arn".to_owned());
            }),
            ("bucket_key", |it| {
                it.encryption = Some(Encryption::DsseKms);
                it.bucket_key = Some(true);
            }),
            ("conditional_writes", |it| {
                it.url = "az://c".to_owned();
                it.conditional_writes = false;
            }),
        ];
        for (field, change) in cases {
            let said = refused(change);
            assert!(said.contains(field) && !said.contains("no one's"), "{field}: {said}");
        }
        let kms = |it: &mut StoreConfig| {
            (it.encryption, it.kms_key, it.bucket_key) =
                (Some(Encryption::SseKms), Some("arn:aws:kms:eu-central-1:1:key/k".to_owned()), Some(true));
        };
        assert_eq!(refused(kms), "");
    }
}
