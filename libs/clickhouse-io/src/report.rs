//! Rows of a report: a plan of what is read and sorted at once, the rows themselves, in columns as they come, and what their number is held against.
//!
//! The server only reads along the table's key. What costs it most, sorting whole rows, is the reader's part, who sorts finished
//! lines.

mod columns;
#[cfg(feature = "examples")]
pub mod examples;
mod offsets;
mod plan;
mod read;
mod sizes;
mod totals;

use clickhouse::Client;
use clickhouse::query::Query;
use schemas::ids::Tenant;
use schemas::times::Moment;
use traffic_query::{Field, TrafficFilter};

pub use columns::{Column, ColumnSet, ConnectionColumns};
pub use offsets::{Offsets, hours};
pub use plan::{Cut, Slice, Stretch, count_slice, plan, recount};
pub use read::read;
pub use totals::{Bounds, Positions, Raw, RolledUp, hold_against_rows, rolled_up};

use self::sizes::in_hours;
use crate::traffic::parameters::Parameters;
use crate::traffic::raw_rows::RawRows;

/// The longest statement, bytes: a sync names each partition wherever rows are meant, and the server's own bound is a quarter of a megabyte.
const STATEMENT_BYTES_MAX: &str = "4194304";

/// What a report asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportQuery {
    /// Whose traffic.
    pub tenant: Tenant,
    /// Which connections; its range is the report's.
    pub filter: TrafficFilter,
    /// Denied attempts too, where the filter lets them through.
    pub denied: bool,
    /// What is read of each.
    pub columns: ColumnSet,
    /// Only what came from these offsets.
    pub offsets: Option<Offsets>,
}

impl ReportQuery {
    /// A statement over `[from, to)`, and of it the hours that are named, where some are, made with its rows.
    fn statement(
        &self,
        client: &Client,
        (from, to): (Moment, Moment),
        hours: Option<&[i64]>,
        sql: impl FnOnce(&RawRows) -> String,
    ) -> Query {
        let mut parameters = Parameters::default();
        let mut rows = RawRows::of(&self.tenant, &self.filter.within(from, to), &mut parameters);
        if let Some(hours) = hours {
            rows.choose_facts(in_hours(hours));
        }
        if !self.denied {
            rows.choose_facts("event_type != 'denied_access'".to_owned());
        }
        if let Some(offsets) = &self.offsets {
            offsets.choose(&mut rows, &self.tenant, (from, to), &mut parameters);
        }
        parameters.query_on(client, &sql(&rows)).with_setting("max_query_size", STATEMENT_BYTES_MAX)
    }

    /// True where the range alone says which rows are meant.
    fn is_of_all(&self) -> bool {
        let is_range = |field: &Field| matches!(field, Field::From | Field::To | Field::Zone);
        Field::ALL.iter().all(|field| is_range(field) || !self.filter.narrows(*field))
    }
}
