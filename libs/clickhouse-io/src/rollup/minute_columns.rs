//! Rows of the roll-up by minute, as columns.

use crate::table_block::{NullableColumn, NullableTextColumn, Scratch, TableBlock, TextColumn};

/// Columns of a block. `written_at` is the server's.
const COLUMNS: usize = 19;

/// What names a group. Texts are UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MinuteKey<'a> {
    /// Tenant.
    pub tenant: &'a [u8],
    /// Unix time of its beginning, seconds.
    pub minute: u32,
    /// Remote Network.
    pub remote_network_id: u64,
    /// User; else a service account.
    pub user_id: Option<u64>,
    /// Service account.
    pub service_account_id: Option<u64>,
    /// Resource.
    pub resource_id: u64,
    /// Connector.
    pub connector_id: u64,
    /// Number of the protocol in the tables.
    pub protocol: u8,
    /// Number of the tunnel's path in the tables.
    pub tunnel_path: u8,
    /// Country of the client.
    pub country: Option<&'a [u8]>,
}

/// What is counted of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MinuteCounts {
    /// Connections that succeeded.
    pub succeeded: u64,
    /// Whose name did not resolve.
    pub failed_dns: u64,
    /// That failed otherwise.
    pub failed_other: u64,
    /// That were not allowed.
    pub denied: u64,
    /// To clients, of those that succeeded.
    pub bytes_received: u128,
    /// From clients, of those that succeeded.
    pub bytes_transferred: u128,
}

/// Rows of `connections_by_minute`. Meant to be kept: the memory is used again.
#[derive(Debug, Default)]
pub struct MinuteColumns {
    tenant: TextColumn,
    minute: Vec<u32>,
    remote_network_id: Vec<u64>,
    user_id: NullableColumn<u64>,
    service_account_id: NullableColumn<u64>,
    resource_id: Vec<u64>,
    connector_id: Vec<u64>,
    protocol: Vec<u8>,
    tunnel_path: Vec<u8>,
    country: NullableTextColumn,
    succeeded: Vec<u64>,
    failed_dns: Vec<u64>,
    failed_other: Vec<u64>,
    denied: Vec<u64>,
    bytes_received: Vec<u128>,
    bytes_transferred: Vec<u128>,
    offsets: Vec<i64>,
    /// Where the offsets of each row end.
    offset_ends: Vec<usize>,
    /// For each row what comes first in the table's key, and the row.
    keys: Vec<(u64, u64, u64, u32)>,
    order: Vec<u32>,
    scratch: Scratch,
}

impl MinuteColumns {
    /// No rows.
    pub fn clear(&mut self) {
        self.tenant.clear();
        self.minute.clear();
        self.remote_network_id.clear();
        self.user_id.clear();
        self.service_account_id.clear();
        self.resource_id.clear();
        self.connector_id.clear();
        self.protocol.clear();
        self.tunnel_path.clear();
        self.country.clear();
        self.succeeded.clear();
        self.failed_dns.clear();
        self.failed_other.clear();
        self.denied.clear();
        self.bytes_received.clear();
        self.bytes_transferred.clear();
        self.offsets.clear();
        self.offset_ends.clear();
        self.keys.clear();
    }

    /// Appends the row of a group, counted from these offsets, which ascend.
    pub fn push(&mut self, key: &MinuteKey<'_>, counts: &MinuteCounts, offsets: &[i64]) {
        // Users come before service accounts: an absent value is the last one.
        let identity = key.user_id.or(key.service_account_id.map(|id| id | 1 << 63)).unwrap_or(u64::MAX);
        // A range is bounded far below 2^32 rows.
        #[expect(clippy::cast_possible_truncation, reason = "a range is bounded")]
        self.keys.push((u64::from(key.minute), key.remote_network_id, identity, self.minute.len() as u32));
        self.tenant.push(key.tenant);
        self.minute.push(key.minute);
        self.remote_network_id.push(key.remote_network_id);
        self.user_id.push(key.user_id);
        self.service_account_id.push(key.service_account_id);
        self.resource_id.push(key.resource_id);
        self.connector_id.push(key.connector_id);
        self.protocol.push(key.protocol);
        self.tunnel_path.push(key.tunnel_path);
        self.country.push(key.country);
        self.succeeded.push(counts.succeeded);
        self.failed_dns.push(counts.failed_dns);
        self.failed_other.push(counts.failed_other);
        self.denied.push(counts.denied);
        self.bytes_received.push(counts.bytes_received);
        self.bytes_transferred.push(counts.bytes_transferred);
        self.offsets.extend_from_slice(offsets);
        self.offset_ends.push(self.offsets.len());
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.minute.len()
    }

