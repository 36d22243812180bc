//! The peer inside the engine: ClickHouse's own Kafka table, and a materialized view that carries its rows into a table.
//!
//! It reads every column of the contract, nested ones by their paths. Two are not ours: connection ids stay text instead of being packed
//! into numbers, and that a place is there is told by its country, because an absent record gives nulls only. Nothing is held against
//! the contract, nothing is dead-lettered, and rows may come twice.

use crate::ingest::server;
use crate::ingest::stage::{Backlog, Stage, Used};

/// What it does not do, for whoever reads the figures.
pub(crate) const NOTE: &str = "kafka_engine: ClickHouse's Kafka table, AvroConfluent, 2 consumers, a view into a table; every column but that \
    connection ids stay text and has_location is told by the country; no checks, no dead letters, rows may come twice. \
    ingest_events_per_cpu_second is beside it into nothing, without sorting, encoding and storing; total_us_per_event beside it into connections";
/// Where its rows go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Nowhere: reading and decoding are what is left.
    Nothing,
    /// `connections`, as ours do.
    Connections,
}

impl Target {
    /// The group. Each has its own: the engine's members do not leave, so that a group lives on until its session is over.
    fn group(self) -> &'static str {
        match self {
            Self::Nothing => "kafka_engine_into_nothing",
            Self::Connections => "kafka_engine",
        }
    }
}

/// A running Kafka table; dropped with [`Self::stop`].
pub(crate) struct KafkaEngine<'stage> {
    stage: &'stage Stage,
}

impl<'stage> KafkaEngine<'stage> {
    /// Begins to read.
    pub(crate) async fn start(stage: &'stage Stage, into: Target, settings: &str) -> anyhow::Result<Self> {
        let table = match into {
            Target::Nothing => {
                server::create(stage, "CREATE TABLE nothing AS connections ENGINE = Null")?;
                "nothing"
            }
            Target::Connections => "connections",
        };
        let settings = format!(
            "kafka_broker_list = '{}', kafka_topic_list = 'connection-events', kafka_group_name = '{}', \
             kafka_format = 'AvroConfluent', format_avro_schema_registry_url = '{}', {settings}",
            stage.kafka.bootstrap_servers(),
            into.group(),
            stage.registry.url()
        );
        stage
            .clickhouse
            .execute(&format!("CREATE TABLE events ({COLUMNS}) ENGINE = Kafka SETTINGS {settings}"))
            .await?;
        stage.clickhouse.execute(&format!("CREATE MATERIALIZED VIEW carrier TO {table} AS {ROWS}")).await?;
        Ok(Self { stage })
    }

    /// Ends, and takes away what it stored.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        for table in ["carrier", "events", "nothing"] {
            self.stage.clickhouse.execute(&format!("DROP TABLE IF EXISTS {table} SYNC")).await?;
        }
        self.stage.empty().await
    }
}

/// What it takes for a whole backlog; all of it is the engine's.
pub(crate) async fn measure(stage: &Stage, into: Target, events: u32) -> anyhow::Result<Used> {
    let engine = KafkaEngine::start(stage, into, FAST).await?;
    let backlog = Backlog { is_stored: into == Target::Connections, ..Backlog::of(into.group(), events) };
    let used = stage.done(None, backlog).await?;
    engine.stop().await?;
    Ok(used)
}

/// For a backlog: as many consumers as the measurement has cores; blocks as large and as old as the engine makes them by itself.
const FAST: &str = "kafka_num_consumers = 2";
/// For freshness: blocks no older than a range of ours.
pub(crate) const FRESH: &str = "kafka_num_consumers = 2, kafka_flush_interval_ms = 500";

/// The event as the table reads it. Texts are plain: with dictionaries here it takes half as long again, and the target's are made when a
/// block is stored.
const COLUMNS: &str = "
    event_id FixedString(16), tenant String,
    event_type Enum8('UNKNOWN' = 0, 'ESTABLISHED_CONNECTION' = 1, 'CLOSED_CONNECTION' = 2, 'FAILED_TO_CONNECT' = 3, 'DENIED_ACCESS' = 4),
    start_time DateTime64(6, 'UTC'), end_time DateTime64(6, 'UTC'), connection_id String,
    connector_id UInt64, connector_name String,
    remote_network_id UInt64, remote_network_name String,
    resource_id UInt64, resource_address String, applied_rule String,
    resource_ip Nullable(IPv6), resource_port UInt16,
    protocol Enum8('UNKNOWN' = 0, 'TCP' = 1, 'UDP' = 2, 'ICMP' = 3),
    tunnel_path Enum8('UNKNOWN' = 0, 'DIRECT' = 1, 'RELAY' = 2),
    tunnel_protocol Nullable(String), client_ip Nullable(IPv6),
    bytes_received UInt64, bytes_transferred UInt64, error_message String, device_id Nullable(UInt64),
    `user.User.id` Nullable(UInt64), `user.User.email` String,
    `service_account.ServiceAccount.id` Nullable(UInt64), `service_account.ServiceAccount.name` String,
    `service_account.ServiceAccount.key` String, `service_account.ServiceAccount.key_id` Nullable(UInt64),
    `relays.name` Array(String), `relays.ip` Array(Nullable(IPv6)), `relays.port` Array(UInt16),
    `location.Location.city` Nullable(String), `location.Location.country` Nullable(String),
    `location.Location.region` Nullable(String),
    `location.Location.latitude` Nullable(Float64), `location.Location.longitude` Nullable(Float64)";

/// The row of an event.
const ROWS: &str = r"SELECT
    tenant, end_time, toUInt64(toUnixTimestamp64Micro(end_time) - toUnixTimestamp64Micro(start_time)) AS duration_us,
    toFixedString(substring(event_id, 7, 10), 10) AS event_id_tail,
    CAST(toInt8(event_type), 'Enum8(\'established_connection\' = 1, \'closed_connection\' = 2, \'failed_to_connect\' = 3, \'denied_access\' = 4)') AS event_type,
    connection_id AS connection_id_text, connector_id, connector_name, remote_network_id, remote_network_name,
    resource_id, resource_address, applied_rule, resource_ip, resource_port,
    CAST(toInt8(protocol), 'Enum8(\'tcp\' = 1, \'udp\' = 2, \'icmp\' = 3)') AS protocol,
    CAST(toInt8(tunnel_path), 'Enum8(\'direct\' = 1, \'relay\' = 2)') AS tunnel_path,
    tunnel_protocol, client_ip, bytes_received, bytes_transferred, error_message, device_id,
    `user.User.id` AS user_id, `user.User.email` AS user_email,
    `service_account.ServiceAccount.id` AS service_account_id, `service_account.ServiceAccount.name` AS service_account_name,
    `service_account.ServiceAccount.key` AS service_account_key, `service_account.ServiceAccount.key_id` AS service_account_key_id,
    `relays.name` AS relay_names, `relays.ip` AS relay_ips, `relays.port` AS relay_ports,
    isNotNull(`location.Location.country`) AS has_location, `location.Location.city` AS city,
    `location.Location.country` AS country, `location.Location.region` AS region,
    `location.Location.latitude` AS latitude, `location.Location.longitude` AS longitude,
    'main' AS _kafka_source, toInt32(_partition) AS _kafka_partition, toInt64(_offset) AS _kafka_offset
    FROM events";
