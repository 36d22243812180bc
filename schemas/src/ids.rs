//! Numeric ids, tenants and report ids: newtypes with one checked constructor each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::times::Moment;

/// A text that is no id of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not 1 to 19 decimal digits, or above 2^63 - 1.
    #[error("not a decimal number from 0 to 9223372036854775807")]
    NotANumber,
    /// Not a slug.
    #[error("not a tenant: 1 to 63 of a-z, 0-9 and -, first and last no hyphen")]
    NotATenant,
    /// Not a UUID.
    #[error("not a report id: a UUID is expected")]
    NotAReportId,
    /// Not a UUID.
    #[error("not the id of a schedule: a UUID is expected")]
    NotAScheduleId,
    /// Not a UUID.
    #[error("not the id of a webhook: a UUID is expected")]
    NotAWebhookId,
    /// Not a UUID.
    #[error("not the id of a delivery: a UUID is expected")]
    NotADeliveryId,
    /// Not a UUID.
    #[error("not the id of a bucket sync: a UUID is expected")]
    NotASyncId,
    /// Not a UUID.
    #[error("not an id of the audit log: a UUID is expected")]
    NotAnAuditId,
}

/// Digits as the contract has them: 1 to 19 ASCII digits, at most 2^63 - 1.
fn parse_number(text: &str) -> Result<u64, IdError> {
    if text.is_empty() || text.len() > 19 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(IdError::NotANumber);
    }
    text.parse().ok().filter(|number| i64::try_from(*number).is_ok()).ok_or(IdError::NotANumber)
}

macro_rules! numeric_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "i64", into = "i64")]
        pub struct $name(u64);

        impl $name {
            /// The id of this number; `None` above 2^63 - 1.
            #[must_use]
            pub fn new(number: u64) -> Option<Self> {
                i64::try_from(number).is_ok().then_some(Self(number))
            }

            /// The number, 0 to 2^63 - 1.
            #[must_use]
            pub fn get(self) -> u64 {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_number(text).map(Self)
            }
        }

        impl TryFrom<i64> for $name {
            type Error = IdError;

            fn try_from(number: i64) -> Result<Self, IdError> {
                u64::try_from(number).map(Self).map_err(|_| IdError::NotANumber)
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> i64 {
                id.0.cast_signed()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    )*};
}

numeric_ids! {
    /// One Remote Network, unique over all tenants. The Kafka key of its events is its decimal text.
    RemoteNetworkId;
    /// One Connector of a Remote Network.
    ConnectorId;
    /// One Resource, a destination that a tenant defined.
    ResourceId;
    /// One User of a tenant.
    UserId;
    /// One service account of a tenant.
    ServiceAccountId;
    /// One key of a service account.
    ServiceAccountKeyId;
    /// One device of a User.
    DeviceId;
}

/// One customer account: a slug such as `acme`. Nothing ever crosses tenants.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tenant(String);

impl Tenant {
    /// The slug.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tenant {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let slug = (1..=63).contains(&text.len())
            && text.bytes().all(allowed)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if slug { Ok(Self(text.to_owned())) } else { Err(IdError::NotATenant) }
    }
}

impl TryFrom<String> for Tenant {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<Tenant> for String {
    fn from(tenant: Tenant) -> Self {
        tenant.0
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident, $wrong:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// The id of one that is asked for now.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::parse_str(text).map(Self).map_err(|_| IdError::$wrong)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    )*};
}

uuid_ids! {
    /// One report. A UUID of version 7, so that ids sort by the time they were asked for; that of a schedule's report: see
    /// [`ReportId::of_run`]. Text in Avro.
    ReportId, NotAReportId;
    /// One schedule of reports. A UUID of version 7. Text in Avro.
    ScheduleId, NotAScheduleId;
    /// One webhook of a tenant. A UUID of version 7. Text in Avro.
    WebhookId, NotAWebhookId;
    /// What one webhook is told of one end of a report, however often: see [`DeliveryId::of`]. Text in Avro.
    DeliveryId, NotADeliveryId;
    /// One bucket sync. A UUID of version 7. Text in Avro.
    SyncId, NotASyncId;
    /// One event of the audit log. A UUID of version 7. Text in Avro.
    AuditEventId, NotAnAuditId;
    /// One chain of the audit log: what one writer wrote without a doubt in between. A UUID of version 7. Text in Avro, and the key of its records.
    ChainId, NotAnAuditId;
}

impl ReportId {
    /// The id of the report that a schedule makes at this moment: a UUID of version 8 with 6 bytes of Unix milliseconds, big endian, and
    /// then 10 bytes of a SHA-256 over the schedule's id. Whoever makes it, and however often: it is one report.
    #[must_use]
    pub fn of_run(schedule: ScheduleId, due: Moment) -> Self {
        Self(timed(due, &Sha256::digest(schedule.to_string())))
    }

