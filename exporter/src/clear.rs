//! What is left in the store of attempts that did not become the report's file.

use std::collections::BTreeSet;
use std::time::Duration;

use report_life::{ReportState, file_key, groups_key, manifest_key};
use report_store::StoreError;
use schemas::report_request::ReportRequest;
use service_kit::retry::Backoff;
use tokio::time::Instant;

use crate::adapters::Outside;
use crate::life::Life;
use crate::make::signed;
use crate::stages::name_file::{attempt_of, counts_groups, files_below, folder, object_key};

impl<O: Outside> Life<O> {
    /// Deletes what attempts have left that did not become the report's file: uploads that were begun, slices, and the file of one that was
    /// killed when it was whole, and before that was said. Done again by who finds the report at its end.
    pub(crate) async fn clear(&self, request: &ReportRequest) {
        let Some(state) = self.outside.known(request.report_id) else { return };
        self.clear_as_of(&state, request, self.config.retry_max).await;
    }

    /// The same by what was known of the report at some time: attempts only rise, and an end stays the end of its attempt. Each step waits so long
    /// for the store. False where something may be left.
    pub(crate) async fn clear_as_of(&self, state: &ReportState, request: &ReportRequest, wait_max: Duration) -> bool {
        let mut is_clear = true;
        let attempts = if state.phase.is_final() { 1..state.attempt + 1 } else { 1..state.attempt };
        let folder = folder(request);
        let mut begun = files_below(request, state.slices_most).unwrap_or(0);
        let mut counted = 0;
        if request.split.is_some() || counts_groups(request) {
            // Written one after the other: what is behind the first one that is not there was not begun.
            let found = self.within(wait_max, "looking for files", || self.outside.files(&folder)).await;
            is_clear &= found.is_some();
            let next = signed(found.unwrap_or_default().len() as u64) + 1;
            begun = if request.split.is_some() { begun.max(next) } else { begun };
            counted = if counts_groups(request) { state.slices_most.max(next) } else { 0 };
        }
        let keys = |attempt| {
            let key = object_key(request, attempt);
            let files = (0..begun).map(|number| file_key(&key, number));
            files.chain((0..counted).map(|number| groups_key(&key, number))).chain([key.clone()]).collect::<Vec<_>>()
        };
        let uploads: BTreeSet<String> = attempts.flat_map(keys).collect();
        let abort = || async {
            for key in &uploads {
                self.outside.abort_uploads(key).await?;
            }
            Ok(())
        };
        is_clear &= self.within(wait_max, "aborting uploads", abort).await.is_some();
        let found = self.within(wait_max, "looking for files", || self.outside.files(&folder)).await;
        is_clear &= found.is_some();
        let own: BTreeSet<String> =
            state.file_keys().into_iter().chain(state.object_key.as_deref().map(manifest_key)).collect();
        let found = found.unwrap_or_default();
        for key in found.into_iter().filter(|key| !own.contains(key) && is_left_over(state, request, key)) {
            is_clear &= self.within(wait_max, "deleting a file", || self.outside.delete_file(&key)).await.is_some();
        }
        is_clear
    }

    /// Tries as long as an outage is waited for; what is left then stays until it is swept.
    pub(crate) async fn patiently<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        action: &'static str,
        work: impl Fn() -> F,
    ) -> Option<T> {
        self.within(self.config.retry_max, action, work).await
    }

    /// Tries once, and again as long as `wait_max` is not over.
    async fn within<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        wait_max: Duration,
        action: &'static str,
        work: impl Fn() -> F,
    ) -> Option<T> {
        let (begin, mut backoff) = (Instant::now(), Backoff::default());
        loop {
            match work().await {
                Ok(done) => return Some(done),
                Err(error) if begin.elapsed() >= wait_max => {
                    tracing::error!(%error, action, "given up for now: a file that belongs to no report may be left in the store");
                    return None;
                }
                Err(error) => {
                    tracing::warn!(%error, action, "waiting for the store");
                    self.metrics.retries.inc();
                    tokio::time::sleep(backoff.next_wait()).await;
                }
            }
        }
    }
}

/// True for a file that will never be the report's, where it is not already: attempts only rise.
fn is_left_over(state: &ReportState, request: &ReportRequest, key: &str) -> bool {
    let of_the_last = |attempt| attempt == state.attempt && state.phase.is_final();
    attempt_of(request, key).is_some_and(|attempt| attempt < state.attempt || of_the_last(attempt))
}
