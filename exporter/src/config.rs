//! Section `exporter`.

use std::path::PathBuf;
use std::time::Duration;

use clickhouse_io::NICE_MAX;
use lettre::message::Mailbox;
use report_life::{Language, Limits, Receivers};
use report_schedules::Owners;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use service_kit::config::{RangeError, Validate, in_range, redacted, seconds, seconds_in_range};
use webhooks::WebhooksConfig;

use crate::stages::choose_words::Readers;

/// How reports are made and mailed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Reports that are made at once, 1 to 64; a small one may be made beside them.
    pub concurrency: usize,
    /// Rows of a small report, 1 or more.
    pub small_rows: u64,
    /// Rows that are sorted at once for one report, and held until then, 1 000 to 1 000 000.
    pub stretch_rows: u64,
    /// Rows of a slice, which one exporter makes of a large report, 1 000 to 100 000 000.
    pub slice_rows: u64,
    /// Nice value of the engine's threads that read for it, 0 to 19: the higher, the further they stand behind those of pages and of ingest.
    /// Needs `CAP_SYS_NICE` of the server.
    pub nice: u8,
    /// Memory of the server that one statement of it may take, in bytes, 16 MiB to 1 TiB; one that would take more is refused.
    pub statement_memory: u64,
    /// Threads of the server that one statement of it may have, 1 to 64. Where nothing narrows a report its rows are read by one.
    pub statement_threads: u8,
    /// How long a part that is away is waited for before a report is `failed`, 1 to 86 400 s.
    #[serde(with = "seconds")]
    pub retry_max: Duration,
    /// How long a mail is tried before it is given up, 1 to 86 400 s.
    #[serde(with = "seconds")]
    pub notify_max: Duration,
    /// How long files are kept, to 3 650 days; 0: for good.
    pub keep_days: u32,
    /// How long before their files are deleted receivers of reports that nobody has downloaded get a mail, to 31 536 000 s; 0: never. None of
    /// files that are kept no longer than that.
    #[serde(with = "seconds")]
    pub expiring_mail_before: Duration,
    /// Runs of one schedule that are made up for when nobody was there to make them, the last ones, 1 to 100.
    pub catch_up_max: usize,
    /// Language of mails to addresses without an account, or with one that says none, `en`, `de`, `fr` or `es`.
    pub mail_language: Language,
    /// How long a bucket sync has failed when its receivers are told, 1 to 86 400 s.
    #[serde(with = "seconds")]
    pub sync_mail_after: Duration,
    /// How long stopping may take, 0 to 300 s.
    #[serde(with = "seconds")]
    pub drain_max: Duration,
    /// Address of the console, for the link in mails.
    pub console_url: String,
    /// Mail.
    pub mail: MailConfig,
    /// Limits of a tenant: a section of their own, which the console has too.
    #[serde(skip)]
    pub limits: Limits,
    /// Who may own schedules: the accounts of the console.
    #[serde(skip)]
    pub owners: Owners,
    /// How mails to accounts of the console are written.
    #[serde(skip)]
    pub receivers: Receivers,
    /// Webhooks: a section of their own, which the console has too.
    #[serde(skip)]
    pub webhooks: WebhooksConfig,
    /// Buckets of syncs: a section of their own, whose names the console has too.
    #[serde(skip)]
    pub syncs: bucket_syncs::Config,
    /// `ingest.source`: whose offsets a sync's objects are made of.
    #[serde(skip)]
    pub source: String,
}

/// Section `exporter.mail`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailConfig {
    /// Sender.
    pub from: String,
    /// Mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: MailSecurity,
    /// Account.
    pub user: Option<String>,
    /// Its password.
    #[serde(serialize_with = "redacted")]
    pub password: Option<SecretString>,
    /// A certificate to trust beside the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// A folder that takes the mails as files instead of a server.
    pub outbox: Option<PathBuf>,
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailSecurity {
    /// Not at all: for a server on this machine.
    None,
    /// Plain at first, then TLS; refused where the server does not offer it.
    Starttls,
    /// TLS from the beginning.
    Tls,
}

impl Config {
    /// Who is written to, and how.
    pub(crate) fn readers(&self) -> Readers {
        Readers { receivers: self.receivers.clone(), language: self.mail_language }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            concurrency: 2,
            small_rows: 1_000_000,
            stretch_rows: 200_000,
            slice_rows: 5_000_000,
            nice: 10,
            statement_memory: 4 << 30,
            statement_threads: 2,
            retry_max: Duration::from_secs(900),
            notify_max: Duration::from_secs(3600),
            keep_days: 0,
            expiring_mail_before: Duration::from_secs(3 * 86_400),
            catch_up_max: 3,
            mail_language: Language::default(),
            sync_mail_after: Duration::from_secs(900),
            drain_max: Duration::from_secs(20),
            console_url: "http://127.0.0.1:8080".to_owned(),
            mail: MailConfig::default(),
            limits: Limits::default(),
            owners: Owners::default(),
            receivers: Receivers::default(),
            webhooks: WebhooksConfig::default(),
            syncs: bucket_syncs::Config::default(),
            source: String::new(),
        }
    }
}

impl Default for MailConfig {
    fn default() -> Self {
        Self {
            from: "Flowledger <flowledger@localhost>".to_owned(),
            host: "localhost".to_owned(),
            port: 587,
            security: MailSecurity::Starttls,
            user: None,
            password: None,
            ca_file: None,
            outbox: None,
        }
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), RangeError> {
        in_range("concurrency", self.concurrency, 1..=64)?;
        in_range("small_rows", self.small_rows, 1..=u64::MAX)?;
        in_range("stretch_rows", self.stretch_rows, 1_000..=1_000_000)?;
        in_range("slice_rows", self.slice_rows, 1_000..=100_000_000)?;
        in_range("nice", self.nice, 0..=NICE_MAX)?;
        in_range("statement_memory", self.statement_memory, 16 << 20..=1 << 40)?;
        in_range("statement_threads", self.statement_threads, 1..=64)?;
        seconds_in_range("retry_max", self.retry_max, 1.0..=86_400.0)?;
        seconds_in_range("notify_max", self.notify_max, 1.0..=86_400.0)?;
        in_range("keep_days", self.keep_days, 0..=3_650)?;
        seconds_in_range("expiring_mail_before", self.expiring_mail_before, 0.0..=31_536_000.0)?;
        in_range("catch_up_max", self.catch_up_max, 1..=100)?;
        seconds_in_range("sync_mail_after", self.sync_mail_after, 1.0..=86_400.0)?;
        seconds_in_range("drain_max", self.drain_max, 0.0..=300.0)?;
        if self.mail.from.parse::<Mailbox>().is_err() {
            return Err(RangeError::new("mail.from", "is not an address such as `Flowledger <reports@example.com>`"));
        }
        if self.mail.user.is_some() && self.mail.security == MailSecurity::None {
            return Err(RangeError::new("mail.security", "is none, but a password must not travel in the clear"));
        }
        Ok(())
    }
}
