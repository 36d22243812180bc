//! Ingest over a backlog on a real broker into the real engine: what it takes, beside limits and peers.
//!
//! A figure beside a peer is named `<figure>_beside_<peer>`; beside the obvious consumer, and beside a limit alone, it has no more than its
//! name.

pub(crate) mod aggregator;
pub(crate) mod alone;
mod commits;
pub(crate) mod consume_ceiling;
mod delivery;
mod freshness;
mod json_event;
mod kafka_engine;
pub(crate) mod obvious;
mod server;
pub(crate) mod stage;

use std::collections::BTreeMap;

use crate::figure::{Figure, Measured};
use crate::ingest::kafka_engine::Target;
use crate::ingest::obvious::Form;
use crate::ingest::stage::{Backlog, Stage, Used};

const PARTITIONS: i32 = 16;
const NETWORKS: u32 = 300;
/// Times that each number of partitions is measured.
const FLATNESS_ROUNDS: u32 = 2;
/// Ingest's group.
const GROUP: &str = "ingest";

pub(crate) async fn measure(small: bool) -> anyhow::Result<Measured> {
    let events: u32 = if small { 2_000_000 } else { 20_000_000 };
    let mut measured = Measured::default();
    let stage = Stage::start(PARTITIONS).await?;
    let bytes = stage.fill(events, NETWORKS).await?;
    measured
        .notes
        .push(format!("{events} events of {bytes:.0} bytes, {PARTITIONS} partitions, {NETWORKS} Remote Networks"));
    let mut program = stage.ingest("")?;
    let ours = stage.drained(&mut program, GROUP, events).await?;
    let metric = |name: &str| stage.metric(&format!("flowledger_ingest_{name}_total"));
    let (rows_an_insert, extra_commits) = (ours.events / metric("inserts")?, metric("commits")? - metric("ranges")?);
    program.stop()?;
    note(&mut measured, "ingest", &ours);
    commits::measure(&stage, &ours, extra_commits, &mut measured)?;
    server::measure(&stage, &ours, rows_an_insert, &mut measured).await?;
    stage.begin_again(GROUP).await?;
    delivery::measure(&stage, events, &ours, &mut measured).await?;
    let ceiling = consume_ceiling(&stage, events, &mut measured).await?;
    drop(stage);
    speed_beside("_beside_consume_ceiling", "ceiling", &ours, ceiling.events_per_cpu_second(), &mut measured);
    // The others take five to thirty times as long: a share of the events tells as much.
    let engine_per_second = others(&ours, events / 4, &mut measured).await?;
    measured.figures.push(Figure::new("ingest_resident_mb", ours.resident_mb, "MB", "limit", 400.0));

    // No fewer than fill a range of each of 64 partitions: else it is the first touch of memory that is measured.
    flatness((events / 2).max(2_000_000), &mut measured).await?;
    for networks in [10, 100, 1000] {
        parts_per_insert(networks, events / 10, &mut measured).await?;
    }
    freshness::measure(ours.events / ours.wall_s / 2.0, small, "", &mut measured).await?;
    freshness::beside_kafka_engine(engine_per_second / 2.0, small, &mut measured).await?;
    Ok(measured)
}

/// Reading alone, of the backlog that ours had.
async fn consume_ceiling(stage: &Stage, events: u32, measured: &mut Measured) -> anyhow::Result<Used> {
    let mut program = stage.peer("peer_consume_ceiling")?;
    let backlog = Backlog { is_stored: false, ..Backlog::of(consume_ceiling::GROUP, events) };
    let ceiling = stage.done(Some(&mut program), backlog).await?;
    note(measured, "consume_ceiling, librdkafka's batch consume that throws every record away", &ceiling);
    Ok(ceiling)
}

