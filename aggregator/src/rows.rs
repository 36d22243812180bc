//! Events of one range, each a few numbers, until they are counted into groups.

use std::collections::BTreeSet;

use clickhouse_io::Texts;
use clickhouse_io::open::OpenChange;
use clickhouse_io::rollup::{MinuteCounts, MinuteKey};
use event_columns::{EventReader, Program};
use schemas::connection_event::ConnectionStatus;

use crate::changes::Changes;
use crate::copies::CopyWindow;
use crate::groups::{GroupKey, Groups};

/// What is counted of one record.
#[derive(Clone, Copy, Debug)]
struct Entry {
    group: u32,
    /// `None`: an opening or a copy, which counts nothing.
    status: Option<ConnectionStatus>,
    received: u64,
    transferred: u64,
}

impl Entry {
    fn count(&self, counts: &mut MinuteCounts) {
        match self.status {
            None => {}
            Some(ConnectionStatus::Normal) => counts.succeeded += 1,
            Some(ConnectionStatus::DnsError) => counts.failed_dns += 1,
            Some(ConnectionStatus::ConnectionFailed) => counts.failed_other += 1,
            Some(ConnectionStatus::AccessDenied) => counts.denied += 1,
        }
        counts.bytes_received += u128::from(self.received);
        counts.bytes_transferred += u128::from(self.transferred);
    }
}

/// The records of one range of one partition. Meant to be kept: the memory is used again.
#[derive(Debug, Default)]
pub(crate) struct RollupRows {
    pub(crate) partition: i32,
    pub(crate) window: CopyWindow,
    reader: EventReader,
    texts: Texts,
    groups: Groups,
    /// Ascending: as they came.
    offsets: Vec<i64>,
    /// Beside the offsets.
    entries: Vec<Entry>,
    changes: Changes,
    copies: u64,
}

/// Memory of counting that is used again for the next range.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    counts: Vec<MinuteCounts>,
    /// Where the offsets of each group end.
    ends: Vec<usize>,
    /// Group by group.
    offsets: Vec<i64>,
}

impl RollupRows {
    /// Forgets all records: a range of this partition begins. `window` knows the partition's events before.
    pub(crate) fn clear_for(&mut self, partition: i32, window: CopyWindow) {
        self.partition = partition;
        self.window = window;
        self.texts.clear();
        self.groups.clear();
        self.offsets.clear();
        self.entries.clear();
        self.changes.clear();
        self.copies = 0;
    }

    /// Takes one record, or leaves no trace.
    ///
    /// # Errors
    /// Where it breaks the contract.
    pub(crate) fn append(
        &mut self,
        program: &Program,
        body: &[u8],
        offset: i64,
        kafka_time_micros: i64,
    ) -> Result<(), String> {
        let event = self.reader.read(program, body, kafka_time_micros).map_err(|refusal| refusal.to_string())?;
        let group = self.groups.place(GroupKey::of(&event, &mut self.texts));
        let is_copy = self.window.is_copy(event.event_id(), offset);
        self.copies += u64::from(is_copy);
        let status = event.status().filter(|_| !is_copy);
        let succeeded = status == Some(ConnectionStatus::Normal);
        self.changes.push(self.offsets.len(), &event, &mut self.texts);
        self.offsets.push(offset);
        self.entries.push(Entry {
            group,
            status,
            received: if succeeded { event.bytes_received() } else { 0 },
            transferred: if succeeded { event.bytes_transferred() } else { 0 },
        });
        Ok(())
    }

    pub(crate) fn count(&self) -> usize {
        self.offsets.len()
    }

    /// How many of the records are copies of others.
    pub(crate) fn copies(&self) -> u64 {
        self.copies
    }

    /// What they take, bytes, roughly.
    pub(crate) fn size_bytes(&self) -> usize {
        let entries = self.offsets.len() * (size_of::<Entry>() + size_of::<i64>());
        entries + self.groups.size_bytes() + self.changes.size_bytes() + self.texts.size_bytes()
    }

    /// What they take in memory, bytes: what they have room for.
    pub(crate) fn memory_bytes(&self) -> usize {
        let entries = self.offsets.capacity() * size_of::<i64>() + self.entries.capacity() * size_of::<Entry>();
        entries + self.groups.memory_bytes() + self.changes.memory_bytes() + self.texts.memory_bytes()
    }

    /// True where the record of this offset is among them.
    pub(crate) fn has(&self, offset: i64) -> bool {
        self.offsets.binary_search(&offset).is_ok()
    }

    pub(crate) fn offsets(&self) -> BTreeSet<i64> {
        self.offsets.iter().copied().collect()
    }

    /// Each group, counted from all records or from those of these offsets, and the offsets that it was counted from, which ascend; each
    /// offset in one group.
    pub(crate) fn each_group(
        &self,
        only: Option<&BTreeSet<i64>>,
        counting: &mut Counting,
        mut take: impl FnMut(&MinuteKey<'_>, &MinuteCounts, &[i64]),
    ) {
        let Counting { counts, ends, offsets } = counting;
        let chosen = || {
            let all = self.entries.iter().zip(&self.offsets);
            all.filter(|(_, offset)| only.is_none_or(|only| only.contains(offset)))
        };
        counts.clear();
        counts.resize(self.groups.keys.len(), MinuteCounts::default());
        // First how many of each group, then where they begin, and when all are in their places, where they end.
        ends.clear();
        ends.resize(self.groups.keys.len(), 0);
        for (entry, _) in chosen() {
            entry.count(&mut counts[entry.group as usize]);
            ends[entry.group as usize] += 1;
        }
        let mut total = 0;
        for end in ends.iter_mut() {
            total += std::mem::replace(end, total);
        }
        offsets.clear();
        offsets.resize(total, 0);
        for (entry, offset) in chosen() {
            let place = &mut ends[entry.group as usize];
            offsets[*place] = *offset;
            *place += 1;
        }
        let mut begin = 0;
        for ((key, counts), end) in self.groups.keys.iter().zip(counts.iter()).zip(ends.iter()) {
            if begin < *end {
                take(&key.minute_key(&self.texts), counts, &offsets[begin..*end]);
            }
            begin = *end;
        }
    }

    /// Changes of connections, of all records or of those of these offsets.
    pub(crate) fn changes<'a>(&'a self, only: Option<&'a BTreeSet<i64>>) -> impl Iterator<Item = OpenChange<'a>> {
        let event = |place: usize| (self.offsets[place], &self.groups.keys[self.entries[place].group as usize]);
        self.changes
            .each(&self.texts, event)
            .filter(move |change| only.is_none_or(|only| only.contains(&change.offset)))
    }
}

#[cfg(test)]
mod tests;
