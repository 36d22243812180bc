//! Traffic: measures of each group that occurs, by bucket and dimensions, as a table. Bucket by bucket, in each most of the first measure
//! first, then by what the group is made by.

mod columns;
mod key;
mod row;
mod rows;
mod values;

use std::cmp::Ordering;
use std::collections::HashMap;

use clickhouse_io::report::{Column, ColumnSet, ConnectionColumns};
use jiff::tz::TimeZone;
use schemas::times::Moment;
use traffic_query::{Bucket, Dimension, TABLE_BY_MAX, TableQuery};

use self::row::{BlockTexts, Row, reads_of_dimension, reads_of_measure};
use self::rows::{DURATION, TrafficRows};
use self::values::Values;
use super::names::Names;
use super::number::push_number;
use super::{GroupRows, GroupWriter, HEAD, ranks};
use crate::line::Line;
use crate::table::{SortedBy, TableColumn};
use crate::{LineWriter, OddValue};

/// What a group takes beside its values, roughly: itself, its place in a table that has room, and in the order at the end.
const GROUP_BYTES: usize = 5 * size_of::<Group>();
/// What the name of an id takes, roughly.
const NAME_BYTES: usize = 32;

/// Folds rows by bucket and dimensions.
#[derive(Debug)]
pub struct TrafficWriter {
    query: TableQuery,
    record: Vec<u8>,
    line: Line,
    texts: BlockTexts,
    names: Names,
    buckets: Option<Buckets>,
    places: HashMap<Group, u32>,
    groups: Vec<Group>,
    values: Values,
    /// Of each dimension, by id, the name of the newest connection.
    newest: Vec<HashMap<u64, u32>>,
}

/// What connections have in common: the beginning of their bucket, microseconds, and a key for each dimension.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Group {
    bucket: u64,
    keys: [u64; TABLE_BY_MAX],
}

/// Finds the bucket of a row. Rows come in order of time: nearly always it is that of the row before.
#[derive(Debug)]
struct Buckets {
    width: Bucket,
    zone: TimeZone,
    last: (Moment, Moment),
}

impl Buckets {
    /// Its beginning, microseconds; no report has a time before 1970.
    fn of(&mut self, end_micros: u64) -> u64 {
        let end = Moment::from_micros(end_micros.cast_signed());
        if !(self.last.0..self.last.1).contains(&end) {
            // Zones know all times that an event may have.
            self.last = self.width.around(end, &self.zone).unwrap_or((end, end));
        }
        self.last.0.max(Moment::FIRST).as_micros().unsigned_abs()
    }
}

impl TrafficWriter {
    /// `zone`: that of days, weeks and months.
    #[must_use]
    pub fn new(query: TableQuery, zone: TimeZone) -> Self {
        let buckets = query.bucket().map(|width| Buckets { width, zone, last: (Moment::FIRST, Moment::FIRST) });
        Self {
            record: Vec::new(),
            line: Line::default(),
            texts: BlockTexts::default(),
            names: Names::default(),
            buckets,
            places: HashMap::new(),
            groups: Vec::new(),
            values: Values::new(query.measures()),
            newest: vec![HashMap::new(); query.by().len()],
            query,
        }
    }

    /// Keys of the names that ids have here, the newest one of each.
    fn give_names(&self, take: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> bool {
        let mut key = Vec::new();
        self.newest.iter().enumerate().all(|(place, newest)| {
            let mut newest: Vec<_> = newest.iter().collect();
            newest.sort_unstable();
            newest.into_iter().all(|(id, name)| {
                key.clear();
                key::push_name(&mut key, place, *id);
                take(&key, self.names.text(*name))
            })
        })
    }

    /// Of each group what was counted, the values that count once, and durations.
    fn give_groups(&mut self, take: &mut dyn FnMut(&[u8], &[u8]) -> bool) {
        let Self { query, groups, names, values, .. } = self;
        let mut order: Vec<u32> = (0..).zip(&*groups).map(|(place, _)| place).collect();
        let group = |place: u32| &groups[place as usize];
        order.sort_unstable_by(|one, other| group(*one).compare(group(*other), query.by(), names));
        let distinct = values.take_distinct(&ranks(&order), names);
        let mut distinct: Vec<_> = distinct.into_iter().map(|all| all.into_iter().peekable()).collect();
        let (mut key, mut value) = (Vec::new(), Vec::new());
        for (rank, place) in (0..).zip(order) {
            key.clear();
            key::push_group(&mut key, group(place), query.by(), names);
            let own = key.len();
            let mut give = |part, of_part: &[u8], value: &[u8]| {
                key.truncate(own);
                key.push(part);
                key.extend_from_slice(of_part);
                take(&key, value)
            };
            value.clear();
            values.push_head(&mut value, place as usize);
            if !give(HEAD, &[], &value) {
                return;
            }
            for ((part, measure), all) in (1..).zip(query.measures()).zip(&mut distinct) {
                while let Some((_, of_measure)) = all.next_if(|it| it.0 == rank) {
                    let number = of_measure.to_be_bytes();
                    let is_text = values::is_text(*measure);
                    let of_measure = if is_text { columns::text(of_measure, names) } else { &number };
                    if !give(part, of_measure, &[]) {
                        return;
                    }
                }
            }
            for (duration, count) in values.take_durations(place as usize) {
                value.clear();
                push_number(&mut value, count);
                if !give(DURATION, &duration.to_be_bytes(), &value) {
                    return;
                }
            }
        }
    }
}

impl Group {
    fn compare(&self, other: &Self, by: &[Dimension], names: &Names) -> Ordering {
        let mut keys = by.iter().zip(self.keys.iter().zip(&other.keys));
        self.bucket.cmp(&other.bucket).then_with(|| {
            let different = keys.find_map(|(by, (left, right))| {
                Some(columns::compare(*by, *left, *right, names)).filter(|it| it.is_ne())
            });
            different.unwrap_or(Ordering::Equal)
        })
    }
}

impl LineWriter for TrafficWriter {
    fn columns(&self) -> ColumnSet {
        let of_keys = self.query.by().iter().flat_map(|by| reads_of_dimension(*by));
        let of_measures = self.query.measures().iter().flat_map(|measure| reads_of_measure(*measure));
        of_keys.chain(of_measures).fold(ColumnSet::of(&[Column::EventType]), |all, column| all.with(*column))
    }

