//! Section `console`.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use report_life::{Language, Limits, Receiver, Receivers};
use report_schedules::Owners;
use report_store::StoreConfig;
use schemas::ids::Tenant;
use serde::{Deserialize, Serialize};
use service_kit::config::{RangeError, Validate, in_range, seconds, seconds_in_range};
use traffic_query::{AddressRange, time_range};
use webhooks::WebhooksConfig;

/// Where the console listens, and who may sign in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address. Port 0: any free one.
    pub listen: SocketAddr,
    /// Address that browsers use, `http://` or `https://`; with the second cookies are marked secure.
    pub public_url: String,
    /// Accounts; one a tenant at this stage.
    pub accounts: Vec<Account>,
    /// Database in MaxMind's format of AS numbers, from which networks of shown addresses come; none by default. Read at the start, by
    /// `flowledger traffic` too.
    pub asn_database: Option<PathBuf>,
    /// `streamed` or `linked`: files go through the console, or a download is sent to the store by a link that is signed.
    pub downloads: Downloads,
    /// How long a link holds, 30 to 3600 s.
    #[serde(with = "seconds")]
    pub link_lifetime: Duration,
    /// Address of the store that browsers use, `http://` or `https://`, where it is not the one that services use; S3 and Azure.
    pub link_endpoint: Option<String>,
    /// How long a session lasts, 60 to 604 800 s.
    #[serde(with = "seconds")]
    pub session_max: Duration,
    /// Connections that may be open at a time, 16 to 100 000; others wait. Each takes a file descriptor: keep it well below what the process may open.
    pub connections_max: usize,
    /// Proxies in front of the console, addresses or CIDR ranges; none by default. Of what comes from them the client's address is the last in
    /// `X-Forwarded-For` that is none of theirs.
    pub trusted_proxies: Vec<String>,
    /// How long stopping may take, 0 to 300 s.
    #[serde(with = "seconds")]
    pub drain_max: Duration,
    /// Limits of a tenant: a section of their own, which the exporter has too.
    #[serde(skip)]
    pub limits: Limits,
    /// Webhooks: a section of their own, which the exporter has too.
    #[serde(skip)]
    pub webhooks: WebhooksConfig,
    /// Buckets of syncs: a section of their own, which the exporter has too.
    #[serde(skip)]
    pub syncs: bucket_syncs::Config,
    /// How many days files of reports are kept, which the exporter does; 0: for good.
    #[serde(skip)]
    pub keep_days: u32,
}

/// How files of reports get to who downloads them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Downloads {
    /// Through the console: the store may be closed to everybody else.
    #[default]
    Streamed,
    /// From the store, by a link that is signed, for one file and for a while.
    Linked,
}

impl Config {
    /// Who may own schedules of reports.
    #[must_use]
    pub fn owners(&self) -> Owners {
        self.accounts.iter().map(|account| (account.tenant.clone(), account.name.clone())).collect()
    }

    /// The store as links lead to it; `None` where files are streamed.
    ///
    /// # Errors
    /// When links are to be given out, and the store signs none, or none for `link_endpoint`.
    pub fn linked_store(&self, store: &StoreConfig) -> Result<Option<StoreConfig>, RangeError> {
        let refused =
            |key| move |why| RangeError::new(key, format!("needs another store.url, or streamed downloads: {why}"));
        match self.downloads {
            Downloads::Streamed => Ok(None),
            Downloads::Linked => {
                store.for_links(None).map_err(refused("downloads = linked"))?;
                store.for_links(self.link_endpoint.as_deref()).map(Some).map_err(refused("link_endpoint"))
            }
        }
    }

    /// How many days files of reports are kept; `None`: for good.
    #[must_use]
    pub fn keep_days(&self) -> Option<u32> {
        Some(self.keep_days).filter(|days| *days > 0)
    }

    /// How mails to accounts are written.
    #[must_use]
    pub fn receivers(&self) -> Receivers {
        let receiver = |account: &Account| Receiver { language: account.language, zone: account.zone.clone() };
        let accounts = self.accounts.iter();
        accounts.map(|account| (account.tenant.clone(), account.email.clone(), receiver(account))).collect()
    }
}

