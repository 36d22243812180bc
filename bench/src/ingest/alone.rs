//! Ingest alone over a backlog, without peers: for a profile, or for comparing two builds. `EVENTS`, `PARTITIONS`, `NETWORKS`, `ROUNDS`
//! and `SETTINGS` (TOML) come from the environment; `FRESHNESS_AT`: so many events a second, instead of a backlog; `PERF`: where `perf record` writes to.

use std::process::Command;
use std::str::FromStr;

use crate::figure::Measured;
use crate::ingest::stage::Stage;

fn asked<T: FromStr>(name: &str, default: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

pub(crate) async fn measure() -> anyhow::Result<Measured> {
    let (events, partitions) = (asked("EVENTS", 2_000_000), asked("PARTITIONS", super::PARTITIONS));
    let (networks, rounds) = (asked("NETWORKS", super::NETWORKS), asked("ROUNDS", 1));
    let settings = std::env::var("SETTINGS").unwrap_or_default();
    let mut measured = Measured::default();
    if let Some(per_second) = std::env::var("FRESHNESS_AT").ok().and_then(|text| text.parse().ok()) {
        super::freshness::measure(per_second, true, &settings, &mut measured).await?;
        return Ok(measured);
    }
    for round in 1..=rounds {
        let stage = Stage::start(partitions).await?;
        stage.fill(events, networks).await?;
        if let Ok(sql) = std::env::var("SQL") {
            for statement in sql.split(';') {
                stage.clickhouse.execute(statement).await?;
            }
        }
        let mut program = stage.ingest(&settings)?;
        let perf = std::env::var("PERF").ok().map(|file| {
            let pid = program.0.id().to_string();
            // So that all its threads are there.
            std::thread::sleep(std::time::Duration::from_millis(1_500));
            Command::new("perf").args(["record", "-q", "-g", "-F", "997", "-o", &file, "-p", &pid]).spawn()
        });
        let used = stage.drained(&mut program, "ingest", events).await?;
        super::note(&mut measured, &format!("round {round}, {partitions} partitions"), &used);
        for name in ["inserts", "ranges", "commits"] {
            let value = stage.metric(&format!("flowledger_ingest_{name}_total"))?;
            measured.notes.push(format!("{name}: {value}"));
        }
        let events = "SELECT event, value FROM system.events WHERE event IN ('InsertedWideParts', 'InsertedCompactParts', 'FileSync',
            'FileSyncElapsedMicroseconds', 'DirectorySync', 'DirectorySyncElapsedMicroseconds', 'DelayedInserts', 'InsertQuery',
            'InsertQueryTimeMicroseconds', 'MergedRows', 'MergesTimeMilliseconds')";
        measured.notes.extend(stage.clickhouse.text(events).await?.lines().map(|line| line.replace('\t', " ")));
        drop(program);
        if let Some(perf) = perf {
            perf?.wait()?;
        }
    }
    Ok(measured)
}
