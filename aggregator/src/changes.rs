//! What events of a range change in the set of open connections. What their groups know stands with these.

use clickhouse_io::Texts;
use clickhouse_io::open::{OpenChange, end_reason};
use event_columns::EventFields;
use schemas::connection_event::EventType;

use crate::groups::{GroupKey, NONE};

/// A change of one connection.
#[derive(Clone, Copy, Debug)]
struct Change {
    /// Place of the event among those of the range.
    event: u32,
    event_type: EventType,
    /// Where the connection's id ends.
    id_end: u32,
    start_micros: i64,
    end_micros: i64,
    client_ip: Option<[u8; 16]>,
    names: Names,
}

/// Places of the names that an opening is shown with; an end has none.
#[derive(Clone, Copy, Debug)]
struct Names {
    remote_network: u32,
    resource_address: u32,
    identity: u32,
}

/// Changes in the order of their events.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    changes: Vec<Change>,
    /// Connections' ids, one after the other.
    ids: Vec<u8>,
}

impl Changes {
    /// Keeps what the event at this place changes, if it changes anything.
    #[expect(clippy::cast_possible_truncation, reason = "a range is bounded")]
    pub(crate) fn push(&mut self, place: usize, event: &EventFields<'_>, texts: &mut Texts) {
        let event_type = event.event_type();
        let Some(end_reason) = end_reason(event_type) else { return };
        let mut name = |text: &[u8]| if end_reason == 0 { texts.place(text) } else { NONE };
        let identity = event.user().or(event.service_account()).map_or(&b""[..], |(_, text)| text);
        let names = Names {
            remote_network: name(event.remote_network_name()),
            resource_address: name(event.resource_address()),
            identity: name(identity),
        };
        self.ids.extend_from_slice(event.connection_id());
        self.changes.push(Change {
            event: place as u32,
            event_type,
            id_end: self.ids.len() as u32,
            start_micros: event.start_micros(),
            end_micros: event.end_micros(),
            client_ip: event.client_ip(),
            names,
        });
    }

    /// All of them; `event` gives the offset and the group of the event at a place.
    pub(crate) fn each<'a>(
        &'a self,
        texts: &'a Texts,
        event: impl Fn(usize) -> (i64, &'a GroupKey),
    ) -> impl Iterator<Item = OpenChange<'a>> {
        let mut begin = 0;
        self.changes.iter().map(move |change| {
            let (offset, group) = event(change.event as usize);
            let id = begin..change.id_end as usize;
            begin = id.end;
            let Names { remote_network, resource_address, identity } = change.names;
            let named = |id: Option<u64>| id.map(|id| (id, texts.text(identity)));
            OpenChange {
                offset,
                event_type: change.event_type,
                tenant: group.tenant(texts),
                connector_id: group.connector_id,
                connection_id: &self.ids[id],
                start_micros: change.start_micros,
                end_micros: change.end_micros,
                remote_network: (group.remote_network_id, texts.text(remote_network)),
                resource: (group.resource_id, texts.text(resource_address)),
                user: named(group.user_id()),
                service_account: named(group.service_account_id()),
                client_ip: change.client_ip,
                protocol: group.protocol,
            }
        })
    }

    pub(crate) fn clear(&mut self) {
        self.changes.clear();
        self.ids.clear();
    }

    /// What they take, bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        self.changes.len() * size_of::<Change>() + self.ids.len()
    }

    /// What they take in memory, bytes: what they have room for.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.changes.capacity() * size_of::<Change>() + self.ids.capacity()
    }
}
