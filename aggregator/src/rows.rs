//! Events of one range, each a few numbers, until they are counted into groups.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use clickhouse_io::open::{OpenChange, OpenConnectionRow};
use clickhouse_io::rollup::{MinuteCounts, MinuteKey, MinuteRow};
use event_columns::{EventFields, EventReader, Program};
use schemas::connection_event::ConnectionStatus;

use crate::copies::CopyWindow;

const MINUTE_MICROS: i64 = 60_000_000;
/// No text.
const NONE: u32 = u32::MAX;

/// Texts that come again and again, each kept once.
#[derive(Debug, Default)]
struct Texts {
    places: HashMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
    bytes: usize,
}

impl Texts {
    fn place(&mut self, text: &str) -> u32 {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = u32::try_from(self.texts.len()).unwrap_or(NONE - 1);
        self.texts.push(text.into());
        self.places.insert(text.into(), place);
        self.bytes += 2 * text.len() + 64;
        place
    }

    fn text(&self, place: u32) -> &str {
        self.texts.get(place as usize).map_or("", |text| text)
    }
}

/// A group; texts by their places. Its order is about that of the table's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct GroupKey {
    tenant: u32,
    minute: u32,
    remote_network_id: u64,
    is_service_account: bool,
    identity: u64,
    resource_id: u64,
    connector_id: u64,
    protocol: u8,
    tunnel_path: u8,
    country: u32,
}

/// What is counted of one record.
#[derive(Clone, Copy, Debug)]
struct Entry {
    offset: i64,
    group: u32,
    /// `None`: an opening or a copy, which counts nothing.
    status: Option<ConnectionStatus>,
    received: u64,
    transferred: u64,
}

/// The records of one range of one partition.
#[derive(Debug)]
pub(crate) struct RollupRows {
    pub(crate) partition: i32,
    reader: EventReader,
    pub(crate) window: CopyWindow,
    texts: Texts,
    groups: HashMap<GroupKey, u32>,
    keys: Vec<GroupKey>,
    /// By offset, ascending: as they came.
    entries: Vec<Entry>,
    /// Changes of connections, and the offset of each.
    open: Vec<OpenConnectionRow>,
    open_offsets: Vec<i64>,
    open_bytes: usize,
    copies: u64,
}

impl RollupRows {
    /// No records. `window` knows the partition's events before.
    pub(crate) fn new(partition: i32, window: CopyWindow) -> Self {
        Self {
            partition,
            reader: EventReader::default(),
            window,
            texts: Texts::default(),
            groups: HashMap::new(),
            keys: Vec::new(),
            entries: Vec::new(),
            open: Vec::new(),
            open_offsets: Vec::new(),
            open_bytes: 0,
            copies: 0,
        }
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
        let key = key(&event, &mut self.texts);
        let next = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        let group = *self.groups.entry(key).or_insert_with(|| {
            self.keys.push(key);
            next
        });
        let is_copy = self.window.is_copy(event.event_id(), offset);
        self.copies += u64::from(is_copy);
        let status = event.status().filter(|_| !is_copy);
        let succeeded = status == Some(ConnectionStatus::Normal);
        self.entries.push(Entry {
            offset,
            group,
            status,
            received: if succeeded { event.bytes_received() } else { 0 },
            transferred: if succeeded { event.bytes_transferred() } else { 0 },
        });
        if let Some(row) = OpenConnectionRow::new(&change(&event, offset)) {
            self.open_bytes += size_of::<(i64, OpenConnectionRow)>() + body.len();
            self.open.push(row);
            self.open_offsets.push(offset);
        }
        Ok(())
    }

    pub(crate) fn count(&self) -> usize {
        self.entries.len()
    }

    /// How many of the records are copies of others.
    pub(crate) fn copies(&self) -> u64 {
        self.copies
    }

    /// What they take in memory, bytes, roughly.
    pub(crate) fn size_bytes(&self) -> usize {
        let group = size_of::<GroupKey>() * 3;
        self.entries.len() * size_of::<Entry>() + self.keys.len() * group + self.open_bytes + self.texts.bytes
    }

    /// True where the record of this offset is among them.
    pub(crate) fn has(&self, offset: i64) -> bool {
        self.entries.binary_search_by_key(&offset, |entry| entry.offset).is_ok()
    }

