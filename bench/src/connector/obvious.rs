//! The peer: what one would write first. Lines of a file, serde_json to structs, apache-avro through serde, and rdkafka's threaded
//! producer with the settings of ours. It checks less: not where a line is wrong, and it keeps no position.

use std::io::BufRead;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use schema_registry::{Encoder, Registry, RegistryConfig};
use schemas::addresses::{Address, parse_address_with_port};
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::connection_event::{
    ConnectionEvent, EventType, Location, Protocol, Relay, ServiceAccount, TunnelPath, User,
};
use schemas::event_id::EventId;
use schemas::ids::Tenant;
use schemas::times::Moment;
use schemas::topics::CONNECTION_EVENTS;
use serde::Deserialize;

#[derive(Deserialize)]
struct LogLine {
    event_type: String,
    timestamp: u64,
    connection: Connection,
    connector: Named,
    remote_network: Named,
    resource: Resource,
    user: Option<LogUser>,
    service_account: Option<Account>,
    device: Option<Device>,
    #[serde(default)]
    relays: Vec<LogRelay>,
    location: Option<String>,
}

#[derive(Deserialize)]
struct Connection {
    id: String,
    protocol: String,
    duration: Option<u64>,
    client_ip: Option<String>,
    resource_ip: Option<String>,
    #[serde(default)]
    resource_port: u16,
    #[serde(default)]
    rx: u64,
    #[serde(default)]
    tx: u64,
    tunnel_path: Option<String>,
    tunnel_proto: Option<String>,
    error_message: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Resource {
    id: String,
    address: String,
    #[serde(default)]
    applied_rule: String,
}

#[derive(Deserialize)]
struct LogUser {
    id: String,
    email: String,
}

#[derive(Deserialize)]
struct Account {
    id: String,
    name: String,
    #[serde(default)]
    key: String,
    key_id: Option<String>,
}

#[derive(Deserialize)]
struct Device {
    id: Option<String>,
}

#[derive(Deserialize)]
struct LogRelay {
    ip: Option<String>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    port: u16,
}

#[derive(Deserialize)]
struct Place {
    geoip: Geo,
}

#[derive(Deserialize)]
struct Geo {
    city: Option<String>,
    country: Option<String>,
    region: Option<String>,
    lat: Option<f64>,
    lon: Option<f64>,
}

/// Publishes every line of a log.
pub(crate) async fn run(kafka: &str, registry: &str, log: &str) -> anyhow::Result<()> {
    service_kit::tls::install();
    let registry = Registry::new(&RegistryConfig { url: registry.to_owned(), ..RegistryConfig::default() })?;
    let encoder = Encoder::new(registry.ensure(&CONNECTION_EVENT).await?, &CONNECTION_EVENT)?;
    let mut config = ClientConfig::new();
    for (key, value) in [
        ("bootstrap.servers", kafka),
        ("enable.idempotence", "true"),
        ("compression.type", "lz4"),
        ("partitioner", "murmur2_random"),
        ("linger.ms", "50"),
        ("queue.buffering.max.kbytes", "131072"),
    ] {
        config.set(key, value);
    }
    let producer: ThreadedProducer<DefaultProducerContext> = config.create()?;
    let tenant: Tenant = "acme".parse()?;
    for line in std::io::BufReader::new(std::fs::File::open(log)?).lines() {
        let line = line?;
        let Some((_, text)) = line.split_once("ANALYTICS ") else { continue };
        let event = event_of(serde_json::from_str(text)?, &tenant)?;
        let (key, value) = (event.key(), encoder.encode(&event)?);
        let mut record = BaseRecord::to(CONNECTION_EVENTS.name).key(&key).payload(&value);
        while let Err((error, back)) = producer.send(record) {
            anyhow::ensure!(error == KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), "{error}");
            record = back;
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    producer.flush(Duration::from_secs(60))?;
    Ok(())
}

fn id<T: FromStr>(text: &str) -> anyhow::Result<T> {
    text.parse().map_err(|_| anyhow::anyhow!("{text} is no id"))
}

fn address(text: Option<&String>) -> Option<Address> {
    parse_address_with_port(text?)
}

fn event_of(line: LogLine, tenant: &Tenant) -> anyhow::Result<ConnectionEvent> {
    let kinds = [
        EventType::ClosedConnection,
        EventType::EstablishedConnection,
        EventType::FailedToConnect,
        EventType::DeniedAccess,
    ];
    let event_type = kinds.into_iter().find(|kind| kind.log_name() == line.event_type).context("event_type")?;
    let protocols = [Protocol::Tcp, Protocol::Udp, Protocol::Icmp];
    let protocol = protocols.into_iter().find(|it| it.name() == line.connection.protocol).context("protocol")?;
    let is_direct = line.connection.tunnel_path.as_deref() == Some("direct");
    let end_time = Moment::from_millis(i64::try_from(line.timestamp)?);
    let duration = i64::try_from(line.connection.duration.unwrap_or_default())?;
    let connector_id = id(&line.connector.id)?;
    let relays = line.relays.into_iter().map(|it| Relay { ip: address(it.ip.as_ref()), name: it.name, port: it.port });
    let place: Option<Place> = line.location.as_deref().map(serde_json::from_str).transpose()?;
    Ok(ConnectionEvent {
        event_id: EventId::of_fact(tenant, connector_id, &line.connection.id, event_type, line.timestamp),
        tenant: tenant.clone(),
        event_type,
        start_time: Moment::from_micros(end_time.as_micros() - duration * 1000),
        end_time,
        connection_id: line.connection.id,
        connector_id,
        connector_name: line.connector.name,
        remote_network_id: id(&line.remote_network.id)?,
        remote_network_name: line.remote_network.name,
        resource_id: id(&line.resource.id)?,
        resource_address: line.resource.address,
        applied_rule: line.resource.applied_rule,
        resource_ip: address(line.connection.resource_ip.as_ref()),
        resource_port: line.connection.resource_port,
        protocol,
        tunnel_path: if is_direct { TunnelPath::Direct } else { TunnelPath::Relay },
        tunnel_protocol: line.connection.tunnel_proto,
        client_ip: address(line.connection.client_ip.as_ref()),
        bytes_received: line.connection.rx,
        bytes_transferred: line.connection.tx,
        error_message: line.connection.error_message.unwrap_or_default(),
        device_id: line.device.and_then(|device| device.id).as_deref().map(id).transpose()?,
        user: line.user.map(|user| anyhow::Ok(User { id: id(&user.id)?, email: user.email })).transpose()?,
        service_account: line.service_account.map(account_of).transpose()?,
        relays: if is_direct { Vec::new() } else { relays.collect() },
        location: place.map(|Place { geoip }| Location {
            city: geoip.city,
            country: geoip.country,
            region: geoip.region,
            latitude: geoip.lat,
            longitude: geoip.lon,
        }),
    })
}

fn account_of(account: Account) -> anyhow::Result<ServiceAccount> {
    let key_id = account.key_id.as_deref().map(id).transpose()?;
    Ok(ServiceAccount { id: id(&account.id)?, name: account.name, key: account.key, key_id })
}
