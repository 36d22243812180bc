//! The stages of the exporter: synchronous, no I/O.

pub(crate) mod check_request;
pub(crate) mod name_file;
pub(crate) mod write_mail;
