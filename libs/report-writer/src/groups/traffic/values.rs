//! Measures of groups, folded part by part.

use std::collections::HashSet;

use traffic_query::Measure;

use super::row::NOTHING;
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
    /// Values that count once, and how many each group has.
    Distinct(HashSet<(u32, u64)>, Vec<u64>),
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
                    Fold::Distinct(HashSet::new(), Vec::new())
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
                Fold::Distinct(_, counts) => counts.push(0),
                Fold::Durations => self.durations.push(Vec::new()),
                Fold::OfDurations => {}
            }
        }
    }

    /// Adds what a row adds to each measure.
    pub(super) fn add(&mut self, group: u32, parts: impl Iterator<Item = u64>) {
        let place = group as usize;
        for ((_, fold), part) in self.measures.iter_mut().zip(parts) {
            match fold {
                Fold::Sum(sums) => sums[place] += u128::from(part),
                Fold::Distinct(seen, counts) => {
                    counts[place] += u64::from(part != NOTHING && seen.insert((group, part)));
                }
                Fold::Durations if part != NOTHING => {
                    let durations = &mut self.durations[place];
                    let before = durations.capacity();
                    durations.push(part);
                    self.durations_bytes += (durations.capacity() - before) * size_of::<u64>();
                }
                Fold::Durations | Fold::OfDurations => {}
            }
        }
    }

    /// A measure of a group, by the places of both; none where it is one of durations, and there are none.
    pub(super) fn value(&mut self, measure: usize, group: usize) -> Option<u128> {
        let (measure, fold) = &self.measures[measure];
        match fold {
            Fold::Sum(sums) => Some(sums[group]),
            Fold::Distinct(_, counts) => Some(counts[group].into()),
            Fold::Durations | Fold::OfDurations => {
                let durations = &mut self.durations[group];
                let place = durations.len() * hundredths(*measure)? / 100;
                (place < durations.len()).then(|| (*durations.select_nth_unstable(place).1).into())
            }
        }
    }

    /// The measures of a group, in their order.
    pub(super) fn cells(&mut self, group: usize) -> Vec<Cell<'static>> {
        let measures = self.measures.len();
        let cell = |place| match (self.value(place, group), self.measures[place].0) {
            (None, _) => Cell::Absent,
            (Some(sum), Measure::Bytes | Measure::BytesReceived | Measure::BytesTransferred) => Cell::Sum(sum),
            // Fewer than 2^64 rows, and a duration is a number of 64 bits.
            (Some(count), _) => Cell::Number(u64::try_from(count).unwrap_or(u64::MAX)),
        };
        (0..measures).map(cell).collect()
    }

    pub(super) fn size_bytes(&self) -> usize {
        let of_fold = |(_, fold): &(Measure, Fold)| match fold {
            Fold::Sum(_) => 2 * size_of::<u128>() * self.groups,
            Fold::Distinct(seen, _) => seen.capacity() * VALUE_BYTES + 2 * size_of::<u64>() * self.groups,
            Fold::Durations => self.durations_bytes + 2 * size_of::<Vec<u64>>() * self.groups,
            Fold::OfDurations => 0,
        };
        self.measures.iter().map(of_fold).sum()
    }
}

/// How many of a hundred durations are no longer.
fn hundredths(measure: Measure) -> Option<usize> {
    match measure {
        Measure::DurationP50 => Some(50),
        Measure::DurationP95 => Some(95),
        _ => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(measures: &[Measure], rows: &[&[u64]]) -> Values {
        let mut values = Values::new(measures);
        values.begin_group();
        rows.iter().for_each(|parts| values.add(0, parts.iter().copied()));
        values
    }

    #[test]
    fn sums_are_exact_beyond_64_bits_and_values_count_once() {
        let measures = [Measure::Bytes, Measure::Devices];
        let mut values = folded(&measures, &[&[u64::MAX - 1, 7], &[u64::MAX - 1, 7], &[0, NOTHING], &[1, 8]]);
        assert_eq!(values.cells(0), [Cell::Sum(2 * u128::from(u64::MAX) - 1), Cell::Number(2)]);
        values.begin_group();
        values.add(1, [5, 7].into_iter());
        assert_eq!(values.cells(1), [Cell::Sum(5), Cell::Number(1)], "what another group has seen is new to this one");
    }

    #[test]
    fn durations_are_those_of_the_engine_and_held_once() {
        let measures = [Measure::DurationP95, Measure::DurationP50];
        let rows: Vec<[u64; 2]> = (1..=20).rev().map(|duration| [duration, duration]).collect();
        let rows: Vec<&[u64]> = rows.iter().map(|row| &row[..]).collect();
        // quantileExact takes the one behind so many of all.
        assert_eq!(folded(&measures, &rows).cells(0), [Cell::Number(20), Cell::Number(11)]);
        assert_eq!(folded(&measures, &rows[1..2]).cells(0), [Cell::Number(19), Cell::Number(19)]);
        assert_eq!(folded(&measures, &[&[NOTHING, NOTHING]]).cells(0), [Cell::Absent, Cell::Absent]);
        let (both, one) = (folded(&measures, &rows), folded(&measures[..1], &rows));
        assert_eq!(both.size_bytes(), one.size_bytes());
    }
}
