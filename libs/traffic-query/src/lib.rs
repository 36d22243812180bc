//! What may be asked of a tenant's traffic: one filter, and the questions that use it. Pure: `clickhouse-io` answers them.
//!
//! The filter has one form in JSON, in URLs and on the command line: the same names, the same values ([`Field`]). Whose traffic it is
//! is no part of it: the tenant comes from the identity of who asks.

mod address_range;
mod bucket;
mod error;
mod field;
mod filter;
mod forms;
mod groups;
mod insight;
mod limit;
mod port_range;
mod table;
pub mod time_range;
mod words;

pub use address_range::AddressRange;
pub use bucket::{BUCKETS_MAX, Bucket};
pub use error::FilterError;
pub use field::Field;
pub use filter::TrafficFilter;
pub use forms::FilterForm;
pub use groups::{Dimension, GROUPS_MAX, Measure, SeriesQuery, TopQuery};
pub use insight::{INSIGHTS_MAX, Insight, InsightQuery};
pub use limit::check_limit;
pub use port_range::PortRange;
pub use table::{TABLE_BY_MAX, TableQuery};
