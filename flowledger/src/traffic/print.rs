//! Answers as tables for people, and as one JSON object a line. Names may hold anything: control characters are shown escaped.

use clickhouse_io::traffic::{Findings, Group, Named, Open, Series, Top};
use console::Networks;
use schemas::connection_event::ConnectionEvent;
use serde_json::{Map, Value, json};
use traffic_query::time_range::rfc3339;
use traffic_query::{Dimension, InsightQuery, SeriesQuery, TopQuery};

use crate::output::{line, plain, table};

/// What stands for the groups that are not named.
const OTHERS: &str = "(others)";

pub(super) fn connections(events: Vec<ConnectionEvent>, networks: &Networks, as_json: bool) -> std::io::Result<()> {
    if as_json {
        return event_objects(events, networks);
    }
    line(&table(&EVENT_HEAD.map(str::to_owned), events.iter().map(|event| event_row(event).into())))
}

/// Events of one connection: as in a list, and where the client was.
pub(super) fn connection(events: Vec<ConnectionEvent>, networks: &Networks, as_json: bool) -> std::io::Result<()> {
    if as_json {
        return event_objects(events, networks);
    }
    let head = EVENT_HEAD.into_iter().chain(["LOCATION"]).map(str::to_owned);
    let rows = events.iter().map(|event| {
        let location = event.location.as_ref().map(|it| [&it.city, &it.region, &it.country]);
        let known: Vec<&str> = location.into_iter().flatten().flatten().map(String::as_str).collect();
        event_row(event).into_iter().chain([plain(&known.join(", "))]).collect()
    });
    line(&table(&head.collect::<Vec<_>>(), rows))
}

fn event_objects(events: Vec<ConnectionEvent>, networks: &Networks) -> std::io::Result<()> {
    events.into_iter().try_for_each(|event| line(&console::connection_json(event, networks).to_string()))
}

const EVENT_HEAD: [&str; 10] =
    ["END", "STATUS", "WHO", "RESOURCE", "NETWORK", "CONNECTOR", "VIA", "SENT", "RECEIVED", "EVENT"];

/// Cells under [`EVENT_HEAD`].
fn event_row(event: &ConnectionEvent) -> [String; 10] {
    let user = event.user.as_ref().map(|it| it.email.as_str());
    let account = event.service_account.as_ref().map(|it| it.name.as_str());
    let port = if event.resource_port == 0 { String::new() } else { format!(":{}", event.resource_port) };
    [
        rfc3339(event.end_time),
        event.status().map_or("OPENED", |status| status.report_name()).to_owned(),
        plain(user.or(account).unwrap_or_default()),
        plain(&format!("{}{port}", event.resource_address)),
        plain(&event.remote_network_name),
        plain(&event.connector_name),
        event.protocol.name().to_owned(),
        event.bytes_transferred.to_string(),
        event.bytes_received.to_string(),
        event.event_id.to_string(),
    ]
}

pub(super) fn open(open: Open, networks: &Networks, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let connections = console::open_json(open, networks)["connections"].take();
        let each = connections.as_array().into_iter().flatten();
        return Ok(each.map(ToString::to_string).try_for_each(|text| line(&text))?);
    }
    let head = ["OPENED", "WHO", "RESOURCE", "NETWORK", "CONNECTOR", "VIA", "CLIENT", "CONNECTION"];
    let rows = open.connections.into_iter().map(|it| {
        let (_, who) = it.user.or(it.service_account).unwrap_or_default();
        vec![
            rfc3339(it.opened_at),
            plain(&who),
            plain(&it.resource.1),
            plain(&it.remote_network.1),
            it.connector.to_string(),
            it.protocol.name().to_owned(),
            it.client_ip.map(|ip| plain(&networks.described(ip))).unwrap_or_default(),
            plain(&it.connection_id),
        ]
    });
    Ok(line(&table(&head.map(str::to_owned), rows))?)
}

pub(super) fn top(query: &TopQuery, top: &Top, networks: &Networks, as_json: bool) -> std::io::Result<()> {
    let others = top.others.iter().map(|values| (None, values));
    let groups = top.groups.iter().map(|Group { keys, values }| (Some(keys), values)).chain(others);
    if as_json {
        let mut objects = groups.map(|(keys, values)| object(query, keys, values, None, networks));
        return objects.try_for_each(|object| line(&object.to_string()));
    }
    let rows = groups.map(|(keys, values)| keys_of(query, keys, networks).into_iter().chain(texts(values)).collect());
    line(&table(&head(query, None), rows))
}

