//! What local times mean that were entered, where that is not plain.

use serde::Serialize;
use traffic_query::time_range::TimeNotes;
use utoipa::ToSchema;

/// Beside a range in an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownNotes {
    /// What was made of the local time `from`, where it does not occur or occurs twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    from_note: Option<String>,
    /// What was made of the local time `to`, where it does not occur or occurs twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    to_note: Option<String>,
}

impl From<TimeNotes> for ShownNotes {
    fn from(notes: TimeNotes) -> Self {
        Self { from_note: notes.from, to_note: notes.to }
    }
}
