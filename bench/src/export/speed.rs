//! Rows a CPU second of exporter and engine together, beside the engine's own files.

use schemas::report_request::{Compression, ReportKind};

use super::asked::Asked;
use super::desk::Desk;
use super::gzip::Gzip;
use super::memory::RESIDENT_MAX;
use super::{peers, rows};
use crate::figure::{Figure, Measured};

/// Rows that peers and short reports are given.
const SHORT: f64 = 2e6;
/// Rows a CPU second that are the goal.
const GOAL: f64 = 500_000.0;

pub(crate) async fn measure(desk: &Desk<'_>, all: u64) -> anyhow::Result<Measured> {
    let exporter = [desk.exporter("")?];
    desk.settled(1).await?;
    let (stage, store) = (desk.stage, &desk.store);
    let mut measured = Measured::default();
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    let short = rows::range((SHORT / all as f64).min(1.0));
    let all = rows::range(1.0);
    let made = |range, asked| desk.report(&exporter, range, asked);

    // What is done once is done before: connections, code that was never run.
    let warm = made(rows::range(0.02), Asked::csv(Compression::Gzip)).await?;
    let plain_short = made(short, Asked::csv(Compression::None)).await?;
    let packed_short = made(short, Asked::csv(Compression::Gzip)).await?;
    let resident = (warm.rows, plain_short.rows, exporter[0].resident_mb()?);
    let [csv, gz, zst] = [
        made(all, Asked::csv(Compression::None)).await?,
        made(all, Asked::csv(Compression::Gzip)).await?,
        made(all, Asked::csv(Compression::Zstd)).await?,
    ];
    let ndjson = made(all, Asked::NDJSON).await?;
    let (parquet, parquet_short) = (made(all, Asked::PARQUET).await?, made(short, Asked::PARQUET).await?);
    let groups = [
        made(all, Asked::groups(ReportKind::Summary)).await?,
        made(all, Asked::groups(ReportKind::UserActivity)).await?,
    ];
    let resident_mb = exporter[0].resident_mb()?;

    let mut push = |name: &str, value: f64, unit, peer, peer_value| {
        measured.figures.push(Figure::new(name, value, unit, peer, peer_value));
    };
    let per_second = |cpu_s: f64| plain_short.rows / cpu_s;
    let ours = csv.rows_per_cpu_second();
    push("csv_rows_per_cpu_second", ours, "rows/s", "goal", GOAL);
    let ordered = per_second(peers::csv(stage, store, short, peers::ORDERED).await?);
    push("csv_…_beside_engine", ours, "rows/s", "FORMAT CSV", ordered);
    let unordered = per_second(peers::csv(stage, store, short, "").await?);
    push("csv_…_beside_engine_without_order", ours, "rows/s", "FORMAT CSV", unordered);

    let ours = gz.rows_per_cpu_second();
    for (name, order) in [("csv_gz_rows_per_cpu_second", peers::ORDERED), ("csv_gz_…_without_order", "")] {
        let peer = per_second(peers::engine_gzip(stage, store, short, order).await?);
        push(name, ours, "rows/s", "engine gz 6", peer);
    }
    let gzip = Gzip::found();
    let peer = per_second(gzip.engine_csv(stage, store, short, peers::ORDERED).await?);
    push("csv_gz_…_beside_gzip", ours, "rows/s", gzip.name, peer);
    let size = gzip.size(store, &plain_short.object_key).await?;
    let bytes = (packed_short.size_bytes / packed_short.rows, size / plain_short.rows);
    push("csv_gz_bytes_per_row", bytes.0, "bytes", gzip.name, bytes.1);
    push("csv_zst_rows_per_cpu_second", zst.rows_per_cpu_second(), "rows/s", "our csv.gz", ours);
    push("csv_zst_bytes_per_row", zst.size_bytes / zst.rows, "bytes", "our csv.gz", gz.size_bytes / gz.rows);
    let peer = per_second(peers::json(stage, store, short).await?);
    push("ndjson_rows_per_cpu_second", ndjson.rows_per_cpu_second(), "rows/s", "JSONEachRow", peer);
    let (cpu_s, bytes) = peers::parquet(stage, store, short).await?;
    push("parquet_rows_per_cpu_second", parquet.rows_per_cpu_second(), "rows/s", "engine Parquet", per_second(cpu_s));
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let bytes = bytes as f64 / parquet_short.rows;
    push("parquet_bytes_per_row", parquet_short.size_bytes / parquet_short.rows, "bytes", "engine Parquet", bytes);
    let [summary, users] = groups.each_ref().map(|made| csv.rows / made.cpu_s());
    for (name, each_once) in [("summary_rows_per_cpu_second", true), ("summary_…_beside_engine_with_copies", false)] {
        let peer = per_second(peers::summary(stage, short, each_once).await?);
        push(name, summary, "rows/s", "GROUP BY", peer);
    }
    push("users_rows_per_cpu_second", users, "rows/s", "our Summary", summary);
    push("exporter_resident_mb_in_turn", resident_mb, "MB", "limit", RESIDENT_MAX);

    measured.notes =
        vec![csv.note("csv"), gz.note("csv.gz"), zst.note("csv.zst"), ndjson.note("ndjson"), parquet.note("parquet")];
    let (_, rows, mb) = resident;
    measured.notes.push(format!(
        "exporter_resident_mb_in_turn was {mb:.0} after reports of {rows} rows; peers were given as many"
    ));
    let [exporter] = exporter;
    exporter.stop()?;
    Ok(measured)
}
