//! The world outside: committed offsets, the tables with the dead letter beside them, and writers' schemas. Only these await.

mod ask_registry;
mod log;
mod store;

pub(crate) use ask_registry::ask_registry;
pub(crate) use log::PartitionLog;
pub use store::StoreFailure;
pub(crate) use store::{BEGIN_MAX, ClickHouseStore};
