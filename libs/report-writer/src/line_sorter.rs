//! Finished lines, held until all of a stretch are there, then given in the order of the report, each fact once.

use std::cmp::Ordering;
use std::collections::HashSet;

use clickhouse_io::report::ConnectionColumns;
use schemas::event_id::EventId;
use schemas::report_event::RowPlace;
use schemas::times::Moment;

/// Bytes of text that are held together.
const CHUNK: usize = 1 << 20;

/// Where a line is, and what it is sorted by first: end time, then the first eight bytes of what the event id has beside it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    end_micros: i64,
    tail_high: u64,
    number: u32,
    chunk: u32,
    offset: u32,
    length: u32,
}

/// The rest of the event id, and where the event lay on Kafka: of copies the lowest counts.
#[derive(Clone, Copy, Debug)]
struct Rank {
    tail_low: [u8; 2],
    source: u32,
    partition: i32,
    offset: i64,
}

/// A line as it is given.
pub struct GivenLine<'a> {
    /// Its text.
    pub text: &'a [u8],
    sorter: &'a LineSorter,
    entry: &'a Entry,
    of_millisecond: i64,
}

impl GivenLine<'_> {
    /// Where it stands in the order of the report.
    #[must_use]
    pub fn place(&self) -> RowPlace {
        let end_time = Moment::from_micros(self.entry.end_micros);
        let mut tail = [0; 10];
        tail[..8].copy_from_slice(&self.entry.tail_high.to_be_bytes());
        tail[8..].copy_from_slice(&self.sorter.ranks[self.entry.number as usize].tail_low);
        let event_id = EventId::from_parts(u64::try_from(end_time.as_millis()).unwrap_or_default(), tail);
        RowPlace { end_time, event_id, of_millisecond: self.of_millisecond }
    }
}

/// Lines of one stretch; its buffers stay for the next one.
#[derive(Debug, Default)]
pub struct LineSorter {
    chunks: Vec<Vec<u8>>,
    /// Chunks that hold lines.
    used: usize,
    entries: Vec<Entry>,
    ranks: Vec<Rank>,
    sources: Vec<Vec<u8>>,
}

impl LineSorter {
    /// Lines that are held, copies included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True where no line is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets all lines.
    pub fn clear(&mut self) {
        self.chunks[..self.used].iter_mut().for_each(Vec::clear);
        self.used = 0;
        self.entries.clear();
        self.ranks.clear();
    }

    /// Holds the line of a row.
    ///
    /// # Panics
    /// When there is no such row, or more than 2^32 lines are held.
    #[expect(clippy::cast_possible_truncation, reason = "lines and chunks are far fewer than 2^32")]
    pub fn hold(&mut self, columns: &ConnectionColumns<'_>, row: usize, line: &[u8]) {
        if self.used == 0 || self.chunks[self.used - 1].len() + line.len() > CHUNK {
            if self.used == self.chunks.len() {
                self.chunks.push(Vec::with_capacity(CHUNK));
            }
            self.used += 1;
        }
        let text = &mut self.chunks[self.used - 1];
        let [tail_high @ .., low, lowest] = columns.event_id_tail[row];
        self.entries.push(Entry {
            end_micros: columns.end_micros(row),
            tail_high: u64::from_be_bytes(tail_high),
            number: self.entries.len() as u32,
            chunk: self.used as u32 - 1,
            offset: text.len() as u32,
            length: line.len() as u32,
        });
        text.extend_from_slice(line);
        let source = self.source(columns.kafka_source.get(row));
        self.ranks.push(Rank {
            tail_low: [low, lowest],
            source,
            partition: i32::from_le_bytes(columns.kafka_partition[row]),
            offset: i64::from_le_bytes(columns.kafka_offset[row]),
        });
    }

    #[expect(clippy::cast_possible_truncation, reason = "sources are few")]
    fn source(&mut self, name: &[u8]) -> u32 {
        // The last one is nearly always it, and there are few.
        if let Some(known) = self.sources.iter().rposition(|known| known == name) {
            return known as u32;
        }
        self.sources.push(name.to_vec());
        self.sources.len() as u32 - 1
    }

    /// Gives all lines to `take`, in order of end time and event id, each fact once, and forgets them. Gives how many were taken; ends
    /// early where `take` says so.
    pub fn drain(&mut self, mut take: impl FnMut(&[u8]) -> bool) -> u64 {
        self.drain_lines(|line| take(line.text))
    }

    /// The same, with the place of each line for who asks.
    pub fn drain_lines(&mut self, mut take: impl FnMut(&GivenLine<'_>) -> bool) -> u64 {
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_unstable_by(|left, right| self.in_order(left, right));
        let mut taken = 0;
        'all: for group in entries.chunk_by(|one, next| millis(one) == millis(next)) {
            let (dropped, mut of_millisecond) = (self.copies(group), 0);
            for entry in group {
                if !dropped.is_empty() && dropped.contains(&entry.number) {
                    continue;
                }
                let begin = entry.offset as usize;
                (taken, of_millisecond) = (taken + 1, of_millisecond + 1);
                let text = &self.chunks[entry.chunk as usize][begin..begin + entry.length as usize];
                if !take(&GivenLine { text, sorter: &*self, entry, of_millisecond }) {
                    break 'all;
                }
            }
        }
        self.entries = entries;
        self.clear();
        taken
    }

    fn in_order(&self, left: &Entry, right: &Entry) -> Ordering {
        let first = (left.end_micros, left.tail_high).cmp(&(right.end_micros, right.tail_high));
        first.then_with(|| self.by_rank(left, right))
    }

    /// By the end of the event id, then by where the event lay.
    fn by_rank(&self, left: &Entry, right: &Entry) -> Ordering {
        let key = |entry: &Entry| {
            let rank = &self.ranks[entry.number as usize];
            (rank.tail_low, &self.sources[rank.source as usize], rank.partition, rank.offset)
        };
        key(left).cmp(&key(right))
    }

    fn is_copy(&self, one: &Entry, other: &Entry) -> bool {
        let low = |entry: &Entry| self.ranks[entry.number as usize].tail_low;
        one.tail_high == other.tail_high && low(one) == low(other)
    }

    /// Which of a millisecond's lines are copies of a fact that lies lower: event ids are equal only within one. The group is in order.
    fn copies(&self, group: &[Entry]) -> HashSet<u32> {
        let mut by_id = Vec::new();
        let Some(last) = group.last().filter(|_| group.len() > 1) else { return HashSet::new() };
        // Where all have the same microsecond, as in most logs, copies stand side by side already.
        let group = if group[0].end_micros == last.end_micros {
            group
        } else {
            by_id.extend_from_slice(group);
            by_id.sort_unstable_by(|left: &Entry, right| {
                left.tail_high.cmp(&right.tail_high).then_with(|| self.by_rank(left, right))
            });
            &by_id
        };
        group.windows(2).filter(|pair| self.is_copy(&pair[0], &pair[1])).map(|pair| pair[1].number).collect()
    }
}

fn millis(entry: &Entry) -> i64 {
    entry.end_micros.div_euclid(1_000)
}
