//! A report whose slices are made by all exporters: planned here, and joined here when all of them are in the store. Where each slice is a
//! file of its own, joining makes them visible, one after the other; where they have counted groups, the file is made of that.

use std::sync::Arc;

use clickhouse_io::report::Slice;
use report_life::{JournalError, Plan, ReportState};
use report_store::{PartNumbers, StoreError};
use report_writer::ENCODER_VERSION;
use schemas::ids::ReportId;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::ReportRequest;
use schemas::report_slice::{ReportSlice, SliceStretch, StoredSlice};

use crate::adapters::Outside;
use crate::error::FileError;
use crate::life::Life;
use crate::made::{Made, MadeFile};
use crate::make::signed;
use crate::metrics::Counted;
use crate::stages::name_file::{counts_groups, object_key, slice_key, slices_stand_alone};
use crate::write_file::{WriteFile, Written};

/// So many slices are held at once while they are put to their topic: each has the whole request, which may be half a megabyte.
const PUT_AT_ONCE: usize = 32;

impl<O: Outside> Life<O> {
    /// Puts the slices of an attempt that was begun to all exporters, and joins them.
    pub(crate) async fn spread(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        slices: &[Slice],
        state: &ReportState,
    ) -> Result<Result<Made, FileError>, JournalError> {
        let key = object_key(request, state.attempt);
        let upload_id = match writer.cancelled.run_until_cancelled(self.begin_plan(request, &key)).await {
            None => return Ok(Err(FileError::Cancelled)),
            Some(Err(error)) => return Ok(Err(error.into())),
            Some(Ok(upload_id)) => upload_id,
        };
        let numbered: Vec<_> = slices.iter().enumerate().collect();
        tracing::info!(report = %state.id, attempt = state.attempt, slices = slices.len(), "a report is cut into slices");
        let planned = ReportEvent {
            upload_id: Some(upload_id.clone()),
            encoder_version: Some(ENCODER_VERSION),
            slices_expected: state.slices_expected,
            ..Self::event(state, ReportEventType::Planned)
        };
        // Said when all slices are on their topic: what is not planned is not made, and whoever finds no plan begins anew.
        let planning = async {
            for some in numbered.chunks(PUT_AT_ONCE) {
                let items: Vec<_> = some
                    .iter()
                    .map(|(number, slice)| item(request, (*number, slices.len()), slice, state, &key, &upload_id))
                    .collect();
                self.outside.put_slices(&items).await?;
            }
            self.outside.append(&planned).await
        };
        if let Some(planned) = writer.cancelled.run_until_cancelled(planning).await {
            planned?;
        }
        self.gather(writer, request, state, &upload_id).await
    }

    /// Gives the plan its name: the upload that slices become parts of. Where each is a file whoever makes it begins one, and any new id will do.
    async fn begin_plan(&self, request: &ReportRequest, key: &str) -> Result<String, StoreError> {
        if slices_stand_alone(request) {
            return Ok(ReportId::generate().to_string());
        }
        self.outside.begin_slices(key).await
    }

    /// Takes over what was planned by an exporter that is gone.
    pub(crate) async fn go_on(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        state: &ReportState,
        upload_id: &str,
    ) -> Result<Result<Made, FileError>, JournalError> {
        let turn = writer.cancelled.run_until_cancelled(self.wait_for_place(request)).await;
        let _running = Counted::new(&self.metrics.running);
        match turn {
            None => Ok(Err(FileError::Cancelled)),
            Some(()) => self.gather(writer, request, state, upload_id).await,
        }
    }

    /// Waits for all slices, and makes the file of them. An upload that will not become the file is aborted.
    async fn gather(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        state: &ReportState,
        upload_id: &str,
    ) -> Result<Result<Made, FileError>, JournalError> {
        let gathered = match self.all_slices(writer, state, upload_id).await {
            Ok((folded, plan)) if counts_groups(request) => self.merge_groups(writer, request, &folded, &plan).await?,
            Ok((_, plan)) => self.join_slices(writer, request, state.attempt, &plan).await,
            Err(error) => Err(error),
        };
        let gathered = match gathered {
            // Another one may be joining the same slices.
            Err(error) => Err(self.if_ours(error, writer.cancelled).await),
            gathered => gathered,
        };
        if gathered.is_err()
            && let Err(error) = self.outside.abort_upload(&object_key(request, state.attempt), upload_id).await
        {
            tracing::warn!(%error, report = %state.id, "an upload is left until the report has ended");
        }
        Ok(gathered)
    }

