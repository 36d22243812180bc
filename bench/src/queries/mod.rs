//! What admins ask all day, over many rows of many tenants: latencies of each question for the largest tenant, with one client while
//! ingest runs at a tenth of its top speed, with one while nothing else runs, and with eight.
//!
//! `ROWS` in the environment: a folder in which the engine keeps its rows, so that another run need not make them. `SETTINGS` (TOML): of ingest.

mod feed;
mod rows;

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use clickhouse_io::traffic::Searched;
use clickhouse_io::{ClickHouse, ClickHouseConfig, QueryError, rollup, traffic};
use futures_util::future::try_join_all;
use jiff::tz::TimeZone;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use schemas::event_id::EventId;
use schemas::ids::Tenant;
use schemas::times::Moment;
use traffic_query::{Bucket, Dimension, Measure, SeriesQuery, TopQuery, TrafficFilter};

use self::rows::Rows;
use crate::figure::{Figure, Measured};
use crate::ingest::stage::Stage;
use crate::process;

/// A year of traffic ends here: when this day began, UTC.
static END: LazyLock<Moment> =
    LazyLock::new(|| Moment::from_micros(Moment::now().as_micros().div_euclid(DAY_MICROS) * DAY_MICROS));
const DAY_MICROS: i64 = 86_400_000_000;
/// The tenant with a third of all rows.
const LARGE: &str = "tenant-0";
const USERS: u64 = 5_000;
const RESOURCES: u64 = 2_000;
/// Remote Networks of a tenant.
const NETWORKS: u64 = 40;
/// A tenth of what ingest and engine together do a second on two cores; `freshness` is measured at half of it.
const INGEST_PER_SECOND: f64 = 36_000.0;

/// Who asks, and what goes on meanwhile.
#[derive(Clone, Copy)]
struct Scene {
    /// Behind the names of its figures.
    suffix: &'static str,
    clients: usize,
}

pub(crate) async fn measure(small: bool) -> anyhow::Result<Measured> {
    let rounds = if small { 100 } else { 200 };
    let mut measured = Measured::default();
    let kept = std::env::var_os("ROWS").map(PathBuf::from);
    let stage = Stage::start_on(16, kept.as_deref()).await?;
    let (url, engine) = (stage.engine.url(), stage.engine.pid());
    let timeout = Duration::from_secs(600);
    let clickhouse = ClickHouse::new(&ClickHouseConfig { url, timeout, ..ClickHouseConfig::default() });
    if clickhouse.text("SELECT count() FROM connections").await?.trim() == "0" {
        fill(&clickhouse, if small { 10_000_000 } else { 100_000_000 }, Rows::Sessions).await?;
    }
    let questions = Questions::new(&clickhouse).await?;
    let mut bench = Bench { engine, rounds, measured: &mut measured };
    bench.scene(&questions, Scene { suffix: "_idle", clients: 1 }).await?;
    bench.scene(&questions, Scene { suffix: "_8_clients", clients: 8 }).await?;
    sizes(&clickhouse, Rows::Sessions, &mut measured).await?;
    let mut bench = Bench { engine, rounds, measured: &mut measured };
    {
        let _ingest = stage.ingest(&std::env::var("SETTINGS").unwrap_or_default())?;
        let _feed = feed::start(&stage, INGEST_PER_SECOND).await?;
        bench.scene(&questions, Scene { suffix: "", clients: 1 }).await?;
    }
    if kept.is_none() {
        // Fewer rows, of which each is a session of its own: little comes twice.
        clickhouse.execute("TRUNCATE TABLE connections SYNC").await?;
        for table in [rollup::HOURS_TABLE, rollup::DAYS_TABLE, rollup::NETWORK_DAYS_TABLE] {
            clickhouse.execute(&format!("TRUNCATE TABLE {table} SYNC")).await?;
        }
        fill(&clickhouse, 2_000_000, Rows::Thin).await?;
        sizes(&clickhouse, Rows::Thin, &mut measured).await?;
    }
    Ok(measured)
}

