//! The stages of ingest: synchronous, no I/O, time as an argument.

pub(crate) mod fill_range;
pub(crate) mod know_schemas;
