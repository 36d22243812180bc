//! The tables' columns in a Native block. `ALIAS` columns are not sent: the table computes them.

use clickhouse_io::native::{NativeBlock, Plain, push_text};

use crate::columns::{Bits, Columns};
use crate::dictionary::{ABSENT, NumberDictionary, TextDictionary};
use crate::slots::{presence, text};

/// Columns of a block.
const COLUMNS: usize = 44;

const TEXT: &str = "LowCardinality(String)";
const TEXT_OR_NULL: &str = "LowCardinality(Nullable(String))";
const DEGREES: &str = "LowCardinality(Nullable(Float64))";
const ADDRESS: &str = "Nullable(IPv6)";
const ID: &str = "UInt64";
const ID_OR_NULL: &str = "Nullable(UInt64)";

/// Place of a key that a block does not have yet.
const NOT_YET: u32 = u32::MAX;

/// Memory of an encoder that is used again for the next block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Encoder {
    /// The rows' bits, in order.
    bits: Vec<u32>,
    /// For each key of a dictionary its place among the block's keys.
    places_of_keys: Vec<u32>,
    /// The block's keys.
    keys: Vec<u8>,
    /// For each row the place of its key.
    places: Vec<u32>,
    /// Relays of the block's rows, in order.
    relays: Vec<u32>,
}

/// Where rows come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) source: &'a str,
    pub(crate) partition: i32,
}

impl Encoder {
    /// The block of the rows in `order`. Its bytes are a function of these rows alone. `buffer` is overwritten.
    pub(crate) fn encode(&mut self, columns: &Columns, origin: Origin<'_>, order: &[u32], buffer: Vec<u8>) -> Vec<u8> {
        self.bits.clear();
        self.bits.extend(order.iter().map(|row| columns.bits[*row as usize]));
        let block = NativeBlock::new(buffer, COLUMNS, order.len());
        let mut writer = Writer { block, encoder: self, columns, order };
        writer.identity();
        writer.path();
        writer.people();
        writer.relays();
        writer.location();
        writer.origin(origin);
        writer.block.finish()
    }
}

/// Writes columns, group by group, in the table's order.
struct Writer<'a> {
    block: NativeBlock,
    encoder: &'a mut Encoder,
    columns: &'a Columns,
    order: &'a [u32],
}

