//! Rows as the server would send them, for tests.

use crate::native::{NativeBlock, Plain, push_text};
use crate::report::columns::NAMES;
use crate::rows::ConnectionRow;

/// One block of the columns that reports read.
#[must_use]
pub fn native_block(rows: &[ConnectionRow]) -> Vec<u8> {
    let mut block = Writer { block: NativeBlock::new(Vec::new(), NAMES.len(), rows.len()), rows };
    block.plain("end_time", "DateTime64(6, 'UTC')", |row| row.end_time);
    block.plain("event_id_tail", "FixedString(10)", |row| row.event_id_tail);
    block.texts("_kafka_source", |row| &row.kafka_source);
    block.plain("_kafka_partition", "Int32", |row| row.kafka_partition);
    block.plain("_kafka_offset", "Int64", |row| row.kafka_offset);
    block.plain("duration_us", "UInt64", |row| row.duration_us);
    block.plain("event_type", "Enum8('closed_connection' = 2)", |row| row.event_type.cast_unsigned());
    block.texts("user_email", |row| &row.user_email);
    block.optional("user_id", "Nullable(UInt64)", |row| row.user_id);
    block.optional("device_id", "Nullable(UInt64)", |row| row.device_id);
    block.optional("client_ip", "Nullable(IPv6)", |row| row.client_ip.map(|it| it.octets()));
    block.texts("connector_name", |row| &row.connector_name);
    block.plain("connector_id", "UInt64", |row| row.connector_id);
    block.optional("resource_ip", "Nullable(IPv6)", |row| row.resource_ip.map(|it| it.octets()));
    block.plain("resource_port", "UInt16", |row| row.resource_port);
    block.texts("resource_address", |row| &row.resource_address);
    block.plain("resource_id", "UInt64", |row| row.resource_id);
    block.plain("protocol", "Enum8('tcp' = 1)", |row| row.protocol.cast_unsigned());
    block.plain("bytes_transferred", "UInt64", |row| row.bytes_transferred);
    block.plain("bytes_received", "UInt64", |row| row.bytes_received);
    block.texts("remote_network_name", |row| &row.remote_network_name);
    block.plain("remote_network_id", "UInt64", |row| row.remote_network_id);
    block.texts("applied_rule", |row| &row.applied_rule);
    block.relays();
    block.texts("service_account_name", |row| &row.service_account_name);
    block.optional("service_account_id", "Nullable(UInt64)", |row| row.service_account_id);
    block.texts("service_account_key", |row| &row.service_account_key);
    block.optional("service_account_key_id", "Nullable(UInt64)", |row| row.service_account_key_id);
    block.block.finish()
}

struct Writer<'a> {
    block: NativeBlock,
    rows: &'a [ConnectionRow],
}

impl Writer<'_> {
    fn plain<T: Plain>(&mut self, name: &str, type_name: &str, value: impl Fn(&ConnectionRow) -> T) {
        self.block.column(name, type_name);
        for row in self.rows {
            self.block.repeated(value(row), 1);
        }
    }

    fn optional<T: Plain + Default>(
        &mut self,
        name: &str,
        type_name: &str,
        value: impl Fn(&ConnectionRow) -> Option<T>,
    ) {
        self.block.column(name, type_name);
        self.optional_values(&self.rows.iter().map(value).collect::<Vec<_>>());
    }

    fn optional_values<T: Plain + Default>(&mut self, values: &[Option<T>]) {
        for value in values {
            self.block.repeated(u8::from(value.is_none()), 1);
        }
        for value in values {
            self.block.repeated(value.unwrap_or_default(), 1);
        }
    }

    fn texts<'a>(&'a mut self, name: &str, text: impl Fn(&'a ConnectionRow) -> &'a str) {
        let texts: Vec<&str> = self.rows.iter().map(text).collect();
        self.block.column(name, "LowCardinality(String)");
        self.block.low_cardinality_prefix();
        dictionary(&mut self.block, &texts);
    }

    fn relays(&mut self) {
        let lengths: Vec<usize> = self.rows.iter().map(|row| row.relay_ports.len()).collect();
        let order: Vec<u32> = (0..).take(lengths.len()).collect();
        self.block.column("relay_names", "Array(LowCardinality(String))");
        self.block.low_cardinality_prefix();
        self.block.array_ends(&order, |row| lengths[row]);
        let names: Vec<&str> = self.rows.iter().flat_map(|row| &row.relay_names).map(String::as_str).collect();
        dictionary(&mut self.block, &names);
        self.block.column("relay_ips", "Array(Nullable(IPv6))");
        self.block.array_ends(&order, |row| lengths[row]);
        let ips = self.rows.iter().flat_map(|row| &row.relay_ips).map(|ip| ip.map(|it| it.octets()));
        self.optional_values(&ips.collect::<Vec<_>>());
        self.block.column("relay_ports", "Array(UInt16)");
        self.block.array_ends(&order, |row| lengths[row]);
        for port in self.rows.iter().flat_map(|row| &row.relay_ports) {
            self.block.repeated(*port, 1);
        }
    }
}

fn dictionary(block: &mut NativeBlock, texts: &[&str]) {
    let (mut keys, mut distinct) = (Vec::new(), Vec::<&str>::new());
    let places: Vec<u32> = texts
        .iter()
        .map(|text| {
            let place = distinct.iter().position(|known| known == text).unwrap_or_else(|| {
                push_text(&mut keys, text.as_bytes());
                distinct.push(text);
                distinct.len() - 1
            });
            u32::try_from(place).unwrap_or(u32::MAX)
        })
        .collect();
    block.low_cardinality(distinct.len(), &keys, &places);
}
