//! A moment in UTC, in microseconds: `timestamp-micros` in Avro, `DateTime64(6, 'UTC')` in ClickHouse.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z. Serialized as that number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(i64);

impl Moment {
    /// 1970-01-01T00:00:00Z, the first moment an event may have.
    pub const FIRST: Self = Self(0);
    /// 2100-01-01T00:00:00Z, the first moment that no event may have.
    pub const END: Self = Self(4_102_444_800_000_000);

    /// From microseconds since 1970.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From milliseconds since 1970; saturates at the ends of the type.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// Microseconds since 1970.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since 1970, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Now, by the system's clock.
    #[must_use]
    pub fn now() -> Self {
        SystemTime::now().into()
    }
}

impl From<SystemTime> for Moment {
    /// As a clock says it; 1970 for what is before, and the type's end for what is beyond.
    fn from(time: SystemTime) -> Self {
        let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX))
    }
}
