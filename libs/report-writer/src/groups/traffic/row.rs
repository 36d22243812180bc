//! What of a row is folded: words, in which texts are numbers.

use clickhouse_io::native::Optional;
use clickhouse_io::report::{Column, ConnectionColumns};
use schemas::connection_event::ConnectionStatus;
use traffic_query::{Dimension, Measure};

use crate::OddValue;
use crate::groups::names::Names;
use crate::line::{ADDRESS_MAX, Line};
use crate::row::{self, AskedNames};

/// The word of what is not there. No id, no number of a text, and no duration is that large.
pub(super) const NOTHING: u64 = u64::MAX;

const OF_STATUS: &[Column] = &[Column::EventType, Column::ResourceIp, Column::ResourceAddress];

/// What of a row a dimension is made of, its name too.
pub(super) const fn reads_of_dimension(by: Dimension) -> &'static [Column] {
    match by {
        Dimension::RemoteNetwork => &[Column::RemoteNetworkId, Column::RemoteNetworkName],
        Dimension::User => &[Column::UserId, Column::UserEmail],
        Dimension::ServiceAccount => &[Column::ServiceAccountId, Column::ServiceAccountName],
        Dimension::Resource => &[Column::ResourceId, Column::AppliedRule, Column::ResourceAddress],
        Dimension::AppliedRule => &[Column::AppliedRule],
        Dimension::Connector => &[Column::ConnectorId, Column::ConnectorName],
        Dimension::Device => &[Column::DeviceId],
        Dimension::Protocol => &[Column::Protocol],
        Dimension::Port => &[Column::ResourcePort],
        Dimension::Status => OF_STATUS,
        Dimension::TunnelPath => &[Column::TunnelPath],
        Dimension::Country => &[Column::Country],
        Dimension::ClientAddress => &[Column::ClientIp],
        Dimension::Address => &[Column::ResourceAddress],
    }
}

/// What of a row a measure is made of, beside what became of it.
pub(super) const fn reads_of_measure(measure: Measure) -> &'static [Column] {
    match measure {
        Measure::Events | Measure::Connections | Measure::Succeeded | Measure::Denied => &[],
        Measure::FailedDns | Measure::FailedOther => OF_STATUS,
        Measure::Bytes => &[Column::BytesReceived, Column::BytesTransferred],
        Measure::BytesReceived => &[Column::BytesReceived],
        Measure::BytesTransferred => &[Column::BytesTransferred],
        Measure::Users => &[Column::UserId],
        Measure::Devices => &[Column::DeviceId],
        Measure::ClientAddresses => &[Column::ClientIp],
        Measure::Addresses => &[Column::ResourceAddress],
        Measure::DurationP50 | Measure::DurationP95 => &[Column::Duration],
    }
}

/// Numbers of the texts in a block's dictionaries; none of those that are not read.
#[derive(Debug, Default)]
pub(super) struct BlockTexts {
    asked_names: AskedNames,
    address: Vec<u32>,
    applied_rule: Vec<u32>,
    remote_network: Vec<u32>,
    connector: Vec<u32>,
    user: Vec<u32>,
    service_account: Vec<u32>,
    country: Vec<u32>,
}

impl BlockTexts {
    pub(super) fn fill(&mut self, columns: &ConnectionColumns<'_>, names: &mut Names) {
        self.asked_names.fill(&columns.resource_address);
        for (texts, numbers) in [
            (&columns.resource_address, &mut self.address),
            (&columns.applied_rule, &mut self.applied_rule),
            (&columns.remote_network_name, &mut self.remote_network),
            (&columns.connector_name, &mut self.connector),
            (&columns.user_email, &mut self.user),
            (&columns.service_account_name, &mut self.service_account),
            (&columns.country, &mut self.country),
        ] {
            names.numbers(texts, numbers);
        }
    }
}

/// One row, and what gives its texts numbers.
pub(super) struct Row<'a> {
    pub(super) columns: &'a ConnectionColumns<'a>,
    pub(super) row: usize,
    pub(super) texts: &'a BlockTexts,
    pub(super) names: &'a mut Names,
    pub(super) line: &'a mut Line,
}

