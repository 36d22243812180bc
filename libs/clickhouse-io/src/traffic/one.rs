//! One connection with all its events.

use clickhouse::Row;
use schemas::connection_event::ConnectionEvent;
use schemas::event_id::EventId;
use schemas::ids::Tenant;
use schemas::times::Moment;
use serde::Deserialize;

use super::condition::hours;
use super::parameters::Parameters;
use super::recent::hex;
use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::rows::ConnectionRow;
use crate::write::EventTable;

const HOUR_MICROS: i64 = 3_600_000_000;
/// An opening and the start that the end tells lie at most this far apart.
const START_SLACK_MICROS: i64 = HOUR_MICROS;
/// A failure does not say when the connection was opened: so long before it an opening is looked for.
const TRIED_MAX_MICROS: i64 = 25 * HOUR_MICROS;
/// How much further ahead each look for an end goes than the one before it.
const GROWTH: i64 = 8;
/// Events may lie this far ahead of the clock.
const AHEAD_MAX_MICROS: i64 = 48 * HOUR_MICROS;

/// All events of the connection that one of them belongs to, the oldest first; none where the tenant has no such event. The id of an
/// event says when it was, so nothing has to be searched for, but the opening of a connection that failed: it is found where it is no older than
/// [`TRIED_MAX_MICROS`].
///
/// # Errors
/// When ClickHouse refuses or does not answer in time.
pub async fn connection(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    event: EventId,
) -> Result<Vec<ConnectionEvent>, QueryError> {
    let mut found = None;
    for table in [EventTable::Connections, EventTable::ConnectionOpenings] {
        found = find(clickhouse, tenant, table, event).await?;
        if found.is_some() {
            break;
        }
    }
    let Some(found) = found else { return Ok(Vec::new()) };
    let (mut events, ends) = tokio::try_join!(openings(clickhouse, tenant, &found), ends(clickhouse, tenant, &found))?;
    events.extend(ends);
    events.sort_by_key(|event| event.event_id);
    Ok(events)
}

/// What leads from one event to the others of its connection, and no more: most of what a question for one row costs is its plan
/// over columns.
#[derive(Deserialize, Row)]
struct Found {
    end_micros: i64,
    duration_us: u64,
    is_opening: bool,
    is_failure: bool,
    form: i8,
    connection_id_high: u64,
    connection_id_low: u64,
    connection_id_text: String,
    connector_id: u64,
    remote_network_id: u64,
}

impl Found {
    fn start_micros(&self) -> i64 {
        self.end_micros.saturating_sub_unsigned(self.duration_us)
    }
}

/// The event of this id, where the table has it: the id says when it was. Of copies the one that counts, also where another one names another Remote Network.
async fn find(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    table: EventTable,
    event: EventId,
) -> Result<Option<Found>, QueryError> {
    let millis = i64::try_from(event.timestamp_ms()).unwrap_or(i64::MAX / 1000);
    let range = (Moment::from_millis(millis), Moment::from_millis(millis + 1));
    let mut parameters = Parameters::default();
    let tail = parameters.text(&hex(&event.tail()));
    let sql = format!(
        "SELECT toUnixTimestamp64Micro(end_time) AS end_micros, duration_us,
             CAST(event_type = 'established_connection', 'Bool') AS is_opening,
             CAST(event_type = 'failed_to_connect', 'Bool') AS is_failure,
             CAST(connection_id_form, 'Int8') AS form, connection_id_high, connection_id_low, connection_id_text, connector_id,
             remote_network_id
         FROM {} WHERE {} AND event_id_tail = unhex({tail})
         ORDER BY _kafka_source, _kafka_partition, _kafka_offset LIMIT 1",
        table.name(),
        within(tenant, range, &mut parameters)
    );
    clickhouse.within(parameters.query(clickhouse, &sql).fetch_optional()).await
}

/// Rows of the tenant in a range `[from, to)` of end times.
fn within(tenant: &Tenant, (from, to): (Moment, Moment), parameters: &mut Parameters) -> String {
    let (tenant, hours) = (parameters.text(tenant.as_str()), hours(from, to, parameters));
    let (from, to) = (parameters.moment(from), parameters.moment(to));
    format!("tenant = {tenant} AND {hours} AND end_time >= {from} AND end_time < {to}")
}

/// Openings of the connection: around its start. Of one that failed, which says nothing of how long it was tried, those of a day before where there
/// are none.
async fn openings(clickhouse: &ClickHouse, tenant: &Tenant, found: &Found) -> Result<Vec<ConnectionEvent>, QueryError> {
    let moment = |micros: i64| Moment::from_micros(micros.max(0));
    let begin = found.start_micros().saturating_sub(START_SLACK_MICROS);
    let around = (moment(begin), moment(found.end_micros + START_SLACK_MICROS));
    let events = of_connection(clickhouse, tenant, EventTable::ConnectionOpenings, around, found).await?;
    if !found.is_failure || !events.is_empty() {
        return Ok(events);
    }
    let before = (moment(found.start_micros().saturating_sub(TRIED_MAX_MICROS)), moment(begin));
    of_connection(clickhouse, tenant, EventTable::ConnectionOpenings, before, found).await
}

/// Ends of the connection. Those of one that is known by its opening are looked for ever further ahead, until there is one.
async fn ends(clickhouse: &ClickHouse, tenant: &Tenant, found: &Found) -> Result<Vec<ConnectionEvent>, QueryError> {
    let begin = found.start_micros() - START_SLACK_MICROS;
    let (mut from, mut to) = (begin, found.end_micros + START_SLACK_MICROS);
    let end = Moment::now().as_micros() + AHEAD_MAX_MICROS;
    let mut width = HOUR_MICROS;
    loop {
        let range = (Moment::from_micros(from.max(0)), Moment::from_micros(to));
        let events = of_connection(clickhouse, tenant, EventTable::Connections, range, found).await?;
        let is_open = found.is_opening && events.is_empty();
        if !is_open || to >= end {
            return Ok(events);
        }
        (from, to) = (to, to + width);
        width *= GROWTH;
    }
}

async fn of_connection(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    table: EventTable,
    range: (Moment, Moment),
    found: &Found,
) -> Result<Vec<ConnectionEvent>, QueryError> {
    let mut parameters = Parameters::default();
    // A Connector lies in one Remote Network: what the table is partitioned and sorted by.
    let [network, connector, high, low] =
        [found.remote_network_id, found.connector_id, found.connection_id_high, found.connection_id_low]
            .map(|number| parameters.ids([number]));
    let (form, text) = (found.form, parameters.text(&found.connection_id_text));
    let sql = format!(
        "SELECT {} FROM {} WHERE {} AND remote_network_id IN {network} AND connector_id IN {connector}
             AND CAST(connection_id_form, 'Int8') = {form} AND connection_id_high IN {high} AND connection_id_low IN {low}
             AND connection_id_text = {text}
         ORDER BY _kafka_source, _kafka_partition, _kafka_offset
         LIMIT 1 BY toUnixTimestamp64Milli(end_time), event_id_tail LIMIT 100",
        ConnectionRow::COLUMN_NAMES.join(", "),
        table.name(),
        within(tenant, range, &mut parameters)
    );
    let rows: Vec<ConnectionRow> = clickhouse.within(parameters.query(clickhouse, &sql).fetch_all()).await?;
    rows.into_iter().map(ConnectionRow::into_event).collect()
}
