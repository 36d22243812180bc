//! Rows to count: facts from the raw table, sums of them from the roll-ups, or all together.

use schemas::ids::Tenant;
use schemas::times::Moment;
use traffic_query::{Dimension, Field, Measure, TrafficFilter};

use super::condition::{condition, is_dns_error};
use super::parameters::Parameters;
use crate::rollup::MINUTES_TABLE;

const MINUTE_MICROS: i64 = 60_000_000;
const HOUR_MICROS: i64 = 60 * MINUTE_MICROS;
/// Hours that may not be counted yet are read by minute.
const COUNTED_AFTER_MICROS: i64 = 2 * HOUR_MICROS;

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Raw rows.
    Raw,
    /// The roll-ups by hour and, where hours are too new, by minute; and raw rows for pieces of them at the ends of the range.
    Rollup,
}

impl Source {
    /// Its name in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Rollup => "rollup",
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
    /// Beginnings of buckets, where there are any: none may lie within an hour of the roll-up.
    pub(super) starts: &'a [Moment],
    pub(super) now: Moment,
}

impl Wanted<'_> {
    /// The hours and the minutes behind them that the roll-ups answer for, as three moments; `None` where they cannot answer at all.
    fn rolled_up(&self) -> Option<[Moment; 3]> {
        let knows_key = |key: &Dimension| {
            matches!(
                key,
                Dimension::RemoteNetwork
                    | Dimension::User
                    | Dimension::ServiceAccount
                    | Dimension::Resource
                    | Dimension::Connector
            )
        };
        let knows_field = |field: Field| {
            matches!(
                field,
                Field::From
                    | Field::To
                    | Field::Zone
                    | Field::RemoteNetworks
                    | Field::Users
                    | Field::ServiceAccounts
                    | Field::Resources
                    | Field::Connectors
            )
        };
        let knows_all = self.keys.iter().all(knows_key)
            && self.measures.iter().all(|measure| of_sums(*measure).is_some())
            && Field::ALL.into_iter().all(|field| knows_field(field) || !self.filter.narrows(field));
        let are_whole = |unit: i64| self.starts.iter().all(|start| start.as_micros() % unit == 0);
        let (from, to, now) = (self.filter.from.as_micros(), self.filter.to.as_micros(), self.now.as_micros());
        let up = |micros: i64, unit: i64| -(-micros).div_euclid(unit) * unit;
        let down = |micros: i64, unit: i64| micros.div_euclid(unit) * unit;
        let counted = down(now - COUNTED_AFTER_MICROS, HOUR_MICROS);
        // Only the newest hours are read by minute: in older minutes are copies that came late.
        let newest = up(from.max(counted), MINUTE_MICROS);
        let first = if are_whole(HOUR_MICROS) { up(from, HOUR_MICROS).min(newest) } else { newest };
        let middle = down(to, HOUR_MICROS).min(counted).max(first);
        let last = if to > counted { down(to, MINUTE_MICROS).max(middle) } else { middle };
        let is_any = first < last;
        (knows_all && are_whole(MINUTE_MICROS) && is_any).then(|| [first, middle, last].map(Moment::from_micros))
    }

    /// A query of rows with `at` (microseconds), `keys`, and what [`values`] needs; and where it reads.
    pub(super) fn facts(&self, parameters: &mut Parameters) -> (String, Source) {
        let Some([first, middle, last]) = self.rolled_up() else {
            return (self.raw(self.filter, parameters), Source::Raw);
        };
        let mut pieces = Vec::new();
        let mut piece = |begin: Moment, end: Moment, rows: fn(&Self, &TrafficFilter, &mut Parameters) -> String| {
            if begin < end {
                pieces.push(rows(self, &self.filter.within(begin, end), parameters));
            }
        };
        piece(self.filter.from, first, Self::raw);
        piece(first, middle, Self::hours);
        piece(middle, last, Self::minutes);
        piece(last, self.filter.to, Self::raw);
        // Each in brackets: what stands at the end of one belongs to it alone.
        (format!("({})", pieces.join(") UNION ALL (")), Source::Rollup)
    }

    /// Raw rows, of copies the one with the lowest partition and offset.
    fn raw(&self, filter: &TrafficFilter, parameters: &mut Parameters) -> String {
        let condition = condition(self.tenant, filter, "end_time", parameters);
        let sums = if self.measures.iter().all(|measure| of_sums(*measure).is_some()) {
            let is = |condition: &str| format!("toUInt64({condition})");
            let bytes = |column: &str| format!("if(event_type = 'closed_connection', toUInt128({column}), 0)");
            let dns = is_dns_error();
            format!(
                "{} AS succeeded, {} AS failed_dns, {} AS failed_other, {} AS denied, {} AS received, {} AS transferred",
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
                 {} AS is_dns, bytes_received, bytes_transferred, user_id, device_id, client_ip, resource_address, duration_us",
                is_dns_error()
            )
        };
        format!(
            "SELECT toUnixTimestamp64Micro(end_time) AS at, {} AS keys, {sums} FROM connections WHERE {condition}
             ORDER BY _kafka_source, _kafka_partition, _kafka_offset
             LIMIT 1 BY intDiv(at, 1000), event_id_tail",
            self.key_array()
        )
    }

    /// Hours of the roll-up. Each row stands at the beginning of its hour.
    fn hours(&self, filter: &TrafficFilter, parameters: &mut Parameters) -> String {
        let condition = condition(self.tenant, filter, "hour", parameters);
        format!(
            "SELECT toInt64(toUnixTimestamp(hour)) * 1000000 AS at, {} AS keys, succeeded, failed_dns, failed_other, denied,
                 bytes_received AS received, bytes_transferred AS transferred
             FROM connections_hourly FINAL WHERE {condition} AND succeeded + failed_dns + failed_other + denied > 0",
            self.key_array()
        )
    }

    /// Minutes of the roll-up. Each row stands at the beginning of its minute.
    fn minutes(&self, filter: &TrafficFilter, parameters: &mut Parameters) -> String {
        let condition = condition(self.tenant, filter, "minute", parameters);
        format!(
            "SELECT toInt64(toUnixTimestamp(minute)) * 1000000 AS at, {} AS keys, succeeded, failed_dns, failed_other, denied,
                 bytes_received AS received, bytes_transferred AS transferred
             FROM {MINUTES_TABLE} WHERE {condition} AND succeeded + failed_dns + failed_other + denied > 0",
            self.key_array()
        )
    }

    fn key_array(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(|key| key_expression(*key)).collect();
        if keys.is_empty() { "CAST([], 'Array(String)')".to_owned() } else { format!("[{}]", keys.join(", ")) }
    }

    /// What is measured, over rows of [`Self::facts`], as an array.
    pub(super) fn values(&self) -> String {
        let of_sums_only = self.measures.iter().all(|measure| of_sums(*measure).is_some());
        let value = |measure: &Measure| {
            let value = if of_sums_only { of_sums(*measure).unwrap_or("0") } else { of_rows(*measure) };
            format!("toUInt128({value})")
        };
        format!("[{}]", self.measures.iter().map(value).collect::<Vec<_>>().join(", "))
    }
}

