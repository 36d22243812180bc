//! What a question can be answered from: which part of its range the roll-ups have, and which has to be counted from raw rows.

use clickhouse::Row;
use schemas::times::Moment;
use serde::Deserialize;
use traffic_query::{Dimension, Field, Measure};

use super::condition::condition;
use super::facts::Wanted;
use super::measures::of_sums;
use super::parameters::Parameters;
use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::rollup::{DAYS_TABLE, DURATION_ERROR, HAS_CONNECTIONS, IS_CUT, NETWORK_DAYS_TABLE, Unit};

const MINUTE_MICROS: i64 = 60_000_000;
pub(super) const HOUR_MICROS: i64 = 60 * MINUTE_MICROS;
const DAY_MICROS: i64 = 24 * HOUR_MICROS;
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
    /// Connections by address from days of Remote Networks, and raw rows around them.
    Addresses,
}

impl Source {
    /// Its name in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Rollup => "rollup",
            Self::Sketches | Self::Addresses => "sketches",
        }
    }

    /// By how much of itself a duration may be wrong, in hundredths; `None` where it is exact.
    #[must_use]
    pub fn duration_error_percent(self) -> Option<f64> {
        match self {
            Self::Raw | Self::Rollup | Self::Addresses => None,
            Self::Sketches => Some(100.0 * DURATION_ERROR),
        }
    }
}

/// Rows of one kind in a part of the range, microseconds. `None`: raw rows.
pub(super) type Piece = (Option<Unit>, i64, i64);

/// A part of the range, microseconds, `[begin, end)`.
pub(super) type Span = (i64, i64);

/// How many days, and from when to when.
#[derive(Row, Deserialize)]
struct Days {
    days: u64,
    first: i64,
    last: i64,
}

/// What [`Days`] are selected by.
const SPAN: &str =
    "SELECT count() AS days, toInt64(toUnixTimestamp(min(day))) AS first, toInt64(toUnixTimestamp(max(day))) AS last";

impl Days {
    /// All between them, too: a statement with a piece for each would have no bound.
    fn span(&self) -> Option<Span> {
        let micros = |seconds: i64| seconds.saturating_mul(1_000_000);
        (self.days > 0).then(|| (micros(self.first), micros(self.last) + DAY_MICROS))
    }
}

