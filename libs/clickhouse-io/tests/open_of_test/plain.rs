//! What section 9 of the contract says of open connections, without any table: a connection is open from its opening until it is closed, has failed
//! or its Connector is silent; what has ended is remembered, and while it is nothing opens it again.

use std::collections::BTreeMap;

use schemas::connection_event::{ConnectionEvent, EventType};

/// Tenant, Connector and connection.
pub(crate) type Key = (String, u64, String);

/// Seconds of a made-up clock.
pub(crate) type Clock = i64;

/// What is known of a connection.
#[derive(Clone, Debug, Default)]
struct Known {
    /// Of its openings the last on the topic: its offset, and when it was.
    opening: Option<(i64, Clock)>,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug)]
struct End {
    /// Of its ends the last on the topic. One by silence lies on no topic: any other stands above it.
    offset: Option<i64>,
    reason: &'static str,
    written: Clock,
}

/// All that is known, and when each Connector reported.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plain {
    known: BTreeMap<Key, Known>,
    reported: BTreeMap<(String, u64), Clock>,
}

impl Plain {
    /// An event is counted at `now`; it was at `time`.
    pub(crate) fn count(&mut self, event: &ConnectionEvent, time: Clock, offset: i64, now: Clock) {
        let (tenant, connector) = (event.tenant.to_string(), event.connector_id.get());
        self.reported.insert((tenant.clone(), connector), now);
        let reason = match event.event_type {
            EventType::EstablishedConnection => None,
            EventType::ClosedConnection => Some("closed"),
            EventType::FailedToConnect => Some("failed"),
            EventType::DeniedAccess | EventType::Unknown => return,
        };
        let known = self.known.entry((tenant, connector, event.connection_id.clone())).or_default();
        match reason {
            None => known.opening = known.opening.max(Some((offset, time))),
            Some(reason) if known.end.is_none_or(|end| end.offset <= Some(offset)) => {
                known.end = Some(End { offset: Some(offset), reason, written: now });
            }
            Some(_) => {}
        }
    }

    /// When each Connector reported last.
    pub(crate) fn reported(&self) -> impl Iterator<Item = (&str, u64, Clock)> {
        self.reported.iter().map(|((tenant, connector), at)| (tenant.as_str(), *connector, *at))
    }

    /// Connections that were opened longer than `silence` ago end, if their Connector has reported nothing since.
    pub(crate) fn end_silent(&mut self, silence: Clock, now: Clock) {
        let since = now - silence;
        for ((tenant, connector, _), known) in &mut self.known {
            let is_silent = self.reported.get(&(tenant.clone(), *connector)).is_none_or(|at| *at < since);
            if known.end.is_none() && known.opening.is_some_and(|(_, opened)| opened < since) && is_silent {
                known.end = Some(End { offset: None, reason: "silent", written: now });
            }
        }
    }

    /// What ended is forgotten, by when that was counted.
    pub(crate) fn forget(&mut self, remembered: Clock, now: Clock) {
        self.known.retain(|_, known| known.end.is_none_or(|end| end.written >= now - remembered));
    }

    /// When what is open was opened.
    pub(crate) fn open(&self) -> BTreeMap<Key, Clock> {
        let is_open = |(key, known): (&Key, &Known)| {
            let opened = known.opening.filter(|_| known.end.is_none());
            opened.map(|(_, opened)| (key.clone(), opened))
        };
        self.known.iter().filter_map(is_open).collect()
    }

    /// Why what is remembered has ended.
    pub(crate) fn ended(&self) -> BTreeMap<Key, &'static str> {
        let ended = |(key, known): (&Key, &Known)| known.end.map(|end| (key.clone(), end.reason));
        self.known.iter().filter_map(ended).collect()
    }
}
