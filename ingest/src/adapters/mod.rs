//! The world outside: committed offsets, the tables with the dead letter beside them, and writers' schemas. Only these await.

mod log;
mod store;

pub(crate) use log::PartitionLog;
pub(crate) use store::ClickHouseStore;
pub use store::StoreFailure;
