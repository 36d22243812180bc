//! What comes before an attempt at a report: its plan, its turn among all that wait here, a place among its tenant's on all exporters
//! (`docs/adr/0034-whose-report-is-next.md`), and the event that says that it begins.

use std::time::Duration;

use clickhouse_io::report::{ReportQuery, Slice};
use report_life::{JournalError, ReportState};
use report_writer::FILES_MAX;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::{ReportKind, ReportRequest};

use crate::adapters::Outside;
use crate::error::FileError;
use crate::lanes::Lane;
use crate::life::Life;
use crate::make::{may_be_spread, signed};
use crate::metrics::Counted;
use crate::stages::name_file::counts_groups;
use crate::write_file::WriteFile;

/// How often it is looked for a place. What is said within so long of another exporter is in this one's fold, mostly.
const PLACES_EVERY: Duration = Duration::from_millis(250);

impl<O: Outside> Life<O> {
    /// Cuts it into slices, where it may be made at all.
    pub(crate) async fn planned(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        query: &ReportQuery,
    ) -> Result<Vec<Slice>, FileError> {
        let _queued = Counted::new(&self.metrics.queued);
        let mut slices = writer.plan(request, query, || self.planning.take(&request.tenant, 0)).await?;
        // A size of the roll-up is no promise, and by it alone any number of groups would be counted in memory.
        if let [only] = &mut slices[..]
            && counts_groups(request)
            && only.rows() <= self.config.stretch_rows
        {
            *only = writer.counted_now(request, query, only).await?;
        }
        let rows = rows_of(&slices);
        self.check_limits(request, rows)?;
        // Of groups nobody knows how many there will be.
        let rows_max = request.split.and_then(|split| split.rows).and_then(|rows| u64::try_from(rows).ok());
        let is_too_much = rows_max.is_some_and(|most| rows > most.saturating_mul(FILES_MAX));
        if is_too_much && request.kind == ReportKind::Events {
            return Err(FileError::TooManyFiles);
        }
        Ok(slices)
    }

    /// Waits until fewer of its tenant's reports run, on all exporters, than may. Of several that wait for one place the older ones go first: the
    /// others let so much time pass that they see who has taken it.
    pub(crate) async fn wait_for_place(&self, request: &ReportRequest) {
        let mut let_go = 0;
        loop {
            match self.outside.turn(request).lets_go_first(self.config.limits.running) {
                Some(first) if let_go >= 2 * first => return,
                Some(_) => let_go += 1,
                None => let_go = 0,
            }
            tokio::time::sleep(PLACES_EVERY).await;
        }
    }

    /// Waits for its turn to be made; where it is written here, also for its turn to be written. Whoever waits for that holds no place.
    pub(crate) async fn in_turn(&self, request: &ReportRequest, slices: &[Slice]) -> Option<Lane<'_>> {
        self.wait_for_place(request).await;
        let rows = rows_of(slices);
        // Groups of one slice may be more than fit memory, where it is no small one.
        let is_large = slices.len() > 1 || counts_groups(request) && rows > self.config.stretch_rows;
        let is_spread = is_large && may_be_spread(request);
        if is_spread { None } else { Some(self.lanes.take(&request.tenant, rows).await) }
    }

    /// Begins an attempt when its turn has come: again, where others have taken the places meanwhile.
    pub(crate) async fn begin_in_turn(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        slices: &[Slice],
        state: &mut ReportState,
    ) -> Result<Result<Option<Lane<'_>>, FileError>, JournalError> {
        let _queued = Counted::new(&self.metrics.queued);
        loop {
            let turn = writer.cancelled.run_until_cancelled(self.in_turn(request, slices)).await;
            let Some(lane) = turn else { return Ok(Err(FileError::Cancelled)) };
            match self.begin(request, slices, state).await? {
                Ok(true) => return Ok(Ok(lane)),
                Ok(false) => {}
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Whether its tenant may have so many rows more; none before it is planned.
    pub(crate) fn check_limits(&self, request: &ReportRequest, rows: u64) -> Result<(), FileError> {
        let reached = self.config.limits.reached(&self.outside.usage(request), rows);
        reached.map_or(Ok(()), |limit| Err(limit.into()))
    }

    /// Says that an attempt begins, and waits until that is in the fold; false where all places of its tenant are taken. One after the other: each sees
    /// what those before it will take of the day's limits, and of places.
    async fn begin(
        &self,
        request: &ReportRequest,
        slices: &[Slice],
        state: &mut ReportState,
    ) -> Result<Result<bool, FileError>, JournalError> {
        let _one_at_a_time = self.beginning.lock().await;
        let rows = rows_of(slices);
        // Others of the tenant's were made while it waited for its turn.
        if let Err(over) = self.check_limits(request, rows) {
            return Ok(Err(over));
        }
        if self.outside.turn(request).lets_go_first(self.config.limits.running).is_none() {
            return Ok(Ok(false));
        }
        let started = ReportEvent {
            attempt: Some(state.attempt + 1),
            rows_expected: Some(signed(rows)),
            slices_expected: Some(signed(slices.len() as u64)),
            ..Self::event(state, ReportEventType::Started)
        };
        self.outside.append(&started).await?;
        state.apply(&started);
        let attempt = state.attempt;
        let folded = self.outside.until(state.id, |it| it.attempt >= attempt || it.phase.is_final()).await;
        let is_ours = folded.attempt == attempt && !folded.phase.is_final();
        Ok(if is_ours { Ok(true) } else { Err(FileError::TakenOver) })
    }
}

fn rows_of(slices: &[Slice]) -> u64 {
    slices.iter().map(Slice::rows).sum()
}
