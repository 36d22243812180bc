//! What admins ask all day, over many rows of many tenants: latencies of each question for the largest tenant, with one client while
//! ingest runs at a tenth of its top speed, with one while nothing else runs, and with eight; and what is stored of it.
//!
//! `ROWS` in the environment: a folder in which the engine keeps its rows, so that another run need not make them. `QUESTIONS`: only these, such as
//! `user_page,top_10`. `SETTINGS` (TOML): of ingest.

mod asking;
mod feed;
mod filters;
mod minutes;
mod questions;
mod rows;
mod sizes;

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use clickhouse_io::{ClickHouse, ClickHouseConfig, rollup};
use schemas::times::Moment;

use self::asking::{Bench, Scene};
use self::questions::Questions;
use self::rows::Rows;
use crate::figure::{Measured, said};
use crate::ingest::stage::Stage;
use crate::open_rows::OpenRows;

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
/// Connections of the tenant that are open, and those of the last day that have ended and are remembered among them.
const OPEN: u32 = 10_000;
const ENDED: u32 = 200_000;
/// On the Connectors of all its Remote Networks.
const OPEN_ROWS: OpenRows = OpenRows { tenant: LARGE, connector: "number % 40 * 10 + intDiv(number, 40) % 3" };
/// A tenth of what ingest and engine together do a second on two cores; `freshness` is measured at half of it.
const INGEST_PER_SECOND: f64 = 36_000.0;

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
    rows::check(&clickhouse).await?;
    if clickhouse.text("SELECT count() FROM open_connections").await?.trim() == "0" {
        OPEN_ROWS.open(&clickhouse, OPEN).await?;
        OPEN_ROWS.ended(&clickhouse, ENDED).await?;
    }
    let questions = Questions::new(&clickhouse).await?;
    let only = std::env::var("QUESTIONS").unwrap_or_default();
    let only: Vec<String> = only.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let mut bench = Bench { engine, rounds, only: &only, measured: &mut measured };
    said("one client, and nothing else");
    bench.scene(&questions, Scene { suffix: "_idle", clients: 1 }).await?;
    for name in &only {
        let is_asked = bench.measured.figures.iter().any(|figure| figure.name == format!("{name}_p50_ms_idle"));
        anyhow::ensure!(is_asked, "QUESTIONS: there is no question {name}");
    }
    said("eight clients");
    bench.scene(&questions, Scene { suffix: "_8_clients", clients: 8 }).await?;
    sizes::told(&clickhouse, Rows::Sessions, &mut measured).await?;
    let mut bench = Bench { engine, rounds, only: &only, measured: &mut measured };
    {
        let _ingest = stage.ingest(&std::env::var("SETTINGS").unwrap_or_default())?;
        let _feed = feed::start(&stage, INGEST_PER_SECOND).await?;
        said("one client beside ingest");
        bench.scene(&questions, Scene { suffix: "", clients: 1 }).await?;
    }
    if kept.is_none() {
        // Fewer rows, of which each is a session of its own: little comes twice.
        for table in ["connections"].into_iter().chain(sizes::OF_ROWS.map(|(_, table)| table)) {
            clickhouse.execute(&format!("TRUNCATE TABLE {table} SYNC")).await?;
        }
        fill(&clickhouse, 2_000_000, Rows::Thin).await?;
        sizes::told(&clickhouse, Rows::Thin, &mut measured).await?;
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
    minutes::fill(clickhouse).await?;
    while clickhouse.text("SELECT count() FROM system.merges").await?.trim() != "0" {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // What an aggregator notes that has counted all of it, and some minutes later: parts are as old as most are.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let later = rollup::server_time(clickhouse).await?.as_micros() + i64::try_from(rollup::IN_FLIGHT.as_micros())?;
    rollup::note_days_counted(clickhouse, rollup::DEFINITION, Moment::from_micros(later), *END).await?;
    Ok(())
}

fn year() -> (Moment, Moment) {
    (Moment::from_micros(END.as_micros() - 365 * DAY_MICROS), *END)
}
