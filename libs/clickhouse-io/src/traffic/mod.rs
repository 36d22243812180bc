//! Answers to what is asked of a tenant's traffic: the one translation of the filter to SQL, and the questions that use it.
//!
//! Each fact counts once. Everything that comes from outside is bound as a parameter; whose traffic it is comes first of all.

pub(crate) mod condition;
mod count;
mod facts;
pub(crate) mod hours;
mod insight;
mod keys;
mod measures;
mod one;
mod open;
pub(crate) mod parameters;
mod places;
pub(crate) mod raw_rows;
mod recent;
mod search;
mod series;
mod sources;
mod top;

pub use count::{Count, count};
pub use insight::{CONNECTIONS_MIN, FEW_ADDRESSES, Finding, Findings, insight};
pub use one::connection;
pub use open::{OPEN_MAX, Open, OpenConnection, check_open, open};
pub use recent::{PAGE_MAX, Page, recent};
pub use search::{NAMES_MAX, Named, Names, Searched, search};
pub use series::{Line, Series, series};
pub use sources::Source;
pub use top::{Group, Top, top};
