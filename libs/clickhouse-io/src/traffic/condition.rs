//! The filter as a condition over the columns of `connections`.

use schemas::connection_event::{ConnectionStatus, Protocol, TunnelPath};
use schemas::ids::Tenant;
use schemas::times::Moment;
use traffic_query::{AddressRange, Field, TrafficFilter};

use super::parameters::Parameters;
use crate::pieces::hours_of;

/// In the order of their numbers in the tables, from 1.
const PROTOCOLS: [Protocol; 3] = [Protocol::Tcp, Protocol::Udp, Protocol::Icmp];

/// When an event was, in the tables of events.
pub(crate) const END_TIME: &str = "end_time";
/// The hours of a range `[from, to)` of end times.
pub(super) fn hours(from: Moment, to: Moment, parameters: &mut Parameters) -> String {
    let (first, last) = hours_of(from, to);
    let (first, last) = (parameters.number(first), parameters.number(last));
    format!("toStartOfHour({END_TIME}) BETWEEN toDateTime({first}, 'UTC') AND toDateTime({last}, 'UTC')")
}

/// True where what was asked for is a name: what `parse_bare_address` of `schemas` takes for none. The engine's functions also take numbers with
/// leading zeros in what is written with dots, which no address has.
pub(super) const IS_NAME: &str = "(resource_address != '' AND NOT (
    (isIPv4String(resource_address) OR isIPv6String(resource_address))
    AND NOT match(resource_address, '(^|[.:])0[0-9]+[.]|[.]0[0-9]')))";

/// True where a name did not resolve.
pub(crate) fn is_dns_error() -> String {
    format!("(event_type = 'failed_to_connect' AND resource_ip IS NULL AND {IS_NAME})")
}

/// What of a tenant's traffic the filter lets through; `time` is the column that its range is over. Of raw rows see
/// [`RawRows`](super::raw_rows::RawRows), which knows copies too.
pub(crate) fn condition(tenant: &Tenant, filter: &TrafficFilter, time: &str, parameters: &mut Parameters) -> String {
    let mut all = of_range(tenant, filter, time, parameters);
    all.extend(of_fields(filter, parameters).map(|(_, condition)| condition));
    all.join(" AND ")
}

/// Whose traffic, and when.
pub(super) fn of_range(
    tenant: &Tenant,
    filter: &TrafficFilter,
    time: &str,
    parameters: &mut Parameters,
) -> Vec<String> {
    let mut all = vec![
        format!("tenant = {}", parameters.text(tenant.as_str())),
        format!("{time} >= {}", parameters.moment(filter.from)),
        format!("{time} < {}", parameters.moment(filter.to)),
    ];
    if time == END_TIME {
        all.push(hours(filter.from, filter.to, parameters));
    }
    all
}

/// What each field says that narrows, but for the range.
pub(super) fn of_fields(filter: &TrafficFilter, parameters: &mut Parameters) -> impl Iterator<Item = (Field, String)> {
    let narrowed = Field::ALL.into_iter().filter(|field| filter.narrows(*field));
    narrowed.filter_map(|field| Some((field, of_field(field, filter, parameters)?)))
}

fn of_field(field: Field, filter: &TrafficFilter, parameters: &mut Parameters) -> Option<String> {
    Some(match field {
        // The range stands first, and a zone chooses nothing.
        Field::From | Field::To | Field::Zone => return None,
        Field::RemoteNetworks => {
            format!("remote_network_id IN {}", parameters.ids(filter.remote_networks.iter().map(|it| it.get())))
        }
        Field::Users if filter.narrows(Field::ServiceAccounts) => {
            format!("({} OR {})", users(filter, parameters), service_accounts(filter, parameters))
        }
        Field::Users => users(filter, parameters),
        Field::ServiceAccounts if filter.narrows(Field::Users) => return None,
        Field::ServiceAccounts => service_accounts(filter, parameters),
        Field::Resources => format!("resource_id IN {}", parameters.ids(filter.resources.iter().map(|it| it.get()))),
        Field::AppliedRules => format!("applied_rule IN {}", parameters.texts(filter.applied_rules.iter().cloned())),
        Field::Connectors => {
            format!("connector_id IN {}", parameters.ids(filter.connectors.iter().map(|it| it.get())))
        }
        Field::Devices => format!("device_id IN {}", parameters.ids(filter.devices.iter().map(|it| it.get()))),
        Field::Protocols => {
            let codes = (1..).zip(PROTOCOLS).filter(|(_, protocol)| filter.protocols.contains(protocol));
            format!("CAST(protocol, 'Int8') IN {}", parameters.codes(codes.map(|(code, _)| code)))
        }
        Field::Ports => any(filter.ports.iter().map(|range| {
            let (first, last) = (parameters.number(range.first().into()), parameters.number(range.last().into()));
            format!("resource_port BETWEEN {first} AND {last}")
        })),
        Field::Statuses => any(filter.statuses.iter().map(|status| of_status(*status))),
        Field::TunnelPaths => {
            let code = |path: &TunnelPath| match path {
                TunnelPath::Unknown => 0,
                TunnelPath::Direct => 1,
                TunnelPath::Relay => 2,
            };
            format!("CAST(tunnel_path, 'Int8') IN {}", parameters.codes(filter.tunnel_paths.iter().map(code)))
        }
        Field::Countries => format!("country IN {}", parameters.texts(filter.countries.iter().cloned())),
        Field::ClientAddresses => any(filter.client_addresses.iter().map(|it| between("client_ip", *it, parameters))),
        Field::ResourceAddresses => {
            any(filter.resource_addresses.iter().map(|it| between("resource_ip", *it, parameters)))
        }
        Field::Addresses => any(filter
            .addresses
            .iter()
            .flat_map(|it| ["client_ip", "resource_ip"].map(|column| (column, *it)))
            .map(|(column, range)| between(column, range, parameters))),
        Field::Domain => {
            let text = parameters.text(filter.domain.as_deref().unwrap_or_default());
            format!("positionCaseInsensitiveUTF8(resource_address, {text}) > 0 AND {IS_NAME}")
        }
    })
}

/// A protocol by its number in the tables.
pub(super) fn protocol_of(code: i8) -> Protocol {
    (1..).zip(PROTOCOLS).find(|(known, _)| *known == code).map_or(Protocol::Unknown, |(_, protocol)| protocol)
}

fn users(filter: &TrafficFilter, parameters: &mut Parameters) -> String {
    format!("user_id IN {}", parameters.ids(filter.users.iter().map(|it| it.get())))
}

fn service_accounts(filter: &TrafficFilter, parameters: &mut Parameters) -> String {
    format!("service_account_id IN {}", parameters.ids(filter.service_accounts.iter().map(|it| it.get())))
}

fn of_status(status: ConnectionStatus) -> String {
    match status {
        ConnectionStatus::Normal => "event_type = 'closed_connection'".to_owned(),
        ConnectionStatus::AccessDenied => "event_type = 'denied_access'".to_owned(),
        ConnectionStatus::DnsError => is_dns_error(),
        ConnectionStatus::ConnectionFailed => format!("(event_type = 'failed_to_connect' AND NOT {})", is_dns_error()),
    }
}

fn between(column: &str, range: AddressRange, parameters: &mut Parameters) -> String {
    let (first, last) = (parameters.address(range.first()), parameters.address(range.last()));
    format!("{column} BETWEEN {first} AND {last}")
}

fn any(conditions: impl Iterator<Item = String>) -> String {
    format!("({})", conditions.collect::<Vec<_>>().join(" OR "))
}
