//! Files that are all there held against the roll-ups, before anybody is told that the report is completed.
//!
//! Plan and rows come from one table: where some of it is gone, they agree all the same. The roll-up was counted when rows came, and kept since. A right
//! report never fails by it: where the roll-up cannot tell the manifest says so, and where it differs the rows are counted once more, and have the last
//! word.

use std::collections::BTreeMap;

use clickhouse_io::NextStep;
use clickhouse_io::report::{Positions, Raw, ReportQuery, RolledUp};
use report_life::ManifestTotals;
use schemas::report_request::ReportRequest;
use service_kit::retry::Backoff;
use tokio::time::Instant;

use crate::adapters::Outside;
use crate::error::FileError;
use crate::life::Life;
use crate::write_file::{WriteFile, Written};

/// Events that the aggregator may not have counted yet. Hours of those are left to the rows; of more it would be most of them.
const BEHIND_MAX: i64 = 1_000_000;

/// Why the roll-up cannot tell, for the manifest.
const NOT_KNOWN: &str = "no whole hour of it was over, or the roll-ups do not know what it is narrowed by";
const BEHIND: &str = "the aggregator had not counted so far";
const NOT_AT_REST: &str = "no hour of it was counted and at rest";
const NO_ANSWER: &str = "there was no answer";
const TOO_MUCH: &str = "counting takes more memory than one statement may";

/// What holding a report against the roll-up, and where that differs against the rows, has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The roll-up says the same.
    Agree,
    /// It does not, but the rows do, and it has no more than they have.
    Behind,
    /// The report has not what is there, or what was there is gone.
    Differ,
}

/// `raw` says what the rows have where the roll-up differs.
fn judge(events: u64, rolled_up: &RolledUp, raw: Option<&Raw>) -> Verdict {
    match raw {
        _ if rolled_up.facts().hold(events) => Verdict::Agree,
        Some(raw) if raw.lost.is_empty() && raw.facts.and(rolled_up.around).hold(events) => Verdict::Behind,
        Some(_) | None => Verdict::Differ,
    }
}

impl<O: Outside> Life<O> {
    /// What the manifest says of the totals of an attempt.
    pub(crate) async fn hold_totals(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        query: &ReportQuery,
        written: Written,
    ) -> Result<ManifestTotals, FileError> {
        let holding = writer.cancelled.run_until_cancelled(self.held_patiently(request, query, written.facts));
        let held = holding.await.unwrap_or(Err(FileError::Cancelled));
        match &held {
            Ok(totals) => self.metrics.totals(match totals.agree {
                Some(true) => "agree",
                Some(false) => "behind",
                None => "unknown",
            }),
            Err(FileError::Totals(_)) => self.metrics.totals("differ"),
            Err(_) => {}
        }
        held
    }

    /// A part that is away holds it up, as long as other questions wait; it fails nothing.
    async fn held_patiently(
        &self,
        request: &ReportRequest,
        query: &ReportQuery,
        events: u64,
    ) -> Result<ManifestTotals, FileError> {
        if !self.outside.is_known_to_rollup(query) {
            return Ok(ManifestTotals::unknown(NOT_KNOWN));
        }
        let (begin, mut backoff) = (Instant::now(), Backoff::default());
        loop {
            let (error, may_answer_later) = match self.positions(request).await {
                Err(error) => (error.to_string(), true),
                Ok(None) => return Ok(ManifestTotals::unknown(BEHIND)),
                Ok(Some(positions)) => match self.held(request, query, &positions, events).await {
                    // It would take as much again.
                    Err(FileError::Rows(error)) if error.is_over_its_memory() => {
                        tracing::warn!(%error, report = %request.report_id, "totals are not held: exporter.statement_memory is too small");
                        return Ok(ManifestTotals::unknown(TOO_MUCH));
                    }
                    Err(FileError::Rows(error)) => {
                        self.load.refused(&error);
                        (error.to_string(), error.next_step() == NextStep::Retry)
                    }
                    held => return held,
                },
            };
            tracing::warn!(%error, report = %request.report_id, "totals are not held yet");
            if !may_answer_later || begin.elapsed() >= self.config.retry_max {
                return Ok(ManifestTotals::unknown(NO_ANSWER));
            }
            self.metrics.retries.inc();
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    /// None where the aggregator is too far behind what the report waited for.
    async fn positions(&self, request: &ReportRequest) -> Result<Option<Positions>, kafka_io::KafkaError> {
        let counted = self.outside.counted_until().await?;
        let awaited: BTreeMap<i32, i64> = request.barrier.iter().map(|it| (it.partition, it.offset)).collect();
        let behind = |(partition, awaited): (&i32, &i64)| match counted.get(partition) {
            Some(counted) => (awaited - counted).max(0),
            // A partition that it does not know.
            None if *awaited > 0 => i64::MAX,
            None => 0,
        };
        let behind = awaited.iter().map(behind).fold(0, i64::saturating_add);
        let source = self.config.source.clone();
        Ok((behind <= BEHIND_MAX).then_some(Positions { source, awaited, counted }))
    }

    async fn held(
        &self,
        request: &ReportRequest,
        query: &ReportQuery,
        positions: &Positions,
        events: u64,
    ) -> Result<ManifestTotals, FileError> {
        let Some(rolled_up) = self.outside.rolled_up(query, positions).await? else {
            return Ok(ManifestTotals::unknown(NOT_AT_REST));
        };
        let expected = rolled_up.facts();
        let said = || {
            ManifestTotals::rolled_up(
                rolled_up.hours.len() as u64,
                rolled_up.until(),
                events,
                (expected.least, expected.most),
            )
        };
        if judge(events, &rolled_up, None) == Verdict::Agree {
            return Ok(said());
        }
        let raw = self.outside.hold_against_rows(query, positions, &rolled_up).await?;
        let by_rows = raw.facts.and(rolled_up.around);
        let counts = format!(
            "{events} events were read; the roll-up and rows around it say {} to {}, rows {} to {}; hours that have fewer rows than \
             were counted: {}, the first {:?}",
            expected.least,
            expected.most,
            by_rows.least,
            by_rows.most,
            raw.lost.len(),
            raw.lost.first()
        );
        match judge(events, &rolled_up, Some(&raw)) {
            Verdict::Agree | Verdict::Behind => {
                tracing::warn!(report = %request.report_id, counts, "the roll-up is behind the rows of a report");
                Ok(said())
            }
            Verdict::Differ => Err(FileError::Totals(counts)),
        }
    }
}

#[cfg(test)]
mod tests;
