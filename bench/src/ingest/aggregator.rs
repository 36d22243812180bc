//! The aggregator over a backlog: what counting takes, where nearly every event is a group of its own, and where Users come back.

use clickhouse_io::rollup::MINUTES_TABLE;

use crate::figure::{Figure, Measured};
use crate::ingest::stage::{Backlog, Program, Stage, Used};
use crate::table_size::TableSize;

pub(crate) async fn measure(small: bool) -> anyhow::Result<Measured> {
    let events: u32 = if small { 2_000_000 } else { 20_000_000 };
    let mut measured = Measured::default();
    let stage = Stage::start(super::PARTITIONS).await?;
    let bytes = stage.fill(events, super::NETWORKS).await?;
    measured.notes.push(format!("{events} events of {bytes:.0} bytes"));
    let ours = counted(&stage, events, "", &mut measured).await?;
    let ceiling = super::consume_ceiling(&stage, events, &mut measured).await?;
    let beside = Figure::new(
        "aggregator_events_per_cpu_second_beside_consume_ceiling",
        ours.events_per_cpu_second(),
        "events/s",
        "ceiling",
        ceiling.events_per_cpu_second(),
    );
    measured.figures.push(beside);
    drop(stage);
    let stage = Stage::start(super::PARTITIONS).await?;
    stage.fill_from(Stage::traffic()?.over_networks(super::NETWORKS).in_sessions(), events).await?;
    counted(&stage, events, "_sessions", &mut measured).await?;
    Ok(measured)
}

/// Counts the whole backlog; `traffic` is what the figures' names end with.
async fn counted(stage: &Stage, events: u32, traffic: &str, measured: &mut Measured) -> anyhow::Result<Used> {
    let mut program: Program = stage.service("aggregator", "")?;
    let backlog = Backlog { is_stored: false, ..Backlog::of("aggregator", events) };
    let ours = stage.done(Some(&mut program), backlog).await?;
    program.stop()?;
    let asked = "SELECT count(), sum(length(_kafka_offsets)), sum(succeeded + failed_dns + failed_other + denied)
        FROM connections_by_minute";
    let answer = stage.clickhouse.text(asked).await?;
    let numbers: Vec<u32> = answer.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [rows, offsets, _] = numbers[..] else { anyhow::bail!("three numbers: {answer}") };
    anyhow::ensure!(offsets == events, "{offsets} offsets of {events} events");
    super::note(measured, &format!("aggregator{traffic}"), &ours);
    let minutes = TableSize::of(&stage.clickhouse, MINUTES_TABLE).await?;
    let ended = TableSize::of(&stage.clickhouse, "open_connections").await?;
    for (name, size) in [("rows by minute", minutes), ("ends that are remembered", ended)] {
        measured.notes.push(format!("aggregator{traffic}, {name}: {}", size.told()));
    }
    let figure = |name: &str, value, unit, peer, limit| {
        Figure::new(format!("aggregator_{name}{traffic}"), value, unit, peer, limit)
    };
    measured.figures.extend([
        figure("events_per_cpu_second", ours.events_per_cpu_second(), "events/s", "goal", 650_000.0),
        figure("resident_mb", ours.resident_mb, "MB", "limit", 400.0),
        figure("rows_per_event", f64::from(rows) / f64::from(events), "rows", "limit", 1.0),
    ]);
    for (name, size) in [("minutes", minutes), ("ended", ended)] {
        let name = format!("aggregator_{name}_bytes_per_event{traffic}");
        measured.figures.push(Figure::alone(name, size.bytes / f64::from(events), "bytes"));
    }
    Ok(ours)
}
