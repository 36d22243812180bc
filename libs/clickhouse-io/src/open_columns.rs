//! Changes of the set of open connections, as columns.

use schemas::connection_event::EventType;

use crate::table_block::{NullableColumn, Scratch, TableBlock, TextColumn};

/// Versions of ends are above those of all openings.
const END: u64 = 1 << 62;
/// Columns of a block.
const COLUMNS: usize = 18;

/// What an event says of its connection. Texts are UTF-8.
#[derive(Clone, Copy, Debug)]
pub struct OpenChange<'a> {
    /// Where the event lay.
    pub offset: i64,
    /// What happened.
    pub event_type: EventType,
    /// Tenant.
    pub tenant: &'a [u8],
    /// Connector; with the connection's id it names the connection.
    pub connector_id: u64,
    /// Connection.
    pub connection_id: &'a [u8],
    /// Start, Unix time in microseconds.
    pub start_micros: i64,
    /// End, Unix time in microseconds.
    pub end_micros: i64,
    /// Remote Network and its name.
    pub remote_network: (u64, &'a [u8]),
    /// Resource and what was asked for.
    pub resource: (u64, &'a [u8]),
    /// User and e-mail address.
    pub user: Option<(u64, &'a [u8])>,
    /// Service account and its name.
    pub service_account: Option<(u64, &'a [u8])>,
    /// The client's address, IPv4 as mapped.
    pub client_ip: Option<[u8; 16]>,
    /// Number of the protocol in the tables.
    pub protocol: u8,
}

/// Number of an end's reason in the table, 0 for an opening; `None` for what changes nothing: a denied attempt never was open.
#[must_use]
pub fn end_reason(event_type: EventType) -> Option<u8> {
    match event_type {
        EventType::EstablishedConnection => Some(0),
        EventType::ClosedConnection => Some(1),
        EventType::FailedToConnect => Some(2),
        EventType::DeniedAccess | EventType::Unknown => None,
    }
}

/// Rows of `open_connections`. Meant to be kept: the memory is used again.
#[derive(Debug, Default)]
pub struct OpenColumns {
    tenant: TextColumn,
    connector_id: Vec<u64>,
    /// The ids one after the other, and where each ends.
    connection_ids: Vec<u8>,
    connection_id_ends: Vec<usize>,
    is_open: Vec<u8>,
    opened_at: Vec<i64>,
    ended_at: NullableColumn<i64>,
    end_reason: Vec<u8>,
    remote_network_id: Vec<u64>,
    remote_network_name: TextColumn,
    resource_id: Vec<u64>,
    resource_address: TextColumn,
    user_id: NullableColumn<u64>,
    user_email: TextColumn,
    service_account_id: NullableColumn<u64>,
    service_account_name: TextColumn,
    client_ip: NullableColumn<[u8; 16]>,
    protocol: Vec<u8>,
    version: Vec<u64>,
    keys: Vec<Key>,
    order: Vec<u32>,
    scratch: Scratch,
}

/// What decides most often where a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    tenant: u32,
    connector_id: u64,
    /// The first bytes of the connection's id, which most often tell it from others.
    id_begins: u64,
}

impl OpenColumns {
    /// No rows.
    pub fn clear(&mut self) {
        self.tenant.clear();
        self.connector_id.clear();
        self.connection_ids.clear();
        self.connection_id_ends.clear();
        self.is_open.clear();
        self.opened_at.clear();
        self.ended_at.clear();
        self.end_reason.clear();
        self.remote_network_id.clear();
        self.remote_network_name.clear();
        self.resource_id.clear();
        self.resource_address.clear();
        self.user_id.clear();
        self.user_email.clear();
        self.service_account_id.clear();
        self.service_account_name.clear();
        self.client_ip.clear();
        self.protocol.clear();
        self.version.clear();
    }

    /// Appends what an event changes, if it changes anything. An end has no names: what has ended is remembered, and not shown.
    pub fn push(&mut self, change: &OpenChange<'_>) {
        let Some(end_reason) = end_reason(change.event_type) else { return };
        let is_open = end_reason == 0;
        let offset = u64::try_from(change.offset).unwrap_or(0);
        let name = |name| if is_open { name } else { &b""[..] };
        let text = |named: Option<(u64, _)>| named.map_or(&b""[..], |(_, text)| name(text));
        self.tenant.push(change.tenant);
        self.connector_id.push(change.connector_id);
        self.connection_ids.extend_from_slice(change.connection_id);
        self.connection_id_ends.push(self.connection_ids.len());
        self.is_open.push(is_open.into());
        self.opened_at.push(change.start_micros);
        self.ended_at.push((!is_open).then_some(change.end_micros));
        self.end_reason.push(end_reason);
        self.remote_network_id.push(change.remote_network.0);
        self.remote_network_name.push(name(change.remote_network.1));
        self.resource_id.push(change.resource.0);
        self.resource_address.push(name(change.resource.1));
        self.user_id.push(change.user.map(|(id, _)| id));
        self.user_email.push(text(change.user));
        self.service_account_id.push(change.service_account.map(|(id, _)| id));
        self.service_account_name.push(text(change.service_account));
        self.client_ip.push(change.client_ip);
        self.protocol.push(change.protocol);
        self.version.push(if is_open { offset } else { END + offset });
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.version.len()
    }

    /// All rows as a block, in the order of the table's key; nothing where there are none. `buffer` is overwritten.
    #[must_use]
    pub fn encode(&mut self, buffer: Vec<u8>) -> Vec<u8> {
        if self.rows() == 0 {
            return Vec::new();
        }
        self.sort();
        let mut block = TableBlock::new(buffer, COLUMNS, &self.order, &mut self.scratch);
        block.text("tenant", &self.tenant);
        block.plain("connector_id", "UInt64", &self.connector_id);
        let (ids, ends) = (&self.connection_ids, &self.connection_id_ends);
        block.strings("connection_id", |row| id_of(ids, ends, row));
        block.plain("is_open", "Bool", &self.is_open);
        block.plain("opened_at", "DateTime64(6, 'UTC')", &self.opened_at);
        block.nullable("ended_at", "Nullable(DateTime64(6, 'UTC'))", &self.ended_at);
        block.plain("end_reason", "Enum8('none' = 0, 'closed' = 1, 'failed' = 2, 'silent' = 4)", &self.end_reason);
        block.plain("remote_network_id", "UInt64", &self.remote_network_id);
        block.text("remote_network_name", &self.remote_network_name);
        block.plain("resource_id", "UInt64", &self.resource_id);
        block.text("resource_address", &self.resource_address);
        block.nullable("user_id", "Nullable(UInt64)", &self.user_id);
        block.text("user_email", &self.user_email);
        block.nullable("service_account_id", "Nullable(UInt64)", &self.service_account_id);
        block.text("service_account_name", &self.service_account_name);
        block.nullable("client_ip", "Nullable(IPv6)", &self.client_ip);
        block.plain("protocol", "Enum8('tcp' = 1, 'udp' = 2, 'icmp' = 3)", &self.protocol);
        block.plain("version", "UInt64", &self.version);
        block.finish()
    }

    /// By tenant, Connector and connection; versions of one ascend.
    fn sort(&mut self) {
        let Self { tenant, connector_id, connection_ids, connection_id_ends, version, keys, order, .. } = self;
        let ranks = tenant.texts.ranks();
        let id = |row: usize| id_of(connection_ids, connection_id_ends, row);
        keys.clear();
        keys.extend(connector_id.iter().zip(&tenant.rows).enumerate().map(|(row, (connector_id, tenant))| {
            let (mut id_begins, id) = ([0; 8], id(row));
            let length = id.len().min(8);
            id_begins[..length].copy_from_slice(&id[..length]);
            let (tenant, id_begins) = (ranks[*tenant as usize], u64::from_be_bytes(id_begins));
            Key { tenant, connector_id: *connector_id, id_begins }
        }));
        order.clear();
        // A range is bounded far below 2^32 rows.
        #[expect(clippy::cast_possible_truncation, reason = "a range is bounded")]
        order.extend(0..keys.len() as u32);
        order.sort_unstable_by(|left, right| {
            let (left, right) = (*left as usize, *right as usize);
            let rest = |row: usize| (id(row), version[row]);
            keys[left].cmp(&keys[right]).then_with(|| rest(left).cmp(&rest(right)))
        });
    }
}

fn id_of<'a>(ids: &'a [u8], ends: &[usize], row: usize) -> &'a [u8] {
    &ids[row.checked_sub(1).map_or(0, |before| ends[before])..ends[row]]
}