/// About so many rows, and the large tenant's roll-ups of them.
async fn fill(clickhouse: &ClickHouse, count: u64, rows: Rows) -> anyhow::Result<()> {
    for (done, statement) in rows.inserts(count).enumerate() {
        clickhouse.execute(&statement).await?;
        said(&format!("{} of about {} M rows are made", done + 1, count / 1_000_000));
    }
    rollup::names_kept_from(clickhouse, year().0).await?;
    rollup::rebuild(clickhouse, rollup::DEFINITION, &LARGE.parse()?, year(), |_, _| {}).await?;
    while clickhouse.text("SELECT count() FROM system.merges").await?.trim() != "0" {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // What an aggregator notes that has counted all of it, and some minutes later: parts are as old as most are.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let later = rollup::server_time(clickhouse).await?.as_micros() + i64::try_from(rollup::IN_FLIGHT.as_micros())?;
    rollup::note_days_counted(clickhouse, Moment::from_micros(later), *END).await?;
    Ok(())
}

#[expect(clippy::print_stderr, reason = "it takes long: people see how far it is")]
fn said(text: &str) {
    eprintln!("{text}");
}

fn year() -> (Moment, Moment) {
    (Moment::from_micros(END.as_micros() - 365 * DAY_MICROS), *END)
}

/// What is stored of the large tenant: bytes of the roll-ups that are kept for good beside those of its raw rows.
async fn sizes(clickhouse: &ClickHouse, rows: Rows, measured: &mut Measured) -> anyhow::Result<()> {
    let sql = format!(
        "WITH (SELECT count() FROM connections WHERE tenant = '{LARGE}') AS large
         SELECT sumIf(bytes_on_disk, table = 'connections') / sumIf(rows, table = 'connections') AS raw,
             100 * sumIf(bytes_on_disk, table != 'connections') / (raw * large) AS share,
             sumIf(rows, table = 'connections_by_hour'), sumIf(bytes_on_disk, table = 'connections_by_hour'),
             sumIf(rows, table = 'connections_by_day'), sumIf(bytes_on_disk, table = 'connections_by_day'),
             sumIf(rows, table = 'network_days'), sumIf(bytes_on_disk, table = 'network_days'), large
         FROM system.parts WHERE active AND database = currentDatabase()
             AND table IN ('connections', 'connections_by_hour', 'connections_by_day', 'network_days')"
    );
    let text = clickhouse.text(&sql).await?;
    let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [raw, share, hour_rows, hour_bytes, day_rows, day_bytes, network_rows, network_bytes, large] = numbers[..]
    else {
        anyhow::bail!("sizes are not as asked: {text}");
    };
    let suffix = rows.suffix();
    measured.figures.push(Figure::new(format!("raw_bytes_per_row{suffix}"), raw, "bytes", "goal", 52.0));
    measured.figures.push(Figure::new(format!("rollups_share_of_raw_percent{suffix}"), share, "%", "goal", 10.0));
    let note = format!(
        "{large} rows of the large tenant{suffix}; by hour {hour_rows}, {hour_bytes} bytes; by day {day_rows}, {day_bytes} bytes; by day \
         and Remote Network {network_rows}, {network_bytes} bytes"
    );
    measured.notes.push(note);
    Ok(())
}

/// What is asked, of which store.
struct Questions<'a> {
    store: &'a ClickHouse,
    tenant: Tenant,
    by_day: SeriesQuery,
    ids: Vec<EventId>,
}