/// What others take for the same; gives the events a second of the engine's Kafka table.
async fn others(ours: &Used, events: u32, measured: &mut Measured) -> anyhow::Result<f64> {
    let stage = Stage::start(PARTITIONS).await?;
    stage.fill(events, NETWORKS).await?;
    measured.notes.push(format!("{events} events for each of the following peers"));
    let avro = obvious(&stage, Form::Avro, events).await?;
    note(measured, "obvious consumer, Avro by its tree of values", &avro);
    let direct = obvious(&stage, Form::AvroDirect, events).await?;
    note(measured, "obvious consumer, Avro straight into the struct", &direct);
    let read = kafka_engine::measure(&stage, Target::Nothing, events).await?;
    note(measured, "kafka_engine into nothing: reading, decoding, the row's expressions", &read);
    let stored = kafka_engine::measure(&stage, Target::Connections, events).await?;
    note(measured, "kafka_engine into connections", &stored);
    measured.notes.push(kafka_engine::NOTE.to_owned());
    let bytes = stage.fill_json(events, NETWORKS, PARTITIONS).await?;
    let json = obvious(&stage, Form::Json, events).await?;
    note(measured, &format!("obvious consumer, JSON of {bytes:.0} bytes"), &json);

    speed_beside("", "obvious", ours, avro.events_per_cpu_second(), measured);
    speed_beside("_beside_obvious_consumer_direct", "obvious", ours, direct.events_per_cpu_second(), measured);
    speed_beside("_beside_kafka_engine", "engine", ours, read.events / read.engine_cpu_s, measured);
    total_beside("", "obvious", ours, &avro, measured);
    total_beside("_beside_obvious_consumer_direct", "obvious", ours, &direct, measured);
    total_beside("_beside_obvious_consumer_json", "obvious", ours, &json, measured);
    total_beside("_beside_kafka_engine", "engine", ours, &stored, measured);
    Ok(stored.events / stored.wall_s)
}

fn speed_beside(beside: &str, peer: &'static str, ours: &Used, value: f64, measured: &mut Measured) {
    let name = format!("ingest_events_per_cpu_second{beside}");
    measured.figures.push(Figure::new(name, ours.events_per_cpu_second(), "events/s", peer, value));
}

fn total_beside(beside: &str, peer: &'static str, ours: &Used, used: &Used, measured: &mut Measured) {
    let name = format!("total_us_per_event{beside}");
    measured.figures.push(Figure::new(name, ours.total_us_per_event(), "us", peer, used.total_us_per_event()));
}

async fn obvious(stage: &Stage, form: Form, events: u32) -> anyhow::Result<Used> {
    let mut program = stage.peer(form.peer())?;
    let backlog = Backlog { topic: form.topic(), ..Backlog::of(form.group(), events) };
    let used = stage.done(Some(&mut program), backlog).await?;
    drop(program);
    stage.empty().await?;
    Ok(used)
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

/// The same on topics of 1 to 64 partitions: slowest over fastest. By turns, and the best of each: the same settings differ by a quarter
/// from one minute to the next.
async fn flatness(events: u32, measured: &mut Measured) -> anyhow::Result<()> {
    let mut best = BTreeMap::new();
    for round in 1..=FLATNESS_ROUNDS {
        for partitions in [1, 4, 16, 64] {
            let stage = Stage::start(partitions).await?;
            stage.fill(events, NETWORKS).await?;
            let mut program = stage.ingest("")?;
            let used = stage.drained(&mut program, GROUP, events).await?;
            note(measured, &format!("ingest, {partitions} partitions, round {round}"), &used);
            let fastest: &mut f64 = best.entry(partitions).or_default();
            *fastest = fastest.max(used.events_per_cpu_second());
        }
    }
    let slowest = best.values().copied().fold(f64::INFINITY, f64::min);
    let fastest = best.values().copied().fold(0.0, f64::max);
    measured.figures.push(Figure::new("catch_up_flatness_ratio", slowest / fastest, "", "goal", 0.9));
    Ok(())
}

/// Parts that an insert makes: one a month touched, however many Remote Networks there are.
async fn parts_per_insert(networks: u32, events: u32, measured: &mut Measured) -> anyhow::Result<()> {
    let stage = Stage::start(PARTITIONS).await?;
    stage.fill(events, networks).await?;
    let before = stage.parts_inserted().await?;
    let mut program = stage.ingest("")?;
    stage.drained(&mut program, GROUP, events).await?;
    let parts = stage.parts_inserted().await? - before;
    anyhow::ensure!(parts > 0.0, "the engine has counted no parts");
    let inserts = stage.metric("flowledger_ingest_inserts_total")?;
    let name = format!("parts_per_insert_{networks}_networks");
    measured.figures.push(Figure::new(name, parts / inserts, "parts", "limit", 1.0));
    Ok(())
}
