//! Traffic as a table, the plain way: all connections of a group in a list, and what each measure is of over it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use schemas::connection_event::{ConnectionEvent, ConnectionStatus, TunnelPath};
use schemas::times::Moment;
use traffic_query::{Dimension, Measure, TableQuery};

use super::quoted;

/// Facts in the order of the report, each with what became of it.
type Facts<'a> = [(&'a ConnectionEvent, ConnectionStatus)];
/// A number, or what is not there before all numbers; or a text.
type Key = (Option<u64>, String);
/// By beginning of the bucket and keys.
type Groups<'a> = BTreeMap<(i64, Vec<Key>), Vec<(&'a ConnectionEvent, ConnectionStatus)>>;

pub(crate) fn table(facts: &Facts<'_>, query: &TableQuery, zone: &TimeZone) -> String {
    let mut groups = Groups::new();
    let mut newest: BTreeMap<(usize, Key), &ConnectionEvent> = BTreeMap::new();
    for (event, status) in facts {
        let keys: Vec<Key> = query.by().iter().map(|by| key(event, *status, *by)).collect();
        newest.extend(keys.iter().cloned().enumerate().map(|key| (key, *event)));
        groups.entry((bucket(event.end_time, query, zone), keys)).or_default().push((*event, *status));
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    // Stable: groups with equally much stay in the order of their keys.
    groups.sort_by_key(|((bucket, _), group)| (*bucket, std::cmp::Reverse(measure(group, query.measures()[0]))));
    let lines = groups.into_iter().map(|((bucket, keys), group)| {
        let mut cells = Vec::new();
        if query.bucket().is_some() {
            let mut time = Vec::new();
            super::append_time(&mut time, Moment::from_micros(bucket));
            cells.push(String::from_utf8(time).unwrap());
        }
        for (place, (by, key)) in query.by().iter().zip(keys).enumerate() {
            let (number, text) = key.clone();
            cells.extend(name(newest[&(place, key)], *by));
            let is_port_0 = *by == Dimension::Port && number == Some(0);
            cells.push(number.filter(|_| !is_port_0).map_or(text, |number| number.to_string()));
        }
        let values = query.measures().iter().map(|it| measure(&group, *it));
        cells.extend(values.map(|value| value.map_or_else(String::new, |value| value.to_string())));
        cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\n"
    });
    lines.collect()
}

fn bucket(end: Moment, query: &TableQuery, zone: &TimeZone) -> i64 {
    let starts = |bucket: traffic_query::Bucket| bucket.starts(end, Moment::from_micros(end.as_micros() + 1), zone);
    query.bucket().map_or(0, |bucket| starts(bucket).unwrap().last().unwrap().as_micros().max(0))
}

fn key(event: &ConnectionEvent, status: ConnectionStatus, by: Dimension) -> Key {
    let text = match by {
        Dimension::RemoteNetwork => return (Some(event.remote_network_id.get()), String::new()),
        Dimension::User => return (event.user.as_ref().map(|it| it.id.get()), String::new()),
        Dimension::ServiceAccount => return (event.service_account.as_ref().map(|it| it.id.get()), String::new()),
        Dimension::Resource => return (Some(event.resource_id.get()), String::new()),
        Dimension::Connector => return (Some(event.connector_id.get()), String::new()),
        Dimension::Device => return (event.device_id.map(schemas::ids::DeviceId::get), String::new()),
        Dimension::Port => return (Some(event.resource_port.into()), String::new()),
        Dimension::AppliedRule => event.applied_rule.clone(),
        Dimension::Protocol => event.protocol.name().to_owned(),
        Dimension::Status => status.report_name().to_owned(),
        Dimension::TunnelPath => if event.tunnel_path == TunnelPath::Direct { "direct" } else { "relay" }.to_owned(),
        Dimension::Country => event.location.as_ref().and_then(|it| it.country.clone()).unwrap_or_default(),
        Dimension::ClientAddress => event.client_ip.map(|ip| ip.to_string()).unwrap_or_default(),
        Dimension::Address => event.resource_address.clone(),
    };
    (None, text)
}

fn name(event: &ConnectionEvent, by: Dimension) -> Option<String> {
    match by {
        Dimension::RemoteNetwork => Some(event.remote_network_name.clone()),
        Dimension::User => Some(event.user.as_ref().map(|it| it.email.clone()).unwrap_or_default()),
        Dimension::ServiceAccount => Some(event.service_account.as_ref().map(|it| it.name.clone()).unwrap_or_default()),
        Dimension::Resource if event.applied_rule.is_empty() => Some(event.resource_address.clone()),
        Dimension::Resource => Some(event.applied_rule.clone()),
        Dimension::Connector => Some(event.connector_name.clone()),
        _ => None,
    }
}

fn measure(group: &Facts<'_>, measure: Measure) -> Option<u128> {
    let of = |wanted| group.iter().filter(|(_, status)| *status == wanted).count() as u128;
    let succeeded = || group.iter().filter(|(_, status)| *status == ConnectionStatus::Normal).map(|(event, _)| *event);
    let not_denied =
        || group.iter().filter(|(_, status)| *status != ConnectionStatus::AccessDenied).map(|(event, _)| *event);
    let received = || succeeded().map(|event| u128::from(event.bytes_received)).sum::<u128>();
    let transferred = || succeeded().map(|event| u128::from(event.bytes_transferred)).sum::<u128>();
    let duration = |hundredths: usize| {
        let mut all: Vec<_> = succeeded().map(|it| it.end_time.as_micros() - it.start_time.as_micros()).collect();
        all.sort_unstable();
        all.get(all.len() * hundredths / 100).map(|it| u128::try_from(*it).unwrap())
    };
    Some(match measure {
        Measure::Events => group.len() as u128,
        Measure::Connections => not_denied().count() as u128,
        Measure::Succeeded => of(ConnectionStatus::Normal),
        Measure::FailedDns => of(ConnectionStatus::DnsError),
        Measure::FailedOther => of(ConnectionStatus::ConnectionFailed),
        Measure::Denied => of(ConnectionStatus::AccessDenied),
        Measure::Bytes => received() + transferred(),
        Measure::BytesReceived => received(),
        Measure::BytesTransferred => transferred(),
        Measure::Users => {
            not_denied().filter_map(|it| it.user.as_ref()).map(|it| it.id).collect::<BTreeSet<_>>().len() as u128
        }
        Measure::Devices => not_denied().filter_map(|it| it.device_id).collect::<BTreeSet<_>>().len() as u128,
        Measure::ClientAddresses => not_denied().filter_map(|it| it.client_ip).collect::<BTreeSet<_>>().len() as u128,
        Measure::Addresses => not_denied().map(|it| &it.resource_address).collect::<BTreeSet<_>>().len() as u128,
        Measure::DurationP50 => return duration(50),
        Measure::DurationP95 => return duration(95),
    })
}