impl Writer<'_> {
    fn identity(&mut self) {
        let columns = self.columns;
        self.text("tenant", text::TENANT);
        self.plain("end_time", "DateTime64(6, 'UTC')", &columns.end_time);
        self.plain("duration_us", "UInt64", &columns.duration_us);
        self.plain("event_id_tail", "FixedString(10)", &columns.event_id_tail);
        self.bits(
            "event_type",
            "Enum8('established_connection' = 1, 'closed_connection' = 2, 'failed_to_connect' = 3, 'denied_access' = 4)",
            Bits::event_type,
        );
        let forms = "Enum8('text' = 0, 'hex_hex' = 1, 'hex16_decimal' = 2)";
        self.bits("connection_id_form", forms, Bits::connection_id_form);
        self.plain("connection_id_high", "UInt64", &columns.connection_id_high);
        self.plain("connection_id_low", "UInt64", &columns.connection_id_low);
        self.block.column("connection_id_text", "String");
        self.block.texts(self.order, |row| columns.connection_id_text_of(row));
        self.plain("connector_id", ID, &columns.connector_id);
        self.text("connector_name", text::CONNECTOR_NAME);
        self.plain("remote_network_id", ID, &columns.remote_network_id);
        self.text("remote_network_name", text::REMOTE_NETWORK_NAME);
        self.plain("resource_id", ID, &columns.resource_id);
        self.text("resource_address", text::RESOURCE_ADDRESS);
        self.text("applied_rule", text::APPLIED_RULE);
    }

    fn path(&mut self) {
        let columns = self.columns;
        self.nullable("resource_ip", ADDRESS, presence::RESOURCE_IP, &columns.resource_ip);
        self.plain("resource_port", "UInt16", &columns.resource_port);
        self.bits("protocol", "Enum8('tcp' = 1, 'udp' = 2, 'icmp' = 3)", Bits::protocol);
        self.bits("tunnel_path", "Enum8('direct' = 1, 'relay' = 2)", Bits::tunnel_path);
        self.text("tunnel_protocol", text::TUNNEL_PROTOCOL);
        self.nullable("client_ip", ADDRESS, presence::CLIENT_IP, &columns.client_ip);
        self.plain("bytes_received", "UInt64", &columns.bytes_received);
        self.plain("bytes_transferred", "UInt64", &columns.bytes_transferred);
        self.text("error_message", text::ERROR_MESSAGE);
    }

    fn people(&mut self) {
        let columns = self.columns;
        self.nullable("device_id", ID_OR_NULL, presence::DEVICE, &columns.device_id);
        self.nullable("user_id", ID_OR_NULL, presence::USER, &columns.user_id);
        self.text("user_email", text::USER_EMAIL);
        self.nullable("service_account_id", ID_OR_NULL, presence::SERVICE_ACCOUNT, &columns.service_account_id);
        self.text("service_account_name", text::SERVICE_ACCOUNT_NAME);
        self.text("service_account_key", text::SERVICE_ACCOUNT_KEY);
        let key_id = &columns.service_account_key_id;
        self.nullable("service_account_key_id", ID_OR_NULL, presence::SERVICE_ACCOUNT_KEY, key_id);
    }

    fn relays(&mut self) {
        let columns = self.columns;
        self.encoder.relays.clear();
        for row in self.order {
            // Relays of a range are bounded far below 2^32.
            #[expect(clippy::cast_possible_truncation, reason = "a range is bounded")]
            self.encoder.relays.extend(columns.relays_of(*row as usize).map(|relay| relay as u32));
        }
        let relays = std::mem::take(&mut self.encoder.relays);
        self.array("relay_names", "Array(LowCardinality(String))", true);
        self.dictionary(&columns.relay_names, &relays);
        self.array("relay_ips", "Array(Nullable(IPv6))", false);
        self.block.plain(&columns.relay_ip_is_absent, &relays);
        self.block.plain(&columns.relay_ips, &relays);
        self.array("relay_ports", "Array(UInt16)", false);
        self.block.plain(&columns.relay_ports, &relays);
        self.encoder.relays = relays;
    }

    fn location(&mut self) {
        self.bits("has_location", "Bool", |word| Bits::is_there(word, presence::LOCATION));
        self.text("city", text::CITY);
        self.text("country", text::COUNTRY);
        self.text("region", text::REGION);
        self.degrees("latitude", &self.columns.latitude);
        self.degrees("longitude", &self.columns.longitude);
    }

    fn origin(&mut self, origin: Origin<'_>) {
        self.block.column("_kafka_source", TEXT);
        self.encoder.keys.clear();
        push_text(&mut self.encoder.keys, origin.source.as_bytes());
        self.encoder.places.clear();
        self.encoder.places.resize(self.order.len(), 0);
        self.block.low_cardinality_prefix();
        self.block.low_cardinality(1, &self.encoder.keys, &self.encoder.places);
        self.block.column("_kafka_partition", "Int32");
        self.block.repeated(origin.partition, self.order.len());
        self.plain("_kafka_offset", "Int64", &self.columns.kafka_offset);
    }

    fn plain<T: Plain>(&mut self, name: &str, type_name: &str, values: &[T]) {
        self.block.column(name, type_name);
        self.block.plain(values, self.order);
    }

    fn nullable<T: Plain>(&mut self, name: &str, type_name: &str, bit: u8, values: &[T]) {
        self.bits(name, type_name, |word| Bits::is_absent(word, bit));
        self.block.plain(values, self.order);
    }

    fn bits(&mut self, name: &str, type_name: &str, byte: impl Fn(u32) -> u8) {
        self.block.column(name, type_name);
        self.block.bytes_of_words(&self.encoder.bits, byte);
    }

    fn array(&mut self, name: &str, type_name: &str, of_low_cardinality: bool) {
        self.block.column(name, type_name);
        if of_low_cardinality {
            self.block.low_cardinality_prefix();
        }
        self.block.array_ends(self.order, |row| self.columns.relays_of(row).len());
    }

    fn text(&mut self, name: &str, slot: u8) {
        let dictionary = self.columns.text(slot);
        self.block.column(name, if dictionary.knows_absence() { TEXT_OR_NULL } else { TEXT });
        self.block.low_cardinality_prefix();
        self.dictionary(dictionary, self.order);
    }

    /// The keys that `rows` of a dictionary need, in the order in which they need them, and the places of the rows.
    fn dictionary(&mut self, dictionary: &TextDictionary, rows: &[u32]) {
        let Encoder { places_of_keys, keys, places, .. } = &mut *self.encoder;
        keys.clear();
        let first = if dictionary.knows_absence() { Some(ABSENT) } else { None };
        let count = needed(dictionary.len(), first, &dictionary.rows, rows, places_of_keys, places, |key| {
            keys.extend_from_slice(dictionary.key(key));
        });
        self.block.low_cardinality(count, keys, places);
    }

    fn degrees(&mut self, name: &str, dictionary: &NumberDictionary) {
        self.block.column(name, DEGREES);
        self.block.low_cardinality_prefix();
        let Encoder { places_of_keys, keys, places, .. } = &mut *self.encoder;
        keys.clear();
        let numbers = &dictionary.numbers;
        let count = needed(numbers.len(), Some(ABSENT), &dictionary.rows, self.order, places_of_keys, places, |key| {
            keys.extend_from_slice(&numbers[key as usize].to_le_bytes());
        });
        self.block.low_cardinality(count, keys, places);
    }
}

