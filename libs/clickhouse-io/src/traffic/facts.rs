//! Rows to count: facts from the raw table, sums of them from the roll-ups, what merges of days of Remote Networks, or all together.

use schemas::connection_event::ConnectionStatus;
use schemas::ids::Tenant;
use schemas::times::Moment;
use traffic_query::{Dimension, Field, Measure, TrafficFilter};

use super::condition::{END_TIME, condition, is_dns_error};
use super::measures::{of_merging, of_rows, of_sums};
use super::parameters::Parameters;
use crate::rollup::{DURATION_ERROR, Unit, counted_of_network};

const MINUTE_MICROS: i64 = 60_000_000;
const HOUR_MICROS: i64 = 60 * MINUTE_MICROS;
const DAY_MICROS: i64 = 24 * HOUR_MICROS;
/// Stands for no id among ids, which are at most 2^63 - 1.
const NO_ID: u64 = u64::MAX;
/// Hours that may not be counted yet are read by minute.
const COUNTED_AFTER_MICROS: i64 = 2 * HOUR_MICROS;

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Raw rows.
    Raw,
    /// The roll-ups by day, by hour and, where hours are too new, by minute; and raw rows for pieces of them at the ends of the range.
    Rollup,
    /// The same for what is a sum; for what is none days of Remote Networks, and raw rows around them.
    Sketches,
}

impl Source {
    /// Its name in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Rollup => "rollup",
            Self::Sketches => "sketches",
        }
    }

    /// By how much of itself a duration may be wrong, in hundredths; `None` where it is exact.
    #[must_use]
    pub fn duration_error_percent(self) -> Option<f64> {
        match self {
            Self::Raw | Self::Rollup => None,
            Self::Sketches => Some(100.0 * DURATION_ERROR),
        }
    }
}

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
}

/// Rows of one kind in a part of the range, microseconds. `None`: raw rows.
type Piece = (Option<Unit>, i64, i64);

/// Columns of raw rows: what is a sum, or what it is counted from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Columns {
    Sums,
    Rows,
}

