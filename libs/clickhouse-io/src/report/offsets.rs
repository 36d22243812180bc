//! Rows by where they lay on Kafka.
//!
//! Offsets are not in the table's key, but rows that came together lie together: its index of lowest and highest offsets tells which
//! granules hold a range of them. So what came last is found first, in which hours it is; the rest is read along the key.

use std::collections::BTreeMap;

use schemas::ids::Tenant;
use schemas::times::Moment;

use super::ReportQuery;
use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::traffic::parameters::Parameters;
use crate::traffic::raw_rows::RawRows;

/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;
/// So many hours are named in a statement; of more their first and last do.
const HOURS_NAMED_MAX: usize = 500;

/// Where the rows lay that are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// Configured name of the topic's life.
    pub source: String,
    /// First offset of each partition; one that is missing begins at 0.
    pub from: BTreeMap<i32, i64>,
    /// First offset after it; of a partition that is missing nothing is wanted.
    pub until: BTreeMap<i32, i64>,
    /// Hours, by their begin, that hold such rows, as [`hours`] found them. Where they are told, a row whose fact came before `from` is
    /// left out: what is read is bounded by them.
    pub hours: Vec<Moment>,
}

impl Offsets {
    /// Of the rows of a statement over `[from, to)` those that are wanted: of a fact the first of its rows that lie here.
    pub(super) fn choose(
        &self,
        rows: &mut RawRows,
        tenant: &Tenant,
        (from, to): (Moment, Moment),
        parameters: &mut Parameters,
    ) {
        let source = parameters.text(&self.source);
        let within = self.within(&source);
        rows.choose_facts(within.clone());
        if self.hours.is_empty() {
            return;
        }
        let hours = self.named_hours();
        let (tenant, from, to) = (parameters.text(tenant.as_str()), parameters.moment(from), parameters.moment(to));
        let all = format!("tenant = {tenant} AND end_time >= {from} AND end_time < {to} AND {hours}");
        let (fact, before) = ("(toUnixTimestamp64Milli(end_time), event_id_tail)", self.before(&source));
        let facts = format!("SELECT toUnixTimestamp64Milli(end_time), event_id_tail FROM connections WHERE {all}");
        rows.choose_besides(&hours);
        // Of those before only what is in question: else it is held for each row of the hours.
        rows.choose_besides(&format!("{fact} NOT IN ({facts} AND {before} AND {fact} IN ({facts} AND {within}))"));
    }

    fn within(&self, source: &str) -> String {
        let ranges = self.until.iter().filter_map(|(partition, until)| {
            let from = self.from.get(partition).copied().unwrap_or(0);
            let range = format!("_kafka_offset >= {from} AND _kafka_offset < {until}");
            (from < *until).then(|| format!("(_kafka_partition = {partition} AND {range})"))
        });
        format!("_kafka_source = {source} AND {}", any(&ranges.collect::<Vec<_>>()))
    }

    fn before(&self, source: &str) -> String {
        let ranges = self.from.iter().filter(|(_, from)| **from > 0);
        let ranges =
            ranges.map(|(partition, from)| format!("(_kafka_partition = {partition} AND _kafka_offset < {from})"));
        format!("(_kafka_source != {source} OR {})", any(&ranges.collect::<Vec<_>>()))
    }

    fn named_hours(&self) -> String {
        if self.hours.len() > HOURS_NAMED_MAX {
            return "true".to_owned();
        }
        let named = self.hours.iter().map(|hour| format!("toDateTime({}, 'UTC')", hour.as_micros() / 1_000_000));
        format!("toStartOfHour(end_time) IN ({})", named.collect::<Vec<_>>().join(", "))
    }
}

fn any(conditions: &[String]) -> String {
    if conditions.is_empty() { "false".to_owned() } else { format!("({})", conditions.join(" OR ")) }
}

/// The hours that hold rows of a query, by their begin, oldest first.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn hours(clickhouse: &ClickHouse, query: &ReportQuery) -> Result<Vec<Moment>, QueryError> {
    let asked = query.statement(&clickhouse.client, (query.filter.from, query.filter.to), None, |rows| {
        format!(
            "SELECT intDiv(toUnixTimestamp64Micro(end_time), {HOUR}) * {HOUR} AS hour
             FROM connections WHERE {} GROUP BY hour ORDER BY hour",
            rows.let_through()
        )
    });
    let found = clickhouse.within(asked.fetch_all::<i64>()).await?;
    Ok(found.into_iter().map(Moment::from_micros).collect())
}
