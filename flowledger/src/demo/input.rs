//! A report of a log file, through the same path as live traffic.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clickhouse_io::ClickHouse;
use connector::{ConnectorMetrics, LogVersion};
use report_life::{Phase, ReportState, barrier, file_places};
use report_store::ReportStore;
use schemas::ids::ReportId;
use schemas::report_request::{BarrierOffset, ReportFilter, ReportRequest};
use schemas::times::Moment;
use service_kit::CancellationToken;
use tokio::io::AsyncWriteExt;

use crate::cli::{self, DemoOptions};
use crate::demo::stack::{Folder, Lines, Stack};
use crate::demo::{answers, rejects};

pub(crate) async fn run(
    options: &DemoOptions,
    input: &Path,
    report: &Path,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let lines = Lines::new();
    let folder = Folder::new(options.keep.as_deref())?;
    let file = readable(input, &folder)?;
    println!("Flowledger: a report of {}", input.display());
    let mut stack = Stack::start(folder, "", stop, &lines).await?;
    let clickhouse = ClickHouse::new(&stack.config.clickhouse);
    let config = stack.config.clone();
    let before = (rejects::ends(&config.kafka).await?, answers::stored_events(&clickhouse, &options.tenant).await?);

    let connector = connector::run(
        connector_config(options, &file, &stack),
        config.kafka.clone(),
        config.registry.clone(),
        ConnectorMetrics::new(&stack.context.metrics),
        stack.context.clone(),
    );
    let read = stack.beside(async { Ok(connector.await?) }).await?;
    let request = request(options, barrier(&config.kafka).await?);
    stack.journal.request(&request).await?;
    let book = stack.book.clone();
    let ended = stack.beside(answers::ended(&book, &options.tenant, request.report_id)).await?;
    anyhow::ensure!(
        ended.phase == Phase::Completed,
        "the report failed: {}",
        ended.reason.as_deref().unwrap_or("no reason was given")
    );
    let size_bytes = fetch_all(&ReportStore::open(&config.store)?, &ended, report).await?;
    let (of_lines, of_events) = rejects::collect(&config.kafka, &before.0).await?;
    let stored = answers::stored_events(&clickhouse, &options.tenant).await? - before.1;

    lines.say(
        "connector",
        &format!(
            "{} lines read, {} published, {} unreadable, {} passed over",
            read.read, read.published, read.unreadable, read.passed_over
        ),
    );
    lines.say("ingest", &format!("{stored} events stored, {} refused", of_events.len()));
    lines.say("exporter", &format!("{} rows", ended.rows));
    lines.say("report", &format!("{size_bytes} bytes in {}", report.display()));
    if let Some(output) = &options.rejects {
        rejects::write(of_lines.into_iter().chain(of_events).collect(), &file, output)?;
    }
    stack.context.stop.cancel();
    stack.join().await
}

/// The file itself, or a copy of standard input.
fn readable(input: &Path, folder: &Folder) -> anyhow::Result<PathBuf> {
    if input == Path::new("-") {
        let copy = folder.path().join(format!("standard-input-{}.log", ReportId::generate()));
        let mut file = std::fs::File::create(&copy)?;
        std::io::copy(&mut std::io::stdin().lock(), &mut file).context("standard input cannot be read")?;
        return Ok(copy);
    }
    input.canonicalize().with_context(|| format!("{} cannot be read", input.display()))
}

fn connector_config(options: &DemoOptions, file: &Path, stack: &Stack) -> connector::Config {
    connector::Config {
        tenant: Some(options.tenant.clone()),
        log_version: match options.log_version {
            cli::LogVersion::V2 => LogVersion::V2,
            cli::LogVersion::V3 => LogVersion::V3,
        },
        inputs: vec![literal(file)],
        once: true,
        // A folder for each run: the same file again is read again.
        state_dir: stack.folder.path().join("positions").join(ReportId::generate().to_string()),
        position_headers: true,
        ..connector::Config::default()
    }
}

/// The file's name as a pattern that matches nothing else.
fn literal(file: &Path) -> String {
    let mut pattern = String::new();
    for char in file.display().to_string().chars() {
        match char {
            '*' | '?' | '[' => pattern.extend(['[', char, ']']),
            _ => pattern.push(char),
        }
    }
    pattern
}

fn request(options: &DemoOptions, barrier: Vec<BarrierOffset>) -> ReportRequest {
    ReportRequest {
        report_id: ReportId::generate(),
        tenant: options.tenant.clone(),
        kind: options.kind.into(),
        format: options.format.into(),
        compression: options.compression.into(),
        range_from: options.from.unwrap_or(Moment::FIRST),
        range_to: options.to.unwrap_or(Moment::END),
        zone: "UTC".to_owned(),
        filter: ReportFilter {
            remote_networks: options.networks.iter().map(|id| i64::from(*id)).collect(),
            denied: options.denied,
            ..ReportFilter::default()
        },
        columns: options.columns.clone(),
        requested_by: "demo".to_owned(),
        requested_at: Moment::now(),
        receivers: Vec::new(),
        barrier,
        byte_order_mark: options.spreadsheet.byte_order_mark,
        formula_guard: options.spreadsheet.formula_guard,
        split: None,
        table: options.table.asked(),
    }
}

/// Copies the report out of the store: one file, or a folder of several.
async fn fetch_all(store: &ReportStore, report: &ReportState, output: &Path) -> anyhow::Result<u64> {
    let (keys, mut size_bytes) = (report.file_keys(), 0);
    anyhow::ensure!(!keys.is_empty(), "the report has no file");
    if keys.len() > 1 {
        tokio::fs::create_dir_all(output).await.with_context(|| format!("{} cannot be made", output.display()))?;
    }
    for (key, place) in keys.iter().zip(file_places(&keys, output)) {
        size_bytes += fetch(store, key, &place).await?;
    }
    Ok(size_bytes)
}

/// Copies a file out of the store; it is in its place only when it is whole.
async fn fetch(store: &ReportStore, key: &str, output: &Path) -> anyhow::Result<u64> {
    use futures_util::TryStreamExt;

    let mut pieces = store.read(key, None).await?;
    let mut beside = output.as_os_str().to_owned();
    beside.push(".part");
    let cannot = || format!("{} cannot be written", output.display());
    let mut file = tokio::fs::File::create(&beside).await.with_context(cannot)?;
    let mut size_bytes = 0;
    while let Some(piece) = pieces.try_next().await? {
        file.write_all(&piece).await.with_context(cannot)?;
        size_bytes += piece.len() as u64;
    }
    file.sync_all().await.with_context(cannot)?;
    tokio::fs::rename(&beside, output).await.with_context(cannot)?;
    Ok(size_bytes)
}