impl Wanted<'_> {
    /// What each part of the range is read from, in order, where all of it is known to the roll-ups, and where they are.
    fn rolled_up(&self) -> Option<(Vec<Piece>, Source)> {
        let knows = |key: fn(Dimension) -> bool, field: fn(Field) -> bool| {
            self.keys.iter().all(|it| key(*it))
                && Field::ALL.into_iter().all(|it| field(it) || !self.filter.narrows(it))
        };
        let of_sums_only = self.measures.iter().all(|measure| of_sums(*measure).is_some());
        let pieces = self.pieces()?;
        let has_days = || pieces.iter().any(|(unit, _, _)| *unit == Some(Unit::Day));
        if of_sums_only && knows(knows_key, knows_field) {
            Some((pieces, Source::Rollup))
        } else if !of_sums_only && knows(is_of_network, narrows_networks) && has_days() {
            Some((pieces, Source::Sketches))
        } else {
            None
        }
    }

    /// What each part of the range would be read from; `None` where no roll-up has any of it.
    fn pieces(&self) -> Option<Vec<Piece>> {
        let are_whole = |unit: i64| self.starts.iter().all(|start| start.as_micros() % unit == 0);
        let (from, to, now) = (self.filter.from.as_micros(), self.filter.to.as_micros(), self.now.as_micros());
        let counted = down(now - COUNTED_AFTER_MICROS, HOUR_MICROS);
        // Only the newest hours are read by minute: in older minutes are copies that came late.
        let newest = up(from.max(counted), MINUTE_MICROS);
        let first = if are_whole(HOUR_MICROS) { up(from, HOUR_MICROS).min(newest) } else { newest };
        let middle = down(to, HOUR_MICROS).min(counted).max(first);
        let last = if to > counted { down(to, MINUTE_MICROS).max(middle) } else { middle };
        if !are_whole(MINUTE_MICROS) || first >= last {
            return None;
        }
        let mut pieces = vec![(None, from, first)];
        pieces.extend(self.hours_and_days(first, middle));
        pieces.extend([(Some(Unit::Minute), middle, last), (None, last, to)]);
        pieces.retain(|(_, begin, end)| begin < end);
        Some(pieces)
    }

    /// Whole hours as days where they are one and no bucket begins within it, so that days of another zone are made of hours.
    fn hours_and_days(&self, first: i64, end: i64) -> Vec<Piece> {
        let is_day = |begin: i64| {
            let next = self.starts.partition_point(|start| start.as_micros() <= begin);
            begin + DAY_MICROS <= end && self.starts.get(next).is_none_or(|it| it.as_micros() >= begin + DAY_MICROS)
        };
        let mut pieces: Vec<Piece> = Vec::new();
        let mut at = first;
        while at < end {
            let is_whole = at % DAY_MICROS == 0 && is_day(at);
            let unit = if is_whole { Unit::Day } else { Unit::Hour };
            let next = if is_whole { at + DAY_MICROS } else { up(at + 1, DAY_MICROS).min(end) };
            match pieces.last_mut() {
                Some((last, _, until)) if *last == Some(unit) => *until = next,
                _ => pieces.push((Some(unit), at, next)),
            }
            at = next;
        }
        pieces
    }

    /// A query of rows with `at` (microseconds), `key_0` and so on, and what [`values`] needs; and where it reads.
    pub(super) fn facts(&self, parameters: &mut Parameters) -> (String, Source) {
        match self.rolled_up() {
            None if self.measures.iter().all(|measure| of_sums(*measure).is_some()) => {
                (self.raw(self.filter, Columns::Sums, parameters), Source::Raw)
            }
            None => (self.raw(self.filter, Columns::Rows, parameters), Source::Raw),
            Some((pieces, source @ (Source::Raw | Source::Rollup))) => (self.sums(&pieces, parameters), source),
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
        let is_day = |piece: &Piece| piece.0 == Some(Unit::Day);
        let names = self.keys.iter().enumerate().map(|(at, _)| format!("key_{at},")).collect::<String>();
        let rows = |some: &[Piece]| {
            let (begin, end) = (some[0].1, some[some.len() - 1].2);
            let filter = self.filter.within(Moment::from_micros(begin), Moment::from_micros(end));
            let rows = if is_day(&some[0]) {
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
        let some = pieces.chunk_by(|left, right| is_day(left) == is_day(right));
        some.map(rows).collect::<Vec<_>>().join(" UNION ALL ")
    }

    /// Raw rows, of copies the one with the lowest partition and offset.
    fn raw(&self, filter: &TrafficFilter, columns: Columns, parameters: &mut Parameters) -> String {
        let condition = condition(self.tenant, filter, END_TIME, parameters);
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
            "SELECT toUnixTimestamp64Micro(end_time) AS at, {} {columns} FROM connections WHERE {condition}
             ORDER BY _kafka_source, _kafka_partition, _kafka_offset
             LIMIT 1 BY intDiv(at, 1000), event_id_tail",
            self.key_columns(key_expression)
        )
    }

    /// Rows of a roll-up. Each stands at the beginning of its unit; one that counts several statuses becomes several where it is asked for
    /// by them.
    fn rollup(&self, unit: Unit, filter: &TrafficFilter, parameters: &mut Parameters) -> String {
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

    /// Numbers stay numbers until groups are made: a text for each row is what costs most.
    fn key_columns(&self, expression: impl Fn(Dimension) -> String) -> String {
        let columns = self.keys.iter().enumerate().map(|(at, key)| format!("{} AS key_{at},", expression(*key)));
        columns.collect::<Vec<_>>().join(" ")
    }

    /// The keys of a group as text, from columns with this name and their numbers.
    pub(super) fn key_texts(&self, name: &str) -> String {
        if self.keys.is_empty() {
            return "CAST([], 'Array(String)')".to_owned();
        }
        let text = |(at, key): (usize, &Dimension)| {
            if is_id(*key) {
                format!("if({name}_{at} = {NO_ID}, '', toString({name}_{at}))")
            } else {
                format!("toString({name}_{at})")
            }
        };
        format!("[{}]", self.keys.iter().enumerate().map(text).collect::<Vec<_>>().join(", "))
    }

    /// The columns of [`Self::facts`] that groups are made by.
    pub(super) fn key_names(&self) -> String {
        (0..self.keys.len()).map(|at| format!("key_{at}")).collect::<Vec<_>>().join(", ")
    }

    /// True for rows of one of the groups, whose keys are texts.
    pub(super) fn keys_in(&self, groups: Vec<Vec<String>>, parameters: &mut Parameters) -> String {
        if groups.is_empty() {
            return "false".to_owned();
        }
        let typed = |(at, key): (usize, &Dimension)| {
            let text = format!("it[{}]", at + 1);
            if is_id(*key) { format!("if({text} = '', {NO_ID}, toUInt64OrZero({text}))") } else { text }
        };
        let typed = self.keys.iter().enumerate().map(typed).collect::<Vec<_>>().join(", ");
        let lists = parameters.lists(groups);
        format!("({}) IN (arrayMap(it -> ({typed}), {lists}))", self.key_names())
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

fn up(micros: i64, unit: i64) -> i64 {
    -(-micros).div_euclid(unit) * unit
}

fn down(micros: i64, unit: i64) -> i64 {
    micros.div_euclid(unit) * unit
}

/// Whether the roll-ups tell connections apart by it.
fn knows_key(key: Dimension) -> bool {
    match key {
        Dimension::RemoteNetwork
        | Dimension::User
        | Dimension::ServiceAccount
        | Dimension::Resource
        | Dimension::Connector
        | Dimension::Protocol
        | Dimension::Status
        | Dimension::TunnelPath
        | Dimension::Country => true,
        Dimension::AppliedRule
        | Dimension::Device
        | Dimension::Port
        | Dimension::ClientAddress
        | Dimension::Address => false,
    }
}

/// Whether the roll-ups know what the field chooses by.
pub(super) fn knows_field(field: Field) -> bool {
    match field {
        Field::From
        | Field::To
        | Field::Zone
        | Field::RemoteNetworks
        | Field::Users
        | Field::ServiceAccounts
        | Field::Resources
        | Field::Connectors
        | Field::Protocols
        | Field::Statuses
        | Field::TunnelPaths
        | Field::Countries => true,
        Field::AppliedRules
        | Field::Devices
        | Field::Ports
        | Field::ClientAddresses
        | Field::ResourceAddresses
        | Field::Addresses
        | Field::Domain => false,
    }
}

/// Whether days of Remote Networks are told apart by it.
fn is_of_network(key: Dimension) -> bool {
    key == Dimension::RemoteNetwork
}

/// Whether days of Remote Networks know what the field chooses by.
fn narrows_networks(field: Field) -> bool {
    matches!(field, Field::From | Field::To | Field::Zone | Field::RemoteNetworks)
}

/// Whether a key is an id, a number; else it is text.
fn is_id(key: Dimension) -> bool {
    matches!(
        key,
        Dimension::RemoteNetwork
            | Dimension::User
            | Dimension::ServiceAccount
            | Dimension::Resource
            | Dimension::Connector
            | Dimension::Device
    )
}

/// A key as a number, [`NO_ID`] where there is none, or as text.
fn key_expression(key: Dimension) -> String {
    match key {
        Dimension::RemoteNetwork => "remote_network_id".to_owned(),
        Dimension::User => format!("ifNull(user_id, {NO_ID})"),
        Dimension::ServiceAccount => format!("ifNull(service_account_id, {NO_ID})"),
        Dimension::Resource => "resource_id".to_owned(),
        Dimension::AppliedRule => "toString(applied_rule)".to_owned(),
        Dimension::Connector => "connector_id".to_owned(),
        Dimension::Device => format!("ifNull(device_id, {NO_ID})"),
        Dimension::Protocol => "toString(protocol)".to_owned(),
        Dimension::Port => "toString(resource_port)".to_owned(),
        Dimension::Status => format!(
            "multiIf(event_type = 'closed_connection', 'NORMAL', event_type = 'denied_access', 'ACCESS_DENIED',
                     {}, 'DNS_ERROR', 'CONNECTION_FAILED')",
            is_dns_error()
        ),
        Dimension::TunnelPath => "toString(tunnel_path)".to_owned(),
        Dimension::Country => "ifNull(CAST(country, 'Nullable(String)'), '')".to_owned(),
        // IPv4 is printed as such; the engine prints the mapped form.
        Dimension::ClientAddress => {
            "replaceRegexpOne(ifNull(toString(client_ip), ''), '^::ffff:([0-9]+[.][0-9.]+)$', '\\\\1')".to_owned()
        }
        Dimension::Address => "toString(resource_address)".to_owned(),
    }
}