/// One account of a tenant.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Tenant that it sees.
    pub tenant: Tenant,
    /// Name to sign in with.
    pub name: String,
    /// Where its mails go.
    pub email: String,
    /// Language of its mails, `en`, `de`, `fr` or `es`; `exporter.mail_language` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// IANA name of the zone of times in its mails; that of the report's range where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Hash of its password, as `flowledger password-hash` prints it.
    #[serde(skip_serializing)]
    pub password_hash: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Account");
        shown.field("tenant", &self.tenant).field("name", &self.name).field("email", &self.email);
        shown.field("language", &self.language).field("zone", &self.zone);
        shown.finish_non_exhaustive()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: "http://127.0.0.1:8080".to_owned(),
            accounts: Vec::new(),
            asn_database: None,
            downloads: Downloads::default(),
            link_lifetime: Duration::from_secs(300),
            link_endpoint: None,
            session_max: Duration::from_secs(12 * 3600),
            connections_max: 512,
            trusted_proxies: Vec::new(),
            drain_max: Duration::from_secs(10),
            limits: Limits::default(),
            webhooks: WebhooksConfig::default(),
            syncs: bucket_syncs::Config::default(),
            keep_days: 0,
        }
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), RangeError> {
        if !self.public_url.starts_with("http://") && !self.public_url.starts_with("https://") {
            return Err(RangeError::new("public_url", "does not begin with http:// or https://"));
        }
        for account in &self.accounts {
            if account.name.is_empty() || account.name.len() > 64 {
                return Err(RangeError::new("accounts.name", "is not 1 to 64 bytes long"));
            }
            if argon2::PasswordHash::new(&account.password_hash).is_err() {
                return Err(RangeError::new("accounts.password_hash", "is not what `flowledger password-hash` prints"));
            }
            if account.zone.as_ref().is_some_and(|zone| time_range::zone(zone).is_err()) {
                return Err(RangeError::new("accounts.zone", "is not an IANA zone name such as Europe/Berlin"));
            }
            let same = |other: &&Account| other.tenant == account.tenant && other.name == account.name;
            if self.accounts.iter().filter(same).count() > 1 {
                return Err(RangeError::new("accounts", "has the same account twice"));
            }
        }
        if let Some(endpoint) = &self.link_endpoint {
            if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
                return Err(RangeError::new("link_endpoint", "does not begin with http:// or https://"));
            }
            if self.downloads == Downloads::Streamed {
                return Err(RangeError::new("link_endpoint", "needs downloads = linked"));
            }
        }
        seconds_in_range("link_lifetime", self.link_lifetime, 30.0..=3600.0)?;
        seconds_in_range("session_max", self.session_max, 60.0..=604_800.0)?;
        in_range("connections_max", self.connections_max, 16..=100_000)?;
        if self.trusted_proxies.iter().any(|it| it.parse::<AddressRange>().is_err()) {
            return Err(RangeError::new(
                "trusted_proxies",
                "has something that is neither an address nor a CIDR range",
            ));
        }
        seconds_in_range("drain_max", self.drain_max, 0.0..=300.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::hash_password;

    fn with_account() -> Config {
        let password_hash = hash_password("correct horse battery").unwrap();
        let (tenant, email) = ("acme".parse().unwrap(), "admin@acme.example".to_owned());
        Config {
            accounts: vec![Account {
                tenant,
                name: "admin".to_owned(),
                email,
                language: None,
                zone: None,
                password_hash,
            }],
            ..Config::default()
        }
    }

    fn refused(change: impl FnOnce(&mut Config)) -> String {
        let mut config = with_account();
        assert_eq!(config.validate(), Ok(()));
        change(&mut config);
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn value_out_of_its_range_is_refused_with_its_key() {
        assert_eq!(Config::default().validate(), Ok(()));
        let found = [
            refused(|it| it.public_url = "console.example".to_owned()),
            // Browsers would take it, and cookies would not be marked secure.
            refused(|it| it.public_url = "HTTPS://console.example".to_owned()),
            refused(|it| it.accounts[0].name = String::new()),
            refused(|it| it.accounts[0].name = "n".repeat(65)),
            refused(|it| it.accounts[0].password_hash = "correct horse battery".to_owned()),
            refused(|it| it.accounts[0].zone = Some("Mars/Base".to_owned())),
            refused(|it| it.accounts.push(it.accounts[0].clone())),
            refused(|it| {
                (it.downloads, it.link_endpoint) = (Downloads::Linked, Some("files.example".to_owned()));
            }),
            refused(|it| it.link_endpoint = Some("https://files.example".to_owned())),
            refused(|it| it.link_lifetime = Duration::from_secs(29)),
            refused(|it| it.link_lifetime = Duration::from_secs(3601)),
            refused(|it| it.session_max = Duration::from_secs(59)),
            refused(|it| it.session_max = Duration::from_secs(604_801)),
            refused(|it| it.connections_max = 15),
            refused(|it| it.trusted_proxies = vec!["10.0.0.0/8".to_owned(), "proxy.example".to_owned()]),
            refused(|it| it.drain_max = Duration::from_secs(301)),
        ];
        insta::assert_snapshot!(found.join("\n"), @r"
        public_url does not begin with http:// or https://
        public_url does not begin with http:// or https://
        accounts.name is not 1 to 64 bytes long
        accounts.name is not 1 to 64 bytes long
        accounts.password_hash is not what `flowledger password-hash` prints
        accounts.zone is not an IANA zone name such as Europe/Berlin
        accounts has the same account twice
        link_endpoint does not begin with http:// or https://
        link_endpoint needs downloads = linked
        link_lifetime is 29, not from 30 to 3600
        link_lifetime is 3601, not from 30 to 3600
        session_max is 59, not from 60 to 604800
        session_max is 604801, not from 60 to 604800
        connections_max is 15, not from 16 to 100000
        trusted_proxies has something that is neither an address nor a CIDR range
        drain_max is 301, not from 0 to 300
        ");
    }

    #[test]
    fn links_need_a_store_that_signs_them() {
        let at = |url: &str| StoreConfig { url: url.to_owned(), ..StoreConfig::default() };
        let linked = |endpoint: Option<&str>| Config {
            downloads: Downloads::Linked,
            link_endpoint: endpoint.map(str::to_owned),
            ..Config::default()
        };
        let refused = |endpoint, url: &str| linked(endpoint).linked_store(&at(url)).unwrap_err().to_string();
        let public = Some("https://files.example");
        let found =
            [refused(None, "file:///reports"), refused(public, "file:///reports"), refused(public, "gs://reports")];
        insta::assert_snapshot!(found.join("\n"), @r"
        downloads = linked needs another store.url, or streamed downloads: a folder signs no links
        downloads = linked needs another store.url, or streamed downloads: a folder signs no links
        link_endpoint needs another store.url, or streamed downloads: links of GCS are signed for Google's own address
        ");
        for (endpoint, url, leads_to) in
            [(None, "s3://reports", None), (public, "s3://reports", public), (None, "gs://reports", None)]
        {
            let store = linked(endpoint).linked_store(&at(url)).unwrap().unwrap();
            assert_eq!((store.url.as_str(), store.endpoint.as_deref()), (url, leads_to));
        }
        assert!(Config::default().linked_store(&at("file:///reports")).unwrap().is_none());
        assert_eq!(linked(public).validate(), Ok(()));
    }

    #[test]
    fn account_of_another_tenant_may_have_the_same_name() {
        let mut config = with_account();
        config.accounts.push(Account { tenant: "globex".parse().unwrap(), ..config.accounts[0].clone() });
        assert_eq!(config.validate(), Ok(()));
    }

    #[test]
    fn hash_of_a_password_is_neither_printed_nor_logged() {
        let config = with_account();
        for shown in [serde_json::to_string(&config).unwrap(), format!("{config:?}")] {
            assert!(shown.contains("admin@acme.example"), "{shown}");
            assert!(!shown.contains("argon2"), "{shown}");
        }
    }

    #[test]
    fn section_with_all_defaults() {
        insta::assert_json_snapshot!(Config::default(), @r#"
        {
          "listen": "127.0.0.1:8080",
          "public_url": "http://127.0.0.1:8080",
          "accounts": [],
          "asn_database": null,
          "downloads": "streamed",
          "link_lifetime": 300.0,
          "link_endpoint": null,
          "session_max": 43200.0,
          "connections_max": 512,
          "trusted_proxies": [],
          "drain_max": 10.0
        }
        "#);
    }
}
