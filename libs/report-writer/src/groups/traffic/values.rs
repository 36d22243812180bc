//! Measures of groups, folded part by part.

use std::collections::HashSet;

use traffic_query::Measure;

use super::columns::text;
use super::row::NOTHING;
use crate::groups::names::Names;
use crate::groups::number::push_number;
use crate::table::{Cell, CellType, TableColumn};

/// What a value that counts once takes, roughly, with the room that tables have.
const VALUE_BYTES: usize = 40;

/// Measures of all groups, each by the group's place.
#[derive(Debug)]
pub(super) struct Values {
    measures: Vec<(Measure, Fold)>,
    /// Of each group, where one of the measures is made of them. Exact: all are held.
    durations: Vec<Vec<u64>>,
    durations_bytes: usize,
    groups: usize,
}

#[derive(Debug)]
enum Fold {
    Sum(Vec<u128>),
    /// Values that count once, by their groups.
    Distinct(HashSet<(u32, u64)>),
    /// Holds durations for itself and other measures of them.
    Durations,
    /// Is made of what another holds.
    OfDurations,
}

impl Values {
    pub(super) fn new(measures: &[Measure]) -> Self {
        let first_of_durations = measures.iter().position(|it| hundredths(*it).is_some());
        let fold = |(place, measure): (usize, &Measure)| {
            let fold = match measure {
                Measure::Users | Measure::Devices | Measure::ClientAddresses | Measure::Addresses => {
                    Fold::Distinct(HashSet::new())
                }
                Measure::DurationP50 | Measure::DurationP95 if first_of_durations == Some(place) => Fold::Durations,
                Measure::DurationP50 | Measure::DurationP95 => Fold::OfDurations,
                Measure::Events
                | Measure::Connections
                | Measure::Succeeded
                | Measure::FailedDns
                | Measure::FailedOther
                | Measure::Denied
                | Measure::Bytes
                | Measure::BytesReceived
                | Measure::BytesTransferred => Fold::Sum(Vec::new()),
            };
            (*measure, fold)
        };
        let measures = measures.iter().enumerate().map(fold).collect();
        Self { measures, durations: Vec::new(), durations_bytes: 0, groups: 0 }
    }

    /// One more group, of nothing.
    pub(super) fn begin_group(&mut self) {
        self.groups += 1;
        for (_, fold) in &mut self.measures {
            match fold {
                Fold::Sum(sums) => sums.push(0),
                Fold::Durations => self.durations.push(Vec::new()),
                Fold::Distinct(_) | Fold::OfDurations => {}
            }
        }
    }

    /// Adds what a row adds to each measure.
    pub(super) fn add(&mut self, group: u32, parts: impl Iterator<Item = u64>) {
        let place = group as usize;
        for ((_, fold), part) in self.measures.iter_mut().zip(parts) {
            match fold {
                Fold::Sum(sums) => sums[place] += u128::from(part),
                Fold::Distinct(seen) if part != NOTHING => _ = seen.insert((group, part)),
                Fold::Durations if part != NOTHING => {
                    let durations = &mut self.durations[place];
                    let before = durations.capacity();
                    durations.push(part);
                    self.durations_bytes += (durations.capacity() - before) * size_of::<u64>();
                }
                Fold::Distinct(_) | Fold::Durations | Fold::OfDurations => {}
            }
        }
    }

    /// What a group has: sums in the order of measures, and then how many durations.
    pub(super) fn push_head(&self, out: &mut Vec<u8>, group: usize) {
        for (_, fold) in &self.measures {
            if let Fold::Sum(sums) = fold {
                push_number(out, sums[group]);
            }
        }
        push_number(out, self.durations.get(group).map_or(0, Vec::len) as u64);
    }

    /// The durations of a group in order, each with how often it came; forgets them.
    pub(super) fn take_durations(&mut self, group: usize) -> Vec<(u64, u64)> {
        let mut durations = self.durations.get_mut(group).map(std::mem::take).unwrap_or_default();
        durations.sort_unstable();
        durations.chunk_by(PartialEq::eq).map(|same| (same[0], same.len() as u64)).collect()
    }

    /// Of each measure the values that count once, by the rank of their group, and in it in order; forgets them.
    pub(super) fn take_distinct(&mut self, ranks: &[u32], names: &Names) -> Vec<Vec<(u32, u64)>> {
        let of_measure = |(measure, fold): &mut (Measure, Fold)| {
            let Fold::Distinct(seen) = fold else { return Vec::new() };
            let seen = std::mem::take(seen).into_iter();
            let mut all: Vec<_> = seen.map(|(group, value)| (ranks[group as usize], value)).collect();
            if is_text(*measure) {
                all.sort_unstable_by_key(|(rank, value)| (*rank, text(*value, names)));
            } else {
                all.sort_unstable();
            }
            all
        };
        self.measures.iter_mut().map(of_measure).collect()
    }

    pub(super) fn size_bytes(&self) -> usize {
        let of_fold = |(_, fold): &(Measure, Fold)| match fold {
            Fold::Sum(_) => 2 * size_of::<u128>() * self.groups,
            Fold::Distinct(seen) => seen.capacity() * VALUE_BYTES,
            Fold::Durations => self.durations_bytes + 2 * size_of::<Vec<u64>>() * self.groups,
            Fold::OfDurations => 0,
        };
        self.measures.iter().map(of_fold).sum()
    }
}

/// How many of a hundred durations are no longer.
pub(super) fn hundredths(measure: Measure) -> Option<u64> {
    match measure {
        Measure::DurationP50 => Some(50),
        Measure::DurationP95 => Some(95),
        _ => None,
    }
}

/// True where different values are counted.
pub(super) const fn is_distinct(measure: Measure) -> bool {
    matches!(measure, Measure::Users | Measure::Devices | Measure::ClientAddresses | Measure::Addresses)
}

/// True where those are numbers of texts.
pub(super) const fn is_text(measure: Measure) -> bool {
    matches!(measure, Measure::ClientAddresses | Measure::Addresses)
}

/// The cell of a measure; none where it is one of durations, and there are none.
pub(super) fn cell(measure: Measure, value: Option<u128>) -> Cell<'static> {
    match (value, measure) {
        (None, _) => Cell::Absent,
        (Some(sum), Measure::Bytes | Measure::BytesReceived | Measure::BytesTransferred) => Cell::Sum(sum),
        // Fewer than 2^64 rows, and a duration is a number of 64 bits.
        (Some(count), _) => Cell::Number(u64::try_from(count).unwrap_or(u64::MAX)),
    }
}

/// The column of a measure.
pub(super) fn column_of(measure: Measure) -> TableColumn {
    match measure {
        Measure::Bytes | Measure::BytesReceived | Measure::BytesTransferred => {
            TableColumn::required(measure.name(), CellType::Sum)
        }
        Measure::DurationP50 | Measure::DurationP95 => TableColumn::optional(measure.name(), CellType::Number),
        _ => TableColumn::required(measure.name(), CellType::Number),
    }
}
