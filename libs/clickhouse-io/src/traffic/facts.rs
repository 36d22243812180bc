//! Rows to count: facts from the raw table, sums of them from the roll-ups, what merges of days of Remote Networks, or all together.

use schemas::connection_event::ConnectionStatus;
use schemas::ids::Tenant;
use schemas::times::Moment;
use traffic_query::{Dimension, Field, Measure, TrafficFilter};

use super::condition::{condition, is_dns_error};
use super::keys::key_expression;
use super::measures::{of_merging, of_rows, of_sums};
use super::parameters::Parameters;
use super::raw_rows::RawRows;
use super::sources::{Piece, Source, Span};
use crate::rollup::{HAS_CONNECTIONS, Unit, counted_of_network, each_address};

/// What a question needs of the rows that it counts.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) filter: &'a TrafficFilter,
    pub(super) keys: &'a [Dimension],
    pub(super) measures: &'a [Measure],
    /// Beginnings of buckets, in order, where there are any: none may lie within a row of a roll-up.
    pub(super) starts: &'a [Moment],
    pub(super) now: Moment,
    /// Only what asked for a name that did not resolve in the range, at that time or another: all others need not be read. Of raw rows.
    pub(super) only_failed_names: bool,
    /// Days that days of Remote Networks may not have all of, as [`Self::looked_at`] finds.
    pub(super) uncounted: Option<Span>,
    /// Days of which not all addresses are kept, as [`Self::looked_at`] finds.
    pub(super) cut: Option<Span>,
}

/// Columns of raw rows: what is a sum, or what it is counted from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Columns {
    Sums,
    Rows,
}

impl<'a> Wanted<'a> {
    /// Facts of a filter, of which nothing more is known or left away.
    pub(super) const fn of(
        (tenant, filter): (&'a Tenant, &'a TrafficFilter),
        (keys, measures): (&'a [Dimension], &'a [Measure]),
        now: Moment,
    ) -> Self {
        Self { tenant, filter, keys, measures, starts: &[], now, only_failed_names: false, uncounted: None, cut: None }
    }
}

