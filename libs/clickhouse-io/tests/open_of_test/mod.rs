//! Changes of open connections as the aggregator writes them.

pub(crate) mod plain;

use clickhouse_io::{ClickHouse, open};
use schemas::addresses::{Address, parse_bare_address};
use schemas::connection_event::{ConnectionEvent, EventType, Protocol, User};
use schemas::examples::connection;
use schemas::times::Moment;

/// An event at a moment: an end is that of a connection that took a moment.
pub(crate) fn event(event_type: EventType, id: &str, end: Moment) -> ConnectionEvent {
    let event = connection(event_type, id, end.as_millis().unsigned_abs());
    ConnectionEvent {
        start_time: Moment::from_micros(event.end_time.as_micros() - 1_234),
        protocol: Protocol::Icmp,
        client_ip: parse_bare_address("192.0.2.1"),
        user: Some(User { id: "0".parse().unwrap(), email: String::new() }),
        ..event
    }
}

/// Writes what these events change, each with its offset, as one range.
pub(crate) async fn write<'a>(clickhouse: &ClickHouse, events: impl IntoIterator<Item = (&'a ConnectionEvent, i64)>) {
    let mut columns = open::OpenColumns::default();
    events.into_iter().for_each(|(event, offset)| push(&mut columns, event, offset));
    open::write(clickhouse, columns.encode(Vec::new()).into()).await.unwrap();
}

fn push(columns: &mut open::OpenColumns, event: &ConnectionEvent, offset: i64) {
    let account = event.service_account.as_ref();
    columns.push(&open::OpenChange {
        offset,
        event_type: event.event_type,
        tenant: event.tenant.as_str().as_bytes(),
        connector_id: event.connector_id.get(),
        connection_id: event.connection_id.as_bytes(),
        start_micros: event.start_time.as_micros(),
        end_micros: event.end_time.as_micros(),
        remote_network: (event.remote_network_id.get(), event.remote_network_name.as_bytes()),
        resource: (event.resource_id.get(), event.resource_address.as_bytes()),
        user: event.user.as_ref().map(|user| (user.id.get(), user.email.as_bytes())),
        service_account: account.map(|account| (account.id.get(), account.name.as_bytes())),
        client_ip: event.client_ip.map(Address::octets),
        protocol: match event.protocol {
            Protocol::Tcp | Protocol::Unknown => 1,
            Protocol::Udp => 2,
            Protocol::Icmp => 3,
        },
    });
}

/// The server's clock goes on by so many seconds: everything that is there is that much older.
pub(crate) async fn wait(clickhouse: &ClickHouse, seconds: i64) {
    let sql = format!(
        "ALTER TABLE open_connections UPDATE opened_at = opened_at - toIntervalSecond({seconds}),
             ended_at = ended_at - toIntervalSecond({seconds}), written_at = written_at - toIntervalSecond({seconds})
         WHERE true SETTINGS mutations_sync = 2"
    );
    clickhouse.execute(&sql).await.unwrap();
}
