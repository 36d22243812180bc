//! Bytes that a row of `connections` takes on the disk: generated traffic in the real table, after OPTIMIZE FINAL.

use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::write::{EventTable, insert};
use clickhouse_io::{ClickHouse, ClickHouseConfig, migrate};
use local_parts::{ClickHouseProcess, Silent};
use rand::SeedableRng;
use rand::rngs::StdRng;
use schemas::{migrations, murmur2};

use crate::figure::{Figure, Measured};
use crate::table_size::TableSize;
use crate::traffic::Traffic;

/// The most that a row may take.
const LIMIT: f64 = 52.0;
/// Rows of one insert.
const BATCH: u32 = 100_000;

pub(crate) async fn measure(small: bool) -> anyhow::Result<Measured> {
    let batches = if small { 10 } else { 20 };
    let folder = tempfile::tempdir()?;
    let engine = ClickHouseProcess::start(&local_parts::flowledger_binary()?, folder.path(), None, &Silent).await?;
    let clickhouse = ClickHouse::new(&ClickHouseConfig { url: engine.url(), ..ClickHouseConfig::default() });
    migrate::migrate(&clickhouse, migrations::ALL).await?;
    // Two months of a large tenant would be too much to generate: one part of a day, as dense as such a tenant's.
    let mut traffic = Traffic::new(StdRng::seed_from_u64(7), 200.0)?;
    let mut offsets = [0_i64; 16];
    for batch in 0..batches {
        let mut rows = Vec::new();
        for _ in 0..BATCH {
            let event = traffic.next_event()?;
            let number = murmur2::partition(event.key().as_bytes(), 16);
            let offset = &mut offsets[usize::try_from(number)?];
            let source = Source { name: "main", partition: i32::try_from(number)?, offset: *offset };
            rows.push(ConnectionRow::from_event(event, source));
            *offset += 1;
        }
        insert(&clickhouse, EventTable::Connections, rows, &format!("bench-{batch}")).await?;
    }
    clickhouse.execute("OPTIMIZE TABLE connections FINAL").await?;
    let size = TableSize::of(&clickhouse, "connections").await?;
    let columns = clickhouse
        .text(
            "SELECT column, round(sum(column_data_compressed_bytes) / sum(rows), 2) AS bytes FROM system.parts_columns
             WHERE active AND database = currentDatabase() AND table = 'connections' AND part_type = 'Wide' GROUP BY column ORDER BY bytes DESC LIMIT 20",
        )
        .await?;
    let mut notes = vec![format!("{} rows; the largest columns, bytes a row:", size.rows)];
    notes.extend(columns.lines().map(|line| format!("  {}", line.replace('\t', "  "))));
    Ok(Measured {
        figures: vec![Figure::new("raw_bytes_per_row", size.bytes_per_row(), "bytes", "limit", LIMIT)],
        notes,
    })
}
