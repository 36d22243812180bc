//! What the engine would take for the same rows by other ways: sorted Native blocks of the same size, RowBinary, JSONEachRow.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::figure::{Figure, Measured};
use crate::ingest::stage::{Stage, Used};
use crate::process;

/// Blocks of the peers.
const BLOCKS: i64 = 8;

/// Engine's CPU for a row of ours beside that of the other formats.
pub(crate) async fn measure(
    stage: &Stage,
    ours: &Used,
    rows_of_an_insert: f64,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let ours_us = ours.engine_cpu_s / ours.events * 1e6;
    measured.notes.push(format!("{rows_of_an_insert:.0} rows an insert"));
    let columns = columns(stage).await?;
    for (format, name) in [
        ("Native", "server_cpu_over_sorted_native_ratio"),
        ("RowBinary", "server_cpu_over_row_binary_ratio"),
        ("JSONEachRow", "server_cpu_over_json_each_row_ratio"),
    ] {
        let peer_us = insert_again(stage, format, &columns, rows_of_an_insert).await?;
        measured.figures.push(Figure::new(name, ours_us / peer_us, "", "limit", 1.1));
        measured.notes.push(format!("engine, {format}: {peer_us:.2} us a row, ours {ours_us:.2}"));
    }
    Ok(())
}

async fn columns(stage: &Stage) -> anyhow::Result<String> {
    let sql = "SELECT arrayStringConcat(groupArray(name), ', ') FROM (SELECT name FROM system.columns
        WHERE database = currentDatabase() AND table = 'connections' AND default_kind = '' ORDER BY position)";
    Ok(stage.clickhouse.text(sql).await?.trim().to_owned())
}

/// Makes a table that is like ours, dictionaries of numbers included.
pub(crate) fn create(stage: &Stage, sql: &str) -> anyhow::Result<()> {
    post(&stage.engine.url(), "?allow_suspicious_low_cardinality_types=1", sql.as_bytes()).map(drop)
}

/// Engine's CPU a row, microseconds, for inserts of one partition's rows, sorted by the table's key, as large as ours.
async fn insert_again(stage: &Stage, format: &str, columns: &str, rows: f64) -> anyhow::Result<f64> {
    let table = format!("connections_{}", format.to_lowercase());
    create(stage, &format!("CREATE TABLE {table} AS connections"))?;
    #[expect(clippy::cast_possible_truncation, reason = "a block's rows")]
    let width = rows as i64;
    let mut bodies = Vec::new();
    for block in 0..BLOCKS {
        let (first, end) = (block * width, (block + 1) * width);
        let sql = format!(
            "SELECT {columns} FROM connections WHERE _kafka_partition = 3 AND _kafka_offset >= {first} AND _kafka_offset < {end}
             ORDER BY tenant, toStartOfHour(end_time), remote_network_id, end_time, event_id_tail
             SETTINGS max_block_size = 1000000, preferred_block_size_bytes = 0 FORMAT {format}"
        );
        bodies.push(post(&stage.engine.url(), "", sql.as_bytes())?);
    }
    let before = process::cpu_seconds(stage.engine.pid())?;
    let mut inserted = 0.0;
    for body in &bodies {
        let query = format!(
            "?async_insert=0&min_insert_block_size_rows=2000000&max_insert_block_size=2000000&query=INSERT%20INTO%20flowledger.{table}%20({})%20FORMAT%20{format}",
            columns.replace(' ', "%20")
        );
        post(&stage.engine.url(), &query, body)?;
    }
    let used = process::cpu_seconds(stage.engine.pid())? - before;
    let stored = stage.clickhouse.text(&format!("SELECT count() FROM {table}")).await?;
    inserted += stored.trim().parse::<f64>().context("no number of rows")?;
    stage.clickhouse.execute(&format!("DROP TABLE {table} SYNC")).await?;
    anyhow::ensure!(inserted > 0.0, "nothing was inserted");
    Ok(used / inserted * 1e6)
}

fn post(url: &str, query: &str, body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let separator = if query.is_empty() { "?database=flowledger" } else { "&database=flowledger" };
    let mut curl = Command::new("curl")
        .args(["-fsS", "--data-binary", "@-", &format!("{url}/{query}{separator}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = curl.stdin.take().context("no input")?;
    let body = body.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&body));
    let output = curl.wait_with_output()?;
    writer.join().map_err(|_| anyhow::anyhow!("writing failed"))??;
    anyhow::ensure!(output.status.success(), "the engine refuses");
    Ok(output.stdout)
}
