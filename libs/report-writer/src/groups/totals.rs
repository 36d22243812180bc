//! What is counted of the connections of a group.

use std::io::Write;

use clickhouse_io::report::ConnectionColumns;
use schemas::connection_event::ConnectionStatus;

use crate::OddValue;
use crate::row::{self, AskedNames};

/// What became of a connection. Denied attempts are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Succeeded,
    FailedDns,
    FailedOther,
}

impl Outcome {
    /// That of a row.
    pub(super) fn of(columns: &ConnectionColumns<'_>, names: &AskedNames, row: usize) -> Result<Self, OddValue> {
        match row::status(columns, names, row)? {
            ConnectionStatus::Normal => Ok(Self::Succeeded),
            ConnectionStatus::DnsError => Ok(Self::FailedDns),
            ConnectionStatus::ConnectionFailed => Ok(Self::FailedOther),
            // They are not asked for.
            ConnectionStatus::AccessDenied => Err(OddValue("event_type")),
        }
    }

    /// With the path in the lowest byte of a record's flags.
    pub(super) fn flags(self, is_relayed: bool) -> u32 {
        let outcome = match self {
            Self::Succeeded => 0,
            Self::FailedDns => 1,
            Self::FailedOther => 2,
        };
        outcome << 1 | u32::from(is_relayed)
    }

    /// What became of it, and whether it was relayed.
    pub(super) fn of_flags(flags: u32) -> (Self, bool) {
        let outcome = match flags >> 1 & 3 {
            0 => Self::Succeeded,
            1 => Self::FailedDns,
            _ => Self::FailedOther,
        };
        (outcome, flags & 1 == 1)
    }
}

/// Connections of a group by what became of them.
#[derive(Debug, Default)]
pub(super) struct Totals {
    succeeded: u64,
    failed_dns: u64,
    failed_other: u64,
    /// Of those that succeeded, as are bytes. Sums of 64-bit numbers, exact beyond them.
    relayed: u64,
    transferred: u128,
    received: u128,
}

impl Totals {
    pub(super) fn add(&mut self, outcome: Outcome, is_relayed: bool, transferred: u64, received: u64) {
        match outcome {
            Outcome::FailedDns => self.failed_dns += 1,
            Outcome::FailedOther => self.failed_other += 1,
            Outcome::Succeeded => {
                self.succeeded += 1;
                self.relayed += u64::from(is_relayed);
                self.transferred += u128::from(transferred);
                self.received += u128::from(received);
            }
        }
    }

    pub(super) fn connections(&self) -> u64 {
        self.succeeded + self.failed_dns + self.failed_other
    }

    /// From `total_connections` to `bytes_received`, with a comma behind.
    pub(super) fn push_counts(&self, out: &mut Vec<u8>) {
        let Self { succeeded, failed_dns, failed_other, transferred, received, .. } = self;
        // A vector takes everything.
        let _ = write!(
            out,
            "{},{succeeded},{},{failed_dns},{failed_other},{},{transferred},{received},",
            self.connections(),
            failed_dns + failed_other,
            transferred + received
        );
    }

    /// `percent_relay` and `percent_p2p`, with a comma behind: relay rounded half up, p2p the rest. Empty where none succeeded.
    pub(super) fn push_percents(&self, out: &mut Vec<u8>) {
        let (relayed, succeeded) = (u128::from(self.relayed), u128::from(self.succeeded));
        let Some(hundredths) = (relayed * 20_000 + succeeded).checked_div(2 * succeeded) else {
            return out.extend_from_slice(b",,");
        };
        for share in [hundredths, 10_000 - hundredths] {
            let _ = write!(out, "{}.{:02},", share / 100, share % 100);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(totals: &Totals) -> String {
        let mut out = Vec::new();
        totals.push_counts(&mut out);
        totals.push_percents(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn bytes_are_exact_beyond_64_bits_and_those_of_failures_do_not_count() {
        let mut totals = Totals::default();
        for _ in 0..3 {
            totals.add(Outcome::Succeeded, false, u64::MAX / 2, u64::MAX / 2);
        }
        totals.add(Outcome::FailedDns, true, 5, 5);
        totals.add(Outcome::FailedOther, true, 5, 5);
        let expected = "5,3,2,1,1,55340232221128654842,27670116110564327421,27670116110564327421,0.00,100.00,";
        assert_eq!(written(&totals), expected);
    }

    #[test]
    fn percents_are_rounded_half_up_and_add_up() {
        for (relayed, succeeded, percents) in [
            (1, 3, "33.33,66.67,"),
            (1, 8, "12.50,87.50,"),
            (1, 800, "0.13,99.87,"),
            (0, 0, ",,"),
            (7, 7, "100.00,0.00,"),
        ] {
            let mut out = Vec::new();
            Totals { relayed, succeeded, ..Totals::default() }.push_percents(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), percents);
        }
    }
}
