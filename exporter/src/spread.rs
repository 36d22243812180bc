//! A report whose slices are made by all exporters: planned here, and joined here when all of them are in the store.

use std::sync::Arc;

use clickhouse_io::report::Slice;
use report_life::{JournalError, Plan, ReportState};
use report_store::PartNumbers;
use report_writer::ENCODER_VERSION;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::ReportRequest;
use schemas::report_slice::{ReportSlice, SliceStretch};

use crate::adapters::Outside;
use crate::error::FileError;
use crate::life::Life;
use crate::make::signed;
use crate::metrics::Counted;
use crate::stages::name_file::object_key;
use crate::write_file::{WriteFile, Written};

impl<O: Outside> Life<O> {
    /// Puts the slices of an attempt that was begun to all exporters, and joins them.
    pub(crate) async fn spread(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        slices: &[Slice],
        state: &ReportState,
    ) -> Result<Result<Written, FileError>, JournalError> {
        let key = object_key(request, state.attempt);
        let beginning = writer.cancelled.run_until_cancelled(self.outside.begin_slices(&key));
        let upload_id = match beginning.await {
            None => return Ok(Err(FileError::Cancelled)),
            Some(Err(error)) => return Ok(Err(error.into())),
            Some(Ok(upload_id)) => upload_id,
        };
        let slices = items(request, slices, state, &key, &upload_id);
        tracing::info!(report = %state.id, attempt = state.attempt, slices = slices.len(), "a report is cut into slices");
        let planned = ReportEvent {
            upload_id: Some(upload_id.clone()),
            encoder_version: Some(ENCODER_VERSION),
            slices_expected: state.slices_expected,
            ..Self::event(state, ReportEventType::Planned)
        };
        // Said when all slices are on their topic: what is not planned is not made, and whoever finds no plan begins anew.
        let planning = async {
            self.outside.put_slices(&slices).await?;
            self.outside.append(&planned).await
        };
        if let Some(planned) = writer.cancelled.run_until_cancelled(planning).await {
            planned?;
        }
        Ok(self.gather(writer, request, state, &upload_id).await)
    }

    /// Takes over what was planned by an exporter that is gone.
    pub(crate) async fn go_on(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        state: &ReportState,
        upload_id: &str,
    ) -> Result<Written, FileError> {
        let turn = writer.cancelled.run_until_cancelled(self.reports.take(&request.tenant, 0)).await;
        let _running = Counted::new(&self.metrics.running);
        match turn {
            None => Err(FileError::Cancelled),
            Some(_turn) => self.gather(writer, request, state, upload_id).await,
        }
    }

    /// Waits for all slices, and joins them. An upload that will not become the file is aborted.
    async fn gather(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        state: &ReportState,
        upload_id: &str,
    ) -> Result<Written, FileError> {
        let key = object_key(request, state.attempt);
        let gathered = async {
            let made = self.outside.until(state.id, |it| is_decided(it, state.attempt, upload_id));
            let folded = writer.cancelled.run_until_cancelled(made).await.ok_or(FileError::Cancelled)?;
            let plan = plan_of(&folded, state.attempt, upload_id).ok_or(FileError::TakenOver)?;
            if let Some(reason) = &plan.failed {
                return Err(FileError::Slices(reason.clone()));
            }
            let slices = plan.stored().unwrap_or_default();
            let join = || self.outside.join(&key, upload_id, &slices);
            let size_bytes = self.persist(writer, "joining slices", join).await?;
            let rows = u64::try_from(plan.written().0).unwrap_or_default();
            Ok(Written { rows, slices: plan.slices as u64, size_bytes })
        }
        .await;
        if gathered.is_err()
            && let Err(error) = self.outside.abort_upload(&key, upload_id).await
        {
            tracing::warn!(%error, report = %state.id, "an upload is left until the report has ended");
        }
        gathered
    }
}

/// The plan of this attempt and upload, while they count.
fn plan_of(state: &ReportState, attempt: i32, upload_id: &str) -> Option<Arc<Plan>> {
    let plan = state.plan.clone().filter(|_| state.attempt == attempt && !state.phase.is_final());
    plan.filter(|plan| plan.upload_id == upload_id)
}

/// True where there is nothing to wait for any more. What was just said may not be in the fold yet.
fn is_decided(state: &ReportState, attempt: i32, upload_id: &str) -> bool {
    if state.attempt != attempt || state.phase.is_final() {
        return state.attempt > attempt || state.phase.is_final();
    }
    let is_all = |plan: &Plan| plan.slices_done() == signed(plan.slices as u64);
    state.plan.as_ref().is_some_and(|plan| plan.upload_id != upload_id || plan.failed.is_some() || is_all(plan))
}

fn items(
    request: &ReportRequest,
    slices: &[Slice],
    state: &ReportState,
    key: &str,
    upload_id: &str,
) -> Vec<ReportSlice> {
    let stretches = |slice: &Slice| {
        let stretch = slice.stretches.iter().map(|it| SliceStretch {
            range_from: it.from,
            range_to: it.to,
            rows: signed(it.rows),
        });
        stretch.collect()
    };
    let item = |(number, slice): (usize, &Slice)| {
        let numbers = PartNumbers::of(number, slices.len());
        ReportSlice {
            report_id: state.id,
            tenant: state.tenant.clone(),
            attempt: state.attempt,
            upload_id: upload_id.to_owned(),
            object_key: key.to_owned(),
            encoder_version: ENCODER_VERSION,
            slice: i32::try_from(number).unwrap_or(i32::MAX),
            first_part: numbers.first,
            last_part: numbers.last,
            rows_expected: state.rows_expected.unwrap_or(0),
            stretches: stretches(slice),
            request: request.clone(),
        }
    };
    slices.iter().enumerate().map(item).collect()
}

#[cfg(test)]
mod tests;
