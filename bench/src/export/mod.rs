//! Reports: rows a CPU second of exporter and engine together, beside the engine's own CSV, and the exporter's memory.

mod exporter;
mod peers;
mod rows;

use schemas::report_request::{Compression, ReportKind};

use self::exporter::{Asked, Exporter};
use crate::figure::{Figure, Measured};
use crate::ingest::stage::Stage;

/// Rows that peers and short reports are given.
const SHORT: f64 = 2e6;
/// The most that the exporter may have in memory, MB.
const RESIDENT_MAX: f64 = 256.0;
/// Rows a CPU second that are the goal.
const GOAL: f64 = 500_000.0;

pub(crate) async fn measure(small: bool) -> anyhow::Result<Measured> {
    let count: u32 = if small { 2_000_000 } else { 20_000_000 };
    let stage = Stage::start(16).await?;
    rows::fill(&stage.clickhouse, count.into()).await?;
    let exporter = Exporter::start(&stage).await?;
    let mut measured = Measured::default();
    let (short, all) = (rows::range((SHORT / f64::from(count)).min(1.0)), rows::range(1.0));

    // What is done once is done before: connections, code that was never run.
    let warm = exporter.report(rows::range(0.02), Asked::csv(Compression::Gzip)).await?;
    let plain_short = exporter.report(short, Asked::csv(Compression::None)).await?;
    let packed_short = exporter.report(short, Asked::csv(Compression::Gzip)).await?;
    let resident = (warm.rows, plain_short.rows, exporter.resident_mb()?);
    let [csv, gz, zst] = [
        exporter.report(all, Asked::csv(Compression::None)).await?,
        exporter.report(all, Asked::csv(Compression::Gzip)).await?,
        exporter.report(all, Asked::csv(Compression::Zstd)).await?,
    ];
    let ndjson = exporter.report(all, Asked::NDJSON).await?;
    let (parquet, parquet_short) =
        (exporter.report(all, Asked::PARQUET).await?, exporter.report(short, Asked::PARQUET).await?);
    let groups = [
        exporter.report(all, Asked::groups(ReportKind::Summary)).await?,
        exporter.report(all, Asked::groups(ReportKind::UserActivity)).await?,
    ];
    let resident_mb = exporter.resident_mb()?;

    let mut push = |name: &str, value: f64, unit, peer, peer_value| {
        measured.figures.push(Figure::new(name, value, unit, peer, peer_value));
    };
    let per_second = |cpu_s: f64| plain_short.rows / cpu_s;
    let ours = csv.rows_per_cpu_second();
    push("csv_rows_per_cpu_second", ours, "rows/s", "goal", GOAL);
    let ordered = per_second(peers::csv(&stage, &exporter.store, short, peers::ORDERED).await?);
    push("csv_…_beside_engine", ours, "rows/s", "FORMAT CSV", ordered);
    let unordered = per_second(peers::csv(&stage, &exporter.store, short, "").await?);
    push("csv_…_beside_engine_without_order", ours, "rows/s", "FORMAT CSV", unordered);

    let ours = gz.rows_per_cpu_second();
    for (name, order) in [("csv_gz_rows_per_cpu_second", peers::ORDERED), ("csv_gz_…_without_order", "")] {
        let peer = per_second(peers::engine_gzip(&stage, &exporter.store, short, order).await?);
        push(name, ours, "rows/s", "engine gz 6", peer);
    }
    let peer = per_second(peers::gzip(&stage, &exporter.store, short, peers::ORDERED).await?);
    push("csv_gz_…_beside_gzip", ours, "rows/s", "gzip -6", peer);
    let size = peers::gzip_size(&exporter.store, &plain_short.object_key).await?;
    let bytes = (packed_short.size_bytes / packed_short.rows, size / plain_short.rows);
    push("csv_gz_bytes_per_row", bytes.0, "bytes", "gzip -6", bytes.1);
    push("csv_zst_rows_per_cpu_second", zst.rows_per_cpu_second(), "rows/s", "our csv.gz", ours);
    push("csv_zst_bytes_per_row", zst.size_bytes / zst.rows, "bytes", "our csv.gz", gz.size_bytes / gz.rows);
    let peer = per_second(peers::json(&stage, &exporter.store, short).await?);
    push("ndjson_rows_per_cpu_second", ndjson.rows_per_cpu_second(), "rows/s", "JSONEachRow", peer);
    let (cpu_s, bytes) = peers::parquet(&stage, &exporter.store, short).await?;
    push("parquet_rows_per_cpu_second", parquet.rows_per_cpu_second(), "rows/s", "engine Parquet", per_second(cpu_s));
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let bytes = bytes as f64 / parquet_short.rows;
    push("parquet_bytes_per_row", parquet_short.size_bytes / parquet_short.rows, "bytes", "engine Parquet", bytes);
    let [summary, users] = groups.each_ref().map(|made| csv.rows / made.cpu_s());
    for (name, each_once) in [("summary_rows_per_cpu_second", true), ("summary_…_beside_engine_with_copies", false)] {
        let peer = per_second(peers::summary(&stage, short, each_once).await?);
        push(name, summary, "rows/s", "GROUP BY", peer);
    }
    push("users_rows_per_cpu_second", users, "rows/s", "our Summary", summary);
    push("exporter_resident_mb", resident_mb, "MB", "limit", RESIDENT_MAX);

    measured.notes =
        vec![csv.note("csv"), gz.note("csv.gz"), zst.note("csv.zst"), ndjson.note("ndjson"), parquet.note("parquet")];
    let (_, rows, mb) = resident;
    measured
        .notes
        .push(format!("exporter_resident_mb was {mb:.0} after reports of {rows} rows; peers were given as many"));
    Ok(measured)
}
