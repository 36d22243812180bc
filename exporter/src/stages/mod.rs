//! The stages of the exporter: synchronous, no I/O.

pub(crate) mod check_request;
pub(crate) mod compress;
pub(crate) mod name_file;
pub(crate) mod render_csv;
pub(crate) mod write_mail;
