//! What admins ask all day, over many rows of many tenants: latencies of each question for the largest tenant. One client, an engine
//! that does nothing else.

use std::time::{Duration, Instant};

use clickhouse_io::{ClickHouse, ClickHouseConfig, migrate, rollup, traffic};
use jiff::tz::TimeZone;
use local_parts::{ClickHouseProcess, Silent};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use schemas::event_id::EventId;
use schemas::ids::Tenant;
use schemas::migrations;
use schemas::times::Moment;
use traffic_query::{Bucket, Dimension, Measure, SeriesQuery, TopQuery, TrafficFilter};

use crate::figure::{Figure, Measured};
use crate::process;

/// A year of traffic ends here: 2026-11-01 UTC.
const END: Moment = Moment::from_millis(1_793_491_200_000);
const DAY_MICROS: i64 = 86_400_000_000;
/// The tenant with a third of all rows.
const LARGE: &str = "tenant-0";
const USERS: u64 = 5_000;
const RESOURCES: u64 = 2_000;
/// Rows of one insert.
const BATCH: u64 = 1_000_000;

pub(crate) async fn measure(small: bool) -> anyhow::Result<Measured> {
    let (rows, rounds) = if small { (10_000_000, 100) } else { (100_000_000, 200) };
    let folder = tempfile::tempdir()?;
    let engine = ClickHouseProcess::start(&local_parts::flowledger_binary()?, folder.path(), None, &Silent).await?;
    let timeout = Duration::from_secs(600);
    let clickhouse = ClickHouse::new(&ClickHouseConfig { url: engine.url(), timeout, ..ClickHouseConfig::default() });
    migrate::migrate(&clickhouse, migrations::ALL).await?;
    for batch in 0..rows / BATCH {
        clickhouse.execute(&generated(batch * BATCH, rows)).await?;
    }
    let tenant: Tenant = LARGE.parse()?;
    let year = (Moment::from_micros(END.as_micros() - 365 * DAY_MICROS), END);
    rollup::rebuild(&clickhouse, &tenant, year, |_, _| {}).await?;
    let settled = "SELECT count() FROM system.merges";
    while clickhouse.text(settled).await?.trim() != "0" {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }

    let mut bench =
        Bench { engine: engine.pid(), random: StdRng::seed_from_u64(11), rounds, measured: Measured::default() };
    let (store, tenant) = (&clickhouse, &tenant);
    let of_user = |random: &mut StdRng| TrafficFilter {
        users: random.random_range(1..=USERS).to_string().parse().into_iter().collect(),
        ..TrafficFilter::default()
    };
    let of_resource = |random: &mut StdRng| TrafficFilter {
        resources: random.random_range(1..=RESOURCES).to_string().parse().into_iter().collect(),
        ..TrafficFilter::default()
    };
    bench
        .ask("user_page", 100.0, of_user, async |filter| {
            traffic::recent(store, tenant, &filter, None, 50).await.map(|page| page.connections.len())
        })
        .await?;
    bench
        .ask("resource_page", 100.0, of_resource, async |filter| {
            traffic::recent(store, tenant, &filter, None, 50).await.map(|page| page.connections.len())
        })
        .await?;
    let all = TrafficFilter { zone: TimeZone::get("UTC")?, ..TrafficFilter::default() }.within(year.0, year.1);
    let by_day = SeriesQuery::new(all.clone(), Some(Bucket::Day), &[Dimension::Resource], &[Measure::Bytes], 10)?;
    bench
        .ask(
            "year_by_day",
            150.0,
            |_| (),
            async |()| traffic::series(store, tenant, &by_day, Moment::now()).await.map(|series| series.lines.len()),
        )
        .await?;
    let month = |random: &mut StdRng| {
        let from = END.as_micros() - random.random_range(30..365) * DAY_MICROS;
        let filter = of_user(random).within(Moment::from_micros(from), Moment::from_micros(from + 30 * DAY_MICROS));
        TrafficFilter {
            resources: (1..=RESOURCES / 2).filter_map(|it| it.to_string().parse().ok()).collect(),
            ..filter
        }
    };
    for (name, measures) in
        [("top_10", &[Measure::Connections][..]), ("top_10_raw", &[Measure::Connections, Measure::Devices])]
    {
        bench
            .ask(name, 150.0, month, async |filter: TrafficFilter| {
                let query = TopQuery::new(filter, &[Dimension::Resource], measures, 10);
                let query = query.map_err(|error| clickhouse_io::QueryError::Mismatch(error.to_string()))?;
                traffic::top(store, tenant, &query, Moment::now()).await.map(|top| top.groups.len())
            })
            .await?;
    }
    let ids = clickhouse
        .text(&format!(
            "SELECT event_id FROM connections WHERE tenant = '{LARGE}' ORDER BY cityHash64(event_id_tail) LIMIT 1000"
        ))
        .await?;
    let ids: Vec<EventId> = ids.lines().map(str::parse).collect::<Result<_, _>>()?;
    bench
        .ask(
            "one_connection",
            50.0,
            |random| ids[random.random_range(0..ids.len())],
            async |id| traffic::connection(store, tenant, id).await.map(|events| events.len()),
        )
        .await?;
    sizes(&clickhouse, &mut bench.measured).await?;
    Ok(bench.measured)
}

