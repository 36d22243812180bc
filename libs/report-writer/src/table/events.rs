//! Network events as a table: rows to records, which become rows of the file in the order of the report.

use std::ops::Range;

use clickhouse_io::native::Optional;
use clickhouse_io::report::{Column, ColumnSet, ConnectionColumns};

use super::{Cell, CellType, ParquetFile, SortedBy, TableColumn, TableError, TableFacts, record};
use crate::event_column::EventColumn;
use crate::line::{ADDRESS_MAX, Line, NUMBER_MAX};
use crate::row::{self, AskedNames};
use crate::{LineWriter, OddValue, ids};

/// Makes records of rows, and a Parquet file of those.
pub(crate) struct EventTable {
    columns: Vec<EventColumn>,
    file: ParquetFile,
    asked_names: AskedNames,
    record: Vec<u8>,
    /// A text that no dictionary has.
    text: Line,
    names: Vec<u8>,
}

impl EventTable {
    /// A table of these columns in this order; of the contract's, where there are none. `always_ended`: no row is one that failed or was
    /// denied.
    pub(crate) fn new(
        columns: &[EventColumn],
        always_ended: bool,
        said: Vec<(&'static str, String)>,
    ) -> Result<Self, TableError> {
        let columns = if columns.is_empty() { EventColumn::CONTRACT } else { columns }.to_vec();
        let of_table: Vec<_> = columns.iter().copied().map(table_column).collect();
        let facts = TableFacts { sorted_by: sorted_by(&columns, always_ended), said };
        Ok(Self {
            file: ParquetFile::new(&of_table, facts)?,
            columns,
            asked_names: AskedNames::default(),
            record: Vec::new(),
            text: Line::default(),
            names: Vec::new(),
        })
    }

    /// What records go to, in the order of the report, each fact once.
    pub(crate) fn file(&mut self) -> &mut ParquetFile {
        &mut self.file
    }
}

/// What rows are in order of, as far as it is among the columns. The end time alone orders nothing where it is absent here and there.
fn sorted_by(columns: &[EventColumn], always_ended: bool) -> Vec<SortedBy> {
    let by = |column: EventColumn| SortedBy { name: column.name(), is_descending: false };
    let has = |column: &EventColumn| columns.contains(column);
    let mut times = [EventColumn::EventTime, EventColumn::EndTime].into_iter().filter(has);
    let Some(time) = times.find(|time| always_ended || *time == EventColumn::EventTime) else { return Vec::new() };
    [time, EventColumn::EventId].into_iter().filter(has).map(by).collect()
}

fn table_column(column: EventColumn) -> TableColumn {
    let name = column.name();
    match column {
        EventColumn::StartTime | EventColumn::EventTime => TableColumn::required(name, CellType::Time),
        EventColumn::EndTime => TableColumn::optional(name, CellType::Time),
        EventColumn::ConnectorId | EventColumn::ResourceId | EventColumn::RemoteNetworkId => {
            TableColumn::required(name, CellType::Number)
        }
        EventColumn::UserId
        | EventColumn::DeviceId
        | EventColumn::BytesTransferred
        | EventColumn::BytesReceived
        | EventColumn::ServiceAccountId
        | EventColumn::ServiceAccountKeyId => TableColumn::optional(name, CellType::Number),
        EventColumn::ResourcePort => TableColumn::optional(name, CellType::Port),
        EventColumn::Protocol | EventColumn::Status | EventColumn::TunnelPath => {
            TableColumn::required(name, CellType::Text)
        }
        EventColumn::ConnectionId | EventColumn::EventId => TableColumn::required(name, CellType::OwnText),
        EventColumn::User
        | EventColumn::ClientIp
        | EventColumn::Connector
        | EventColumn::ResourceIp
        | EventColumn::ResourceDomain
        | EventColumn::RemoteNetwork
        | EventColumn::AppliedRule
        | EventColumn::Relays
        | EventColumn::RelayIps
        | EventColumn::RelayPorts
        | EventColumn::ServiceAccount
        | EventColumn::ServiceAccountKey
        | EventColumn::Country
        | EventColumn::City
        | EventColumn::ErrorMessage => TableColumn::optional(name, CellType::Text),
    }
}

impl LineWriter for EventTable {
    fn columns(&self) -> ColumnSet {
        let read: Vec<Column> = self.columns.iter().flat_map(|column| column.reads()).copied().collect();
        ColumnSet::of(&read)
    }

    fn block(&mut self, columns: &ConnectionColumns<'_>) {
        self.asked_names.fill(&columns.resource_address);
    }

    fn line(&mut self, columns: &ConnectionColumns<'_>, row: usize) -> Result<&[u8], OddValue> {
        self.record.clear();
        let mut cells =
            Row { columns, row, asked_names: &self.asked_names, text: &mut self.text, names: &mut self.names };
        for column in &self.columns {
            record::push(&mut self.record, cells.cell(*column)?);
        }
        Ok(&self.record)
    }
}

/// A row, and room for texts that are made of it.
struct Row<'a> {
    columns: &'a ConnectionColumns<'a>,
    row: usize,
    asked_names: &'a AskedNames,
    text: &'a mut Line,
    names: &'a mut Vec<u8>,
}