    pub(crate) fn offsets(&self) -> BTreeSet<i64> {
        self.entries.iter().map(|entry| entry.offset).collect()
    }

    /// One row a group, counted from all records or from those of these offsets; each offset in one row.
    pub(crate) fn minutes(&self, only: Option<&BTreeSet<i64>>, source: &str) -> Vec<MinuteRow> {
        let mut groups: Vec<(MinuteCounts, Vec<i64>)> = vec![Default::default(); self.keys.len()];
        for entry in self.entries.iter().filter(|entry| only.is_none_or(|only| only.contains(&entry.offset))) {
            let Some((counts, offsets)) = groups.get_mut(entry.group as usize) else { continue };
            match entry.status {
                None => {}
                Some(ConnectionStatus::Normal) => counts.succeeded += 1,
                Some(ConnectionStatus::DnsError) => counts.failed_dns += 1,
                Some(ConnectionStatus::ConnectionFailed) => counts.failed_other += 1,
                Some(ConnectionStatus::AccessDenied) => counts.denied += 1,
            }
            counts.bytes_received += u128::from(entry.received);
            counts.bytes_transferred += u128::from(entry.transferred);
            offsets.push(entry.offset);
        }
        let mut groups: Vec<_> = self.keys.iter().zip(groups).filter(|(_, (_, offsets))| !offsets.is_empty()).collect();
        groups.sort_unstable_by_key(|(key, _)| **key);
        let row =
            |(key, (counts, offsets))| MinuteRow::new(self.minute_key(key), counts, source, self.partition, offsets);
        groups.into_iter().map(row).collect()
    }

    fn minute_key(&self, key: &GroupKey) -> MinuteKey {
        MinuteKey {
            tenant: self.texts.text(key.tenant).to_owned(),
            minute: key.minute,
            remote_network_id: key.remote_network_id,
            user_id: (!key.is_service_account).then_some(key.identity),
            service_account_id: key.is_service_account.then_some(key.identity),
            resource_id: key.resource_id,
            connector_id: key.connector_id,
            protocol: key.protocol,
            tunnel_path: key.tunnel_path,
            country: (key.country != NONE).then(|| self.texts.text(key.country).to_owned()),
        }
    }

    /// Changes of connections, of all records or of those of these offsets.
    pub(crate) fn open(&self, only: Option<&BTreeSet<i64>>) -> Cow<'_, [OpenConnectionRow]> {
        let Some(only) = only else { return Cow::Borrowed(&self.open) };
        let wanted = self.open.iter().zip(&self.open_offsets).filter(|(_, offset)| only.contains(offset));
        Cow::Owned(wanted.map(|(row, _)| row.clone()).collect())
    }
}

fn key(event: &EventFields<'_>, texts: &mut Texts) -> GroupKey {
    let (is_service_account, identity) = match (event.user(), event.service_account()) {
        (Some((user, _)), _) => (false, user),
        (None, account) => (true, account.map(|(id, _)| id).unwrap_or_default()),
    };
    let minute = event.end_micros().div_euclid(MINUTE_MICROS) * 60;
    GroupKey {
        tenant: texts.place(event.tenant()),
        country: event.country().map_or(NONE, |country| texts.place(country)),
        // The contract's times lie within what the column holds.
        minute: u32::try_from(minute).unwrap_or_default(),
        protocol: event.protocol(),
        tunnel_path: event.tunnel_path(),
        is_service_account,
        identity,
        remote_network_id: event.remote_network_id(),
        resource_id: event.resource_id(),
        connector_id: event.connector_id(),
    }
}

fn change<'a>(event: &EventFields<'a>, offset: i64) -> OpenChange<'a> {
    OpenChange {
        offset,
        event_type: event.event_type(),
        tenant: event.tenant(),
        connector_id: event.connector_id(),
        connection_id: event.connection_id(),
        start_micros: event.start_micros(),
        end_micros: event.end_micros(),
        remote_network: (event.remote_network_id(), event.remote_network_name()),
        resource: (event.resource_id(), event.resource_address()),
        user: event.user(),
        service_account: event.service_account(),
        client_ip: event.client_ip(),
        protocol: event.protocol(),
    }
}

#[cfg(test)]
mod tests;