impl<'a> Questions<'a> {
    async fn new(store: &'a ClickHouse) -> anyhow::Result<Self> {
        let all = TrafficFilter { zone: TimeZone::get("UTC")?, ..TrafficFilter::default() }.within(year().0, year().1);
        let by_day = SeriesQuery::new(all, Some(Bucket::Day), &[Dimension::Resource], &[Measure::Bytes], 10)?;
        let sql = format!(
            "SELECT event_id FROM connections WHERE tenant = '{LARGE}' ORDER BY cityHash64(event_id_tail) LIMIT 1000"
        );
        let ids = store.text(&sql).await?.lines().map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self { store, tenant: LARGE.parse()?, by_day, ids })
    }

    async fn page(&self, filter: TrafficFilter) -> Result<usize, QueryError> {
        traffic::recent(self.store, &self.tenant, &filter, None, 50).await.map(|page| page.connections.len())
    }

    async fn by_day(&self) -> Result<usize, QueryError> {
        traffic::series(self.store, &self.tenant, &self.by_day, *END).await.map(|series| series.lines.len())
    }

    /// How long connections in a Remote Network took, by day of the year.
    async fn durations(&self, filter: TrafficFilter) -> Result<usize, QueryError> {
        let measures = [Measure::DurationP50, Measure::DurationP95];
        let query = SeriesQuery::new(filter.within(year().0, year().1), Some(Bucket::Day), &[], &measures, 10);
        let query = query.map_err(|error| QueryError::Mismatch(error.to_string()))?;
        let series = traffic::series(self.store, &self.tenant, &query, *END).await?;
        Ok(series.lines.iter().flat_map(|line| &line.values).filter(|values| values[0] > 0).count())
    }

    async fn top(&self, filter: TrafficFilter, measures: &[Measure]) -> Result<usize, QueryError> {
        let query = TopQuery::new(filter, &[Dimension::Resource], measures, 10);
        let query = query.map_err(|error| QueryError::Mismatch(error.to_string()))?;
        traffic::top(self.store, &self.tenant, &query, *END).await.map(|top| top.groups.len())
    }

    /// The addresses of a Remote Network that were asked for most in the year.
    async fn addresses(&self, filter: TrafficFilter) -> Result<usize, QueryError> {
        let filter = filter.within(year().0, year().1);
        let query = TopQuery::new(filter, &[Dimension::Address], &[Measure::Connections], 10);
        let query = query.map_err(|error| QueryError::Mismatch(error.to_string()))?;
        traffic::top(self.store, &self.tenant, &query, *END).await.map(|top| top.groups.len())
    }

    /// Users, as somebody types.
    async fn names(&self, text: String) -> Result<usize, QueryError> {
        let found = traffic::search(self.store, &self.tenant, Searched::Users, &text, 20, *END).await?;
        Ok(found.names.len())
    }

    async fn connection(&self, id: EventId) -> Result<usize, QueryError> {
        traffic::connection(self.store, &self.tenant, id).await.map(|events| events.len())
    }
}

/// Some User of the tenant.
fn of_user(random: &mut StdRng) -> TrafficFilter {
    let user = random.random_range(1..=USERS).to_string().parse();
    TrafficFilter { users: user.into_iter().collect(), ..TrafficFilter::default() }
}

/// Some Resource of the tenant.
fn of_resource(random: &mut StdRng) -> TrafficFilter {
    let resource = random.random_range(1..=RESOURCES).to_string().parse();
    TrafficFilter { resources: resource.into_iter().collect(), ..TrafficFilter::default() }
}

/// Some Remote Network of the tenant, whose number is 0.
fn of_network(random: &mut StdRng) -> TrafficFilter {
    let network = random.random_range(1..NETWORKS).to_string().parse();
    TrafficFilter { remote_networks: network.into_iter().collect(), ..TrafficFilter::default() }
}

/// Thirty days of a User with half of the Resources.
fn of_month(random: &mut StdRng) -> TrafficFilter {
    let from = END.as_micros() - random.random_range(30..365) * DAY_MICROS;
    let filter = of_user(random).within(Moment::from_micros(from), Moment::from_micros(from + 30 * DAY_MICROS));
    TrafficFilter { resources: (1..=RESOURCES / 2).filter_map(|it| it.to_string().parse().ok()).collect(), ..filter }
}

