//! The filter, of values that have been checked.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use schemas::connection_event::{ConnectionStatus, Protocol, TunnelPath};
use schemas::ids::{ConnectorId, DeviceId, RemoteNetworkId, ResourceId, ServiceAccountId, UserId};
use schemas::times::Moment;

use crate::address_range::AddressRange;
use crate::field::Field;
use crate::port_range::PortRange;

/// Which connections are meant: those that ended, failed or were denied in `[from, to)` and for which every set holds that is not
/// empty. Users and service accounts are one set: a connection has one of the two.
///
/// Copies of a fact count once, and the first one is the fact: it alone is held against the filter, whatever the others say
/// ([`Self::tells_copies_apart_by`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrafficFilter {
    /// First end time.
    pub from: Moment,
    /// First end time after it.
    pub to: Moment,
    /// Zone of days. The range is in UTC already.
    pub zone: TimeZone,
    /// Remote Networks.
    pub remote_networks: BTreeSet<RemoteNetworkId>,
    /// Users.
    pub users: BTreeSet<UserId>,
    /// Service accounts.
    pub service_accounts: BTreeSet<ServiceAccountId>,
    /// Resources.
    pub resources: BTreeSet<ResourceId>,
    /// Resource definitions that matched.
    pub applied_rules: BTreeSet<String>,
    /// Connectors.
    pub connectors: BTreeSet<ConnectorId>,
    /// Devices.
    pub devices: BTreeSet<DeviceId>,
    /// Protocols.
    pub protocols: BTreeSet<Protocol>,
    /// Ports of the Resource; 0 where an event has none.
    pub ports: BTreeSet<PortRange>,
    /// What became of the connection.
    pub statuses: BTreeSet<ConnectionStatus>,
    /// Paths of the tunnel.
    pub tunnel_paths: BTreeSet<TunnelPath>,
    /// Countries of the client, as events give them.
    pub countries: BTreeSet<String>,
    /// Addresses of the client.
    pub client_addresses: BTreeSet<AddressRange>,
    /// Addresses that the Resource was reached at.
    pub resource_addresses: BTreeSet<AddressRange>,
    /// Addresses of either.
    pub addresses: BTreeSet<AddressRange>,
    /// Text in the name that was asked for, in any case. Those asked for by address have no name.
    pub domain: Option<String>,
}

impl Default for TrafficFilter {
    /// Everything.
    fn default() -> Self {
        Self {
            from: Moment::FIRST,
            to: Moment::END,
            zone: TimeZone::UTC,
            remote_networks: BTreeSet::new(),
            users: BTreeSet::new(),
            service_accounts: BTreeSet::new(),
            resources: BTreeSet::new(),
            applied_rules: BTreeSet::new(),
            connectors: BTreeSet::new(),
            devices: BTreeSet::new(),
            protocols: BTreeSet::new(),
            ports: BTreeSet::new(),
            statuses: BTreeSet::new(),
            tunnel_paths: BTreeSet::new(),
            countries: BTreeSet::new(),
            client_addresses: BTreeSet::new(),
            resource_addresses: BTreeSet::new(),
            addresses: BTreeSet::new(),
            domain: None,
        }
    }
}

impl TrafficFilter {
    /// True where the field lets less than everything through. The zone never does.
    #[must_use]
    pub fn narrows(&self, field: Field) -> bool {
        match field {
            Field::From => self.from != Moment::FIRST,
            Field::To => self.to != Moment::END,
            Field::Zone => false,
            Field::RemoteNetworks => !self.remote_networks.is_empty(),
            Field::Users => !self.users.is_empty(),
            Field::ServiceAccounts => !self.service_accounts.is_empty(),
            Field::Resources => !self.resources.is_empty(),
            Field::AppliedRules => !self.applied_rules.is_empty(),
            Field::Connectors => !self.connectors.is_empty(),
            Field::Devices => !self.devices.is_empty(),
            Field::Protocols => !self.protocols.is_empty(),
            Field::Ports => !self.ports.is_empty(),
            Field::Statuses => !self.statuses.is_empty(),
            Field::TunnelPaths => !self.tunnel_paths.is_empty(),
            Field::Countries => !self.countries.is_empty(),
            Field::ClientAddresses => !self.client_addresses.is_empty(),
            Field::ResourceAddresses => !self.resource_addresses.is_empty(),
            Field::Addresses => !self.addresses.is_empty(),
            Field::Domain => self.domain.is_some(),
        }
    }