/// A key as text.
fn key_expression(key: Dimension) -> String {
    match key {
        Dimension::RemoteNetwork => "toString(remote_network_id)".to_owned(),
        Dimension::User => "ifNull(toString(user_id), '')".to_owned(),
        Dimension::ServiceAccount => "ifNull(toString(service_account_id), '')".to_owned(),
        Dimension::Resource => "toString(resource_id)".to_owned(),
        Dimension::AppliedRule => "toString(applied_rule)".to_owned(),
        Dimension::Connector => "toString(connector_id)".to_owned(),
        Dimension::Device => "ifNull(toString(device_id), '')".to_owned(),
        Dimension::Protocol => "toString(protocol)".to_owned(),
        Dimension::Port => "toString(resource_port)".to_owned(),
        Dimension::Status => format!(
            "multiIf(event_type = 'closed_connection', 'NORMAL', event_type = 'denied_access', 'ACCESS_DENIED',
                     {}, 'DNS_ERROR', 'CONNECTION_FAILED')",
            is_dns_error()
        ),
        Dimension::TunnelPath => "toString(tunnel_path)".to_owned(),
        Dimension::Country => "ifNull(toString(country), '')".to_owned(),
        // IPv4 is printed as such; the engine prints the mapped form.
        Dimension::ClientAddress => {
            "replaceRegexpOne(ifNull(toString(client_ip), ''), '^::ffff:([0-9]+[.][0-9.]+)$', '\\\\1')".to_owned()
        }
        Dimension::Address => "toString(resource_address)".to_owned(),
    }
}

/// A measure over sums, which the roll-up has too; `None` where it needs the rows themselves.
fn of_sums(measure: Measure) -> Option<&'static str> {
    match measure {
        Measure::Events => Some("sum(succeeded + failed_dns + failed_other + denied)"),
        Measure::Connections => Some("sum(succeeded + failed_dns + failed_other)"),
        Measure::Succeeded => Some("sum(succeeded)"),
        Measure::FailedDns => Some("sum(failed_dns)"),
        Measure::FailedOther => Some("sum(failed_other)"),
        Measure::Denied => Some("sum(denied)"),
        Measure::Bytes => Some("sum(received + transferred)"),
        Measure::BytesReceived => Some("sum(received)"),
        Measure::BytesTransferred => Some("sum(transferred)"),
        Measure::Users
        | Measure::Devices
        | Measure::ClientAddresses
        | Measure::Addresses
        | Measure::DurationP50
        | Measure::DurationP95 => None,
    }
}

/// A measure over facts.
fn of_rows(measure: Measure) -> &'static str {
    match measure {
        Measure::Events => "count()",
        Measure::Connections => "countIf(NOT is_denied)",
        Measure::Succeeded => "countIf(has_succeeded)",
        Measure::FailedDns => "countIf(is_dns)",
        Measure::FailedOther => "countIf(NOT has_succeeded AND NOT is_denied AND NOT is_dns)",
        Measure::Denied => "countIf(is_denied)",
        Measure::Bytes => "sumIf(toUInt128(bytes_received) + toUInt128(bytes_transferred), has_succeeded)",
        Measure::BytesReceived => "sumIf(toUInt128(bytes_received), has_succeeded)",
        Measure::BytesTransferred => "sumIf(toUInt128(bytes_transferred), has_succeeded)",
        Measure::Users => "uniqExactIf(user_id, NOT is_denied)",
        Measure::Devices => "uniqExactIf(device_id, NOT is_denied)",
        Measure::ClientAddresses => "uniqExactIf(client_ip, NOT is_denied)",
        Measure::Addresses => "uniqExactIf(resource_address, NOT is_denied)",
        // 0 where none succeeded.
        Measure::DurationP50 => "quantileExactIf(0.5)(duration_us, has_succeeded)",
        Measure::DurationP95 => "quantileExactIf(0.95)(duration_us, has_succeeded)",
    }
}
