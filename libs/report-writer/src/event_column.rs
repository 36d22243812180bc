//! Columns of the network events report: the contract's, and further ones that may be chosen.

use clickhouse_io::report::Column;

macro_rules! event_columns {
    ($($column:ident $name:literal reads $($read:ident)*,)*) => {
        /// A column of the network events report.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "their names say what they are, and the contract says their form")]
        pub enum EventColumn {
            $($column,)*
        }

        impl EventColumn {
            /// All.
            pub const ALL: &[Self] = &[$(Self::$column),*];

            /// Its name, in the header and in requests.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$column => $name,)*
                }
            }

            /// What of a row it is made of.
            pub(crate) const fn reads(self) -> &'static [Column] {
                match self {
                    $(Self::$column => &[$(Column::$read),*],)*
                }
            }
        }
    };
}

event_columns! {
    StartTime "start_time" reads Duration,
    EndTime "end_time" reads EventType,
    User "user" reads UserEmail,
    UserId "user_id" reads UserId,
    DeviceId "device_id" reads DeviceId,
    ClientIp "client_ip" reads ClientIp,
    Connector "connector" reads ConnectorName,
    ConnectorId "connector_id" reads ConnectorId,
    ResourceIp "resource_ip" reads ResourceIp,
    ResourcePort "resource_port" reads ResourcePort,
    ResourceDomain "resource_domain" reads ResourceAddress,
    ResourceId "resource_id" reads ResourceId,
    Protocol "protocol" reads Protocol,
    Status "status" reads EventType ResourceIp ResourceAddress,
    BytesTransferred "bytes_transferred" reads EventType BytesTransferred,
    BytesReceived "bytes_received" reads EventType BytesReceived,
    RemoteNetwork "remote_network" reads RemoteNetworkName,
    RemoteNetworkId "remote_network_id" reads RemoteNetworkId,
    AppliedRule "applied_rule" reads AppliedRule,
    Relays "relays" reads RelayNames,
    RelayIps "relay_ips" reads RelayIps,
    RelayPorts "relay_ports" reads RelayPorts,
    ServiceAccount "service_account" reads ServiceAccountName,
    ServiceAccountId "service_account_id" reads ServiceAccountId,
    ServiceAccountKey "service_account_key" reads ServiceAccountKey,
    ServiceAccountKeyId "service_account_key_id" reads ServiceAccountKeyId,
    Country "country" reads Country,
    City "city" reads City,
    TunnelPath "tunnel_path" reads TunnelPath,
    ErrorMessage "error_message" reads ErrorMessage,
    ConnectionId "connection_id" reads ConnectionIdForm ConnectionIdHigh ConnectionIdLow ConnectionIdText,
    EventId "event_id" reads EndTime EventIdTail,
    EventTime "event_time" reads EndTime,
}

impl EventColumn {
    /// The contract's, in its order: those of a report that chooses none.
    pub const CONTRACT: &[Self] = Self::ALL.split_at(26).0;

    /// The column of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|column| column.name() == name)
    }
}
