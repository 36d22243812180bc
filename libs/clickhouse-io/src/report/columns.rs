//! What a report reads of a connection, column by column, in place.

use crate::error::QueryError;
use crate::native::{Block, Ends, Optional, Texts};

macro_rules! connection_columns {
    ($($(#[$doc:meta])* $column:ident $field:ident: $type:ty = $read:ident $name:literal,)*) => {
        /// A column that reports read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Column {
            $($(#[$doc])* $column,)*
        }

        impl Column {
            /// All, in the order in which they are read.
            pub const ALL: &[Self] = &[$(Self::$column),*];

            /// Its name in the table.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$column => $name,)*
                }
            }
        }

        /// The columns of one block. Numbers are little endian, addresses in network order; all columns that were read have as many rows,
        /// and the others none.
        #[derive(Default)]
        pub struct ConnectionColumns<'a> {
            /// Rows.
            pub rows: usize,
            $($(#[$doc])* pub $field: $type,)*
        }

        impl<'a> ConnectionColumns<'a> {
            /// The columns of a block, which has these and no others.
            ///
            /// # Errors
            /// When the block has others.
            pub fn of(block: &Block<'a>, read: ColumnSet) -> Result<Self, QueryError> {
                let mut columns = Self { rows: block.rows(), ..Self::default() };
                let mut place = 0;
                $(if read.contains(Column::$column) {
                    columns.$field = block.$read(place, $name)?;
                    place += 1;
                })*
                if place != block.columns() {
                    return Err(QueryError::Mismatch("a block of more columns than were asked for".to_owned()));
                }
                let lists = [columns.relay_names.0, columns.relay_ips.0, columns.relay_ports.0];
                let mut lists = lists.into_iter().filter(|ends| !ends.is_empty());
                let first = lists.next().unwrap_or_default();
                if lists.any(|ends| ends != first) {
                    return Err(QueryError::Mismatch("a connection whose relays lack a name, an address or a port".to_owned()));
                }
                Ok(columns)
            }
        }
    };
}

/// Some of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnSet(u64);

impl ColumnSet {
    /// What rows are ordered by, and what copies are told apart by: with whatever else is read.
    pub const ORDER: Self = Self(0)
        .with(Column::EndTime)
        .with(Column::EventIdTail)
        .with(Column::KafkaSource)
        .with(Column::KafkaPartition)
        .with(Column::KafkaOffset);

    /// The order's, and these.
    #[must_use]
    pub fn of(columns: &[Column]) -> Self {
        columns.iter().fold(Self::ORDER, |all, column| all.with(*column))
    }

    /// One more.
    #[must_use]
    pub const fn with(self, column: Column) -> Self {
        Self(self.0 | 1 << column as u8)
    }

    /// True for one of them.
    #[must_use]
    pub const fn contains(self, column: Column) -> bool {
        self.0 & 1 << column as u8 != 0
    }

    /// Their names, in the order in which they are read.
    pub(crate) fn names(self) -> Vec<&'static str> {
        Column::ALL.iter().filter(|column| self.contains(**column)).map(|column| column.name()).collect()
    }
}

connection_columns! {
    /// Unix microseconds.
    EndTime end_time: &'a [[u8; 8]] = plain "end_time",
    /// The event id's last bytes; the first are those of the end time's milliseconds.
    EventIdTail event_id_tail: &'a [[u8; 10]] = plain "event_id_tail",
    /// Life of the topic.
    KafkaSource kafka_source: Texts<'a> = texts "_kafka_source",
    /// Partition, signed.
    KafkaPartition kafka_partition: &'a [[u8; 4]] = plain "_kafka_partition",
    /// Offset, signed.
    KafkaOffset kafka_offset: &'a [[u8; 8]] = plain "_kafka_offset",
    /// Microseconds.
    Duration duration: &'a [[u8; 8]] = plain "duration_us",
    /// 2 closed, 3 failed, 4 denied.
    EventType event_type: &'a [[u8; 1]] = plain "event_type",
    /// Of the User; empty for a service account.
    UserEmail user_email: Texts<'a> = texts "user_email",
    /// User.
    UserId user_id: Optional<'a, 8> = optional "user_id",
    /// Device.
    DeviceId device_id: Optional<'a, 8> = optional "device_id",
    /// Public address of the client.
    ClientIp client_ip: Optional<'a, 16> = optional "client_ip",
    /// Connector.
    ConnectorName connector_name: Texts<'a> = texts "connector_name",
    /// Connector.
    ConnectorId connector_id: &'a [[u8; 8]] = plain "connector_id",
    /// Address of the Resource.
    ResourceIp resource_ip: Optional<'a, 16> = optional "resource_ip",
    /// 0 where there is none.
    ResourcePort resource_port: &'a [[u8; 2]] = plain "resource_port",
    /// What was asked for: a name or an address.
    ResourceAddress resource_address: Texts<'a> = texts "resource_address",
    /// Resource.
    ResourceId resource_id: &'a [[u8; 8]] = plain "resource_id",
    /// 1 tcp, 2 udp, 3 icmp.
    Protocol protocol: &'a [[u8; 1]] = plain "protocol",
    /// Client to Resource.
    BytesTransferred bytes_transferred: &'a [[u8; 8]] = plain "bytes_transferred",
    /// Resource to client.
    BytesReceived bytes_received: &'a [[u8; 8]] = plain "bytes_received",
    /// Remote Network.
    RemoteNetworkName remote_network_name: Texts<'a> = texts "remote_network_name",
    /// Remote Network.
    RemoteNetworkId remote_network_id: &'a [[u8; 8]] = plain "remote_network_id",
    /// Applied rule.
    AppliedRule applied_rule: Texts<'a> = texts "applied_rule",
    /// Names of the relays; the lists of names, addresses and ports are equally long.
    RelayNames relay_names: (Ends<'a>, Texts<'a>) = text_lists "relay_names",
    /// Their addresses.
    RelayIps relay_ips: (Ends<'a>, Optional<'a, 16>) = optional_lists "relay_ips",
    /// Their ports.
    RelayPorts relay_ports: (Ends<'a>, &'a [[u8; 2]]) = plain_lists "relay_ports",
    /// Service account; empty for a User.
    ServiceAccountName service_account_name: Texts<'a> = texts "service_account_name",
    /// Service account.
    ServiceAccountId service_account_id: Optional<'a, 8> = optional "service_account_id",
    /// Its key.
    ServiceAccountKey service_account_key: Texts<'a> = texts "service_account_key",
    /// Its key.
    ServiceAccountKeyId service_account_key_id: Optional<'a, 8> = optional "service_account_key_id",
    /// 1 direct, 2 relay.
    TunnelPath tunnel_path: &'a [[u8; 1]] = plain "tunnel_path",
    /// Why it failed or was closed, as the Connector said.
    ErrorMessage error_message: Texts<'a> = texts "error_message",
    /// How the connection id is written: 0 text, 1 two hexadecimal numbers, 2 a hexadecimal and a decimal one.
    ConnectionIdForm connection_id_form: &'a [[u8; 1]] = plain "connection_id_form",
    /// Its first number.
    ConnectionIdHigh connection_id_high: &'a [[u8; 8]] = plain "connection_id_high",
    /// Its second number.
    ConnectionIdLow connection_id_low: &'a [[u8; 8]] = plain "connection_id_low",
    /// Its text, where it is no numbers.
    ConnectionIdText connection_id_text: Texts<'a> = texts "connection_id_text",
    /// City of the client.
    City city: Texts<'a> = texts "city",
    /// Country of the client.
    Country country: Texts<'a> = texts "country",
    /// Degrees north, as the bytes of a double.
    Latitude latitude: Texts<'a> = numbers "latitude",
    /// Degrees east.
    Longitude longitude: Texts<'a> = numbers "longitude",
}

impl ConnectionColumns<'_> {
    /// End time of a row, Unix microseconds.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    #[inline]
    pub fn end_micros(&self, row: usize) -> i64 {
        i64::from_le_bytes(self.end_time[row])
    }
}
