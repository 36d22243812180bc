//! Connections, newest first, a page at a time.

use clickhouse::Row;
use schemas::connection_event::ConnectionEvent;
use schemas::event_id::EventId;
use schemas::ids::Tenant;
use schemas::times::Moment;
use traffic_query::{Field, TrafficFilter};

use super::condition::condition;
use super::parameters::Parameters;
use super::raw_rows::RawRows;
use super::sources::knows_field;
use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::rollup::Unit;
use crate::rows::ConnectionRow;

/// Most connections of a page, as [`traffic_query::check_limit`] takes it.
pub const PAGE_MAX: u32 = 500;

const HOUR_MICROS: i64 = 3_600_000_000;
/// Events may lie this far ahead of the clock.
const AHEAD_MAX_MICROS: i64 = 2 * 24 * HOUR_MICROS;
const DAY_MICROS: i64 = 24 * HOUR_MICROS;
/// How much further back each step looks than the one before it.
const GROWTH: i64 = 4;
/// So many days back the roll-up by day is asked how far a page reaches, one after the other.
const DAYS_BACK: [i64; 2] = [64, 1024];
/// Most events that days tell of for a step.
const STEP_EVENTS_MAX: u64 = 4_096;
/// Most rows that such a step sorts, with all their columns.
const STEP_ROWS_MAX: u64 = 65_536;
/// The engine's code where there are more.
const TOO_MANY_ROWS: i32 = 396;

/// Fields that leave little of a tenant's traffic.
const SPARSE: [Field; 4] = [Field::Users, Field::ServiceAccounts, Field::Resources, Field::Connectors];

/// A page of connections.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// By event id, the greatest first: by end time, to the millisecond.
    pub connections: Vec<ConnectionEvent>,
    /// Where the next page begins; `None` where there are no more.
    pub next: Option<EventId>,
}

/// The newest connections that the filter lets through, before `before` where it is given. A page stays what it was while events
/// arrive: what is new comes before the first page, what is late where it belongs.
///
/// # Errors
/// When ClickHouse refuses or does not answer in time.
pub async fn recent(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    filter: &TrafficFilter,
    before: Option<EventId>,
    limit: u32,
) -> Result<Page, QueryError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let now = Moment::now().as_micros();
    let mut end = filter.to.as_micros().min(now + AHEAD_MAX_MICROS);
    if let Some(before) = before {
        let after_its_millisecond = i64::try_from(before.timestamp_ms() + 1).unwrap_or(i64::MAX / 1000) * 1000;
        end = end.min(after_its_millisecond);
    }
    let first = filter.from.as_micros();
    let step = async |begin: i64, end: i64, wanted: usize, rows_max: Option<u64>| {
        let window = filter.within(Moment::from_micros(begin.clamp(first, end.max(first))), Moment::from_micros(end));
        newest(clickhouse, tenant, &window, before, wanted, rows_max).await
    };
    // Each step reads all columns of what it finds. Of most Users and Resources there is so little that one step is enough, if it is known
    // how far it has to go.
    let reach = if SPARSE.into_iter().any(|field| filter.narrows(field)) {
        reach(clickhouse, tenant, filter, end.min(now), limit + 1).await?
    } else {
        None
    };
    // Of all else there is much: the key begins with the hour, and most pages are full after a few.
    let mut begin = reach.unwrap_or(whole_hour(end.min(now) - HOUR_MICROS));
    let mut is_reach = reach.is_some();
    let mut connections: Vec<ConnectionEvent> = Vec::new();
    while end > first && connections.len() <= limit {
        let wanted = limit + 1 - connections.len();
        match step(begin, end, wanted, is_reach.then_some(STEP_ROWS_MAX)).await {
            Ok(found) => connections.extend(found),
            // What days did not know of: today's, or what the aggregator has not counted.
            Err(QueryError::Refused { code: TOO_MANY_ROWS, .. }) if is_reach => {
                (is_reach, begin) = (false, whole_hour(end.min(now) - HOUR_MICROS));
                continue;
            }
            Err(error) => return Err(error),
        }
        is_reach = false;
        let width = (end.min(now) - begin) * GROWTH;
        end = begin;
        begin = whole_hour(end - width);
    }
    let is_more = connections.len() > limit;
    connections.truncate(limit);
    let next = connections.last().filter(|_| is_more).map(|last| last.event_id);
    Ok(Page { connections, next })
}

