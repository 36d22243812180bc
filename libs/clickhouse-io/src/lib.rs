//! Everything that speaks to ClickHouse: migrations, rows and their inserts, and the queries of reports, pages and roll-ups.
//!
//! Every query has a deadline. Values are bound by the server, never pasted. Every read names the tenant.

pub mod connection_id;
pub mod copies;
pub mod migrate;
pub mod native;
pub mod open;
pub mod promise;
pub mod report;
pub mod rollup;
pub mod rows;
pub mod running;
pub mod stored;
pub mod traffic;
pub mod write;

mod answer;
mod client;
mod config;
mod error;
mod give_way;
mod offset_set;
mod open_columns;
mod pieces;
mod refusal;
mod table_block;
mod texts;

pub use answer::Answer;
pub use client::ClickHouse;
pub use config::{ClickHouseConfig, Compression};
pub use error::{NextStep, QueryError};
pub use give_way::{GivingWay, NICE_MAX};
pub use offset_set::OffsetSet;
pub use refusal::Refusal;
pub use texts::Texts;
