//! What a row of columns says, held against what a connection may be.

use std::ops::Range;

use clickhouse_io::native::Texts;
use clickhouse_io::report::ConnectionColumns;
use schemas::connection_event::{ConnectionStatus, asked_domain};
use schemas::times::Moment;

use crate::OddValue;

/// End time, microseconds.
pub(crate) fn end(columns: &ConnectionColumns<'_>, row: usize) -> Result<u64, OddValue> {
    let end = u64::try_from(columns.end_micros(row)).ok().filter(|end| *end < Moment::END.as_micros().unsigned_abs());
    end.ok_or(OddValue("end_time"))
}

/// Start time, microseconds.
pub(crate) fn start(columns: &ConnectionColumns<'_>, row: usize) -> Result<u64, OddValue> {
    let start = end(columns, row)?.checked_sub(u64::from_le_bytes(columns.duration[row]));
    start.ok_or(OddValue("duration_us"))
}

/// True where it was closed, not failed or denied.
#[inline]
pub(crate) fn is_normal(columns: &ConnectionColumns<'_>, row: usize) -> bool {
    columns.event_type[row] == [2]
}

/// What became of a connection. An opening is none: those lie in a table of their own.
pub(crate) fn status(
    columns: &ConnectionColumns<'_>,
    names: &AskedNames,
    row: usize,
) -> Result<ConnectionStatus, OddValue> {
    match columns.event_type[row] {
        [2] => Ok(ConnectionStatus::Normal),
        [3] if columns.resource_ip.get(row).is_none() && names.is_name[columns.resource_address.place(row)] => {
            Ok(ConnectionStatus::DnsError)
        }
        [3] => Ok(ConnectionStatus::ConnectionFailed),
        [4] => Ok(ConnectionStatus::AccessDenied),
        _ => Err(OddValue("event_type")),
    }
}

/// Name of the protocol.
#[inline]
pub(crate) fn protocol(columns: &ConnectionColumns<'_>, row: usize) -> Result<&'static [u8], OddValue> {
    match columns.protocol[row] {
        [1] => Ok(b"tcp"),
        [2] => Ok(b"udp"),
        [3] => Ok(b"icmp"),
        _ => Err(OddValue("protocol")),
    }
}

/// Name of the tunnel's path.
pub(crate) fn tunnel_path(columns: &ConnectionColumns<'_>, row: usize) -> Result<&'static [u8], OddValue> {
    match columns.tunnel_path[row] {
        [1] => Ok(b"direct"),
        [2] => Ok(b"relay"),
        _ => Err(OddValue("tunnel_path")),
    }
}

/// Items of the lists of a row; none where no list is read.
#[inline]
pub(crate) fn relays(columns: &ConnectionColumns<'_>, row: usize) -> Range<usize> {
    let lists = [columns.relay_names.0, columns.relay_ips.0, columns.relay_ports.0];
    let Some(ends) = lists.into_iter().find(|ends| !ends.is_empty()) else { return 0..0 };
    let end = |row: usize| usize::try_from(u64::from_le_bytes(ends[row])).unwrap_or(usize::MAX);
    if row == 0 { 0..end(0) } else { end(row - 1)..end(row) }
}

/// For each Resource address of a block whether it is a name.
#[derive(Debug, Default)]
pub(crate) struct AskedNames {
    is_name: Vec<bool>,
}

impl AskedNames {
    pub(crate) fn fill(&mut self, addresses: &Texts<'_>) {
        self.is_name.clear();
        self.is_name.extend(addresses.keys().map(|address| !domain(address).is_empty()));
    }

    /// True where the address in this place of the dictionary is a name.
    #[inline]
    pub(crate) fn is_name(&self, place: usize) -> bool {
        self.is_name[place]
    }
}

/// The name that was asked for; empty where it was an address.
pub(crate) fn domain(address: &[u8]) -> &[u8] {
    // What is not UTF-8 is no address.
    std::str::from_utf8(address).map_or(address, |text| asked_domain(text).as_bytes())
}
