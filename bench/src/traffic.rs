//! Generated events: ids as random as those of real Connectors, names and addresses as skewed as real traffic.

mod sessions;

use rand::Rng;
use rand::rngs::StdRng;
use schemas::connection_event::{
    ConnectionEvent, EventType, Location, Protocol, Relay, ServiceAccount, TunnelPath, User,
};
use schemas::event_id::EventId;
use schemas::ids::Tenant;
use schemas::times::Moment;

use sessions::Sessions;

/// Events of one tenant: 300 Remote Networks, 2000 Users, 20 Resources a network; `per_second` connections end.
pub(crate) struct Traffic {
    pick: StdRng,
    tenant: Tenant,
    now_ms: f64,
    per_second: f64,
    networks: u32,
    number: u64,
    sessions: Option<Sessions>,
}

/// A number below `end`, small ones more often.
fn skewed(pick: &mut StdRng, end: u32, power: f64) -> u32 {
    let share: f64 = pick.random::<f64>().powf(power);
    // Below `end`, which is far below 2^32.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to end")]
    let number = (share * f64::from(end)) as u32;
    number.min(end - 1)
}

fn id<T: TryFrom<i64>>(number: u32) -> anyhow::Result<T> {
    T::try_from(i64::from(number)).map_err(|_| anyhow::anyhow!("{number} is no id"))
}

impl Traffic {
    pub(crate) fn new(pick: StdRng, per_second: f64) -> anyhow::Result<Self> {
        let (tenant, now_ms) = ("acme".parse()?, 1_793_487_600_000.0);
        Ok(Self { pick, tenant, now_ms, per_second, networks: 300, number: 0, sessions: None })
    }

    /// The same over another number of Remote Networks.
    pub(crate) fn over_networks(self, networks: u32) -> Self {
        Self { networks, ..self }
    }

    /// The same, with Users who come back: else nearly every event has a User and a Resource of its own.
    pub(crate) fn in_sessions(mut self) -> Self {
        self.sessions = Some(Sessions::new(&mut self.pick, self.networks, self.per_second));
        self
    }

    /// From this moment on.
    pub(crate) fn beginning_at_ms(self, now_ms: f64) -> Self {
        Self { now_ms, ..self }
    }

    /// The next connection that ended, failed or was denied; ends are in order of time, give or take a few seconds.
    pub(crate) fn next_event(&mut self) -> anyhow::Result<ConnectionEvent> {
        let pick = &mut self.pick;
        self.number += 1;
        self.now_ms += 2_000.0 / self.per_second * pick.random::<f64>();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "before 2100")]
        let end_ms = self.now_ms as u64 + pick.random_range(0..3_000);
        let session = self.sessions.as_mut().map(|sessions| sessions.next(pick));
        let (network, resource, person) = match session {
            Some(session) => (session.network, session.resource, session.person),
            None => (skewed(pick, self.networks, 2.0), skewed(pick, 20, 1.5), skewed(pick, 2_000, 1.5)),
        };
        let event_type = match pick.random_range(0..1000) {
            0..955 => EventType::ClosedConnection,
            955..995 => EventType::FailedToConnect,
            _ => EventType::DeniedAccess,
        };
        let closed = event_type == EventType::ClosedConnection;
        // The two forms of ids that Connectors use: 64 random bits and a running number.
        let connection_id = if pick.random() {
            format!("{:x}-{:x}", pick.random::<u64>(), self.number)
        } else {
            format!("{:016x}-{}", pick.random::<u64>(), self.number)
        };
        let connector = session.map_or_else(|| pick.random_range(0..3), |session| session.connector);
        let connector_id = id(150_000 + network * 4 + connector)?;
        let by_address = resource % 4 == 0;
        let asked = if by_address {
            format!("10.{}.{resource}.7", network % 250)
        } else {
            format!("app{resource}.team{network}.corp.example")
        };
        let unresolved = !closed && !by_address && pick.random_bool(0.5);
        let host = pick.random_range(1..200_u8);
        let resource_ip = std::net::Ipv4Addr::new(10, u8::try_from(network % 250)?, u8::try_from(resource)?, host);
        let client = 1_300_000_000 + person * 7_919 + skewed(pick, 3, 2.0);
        let service = session.map_or_else(|| pick.random_bool(0.05), |session| session.is_service);
        let relayed = closed && session.map_or_else(|| pick.random_bool(0.35), |session| session.is_relayed);
        let magnitude = pick.random_range(6..30);
        let end_time = Moment::from_millis(i64::try_from(end_ms)?);
        let duration_us = if closed { 2_f64.powf(pick.random_range(8.0..32.0)) } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, reason = "below 2^32 microseconds")]
        let start_time = Moment::from_micros(end_time.as_micros() - duration_us as i64 / 1000 * 1000);
        let user = if service {
            None
        } else {
            Some(User { id: id(113_000 + person)?, email: format!("person{person}@corp.example") })
        };
        let service_account = if service {
            let number = person % 40;
            let key_id = Some(id(950_000 + number)?);
            let (name, key) = (format!("ci-runner-{number}"), format!("key-{number}"));
            Some(ServiceAccount { id: id(900_000 + number)?, name, key, key_id })
        } else {
            None
        };
        let city = usize::try_from(person % 40)?;
        Ok(ConnectionEvent {
            event_id: EventId::of_fact(&self.tenant, connector_id, &connection_id, event_type, end_ms),
            tenant: self.tenant.clone(),
            event_type,
            start_time,
            end_time,
            connection_id,
            connector_id,
            connector_name: format!("quiet-heron-{}", network % 100),
            remote_network_id: id(64_000 + network * 7)?,
            remote_network_name: format!("aws-us-east-{network}"),
            resource_id: id(2_326_000 + network * 20 + resource)?,
            applied_rule: if by_address {
                format!("10.{}.0.0/16", network % 250)
            } else {
                format!("*.team{network}.corp.example")
            },
            resource_address: asked,
            resource_ip: (!unresolved).then(|| resource_ip.into()),
            resource_port: [443, 443, 443, 22, 5432, 3306, 8080, 3389, 53, 6443][usize::try_from(resource % 10)?],
            protocol: if session.map_or_else(|| pick.random_bool(0.8), |session| session.is_tcp) {
                Protocol::Tcp
            } else {
                Protocol::Udp
            },
            tunnel_path: if relayed { TunnelPath::Relay } else { TunnelPath::Direct },
            tunnel_protocol: Some("quic/udp".to_owned()),
            client_ip: Some(std::net::Ipv4Addr::from(client).into()),
            bytes_received: if closed { pick.random_range(0..1 << magnitude) } else { 0 },
            bytes_transferred: if closed { pick.random_range(0..1 << (magnitude - 4)) } else { 0 },
            error_message: if closed { String::new() } else { "connection refused".to_owned() },
            device_id: if service { None } else { Some(id(200_000 + person * 3 + skewed(pick, 3, 2.0))?) },
            user,
            service_account,
            relays: if relayed {
                let relay = network % 10;
                let ip = std::net::Ipv4Addr::new(198, 51, 100, u8::try_from(relay)?);
                vec![Relay { name: format!("relay-{relay}"), ip: Some(ip.into()), port: 30_500 }]
            } else {
                Vec::new()
            },
            location: (person % 4 != 0).then(|| Location {
                city: Some(format!("City {city}")),
                country: Some("DE".to_owned()),
                region: Some(format!("Region {}", city % 10)),
                latitude: Some(40.0 + f64::from(person % 40) / 4.0),
                longitude: Some(-20.0 + f64::from(person % 40) / 8.0),
            }),
        })
    }
}
