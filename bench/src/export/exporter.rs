//! `flowledger exporter` under measurement, a process of its own.

use std::path::PathBuf;

use schemas::ids::ReportId;
use serde_json::Value;

use crate::ingest::stage::Program;
use crate::process;

/// Slices of one tenant's reports that an exporter makes at once, by default: its workers.
pub(crate) const WORKERS: usize = 2;

pub(crate) struct Exporter {
    pub(crate) program: Program,
    pub(crate) log: PathBuf,
}

impl Exporter {
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        process::cpu_seconds(self.program.0.id())
    }

    /// The most that it has had in memory.
    pub(crate) fn resident_mb(&self) -> anyhow::Result<f64> {
        process::resident_mb_max(self.program.0.id())
    }

    /// Ends it in order: what it has is others' at once.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        self.program.stop()
    }

    /// SIGKILL; returns when it is gone.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.program.0.kill()?;
        self.program.0.wait()?;
        Ok(())
    }

    /// Slices of a report that it has begun, as often as it has, as its log says.
    pub(crate) fn begun(&self, report: ReportId) -> anyhow::Result<Vec<i64>> {
        self.slices("a slice is begun", report)
    }

    /// Slices of a report that it has done.
    pub(crate) fn done(&self, report: ReportId) -> anyhow::Result<Vec<i64>> {
        self.slices("a slice is done", report)
    }

    /// True where it has the report: it cuts it, and joins what others make.
    pub(crate) fn is_owner(&self, report: ReportId) -> anyhow::Result<bool> {
        Ok(!self.said("a report is cut into slices", report)?.is_empty())
    }

    fn slices(&self, message: &str, report: ReportId) -> anyhow::Result<Vec<i64>> {
        Ok(self.said(message, report)?.iter().filter_map(|line| line["slice"].as_i64()).collect())
    }

    fn said(&self, message: &str, report: ReportId) -> anyhow::Result<Vec<Value>> {
        let (log, report) = (std::fs::read_to_string(&self.log)?, report.to_string());
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        Ok(lines.filter(|line| line["message"] == message && line["report"] == *report).collect())
    }
}
