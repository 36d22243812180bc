//! Rows of a report: a plan of what is read and sorted at once, and the rows themselves, in columns as they come.
//!
//! The server only reads along the table's key. What costs it most, sorting whole rows, is the reader's part, who sorts finished
//! lines.

mod columns;
#[cfg(feature = "examples")]
pub mod examples;
mod plan;
mod read;

use clickhouse::Client;
use clickhouse::query::Query;
use schemas::ids::{RemoteNetworkId, Tenant};
use schemas::times::Moment;

pub use columns::ConnectionColumns;
pub use plan::{Slice, Stretch, plan, recount};
pub use read::read;

use crate::pieces::hours_of;

/// What a report asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportQuery {
    /// Whose traffic.
    pub tenant: Tenant,
    /// First end time.
    pub from: Moment,
    /// First end time after it.
    pub to: Moment,
    /// Remote Networks; empty means all.
    pub remote_networks: Vec<RemoteNetworkId>,
    /// Denied attempts too.
    pub denied: bool,
}

const WHERE: &str = "tenant = {tenant:String}
    AND end_time >= fromUnixTimestamp64Micro({from:Int64}, 'UTC') AND end_time < fromUnixTimestamp64Micro({to:Int64}, 'UTC')
    AND toStartOfHour(end_time) BETWEEN toDateTime({first_hour:Int64}, 'UTC') AND toDateTime({last_hour:Int64}, 'UTC')
    AND (empty({networks:Array(UInt64)}) OR remote_network_id IN {networks:Array(UInt64)})
    AND ({denied:Bool} OR event_type != 'denied_access')";

impl ReportQuery {
    fn bound(&self, client: &Client, sql: &str, from: Moment, to: Moment) -> Query {
        let (first_hour, last_hour) = hours_of(from, to);
        let networks: Vec<u64> = self.remote_networks.iter().map(|it| it.get()).collect();
        client
            .query_raw(sql)
            // What nobody reads any more is broken off: a server looks after its client only where a statement cannot write.
            .with_setting("readonly", "2")
            .with_setting("cancel_http_readonly_queries_on_client_close", "1")
            .param("tenant", self.tenant.as_str())
            .param("from", from.as_micros())
            .param("to", to.as_micros())
            .param("first_hour", first_hour)
            .param("last_hour", last_hour)
            .param("networks", networks)
            .param("denied", self.denied)
    }
}