    /// Whether a schedule made it.
    #[must_use]
    pub fn is_run_of(self, schedule: ScheduleId) -> bool {
        self.mark_of_schedule() == Self::of_run(schedule, Moment::FIRST).mark_of_schedule()
    }

    /// What ids of all reports of one schedule have in common, and of no other; `None` where no schedule made it.
    #[must_use]
    pub fn mark_of_schedule(self) -> Option<[u8; 10]> {
        self.0.as_bytes().last_chunk().copied().filter(|_| self.0.get_version_num() == 8)
    }

    /// The time in it, which is whole milliseconds: of a schedule's report when it was due.
    #[must_use]
    pub fn at(self) -> Moment {
        let millis = self.0.as_bytes()[..6].iter().fold(0, |millis, byte| (millis << 8) | i64::from(*byte));
        Moment::from_millis(millis)
    }
}

impl DeliveryId {
    /// The id under which a webhook is told of an end of a report: a UUID of version 8 with 6 bytes of Unix milliseconds of the end, big endian,
    /// and then 10 bytes of a SHA-256 over webhook, report, attempt and event, as text joined by line feeds. Whoever sends it, and however
    /// often: a receiver knows it again.
    #[must_use]
    pub fn of(webhook: WebhookId, report: ReportId, attempt: i32, event: &str, happened_at: Moment) -> Self {
        let hash = Sha256::digest(format!("{webhook}\n{report}\n{attempt}\n{event}"));
        Self(timed(happened_at, &hash))
    }
}

/// A UUID of version 8: 6 bytes of Unix milliseconds, big endian, and then the first 10 of a hash.
fn timed(at: Moment, hash: &[u8]) -> Uuid {
    let millis = u64::try_from(at.as_millis()).unwrap_or(0).to_be_bytes();
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis[2..]);
    bytes[6..].copy_from_slice(&hash[..10]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_up_to_nineteen_digits_below_two_to_the_sixty_three() {
        assert_eq!("9223372036854775807".parse::<UserId>().map(UserId::get), Ok(i64::MAX as u64));
        assert_eq!("007".parse::<UserId>().map(UserId::get), Ok(7));
        for text in ["", "9223372036854775808", "00000000000000000001", "-1", "+1", " 1", "12a", "١"] {
            assert_eq!(text.parse::<UserId>(), Err(IdError::NotANumber), "{text:?}");
        }
    }

    #[test]
    fn tenant_is_a_slug() {
        assert!("acme-2".parse::<Tenant>().is_ok());
        for text in ["", "-acme", "acme-", "Acme", "a.b", "a\nb", &"a".repeat(64)] {
            assert_eq!(text.parse::<Tenant>(), Err(IdError::NotATenant), "{text:?}");
        }
    }

    #[test]
    fn report_of_a_schedule_has_one_id_that_sorts_by_time_and_tells_whose_it_is() {
        let schedule: ScheduleId = "0193a0b0-0000-7000-8000-000000000001".parse().unwrap();
        let at = |millis| ReportId::of_run(schedule, Moment::from_millis(millis));
        assert_eq!(at(1_793_491_200_000).to_string(), "01a19467-e800-81b1-b9b6-f2ad8eb75d16");
        assert_eq!(at(7), at(7));
        assert!(at(7) < at(8) && at(8) < ReportId::generate());
        assert!(at(7).is_run_of(schedule));
        assert!(!at(7).is_run_of(ScheduleId::generate()));
        assert!(!ReportId::generate().is_run_of(schedule));
        assert!(at(7).mark_of_schedule().is_some() && at(7).mark_of_schedule() == at(8).mark_of_schedule());
        assert_eq!(ReportId::generate().mark_of_schedule(), None);
        assert_eq!(at(1_793_491_200_000).at(), Moment::from_millis(1_793_491_200_000));
    }

    #[test]
    fn delivery_has_one_id_for_each_webhook_report_attempt_and_event() {
        let (webhook, report) = (WebhookId::generate(), ReportId::generate());
        let of = |attempt, event, millis| DeliveryId::of(webhook, report, attempt, event, Moment::from_millis(millis));
        let first = of(1, "report.failed", 7);
        assert_eq!(first, of(1, "report.failed", 7));
        let another = DeliveryId::of(WebhookId::generate(), report, 1, "report.failed", Moment::from_millis(7));
        for other in [of(2, "report.failed", 7), of(1, "report.expired", 7), of(1, "report.failed", 8), another] {
            assert_ne!(first, other);
        }
        assert!(first < of(1, "report.failed", 8), "by time");
    }
}