fn whole_hour(micros: i64) -> i64 {
    micros.div_euclid(HOUR_MICROS) * HOUR_MICROS
}

/// The beginning of the day before `end` back to which the roll-up by day counts so many events, or of the first day that it has, where there
/// are fewer; `None` where it has none, or so many that hours are enough. It says how far a page may reach, never what is on it: what the
/// roll-up lacks, or has in two versions, makes a step too long or too short.
async fn reach(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    filter: &TrafficFilter,
    end: i64,
    wanted: usize,
) -> Result<Option<i64>, QueryError> {
    let unknown = Field::ALL.into_iter().filter(|field| !knows_field(*field) || *field == Field::Statuses);
    let filter = unknown.fold(filter.clone(), TrafficFilter::without);
    let (table, day) = Unit::Day.table();
    let mut reached = None;
    for days in DAYS_BACK {
        let first = (end - days * DAY_MICROS).div_euclid(DAY_MICROS) * DAY_MICROS;
        let range = filter.within(Moment::from_micros(first.max(filter.from.as_micros())), Moment::from_micros(end));
        let mut parameters = Parameters::default();
        let condition = condition(tenant, &range, day, &mut parameters);
        let sql = format!(
            "SELECT toInt64(toUnixTimestamp({day})) AS time, sum(succeeded + failed_dns + failed_other + denied) AS events
             FROM {table} WHERE {condition} GROUP BY {day} ORDER BY {day} DESC"
        );
        let found: Vec<(i64, u64)> = clickhouse.within(parameters.query(clickhouse, &sql).fetch_all()).await?;
        let mut events = 0;
        for (day, count) in found {
            events += count;
            reached = Some(day * 1_000_000).filter(|_| events <= STEP_EVENTS_MAX);
            if events >= wanted as u64 {
                return Ok(reached);
            }
        }
        if first <= filter.from.as_micros() {
            break;
        }
    }
    Ok(reached)
}

/// The newest rows of a step; refused with [`TOO_MANY_ROWS`] where more than `rows_max` would have to be sorted.
async fn newest(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    filter: &TrafficFilter,
    before: Option<EventId>,
    limit: usize,
    rows_max: Option<u64>,
) -> Result<Vec<ConnectionEvent>, QueryError> {
    let mut parameters = Parameters::default();
    let mut rows = RawRows::of(tenant, filter, &mut parameters);
    if let Some(before) = before {
        let millis = parameters.number(i64::try_from(before.timestamp_ms()).unwrap_or(i64::MAX));
        let tail = parameters.text(&hex(&before.tail()));
        rows.choose_facts(format!("(toUnixTimestamp64Milli(end_time), hex(event_id_tail)) < ({millis}, {tail})"));
    }
    let sql = format!(
        "SELECT {} FROM connections WHERE {}
         ORDER BY toUnixTimestamp64Milli(end_time) DESC, event_id_tail DESC, _kafka_source, _kafka_partition, _kafka_offset
         LIMIT 1 BY toUnixTimestamp64Milli(end_time), event_id_tail LIMIT {limit}",
        ConnectionRow::COLUMN_NAMES.join(", "),
        rows.counting()
    );
    let mut query = parameters.query(clickhouse, &sql);
    if let Some(rows_max) = rows_max {
        query = query.with_setting("max_rows_to_sort", rows_max.to_string());
    }
    let rows: Vec<ConnectionRow> = clickhouse.within(query.fetch_all()).await?;
    rows.into_iter().map(ConnectionRow::into_event).collect()
}

/// As the engine's `hex` has it.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
