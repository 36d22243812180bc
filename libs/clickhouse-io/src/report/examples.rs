//! Rows as the server would send them, for tests.

use crate::native::{NativeBlock, Plain, push_text};
use crate::report::{Column, ColumnSet};
use crate::rows::ConnectionRow;

/// One block of these columns.
#[must_use]
pub fn native_block(rows: &[ConnectionRow], columns: ColumnSet) -> Vec<u8> {
    let mut block = Writer { block: NativeBlock::new(Vec::new(), columns.names().len(), rows.len()), rows };
    for column in Column::ALL.iter().filter(|column| columns.contains(**column)) {
        block.column(*column);
    }
    block.block.finish()
}

struct Writer<'a> {
    block: NativeBlock,
    rows: &'a [ConnectionRow],
}

impl Writer<'_> {
    fn column(&mut self, column: Column) {
        let name = column.name();
        match column {
            Column::EndTime => self.plain(name, "DateTime64(6, 'UTC')", |row| row.end_time),
            Column::EventIdTail => self.plain(name, "FixedString(10)", |row| row.event_id_tail),
            Column::KafkaSource => self.texts(name, |row| &row.kafka_source),
            Column::KafkaPartition => self.plain(name, "Int32", |row| row.kafka_partition),
            Column::KafkaOffset => self.plain(name, "Int64", |row| row.kafka_offset),
            Column::Duration => self.plain(name, "UInt64", |row| row.duration_us),
            Column::EventType => {
                self.plain(name, "Enum8('closed_connection' = 2)", |row| row.event_type.cast_unsigned());
            }
            Column::UserEmail => self.texts(name, |row| &row.user_email),
            Column::UserId => self.optional(name, "Nullable(UInt64)", |row| row.user_id),
            Column::DeviceId => self.optional(name, "Nullable(UInt64)", |row| row.device_id),
            Column::ClientIp => self.optional(name, "Nullable(IPv6)", |row| row.client_ip.map(|it| it.octets())),
            Column::ConnectorName => self.texts(name, |row| &row.connector_name),
            Column::ConnectorId => self.plain(name, "UInt64", |row| row.connector_id),
            Column::ResourceIp => self.optional(name, "Nullable(IPv6)", |row| row.resource_ip.map(|it| it.octets())),
            Column::ResourcePort => self.plain(name, "UInt16", |row| row.resource_port),
            Column::ResourceAddress => self.texts(name, |row| &row.resource_address),
            Column::ResourceId => self.plain(name, "UInt64", |row| row.resource_id),
            Column::Protocol => self.plain(name, "Enum8('tcp' = 1)", |row| row.protocol.cast_unsigned()),
            Column::BytesTransferred => self.plain(name, "UInt64", |row| row.bytes_transferred),
            Column::BytesReceived => self.plain(name, "UInt64", |row| row.bytes_received),
            Column::RemoteNetworkName => self.texts(name, |row| &row.remote_network_name),
            Column::RemoteNetworkId => self.plain(name, "UInt64", |row| row.remote_network_id),
            Column::AppliedRule => self.texts(name, |row| &row.applied_rule),
            Column::RelayNames => self.relay_names(),
            Column::RelayIps => self.relay_ips(),
            Column::RelayPorts => self.relay_ports(),
            Column::ServiceAccountName => self.texts(name, |row| &row.service_account_name),
            Column::ServiceAccountId => self.optional(name, "Nullable(UInt64)", |row| row.service_account_id),
            Column::ServiceAccountKey => self.texts(name, |row| &row.service_account_key),
            Column::ServiceAccountKeyId => self.optional(name, "Nullable(UInt64)", |row| row.service_account_key_id),
            Column::TunnelPath => self.plain(name, "Enum8('direct' = 1)", |row| row.tunnel_path.cast_unsigned()),
            Column::ErrorMessage => self.texts(name, |row| &row.error_message),
            Column::ConnectionIdForm => {
                self.plain(name, "Enum8('text' = 0)", |row| row.connection_id_form.cast_unsigned());
            }
            Column::ConnectionIdHigh => self.plain(name, "UInt64", |row| row.connection_id_high),
            Column::ConnectionIdLow => self.plain(name, "UInt64", |row| row.connection_id_low),
            Column::ConnectionIdText => self.own_texts(name, |row| &row.connection_id_text),
            Column::City => self.optional_texts(name, |row| row.city.as_deref()),
            Column::Country => self.optional_texts(name, |row| row.country.as_deref()),
            Column::Latitude => self.numbers(name, |row| row.latitude),
            Column::Longitude => self.numbers(name, |row| row.longitude),
        }
    }

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

    fn own_texts<'a>(&'a mut self, name: &str, text: impl Fn(&'a ConnectionRow) -> &'a str) {
        self.block.column(name, "String");
        let order: Vec<u32> = (0..).take(self.rows.len()).collect();
        self.block.texts(&order, |row| text(&self.rows[row]).as_bytes());
    }

    fn optional_texts<'a>(&'a mut self, name: &str, text: impl Fn(&'a ConnectionRow) -> Option<&'a str>) {
        self.block.column(name, "LowCardinality(Nullable(String))");
        self.block.low_cardinality_prefix();
        let key = |text: &str| {
            let mut key = Vec::new();
            push_text(&mut key, text.as_bytes());
            key
        };
        let keys: Vec<_> = self.rows.iter().map(|row| text(row).map(key)).collect();
        dictionary_with_absent(&mut self.block, key(""), &keys);
    }

    fn numbers(&mut self, name: &str, number: impl Fn(&ConnectionRow) -> Option<f64>) {
        self.block.column(name, "LowCardinality(Nullable(Float64))");
        self.block.low_cardinality_prefix();
        let keys: Vec<_> = self.rows.iter().map(|row| number(row).map(|it| it.to_le_bytes().to_vec())).collect();
        dictionary_with_absent(&mut self.block, vec![0; 8], &keys);
    }

    fn relay_names(&mut self) {
        self.block.column("relay_names", "Array(LowCardinality(String))");
        self.block.low_cardinality_prefix();
        self.relay_ends();
        let names: Vec<&str> = self.rows.iter().flat_map(|row| &row.relay_names).map(String::as_str).collect();
        dictionary(&mut self.block, &names);
    }

    fn relay_ips(&mut self) {
        self.block.column("relay_ips", "Array(Nullable(IPv6))");
        self.relay_ends();
        let ips = self.rows.iter().flat_map(|row| &row.relay_ips).map(|ip| ip.map(|it| it.octets()));
        self.optional_values(&ips.collect::<Vec<_>>());
    }

    fn relay_ports(&mut self) {
        self.block.column("relay_ports", "Array(UInt16)");
        self.relay_ends();
        for port in self.rows.iter().flat_map(|row| &row.relay_ports) {
            self.block.repeated(*port, 1);
        }
    }

    fn relay_ends(&mut self) {
        let lengths: Vec<usize> = self.rows.iter().map(|row| row.relay_ports.len()).collect();
        let order: Vec<u32> = (0..).take(lengths.len()).collect();
        self.block.array_ends(&order, |row| lengths[row]);
    }
}

/// As the server has it: what is absent first, then the default, then what else there is.
fn dictionary_with_absent(block: &mut NativeBlock, default: Vec<u8>, values: &[Option<Vec<u8>>]) {
    let mut keys = vec![default.clone(), default];
    let places: Vec<u32> = values
        .iter()
        .map(|value| {
            let Some(value) = value else { return 0 };
            let place = keys[1..].iter().position(|key| key == value).map_or(keys.len(), |place| place + 1);
            if place == keys.len() {
                keys.push(value.clone());
            }
            u32::try_from(place).unwrap_or(u32::MAX)
        })
        .collect();
    block.low_cardinality(keys.len(), &keys.concat(), &places);
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
