//! Which rows of `connections` are meant. Of copies of a fact the one that lies lowest by source, partition and offset is the fact: it alone
//! is held against the filter, as if the others were not there.
//!
//! Readers drop copies behind the condition, and keep the lowest of those that they see. So the condition itself leaves out the rows of facts whose first
//! copy is not let through. Where the filter chooses by nothing that copies can differ in there are none, and it says nothing of them.

use std::collections::BTreeSet;

use schemas::ids::Tenant;
use traffic_query::{Field, TrafficFilter};

use super::condition::{END_TIME, of_fields, of_range};
use super::parameters::Parameters;
use super::recent::hex;
use crate::rows::ConnectionRow;

/// Seconds, and microseconds, of an hour.
const HOUR: i64 = 3_600;
const HOUR_MICROS: i64 = HOUR * 1_000_000;

/// What all copies of a fact of one tenant have in common, and no other row.
const FACT: &str = "toUnixTimestamp64Milli(end_time), event_id_tail";
/// The same with the hour, which the key has.
const FACT_OF_HOUR: &str = "toStartOfHour(end_time), toUnixTimestamp64Milli(end_time), event_id_tail";
/// In fewer bytes, for sets of millions: all copies of a fact have it, and perhaps a row of another.
const NEARLY_FACT: &str = "toStartOfHour(end_time), cityHash64(event_id_tail)";
/// The lowest of copies counts.
const PLACE: &str = "(_kafka_source, _kafka_partition, _kafka_offset)";

/// A condition over the columns of `connections`.
pub(crate) struct RawRows {
    /// What is true of all copies of a fact, or of none.
    of_facts: Vec<String>,
    /// What may be true of some of them.
    of_copies: Vec<String>,
    /// One of these is about Remote Networks,
    chooses_networks: bool,
    /// and one about something else.
    chooses_more: bool,
    /// What stands behind all that.
    besides: String,
}

impl RawRows {
    /// What of a tenant's traffic the filter lets through.
    pub(crate) fn of(tenant: &Tenant, filter: &TrafficFilter, parameters: &mut Parameters) -> Self {
        let mut rows = Self {
            of_facts: of_range(tenant, filter, END_TIME, parameters),
            of_copies: Vec::new(),
            chooses_networks: false,
            chooses_more: false,
            besides: String::new(),
        };
        for (field, condition) in of_fields(filter, parameters) {
            if !filter.tells_copies_apart_by(field) {
                rows.of_facts.push(condition);
            } else if field == Field::RemoteNetworks {
                rows.chooses_networks = true;
                rows.of_copies.push(condition);
            } else {
                rows.choose_copies(condition);
            }
        }
        rows
    }

    /// Of these only facts of which this is true: of all copies, or of none. Copies of which it is not true are none.
    pub(crate) fn choose_facts(&mut self, condition: String) {
        self.of_facts.push(condition);
    }

    /// Of these only facts of whose first copy this is true.
    pub(crate) fn choose_copies(&mut self, condition: String) {
        self.chooses_more = true;
        self.of_copies.push(condition);
    }

    /// Of what is left only facts of which this is true: it is said once, where [`Self::choose_facts`] is said of copies too.
    pub(crate) fn choose_besides(&mut self, condition: &str) {
        self.besides = format!("{} AND {condition}", self.besides);
    }

    /// All rows that are let through, whether another copy of their fact is the first or not.
    pub(crate) fn let_through(&self) -> String {
        let all: Vec<&str> = self.of_facts.iter().chain(&self.of_copies).map(String::as_str).collect();
        format!("{}{}", all.join(" AND "), self.besides)
    }

    /// Those that count, and copies of them.
    pub(crate) fn counting(&self) -> String {
        if self.of_copies.is_empty() {
            return self.let_through();
        }
        let rows = format!("FROM connections WHERE {}", self.of_facts.join(" AND "));
        let chosen = self.of_copies.join(" AND ");
        let is_chosen = self.is_chosen();
        let mut near = Vec::new();
        if self.chooses_networks {
            // A Connector lies in one Remote Network, so hardly anything is left to look at.
            near.push(format!("connector_id IN (SELECT connector_id {rows} AND {chosen})"));
        }
        if self.chooses_more {
            near.push(format!("({NEARLY_FACT}) IN (SELECT {NEARLY_FACT} {rows} AND {chosen})"));
        }
        // From the inside: what is let through; rows of the same facts that are not, of which there are none as a rule; and of these facts those
        // whose first row is not.
        format!(
            "{} AND ({FACT}) NOT IN (
                 SELECT {FACT} {rows} AND ({FACT_OF_HOUR}) IN (
                     SELECT {FACT_OF_HOUR} {rows} AND NOT {is_chosen} AND {})
                 GROUP BY {FACT} HAVING NOT argMin({is_chosen}, {PLACE}))",
            self.let_through(),
            near.join(" AND ")
        )
    }

    /// Rows of these facts that are not let through; `None` where there can be none.
    pub(crate) fn others_of(&self, found: &[ConnectionRow], parameters: &mut Parameters) -> Option<String> {
        if self.of_copies.is_empty() || found.is_empty() {
            return None;
        }
        let hours: BTreeSet<i64> = found.iter().map(|row| row.end_time.div_euclid(HOUR_MICROS) * HOUR).collect();
        let hours: Vec<String> = hours.into_iter().map(|hour| format!("toDateTime({hour}, 'UTC')")).collect();
        let connectors = parameters.ids(found.iter().map(|row| row.connector_id).collect::<BTreeSet<_>>());
        let tails = parameters.texts(found.iter().map(|row| hex(&row.event_id_tail)));
        // Hours are what the key has; a Connector is that of all copies, and a narrow column; two facts with one end of their ids cost another question.
        Some(format!(
            "{} AND toStartOfHour(end_time) IN ({}) AND connector_id IN {connectors} AND hex(event_id_tail) IN {tails} AND NOT {}",
            self.of_facts.join(" AND "),
            hours.join(", "),
            self.is_chosen()
        ))
    }

    fn is_chosen(&self) -> String {
        format!("ifNull({}, 0)", self.of_copies.join(" AND "))
    }
}
