//! Rows of what was counted of groups.

use std::collections::HashMap;

use traffic_query::{Measure, TableQuery};

use super::columns;
use super::key::{GROUP, Key, NAME, take_group, take_name};
use super::values::{cell, hundredths, is_distinct};
use crate::groups::naming::{NamedId, named_id};
use crate::groups::number::{take_count, take_number};
use crate::groups::row_sorter::RowSorter;
use crate::groups::run::BadRun;
use crate::groups::top_ten::Distinct;
use crate::groups::{GroupRows, HEAD, TakeRow};
use crate::table::Cell;

/// What the name of an id takes beside its bytes, roughly.
const NAME_BYTES: usize = 64;
/// Behind a group in the key of a duration; each measure of values that count once has a number of its own from 1 on.
pub(super) const DURATION: u8 = 0xff;

/// Makes a row of what was counted of one group. Holds names of ids, as far as they fit: what is newest of one is that of the whole
/// report. They come before all groups; those of the ids that are left are given away, and rows that want one too.
#[derive(Debug)]
pub(super) struct TrafficRows {
    query: TableQuery,
    names: HashMap<NamedId, Box<[u8]>>,
    names_bytes: usize,
    names_bytes_max: usize,
    /// The last id, whose name may have a newer one behind it.
    naming: Option<(NamedId, Box<[u8]>)>,
    /// From this id on no name is held.
    given_from: Option<NamedId>,
    given: RowSorter,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// Its key, without what it begins with.
    key: Vec<u8>,
    bucket: u64,
    keys: Vec<Key>,
    values: Vec<Value>,
    durations: u64,
    durations_seen: u64,
}

#[derive(Debug)]
enum Value {
    Sum(u128),
    Distinct(Distinct),
    /// Which of a hundred durations it is, and that one.
    Duration(u64, Option<u64>),
}

impl TrafficRows {
    pub(super) fn new(query: TableQuery, names_bytes_max: usize) -> Self {
        Self {
            query,
            names: HashMap::new(),
            names_bytes: 0,
            names_bytes_max,
            naming: None,
            given_from: None,
            given: RowSorter::default(),
            open: None,
        }
    }

    fn name(&mut self, key: &[u8], name: &[u8]) -> Option<()> {
        let (place, id) = take_name(key).filter(|(place, _)| *place < self.query.by().len())?;
        let of = named_id(place, id);
        // The last one is the newest.
        match &mut self.naming {
            Some((open, newest)) if *open == of => *newest = name.into(),
            _ => {
                self.end_name();
                self.naming = Some((of, name.into()));
            }
        }
        Some(())
    }

    fn end_name(&mut self) {
        let Some((of, name)) = self.naming.take() else { return };
        let takes = name.len() + NAME_BYTES;
        if self.given_from.is_none() && self.names_bytes + takes <= self.names_bytes_max {
            self.names_bytes += takes;
            self.names.insert(of, name);
        } else {
            self.given_from.get_or_insert(of);
            self.given.push_pair(&[&of], &name);
        }
    }

    fn row(&mut self, open: &Open, take: TakeRow<'_>) {
        let first = open.values.first().and_then(Value::get);
        // Most first, and what has none last.
        let most = [&[u8::from(first.is_none())][..], &(!first.unwrap_or_default()).to_be_bytes()].concat();
        let (bucket, keys) = open.key.split_at(size_of::<u64>());
        let sorted_by = [bucket, &most, keys].concat();
        let mut cells = Vec::with_capacity(2 * open.keys.len() + 1 + open.values.len());
        cells.extend(self.query.bucket().map(|_| Cell::Time(open.bucket)));
        for (place, (by, key)) in self.query.by().iter().zip(&open.keys).enumerate() {
            let name = |id: &u64| {
                let of = named_id(place, *id);
                if self.given_from.is_some_and(|from| from <= of) {
                    self.given.push_pair(&[&of, &sorted_by], &[]);
                }
                self.names.get(&of).map(|name| &**name).unwrap_or_default()
            };
            columns::push_cells(&mut cells, *by, key, name);
        }
        let measures = self.query.measures().iter().zip(&open.values);
        cells.extend(measures.map(|(measure, value)| cell(*measure, value.get())));
        take(&sorted_by, &cells);
    }
}

