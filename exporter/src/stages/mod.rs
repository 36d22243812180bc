//! The stages of the exporter: synchronous, no I/O.

pub(crate) mod check_request;
pub(crate) mod choose_words;
pub(crate) mod expect_size;
pub(crate) mod lay_out_mail;
pub(crate) mod mail_words;
pub(crate) mod name_file;
pub(crate) mod name_object;
pub(crate) mod write_mail;
pub(crate) mod write_sync_mail;
pub(crate) mod write_webhook_mail;
