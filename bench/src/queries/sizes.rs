//! What is stored of the large tenant: rows and bytes of each table beside its raw rows.

use clickhouse_io::{ClickHouse, rollup};

use super::rows::Rows;
use super::{LARGE, minutes};
use crate::figure::{Figure, Measured};
use crate::table_size::TableSize;

/// Tables that are made of the rows, and what their figures begin with.
pub(super) const OF_ROWS: [(&str, &str); 5] = [
    ("minutes", rollup::MINUTES_TABLE),
    ("hours", rollup::HOURS_TABLE),
    ("days", rollup::DAYS_TABLE),
    ("network_days", rollup::NETWORK_DAYS_TABLE),
    ("names", rollup::NAMES_TABLE),
];
/// Those that `rollups_share_of_raw_percent` is of: the counts that are kept for good.
const ROLLUPS: [&str; 3] = ["hours", "days", "network_days"];
const OPEN: (&str, &str) = ("open", "open_connections");

/// Minutes are those of 30 days, beside the raw rows of these; all else is of the year.
pub(super) async fn told(clickhouse: &ClickHouse, rows: Rows, measured: &mut Measured) -> anyhow::Result<()> {
    let suffix = rows.suffix();
    let raw = TableSize::of(clickhouse, "connections").await?.bytes_per_row();
    let year = count(clickhouse, &format!("tenant = '{LARGE}'")).await?;
    let month = count(clickhouse, &minutes::of_days()).await?;
    measured.figures.push(Figure::new(format!("raw_bytes_per_row{suffix}"), raw, "bytes", "goal", 52.0));
    measured.notes.push(format!(
        "{year} rows of the large tenant{suffix}, {raw:.1} bytes each; {month} of them in the last {} days",
        minutes::DAYS
    ));
    // What is open has nothing to do with how the rows are.
    let open = matches!(rows, Rows::Sessions).then_some(OPEN);
    let (mut shares, mut rollups) = (Vec::new(), 0.0);
    for (name, table) in OF_ROWS.into_iter().chain(open) {
        let size = TableSize::of(clickhouse, table).await?;
        let (count, range) = if name == "minutes" { (month, "of these days") } else { (year, "of the year") };
        let share = 100.0 * size.bytes / (raw * count);
        if ROLLUPS.contains(&name) {
            rollups += share;
        }
        shares.push(Figure::alone(format!("{name}_share_of_raw_percent{suffix}"), share, "%"));
        measured.notes.push(format!("{table}{suffix}: {}, {share:.2} % of the raw rows {range}", size.told()));
    }
    measured.figures.push(Figure::new(format!("rollups_share_of_raw_percent{suffix}"), rollups, "%", "goal", 10.0));
    measured.figures.extend(shares);
    Ok(())
}

async fn count(clickhouse: &ClickHouse, condition: &str) -> anyhow::Result<f64> {
    Ok(clickhouse.text(&format!("SELECT count() FROM connections WHERE {condition}")).await?.trim().parse()?)
}
