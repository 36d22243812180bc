//! What events are counted by.

use std::hash::BuildHasher;

use clickhouse_io::Texts;
use clickhouse_io::rollup::MinuteKey;
use event_columns::EventFields;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

const MINUTE_MICROS: i64 = 60_000_000;
/// Place of no text.
pub(crate) const NONE: u32 = u32::MAX;

/// A group; texts by their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct GroupKey {
    tenant: u32,
    minute: u32,
    pub(crate) remote_network_id: u64,
    identity: u64,
    pub(crate) resource_id: u64,
    pub(crate) connector_id: u64,
    country: u32,
    is_service_account: bool,
    pub(crate) protocol: u8,
    tunnel_path: u8,
}

impl GroupKey {
    /// The group of an event.
    pub(crate) fn of(event: &EventFields<'_>, texts: &mut Texts) -> Self {
        let (is_service_account, identity) = match (event.user(), event.service_account()) {
            (Some((user, _)), _) => (false, user),
            (None, account) => (true, account.map(|(id, _)| id).unwrap_or_default()),
        };
        let minute = event.end_micros().div_euclid(MINUTE_MICROS) * 60;
        Self {
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

    /// What names the group in the table.
    pub(crate) fn minute_key<'a>(&self, texts: &'a Texts) -> MinuteKey<'a> {
        MinuteKey {
            tenant: self.tenant(texts),
            minute: self.minute,
            remote_network_id: self.remote_network_id,
            user_id: self.user_id(),
            service_account_id: self.service_account_id(),
            resource_id: self.resource_id,
            connector_id: self.connector_id,
            protocol: self.protocol,
            tunnel_path: self.tunnel_path,
            country: (self.country != NONE).then(|| texts.text(self.country)),
        }
    }

    pub(crate) fn tenant<'a>(&self, texts: &'a Texts) -> &'a [u8] {
        texts.text(self.tenant)
    }

    pub(crate) fn user_id(&self) -> Option<u64> {
        (!self.is_service_account).then_some(self.identity)
    }

    pub(crate) fn service_account_id(&self) -> Option<u64> {
        self.is_service_account.then_some(self.identity)
    }
}

/// The groups of a range, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    pub(crate) keys: Vec<GroupKey>,
    places: HashTable<u32>,
    hashes: RandomState,
}

impl Groups {
    /// The place of a group, new or not.
    #[expect(clippy::cast_possible_truncation, reason = "a range is bounded")]
    pub(crate) fn place(&mut self, key: GroupKey) -> u32 {
        let Self { keys, places, hashes } = self;
        let hash = hashes.hash_one(key);
        if let Some(place) = places.find(hash, |place| keys[*place as usize] == key) {
            return *place;
        }
        let place = keys.len() as u32;
        keys.push(key);
        places.insert_unique(hash, place, |place| hashes.hash_one(keys[*place as usize]));
        place
    }

    pub(crate) fn clear(&mut self) {
        self.keys.clear();
        self.places.clear();
    }

    /// What they take, bytes, roughly.
    pub(crate) fn size_bytes(&self) -> usize {
        self.keys.len() * (size_of::<GroupKey>() + 8)
    }

    /// What they take in memory, bytes: what they have room for.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.keys.capacity() * size_of::<GroupKey>() + self.places.allocation_size()
    }
}