/// What is stored of the large tenant: bytes of the roll-ups that are kept for good beside those of its raw rows.
async fn sizes(clickhouse: &ClickHouse, measured: &mut Measured) -> anyhow::Result<()> {
    let sql = format!(
        "WITH (SELECT count() FROM connections WHERE tenant = '{LARGE}') AS large
         SELECT sumIf(bytes_on_disk, table = 'connections') / sumIf(rows, table = 'connections') AS raw,
             100 * sumIf(bytes_on_disk, table != 'connections') / (raw * large) AS share,
             sumIf(rows, table = 'connections_by_hour'), sumIf(bytes_on_disk, table = 'connections_by_hour'),
             sumIf(rows, table = 'connections_by_day'), sumIf(bytes_on_disk, table = 'connections_by_day'), large
         FROM system.parts WHERE active AND database = currentDatabase()
             AND table IN ('connections', 'connections_by_hour', 'connections_by_day')"
    );
    let text = clickhouse.text(&sql).await?;
    let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [raw, share, hour_rows, hour_bytes, day_rows, day_bytes, large] = numbers[..] else {
        anyhow::bail!("sizes are not as asked: {text}");
    };
    measured.figures.push(Figure::new("raw_bytes_per_row", raw, "bytes", "goal", 52.0));
    measured.figures.push(Figure::new("rollups_share_of_raw_percent", share, "%", "goal", 10.0));
    let note = format!("{large} rows; by hour {hour_rows}, {hour_bytes} bytes; by day {day_rows}, {day_bytes} bytes");
    measured.notes.push(note);
    Ok(())
}

/// Rows of a batch, spread over the year: a third of the large tenant's, small ids of Users and Resources more often.
fn generated(first: u64, rows: u64) -> String {
    let begin = END.as_micros() - 365 * DAY_MICROS;
    let step = 365 * DAY_MICROS / i64::try_from(rows).unwrap_or(1);
    format!(
        "INSERT INTO connections (tenant, end_time, duration_us, event_id_tail, event_type, connection_id_form, connection_id_high,
             connection_id_low, connector_id, connector_name, remote_network_id, remote_network_name, resource_id, resource_address,
             applied_rule, resource_ip, resource_port, protocol, tunnel_path, client_ip, bytes_received, bytes_transferred,
             device_id, user_id, user_email, has_location, country, _kafka_source, _kafka_partition, _kafka_offset)
         WITH if(rand(1) % 3 = 0, 0, 1 + rand(2) % 199) AS tenant_number,
             1 + toUInt64(floor(pow(rand(3) / 4294967296, 2) * {USERS})) AS user, 1 + toUInt64(floor(pow(rand(4) / 4294967296, 2) * {RESOURCES})) AS resource,
             tenant_number * 100 + resource % 40 AS network, rand(5) % 1000 AS kind
         SELECT 'tenant-' || toString(tenant_number), fromUnixTimestamp64Milli(intDiv({begin} + toInt64(number) * {step}, 1000), 'UTC'),
             rand(6) % 60000000,
             toFixedString(unhex('8' || leftPad(right(hex(rand64(7)), 3), 3, '0') || '8' || leftPad(right(hex(rand64(8)), 15), 15, '0')), 10),
             multiIf(kind < 955, 'closed_connection', kind < 995, 'failed_to_connect', 'denied_access'), 'hex16_decimal', rand64(9), number,
             network * 10 + rand(10) % 3, 'connector-' || toString(network), network, 'network-' || toString(network), tenant_number * 10000 + resource,
             'app' || toString(resource) || '.corp.example', '*.corp.example', toIPv6('10.0.0.' || toString(rand(11) % 200)), 443, 'tcp',
             if(rand(12) % 3 = 0, 'relay', 'direct'), toIPv6('192.0.2.' || toString(user % 250)), rand(13) % 1000000, rand(14) % 100000,
             user * 3, tenant_number * 100000 + user, 'person' || toString(user) || '@corp.example', true, 'DE', 'main', network % 16, number
         FROM numbers({first}, {BATCH}) SETTINGS max_partitions_per_insert_block = 0, max_insert_threads = 2"
    )
}

struct Bench {
    engine: u32,
    random: StdRng,
    rounds: usize,
    measured: Measured,
}

impl Bench {
    /// Asks again and again, each time with other values; a question that finds nothing is no measurement.
    async fn ask<V>(
        &mut self,
        name: &str,
        goal_ms: f64,
        value: impl Fn(&mut StdRng) -> V,
        ask: impl AsyncFn(V) -> Result<usize, clickhouse_io::QueryError>,
    ) -> anyhow::Result<()> {
        let mut latencies = Vec::with_capacity(self.rounds);
        let (cpu, mut found) = (process::cpu_seconds(self.engine)?, 0);
        for _ in 0..self.rounds {
            let value = value(&mut self.random);
            let begin = Instant::now();
            found += ask(value).await?;
            latencies.push(begin.elapsed().as_secs_f64() * 1e3);
        }
        anyhow::ensure!(found > 0, "{name} has found nothing");
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let (cpu, each) =
            ((process::cpu_seconds(self.engine)? - cpu) * 1e3 / self.rounds as f64, found as f64 / self.rounds as f64);
        latencies.sort_by(f64::total_cmp);
        let at = |percent: usize| latencies[(latencies.len() * percent / 100).min(latencies.len() - 1)];
        for percent in [50, 95, 99] {
            let name = format!("{name}_p{percent}_ms");
            self.measured.figures.push(Figure::new(name, at(percent), "ms", "goal", goal_ms));
        }
        self.measured.notes.push(format!("{name}: {cpu:.1} ms of the engine's CPU, {each:.1} found"));
        Ok(())
    }
}
