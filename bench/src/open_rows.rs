//! Entries of `open_connections` as the aggregator leaves them, made by the engine itself: an opening has the names of what it leads to, an end
//! has none and a version above all openings. What has ended is remembered for a day.

use clickhouse_io::ClickHouse;

/// Entries of one insert.
const BATCH: u32 = 10_000;
/// Entries that are open have ids of lower numbers than this.
const FIRST_ENDED: u32 = 100_000_000;

/// Whose connections they are.
#[derive(Clone, Copy)]
pub(crate) struct OpenRows {
    pub(crate) tenant: &'static str,
    /// The Connector of an entry, in SQL, from its `number`.
    pub(crate) connector: &'static str,
}

impl OpenRows {
    /// So many that are open, opened within the last hours.
    pub(crate) async fn open(self, clickhouse: &ClickHouse, count: u32) -> anyhow::Result<()> {
        for first in (0..count).step_by(BATCH as usize) {
            let count = BATCH.min(count - first);
            clickhouse.execute(&self.openings(first, count, "number % 36000")).await?;
        }
        Ok(())
    }

    /// So many that have ended: each was opened, and its end is written after that.
    pub(crate) async fn ended(self, clickhouse: &ClickHouse, count: u32) -> anyhow::Result<()> {
        for first in (0..count).step_by(BATCH as usize) {
            let (first, count) = (FIRST_ENDED + first, BATCH.min(count - first));
            clickhouse.execute(&self.openings(first, count, &opened_ago())).await?;
            clickhouse.execute(&self.ends(first, count)).await?;
        }
        Ok(())
    }

    fn openings(self, first: u32, count: u32, ago: &str) -> String {
        let Self { tenant, connector } = self;
        format!(
            "INSERT INTO open_connections (tenant, connector_id, connection_id, is_open, opened_at, ended_at, end_reason, remote_network_id,
                 remote_network_name, resource_id, resource_address, user_id, user_email, client_ip, protocol, version)
             SELECT '{tenant}', {connector}, {ID}, true, now64(6, 'UTC') - toIntervalSecond({ago}), NULL, 'none',
                 intDiv({connector}, 10), 'network-' || toString(intDiv({connector}, 10)), {RESOURCE},
                 'app' || toString({RESOURCE}) || '.corp.example', {USER}, 'person' || toString({USER}) || '@corp.example', {CLIENT}, 'tcp', number
             FROM numbers({first}, {count})"
        )
    }

    fn ends(self, first: u32, count: u32) -> String {
        let Self { tenant, connector } = self;
        format!(
            "INSERT INTO open_connections (tenant, connector_id, connection_id, is_open, opened_at, ended_at, end_reason, remote_network_id,
                 remote_network_name, resource_id, resource_address, user_id, user_email, client_ip, protocol, version)
             SELECT '{tenant}', {connector}, {ID}, false, now64(6, 'UTC') - toIntervalSecond({}),
                 now64(6, 'UTC') - toIntervalSecond({ENDED_AGO}), 'closed', intDiv({connector}, 10), '', {RESOURCE}, '', {USER}, '', {CLIENT}, 'tcp',
                 bitShiftLeft(toUInt64(1), 62) + number
             FROM numbers({first}, {count})",
            opened_ago()
        )
    }
}

/// In the form that Connectors use: 64 random bits and a running number.
const ID: &str = "leftPad(lower(hex(cityHash64(number))), 16, '0') || '-' || toString(number)";
const RESOURCE: &str = "1 + cityHash64(number, 2) % 2000";
const USER: &str = "1 + cityHash64(number, 3) % 5000";
const CLIENT: &str = "toIPv6('192.0.2.' || toString(cityHash64(number, 3) % 250))";
/// Seconds since the end: up to 20 hours, so that it is remembered while it is measured.
const ENDED_AGO: &str = "cityHash64(number, 4) % 72000";

fn opened_ago() -> String {
    format!("{ENDED_AGO} + 1 + cityHash64(number, 5) % 3600")
}
