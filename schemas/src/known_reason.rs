//! A reason that programs know, beside the sentence that says it in English.

use serde::{Deserialize, Serialize};

/// Avro record `KnownReason`, of report events and of events of bucket syncs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownReason {
    /// Which reason; never given another meaning.
    pub code: String,
    /// What it names, such as the limit that was reached, in the order of its code.
    pub values: Vec<String>,
}
