//! Ingest over a backlog on a real broker into the real engine: what it takes, beside the obvious consumer and limits.

pub(crate) mod alone;
mod commits;
mod freshness;
pub(crate) mod obvious;
mod server;
mod stage;

use std::process::Command;

use crate::figure::{Figure, Measured};
use crate::ingest::stage::{Stage, Used};

const PARTITIONS: i32 = 16;
const NETWORKS: u32 = 300;
/// Environment of the peer's process: where its parts are.
pub(crate) const PEER_PARTS: [&str; 3] =
    ["FLOWLEDGER_BENCH_KAFKA", "FLOWLEDGER_BENCH_REGISTRY", "FLOWLEDGER_BENCH_CLICKHOUSE"];

pub(crate) async fn measure(small: bool) -> anyhow::Result<Measured> {
    let events: u32 = if small { 2_000_000 } else { 20_000_000 };
    let mut measured = Measured::default();
    let stage = Stage::start(PARTITIONS).await?;
    let bytes = stage.fill(events, NETWORKS).await?;
    measured
        .notes
        .push(format!("{events} events of {bytes:.0} bytes, {PARTITIONS} partitions, {NETWORKS} Remote Networks"));
    let mut program = stage.ingest("")?;
    let ours = stage.drained(&mut program, "ingest", events).await?;
    let metric = |name: &str| stage.metric(&format!("flowledger_ingest_{name}_total"));
    let (rows_an_insert, extra_commits) = (ours.events / metric("inserts")?, metric("commits")? - metric("ranges")?);
    drop(program);
    note(&mut measured, "ingest", &ours);
    commits::measure(&stage, &ours, extra_commits, &mut measured)?;
    server::measure(&stage, &ours, rows_an_insert, &mut measured).await?;
    drop(stage);

    // The peer takes five to ten times as long: a share of the events tells as much.
    let fewer = events / 4;
    let stage = Stage::start(PARTITIONS).await?;
    stage.fill(fewer, NETWORKS).await?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("peer_obvious_consumer");
    command.envs(PEER_PARTS.into_iter().zip([
        stage.kafka.bootstrap_servers(),
        stage.registry.url(),
        stage.engine.url(),
    ]));
    let mut peer = stage.spawn(command, "peer")?;
    let obvious = stage.drained(&mut peer, obvious::GROUP, fewer).await?;
    drop((peer, stage));
    note(&mut measured, "obvious consumer", &obvious);

    let figures = &mut measured.figures;
    let (value, peer) = (ours.events_per_cpu_second(), obvious.events_per_cpu_second());
    figures.push(Figure::new("ingest_events_per_cpu_second", value, "events/s", "obvious", peer));
    let (value, peer) = (ours.total_us_per_event(), obvious.total_us_per_event());
    figures.push(Figure::new("total_us_per_event", value, "us", "obvious", peer));
    figures.push(Figure::new("ingest_resident_mb", ours.resident_mb, "MB", "limit", 400.0));

    // No fewer than fill a range of each of 64 partitions: else it is the first touch of memory that is measured.
    flatness((events / 2).max(2_000_000), &mut measured).await?;
    for networks in [10, 100, 1000] {
        parts_per_insert(networks, events / 10, &mut measured).await?;
    }
    freshness::measure(ours.events / ours.wall_s / 2.0, small, "", &mut measured).await?;
    Ok(measured)
}

fn note(measured: &mut Measured, who: &str, used: &Used) {
    measured.notes.push(format!(
        "{who}: {:.0} ns of the program and {:.0} ns of the engine an event, {:.1} s, {:.0} MB",
        used.program_cpu_s / used.events * 1e9,
        used.engine_cpu_s / used.events * 1e9,
        used.wall_s,
        used.resident_mb
    ));
}

/// The same on topics of 1 to 64 partitions: slowest over fastest.
async fn flatness(events: u32, measured: &mut Measured) -> anyhow::Result<()> {
    let mut speeds = Vec::new();
    for partitions in [1, 4, 16, 64] {
        let stage = Stage::start(partitions).await?;
        stage.fill(events, NETWORKS).await?;
        let mut program = stage.ingest("")?;
        let used = stage.drained(&mut program, "ingest", events).await?;
        note(measured, &format!("ingest, {partitions} partitions"), &used);
        speeds.push(used.events_per_cpu_second());
    }
    let slowest = speeds.iter().copied().fold(f64::INFINITY, f64::min);
    let fastest = speeds.iter().copied().fold(0.0, f64::max);
    measured.figures.push(Figure::new("catch_up_flatness_ratio", slowest / fastest, "", "goal", 0.9));
    Ok(())
}

/// Parts that an insert makes: one a month touched, however many Remote Networks there are.
async fn parts_per_insert(networks: u32, events: u32, measured: &mut Measured) -> anyhow::Result<()> {
    let stage = Stage::start(PARTITIONS).await?;
    stage.fill(events, networks).await?;
    let before = stage.parts_inserted().await?;
    let mut program = stage.ingest("")?;
    stage.drained(&mut program, "ingest", events).await?;
    let parts = stage.parts_inserted().await? - before;
    anyhow::ensure!(parts > 0.0, "the engine has counted no parts");
    let inserts = stage.metric("flowledger_ingest_inserts_total")?;
    let name = format!("parts_per_insert_{networks}_networks");
    measured.figures.push(Figure::new(name, parts / inserts, "parts", "limit", 1.0));
    Ok(())
}
