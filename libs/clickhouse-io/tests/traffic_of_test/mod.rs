//! Made-up traffic and questions: few values of everything, so that filters hit and groups are large.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod plain;
pub(crate) mod plain_insights;
pub(crate) mod stored;

use jiff::tz::TimeZone;
use rand::Rng;
use rand::rngs::StdRng;
use schemas::addresses::{Address, parse_bare_address};
use schemas::connection_event::{
    ConnectionEvent, ConnectionStatus, EventType, Location, Protocol, Relay, ServiceAccount, TunnelPath, User,
};
use schemas::event_id::EventId;
use schemas::examples::connection;
use schemas::ids::Tenant;
use schemas::times::Moment;
use traffic_query::{Dimension, Measure, TopQuery, TrafficFilter};

use self::plain::Stored;

/// When the traffic of a set is, `[first, last)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Period {
    pub(crate) first: Moment,
    pub(crate) last: Moment,
}

/// Around the night in which clocks go forward in Europe: 2026-03-27 20:00 to 2026-03-30 08:00 UTC.
pub(crate) const SPRING: Period =
    Period { first: Moment::from_millis(1_774_641_600_000), last: Moment::from_millis(1_774_857_600_000) };
/// Around the night in which they go back there, and a week later in America: 2026-10-23 20:00 to 2026-11-02 08:00 UTC.
const AUTUMN: Period =
    Period { first: Moment::from_millis(1_792_785_600_000), last: Moment::from_millis(1_793_606_400_000) };

impl Period {
    /// Each second set is in autumn.
    pub(crate) fn of(seed: u64) -> Self {
        if seed.is_multiple_of(2) { SPRING } else { AUTUMN }
    }

    /// A moment within it.
    fn any(self, random: &mut StdRng) -> i64 {
        random.random_range(self.first.as_micros()..self.last.as_micros())
    }

    /// A moment at which may be asked, up to a day after its end.
    pub(crate) fn now(self, random: &mut StdRng) -> Moment {
        Moment::from_micros(random.random_range(self.first.as_micros()..self.last.as_micros() + 86_400_000_000))
    }

    /// What of the filter's range lies within it.
    pub(crate) fn narrow(self, filter: &TrafficFilter) -> TrafficFilter {
        filter.within(filter.from.max(self.first), filter.to.min(self.last))
    }
}

/// The last one is a name to whoever reads addresses, and an address to the engine's own functions.
const ADDRESSES: [&str; 7] =
    ["wiki.corp.example", "WIKI.lab.example", "10.0.0.1", "2001:db8::7", "", "münchen.example", "010.0.0.1"];
const CLIENTS: [&str; 5] = ["192.0.2.4", "192.0.2.200", "10.1.2.3", "2001:db8::1", "::1"];

fn one<T: Copy>(random: &mut StdRng, values: &[T]) -> T {
    values[random.random_range(0..values.len())]
}

fn address(random: &mut StdRng) -> Option<Address> {
    random.random_bool(0.8).then(|| parse_bare_address(one(random, &CLIENTS)).unwrap())
}

/// Some hundred events of one tenant as they are stored: openings too, and copies of facts under other offsets, of which some say something else.
pub(crate) fn events(random: &mut StdRng, tenant: &Tenant, period: Period) -> Vec<Stored> {
    let mut all: Vec<Stored> = Vec::new();
    for number in 0..random.random_range(150..400_u64) {
        let event = event(random, tenant, period, number);
        if event.event_type == EventType::ClosedConnection && random.random_bool(0.5) {
            let opened = ended_at(&event, EventType::EstablishedConnection, event.start_time);
            all.push(Stored { event: opened, partition: 0, offset: 0 });
        }
        if random.random_bool(0.3) {
            let copy = if random.random_bool(0.7) { told_otherwise(random, &event, period) } else { event.clone() };
            all.push(Stored { event: copy, partition: 0, offset: 0 });
        }
        all.push(Stored { event, partition: 0, offset: 0 });
    }
    for (stored, offset) in all.iter_mut().zip(0..) {
        (stored.partition, stored.offset) = (random.random_range(0..3), offset);
    }
    all
}

