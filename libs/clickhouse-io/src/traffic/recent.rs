//! Connections, newest first, a page at a time.

use clickhouse::Row;
use schemas::connection_event::ConnectionEvent;
use schemas::event_id::EventId;
use schemas::ids::Tenant;
use schemas::times::Moment;
use traffic_query::{Field, TrafficFilter};

use super::condition::END_TIME;
use super::parameters::Parameters;
use super::places::{Day, Places, days_of};
use super::raw_rows::RawRows;
use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::pieces::hours_of;
use crate::rows::ConnectionRow;

/// Most connections of a page, as [`traffic_query::check_limit`] takes it.
pub const PAGE_MAX: u32 = 500;

const HOUR_MICROS: i64 = 3_600_000_000;
/// Events may lie this far ahead of the clock.
const AHEAD_MAX_MICROS: i64 = 2 * 24 * HOUR_MICROS;
const DAY_MICROS: i64 = 24 * HOUR_MICROS;
/// How much further back each step looks than the one before it.
const GROWTH: i64 = 4;
/// So many days back the roll-up by day is asked how far a page reaches.
const DAYS_BACK: i64 = 128;
/// And so many where those are not enough, if nothing says that more than the length can be believed.
const DAYS_BACK_MAX: i64 = 1024;
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
    // Each step reads all columns of what it finds. Of most Users and Resources there is so little that one step is enough, if it is known
    // how far it has to go.
    let reach = if SPARSE.into_iter().any(|field| filter.narrows(field)) {
        Reach::find(clickhouse, tenant, filter, end.min(now), limit + 1).await?
    } else {
        Reach::default()
    };
    let step = async |(begin, end): (i64, i64), places: Option<&Places>, wanted: usize, rows_max: Option<u64>| {
        let begin = begin.clamp(first, end.max(first));
        let window = filter.within(Moment::from_micros(begin), Moment::from_micros(end));
        let stretches = places.map(|places| places.within(begin, end));
        if stretches.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let stretches = stretches.unwrap_or_default();
        newest(clickhouse, tenant, &window, &stretches, before, wanted, rows_max).await
    };
    // Of all else there is much: the key begins with the hour, and most pages are full after a few.
    let mut begin = reach.begin.unwrap_or(whole_hour(end.min(now) - HOUR_MICROS));
    let (mut is_reach, mut places) = (reach.begin.is_some(), reach.places);
    // Where days tell of less than a page, all that is behind the first step is one more, in those places in which rows can be.
    let mut is_known = is_reach && places.is_some();
    let mut connections: Vec<ConnectionEvent> = Vec::new();
    while end > first && connections.len() <= limit {
        let wanted = limit + 1 - connections.len();
        match step((begin, end), places.as_ref(), wanted, is_reach.then_some(STEP_ROWS_MAX)).await {
            Ok(found) => connections.extend(found),
            // What days did not know of: today's, or what the aggregator has not counted.
            Err(QueryError::Refused { code: TOO_MANY_ROWS, .. }) if is_reach => {
                (is_reach, is_known, begin) = (false, false, whole_hour(end.min(now) - HOUR_MICROS));
                continue;
            }
            Err(error) => return Err(error),
        }
        // Days told of more than the filter lets through: nobody knows how far the next step has to go, but where it can be spared.
        if is_reach && places.is_none() && begin > first && connections.len() <= limit {
            places = Places::find(clickhouse, tenant, filter, begin).await?.map(|(places, _)| places);
        }
        is_reach = is_known;
        let width = (end.min(now) - begin) * GROWTH;
        end = begin;
        begin = if is_known { first.min(end) } else { whole_hour(end - width) };
    }
    let is_more = connections.len() > limit;
    connections.truncate(limit);
    let next = connections.last().filter(|_| is_more).map(|last| last.event_id);
    Ok(Page { connections, next })
}

fn whole_hour(micros: i64) -> i64 {
    micros.div_euclid(HOUR_MICROS) * HOUR_MICROS
}

/// What the roll-up by day says of a page.
#[derive(Debug, Default)]
struct Reach {
    /// Where its first step begins; `None` where the roll-up has nothing, or so much that hours are enough.
    begin: Option<i64>,
    /// Where its rows can be, if that is known; else they can be anywhere.
    places: Option<Places>,
}

