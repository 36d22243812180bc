//! What events change: hours to count anew, and entries of open connections.

use std::collections::{BTreeMap, BTreeSet};

use clickhouse_io::open::OpenConnectionRow;
use clickhouse_io::rollup::HourOfNetwork;
use schemas::connection_event::{ConnectionEvent, EventType};

/// What an event takes here beside its own texts.
const ENTRY_BYTES: usize = size_of::<OpenConnectionRow>() + size_of::<HourOfNetwork>();

/// Changes since the last write.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) hours: BTreeSet<HourOfNetwork>,
    pub(crate) open: Vec<OpenConnectionRow>,
    /// For each partition its assignment and the offset after the last one that is in here.
    pub(crate) positions: BTreeMap<i32, (u64, i64)>,
    events: usize,
    bytes: usize,
}

impl Changes {
    /// Notes what an event changes; `offset` is where it lay, `bytes` its size on Kafka.
    pub(crate) fn note(&mut self, event: ConnectionEvent, offset: i64, bytes: usize) {
        self.open.extend(OpenConnectionRow::from_event(&event, offset));
        if event.event_type != EventType::EstablishedConnection {
            self.hours.insert(HourOfNetwork::of(event.tenant, event.end_time, event.remote_network_id));
        }
        self.events += 1;
        self.bytes += bytes + ENTRY_BYTES;
    }

    /// Everything of the partition before `position` is noted, or changes nothing.
    pub(crate) fn moved_to(&mut self, partition: i32, epoch: u64, position: i64) {
        self.positions.insert(partition, (epoch, position));
    }

    /// Forgets where a partition is: it is not ours any more. What it changed is still written; that harms nobody.
    pub(crate) fn let_go(&mut self, partition: i32) {
        self.positions.remove(&partition);
    }

    pub(crate) fn events(&self) -> usize {
        self.events
    }

    /// An upper bound of what is held in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.positions.is_empty() && self.events == 0
    }
}
