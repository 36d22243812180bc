//! The query layer's filter in bodies, and as it is shown: its fields under their names, without those of the range.

use schemas::report_request::ReportFilter;
use serde::Serialize;
use utoipa::ToSchema;

/// A body with fields of its own and those that say what of the traffic is wanted. Not by `flatten`: what is wrong would have no name then.
macro_rules! narrowed {
    ($(#[$about:meta])* $name:ident { $($(#[$of_own:meta])* $seen:vis $own:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            $($(#[$of_own])* $seen $own: $type,)*
            /// Ids; empty means all.
            #[serde(default)]
            remote_networks: Vec<String>,
            /// User ids; with service accounts: either. Both empty means all.
            #[serde(default)]
            users: Vec<String>,
            /// Service account ids; with Users: either. Both empty means all.
            #[serde(default)]
            service_accounts: Vec<String>,
            /// Resource ids; empty means all.
            #[serde(default)]
            resources: Vec<String>,
            /// Resource definitions that matched, such as `*.corp.example`; empty means all.
            #[serde(default)]
            applied_rules: Vec<String>,
            /// Connector ids; empty means all.
            #[serde(default)]
            connectors: Vec<String>,
            /// Device ids; empty means all.
            #[serde(default)]
            devices: Vec<String>,
            /// `tcp`, `udp`, `icmp`; empty means all.
            #[serde(default)]
            protocols: Vec<String>,
            /// Ports of the Resource, such as `443` or `8000-8999`; 0 is none. Empty means all.
            #[serde(default)]
            ports: Vec<String>,
            /// `NORMAL`, `DNS_ERROR`, `CONNECTION_FAILED`, `ACCESS_DENIED`; empty means all but the last.
            #[serde(default)]
            statuses: Vec<String>,
            /// `direct`, `relay`; empty means all.
            #[serde(default)]
            tunnel_paths: Vec<String>,
            /// Countries of the client, as events give them; empty means all.
            #[serde(default)]
            countries: Vec<String>,
            /// Addresses and CIDR ranges of the client; empty means all.
            #[serde(default)]
            client_addresses: Vec<String>,
            /// Addresses and CIDR ranges that the Resource was reached at; empty means all.
            #[serde(default)]
            resource_addresses: Vec<String>,
            /// Addresses and CIDR ranges, of the client or of the Resource; empty means all.
            #[serde(default)]
            addresses: Vec<String>,
            /// Text in the name that was asked for, in any case.
            #[serde(default)]
            domain: Option<String>,
            /// Rows for denied attempts too.
            #[serde(default)]
            denied: bool,
        }

        impl $name {
            /// What of the traffic is wanted, held against the query layer's filter.
            ///
            /// # Errors
            /// The field that is wrong.
            fn filter(&mut self) -> Result<schemas::report_request::ReportFilter, $crate::error::Refusal> {
                use traffic_query::Field;

                let mut form = traffic_query::FilterForm::default();
                for (field, values) in [
                    (Field::RemoteNetworks, &mut self.remote_networks),
                    (Field::Users, &mut self.users),
                    (Field::ServiceAccounts, &mut self.service_accounts),
                    (Field::Resources, &mut self.resources),
                    (Field::AppliedRules, &mut self.applied_rules),
                    (Field::Connectors, &mut self.connectors),
                    (Field::Devices, &mut self.devices),
                    (Field::Protocols, &mut self.protocols),
                    (Field::Ports, &mut self.ports),
                    (Field::Statuses, &mut self.statuses),
                    (Field::TunnelPaths, &mut self.tunnel_paths),
                    (Field::Countries, &mut self.countries),
                    (Field::ClientAddresses, &mut self.client_addresses),
                    (Field::ResourceAddresses, &mut self.resource_addresses),
                    (Field::Addresses, &mut self.addresses),
                ] {
                    values.drain(..).try_for_each(|value| form.add(field.name(), value))?;
                }
                if let Some(text) = self.domain.take() {
                    form.add(Field::Domain.name(), text)?;
                }
                Ok(report_life::report_filter(&form.build()?, self.denied)?)
            }
        }
    };
}

pub(crate) use narrowed;

/// What of the traffic is wanted, as it may be asked for again. Nothing in a field means all.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Filter {
    remote_networks: Vec<String>,
    users: Vec<String>,
    service_accounts: Vec<String>,
    resources: Vec<String>,
    applied_rules: Vec<String>,
    connectors: Vec<String>,
    devices: Vec<String>,
    protocols: Vec<String>,
    ports: Vec<String>,
    statuses: Vec<String>,
    tunnel_paths: Vec<String>,
    countries: Vec<String>,
    client_addresses: Vec<String>,
    resource_addresses: Vec<String>,
    addresses: Vec<String>,
    domain: Option<String>,
    denied: bool,
}

impl From<ReportFilter> for Filter {
    fn from(asked: ReportFilter) -> Self {
        let ids = |ids: &[i64]| ids.iter().map(i64::to_string).collect();
        Self {
            remote_networks: ids(&asked.remote_networks),
            users: ids(&asked.users),
            service_accounts: ids(&asked.service_accounts),
            resources: ids(&asked.resources),
            applied_rules: asked.applied_rules,
            connectors: ids(&asked.connectors),
            devices: ids(&asked.devices),
            protocols: asked.protocols,
            ports: asked.ports,
            statuses: asked.statuses,
            tunnel_paths: asked.tunnel_paths,
            countries: asked.countries,
            client_addresses: asked.client_addresses,
            resource_addresses: asked.resource_addresses,
            addresses: asked.address_ranges,
            domain: asked.domain,
            denied: asked.denied,
        }
    }
}