impl Row<'_> {
    /// By what a dimension tells it apart: an id, a port, or the number of a text.
    pub(super) fn key(&mut self, by: Dimension) -> Result<u64, OddValue> {
        let (columns, texts, row) = (self.columns, self.texts, self.row);
        Ok(match by {
            Dimension::RemoteNetwork => u64::from_le_bytes(columns.remote_network_id[row]),
            Dimension::User => self.id(columns.user_id),
            Dimension::ServiceAccount => self.id(columns.service_account_id),
            Dimension::Resource => u64::from_le_bytes(columns.resource_id[row]),
            Dimension::AppliedRule => texts.applied_rule[columns.applied_rule.place(row)].into(),
            Dimension::Connector => u64::from_le_bytes(columns.connector_id[row]),
            Dimension::Device => self.id(columns.device_id),
            Dimension::Protocol => self.number(row::protocol(columns, row)?),
            Dimension::Port => u16::from_le_bytes(columns.resource_port[row]).into(),
            Dimension::Status => self.number(self.status()?.report_name().as_bytes()),
            Dimension::TunnelPath => self.number(row::tunnel_path(columns, row)?),
            Dimension::Country => texts.country[columns.country.place(row)].into(),
            Dimension::ClientAddress => match self.client_address() {
                NOTHING => self.number(b""),
                number => number,
            },
            Dimension::Address => texts.address[columns.resource_address.place(row)].into(),
        })
    }

    /// Number of the name that an id has here. A Resource is shown by its rule, or by what was asked for where it has none.
    pub(super) fn name(&self, by: Dimension) -> Option<u32> {
        let (columns, texts, row) = (self.columns, self.texts, self.row);
        Some(match by {
            Dimension::RemoteNetwork => texts.remote_network[columns.remote_network_name.place(row)],
            Dimension::User => texts.user[columns.user_email.place(row)],
            Dimension::ServiceAccount => texts.service_account[columns.service_account_name.place(row)],
            Dimension::Connector => texts.connector[columns.connector_name.place(row)],
            Dimension::Resource if columns.applied_rule.get(row).is_empty() => {
                texts.address[columns.resource_address.place(row)]
            }
            Dimension::Resource => texts.applied_rule[columns.applied_rule.place(row)],
            _ => return None,
        })
    }

    /// What it adds to a measure: a number, or one of the values that count once, or a duration; of the last two [`NOTHING`] where it
    /// adds none.
    pub(super) fn part(&mut self, measure: Measure) -> Result<u64, OddValue> {
        let (columns, texts, row) = (self.columns, self.texts, self.row);
        let (is_normal, is_denied) = (row::is_normal(columns, row), columns.event_type[row] == [4]);
        let where_normal = |value: [u8; 8]| if is_normal { u64::from_le_bytes(value) } else { 0 };
        Ok(match measure {
            Measure::Events => 1,
            Measure::Connections => (!is_denied).into(),
            Measure::Succeeded => is_normal.into(),
            Measure::FailedDns => (self.status()? == ConnectionStatus::DnsError).into(),
            Measure::FailedOther => (self.status()? == ConnectionStatus::ConnectionFailed).into(),
            Measure::Denied => is_denied.into(),
            Measure::Bytes => {
                let received = where_normal(columns.bytes_received[row]);
                received.checked_add(where_normal(columns.bytes_transferred[row])).ok_or(OddValue("bytes_received"))?
            }
            Measure::BytesReceived => where_normal(columns.bytes_received[row]),
            Measure::BytesTransferred => where_normal(columns.bytes_transferred[row]),
            Measure::Users | Measure::Devices | Measure::ClientAddresses | Measure::Addresses if is_denied => NOTHING,
            Measure::Users => self.id(columns.user_id),
            Measure::Devices => self.id(columns.device_id),
            Measure::ClientAddresses => self.client_address(),
            Measure::Addresses => texts.address[columns.resource_address.place(row)].into(),
            Measure::DurationP50 | Measure::DurationP95 if !is_normal => NOTHING,
            Measure::DurationP50 | Measure::DurationP95 => u64::from_le_bytes(columns.duration[row]),
        })
    }

    fn status(&self) -> Result<ConnectionStatus, OddValue> {
        row::status(self.columns, &self.texts.asked_names, self.row)
    }

    fn id(&self, ids: Optional<'_, 8>) -> u64 {
        ids.get(self.row).map_or(NOTHING, |id| u64::from_le_bytes(*id))
    }

    fn number(&mut self, text: &[u8]) -> u64 {
        self.names.number(text).into()
    }

    /// Number of its text.
    fn client_address(&mut self) -> u64 {
        let Some(octets) = self.columns.client_ip.get(self.row) else { return NOTHING };
        self.line.begin(ADDRESS_MAX);
        self.line.address(octets);
        self.names.number(self.line.bytes()).into()
    }
}
