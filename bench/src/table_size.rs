//! What a table takes on the disk.

use anyhow::Context;
use clickhouse_io::ClickHouse;

/// Rows and bytes of its active parts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TableSize {
    pub(crate) rows: f64,
    pub(crate) bytes: f64,
}

impl TableSize {
    pub(crate) async fn of(clickhouse: &ClickHouse, table: &str) -> anyhow::Result<Self> {
        let sql = format!(
            "SELECT sum(rows), sum(bytes_on_disk) FROM system.parts
             WHERE active AND database = currentDatabase() AND table = '{table}'"
        );
        let text = clickhouse.text(&sql).await?;
        let (rows, bytes) = text.trim().split_once('\t').context("a table without two sizes")?;
        Ok(Self { rows: rows.parse()?, bytes: bytes.parse()? })
    }

    pub(crate) fn bytes_per_row(self) -> f64 {
        self.bytes / self.rows
    }

    /// For people.
    pub(crate) fn told(self) -> String {
        format!("{} rows, {} bytes, {:.1} a row", self.rows, self.bytes, self.bytes_per_row())
    }
}