struct Bench<'a> {
    engine: u32,
    rounds: usize,
    measured: &'a mut Measured,
}

impl Bench<'_> {
    async fn scene(&mut self, questions: &Questions<'_>, scene: Scene) -> anyhow::Result<()> {
        let ids = &questions.ids;
        let (counts, exact) = (&[Measure::Connections][..], &[Measure::Connections, Measure::Devices][..]);
        self.ask(scene, "user_page", 100.0, of_user, async |it| questions.page(it).await).await?;
        self.ask(scene, "resource_page", 100.0, of_resource, async |it| questions.page(it).await).await?;
        self.ask(scene, "year_by_day", 150.0, |_| (), async |()| questions.by_day().await).await?;
        self.ask(scene, "year_durations", 150.0, of_network, async |it| questions.durations(it).await).await?;
        self.ask(scene, "year_addresses", 150.0, of_network, async |it| questions.addresses(it).await).await?;
        let typed = |random: &mut StdRng| format!("person{}", random.random_range(1..100));
        self.ask(scene, "names_as_typed", 50.0, typed, async |it| questions.names(it).await).await?;
        self.ask(scene, "top_10", 150.0, of_month, async |it| questions.top(it, counts).await).await?;
        self.ask(scene, "top_10_raw", 150.0, of_month, async |it| questions.top(it, exact).await).await?;
        let some_id = |random: &mut StdRng| ids[random.random_range(0..ids.len())];
        self.ask(scene, "one_connection", 50.0, some_id, async |it| questions.connection(it).await).await
    }

    /// Asks again and again, each time with other values; a question that finds nothing is no measurement.
    async fn ask<V>(
        &mut self,
        Scene { suffix, clients }: Scene,
        name: &str,
        goal_ms: f64,
        value: impl Fn(&mut StdRng) -> V,
        ask: impl AsyncFn(V) -> Result<usize, QueryError>,
    ) -> anyhow::Result<()> {
        let cpu = process::cpu_seconds(self.engine)?;
        let (value, ask) = (&value, &ask);
        // Several clients ask twice as often together as one does alone.
        let rounds = if clients == 1 { self.rounds } else { self.rounds * 2 / clients };
        let asked = (0..clients).map(async |client| {
            let mut random = StdRng::seed_from_u64(11 + client as u64);
            let mut answers = Vec::with_capacity(rounds);
            for _ in 0..rounds {
                let value = value(&mut random);
                let begin = Instant::now();
                let found = ask(value).await?;
                answers.push((begin.elapsed().as_secs_f64() * 1e3, found));
            }
            Ok::<_, QueryError>(answers)
        });
        let answers: Vec<(f64, usize)> = try_join_all(asked).await?.into_iter().flatten().collect();
        let found: usize = answers.iter().map(|(_, found)| found).sum();
        anyhow::ensure!(found > 0, "{name} has found nothing");
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let (count, found) = (answers.len() as f64, found as f64);
        let cpu = (process::cpu_seconds(self.engine)? - cpu) * 1e3 / count;
        let mut latencies: Vec<f64> = answers.into_iter().map(|(latency, _)| latency).collect();
        latencies.sort_by(f64::total_cmp);
        let at = |percent: usize| latencies[(latencies.len() * percent / 100).min(latencies.len() - 1)];
        for percent in [50, 95, 99] {
            let name = format!("{name}_p{percent}_ms{suffix}");
            self.measured.figures.push(Figure::new(name, at(percent), "ms", "goal", goal_ms));
        }
        let note = format!("{name}{suffix}: {cpu:.1} ms of the engine's CPU, {:.1} found", found / count);
        said(&format!("{note}; {:.0}, {:.0}, {:.0} ms", at(50), at(95), at(99)));
        self.measured.notes.push(note);
        Ok(())
    }
}
