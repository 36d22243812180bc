//! Summary and User activity, the plain way: all connections of a group in a list, and sentences of the contract over it.

use std::collections::{BTreeMap, BTreeSet};

use schemas::connection_event::{ConnectionEvent, ConnectionStatus, TunnelPath};

use super::quoted;

/// Facts in the order of the report, none of them denied, each with what became of it.
type Connections<'a> = [(&'a ConnectionEvent, ConnectionStatus)];

pub(crate) fn summary(connections: &Connections<'_>) -> String {
    let lines = grouped(connections, |event| Some(event.resource_id.get())).into_iter().map(|(id, group)| {
        let (newest, _) = group[group.len() - 1];
        let shown = if newest.applied_rule.is_empty() { &newest.resource_address } else { &newest.applied_rule };
        let used: BTreeSet<_> = group.iter().map(|(event, _)| event.protocol.name()).collect();
        let used: Vec<_> = ["tcp", "udp", "icmp"].into_iter().filter(|name| used.contains(name)).collect();
        let asked = group.iter().map(|(event, _)| event.resource_address.clone()).filter(|asked| !asked.is_empty());
        let mut cells = vec![id.to_string(), shown.clone(), newest.remote_network_name.clone()];
        cells.push(newest.remote_network_id.to_string());
        cells.extend(counts(&group));
        cells.push(used.join(";"));
        cells.extend(percents(&group));
        cells.push(top_ten(asked));
        line(&cells)
    });
    lines.collect()
}

pub(crate) fn users(connections: &Connections<'_>) -> String {
    let groups = grouped(connections, |event| event.user.as_ref().map(|user| user.id.get()));
    let lines = groups.into_iter().map(|(_, group)| {
        let (newest, _) = group[group.len() - 1];
        let last = group.iter().rev().find(|(_, status)| *status == ConnectionStatus::Normal);
        let clients = || group.iter().filter_map(|(event, _)| event.client_ip).map(|ip| ip.to_string());
        let mut last_access = Vec::new();
        if let Some((event, _)) = last {
            super::append_time(&mut last_access, event.end_time);
        }
        let mut cells = vec![newest.user.as_ref().unwrap().email.clone(), String::from_utf8(last_access).unwrap()];
        cells.extend(counts(&group));
        cells.extend(percents(&group));
        cells.push(group.iter().filter_map(|(event, _)| event.device_id).collect::<BTreeSet<_>>().len().to_string());
        cells.push(clients().collect::<BTreeSet<_>>().len().to_string());
        cells.push(top_ten(clients()));
        line(&cells)
    });
    lines.collect()
}

fn grouped<'a>(
    connections: &Connections<'a>,
    key: impl Fn(&ConnectionEvent) -> Option<u64>,
) -> Vec<(u64, Vec<(&'a ConnectionEvent, ConnectionStatus)>)> {
    let mut groups: BTreeMap<u64, Vec<_>> = BTreeMap::new();
    for (event, status) in connections {
        if let Some(key) = key(event) {
            groups.entry(key).or_default().push((*event, *status));
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.len()));
    groups
}

fn counts(group: &Connections<'_>) -> Vec<String> {
    let of = |wanted| group.iter().filter(|(_, status)| *status == wanted).count();
    let succeeded = || group.iter().filter(|(_, status)| *status == ConnectionStatus::Normal);
    let (dns, other) = (of(ConnectionStatus::DnsError), of(ConnectionStatus::ConnectionFailed));
    let transferred: u128 = succeeded().map(|(event, _)| u128::from(event.bytes_transferred)).sum();
    let received: u128 = succeeded().map(|(event, _)| u128::from(event.bytes_received)).sum();
    let connections = [group.len(), succeeded().count(), dns + other, dns, other].map(|count| count.to_string());
    let bytes = [transferred + received, transferred, received].map(|sum| sum.to_string());
    connections.into_iter().chain(bytes).collect()
}

fn percents(group: &Connections<'_>) -> [String; 2] {
    let succeeded: Vec<_> = group.iter().filter(|(_, status)| *status == ConnectionStatus::Normal).collect();
    if succeeded.is_empty() {
        return [String::new(), String::new()];
    }
    let relayed = succeeded.iter().filter(|(event, _)| event.tunnel_path != TunnelPath::Direct).count();
    let hundredths = (relayed * 20_000 + succeeded.len()) / (2 * succeeded.len());
    [hundredths, 10_000 - hundredths].map(|share| format!("{}.{:02}", share / 100, share % 100))
}

fn top_ten(values: impl Iterator<Item = String>) -> String {
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    values.for_each(|value| *counted.entry(value).or_default() += 1);
    let mut counted: Vec<_> = counted.into_iter().collect();
    counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counted.truncate(10);
    counted.into_iter().map(|(value, count)| format!("{value} ({count})")).collect::<Vec<_>>().join(";")
}

fn line(cells: &[String]) -> String {
    cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\n"
}
