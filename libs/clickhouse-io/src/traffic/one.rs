//! One connection with all its events.

use clickhouse::Row;
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::event_id::EventId;
use schemas::ids::Tenant;
use schemas::times::Moment;

use super::condition::hours;
use super::parameters::Parameters;
use super::recent::hex;
use crate::client::ClickHouse;
use crate::connection_id::PackedId;
use crate::error::QueryError;
use crate::rows::ConnectionRow;
use crate::write::EventTable;

const HOUR_MICROS: i64 = 3_600_000_000;
/// An opening and the start that the end tells lie at most this far apart.
const START_SLACK_MICROS: i64 = HOUR_MICROS;
/// How much further ahead each look for an end goes than the one before it.
const GROWTH: i64 = 8;
/// Events may lie this far ahead of the clock.
const AHEAD_MAX_MICROS: i64 = 48 * HOUR_MICROS;

/// All events of the connection that one of them belongs to, the oldest first; none where the tenant has no such event. The id of an
/// event says when it was, so nothing has to be searched for.
///
/// # Errors
/// When ClickHouse refuses or does not answer in time.
pub async fn connection(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    event: EventId,
) -> Result<Vec<ConnectionEvent>, QueryError> {
    let millis = i64::try_from(event.timestamp_ms()).unwrap_or(i64::MAX / 1000);
    let (from, to) = (Moment::from_millis(millis), Moment::from_millis(millis + 1));
    let mut found = None;
    for table in [EventTable::Connections, EventTable::ConnectionOpenings] {
        let mut parameters = Parameters::default();
        let tail = parameters.text(&hex(&event.tail()));
        let condition = format!("event_id_tail = unhex({tail})");
        found = read(clickhouse, tenant, table, (from, to), &condition, parameters).await?.pop();
        if found.is_some() {
            break;
        }
    }
    let Some(found) = found else { return Ok(Vec::new()) };
    let openings = (
        Moment::from_micros(found.start_time.as_micros().saturating_sub(START_SLACK_MICROS)),
        Moment::from_micros(found.end_time.as_micros() + START_SLACK_MICROS),
    );
    let openings = of_connection(clickhouse, tenant, EventTable::ConnectionOpenings, openings, &found);
    let (mut events, ends) = tokio::try_join!(openings, ends(clickhouse, tenant, &found))?;
    events.extend(ends);
    events.sort_by_key(|event| event.event_id);
    Ok(events)
}

/// Ends of the connection. Those of one that is known by its opening are looked for ever further ahead, until there is one.
async fn ends(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    found: &ConnectionEvent,
) -> Result<Vec<ConnectionEvent>, QueryError> {
    let begin = found.start_time.as_micros() - START_SLACK_MICROS;
    let (mut from, mut to) = (begin, found.end_time.as_micros() + START_SLACK_MICROS);
    let end = Moment::now().as_micros() + AHEAD_MAX_MICROS;
    let mut width = HOUR_MICROS;
    loop {
        let range = (Moment::from_micros(from.max(0)), Moment::from_micros(to));
        let events = of_connection(clickhouse, tenant, EventTable::Connections, range, found).await?;
        let is_open = found.event_type == EventType::EstablishedConnection && events.is_empty();
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
    found: &ConnectionEvent,
) -> Result<Vec<ConnectionEvent>, QueryError> {
    let mut parameters = Parameters::default();
    let (form, high, low, text) = PackedId::pack(&found.connection_id).columns();
    let network = parameters.ids([found.remote_network_id.get()]);
    let connector = parameters.ids([found.connector_id.get()]);
    let (high, low, text) = (parameters.ids([high]), parameters.ids([low]), parameters.text(text));
    // A Connector lies in one Remote Network: what the table is partitioned and sorted by.
    let condition = format!(
        "remote_network_id IN {network} AND connector_id IN {connector} AND CAST(connection_id_form, 'Int8') = {form}
         AND connection_id_high IN {high} AND connection_id_low IN {low} AND connection_id_text = {text}"
    );
    read(clickhouse, tenant, table, range, &condition, parameters).await
}

async fn read(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    table: EventTable,
    (from, to): (Moment, Moment),
    condition: &str,
    mut parameters: Parameters,
) -> Result<Vec<ConnectionEvent>, QueryError> {
    let tenant = parameters.text(tenant.as_str());
    let hours = hours(from, to, &mut parameters);
    let (from, to) = (parameters.moment(from), parameters.moment(to));
    let sql = format!(
        "SELECT {} FROM {} WHERE tenant = {tenant} AND {hours} AND end_time >= {from} AND end_time < {to} AND {condition}
         ORDER BY _kafka_source, _kafka_partition, _kafka_offset
         LIMIT 1 BY toUnixTimestamp64Milli(end_time), event_id_tail LIMIT 100",
        ConnectionRow::COLUMN_NAMES.join(", "),
        table.name()
    );
    let rows: Vec<ConnectionRow> = clickhouse.within(parameters.query(clickhouse, &sql).fetch_all()).await?;
    rows.into_iter().map(ConnectionRow::into_event).collect()
}