fn event(random: &mut StdRng, tenant: &Tenant, period: Period, number: u64) -> ConnectionEvent {
    let kinds =
        [EventType::ClosedConnection, EventType::ClosedConnection, EventType::FailedToConnect, EventType::DeniedAccess];
    let kind = one(random, &kinds);
    // Whole hours and minutes too: the edges of buckets.
    let millis = period.any(random) / 1_000;
    let millis = one(random, &[millis, millis, millis / 60_000 * 60_000, millis / 3_600_000 * 3_600_000]);
    let network = random.random_range(1..4_u64);
    let id = if random.random_bool(0.5) { format!("{number:x}-7a") } else { format!("opaque {number}") };
    let base = connection(kind, &id, millis.unsigned_abs());
    let is_user = random.random_bool(0.7);
    let who = random.random_range(1..5_u64);
    let duration = if kind == EventType::ClosedConnection { random.random_range(0..7_200_000_000) } else { 0 };
    let event = ConnectionEvent {
        tenant: tenant.clone(),
        start_time: Moment::from_micros(base.end_time.as_micros() - duration),
        // One Connector of a network carries most of it.
        connector_id: (network * 10 + u64::from(random.random_bool(0.15))).to_string().parse().unwrap(),
        connector_name: format!("connector {network}"),
        remote_network_id: network.to_string().parse().unwrap(),
        remote_network_name: format!("network {network}"),
        resource_id: random.random_range(1..6_u64).to_string().parse().unwrap(),
        resource_address: one(random, &ADDRESSES).to_owned(),
        applied_rule: one(random, &["*.corp.example", "10.0.0.0/8", ""]).to_owned(),
        resource_ip: address(random),
        resource_port: one(random, &[0, 53, 443, 8080, 65_535]),
        protocol: one(random, &[Protocol::Tcp, Protocol::Udp, Protocol::Icmp]),
        tunnel_path: one(random, &[TunnelPath::Direct, TunnelPath::Relay]),
        client_ip: address(random),
        bytes_received: one(random, &[0, 1, 1_000, i64::MAX as u64]),
        bytes_transferred: random.random_range(0..5_000),
        device_id: random.random_bool(0.6).then(|| random.random_range(1..4_u64).to_string().parse().unwrap()),
        user: is_user
            .then(|| User { id: who.to_string().parse().unwrap(), email: format!("person-{who}@acme.example") }),
        service_account: (!is_user).then(|| ServiceAccount {
            id: who.to_string().parse().unwrap(),
            name: "ci".to_owned(),
            key: String::new(),
            key_id: None,
        }),
        relays: vec![Relay { name: "relay-ams".to_owned(), ip: None, port: 1 }],
        location: random.random_bool(0.7).then(|| Location {
            country: random.random_bool(0.8).then(|| one(random, &["DE", "US", "Côte d’Ivoire"]).to_owned()),
            ..Location::default()
        }),
        ..base
    };
    ended_at(&event, kind, event.end_time)
}

/// The same fact, with other values of what its event id is not made of.
fn told_otherwise(random: &mut StdRng, fact: &ConnectionEvent, period: Period) -> ConnectionEvent {
    let (other, mut told) = (event(random, &fact.tenant, period, 0), fact.clone());
    for _ in 0..random.random_range(1..4) {
        let other = other.clone();
        match random.random_range(0..9) {
            0 => {
                (told.remote_network_id, told.remote_network_name) =
                    (other.remote_network_id, other.remote_network_name);
            }
            1 => told.location = other.location,
            2 => told.tunnel_path = other.tunnel_path,
            3 => (told.user, told.service_account) = (other.user, other.service_account),
            4 => (told.resource_id, told.applied_rule) = (other.resource_id, other.applied_rule),
            // A failure may be one of its name by one copy, and another one by the other.
            5 => (told.resource_address, told.resource_ip) = (other.resource_address, other.resource_ip),
            6 => (told.client_ip, told.device_id) = (other.client_ip, other.device_id),
            7 => (told.protocol, told.resource_port) = (other.protocol, other.resource_port),
            _ => told.bytes_transferred = other.bytes_transferred,
        }
    }
    told
}

/// The same connection's event of another kind, at another time.
pub(crate) fn ended_at(event: &ConnectionEvent, event_type: EventType, end_time: Moment) -> ConnectionEvent {
    let end_time = if event_type == event.event_type { end_time } else { Moment::from_millis(end_time.as_millis()) };
    let millis = u64::try_from(end_time.as_millis()).unwrap();
    let event_id = EventId::of_fact(&event.tenant, event.connector_id, &event.connection_id, event_type, millis);
    let start_time = if event_type == EventType::ClosedConnection { event.start_time } else { end_time };
    ConnectionEvent { event_id, event_type, start_time, end_time, ..event.clone() }
}