    /// All rows as a block, in the order of the table's key; nothing where there are none. `buffer` is overwritten.
    #[must_use]
    pub fn encode(&mut self, source: &str, partition: i32, buffer: Vec<u8>) -> Vec<u8> {
        if self.rows() == 0 {
            return Vec::new();
        }
        self.sort();
        let mut block = TableBlock::new(buffer, COLUMNS, &self.order, &mut self.scratch);
        block.text("tenant", &self.tenant);
        block.plain("minute", "DateTime('UTC')", &self.minute);
        block.plain("remote_network_id", "UInt64", &self.remote_network_id);
        block.nullable("user_id", "Nullable(UInt64)", &self.user_id);
        block.nullable("service_account_id", "Nullable(UInt64)", &self.service_account_id);
        block.plain("resource_id", "UInt64", &self.resource_id);
        block.plain("connector_id", "UInt64", &self.connector_id);
        block.plain("protocol", "Enum8('tcp' = 1, 'udp' = 2, 'icmp' = 3)", &self.protocol);
        block.plain("tunnel_path", "Enum8('direct' = 1, 'relay' = 2)", &self.tunnel_path);
        block.nullable_text("country", &self.country);
        block.plain("succeeded", "UInt64", &self.succeeded);
        block.plain("failed_dns", "UInt64", &self.failed_dns);
        block.plain("failed_other", "UInt64", &self.failed_other);
        block.plain("denied", "UInt64", &self.denied);
        block.plain("bytes_received", "UInt128", &self.bytes_received);
        block.plain("bytes_transferred", "UInt128", &self.bytes_transferred);
        block.same_text("_kafka_source", source.as_bytes());
        block.same("_kafka_partition", "Int32", partition);
        let (offsets, ends) = (&self.offsets, &self.offset_ends);
        block.arrays("_kafka_offsets", "Array(Int64)", |row| {
            &offsets[row.checked_sub(1).map_or(0, |before| ends[before])..ends[row]]
        });
        block.finish()
    }

    /// By tenant, minute, Remote Network, identity; then by the rest of the key, which is seldom asked for.
    fn sort(&mut self) {
        let ranks = self.tenant.texts.ranks();
        for (first, _, _, row) in &mut self.keys {
            let tenant = ranks[self.tenant.rows[*row as usize] as usize];
            *first = *first & u64::from(u32::MAX) | u64::from(tenant) << 32;
        }
        let rest = |row: u32| {
            let row = row as usize;
            (self.resource_id[row], self.connector_id[row], self.protocol[row], self.tunnel_path[row], row)
        };
        self.keys.sort_unstable_by(|left, right| {
            let first = |key: &(u64, u64, u64, u32)| (key.0, key.1, key.2);
            first(left).cmp(&first(right)).then_with(|| rest(left.3).cmp(&rest(right.3)))
        });
        self.order.clear();
        self.order.extend(self.keys.iter().map(|(_, _, _, row)| *row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_the_key_whatever_order_they_came_in() {
        let key = MinuteKey {
            tenant: b"b",
            minute: 60,
            remote_network_id: 7,
            user_id: Some(u64::MAX >> 1),
            service_account_id: None,
            resource_id: 2,
            connector_id: 3,
            protocol: 1,
            tunnel_path: 1,
            country: None,
        };
        let keys = [
            MinuteKey { user_id: None, service_account_id: Some(1), ..key },
            MinuteKey { tenant: b"c", minute: 0, ..key },
            MinuteKey { connector_id: 2, ..key },
            key,
            MinuteKey { minute: 120, remote_network_id: 1, ..key },
            MinuteKey { tenant: b"a", minute: 180, ..key },
        ];
        let mut columns = MinuteColumns::default();
        let mut bodies = Vec::new();
        for _ in 0..2 {
            columns.clear();
            keys.iter().for_each(|key| columns.push(key, &MinuteCounts::default(), &[1]));
            bodies.push(columns.encode("main", 3, Vec::new()));
            assert_eq!(columns.order, [5, 2, 3, 0, 4, 1]);
        }
        assert_eq!(bodies[0], bodies[1], "memory that was used leaves nothing of itself");
    }
}
