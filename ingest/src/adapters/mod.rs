//! The world outside: the tables with the dead letter beside them. Only these await.

mod store;

pub(crate) use store::ClickHouseStore;
pub use store::StoreFailure;
