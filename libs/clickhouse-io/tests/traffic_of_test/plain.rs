//! The same answers over a list of events, as plainly as they can be had.

use std::collections::{BTreeMap, BTreeSet};

use clickhouse_io::traffic::Line;
use schemas::connection_event::{ConnectionEvent, ConnectionStatus, EventType, TunnelPath, asked_domain};
use traffic_query::{Dimension, Measure, SeriesQuery, TopQuery, TrafficFilter};

/// An event, and where it lay on Kafka.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) event: ConnectionEvent,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

pub(crate) type Facts<'a> = Vec<&'a ConnectionEvent>;

fn holds<T: Ord>(set: &BTreeSet<T>, value: Option<&T>) -> bool {
    set.is_empty() || value.is_some_and(|value| set.contains(value))
}

fn passes(filter: &TrafficFilter, event: &ConnectionEvent) -> bool {
    let user = event.user.as_ref().map(|it| it.id);
    let account = event.service_account.as_ref().map(|it| it.id);
    let who = (filter.users.is_empty() && filter.service_accounts.is_empty())
        || user.is_some_and(|it| filter.users.contains(&it))
        || account.is_some_and(|it| filter.service_accounts.contains(&it));
    let domain = asked_domain(&event.resource_address).to_lowercase();
    let in_any = |ranges: &BTreeSet<traffic_query::AddressRange>, address: Option<schemas::addresses::Address>| {
        ranges.is_empty() || address.is_some_and(|address| ranges.iter().any(|range| range.contains(address)))
    };
    (filter.from..filter.to).contains(&event.end_time)
        && who
        && holds(&filter.remote_networks, Some(&event.remote_network_id))
        && holds(&filter.resources, Some(&event.resource_id))
        && holds(&filter.applied_rules, Some(&event.applied_rule))
        && holds(&filter.connectors, Some(&event.connector_id))
        && holds(&filter.devices, event.device_id.as_ref())
        && holds(&filter.protocols, Some(&event.protocol))
        && (filter.ports.is_empty() || filter.ports.iter().any(|range| range.contains(event.resource_port)))
        && holds(&filter.statuses, event.status().as_ref())
        && holds(&filter.tunnel_paths, Some(&event.tunnel_path))
        && holds(&filter.countries, event.location.as_ref().and_then(|it| it.country.as_ref()))
        && in_any(&filter.client_addresses, event.client_ip)
        && in_any(&filter.resource_addresses, event.resource_ip)
        && (in_any(&filter.addresses, event.client_ip) || in_any(&filter.addresses, event.resource_ip))
        && filter.domain.as_ref().is_none_or(|text| !domain.is_empty() && domain.contains(&text.to_lowercase()))
}

/// Each event once: of copies the one with the lowest partition and offset, whatever the others say.
fn first_of_copies(all: &[Stored]) -> Facts<'_> {
    let mut all: Vec<&Stored> = all.iter().collect();
    all.sort_by_key(|it| (it.partition, it.offset));
    let mut seen = BTreeSet::new();
    all.into_iter().map(|it| &it.event).filter(|event| seen.insert(event.event_id)).collect()
}

/// What the filter lets through: copies are dropped, and then it is asked.
pub(crate) fn facts<'a>(all: &'a [Stored], filter: &TrafficFilter) -> Facts<'a> {
    let mut facts = first_of_copies(all);
    facts.retain(|event| event.status().is_some() && passes(filter, event));
    facts
}

/// How many facts have a copy that the filter would let through, and are not among these.
pub(crate) fn left_out(all: &[Stored], filter: &TrafficFilter, facts: &Facts<'_>) -> usize {
    let ended = all.iter().map(|it| &it.event).filter(|event| event.status().is_some() && passes(filter, event));
    ended.map(|event| event.event_id).collect::<BTreeSet<_>>().len() - facts.len()
}

pub(crate) fn newest_first(facts: &Facts<'_>) -> Vec<ConnectionEvent> {
    let mut facts = facts.clone();
    facts.sort_by_key(|event| std::cmp::Reverse(event.event_id));
    facts.into_iter().cloned().collect()
}

