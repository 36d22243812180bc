//! A year of made-up traffic, made by the engine itself.

use clickhouse_io::ClickHouse;

use super::{DAY_MICROS, END, LARGE, NETWORKS, RESOURCES, USERS};

/// Where Users are who travel, in one of so many sessions; else they are at home.
const AWAY: &str = "FR";
const AWAY_ONE_OF: u64 = 200;
/// One of so many Users leaves, and one of so many Resources is given up; the next one has its sessions from then on.
const GONE_ONE_OF: u64 = 100;
/// Which one of them.
const GONE: u64 = 7;
/// The day of the year on which they go: longer ago than what is called inactive or unused.
const GONE_ON_DAY: i64 = 240;

/// Resources that a User goes to.
const USUAL: u64 = 20;
/// Longest time from the first to the last end of a session, microseconds.
const SESSION_MICROS: i64 = 20 * 60_000_000;
/// Rows of one insert.
const BATCH: u64 = 1_000_000;

/// The User or Resource of this number who is there all year, or the next one.
pub(super) fn who_is_there(number: u64) -> u64 {
    if number % GONE_ONE_OF == GONE { number + 1 } else { number }
}

/// Rows that were kept may have been made before something of what is asked about was in them.
pub(super) async fn check(clickhouse: &ClickHouse) -> anyhow::Result<()> {
    let sql = format!("SELECT count() FROM connections WHERE tenant = '{LARGE}' AND country = '{AWAY}'");
    let is_there = clickhouse.text(&sql).await?.trim() != "0";
    anyhow::ensure!(is_there, "the rows that ROWS names are those of an earlier version: name an empty folder");
    Ok(())
}

/// What rows have to do with each other.
#[derive(Clone, Copy)]
pub(super) enum Rows {
    /// In a session a User works with a Resource: one to some dozens of connections within minutes, 8 on average.
    Sessions,
    /// Each row is a session of its own.
    Thin,
}

impl Rows {
    /// Behind the names of figures.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Sessions => "",
            Self::Thin => "_thin",
        }
    }

    /// Statements that insert about so many.
    pub(super) fn inserts(self, count: u64) -> impl Iterator<Item = String> {
        let (size, sessions) = match self {
            // As many are longer than this as makes 8 on average.
            Self::Sessions => ("1 + toUInt8(least(99, floor(-7.49 * log((1 + rand(17)) / 4294967296))))", count / 8),
            Self::Thin => ("1", count),
        };
        let step = BATCH * sessions / count;
        (0..sessions.div_ceil(step)).map(move |batch| insert(batch * step, step, sessions, size))
    }
}

/// The statement that inserts sessions of so many that are spread over the year, most of them in working hours. A third is the large tenant's; a
/// User goes to 20 Resources, to some much more often than to others; some Users do much more than others, some Resources are in many's 20. And there
/// is something of all that stands out: Users and Resources that are no more, journeys, rules of one Resource, names that do not resolve, and Connectors
/// that do most of the work of their Remote Network.
fn insert(first: u64, count: u64, of: u64, size: &str) -> String {
    let begin = END.as_micros() - 365 * DAY_MICROS;
    let step = 365 * DAY_MICROS / i64::try_from(of).unwrap_or(1);
    let last = END.as_micros() - SESSION_MICROS;
    let gone_at = begin + GONE_ON_DAY * DAY_MICROS;
    // Numbers of a row have to name it, or the engine makes one for all rows of a session.
    format!(
        "INSERT INTO connections (tenant, end_time, duration_us, event_id_tail, event_type, connection_id_form, connection_id_high,
             connection_id_low, connector_id, connector_name, remote_network_id, remote_network_name, resource_id, resource_address,
             applied_rule, resource_ip, resource_port, protocol, tunnel_path, client_ip, bytes_received, bytes_transferred,
             device_id, user_id, user_email, has_location, country, _kafka_source, _kafka_partition, _kafka_offset)
         WITH rand(part * 100 + 5) % 1000 AS kind
         SELECT 'tenant-' || toString(tenant_number),
             fromUnixTimestamp64Milli(intDiv(least(begun, {last}) + rand(part * 100 + 15) % {SESSION_MICROS}, 1000), 'UTC'), rand(part * 100 + 6) % 60000000,
             toFixedString(unhex('8' || leftPad(right(hex(rand64(part * 100 + 7)), 3), 3, '0') || '8' || leftPad(right(hex(rand64(part * 100 + 8)), 15), 15, '0')), 10),
             multiIf(kind < 955, 'closed_connection', kind < 995, 'failed_to_connect', 'denied_access'), 'hex16_decimal', rand64(part * 100 + 9),
             session * 100 + part, connector, 'connector-' || toString(connector), network, 'network-' || toString(network),
             tenant_number * 10000 + resource, 'app' || toString(resource) || '.corp.example',
             if(resource % 20 = 3, '*.app' || toString(resource) || '.corp.example', '*.corp.example'),
             if(kind >= 955 AND kind < 995 AND rand(part * 100 + 16) % 2 = 0, NULL, toIPv6('10.0.' || toString(resource % 8) || '.' || toString(resource % 250))),
             443, 'tcp', path,
             toIPv6(if(is_away, '198.51.100.' || toString(session % 250), '192.0.2.' || toString(user % 250))),
             rand(part * 100 + 13) % 1000000, rand(part * 100 + 14) % 100000, user * 3, tenant_number * 100000 + user,
             'person' || toString(user) || '@corp.example', true, if(is_away, '{AWAY}', 'DE'), 'made-up', network % 16, session * 100 + part
         FROM (
             WITH if(rand(1) % 3 = 0, 0, 1 + rand(2) % 199) AS tenant_number,
                 {begin} + toInt64(number) * {step} AS at, intDiv(at, {DAY_MICROS}) * {DAY_MICROS} AS day,
                 1 + toUInt64(floor(pow(rand(3) / 4294967296, 2) * {USERS})) AS some_user,
                 some_user + (at >= {gone_at} AND some_user % {GONE_ONE_OF} = {GONE}) AS user,
                 intHash64(user * {USUAL} + toUInt64(floor(pow(rand(4) / 4294967296, 2) * {USUAL}))) AS choice,
                 1 + toUInt64(floor(pow((choice % 1000000) / 1000000, 2) * {RESOURCES})) AS some_resource,
                 some_resource + (at >= {gone_at} AND some_resource % {GONE_ONE_OF} = {GONE}) AS resource,
                 tenant_number * 100 + resource % {NETWORKS} AS network
             SELECT number AS session, tenant_number, user, resource, network,
                 -- Of three, and in one of four Remote Networks the first has most of the work.
                 network * 10 + if(network % 4 = 1 AND rand(11) % 10 < 7, 0, rand(10) % 3) AS connector,
                 if(rand(12) % 3 = 0, 'relay', 'direct') AS path, rand(18) % {AWAY_ONE_OF} = 0 AS is_away,
                 -- Nine of ten begin between 7 and 19 o'clock.
                 if(rand(16) % 10 < 9, day + intDiv({DAY_MICROS} * 7, 24) + intDiv(at - day, 2), at) AS begun,
                 {size} AS size
             FROM numbers({first}, {count}))
         ARRAY JOIN range(size) AS part SETTINGS max_partitions_per_insert_block = 0, max_insert_threads = 2"
    )
}