impl Row<'_> {
    #[inline]
    fn cell(&mut self, column: EventColumn) -> Result<Cell<'_>, OddValue> {
        let (columns, row) = (self.columns, self.row);
        let number = |value: [u8; 8]| Cell::Number(u64::from_le_bytes(value));
        let optional = |values: Optional<'_, 8>| values.get(row).map_or(Cell::Absent, |value| number(*value));
        let normal = |cell| if row::is_normal(columns, row) { cell } else { Cell::Absent };
        Ok(match column {
            EventColumn::StartTime => Cell::Time(row::start(columns, row)?),
            EventColumn::EndTime => normal(Cell::Time(row::end(columns, row)?)),
            EventColumn::EventTime => Cell::Time(row::end(columns, row)?),
            EventColumn::User => Cell::text(columns.user_email.get(row)),
            EventColumn::UserId => optional(columns.user_id),
            EventColumn::DeviceId => optional(columns.device_id),
            EventColumn::ClientIp => self.address(columns.client_ip),
            EventColumn::Connector => Cell::text(columns.connector_name.get(row)),
            EventColumn::ConnectorId => number(columns.connector_id[row]),
            EventColumn::ResourceIp => self.address(columns.resource_ip),
            EventColumn::ResourcePort => match u16::from_le_bytes(columns.resource_port[row]) {
                0 => Cell::Absent,
                port => Cell::Number(port.into()),
            },
            EventColumn::ResourceDomain => {
                let addresses = &columns.resource_address;
                if self.asked_names.is_name(addresses.place(row)) {
                    Cell::text(addresses.get(row))
                } else {
                    Cell::Absent
                }
            }
            EventColumn::ResourceId => number(columns.resource_id[row]),
            EventColumn::Protocol => Cell::Text(row::protocol(columns, row)?),
            EventColumn::Status => Cell::Text(row::status(columns, self.asked_names, row)?.report_name().as_bytes()),
            EventColumn::BytesTransferred => normal(number(columns.bytes_transferred[row])),
            EventColumn::BytesReceived => normal(number(columns.bytes_received[row])),
            EventColumn::RemoteNetwork => Cell::text(columns.remote_network_name.get(row)),
            EventColumn::RemoteNetworkId => number(columns.remote_network_id[row]),
            EventColumn::AppliedRule => Cell::text(columns.applied_rule.get(row)),
            EventColumn::Relays => self.relay_names(),
            EventColumn::RelayIps => self.relays(ADDRESS_MAX, |text, relay| {
                if let Some(address) = columns.relay_ips.1.get(relay) {
                    text.address(address);
                }
            }),
            EventColumn::RelayPorts => self.relays(NUMBER_MAX, |text, relay| {
                text.number(u16::from_le_bytes(columns.relay_ports.1[relay]).into());
            }),
            EventColumn::ServiceAccount => Cell::text(columns.service_account_name.get(row)),
            EventColumn::ServiceAccountId => optional(columns.service_account_id),
            EventColumn::ServiceAccountKey => Cell::text(columns.service_account_key.get(row)),
            EventColumn::ServiceAccountKeyId => optional(columns.service_account_key_id),
            EventColumn::Country => Cell::text(columns.country.get(row)),
            EventColumn::City => Cell::text(columns.city.get(row)),
            EventColumn::TunnelPath => Cell::Text(row::tunnel_path(columns, row)?),
            EventColumn::ErrorMessage => Cell::text(columns.error_message.get(row)),
            EventColumn::ConnectionId => {
                self.text.begin(ids::IDS_MAX);
                match ids::connection_id(self.text, columns, row)? {
                    Some(text) => Cell::Text(text.as_bytes()),
                    None => Cell::Text(self.text.bytes()),
                }
            }
            EventColumn::EventId => {
                self.text.begin(ids::IDS_MAX);
                ids::event_id(self.text, columns, row)?;
                Cell::Text(self.text.bytes())
            }
        })
    }

    fn address(&mut self, values: Optional<'_, 16>) -> Cell<'_> {
        let Some(value) = values.get(self.row) else { return Cell::Absent };
        self.text.begin(ADDRESS_MAX);
        self.text.address(value);
        Cell::Text(self.text.bytes())
    }

    /// What `write` writes of each relay, joined with `;`.
    fn relays(&mut self, one_max: usize, write: impl Fn(&mut Line, usize)) -> Cell<'_> {
        let relays: Range<usize> = row::relays(self.columns, self.row);
        if relays.is_empty() {
            return Cell::Absent;
        }
        self.text.begin(relays.len() * (one_max + 1));
        for (place, relay) in relays.enumerate() {
            if place > 0 {
                self.text.byte(b';');
            }
            write(self.text, relay);
        }
        Cell::text(self.text.bytes())
    }

    fn relay_names(&mut self) -> Cell<'_> {
        self.names.clear();
        for (place, relay) in row::relays(self.columns, self.row).enumerate() {
            if place > 0 {
                self.names.push(b';');
            }
            self.names.extend_from_slice(self.columns.relay_names.1.get(relay));
        }
        Cell::text(self.names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_claimed_only_where_no_row_breaks_it() {
        let claimed = |columns: &[EventColumn], always_ended| {
            sorted_by(columns, always_ended).iter().map(|by| by.name).collect::<Vec<_>>()
        };
        assert!(claimed(EventColumn::CONTRACT, false).is_empty());
        assert_eq!(claimed(EventColumn::CONTRACT, true), ["end_time"]);
        assert_eq!(claimed(&[EventColumn::EventId, EventColumn::EventTime], false), ["event_time", "event_id"]);
        assert_eq!(claimed(&[EventColumn::EndTime, EventColumn::EventId], true), ["end_time", "event_id"]);
        assert!(claimed(&[EventColumn::EventId], true).is_empty());
    }
}