pub(super) fn series(query: &SeriesQuery, series: &Series, networks: &Networks, as_json: bool) -> std::io::Result<()> {
    let groups = query.groups();
    let points = series.lines.iter().flat_map(|it| {
        let values = series.starts.iter().zip(&it.values);
        values.map(move |(start, values)| (rfc3339(*start), it.keys.as_ref(), values))
    });
    if as_json {
        let mut objects = points.map(|(start, keys, values)| object(groups, keys, values, Some(start), networks));
        return objects.try_for_each(|object| line(&object.to_string()));
    }
    // Zeros say nothing to a reader of lines.
    let points = points.filter(|(_, _, values)| values.iter().any(|value| *value != 0));
    let rows = points.map(|(start, keys, values)| {
        std::iter::once(start).chain(keys_of(groups, keys, networks)).chain(texts(values)).collect()
    });
    line(&table(&head(groups, Some("START")), rows))
}

pub(super) fn findings(
    query: &InsightQuery,
    found: Findings,
    networks: &Networks,
    as_json: bool,
) -> std::io::Result<()> {
    if as_json {
        let findings = console::findings_json(query, found, networks)["findings"].take();
        let each = findings.as_array().into_iter().flatten();
        return each.map(ToString::to_string).try_for_each(|text| line(&text));
    }
    let insight = query.insight();
    let dimensions = insight.subject().iter().map(|it| it.name());
    let names = dimensions.chain(insight.values().iter().copied()).chain(["seen_at", "examples"]);
    let rows = found.findings.into_iter().map(|it| {
        let subject = insight.subject().iter().zip(&it.subject);
        let subject = subject.map(|(dimension, key)| plain(&networks.described_key(*dimension, key)));
        let values = it.values.iter().map(ToString::to_string);
        let rest = [it.seen_at.map(rfc3339).unwrap_or_default(), plain(&it.examples.join(", "))];
        subject.chain(values).chain(rest).collect()
    });
    line(&table(&names.map(str::to_uppercase).collect::<Vec<_>>(), rows))
}

pub(super) fn names(names: &[Named], as_json: bool) -> std::io::Result<()> {
    if as_json {
        return names.iter().try_for_each(|it| line(&json!({ "id": it.id, "name": it.name }).to_string()));
    }
    let rows = names.iter().map(|it| vec![plain(&it.id), plain(&it.name)]);
    line(&table(&["ID", "NAME"].map(str::to_owned), rows))
}

fn head(query: &TopQuery, first: Option<&str>) -> Vec<String> {
    let keys = query.by().iter().map(|it| it.name());
    let values = query.measures().iter().map(|it| it.name());
    first.into_iter().chain(keys).chain(values).map(str::to_uppercase).collect()
}

fn keys_of(query: &TopQuery, keys: Option<&Vec<String>>, networks: &Networks) -> Vec<String> {
    let key_of = |(dimension, key): (&Dimension, &String)| {
        if key.is_empty() { "-".to_owned() } else { plain(&networks.described_key(*dimension, key)) }
    };
    let named = |keys: &Vec<String>| query.by().iter().zip(keys).map(key_of).collect();
    keys.map_or_else(|| query.by().iter().map(|_| OTHERS.to_owned()).collect(), named)
}

fn texts(values: &[u128]) -> impl Iterator<Item = String> {
    values.iter().map(ToString::to_string)
}

/// An object of start, keys and values by their names; without keys it is that of all other groups.
fn object(
    query: &TopQuery,
    keys: Option<&Vec<String>>,
    values: &[u128],
    start: Option<String>,
    networks: &Networks,
) -> Value {
    let mut object = Map::new();
    object.extend(start.map(|start| ("start".to_owned(), Value::from(start))));
    let network = keys.and_then(|keys| networks.of_keys(query.by(), keys));
    object.extend(network.map(|network| ("client_network".to_owned(), json!(network))));
    let keys = query.by().iter().zip(keys.into_iter().flatten());
    object.extend(keys.map(|(dimension, key)| (dimension.name().to_owned(), Value::from(key.as_str()))));
    let values = query.measures().iter().zip(values);
    object.extend(values.map(|(measure, value)| (measure.name().to_owned(), json!(value))));
    Value::from(object)
}
