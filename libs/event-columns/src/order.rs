//! The order of the tables: `(tenant, hour of end_time, remote_network_id, end_time, event_id_tail, offset)`, one table after the other.

use std::cmp::Ordering;
use std::ops::Range;

use crate::columns::{Bits, Columns};
use crate::places::{Hashes, Places};
use crate::slots::{ESTABLISHED, text};

const HOUR_MICROS: i64 = 3_600_000_000;
/// Moves of insertion from which a group counts as out of order: for each of its rows, and for any group.
const MOVES_A_ROW: usize = 24;
const MOVES_MIN: usize = 64;

/// Rows that are alike in all of the key that comes before the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// Opened: a row of `connection_openings`.
    pub(crate) is_opening: bool,
    /// Place in the dictionary of tenants.
    pub(crate) tenant: u32,
    /// Hours since 1970.
    pub(crate) hour: u32,
    pub(crate) remote_network_id: u64,
}

/// Rows in the order of the tables: those of `connections` first.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    hashes: Hashes,
    places: Places,
    found: Vec<Group>,
    /// For each row its group, as found.
    group_of: Vec<u32>,
    /// Time and number of each row, to be sorted.
    keys: Vec<(i64, u32)>,
    /// The rows.
    pub(crate) rows: Vec<u32>,
    /// The groups in order, and where in `rows` theirs stand.
    pub(crate) groups: Vec<(Group, Range<usize>)>,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            hashes: Hashes::new(),
            places: Places::new(),
            found: Vec::new(),
            group_of: Vec::new(),
            keys: Vec::new(),
            rows: Vec::new(),
            groups: Vec::new(),
        }
    }
}

impl Order {
    /// Sorts anew. Times that lie nearly in order, as a partition's do, are cheap; any order comes out right.
    pub(crate) fn sort(&mut self, columns: &Columns) {
        self.find_groups(columns);
        let ranks = self.rank(columns);
        self.spread(columns, &ranks);
        for (_, range) in &self.groups {
            sort_group(&mut self.keys[range.clone()], columns);
        }
        self.rows.clear();
        self.rows.extend(self.keys.iter().map(|(_, row)| *row));
    }

    fn find_groups(&mut self, columns: &Columns) {
        self.places.clear();
        self.found.clear();
        self.group_of.clear();
        let tenants = &columns.text(text::TENANT).rows;
        let rows = columns.bits.iter().zip(&columns.end_time).zip(&columns.remote_network_id).zip(tenants);
        for (((bits, end_time), network), tenant) in rows {
            let group = Group {
                is_opening: Bits::event_type(*bits) == ESTABLISHED,
                tenant: *tenant,
                // Times lie from 1970 to 2099.
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 2^21")]
                hour: (end_time / HOUR_MICROS) as u32,
                remote_network_id: *network,
            };
            let words = [*network, u64::from(group.hour), u64::from(*tenant), u64::from(group.is_opening)];
            let hash = self.hashes.hash(words);
            let found = self.places.find(hash, |place| self.found[place as usize] == group);
            let place = found.unwrap_or_else(|| {
                #[expect(clippy::cast_possible_truncation, reason = "a range is bounded")]
                let place = self.found.len() as u32;
                self.found.push(group);
                self.places.add(hash, place);
                place
            });
            self.group_of.push(place);
        }
    }

    /// For each group that was found its rank among all.
    fn rank(&self, columns: &Columns) -> Vec<u32> {
        let tenants = columns.text(text::TENANT);
        let key = |place: &u32| {
            let group = &self.found[*place as usize];
            (group.is_opening, tenants.text(group.tenant), group.hour, group.remote_network_id)
        };
        #[expect(clippy::cast_possible_truncation, reason = "a range is bounded")]
        let mut sorted: Vec<u32> = (0..self.found.len() as u32).collect();
        sorted.sort_unstable_by(|left, right| key(left).cmp(&key(right)));
        let mut ranks = vec![0; sorted.len()];
        for (rank, place) in (0..).zip(sorted) {
            ranks[place as usize] = rank;
        }
        ranks
    }

    /// Counting sort: each row among those of its group, in the order in which they came.
    fn spread(&mut self, columns: &Columns, ranks: &[u32]) {
        let mut next = vec![0_usize; ranks.len() + 1];
        for group in &self.group_of {
            next[ranks[*group as usize] as usize + 1] += 1;
        }
        for rank in 0..ranks.len() {
            next[rank + 1] += next[rank];
        }
        self.groups.clear();
        self.groups.extend(next.windows(2).map(|ends| (Group::default(), ends[0]..ends[1])));
        for (group, rank) in self.found.iter().zip(ranks) {
            self.groups[*rank as usize].0 = *group;
        }
        self.keys.resize(self.group_of.len(), (0, 0));
        for ((row, group), end_time) in (0..).zip(&self.group_of).zip(&columns.end_time) {
            let place = &mut next[ranks[*group as usize] as usize];
            self.keys[*place] = (*end_time, row);
            *place += 1;
        }
    }
}

fn compare(columns: &Columns, left: (i64, u32), right: (i64, u32)) -> Ordering {
    let rest = |row: u32| (columns.event_id_tail[row as usize], columns.kafka_offset[row as usize]);
    left.0.cmp(&right.0).then_with(|| rest(left.1).cmp(&rest(right.1)))
}

/// Sorts the rows of one group by time, id and offset: by insertion while that is cheap.
fn sort_group(keys: &mut [(i64, u32)], columns: &Columns) {
    let moves_max = keys.len() * MOVES_A_ROW + MOVES_MIN;
    let mut moves = 0;
    for at in 1..keys.len() {
        let key = keys[at];
        let mut place = at;
        while place > 0 && keys[place - 1].0 >= key.0 && compare(columns, keys[place - 1], key).is_gt() {
            keys[place] = keys[place - 1];
            place -= 1;
        }
        keys[place] = key;
        moves += at - place;
        if moves > moves_max {
            keys.sort_unstable_by(|left, right| compare(columns, *left, *right));
            return;
        }
    }
}
