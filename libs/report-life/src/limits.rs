//! Section `limits`: what one tenant may ask for. The exporter holds to it whoever asks; the console says it before.

use serde::{Deserialize, Serialize};
use service_kit::config::{RangeError, Validate, in_range};

/// Of each tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Reports that one exporter makes at once, 1 to 64; others wait.
    pub running: usize,
    /// Reports that wait or are made, 1 to 500; others are refused.
    pub open: usize,
    /// Rows of reports a day of UTC, 1 or more.
    pub rows_a_day: u64,
    /// Bytes of files a day of UTC, 1 or more.
    pub bytes_a_day: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { running: 2, open: 50, rows_a_day: 10_000_000_000, bytes_a_day: 2_000_000_000_000 }
    }
}

impl Validate for Limits {
    fn validate(&self) -> Result<(), RangeError> {
        in_range("running", self.running, 1..=64)?;
        in_range("open", self.open, 1..=500)?;
        in_range("rows_a_day", self.rows_a_day, 1..=u64::MAX)?;
        in_range("bytes_a_day", self.bytes_a_day, 1..=u64::MAX)
    }
}