    /// True where the field may let one copy of a fact through and not another. Copies have the tenant, the Connector, the connection id, the
    /// event type and the millisecond in common: their event id is made of these. All else may differ.
    #[must_use]
    pub fn tells_copies_apart_by(&self, field: Field) -> bool {
        let can_differ = match field {
            Field::From | Field::To | Field::Zone | Field::Connectors => false,
            // By the event type, but for what a failure was.
            Field::Statuses => {
                let is_chosen = |status| self.statuses.contains(&status);
                is_chosen(ConnectionStatus::DnsError) != is_chosen(ConnectionStatus::ConnectionFailed)
            }
            Field::RemoteNetworks
            | Field::Users
            | Field::ServiceAccounts
            | Field::Resources
            | Field::AppliedRules
            | Field::Devices
            | Field::Protocols
            | Field::Ports
            | Field::TunnelPaths
            | Field::Countries
            | Field::ClientAddresses
            | Field::ResourceAddresses
            | Field::Addresses
            | Field::Domain => true,
        };
        can_differ && self.narrows(field)
    }

    /// The same filter, letting everything through in one field.
    #[must_use]
    pub fn without(mut self, field: Field) -> Self {
        let everything = Self::default();
        match field {
            Field::From => self.from = everything.from,
            Field::To => self.to = everything.to,
            Field::Zone => {}
            Field::RemoteNetworks => self.remote_networks.clear(),
            Field::Users => self.users.clear(),
            Field::ServiceAccounts => self.service_accounts.clear(),
            Field::Resources => self.resources.clear(),
            Field::AppliedRules => self.applied_rules.clear(),
            Field::Connectors => self.connectors.clear(),
            Field::Devices => self.devices.clear(),
            Field::Protocols => self.protocols.clear(),
            Field::Ports => self.ports.clear(),
            Field::Statuses => self.statuses.clear(),
            Field::TunnelPaths => self.tunnel_paths.clear(),
            Field::Countries => self.countries.clear(),
            Field::ClientAddresses => self.client_addresses.clear(),
            Field::ResourceAddresses => self.resource_addresses.clear(),
            Field::Addresses => self.addresses.clear(),
            Field::Domain => self.domain = None,
        }
        self
    }

    /// The same filter over another range.
    #[must_use]
    pub fn within(&self, from: Moment, to: Moment) -> Self {
        Self { from, to, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_told_apart_by_what_is_no_part_of_their_event_id() {
        let apart = |filter: &TrafficFilter| -> Vec<Field> {
            Field::ALL.into_iter().filter(|field| filter.tells_copies_apart_by(*field)).collect()
        };
        let everything = TrafficFilter::default();
        assert_eq!(apart(&everything), []);
        let of_fact = TrafficFilter { connectors: ["7".parse().unwrap()].into(), ..everything.clone() };
        assert_eq!(apart(&of_fact.within(Moment::from_millis(1), Moment::from_millis(2))), []);
        let of_place = TrafficFilter { countries: ["DE".to_owned()].into(), ..of_fact };
        assert_eq!(apart(&of_place), [Field::Countries]);
        let of = |statuses: &[ConnectionStatus]| TrafficFilter {
            statuses: statuses.iter().copied().collect(),
            ..everything.clone()
        };
        let (dns, failed) = (ConnectionStatus::DnsError, ConnectionStatus::ConnectionFailed);
        assert_eq!(apart(&of(&[ConnectionStatus::Normal, ConnectionStatus::AccessDenied])), []);
        assert_eq!(apart(&of(&[dns, failed])), []);
        assert_eq!(apart(&of(&[dns])), [Field::Statuses]);
        assert_eq!(apart(&of(&[ConnectionStatus::Normal, failed])), [Field::Statuses]);
    }
}
