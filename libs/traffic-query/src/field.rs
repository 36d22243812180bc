//! The names that a filter's fields have wherever one is written.

/// A field of the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// First end time.
    From,
    /// First end time after it.
    To,
    /// Zone of local times and of days.
    Zone,
    /// Remote Network ids.
    RemoteNetworks,
    /// User ids.
    Users,
    /// Service account ids.
    ServiceAccounts,
    /// Resource ids.
    Resources,
    /// Resource definitions that matched.
    AppliedRules,
    /// Connector ids.
    Connectors,
    /// Device ids.
    Devices,
    /// Protocols.
    Protocols,
    /// Ports of the Resource.
    Ports,
    /// What became of the connection.
    Statuses,
    /// Paths of the tunnel.
    TunnelPaths,
    /// Countries of the client.
    Countries,
    /// Addresses of the client.
    ClientAddresses,
    /// Addresses that the Resource was reached at.
    ResourceAddresses,
    /// Addresses of the client, or that the Resource was reached at.
    Addresses,
    /// Text in the name that was asked for.
    Domain,
}

impl Field {
    /// All, in the order in which they are written.
    pub const ALL: [Self; 19] = [
        Self::From,
        Self::To,
        Self::Zone,
        Self::RemoteNetworks,
        Self::Users,
        Self::ServiceAccounts,
        Self::Resources,
        Self::AppliedRules,
        Self::Connectors,
        Self::Devices,
        Self::Protocols,
        Self::Ports,
        Self::Statuses,
        Self::TunnelPaths,
        Self::Countries,
        Self::ClientAddresses,
        Self::ResourceAddresses,
        Self::Addresses,
        Self::Domain,
    ];

    /// The name in JSON and URLs; on the command line with hyphens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::From => "from",
            Self::To => "to",
            Self::Zone => "zone",
            Self::RemoteNetworks => "remote_networks",
            Self::Users => "users",
            Self::ServiceAccounts => "service_accounts",
            Self::Resources => "resources",
            Self::AppliedRules => "applied_rules",
            Self::Connectors => "connectors",
            Self::Devices => "devices",
            Self::Protocols => "protocols",
            Self::Ports => "ports",
            Self::Statuses => "statuses",
            Self::TunnelPaths => "tunnel_paths",
            Self::Countries => "countries",
            Self::ClientAddresses => "client_addresses",
            Self::ResourceAddresses => "resource_addresses",
            Self::Addresses => "addresses",
            Self::Domain => "domain",
        }
    }

    /// True where several values may be given, any of which may hold: a list in JSON, a repeated name elsewhere.
    #[must_use]
    pub const fn is_list(self) -> bool {
        !matches!(self, Self::From | Self::To | Self::Zone | Self::Domain)
    }

    /// One line for help texts.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::From => "First end time: 2026-11-01T00:00 in the zone, or with Z or an offset [default: 1970]",
            Self::To => "First end time after the range, as from [default: 2100]",
            Self::Zone => "IANA zone of local times and of days, such as Europe/Berlin [default: UTC]",
            Self::RemoteNetworks => "Remote Network ids",
            Self::Users => "User ids; with service accounts: either",
            Self::ServiceAccounts => "Service account ids; with Users: either",
            Self::Resources => "Resource ids",
            Self::AppliedRules => "Resource definitions that matched, such as *.corp.example",
            Self::Connectors => "Connector ids",
            Self::Devices => "Device ids",
            Self::Protocols => "tcp, udp, icmp",
            Self::Ports => "Ports of the Resource: 443 or 8000-8999",
            Self::Statuses => "NORMAL, DNS_ERROR, CONNECTION_FAILED, ACCESS_DENIED [default: all four]",
            Self::TunnelPaths => "direct, relay",
            Self::Countries => "Countries of the client, as events give them",
            Self::ClientAddresses => "Addresses of the client: 192.0.2.4, 10.0.0.0/8, 2001:db8::/32",
            Self::ResourceAddresses => "Addresses of the Resource, in the same form",
            Self::Addresses => "Addresses of the client or of the Resource: either",
            Self::Domain => "Text in the name that was asked for, any case",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}