    /// The plan once all its slices are done.
    async fn all_slices(
        &self,
        writer: &WriteFile<'_, O>,
        state: &ReportState,
        upload_id: &str,
    ) -> Result<(ReportState, Arc<Plan>), FileError> {
        let made = self.outside.until(state.id, |it| is_decided(it, state.attempt, upload_id));
        let folded = writer.cancelled.run_until_cancelled(made).await.ok_or(FileError::Cancelled)?;
        let plan = plan_of(&folded, state.attempt, upload_id).ok_or(FileError::TakenOver)?;
        match &plan.failed {
            Some(failure) => Err(FileError::Slices(failure.clone())),
            None => Ok((folded, plan)),
        }
    }

    /// Makes one file of them, or shows those that are files.
    async fn join_slices(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        attempt: i32,
        plan: &Plan,
    ) -> Result<Made, FileError> {
        let (key, slices) = (object_key(request, attempt), plan.stored().unwrap_or_default());
        let (size_bytes, files) = if slices_stand_alone(request) {
            let shown = self.show_slices(writer, request, &key, &slices).await?;
            (shown.iter().map(|(_, size_bytes)| size_bytes).sum(), MadeFile::each_of(&slices).collect())
        } else {
            let join = || self.outside.join(&key, &plan.upload_id, &slices, writer.cancelled);
            let joined = self.persist(writer, "joining slices", join).await?;
            (joined.ok_or(FileError::Cancelled)?, vec![MadeFile::of(&slices)])
        };
        let rows = u64::try_from(plan.written().0).unwrap_or_default();
        let written = Written { rows, facts: rows, slices: plan.slices as u64, size_bytes };
        Ok(Made { written, files })
    }

    /// Makes the objects visible that slices are; gives keys, and sizes, bytes. Nobody knows of them before the report is completed.
    pub(crate) async fn show_slices(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        key: &str,
        slices: &[StoredSlice],
    ) -> Result<Vec<(String, u64)>, FileError> {
        let mut shown = Vec::with_capacity(slices.len());
        for (number, slice) in (0..).zip(slices) {
            let (key, upload_id) =
                (slice_key(request, key, number), slice.file_upload_id.as_deref().unwrap_or_default());
            let join = || self.outside.join(&key, upload_id, std::slice::from_ref(slice), writer.cancelled);
            let size_bytes = self.persist(writer, "finishing a slice", join).await?.ok_or(FileError::Cancelled)?;
            shown.push((key, size_bytes));
        }
        Ok(shown)
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
    state.plan.as_ref().is_some_and(|plan| plan.upload_id != upload_id || plan.failed.is_some() || plan.is_made())
}

fn item(
    request: &ReportRequest,
    (number, of_all): (usize, usize),
    slice: &Slice,
    state: &ReportState,
    key: &str,
    upload_id: &str,
) -> ReportSlice {
    let stretch =
        slice.stretches.iter().map(|it| SliceStretch { range_from: it.from, range_to: it.to, rows: signed(it.rows) });
    let stands_alone = slices_stand_alone(request);
    let numbers = if stands_alone { PartNumbers::of(0, 1) } else { PartNumbers::of(number, of_all) };
    ReportSlice {
        report_id: state.id,
        tenant: state.tenant.clone(),
        attempt: state.attempt,
        upload_id: upload_id.to_owned(),
        object_key: if stands_alone { slice_key(request, key, signed(number as u64)) } else { key.to_owned() },
        encoder_version: ENCODER_VERSION,
        slice: i32::try_from(number).unwrap_or(i32::MAX),
        first_part: numbers.first,
        last_part: numbers.last,
        rows_expected: state.rows_expected.unwrap_or(0),
        stretches: stretch.collect(),
        request: request.clone(),
    }
}

#[cfg(test)]
mod tests;