/// A filter that narrows a few fields, often with values that occur.
pub(crate) fn filter(random: &mut StdRng, period: Period) -> TrafficFilter {
    let mut filter = TrafficFilter::default();
    let zone = one(random, &["UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York", "Asia/Beirut"]);
    filter.zone = TimeZone::get(zone).unwrap();
    if random.random_bool(0.6) {
        let mut moment = || {
            let micros = period.any(random);
            let whole = one(random, &[1, 60_000_000, 3_600_000_000]);
            Moment::from_micros(micros / whole * whole)
        };
        let (one, two) = (moment(), moment());
        if one != two {
            (filter.from, filter.to) = (one.min(two), one.max(two));
        }
    }
    let id = |random: &mut StdRng, to: u64| random.random_range(1..to).to_string();
    for _ in 0..random.random_range(0..4) {
        match random.random_range(0..15) {
            0 | 1 => {
                filter.remote_networks.insert(id(random, 5).parse().unwrap());
            }
            2 => {
                filter.users.insert(id(random, 6).parse().unwrap());
            }
            3 => {
                filter.service_accounts.insert(id(random, 6).parse().unwrap());
            }
            4 => {
                filter.resources.insert(id(random, 7).parse().unwrap());
            }
            5 => {
                filter.applied_rules.insert(one(random, &["*.corp.example", "none"]).to_owned());
            }
            6 => {
                filter.connectors.insert(random.random_range(10..32_u64).to_string().parse().unwrap());
            }
            7 => {
                filter.devices.insert(id(random, 5).parse().unwrap());
            }
            8 => {
                filter.protocols.insert(one(random, &[Protocol::Tcp, Protocol::Udp, Protocol::Icmp]));
            }
            9 => {
                filter.ports.insert(one(random, &["443", "0-1023", "8000-65535"]).parse().unwrap());
            }
            10 => {
                let all = [
                    ConnectionStatus::Normal,
                    ConnectionStatus::DnsError,
                    ConnectionStatus::ConnectionFailed,
                    ConnectionStatus::AccessDenied,
                ];
                filter.statuses.insert(one(random, &all));
            }
            11 => {
                filter.tunnel_paths.insert(one(random, &[TunnelPath::Direct, TunnelPath::Relay]));
            }
            12 => {
                filter.countries.insert(one(random, &["DE", "Côte d’Ivoire", "nowhere"]).to_owned());
            }
            13 => {
                let range = one(random, &["192.0.2.0/25", "10.0.0.0/8", "2001:db8::/32", "::/0", "0.0.0.0/0", "::1"]);
                let ranges = match random.random_range(0..3) {
                    0 => &mut filter.client_addresses,
                    1 => &mut filter.resource_addresses,
                    _ => &mut filter.addresses,
                };
                ranges.insert(range.parse().unwrap());
            }
            _ => filter.domain = Some(one(random, &["wiki", "EXAMPLE", "10.", "MÜNCHEN", "'; --"]).to_owned()),
        }
    }
    filter
}

/// A question of groups; often one that the roll-up can answer.
pub(crate) fn groups(random: &mut StdRng, filter: &TrafficFilter) -> TopQuery {
    let of_rollup = [
        Dimension::RemoteNetwork,
        Dimension::User,
        Dimension::ServiceAccount,
        Dimension::Resource,
        Dimension::Connector,
        Dimension::Protocol,
        Dimension::Status,
        Dimension::TunnelPath,
        Dimension::Country,
    ];
    let sums = [
        Measure::Events,
        Measure::Connections,
        Measure::Succeeded,
        Measure::FailedDns,
        Measure::FailedOther,
        Measure::Denied,
        Measure::Bytes,
        Measure::BytesReceived,
        Measure::BytesTransferred,
        Measure::Users,
    ];
    let (dimensions, measures) =
        if random.random_bool(0.5) { (&of_rollup[..], &sums[..]) } else { (Dimension::ALL, Measure::ALL) };
    let by = one(random, dimensions);
    let second = one(random, dimensions);
    let by = if random.random_bool(0.5) && by != second { vec![by, second] } else { vec![by] };
    let measures: Vec<Measure> = (0..random.random_range(1..5)).map(|_| one(random, measures)).collect();
    TopQuery::new(filter.clone(), &by, &measures, random.random_range(1..7)).unwrap()
}
