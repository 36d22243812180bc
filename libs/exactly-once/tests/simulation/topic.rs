//! One partition of the topic: rows, records that a decoder refuses, rows that the engine refuses, markers; and what two versions
//! of the encoder make of them.

use rand::Rng;
use rand::rngs::StdRng;

/// Partitions of each table.
const PARTS: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// No record: a marker of a transaction, or compacted away before anybody read it.
    Marker,
    Row,
    /// A row for every encoder; the engine refuses it.
    Poison,
    /// Refused by these encoders.
    RefusedBy(&'static [u32]),
}

/// Where a row lies in the store: what is inserted into one place is stored there as a whole or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) table: u8,
    pub(crate) part: u8,
}

pub(crate) struct Topic {
    records: Vec<(Kind, Place, bool)>,
    vanished: Vec<bool>,
    /// What has been written so far.
    pub(crate) written: i64,
}

/// What comes next to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Record(i64),
    /// No record lies before this offset.
    End(i64),
}

impl Topic {
    pub(crate) fn new(random: &mut StdRng) -> Self {
        let len = random.random_range(4..24);
        // Some are plain, some have a bit of everything, some are full of rows that the engine refuses.
        let [markers, poison, refused] = [[0, 0, 0], [10, 8, 20], [5, 30, 5]][random.random_range(0..3)];
        let records = (0..len).map(|_| {
            let kind = match random.random_range(0..100) {
                it if it < markers => Kind::Marker,
                it if it < markers + poison => Kind::Poison,
                it if it < markers + poison + refused => {
                    Kind::RefusedBy([&[1, 2][..], &[1], &[2]][random.random_range(0..3)])
                }
                _ => Kind::Row,
            };
            let place = Place { table: random.random_range(0..2), part: random.random_range(0..PARTS) };
            (kind, place, random.random_range(0..4) == 0)
        });
        let records: Vec<_> = records.collect();
        Self { vanished: vec![false; records.len()], records, written: 0 }
    }

    pub(crate) fn len(&self) -> i64 {
        i64::try_from(self.records.len()).unwrap()
    }

    fn kind(&self, offset: i64) -> Kind {
        self.records[usize::try_from(offset).unwrap()].0
    }

    /// Retention or compaction takes a record.
    pub(crate) fn vanish(&mut self, offset: i64) {
        self.vanished[usize::try_from(offset).unwrap()] = true;
    }

    pub(crate) fn has_vanished(&self, offset: i64) -> bool {
        self.vanished[usize::try_from(offset).unwrap()]
    }

    pub(crate) fn is_record(&self, offset: i64) -> bool {
        self.kind(offset) != Kind::Marker
    }

    /// The next record at or above a position.
    pub(crate) fn next(&self, position: i64) -> Next {
        let record = (position..self.written).find(|it| self.is_record(*it) && !self.has_vanished(*it));
        record.map_or(Next::End(self.written), Next::Record)
    }

    /// Where the row of this record lies; `None`: it is refused.
    pub(crate) fn encode(&self, encoder: u32, offset: i64) -> Option<Place> {
        let (kind, mut place, moves) = self.records[usize::try_from(offset).unwrap()];
        if matches!(kind, Kind::RefusedBy(encoders) if encoders.contains(&encoder)) {
            return None;
        }
        if moves && encoder == 2 {
            place.part = (place.part + 1) % PARTS;
        }
        Some(place)
    }

    pub(crate) fn is_poison(&self, offset: i64) -> bool {
        self.kind(offset) == Kind::Poison
    }

    /// True where the encoders do not agree whether it is a row.
    pub(crate) fn is_disputed(&self, offset: i64) -> bool {
        matches!(self.kind(offset), Kind::RefusedBy([_]))
    }
}
