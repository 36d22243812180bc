//! Numeric ids, tenants and report ids: newtypes with one checked constructor each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

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

/// One report. A UUID of version 7, so that ids sort by the time they were asked for. Text in Avro.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReportId(Uuid);

impl ReportId {
    /// The id of a report that is asked for now.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl FromStr for ReportId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Uuid::parse_str(text).map(Self).map_err(|_| IdError::NotAReportId)
    }
}

impl TryFrom<String> for ReportId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<ReportId> for String {
    fn from(id: ReportId) -> Self {
        id.0.to_string()
    }
}

impl fmt::Display for ReportId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
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
}