impl Reach {
    /// Back to the day before `end` at which days count so many events, or to the first one that there is, where there are fewer. Where a page reaches far it
    /// is also asked on which days there can be something at all. What the roll-up has more of than rows are left, or than the filter lets through, makes a step
    /// too short, and costs another one.
    async fn find(
        clickhouse: &ClickHouse,
        tenant: &Tenant,
        filter: &TrafficFilter,
        end: i64,
        wanted: usize,
    ) -> Result<Self, QueryError> {
        let first = filter.from.as_micros();
        let back = |days: i64| ((end - days * DAY_MICROS).div_euclid(DAY_MICROS) * DAY_MICROS).max(first);
        let near = days_of(clickhouse, tenant, filter, (back(DAYS_BACK), end)).await?;
        let (begin, is_full) = reached(&near, wanted);
        if is_full || back(DAYS_BACK) == first {
            return Ok(Self { begin, places: None });
        }
        let Some((places, all)) = Places::find(clickhouse, tenant, filter, end).await? else {
            let all = days_of(clickhouse, tenant, filter, (back(DAYS_BACK_MAX), end)).await?;
            return Ok(Self { begin: reached(&all, wanted).0, places: None });
        };
        let begin = if all.is_empty() { Some(first) } else { reached(&all, wanted).0 };
        Ok(Self { begin, places: Some(places) })
    }
}

/// The day, of those that are the newest first, up to which there are so many events, or else the last; `None` where there are none, or too many for a
/// step. And whether there are so many.
fn reached(days: &[Day], wanted: usize) -> (Option<i64>, bool) {
    let (mut events, mut reached) = (0, None);
    for (day, count) in days {
        events += count;
        reached = Some(*day).filter(|_| events <= STEP_EVENTS_MAX);
        if events >= wanted as u64 {
            return (reached, true);
        }
    }
    (reached, false)
}

/// The newest rows of a step, of whole hours of these stretches, where there are any; refused with [`TOO_MANY_ROWS`] where more than `rows_max` would have to
/// be sorted.
async fn newest(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    filter: &TrafficFilter,
    stretches: &[(i64, i64)],
    before: Option<EventId>,
    limit: usize,
    rows_max: Option<u64>,
) -> Result<Vec<ConnectionEvent>, QueryError> {
    let mut parameters = Parameters::default();
    let mut rows = RawRows::of(tenant, filter, &mut parameters);
    if let Some(hours) = any_of(stretches) {
        rows.choose_facts(hours);
    }
    if let Some(before) = before {
        let millis = parameters.number(i64::try_from(before.timestamp_ms()).unwrap_or(i64::MAX));
        let tail = parameters.text(&hex(&before.tail()));
        rows.choose_facts(format!("(toUnixTimestamp64Milli(end_time), hex(event_id_tail)) < ({millis}, {tail})"));
    }
    let ask = async |condition: String| -> Result<Vec<ConnectionRow>, QueryError> {
        let sql = format!(
            "SELECT {} FROM connections WHERE {condition}
             ORDER BY toUnixTimestamp64Milli(end_time) DESC, event_id_tail DESC, _kafka_source, _kafka_partition, _kafka_offset
             LIMIT 1 BY toUnixTimestamp64Milli(end_time), event_id_tail LIMIT {limit}",
            ConnectionRow::COLUMN_NAMES.join(", ")
        );
        let mut query = parameters.clone().query(clickhouse, &sql);
        if let Some(rows_max) = rows_max {
            query = query.with_setting("max_rows_to_sort", rows_max.to_string());
        }
        clickhouse.within(query.fetch_all()).await
    };
    // Copies that say something else are rare: it is cheaper to see that those few have none than to leave them out of all that there is.
    let mut found = ask(rows.let_through()).await?;
    let mut of_found = parameters.clone();
    if let Some(others) = rows.others_of(&found, &mut of_found) {
        let others = of_found.query(clickhouse, &format!("SELECT 1 FROM connections WHERE {others} LIMIT 1"));
        if !clickhouse.within(others.fetch_all::<u8>()).await?.is_empty() {
            found = ask(rows.counting()).await?;
        }
    }
    found.into_iter().map(ConnectionRow::into_event).collect()
}

/// What lies in hours of one of these; `None` where there are none. Along the key, as [`hours`](super::condition) is.
fn any_of(stretches: &[(i64, i64)]) -> Option<String> {
    let hours = |(begin, end): &(i64, i64)| {
        let (first, last) = hours_of(Moment::from_micros(*begin), Moment::from_micros(*end - 1));
        format!("toStartOfHour({END_TIME}) BETWEEN toDateTime({first}, 'UTC') AND toDateTime({last}, 'UTC')")
    };
    let any: Vec<String> = stretches.iter().map(hours).collect();
    (!any.is_empty()).then(|| format!("({})", any.join(" OR ")))
}

/// As the engine's `hex` has it.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
