//! Months of sub-blocks, and the split of a table's rows into them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemas::murmur2;

use crate::order::Group;

/// The most partitions of a table that one block touches: ClickHouse's own limit on an insert.
pub const TABLE_PARTITIONS_MAX: usize = 100;
/// Buckets of Remote Networks in a table: `kafkaMurmurHash(toString(remote_network_id)) % 16`.
const BUCKETS: u32 = 16;

/// The months of a sub-block, in UTC, first and last: it holds all rows of its range and table that ended in them, and no other.
/// Appended to the range's token they name the sub-block's rows completely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Months {
    first: u32,
    last: u32,
}

impl Months {
    pub(crate) fn contains(self, month: u32) -> bool {
        (self.first..=self.last).contains(&month)
    }
}

impl fmt::Display for Months {
    /// `202601-202611`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:06}-{:06}", self.first, self.last)
    }
}

/// The month of an hour since 1970, as `toYYYYMM` has it.
pub(crate) fn month_of(hour: u32) -> u32 {
    let second = i64::from(hour) * 3600;
    // Every hour that a row may have is a time.
    let time = jiff::Timestamp::from_second(second).unwrap_or_default();
    let date = jiff::tz::Offset::UTC.to_datetime(time);
    u32::from(date.year().unsigned_abs()) * 100 + u32::from(date.month().unsigned_abs())
}

/// The bucket of a Remote Network.
fn bucket(remote_network_id: u64) -> u32 {
    murmur2::partition(remote_network_id.to_string().as_bytes(), BUCKETS)
}

/// Splits rows of these groups so that no block touches more than [`TABLE_PARTITIONS_MAX`] partitions of the table: months are taken in
/// order while they fit. `None`: they all fit in one.
pub(crate) fn split<'a>(groups: impl Iterator<Item = &'a Group>) -> Option<Vec<Months>> {
    let mut networks_of_hours: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
    for group in groups {
        networks_of_hours.entry(group.hour).or_default().insert(group.remote_network_id);
    }
    let mut networks: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
    for (hour, found) in networks_of_hours {
        networks.entry(month_of(hour)).or_default().extend(found);
    }
    if networks.len() * BUCKETS as usize <= TABLE_PARTITIONS_MAX {
        return None;
    }
    let mut split: Vec<Months> = Vec::new();
    let mut touched = TABLE_PARTITIONS_MAX;
    for (month, networks) in networks {
        let buckets = networks.into_iter().map(bucket).collect::<BTreeSet<_>>().len();
        touched += buckets;
        match split.last_mut() {
            Some(months) if touched <= TABLE_PARTITIONS_MAX => months.last = month,
            _ => {
                split.push(Months { first: month, last: month });
                touched = buckets;
            }
        }
    }
    (split.len() > 1).then_some(split)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(hour: u32, remote_network_id: u64) -> Group {
        Group { hour, remote_network_id, ..Group::default() }
    }

    /// The first hour of each of the first months since 1970.
    fn months(count: u32) -> Vec<u32> {
        let mut hours = Vec::new();
        let mut hour = 0;
        while hours.len() < count as usize {
            if hours.last().is_none_or(|last| month_of(*last) != month_of(hour)) {
                hours.push(hour);
            }
            hour += 24;
        }
        hours
    }

    #[test]
    fn month_is_that_of_the_hour_in_utc() {
        // 2024-02-29 23:00, 2024-03-01 00:00, 2099-12-31 23:00.
        assert_eq!([0, 474_791, 474_792, 1_139_567].map(month_of), [197_001, 202_402, 202_403, 209_912]);
    }

    #[test]
    fn one_bucket_fits_a_hundred_months_and_no_more() {
        let groups = |count| months(count).into_iter().map(|hour| group(hour, 64_894)).collect::<Vec<_>>();
        assert_eq!(split(groups(100).iter()), None);
        let found = split(groups(101).iter()).unwrap();
        assert_eq!(found.iter().map(Months::to_string).collect::<Vec<_>>(), ["197001-197804", "197805-197805"]);
    }

    #[test]
    fn every_row_lies_in_exactly_one_sub_block_and_none_touches_too_many_partitions() {
        let groups: Vec<Group> =
            months(40).into_iter().flat_map(|hour| (0..40).map(move |network| group(hour, network * 7))).collect();
        let found = split(groups.iter()).unwrap();
        for each in &groups {
            assert_eq!(found.iter().filter(|months| months.contains(month_of(each.hour))).count(), 1);
        }
        for months in &found {
            let touched: BTreeSet<_> = groups
                .iter()
                .filter(|group| months.contains(month_of(group.hour)))
                .map(|group| (month_of(group.hour), bucket(group.remote_network_id)))
                .collect();
            assert!(touched.len() <= TABLE_PARTITIONS_MAX, "{}", touched.len());
        }
    }
}