impl Value {
    fn new(measure: Measure) -> Self {
        match hundredths(measure) {
            Some(hundredths) => Self::Duration(hundredths, None),
            None if is_distinct(measure) => Self::Distinct(Distinct::default()),
            None => Self::Sum(0),
        }
    }

    /// None where it is one of durations, and there are none.
    fn get(&self) -> Option<u128> {
        match self {
            Self::Sum(sum) => Some(*sum),
            Self::Distinct(distinct) => Some(distinct.count.into()),
            Self::Duration(_, duration) => duration.map(u128::from),
        }
    }
}

impl Open {
    /// Sums in the order of measures, then how many durations there are.
    fn head(&mut self, mut rest: &[u8]) -> Option<()> {
        for value in &mut self.values {
            if let Value::Sum(sum) = value {
                *sum = sum.checked_add(take_number(&mut rest)?)?;
            }
        }
        self.durations = self.durations.checked_add(take_count(&mut rest)?)?;
        Some(())
    }

    /// So many more of one length; they come in order, when it is known how many there are.
    fn duration(&mut self, key: &[u8], mut value: &[u8]) -> Option<()> {
        let (duration, count) = (u64::from_be_bytes(key.try_into().ok()?), take_count(&mut value)?);
        let seen = self.durations_seen..self.durations_seen.checked_add(count)?;
        self.durations_seen = seen.end;
        let (durations, seen) = (u128::from(self.durations), u128::from(seen.start)..u128::from(seen.end));
        for value in &mut self.values {
            if let Value::Duration(hundredths, wanted) = value
                && seen.contains(&(durations * u128::from(*hundredths) / 100))
            {
                *wanted = Some(duration);
            }
        }
        Some(())
    }

    fn distinct(&mut self, part: u8, value: &[u8]) -> Option<()> {
        match self.values.get_mut(usize::from(part.checked_sub(1)?))? {
            Value::Distinct(distinct) => {
                distinct.add(value);
                Some(())
            }
            Value::Sum(_) | Value::Duration(..) => None,
        }
    }
}

impl GroupRows for TrafficRows {
    fn add(&mut self, key: &[u8], value: &[u8], take: TakeRow<'_>) -> Result<(), BadRun> {
        let (kind, rest) = key.split_first().ok_or(BadRun)?;
        match *kind {
            NAME => return self.name(rest, value).ok_or(BadRun),
            GROUP => self.end_name(),
            _ => return Err(BadRun),
        }
        let is_open = self.open.as_ref().is_some_and(|open| rest.starts_with(&open.key));
        if !is_open {
            self.end(take);
        }
        let open = match &mut self.open {
            Some(open) => open,
            none => {
                let mut behind = rest;
                let (bucket, keys) = take_group(&mut behind, self.query.by()).ok_or(BadRun)?;
                let values = self.query.measures().iter().map(|measure| Value::new(*measure)).collect();
                let key = rest[..rest.len() - behind.len()].to_vec();
                none.insert(Open { key, bucket, keys, values, durations: 0, durations_seen: 0 })
            }
        };
        let added = match rest[open.key.len()..].split_first() {
            Some((&HEAD, [])) => open.head(value),
            Some((&DURATION, duration)) => open.duration(duration, value),
            Some((&part, distinct)) => open.distinct(part, distinct),
            None => None,
        };
        added.ok_or(BadRun)
    }

    fn end(&mut self, take: TakeRow<'_>) {
        if let Some(open) = self.open.take() {
            self.row(&open, take);
        }
    }

    fn names(&mut self) -> Option<&mut RowSorter> {
        Some(&mut self.given).filter(|given| !given.is_empty())
    }
}
