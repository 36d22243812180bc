//! What a report reads of a connection, column by column, in place.

use crate::error::QueryError;
use crate::native::{Block, Ends, Optional, Texts};

macro_rules! connection_columns {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $read:ident $name:literal,)*) => {
        /// The columns of one block. Numbers are little endian, addresses in network order; all columns have as many rows.
        pub struct ConnectionColumns<'a> {
            /// Rows.
            pub rows: usize,
            $($(#[$doc])* pub $field: $type,)*
        }

        /// The columns' names, in the order in which they are read.
        pub(crate) const NAMES: &[&str] = &[$($name),*];

        impl<'a> ConnectionColumns<'a> {
            /// The columns of a block.
            ///
            /// # Errors
            /// When the block has others.
            pub fn of(block: &Block<'a>) -> Result<Self, QueryError> {
                let mut places = 0..;
                let mut place = || places.next().unwrap_or_default();
                let columns = Self { rows: block.rows(), $($field: block.$read(place(), $name)?,)* };
                if columns.relay_names.0 != columns.relay_ips.0 || columns.relay_names.0 != columns.relay_ports.0 {
                    return Err(QueryError::Mismatch("a connection whose relays lack a name, an address or a port".to_owned()));
                }
                Ok(columns)
            }
        }
    };
}

connection_columns! {
    /// Unix microseconds.
    end_time: &'a [[u8; 8]] = plain "end_time",
    /// The event id's last bytes; the first are those of the end time's milliseconds.
    event_id_tail: &'a [[u8; 10]] = plain "event_id_tail",
    /// Life of the topic.
    kafka_source: Texts<'a> = texts "_kafka_source",
    /// Partition, signed.
    kafka_partition: &'a [[u8; 4]] = plain "_kafka_partition",
    /// Offset, signed.
    kafka_offset: &'a [[u8; 8]] = plain "_kafka_offset",
    /// Microseconds.
    duration: &'a [[u8; 8]] = plain "duration_us",
    /// 2 closed, 3 failed, 4 denied.
    event_type: &'a [[u8; 1]] = plain "event_type",
    /// Of the User; empty for a service account.
    user_email: Texts<'a> = texts "user_email",
    /// User.
    user_id: Optional<'a, 8> = optional "user_id",
    /// Device.
    device_id: Optional<'a, 8> = optional "device_id",
    /// Public address of the client.
    client_ip: Optional<'a, 16> = optional "client_ip",
    /// Connector.
    connector_name: Texts<'a> = texts "connector_name",
    /// Connector.
    connector_id: &'a [[u8; 8]] = plain "connector_id",
    /// Address of the Resource.
    resource_ip: Optional<'a, 16> = optional "resource_ip",
    /// 0 where there is none.
    resource_port: &'a [[u8; 2]] = plain "resource_port",
    /// What was asked for: a name or an address.
    resource_address: Texts<'a> = texts "resource_address",
    /// Resource.
    resource_id: &'a [[u8; 8]] = plain "resource_id",
    /// 1 tcp, 2 udp, 3 icmp.
    protocol: &'a [[u8; 1]] = plain "protocol",
    /// Client to Resource.
    bytes_transferred: &'a [[u8; 8]] = plain "bytes_transferred",
    /// Resource to client.
    bytes_received: &'a [[u8; 8]] = plain "bytes_received",
    /// Remote Network.
    remote_network_name: Texts<'a> = texts "remote_network_name",
    /// Remote Network.
    remote_network_id: &'a [[u8; 8]] = plain "remote_network_id",
    /// Applied rule.
    applied_rule: Texts<'a> = texts "applied_rule",
    /// Names of the relays; the lists of names, addresses and ports are equally long.
    relay_names: (Ends<'a>, Texts<'a>) = text_lists "relay_names",
    /// Their addresses.
    relay_ips: (Ends<'a>, Optional<'a, 16>) = optional_lists "relay_ips",
    /// Their ports.
    relay_ports: (Ends<'a>, &'a [[u8; 2]]) = plain_lists "relay_ports",
    /// Service account; empty for a User.
    service_account_name: Texts<'a> = texts "service_account_name",
    /// Service account.
    service_account_id: Optional<'a, 8> = optional "service_account_id",
    /// Its key.
    service_account_key: Texts<'a> = texts "service_account_key",
    /// Its key.
    service_account_key_id: Optional<'a, 8> = optional "service_account_key_id",
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
