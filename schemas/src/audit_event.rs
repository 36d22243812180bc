//! What accounts did, each event bound to the one before it by its hash.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use crate::ids::{AuditEventId, ChainId};
use crate::ids::{IdError, Tenant};
use crate::times::Moment;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuditAction {
    /// Not known to this reader.
    Unknown,
    /// A writer began a chain; its first event, of no tenant.
    ChainBegun,
    /// A writer names the ends of other chains; of no tenant.
    Checkpoint,
    /// An account signed in.
    SignedIn,
    /// Somebody named an account and a wrong password.
    SignInRefused,
    /// An account signed out.
    SignedOut,
    /// A report was asked for.
    ReportRequested,
    /// A report's end was asked for.
    ReportCancelled,
    /// A report was asked for again.
    ReportRetried,
    /// A report's file, or its manifest, was given out; the detail `file` says which.
    ReportDownloaded,
    /// A schedule was made.
    ScheduleCreated,
    /// A schedule was changed.
    ScheduleChanged,
    /// A schedule was paused.
    SchedulePaused,
    /// A schedule goes on.
    ScheduleResumed,
    /// A schedule was deleted.
    ScheduleDeleted,
    /// A webhook was made.
    WebhookCreated,
    /// A webhook was changed.
    WebhookChanged,
    /// A webhook was paused.
    WebhookPaused,
    /// A webhook goes on.
    WebhookResumed,
    /// A webhook was deleted.
    WebhookDeleted,
    /// A webhook has another secret.
    WebhookSecretRotated,
    /// A webhook is to be told something again.
    WebhookRedelivered,
    /// A bucket sync was made.
    SyncCreated,
    /// A bucket sync was changed.
    SyncChanged,
    /// A bucket sync was paused.
    SyncPaused,
    /// A bucket sync goes on.
    SyncResumed,
    /// A bucket sync was deleted.
    SyncDeleted,
    /// A past range was asked for from a bucket sync.
    SyncBackfilled,
}

impl AuditAction {
    /// What accounts do, beside what a writer notes about chains.
    pub const OF_ACCOUNTS: [Self; 25] = [
        Self::SignedIn,
        Self::SignInRefused,
        Self::SignedOut,
        Self::ReportRequested,
        Self::ReportCancelled,
        Self::ReportRetried,
        Self::ReportDownloaded,
        Self::ScheduleCreated,
        Self::ScheduleChanged,
        Self::SchedulePaused,
        Self::ScheduleResumed,
        Self::ScheduleDeleted,
        Self::WebhookCreated,
        Self::WebhookChanged,
        Self::WebhookPaused,
        Self::WebhookResumed,
        Self::WebhookDeleted,
        Self::WebhookSecretRotated,
        Self::WebhookRedelivered,
        Self::SyncCreated,
        Self::SyncChanged,
        Self::SyncPaused,
        Self::SyncResumed,
        Self::SyncDeleted,
        Self::SyncBackfilled,
    ];

    /// True for one of them.
    #[must_use]
    pub fn is_of_an_account(self) -> bool {
        Self::OF_ACCOUNTS.contains(&self)
    }
}

/// The way it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuditDoor {
    /// Not known to this reader.
    Unknown,
    /// API or pages of the console.
    Console,
    /// An operator's command line.
    CommandLine,
    /// A schedule, in its owner's name. Nobody writes it: its runs stand among the events of reports.
    Schedule,
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuditOutcome {
    /// Not known to this reader.
    Unknown,
    /// It was let through. Noted before it was done: a crash in between leaves an event of what did not happen.
    Allowed,
    /// It was refused.
    Refused,
}

/// A text that is none of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditTextError {
    /// Not a UUID.
    #[error(transparent)]
    NotAnId(#[from] IdError),
    /// Not 64 digits.
    #[error("not a hash: 64 of 0-9 and a-f are expected")]
    NotAHash,
    /// Not a place and a hash.
    #[error("not CHAIN:SEQUENCE:HASH, as `flowledger audit verify` prints it")]
    NotAHead,
}

/// SHA-256. 64 lower-case hexadecimal digits in Avro and JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AuditHash([u8; 32]);

impl AuditHash {
    /// Of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl FromStr for AuditHash {
    type Err = AuditTextError;

    fn from_str(text: &str) -> Result<Self, AuditTextError> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 64 || !text.bytes().all(is_digit) {
            return Err(AuditTextError::NotAHash);
        }
        let mut bytes = [0; 32];
        for (byte, place) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[place..place + 2], 16).map_err(|_| AuditTextError::NotAHash)?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for AuditHash {
    type Error = AuditTextError;

    fn try_from(text: String) -> Result<Self, AuditTextError> {
        text.parse()
    }
}

impl From<AuditHash> for String {
    fn from(hash: AuditHash) -> Self {
        hash.to_string()
    }
}

impl fmt::Display for AuditHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// An event of a chain, known by its hash. Text: `CHAIN:SEQUENCE:HASH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChainHead {
    /// The chain.
    pub chain: ChainId,
    /// The event's number in it, from 0.
    pub sequence: i64,
    /// The event's hash.
    pub hash: AuditHash,
}

impl FromStr for ChainHead {
    type Err = AuditTextError;

    fn from_str(text: &str) -> Result<Self, AuditTextError> {
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().ok_or(AuditTextError::NotAHead);
        let (chain, sequence, hash) = (part()?, part()?, part()?);
        let sequence = sequence.parse().map_err(|_| AuditTextError::NotAHead)?;
        Ok(Self { chain: chain.parse()?, sequence, hash: hash.parse()? })
    }
}

impl fmt::Display for ChainHead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.chain, self.sequence, self.hash)
    }
}

/// One event: Avro record `AuditEvent`, subject `audit-events-value`. Field order is the schema's. A field that is added has to be one that
/// may be absent: hashes of events that were written before it stay what they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// The event.
    pub event_id: AuditEventId,
    /// Whose account it was; absent for what a writer notes about chains.
    pub tenant: Option<Tenant>,
    /// When, by the writer's clock.
    pub at: Moment,
    /// Account that acted.
    pub account: Option<String>,
    /// Address that it came from, where it came over a network.
    pub address: Option<String>,
    /// The way it came.
    pub door: AuditDoor,
    /// What was done.
    pub action: AuditAction,
    /// What it was done to: the id of a report, a schedule, a webhook or a bucket sync.
    pub subject: Option<String>,
    /// What was answered.
    pub outcome: AuditOutcome,
    /// More in words. Names are of a-z and `_`. Never a secret.
    pub details: BTreeMap<String, String>,
    /// Events at the ends of other chains, by chain.
    pub heads: Vec<ChainHead>,
    /// The chain it is in.
    pub chain: ChainId,
    /// Its number there, from 0.
    pub sequence: i64,
    /// Hash of the event before it; absent on the first one.
    pub previous: Option<AuditHash>,
    /// Hash of all the rest.
    pub hash: AuditHash,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_is_read_as_it_is_written() {
        let head = ChainHead { chain: ChainId::generate(), sequence: 7, hash: AuditHash([0xa5; 32]) };
        assert_eq!(head.to_string().parse(), Ok(head));
        for wrong in ["", "1:2:3", &format!("{}:7", head.chain), &head.to_string().to_uppercase(), &format!("{head}0")]
        {
            assert!(wrong.parse::<ChainHead>().is_err(), "{wrong}");
        }
    }
}