/// Finds which of so many keys `order` needs, `first` before all; calls `add` for each once, and gives how many there are. `places`
/// becomes their places, row by row.
fn needed(
    keys: usize,
    first: Option<u32>,
    rows: &[u32],
    order: &[u32],
    places_of_keys: &mut Vec<u32>,
    places: &mut Vec<u32>,
    mut add: impl FnMut(u32),
) -> usize {
    places_of_keys.clear();
    places_of_keys.resize(keys, NOT_YET);
    let mut count = 0;
    let mut place_of_new = |key: u32, place: &mut u32| {
        *place = count;
        count += 1;
        add(key);
        *place
    };
    if let Some(key) = first {
        place_of_new(key, &mut places_of_keys[key as usize]);
    }
    places.resize(order.len(), 0);
    for (place, row) in places.iter_mut().zip(order) {
        let key = rows[*row as usize];
        let known = &mut places_of_keys[key as usize];
        *place = if *known == NOT_YET { place_of_new(key, known) } else { *known };
    }
    count as usize
}

#[cfg(test)]
mod tests {
    use schemas::migrations;

    use super::*;

    /// Takes a text of less than 128 bytes.
    fn take_text<'a>(bytes: &mut &'a [u8]) -> &'a str {
        let (text, rest) = bytes[1..].split_at(bytes[0].into());
        *bytes = rest;
        std::str::from_utf8(text).unwrap()
    }

    #[test]
    fn block_has_the_columns_that_both_tables_store_with_their_types() {
        let origin = Origin { source: "main", partition: 0 };
        let block = Encoder::default().encode(&Columns::new(), origin, &[], Vec::new());
        assert_eq!(usize::from(block[0]), COLUMNS);
        // Without rows a column is its name, its type, and what stands before a LowCardinality.
        let mut rest = &block[2..];
        let mut found = Vec::new();
        while !rest.is_empty() {
            let (name, type_name) = (take_text(&mut rest), take_text(&mut rest));
            if type_name.contains("LowCardinality") {
                rest = &rest[8..];
            }
            found.push((name, type_name));
        }
        for table in ["connections\n", "connection_openings\n"] {
            let created =
                migrations::ALL.iter().find_map(|it| it.sql.split_once(&format!("EXISTS {table}"))).unwrap().1;
            let stored: Vec<(&str, &str)> = created
                .lines()
                .filter(|line| !line.trim_start().starts_with("--"))
                .filter_map(|line| line.trim().split_once(" CODEC(")?.0.split_once(' '))
                .collect();
            assert_eq!(found, stored);
        }
    }
}
