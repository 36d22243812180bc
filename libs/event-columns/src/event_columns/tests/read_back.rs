//! Columns, read back into events.

use clickhouse_io::connection_id::PackedId;
use schemas::addresses::Address;
use schemas::connection_event::{
    ConnectionEvent, EventType, Location, Protocol, Relay, ServiceAccount, TunnelPath, User,
};
use schemas::event_id::EventId;
use schemas::times::Moment;

use crate::EventColumns;
use crate::columns::{Bits, Columns};
use crate::dictionary::{ABSENT, NumberDictionary};
use crate::slots::{presence, text};

impl EventColumns {
    /// All rows, in the order in which they came, with their offsets.
    pub(super) fn events(&mut self) -> Vec<(i64, ConnectionEvent)> {
        self.flush();
        (0..self.rows()).map(|row| (self.columns.kafka_offset[row], event(&self.columns, row))).collect()
    }
}

fn text_of(columns: &Columns, slot: u8, row: usize) -> Option<String> {
    let dictionary = columns.text(slot);
    let place = dictionary.rows[row];
    if dictionary.knows_absence() && place == ABSENT {
        return None;
    }
    Some(String::from_utf8(dictionary.text(place).to_vec()).unwrap())
}

fn degrees(dictionary: &NumberDictionary, row: usize) -> Option<f64> {
    let place = dictionary.rows[row];
    (place != ABSENT).then(|| f64::from_bits(dictionary.numbers[place as usize]))
}

fn id<T: TryFrom<i64>>(number: u64) -> T
where
    T::Error: std::fmt::Debug,
{
    T::try_from(number.cast_signed()).unwrap()
}

fn event(columns: &Columns, row: usize) -> ConnectionEvent {
    let bits = columns.bits[row];
    let is_there = |bit| Bits::is_there(bits, bit) == 1;
    let text = |slot| text_of(columns, slot, row);
    let needed = |slot| text(slot).unwrap();
    let end_time = Moment::from_micros(columns.end_time[row]);
    let connection_id = PackedId::from_columns(
        Bits::connection_id_form(bits).cast_signed(),
        columns.connection_id_high[row],
        columns.connection_id_low[row],
        std::str::from_utf8(columns.connection_id_text_of(row)).unwrap(),
    );
    let relays = columns.relays_of(row).map(|relay| Relay {
        name: String::from_utf8(columns.relay_names.text(columns.relay_names.rows[relay]).to_vec()).unwrap(),
        ip: (columns.relay_ip_is_absent[relay] == 0).then(|| Address::from_octets(columns.relay_ips[relay])),
        port: columns.relay_ports[relay],
    });
    ConnectionEvent {
        event_id: EventId::from_parts(u64::try_from(end_time.as_millis()).unwrap(), columns.event_id_tail[row]),
        tenant: needed(text::TENANT).parse().unwrap(),
        event_type: [
            EventType::Unknown,
            EventType::EstablishedConnection,
            EventType::ClosedConnection,
            EventType::FailedToConnect,
            EventType::DeniedAccess,
        ][usize::from(Bits::event_type(bits))],
        start_time: Moment::from_micros(columns.end_time[row] - columns.duration_us[row].cast_signed()),
        end_time,
        connection_id: connection_id.unpack(),
        connector_id: id(columns.connector_id[row]),
        connector_name: needed(text::CONNECTOR_NAME),
        remote_network_id: id(columns.remote_network_id[row]),
        remote_network_name: needed(text::REMOTE_NETWORK_NAME),
        resource_id: id(columns.resource_id[row]),
        resource_address: needed(text::RESOURCE_ADDRESS),
        applied_rule: needed(text::APPLIED_RULE),
        resource_ip: is_there(presence::RESOURCE_IP).then(|| Address::from_octets(columns.resource_ip[row])),
        resource_port: columns.resource_port[row],
        protocol: [Protocol::Unknown, Protocol::Tcp, Protocol::Udp, Protocol::Icmp][usize::from(Bits::protocol(bits))],
        tunnel_path: [TunnelPath::Unknown, TunnelPath::Direct, TunnelPath::Relay][usize::from(Bits::tunnel_path(bits))],
        tunnel_protocol: text(text::TUNNEL_PROTOCOL),
        client_ip: is_there(presence::CLIENT_IP).then(|| Address::from_octets(columns.client_ip[row])),
        bytes_received: columns.bytes_received[row],
        bytes_transferred: columns.bytes_transferred[row],
        error_message: needed(text::ERROR_MESSAGE),
        device_id: is_there(presence::DEVICE).then(|| id(columns.device_id[row])),
        user: is_there(presence::USER).then(|| User { id: id(columns.user_id[row]), email: needed(text::USER_EMAIL) }),
        service_account: is_there(presence::SERVICE_ACCOUNT).then(|| ServiceAccount {
            id: id(columns.service_account_id[row]),
            name: needed(text::SERVICE_ACCOUNT_NAME),
            key: needed(text::SERVICE_ACCOUNT_KEY),
            key_id: is_there(presence::SERVICE_ACCOUNT_KEY).then(|| id(columns.service_account_key_id[row])),
        }),
        relays: relays.collect(),
        location: is_there(presence::LOCATION).then(|| Location {
            city: text(text::CITY),
            country: text(text::COUNTRY),
            region: text(text::REGION),
            latitude: degrees(&columns.latitude, row),
            longitude: degrees(&columns.longitude, row),
        }),
    }
}