pub(crate) fn key(event: &ConnectionEvent, dimension: Dimension) -> String {
    match dimension {
        Dimension::RemoteNetwork => event.remote_network_id.to_string(),
        Dimension::User => event.user.as_ref().map(|it| it.id.to_string()).unwrap_or_default(),
        Dimension::ServiceAccount => event.service_account.as_ref().map(|it| it.id.to_string()).unwrap_or_default(),
        Dimension::Resource => event.resource_id.to_string(),
        Dimension::AppliedRule => event.applied_rule.clone(),
        Dimension::Connector => event.connector_id.to_string(),
        Dimension::Device => event.device_id.map(|it| it.to_string()).unwrap_or_default(),
        Dimension::Protocol => event.protocol.name().to_owned(),
        Dimension::Port => event.resource_port.to_string(),
        Dimension::Status => event.status().map(ConnectionStatus::report_name).unwrap_or_default().to_owned(),
        Dimension::TunnelPath => if event.tunnel_path == TunnelPath::Direct { "direct" } else { "relay" }.to_owned(),
        Dimension::Country => event.location.as_ref().and_then(|it| it.country.clone()).unwrap_or_default(),
        Dimension::ClientAddress => event.client_ip.map(|it| it.to_string()).unwrap_or_default(),
        Dimension::Address => event.resource_address.clone(),
    }
}

fn measure(facts: &Facts<'_>, measure: Measure) -> u128 {
    let count = |status: ConnectionStatus| facts.iter().filter(|it| it.status() == Some(status)).count() as u128;
    let normal = || facts.iter().filter(|it| it.status() == Some(ConnectionStatus::Normal));
    let not_denied = || facts.iter().filter(|it| it.status() != Some(ConnectionStatus::AccessDenied));
    let received = || normal().map(|it| u128::from(it.bytes_received)).sum::<u128>();
    let transferred = || normal().map(|it| u128::from(it.bytes_transferred)).sum::<u128>();
    let duration = |percent: usize| {
        let mut all: Vec<i64> = normal().map(|it| it.end_time.as_micros() - it.start_time.as_micros()).collect();
        all.sort_unstable();
        all.get(all.len() * percent / 100).map_or(0, |it| u128::try_from(*it).unwrap())
    };
    match measure {
        Measure::Events => facts.len() as u128,
        Measure::Connections => not_denied().count() as u128,
        Measure::Succeeded => count(ConnectionStatus::Normal),
        Measure::FailedDns => count(ConnectionStatus::DnsError),
        Measure::FailedOther => count(ConnectionStatus::ConnectionFailed),
        Measure::Denied => count(ConnectionStatus::AccessDenied),
        Measure::Bytes => received() + transferred(),
        Measure::BytesReceived => received(),
        Measure::BytesTransferred => transferred(),
        Measure::Users => {
            not_denied().filter_map(|it| it.user.as_ref()).map(|it| it.id).collect::<BTreeSet<_>>().len() as u128
        }
        Measure::Devices => not_denied().filter_map(|it| it.device_id).collect::<BTreeSet<_>>().len() as u128,
        Measure::ClientAddresses => not_denied().filter_map(|it| it.client_ip).collect::<BTreeSet<_>>().len() as u128,
        Measure::Addresses => not_denied().map(|it| &it.resource_address).collect::<BTreeSet<_>>().len() as u128,
        Measure::DurationP50 => duration(50),
        Measure::DurationP95 => duration(95),
    }
}

pub(crate) fn measures(facts: &Facts<'_>, wanted: &[Measure]) -> Vec<u128> {
    wanted.iter().map(|it| measure(facts, *it)).collect()
}

fn grouped<'a>(facts: &Facts<'a>, query: &TopQuery) -> Vec<(Vec<String>, Facts<'a>)> {
    let mut groups: BTreeMap<Vec<String>, Facts<'a>> = BTreeMap::new();
    // Asked for the connections of addresses alone, one that was only denied is none of them.
    let of_addresses = query.by().contains(&Dimension::Address)
        && query.measures().iter().all(|measure| *measure == Measure::Connections);
    let counts = |event: &&&ConnectionEvent| !of_addresses || event.status() != Some(ConnectionStatus::AccessDenied);
    for event in facts.iter().filter(counts) {
        groups.entry(query.by().iter().map(|it| key(event, *it)).collect()).or_default().push(event);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, facts)| std::cmp::Reverse(measure(facts, query.measures()[0])));
    groups
}