impl Wanted<'_> {
    /// What each part of the range is read from, in order, where all of it is known to the roll-ups, and where they are.
    pub(super) fn rolled_up(&self) -> Option<(Vec<Piece>, Source)> {
        let knows = |key: fn(Dimension) -> bool, field: fn(Field) -> bool| {
            self.keys.iter().all(|it| key(*it))
                && Field::ALL.into_iter().all(|it| field(it) || !self.filter.narrows(it))
        };
        let of_sums_only = self.measures.iter().all(|measure| of_sums(*measure).is_some());
        let pieces = self.pieces()?;
        let has_days = || self.days_and_rest(&pieces).iter().any(|(is_day, _)| *is_day);
        if self.asks_for_addresses() {
            let knows = knows(|key| is_of_network(key) || key == Dimension::Address, narrows_networks);
            return (knows && has_days()).then_some((pieces, Source::Addresses));
        }
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
        let (from, to) = (self.filter.from.as_micros(), self.filter.to.as_micros());
        let counted = counted_until(self.now).as_micros();
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

    /// Whole days that days of Remote Networks have, and what lies around them and is counted from raw rows; in order.
    pub(super) fn days_and_rest(&self, pieces: &[Piece]) -> Vec<(bool, Span)> {
        let mut spans: Vec<(bool, Span)> = Vec::new();
        let mut add = |is_day: bool, begin: i64, end: i64| match spans.last_mut() {
            _ if begin == end => {}
            Some((last, (_, until))) if *last == is_day => *until = end,
            _ => spans.push((is_day, (begin, end))),
        };
        for (unit, begin, end) in pieces {
            let whole = *unit == Some(Unit::Day);
            let (first, last) = self.uncounted.filter(|_| whole).unwrap_or((*end, *end));
            let (first, last) = (first.clamp(*begin, *end), last.clamp(*begin, *end));
            add(whole, *begin, first);
            add(false, first, last);
            add(whole, last, *end);
        }
        spans
    }

    /// True of questions about how many connections addresses had, and nothing else. Wherever they are answered from, an address that was only
    /// denied is none of them.
    pub(super) fn asks_for_addresses(&self) -> bool {
        self.keys.contains(&Dimension::Address) && self.measures.iter().all(|it| *it == Measure::Connections)
    }

    /// The same question, knowing which days are not counted yet, where days of Remote Networks would answer it: of days that were over
    /// before the table was there, or had what is asked for, some may be missing until the aggregator has counted them, or somebody has built
    /// them.
    pub(super) async fn looked_at(self, clickhouse: &ClickHouse) -> Result<Self, QueryError> {
        let Some((pieces, source @ (Source::Sketches | Source::Addresses))) = self.rolled_up() else { return Ok(self) };
        let days = pieces.iter().filter(|(unit, _, _)| *unit == Some(Unit::Day));
        let (begins, ends): (Vec<_>, Vec<_>) = days.map(|(_, begin, end)| (*begin, *end)).unzip();
        let (Some(begin), Some(end)) = (begins.first(), ends.last()) else { return Ok(self) };
        let filter = self.filter.within(Moment::from_micros(*begin), Moment::from_micros(*end));
        let mut parameters = Parameters::default();
        let chosen = condition(self.tenant, &filter, "day", &mut parameters);
        let days_of_networks = match source {
            // What counts is the newest count: one of an older program has no connections of addresses.
            Source::Addresses => format!("{NETWORK_DAYS_TABLE} FINAL WHERE {HAS_CONNECTIONS} AND {chosen}"),
            // At worst a day whose connections are gone is counted from the raw rows.
            Source::Raw | Source::Rollup | Source::Sketches => format!("{NETWORK_DAYS_TABLE} WHERE {chosen}"),
        };
        let sql = format!(
            "{SPAN} FROM {DAYS_TABLE}
             WHERE {chosen} AND succeeded + failed_dns + failed_other > 0
                 AND (remote_network_id, day) NOT IN (SELECT remote_network_id, day FROM {days_of_networks})"
        );
        let found: Days = clickhouse.within(parameters.clone().query(clickhouse, &sql).fetch_one()).await?;
        let cut = match source {
            Source::Addresses => {
                let sql = format!("{SPAN} FROM {NETWORK_DAYS_TABLE} FINAL WHERE {IS_CUT} AND {chosen}");
                clickhouse.within(parameters.query(clickhouse, &sql).fetch_one::<Days>()).await?.span()
            }
            Source::Raw | Source::Rollup | Source::Sketches => None,
        };
        Ok(Self { uncounted: found.span(), cut, ..self })
    }

    /// The same question, with days that are cut counted from the raw rows.
    pub(super) fn without_cut_days(self) -> Self {
        let join = |(begin, end): Span| match self.cut {
            Some((first, last)) => (begin.min(first), end.max(last)),
            None => (begin, end),
        };
        Self { uncounted: self.uncounted.map(join).or(self.cut), cut: None, ..self }
    }
}

/// Beginning of the first hour that may not be counted yet.
pub(super) fn counted_until(now: Moment) -> Moment {
    Moment::from_micros(down(now.as_micros() - COUNTED_AFTER_MICROS, HOUR_MICROS))
}

/// Beginning of the first UTC day that may not be counted yet.
pub(super) fn uncounted_day(now: Moment) -> Moment {
    Moment::from_micros(down(now.as_micros() - COUNTED_AFTER_MICROS, DAY_MICROS))
}

pub(super) fn up(micros: i64, unit: i64) -> i64 {
    -(-micros).div_euclid(unit) * unit
}

pub(super) fn down(micros: i64, unit: i64) -> i64 {
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
