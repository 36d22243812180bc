//! Events of any values, for property tests.

use proptest::prelude::*;

use crate::addresses::Address;
use crate::connection_event::{
    ConnectionEvent, EventType, Location, Protocol, Relay, ServiceAccount, TunnelPath, User,
};
use crate::event_id::EventId;
use crate::ids::{DeviceId, Tenant};
use crate::times::Moment;

fn addresses() -> impl Strategy<Value = Option<Address>> {
    proptest::option::of(any::<[u8; 16]>().prop_map(Address::from_octets))
}

fn ids<T>() -> impl Strategy<Value = T>
where
    T: TryFrom<i64> + std::fmt::Debug,
    <T as TryFrom<i64>>::Error: std::fmt::Debug,
{
    (0..=i64::MAX).prop_map(|number| T::try_from(number).unwrap())
}

fn tenants() -> impl Strategy<Value = Tenant> {
    "[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?".prop_map(|slug| slug.parse().unwrap())
}

fn identities() -> impl Strategy<Value = (Option<User>, Option<ServiceAccount>)> {
    prop_oneof![
        (ids(), any::<String>()).prop_map(|(id, email)| (Some(User { id, email }), None)),
        (ids(), any::<String>(), any::<String>(), proptest::option::of(ids()))
            .prop_map(|(id, name, key, key_id)| (None, Some(ServiceAccount { id, name, key, key_id }))),
    ]
}

fn relays() -> impl Strategy<Value = Vec<Relay>> {
    let relay = (any::<String>(), addresses(), any::<u16>()).prop_map(|(name, ip, port)| Relay { name, ip, port });
    proptest::collection::vec(relay, 0..4)
}

fn locations() -> impl Strategy<Value = Option<Location>> {
    let place = (-90.0..=90.0, -180.0..=180.0, proptest::option::of(any::<String>()));
    proptest::option::of(place.prop_map(|(latitude, longitude, city)| Location {
        city,
        country: None,
        region: Some(String::new()),
        latitude: Some(latitude),
        longitude: Some(longitude),
    }))
}

prop_compose! {
    /// Events of any values that the schema takes, whether or not they keep the contract.
    pub fn events()(
        event_id in any::<[u8; 16]>(),
        tenant in tenants(),
        event_type in prop::sample::select(vec![
            EventType::EstablishedConnection, EventType::ClosedConnection, EventType::FailedToConnect, EventType::DeniedAccess,
        ]),
        times in (any::<i64>(), any::<i64>()),
        texts in proptest::array::uniform7(any::<String>()),
        ids in (ids(), ids(), ids(), proptest::option::of(ids::<DeviceId>())),
        addresses in (addresses(), addresses()),
        resource_port in any::<u16>(),
        protocol in prop::sample::select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Icmp]),
        tunnel_path in prop::sample::select(vec![TunnelPath::Direct, TunnelPath::Relay]),
        counters in (0..=i64::MAX as u64, 0..=i64::MAX as u64),
        (user, service_account) in identities(),
        relays in relays(),
        location in locations(),
    ) -> ConnectionEvent {
        let [connection_id, connector_name, remote_network_name, resource_address, applied_rule, tunnel, error_message] = texts;
        ConnectionEvent {
            event_id: EventId::from_bytes(event_id),
            tenant,
            event_type,
            start_time: Moment::from_micros(times.0),
            end_time: Moment::from_micros(times.1),
            connection_id,
            connector_id: ids.0,
            connector_name,
            remote_network_id: ids.1,
            remote_network_name,
            resource_id: ids.2,
            resource_address,
            applied_rule,
            resource_ip: addresses.0,
            resource_port,
            protocol,
            tunnel_path,
            tunnel_protocol: Some(tunnel),
            client_ip: addresses.1,
            bytes_received: counters.0,
            bytes_transferred: counters.1,
            error_message,
            device_id: ids.3,
            user,
            service_account,
            relays,
            location,
        }
    }
}

/// Events that keep the contract as far as time and identity go: a time that a table takes, a duration, and the event id that
/// follows from them.
pub fn right_events() -> impl Strategy<Value = ConnectionEvent> {
    let connection_ids = prop_oneof!["[0-9a-f]{1,17}-[0-9a-f]{1,17}", "[0-9a-f]{16}-[0-9]{1,20}", ".{1,20}"];
    let times = (Moment::FIRST.as_micros()..Moment::END.as_micros(), 0..=100_000_000_000_i64);
    (events(), connection_ids, times).prop_map(|(event, connection_id, (end, duration))| {
        let end_time = Moment::from_micros(end);
        let end_ms = u64::try_from(end_time.as_millis()).unwrap();
        let event_id = EventId::of_fact(&event.tenant, event.connector_id, &connection_id, event.event_type, end_ms);
        ConnectionEvent {
            event_id,
            connection_id,
            start_time: Moment::from_micros((end - duration).max(Moment::FIRST.as_micros())),
            end_time,
            ..event
        }
    })
}
