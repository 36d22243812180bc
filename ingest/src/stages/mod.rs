//! The stages of ingest: synchronous, no I/O, time as an argument.

pub(crate) mod accept_event;
pub(crate) mod fill_batch;
