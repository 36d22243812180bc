//! The stages of the aggregator: synchronous, no I/O.

pub(crate) mod note_changes;
