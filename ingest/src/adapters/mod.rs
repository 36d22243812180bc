//! The world outside: the tables with the dead letter beside them. Only these await.

mod store;

pub use store::StoreFailure;
pub(crate) use store::{BEGIN_MAX, ClickHouseStore};
