//! Files of a split report that are whole: one exporter writes them, and the next one goes on behind them.

use std::sync::Arc;

use schemas::report_event::{FileDone, ReportEvent};

/// What was noted of an attempt's files, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Version of what makes the bytes.
    pub encoder_version: i32,
    /// Those that are in the store, from the first one on without a gap; at least one.
    pub files: Vec<FileDone>,
}

impl Series {
    /// Takes the next file. Of several who have made one the first counts: they found the same bytes in its place.
    pub(crate) fn note(noted: &mut Option<Arc<Self>>, event: &ReportEvent) {
        let (Some(file), Some(encoder_version)) = (&event.file, event.encoder_version) else { return };
        let mut series = noted.take().unwrap_or_else(|| Arc::new(Self { encoder_version, files: Vec::new() }));
        let is_next = usize::try_from(file.number).is_ok_and(|number| number == series.files.len());
        if is_next && series.encoder_version == encoder_version {
            Arc::make_mut(&mut series).files.push(file.clone());
        }
        *noted = Some(series).filter(|series| !series.files.is_empty());
    }
}
