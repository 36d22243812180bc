//! The life of a report: its events, their fold, and the book of all reports that follows the topic.
//!
//! State is nothing but the fold. Who wants to change it appends an event; who wants to know it reads the book.

mod book;
mod journal;
mod state;

pub use book::{SharedBook, follow};
pub use journal::{Journal, JournalError};
pub use state::{Phase, ReportState};
