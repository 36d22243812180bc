//! What is counted of the connections of a group.

use clickhouse_io::report::ConnectionColumns;
use schemas::connection_event::ConnectionStatus;

use super::number::{push_number, take_count, take_number};
use crate::OddValue;
use crate::row::{self, AskedNames};
use crate::table::{Cell, CellType, SortedBy, TableColumn};

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

    /// Appends them.
    pub(super) fn push(&self, out: &mut Vec<u8>) {
        for count in [self.succeeded, self.failed_dns, self.failed_other, self.relayed] {
            push_number(out, count);
        }
        push_number(out, self.transferred);
        push_number(out, self.received);
    }

    /// Adds what was appended; none where there can be no such connections.
    pub(super) fn take(&mut self, rest: &mut &[u8]) -> Option<()> {
        for count in [&mut self.succeeded, &mut self.failed_dns, &mut self.failed_other, &mut self.relayed] {
            *count = count.checked_add(take_count(rest)?)?;
        }
        for sum in [&mut self.transferred, &mut self.received] {
            *sum = sum.checked_add(take_number(rest)?)?;
        }
        self.succeeded.checked_add(self.failed_dns)?.checked_add(self.failed_other)?;
        self.transferred.checked_add(self.received)?;
        (self.relayed <= self.succeeded).then_some(())
    }

    pub(super) fn connections(&self) -> u64 {
        self.succeeded + self.failed_dns + self.failed_other
    }

    /// From `total_connections` to `bytes_received`: [`COUNTS`].
    pub(super) fn counts(&self) -> [Cell<'static>; 8] {
        let Self { succeeded, failed_dns, failed_other, transferred, received, .. } = *self;
        [
            Cell::Number(self.connections()),
            Cell::Number(succeeded),
            Cell::Number(failed_dns + failed_other),
            Cell::Number(failed_dns),
            Cell::Number(failed_other),
            Cell::Sum(transferred + received),
            Cell::Sum(transferred),
            Cell::Sum(received),
        ]
    }

    /// `percent_relay` and `percent_p2p`: relay rounded half up, p2p the rest. Absent where none succeeded.
    pub(super) fn percents(&self) -> [Cell<'static>; 2] {
        let (relayed, succeeded) = (self.relayed, self.succeeded);
        let hundredths = (u128::from(relayed) * 20_000 + u128::from(succeeded)).checked_div(2 * u128::from(succeeded));
        // Of ten thousand at most.
        match hundredths.and_then(|it| u64::try_from(it).ok()) {
            Some(hundredths) => [Cell::Percent(hundredths), Cell::Percent(10_000 - hundredths)],
            None => [Cell::Absent; 2],
        }
    }
}

/// Columns of [`Totals::counts`].
pub(super) const COUNTS: [TableColumn; 8] = [
    TableColumn::required("total_connections", CellType::Number),
    TableColumn::required("success_connections", CellType::Number),
    TableColumn::required("failed_connections", CellType::Number),
    TableColumn::required("failed_connections_dns", CellType::Number),
    TableColumn::required("failed_connections_other", CellType::Number),
    TableColumn::required("total_bytes", CellType::Sum),
    TableColumn::required("bytes_transferred", CellType::Sum),
    TableColumn::required("bytes_received", CellType::Sum),
];
/// Most connections first.
pub(super) const MOST_CONNECTIONS: SortedBy = SortedBy { name: COUNTS[0].name, is_descending: true };
/// Columns of [`Totals::percents`].
pub(super) const PERCENTS: [TableColumn; 2] = [
    TableColumn::optional("percent_relay", CellType::Percent),
    TableColumn::optional("percent_p2p", CellType::Percent),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CsvOptions;
    use crate::groups::csv::push_row;

    fn written(totals: &Totals) -> String {
        let mut out = Vec::new();
        push_row(&mut out, &[totals.counts().as_slice(), &totals.percents()].concat(), CsvOptions::default());
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
        let expected = "5,3,2,1,1,55340232221128654842,27670116110564327421,27670116110564327421,0.00,100.00\n";
        assert_eq!(written(&totals), expected);
    }

    #[test]
    fn totals_of_pieces_are_those_of_all() {
        let (mut one, mut other, mut out) = (Totals::default(), Totals::default(), Vec::new());
        one.add(Outcome::Succeeded, true, u64::MAX, 3);
        one.add(Outcome::FailedDns, false, 5, 5);
        other.add(Outcome::Succeeded, false, u64::MAX, 4);
        other.add(Outcome::FailedOther, false, 5, 5);
        one.push(&mut out);
        other.take(&mut &out[..]).unwrap();
        assert_eq!(written(&other), "4,2,2,1,1,36893488147419103237,36893488147419103230,7,50.00,50.00\n");
        assert_eq!(Totals::default().take(&mut &out[1..]), None);
    }

    #[test]
    fn counts_that_no_connections_have_are_refused() {
        let taken = |numbers: [u128; 6]| {
            let mut out = Vec::new();
            numbers.into_iter().for_each(|number| push_number(&mut out, number));
            Totals::default().take(&mut &out[..])
        };
        assert_eq!(taken([1, 2, 3, 1, 5, 6]), Some(()));
        let most = u128::from(u64::MAX);
        assert_eq!(taken([1, 2, 3, 2, 5, 6]), None, "more relayed than there are");
        assert_eq!(taken([most, 1, 0, 1, 5, 6]), None, "more than can be counted");
        assert_eq!(taken([1, 0, 0, 1, u128::MAX, 1]), None);
        assert_eq!(taken([most + 1, 0, 0, 1, 5, 6]), None);
    }

    #[test]
    fn percents_are_rounded_half_up_and_add_up() {
        for (relayed, succeeded, percents) in [
            (1, 3, ",33.33,66.67\n"),
            (1, 8, ",12.50,87.50\n"),
            (1, 800, ",0.13,99.87\n"),
            (0, 0, ",,\n"),
            (7, 7, ",100.00,0.00\n"),
        ] {
            let written = written(&Totals { relayed, succeeded, ..Totals::default() });
            assert!(written.ends_with(percents), "{written}");
        }
    }
}