type Groups = Vec<(Vec<String>, Vec<u128>)>;

pub(crate) fn top(facts: &Facts<'_>, query: &TopQuery) -> (Groups, Option<Vec<u128>>) {
    let groups = grouped(facts, query);
    let (first, rest) = groups.split_at(groups.len().min(query.limit() as usize));
    let others: Facts<'_> = rest.iter().flat_map(|(_, facts)| facts.iter().copied()).collect();
    let first = first.iter().map(|(keys, facts)| (keys.clone(), measures(facts, query.measures()))).collect();
    (first, (!rest.is_empty()).then(|| measures(&others, query.measures())))
}

/// Events by each value of a dimension, most first, and those of all others: what would be left if it alone were chosen there.
pub(crate) fn facet(
    all: &[Stored],
    filter: &TrafficFilter,
    of: Dimension,
    limit: usize,
) -> (Groups, Option<Vec<u128>>) {
    let mut open = filter.clone();
    match of {
        Dimension::RemoteNetwork => open.remote_networks.clear(),
        Dimension::User | Dimension::ServiceAccount => {
            open.users.clear();
            open.service_accounts.clear();
        }
        Dimension::Resource => open.resources.clear(),
        Dimension::AppliedRule => open.applied_rules.clear(),
        Dimension::Connector => open.connectors.clear(),
        Dimension::Device => open.devices.clear(),
        Dimension::Protocol => open.protocols.clear(),
        Dimension::Port => open.ports.clear(),
        Dimension::Status => open.statuses.clear(),
        Dimension::TunnelPath => open.tunnel_paths.clear(),
        Dimension::Country => open.countries.clear(),
        Dimension::ClientAddress => open.client_addresses.clear(),
        Dimension::Address => open.domain = None,
    }
    let mut counts: BTreeMap<String, u128> = BTreeMap::new();
    facts(all, &open).into_iter().for_each(|event| *counts.entry(key(event, of)).or_default() += 1);
    let mut counts: Vec<(String, u128)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let rest = counts.split_off(counts.len().min(limit));
    let others = (!rest.is_empty()).then(|| vec![rest.iter().map(|(_, count)| count).sum()]);
    (counts.into_iter().map(|(value, count)| (vec![value], vec![count])).collect(), others)
}

pub(crate) fn series(facts: &Facts<'_>, query: &SeriesQuery) -> Vec<Line> {
    let top = query.groups();
    let line = |keys: Option<Vec<String>>, facts: &Facts<'_>| {
        let starts = query.starts();
        let values = (0..starts.len()).map(|at| {
            let end = starts.get(at + 1).copied().unwrap_or(query.filter().to);
            let within: Facts<'_> =
                facts.iter().copied().filter(|it| (starts[at]..end).contains(&it.end_time)).collect();
            measures(&within, top.measures())
        });
        Line { keys, values: values.collect() }
    };
    if top.by().is_empty() {
        return vec![line(Some(Vec::new()), facts)];
    }
    let groups = grouped(facts, top);
    let (first, rest) = groups.split_at(groups.len().min(top.limit() as usize));
    let mut lines: Vec<Line> = first.iter().map(|(keys, facts)| line(Some(keys.clone()), facts)).collect();
    if !rest.is_empty() {
        lines.push(line(None, &rest.iter().flat_map(|(_, facts)| facts.iter().copied()).collect()));
    }
    lines
}

/// All events of a connection, each fact once, the oldest first.
pub(crate) fn connection(all: &[Stored], of: &ConnectionEvent) -> Vec<ConnectionEvent> {
    let same = |it: &&ConnectionEvent| it.connector_id == of.connector_id && it.connection_id == of.connection_id;
    let events = first_of_copies(all).into_iter().filter(same).map(|event| (event.event_id, event.clone()));
    let events: BTreeMap<_, _> = events.collect();
    // An opening is known by its Connector alone; whoever failed or was denied never was open.
    debug_assert!(events.values().filter(|it| it.event_type != EventType::EstablishedConnection).count() <= 1);
    events.into_values().collect()
}