    fn block(&mut self, columns: &ConnectionColumns<'_>) {
        self.texts.fill(columns, &mut self.names);
    }

    /// End time, for each dimension its key and the number of its name, and for each measure what the row adds to it.
    fn line(&mut self, columns: &ConnectionColumns<'_>, row: usize) -> Result<&[u8], OddValue> {
        let Self { query, record, line, texts, names, .. } = self;
        record.clear();
        let mut push = |word: u64| record.extend_from_slice(&word.to_le_bytes());
        push(crate::row::end(columns, row)?);
        let mut of_row = Row { columns, row, texts, names, line };
        for by in query.by() {
            push(of_row.key(*by)?);
            push(of_row.name(*by).unwrap_or_default().into());
        }
        for measure in query.measures() {
            push(of_row.part(*measure)?);
        }
        Ok(record)
    }
}

impl GroupWriter for TrafficWriter {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "groups are fewer than 2^32: they fit memory; names are numbers of 32 bits"
    )]
    fn add(&mut self, record: &[u8]) {
        let (words, _) = record.as_chunks::<8>();
        let mut words = words.iter().map(|word| u64::from_le_bytes(*word));
        let mut word = || words.next().unwrap_or_default();
        let end = word();
        let mut group = Group { bucket: self.buckets.as_mut().map_or(0, |it| it.of(end)), ..Group::default() };
        for ((by, newest), key) in self.query.by().iter().zip(&mut self.newest).zip(&mut group.keys) {
            let name;
            (*key, name) = (word(), word());
            if columns::has_name(*by) {
                newest.insert(*key, name as u32);
            }
        }
        let place = *self.places.entry(group).or_insert_with(|| {
            self.groups.push(group);
            self.values.begin_group();
            self.groups.len() as u32 - 1
        });
        self.values.add(place, words);
    }

    fn size_bytes(&self) -> usize {
        let names: usize = self.newest.iter().map(|it| it.capacity() * NAME_BYTES).sum();
        self.names.size_bytes() + names + self.values.size_bytes() + self.groups.len() * GROUP_BYTES
    }

    fn table(&self) -> Vec<TableColumn> {
        let bucket = self.query.bucket().map(columns::of_bucket);
        let of_keys = self.query.by().iter().flat_map(|by| columns::of_dimension(*by));
        let of_measures = self.query.measures().iter().map(|measure| values::column_of(*measure));
        bucket.into_iter().chain(of_keys).chain(of_measures).collect()
    }

    fn order(&self) -> Vec<SortedBy> {
        let bucket = self.query.bucket().map(|bucket| SortedBy { name: bucket.name(), is_descending: false });
        let most = self.query.measures().first().map(|it| SortedBy { name: it.name(), is_descending: true });
        bucket.into_iter().chain(most).collect()
    }

    fn give(&mut self, take: &mut dyn FnMut(&[u8], &[u8]) -> bool) {
        self.places.clear();
        if self.give_names(take) {
            self.give_groups(take);
        }
        self.groups.clear();
        self.values = Values::new(self.query.measures());
        self.newest.iter_mut().for_each(HashMap::clear);
        self.names = Names::default();
    }

    fn rows(&self, names_bytes_max: usize) -> Box<dyn GroupRows> {
        Box::new(TrafficRows::new(self.query.clone(), names_bytes_max))
    }

    fn named(&self) -> Vec<usize> {
        let mut next = usize::from(self.query.bucket().is_some());
        let of_dimension = |by: &Dimension| {
            let first = next;
            next += columns::of_dimension(*by).len();
            first
        };
        self.query.by().iter().map(of_dimension).collect()
    }
}
