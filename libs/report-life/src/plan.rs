//! How far the slices of a report are: any exporter makes them, and one joins them.

use std::collections::BTreeMap;

use schemas::known_reason::KnownReason;
use schemas::report_event::ReportEvent;
use schemas::report_slice::StoredSlice;

/// A slice that is in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceDone {
    /// Its rows.
    pub rows: i64,
    /// Where it lies.
    pub stored: StoredSlice,
}

/// Why something cannot be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// In words for an admin.
    pub reason: String,
    /// The same for programs, where whoever said it knows it.
    pub known: Option<KnownReason>,
}

/// The plan of an attempt whose slices are on their topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Upload that slices become parts of; names the plan, also where each slice is a file of its own.
    pub upload_id: String,
    /// Version of what makes the bytes.
    pub encoder_version: i32,
    /// How many slices there are.
    pub slices: usize,
    done: BTreeMap<i32, SliceDone>,
    /// Rows and bytes of slices that are being made.
    running: BTreeMap<i32, (i64, i64)>,
    /// Why a slice cannot be made.
    pub failed: Option<Failure>,
}

impl Plan {
    pub(crate) fn of(event: &ReportEvent) -> Option<Self> {
        Some(Self {
            upload_id: event.upload_id.clone()?,
            encoder_version: event.encoder_version?,
            slices: usize::try_from(event.slices_expected?).ok()?,
            done: BTreeMap::new(),
            running: BTreeMap::new(),
            failed: None,
        })
    }

    /// True where a slice is in the store.
    #[must_use]
    pub fn has(&self, slice: i32) -> bool {
        self.done.contains_key(&slice)
    }

    /// Where a slice lies, once it does.
    #[must_use]
    pub fn stored_slice(&self, slice: i32) -> Option<&StoredSlice> {
        self.done.get(&slice).map(|done| &done.stored)
    }

    /// True once all slices are done.
    #[must_use]
    pub fn is_made(&self) -> bool {
        self.done.len() == self.slices
    }

    /// All slices in order, once all of them are done.
    #[must_use]
    pub fn stored(&self) -> Option<Vec<StoredSlice>> {
        self.is_made().then(|| self.done.values().map(|done| done.stored.clone()).collect())
    }

    /// Slices that are done.
    #[must_use]
    pub fn slices_done(&self) -> i64 {
        i64::try_from(self.done.len()).unwrap_or(i64::MAX)
    }

    /// Rows and bytes of what is done and of what is being made.
    #[must_use]
    pub fn written(&self) -> (i64, i64) {
        let done = self.done.values().map(|done| (done.rows, done.stored.size_bytes()));
        let all = done.chain(self.running.values().copied());
        all.fold((0, 0), |sum: (i64, i64), it| (sum.0.saturating_add(it.0), sum.1.saturating_add(it.1)))
    }

    /// The slice that an event of this plan is about; none where it is of another plan, or of no slice of it.
    fn slice_of(&self, event: &ReportEvent) -> Option<i32> {
        let is_own = event.upload_id.as_ref() == Some(&self.upload_id);
        event.slice.filter(|slice| is_own && usize::try_from(*slice).is_ok_and(|slice| slice < self.slices))
    }

    /// Of several who have made a slice the first counts.
    pub(crate) fn done(&mut self, event: &ReportEvent) {
        let Some(slice) = self.slice_of(event) else { return };
        self.running.remove(&slice);
        self.done.entry(slice).or_insert_with(|| SliceDone {
            rows: event.rows.unwrap_or(0),
            stored: StoredSlice {
                staged_key: event.staged_key.clone(),
                staged_bytes: event.staged_bytes.unwrap_or(0),
                parts: event.parts.clone().unwrap_or_default(),
                file_upload_id: event.file_upload_id.clone(),
                sha256: event.sha256.clone(),
            },
        });
    }

    pub(crate) fn progressed(&mut self, event: &ReportEvent) {
        let Some(slice) = self.slice_of(event).filter(|slice| !self.has(*slice)) else { return };
        self.running.insert(slice, (event.rows.unwrap_or(0), event.size_bytes.unwrap_or(0)));
    }

    pub(crate) fn failed(&mut self, event: &ReportEvent) {
        if self.slice_of(event).is_some_and(|slice| !self.has(slice)) && self.failed.is_none() {
            let (reason, known) = (event.reason.clone().unwrap_or_default(), event.known_reason.clone());
            self.failed = Some(Failure { reason, known });
        }
    }
}
