//! The aggregator over a backlog: what counting takes.

use crate::figure::{Figure, Measured};
use crate::ingest::stage::{Backlog, Stage};

pub(crate) async fn measure(small: bool) -> anyhow::Result<Measured> {
    let events: u32 = if small { 2_000_000 } else { 20_000_000 };
    let mut measured = Measured::default();
    let stage = Stage::start(super::PARTITIONS).await?;
    let bytes = stage.fill(events, super::NETWORKS).await?;
    let mut program = stage.service("aggregator", "")?;
    let backlog = Backlog { is_stored: false, ..Backlog::of("aggregator", events) };
    let ours = stage.done(Some(&mut program), backlog).await?;
    program.stop()?;
    let counted = "SELECT count(), sum(length(_kafka_offsets)), sum(succeeded + failed_dns + failed_other + denied)
        FROM connections_by_minute";
    let counted = stage.clickhouse.text(counted).await?;
    let numbers: Vec<u64> = counted.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [rows, offsets, _] = numbers[..] else { anyhow::bail!("three numbers: {counted}") };
    anyhow::ensure!(offsets == u64::from(events), "{offsets} offsets of {events} events");
    measured.notes.push(format!("{events} events of {bytes:.0} bytes into {rows} rows by minute"));
    super::note(&mut measured, "aggregator", &ours);
    let ceiling = super::consume_ceiling(&stage, events, &mut measured).await?;
    let figure = |beside: &str, peer, value| {
        let name = format!("aggregator_events_per_cpu_second{beside}");
        Figure::new(name, ours.events_per_cpu_second(), "events/s", peer, value)
    };
    measured.figures.push(figure("", "goal", 650_000.0));
    measured.figures.push(figure("_beside_consume_ceiling", "ceiling", ceiling.events_per_cpu_second()));
    measured.figures.push(Figure::new("aggregator_resident_mb", ours.resident_mb, "MB", "limit", 400.0));
    Ok(measured)
}