impl Wanted<'_> {
    /// A query of rows with `at` (microseconds), `key_0` and so on, and what [`values`] needs; and where it reads.
    pub(super) fn facts(&self, parameters: &mut Parameters) -> (String, Source) {
        match self.rolled_up() {
            None if self.measures.iter().all(|measure| of_sums(*measure).is_some()) => {
                (self.raw(self.filter, Columns::Sums, parameters), Source::Raw)
            }
            None => (self.raw(self.filter, Columns::Rows, parameters), Source::Raw),
            Some((pieces, source @ (Source::Raw | Source::Rollup))) => (self.sums(&pieces, parameters), source),
            Some((pieces, source @ Source::Addresses)) => (self.addresses(&pieces, parameters), source),
            Some((pieces, source @ Source::Sketches)) => {
                let (sums, merging) = (self.sums(&pieces, parameters), self.merging(&pieces, parameters));
                let nothing = "emptyArrayUInt64() AS durations, emptyArrayUInt64() AS devices,
                     CAST([], 'Array(IPv6)') AS client_addresses, emptyArrayString() AS addresses";
                (format!("(SELECT *, {nothing} FROM ({sums})) UNION ALL {merging}"), source)
            }
        }
    }

    /// Rows of sums.
    fn sums(&self, pieces: &[Piece], parameters: &mut Parameters) -> String {
        let rows = |(unit, begin, end): &Piece| {
            let filter = self.filter.within(Moment::from_micros(*begin), Moment::from_micros(*end));
            match unit {
                Some(unit) => self.rollup(*unit, &filter, parameters),
                None => self.raw(&filter, Columns::Sums, parameters),
            }
        };
        // Each in brackets: what stands at the end of one belongs to it alone.
        format!("({})", pieces.iter().map(rows).collect::<Vec<_>>().join(") UNION ALL ("))
    }

    /// Rows of what merges, all sums zero: whole days, and around them raw rows that are counted as a day is.
    fn merging(&self, pieces: &[Piece], parameters: &mut Parameters) -> String {
        let names = self.keys.iter().enumerate().map(|(at, _)| format!("key_{at},")).collect::<String>();
        let rows = |(is_day, (begin, end)): (bool, Span)| {
            let filter = self.filter.within(Moment::from_micros(begin), Moment::from_micros(end));
            let rows = if is_day {
                let (table, time) = Unit::NetworkDay.table();
                let condition = condition(self.tenant, &filter, time, parameters);
                format!(
                    "SELECT toInt64(toUnixTimestamp({time})) * 1000000 AS at, {} durations, devices, client_addresses, addresses
                     FROM {table} FINAL WHERE {condition}",
                    self.key_columns(key_expression)
                )
            } else {
                let raw = self.raw(&filter, Columns::Rows, parameters);
                let bucket = match self.starts {
                    [] => "toInt64(0)".to_owned(),
                    starts => format!("roundDown(at, {})", parameters.moments(starts)),
                };
                let counted = counted_of_network();
                format!("SELECT {bucket} AS at, {names} {counted} FROM ({raw}) GROUP BY {names} at")
            };
            // What is empty may be of a group that is not there any more. Sums know all groups.
            format!(
                "(SELECT at, {names} toUInt64(0) AS normal, toUInt64(0) AS dns, toUInt64(0) AS other, toUInt64(0) AS refused,
                     toUInt128(0) AS received, toUInt128(0) AS transferred, CAST(NULL, 'Nullable(UInt64)') AS who,
                     durations, devices, client_addresses, addresses
                 FROM ({rows}) WHERE notEmpty(addresses))"
            )
        };
        self.days_and_rest(pieces).into_iter().map(rows).collect::<Vec<_>>().join(" UNION ALL ")
    }

    /// Connections by address, as rows of sums: whole days, and raw rows around them. Behind the sums stands `least`: of a day of which not all
    /// addresses are kept the smallest number of connections that was, else 0. A row for all others has no name that occurs.
    fn addresses(&self, pieces: &[Piece], parameters: &mut Parameters) -> String {
        let key = |key: Dimension| match key {
            Dimension::Address => "toString(name)".to_owned(),
            key => key_expression(key),
        };
        let rows = |(is_day, (begin, end)): (bool, Span)| {
            let filter = self.filter.within(Moment::from_micros(begin), Moment::from_micros(end));
            if is_day {
                let (table, time) = Unit::NetworkDay.table();
                let condition = condition(self.tenant, &filter, time, parameters);
                format!(
                    "(SELECT toInt64(toUnixTimestamp({time})) * 1000000 AS at, {} number AS normal, toUInt64(0) AS dns,
                         toUInt64(0) AS other, toUInt64(0) AS refused, toUInt128(0) AS received, toUInt128(0) AS transferred,
                         CAST(NULL, 'Nullable(UInt64)') AS who, toUInt64(least) AS least
                     FROM (SELECT {time}, remote_network_id, {} FROM {table} FINAL WHERE {condition} AND {HAS_CONNECTIONS})
                     ARRAY JOIN names AS name, numbers AS number)",
                    self.key_columns(key),
                    each_address()
                )
            } else {
                format!("(SELECT *, toUInt64(0) AS least FROM ({}))", self.raw(&filter, Columns::Sums, parameters))
            }
        };
        self.days_and_rest(pieces).into_iter().map(rows).collect::<Vec<_>>().join(" UNION ALL ")
    }

    /// Raw rows, of copies the one with the lowest partition and offset.
    fn raw(&self, filter: &TrafficFilter, columns: Columns, parameters: &mut Parameters) -> String {
        let mut rows = RawRows::of(self.tenant, filter, parameters);
        if self.asks_for_addresses() {
            rows.choose_facts("event_type != 'denied_access'".to_owned());
        }
        if self.only_failed_names {
            let rows_of_names = format!("FROM connections WHERE {} AND {}", rows.let_through(), is_dns_error());
            rows.choose_copies(format!("resource_address IN (SELECT resource_address {rows_of_names})"));
        }
        let columns = if columns == Columns::Sums {
            let is = |condition: &str| format!("toUInt64({condition})");
            let bytes = |column: &str| format!("if(event_type = 'closed_connection', toUInt128({column}), 0)");
            let dns = is_dns_error();
            format!(
                "{} AS normal, {} AS dns, {} AS other, {} AS refused, {} AS received, {} AS transferred,
                 if(event_type = 'denied_access', NULL, user_id) AS who",
                is("event_type = 'closed_connection'"),
                is(&dns),
                is(&format!("event_type = 'failed_to_connect' AND NOT {dns}")),
                is("event_type = 'denied_access'"),
                bytes("bytes_received"),
                bytes("bytes_transferred"),
            )
        } else {
            format!(
                "event_type = 'closed_connection' AS has_succeeded, event_type = 'denied_access' AS is_denied,
                 {} AS is_dns, event_type, bytes_received, bytes_transferred, user_id, device_id, client_ip, resource_address,
                 duration_us",
                is_dns_error()
            )
        };
        format!(
            "SELECT toUnixTimestamp64Micro(end_time) AS at, {} {columns} FROM connections WHERE {}
             ORDER BY _kafka_source, _kafka_partition, _kafka_offset
             LIMIT 1 BY intDiv(at, 1000), event_id_tail",
            self.key_columns(key_expression),
            rows.counting()
        )
    }

    /// Rows of a roll-up. Each stands at the beginning of its unit; one that counts several statuses becomes several where it is asked for
    /// by them.
    pub(super) fn rollup(&self, unit: Unit, filter: &TrafficFilter, parameters: &mut Parameters) -> String {
        let (table, time) = unit.table();
        let is_final = if unit == Unit::Minute { "" } else { "FINAL" };
        let by_status = self.keys.contains(&Dimension::Status);
        let statuses = if by_status {
            "ARRAY JOIN ['NORMAL', 'DNS_ERROR', 'CONNECTION_FAILED', 'ACCESS_DENIED'] AS status"
        } else {
            ""
        };
        let count = |column: &str, status: ConnectionStatus| {
            if !filter.statuses.is_empty() && !filter.statuses.contains(&status) {
                format!("0 * {column}")
            } else if by_status {
                format!("(status = '{}') * {column}", status.report_name())
            } else {
                column.to_owned()
            }
        };
        let normal = |column: &str| count(column, ConnectionStatus::Normal);
        let key = |key: Dimension| match key {
            Dimension::Status => "status".to_owned(),
            key => key_expression(key),
        };
        let condition = condition(self.tenant, &filter.clone().without(Field::Statuses), time, parameters);
        format!(
            "SELECT toInt64(toUnixTimestamp({time})) * 1000000 AS at, {} toUInt64({}) AS normal, toUInt64({}) AS dns,
                 toUInt64({}) AS other, toUInt64({}) AS refused, toUInt128({}) AS received, toUInt128({}) AS transferred,
                 if(normal + dns + other > 0, user_id, NULL) AS who
             FROM {table} {is_final} {statuses} WHERE {condition} AND normal + dns + other + refused > 0",
            self.key_columns(key),
            normal("succeeded"),
            count("failed_dns", ConnectionStatus::DnsError),
            count("failed_other", ConnectionStatus::ConnectionFailed),
            count("denied", ConnectionStatus::AccessDenied),
            normal("bytes_received"),
            normal("bytes_transferred"),
        )
    }

    /// What is measured, over rows of [`Self::facts`], as an array.
    pub(super) fn values(&self) -> String {
        let of_sums_only = self.measures.iter().all(|measure| of_sums(*measure).is_some());
        let merges = self.rolled_up().is_some();
        let value = |measure: &Measure| {
            let value = match of_sums(*measure) {
                Some(sum) if of_sums_only => sum.to_owned(),
                Some(_) | None if merges => of_merging(*measure),
                Some(_) | None => of_rows(*measure).to_owned(),
            };
            format!("toUInt128({value})")
        };
        format!("[{}]", self.measures.iter().map(value).collect::<Vec<_>>().join(", "))
    }
}
