//! The network events report as CSV: the contract's 26 columns in the contract's bytes, or those that were chosen.

use clickhouse_io::native::Optional;
use clickhouse_io::report::{Column, ColumnSet, ConnectionColumns};

use crate::cells::{Cells, needs_quotes, push_cell};
use crate::event_column::EventColumn;
use crate::line::{ADDRESS_MAX, Date, Line, NUMBER_MAX, TIME};
use crate::row::{self, AskedNames};
use crate::{LineWriter, OddValue, ids};

/// What a line takes beside texts and relays, with all columns: each with a comma.
const FIXED_MAX: usize = 2 * (TIME + 1)
    + 11 * (NUMBER_MAX + 1)
    + 2 * (ADDRESS_MAX + 1)
    + "icmp,CONNECTION_FAILED,,,,,,\n".len()
    + FURTHER_MAX;
/// Path, ids, time of the event.
const FURTHER_MAX: usize = "direct,".len() + ids::IDS_MAX + 2 + TIME + 1;
/// What a relay takes beside its name.
const RELAY_MAX: usize = ADDRESS_MAX + 1 + NUMBER_MAX + 1;

/// How values are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CsvOptions {
    /// An apostrophe before texts that a spreadsheet would take for a formula.
    pub formula_guard: bool,
    /// The mark of UTF-8 at the very beginning, by which spreadsheets know it.
    pub byte_order_mark: bool,
}

impl CsvOptions {
    /// What stands before the header.
    pub(crate) fn mark(self) -> &'static [u8] {
        if self.byte_order_mark { "\u{feff}".as_bytes() } else { b"" }
    }
}

/// Writes lines of blocks; keeps its buffers from block to block.
#[derive(Debug)]
pub struct CsvWriter {
    options: CsvOptions,
    /// `None`: the contract's.
    chosen: Option<Vec<EventColumn>>,
    line: Line,
    start_date: Date,
    end_date: Date,
    texts: CsvTexts,
}

/// The dictionaries of a block as text.
#[derive(Debug, Default)]
struct CsvTexts {
    user: Cells,
    connector: Cells,
    resource_domain: Cells,
    remote_network: Cells,
    applied_rule: Cells,
    relay: Cells,
    service_account: Cells,
    service_account_key: Cells,
    country: Cells,
    city: Cells,
    error_message: Cells,
    asked_names: AskedNames,
    /// False: names of relays can be joined as they are.
    joined_relays_need_care: bool,
    /// Room that a line needs without relays and connection ids that are text.
    room: usize,
}

impl CsvTexts {
    fn fill(&mut self, columns: &ConnectionColumns<'_>, guard: bool) {
        self.user.fill(&columns.user_email, guard);
        self.connector.fill(&columns.connector_name, guard);
        self.remote_network.fill(&columns.remote_network_name, guard);
        self.applied_rule.fill(&columns.applied_rule, guard);
        self.service_account.fill(&columns.service_account_name, guard);
        self.service_account_key.fill(&columns.service_account_key, guard);
        self.country.fill(&columns.country, guard);
        self.city.fill(&columns.city, guard);
        self.error_message.fill(&columns.error_message, guard);
        self.asked_names.fill(&columns.resource_address);
        self.resource_domain.fill_with(columns.resource_address.keys(), |out, address| {
            push_cell(out, row::domain(address), guard);
            out.push(b',');
        });
        let relays = &columns.relay_names.1;
        self.joined_relays_need_care = guard || relays.keys().any(needs_quotes);
        self.relay.fill_with(relays.keys(), |out, name| {
            out.extend_from_slice(name);
            out.push(b';');
        });
        let cells = [
            &self.user,
            &self.connector,
            &self.resource_domain,
            &self.remote_network,
            &self.applied_rule,
            &self.service_account,
            &self.service_account_key,
            &self.country,
            &self.city,
            &self.error_message,
        ];
        self.room = FIXED_MAX + cells.iter().map(|cells| cells.longest()).sum::<usize>();
    }

    /// Room that the line of a row needs.
    fn room(&self, columns: &ConnectionColumns<'_>, row: usize) -> usize {
        // Of these names alone: the longest of a block, times the most relays of a row, might be more than there is memory.
        let (ends, names) = &columns.relay_names;
        let name_max = |relay| if ends.is_empty() { 0 } else { 2 * self.relay.span(names.place(relay)).1 + 4 };
        let relays = row::relays(columns, row).map(|relay| RELAY_MAX + name_max(relay));
        let ids = &columns.connection_id_text;
        let id_max = if columns.connection_id_form.is_empty() { 0 } else { 2 * ids.get(row).len() + 4 };
        self.room + relays.sum::<usize>() + id_max
    }
}

/// Where the cells of a row go, and what they are made of.
struct CsvRow<'a> {
    line: &'a mut Line,
    start_date: &'a mut Date,
    end_date: &'a mut Date,
    texts: &'a CsvTexts,
    columns: &'a ConnectionColumns<'a>,
    row: usize,
    guard: bool,
}

impl CsvWriter {
    /// A writer of these columns in this order, each once; of the contract's, where there are none.
    #[must_use]
    pub fn new(options: CsvOptions, columns: &[EventColumn]) -> Self {
        let chosen = if columns.is_empty() { None } else { Some(columns.to_vec()) };
        Self {
            options,
            chosen,
            line: Line::default(),
            start_date: Date::default(),
            end_date: Date::default(),
            texts: CsvTexts::default(),
        }
    }

    fn event_columns(&self) -> &[EventColumn] {
        self.chosen.as_deref().unwrap_or(EventColumn::CONTRACT)
    }
}

impl LineWriter for CsvWriter {
    fn columns(&self) -> ColumnSet {
        let read: Vec<Column> = self.event_columns().iter().flat_map(|column| column.reads()).copied().collect();
        ColumnSet::of(&read)
    }

    fn header(&self) -> Vec<u8> {
        let names: Vec<&str> = self.event_columns().iter().map(|column| column.name()).collect();
        [self.options.mark(), names.join(",").as_bytes(), b"\n"].concat()
    }

    fn block(&mut self, columns: &ConnectionColumns<'_>) {
        self.texts.fill(columns, self.options.formula_guard);
    }

    fn line(&mut self, columns: &ConnectionColumns<'_>, row: usize) -> Result<&[u8], OddValue> {
        self.line.begin(self.texts.room(columns, row));
        let mut cells = CsvRow {
            line: &mut self.line,
            start_date: &mut self.start_date,
            end_date: &mut self.end_date,
            texts: &self.texts,
            columns,
            row,
            guard: self.options.formula_guard,
        };
        match &self.chosen {
            None => cells.of_contract()?,
            Some(chosen) => chosen.iter().try_for_each(|column| cells.cell(*column))?,
        }
        self.line.replace_last(b'\n');
        Ok(self.line.bytes())
    }
}

impl CsvRow<'_> {
    /// The cells of [`EventColumn::CONTRACT`]. Each is named, so that nothing is left to be chosen for a row.
    fn of_contract(&mut self) -> Result<(), OddValue> {
        macro_rules! cells {
            ($($column:ident)*) => {{
                $(self.cell(EventColumn::$column)?;)*
            }};
        }
        cells! {
            StartTime EndTime User UserId DeviceId ClientIp Connector ConnectorId ResourceIp ResourcePort ResourceDomain ResourceId
            Protocol Status BytesTransferred BytesReceived RemoteNetwork RemoteNetworkId AppliedRule Relays RelayIps RelayPorts
            ServiceAccount ServiceAccountId ServiceAccountKey ServiceAccountKeyId
        }
        Ok(())
    }

    /// One cell with a comma behind it.
    #[expect(clippy::inline_always, reason = "where the cell is named, nothing is left of the choice")]
    #[inline(always)]
    fn cell(&mut self, column: EventColumn) -> Result<(), OddValue> {
        let (columns, texts, row) = (self.columns, self.texts, self.row);
        match column {
            EventColumn::StartTime => {
                let start = row::start(columns, row)?;
                self.line.time(self.start_date, start);
                self.line.byte(b',');
            }
            EventColumn::EndTime => {
                if row::is_normal(columns, row) {
                    self.line.time(self.end_date, row::end(columns, row)?);
                }
                self.line.byte(b',');
            }
            EventColumn::User => self.line.cell(&texts.user, columns.user_email.place(row)),
            EventColumn::UserId => self.optional_number(columns.user_id),
            EventColumn::DeviceId => self.optional_number(columns.device_id),
            EventColumn::ClientIp => self.optional_address(columns.client_ip),
            EventColumn::Connector => self.line.cell(&texts.connector, columns.connector_name.place(row)),
            EventColumn::ConnectorId => self.number(columns.connector_id[row]),
            EventColumn::ResourceIp => self.optional_address(columns.resource_ip),
            EventColumn::ResourcePort => {
                let port = u16::from_le_bytes(columns.resource_port[row]);
                if port != 0 {
                    self.line.number(port.into());
                }
                self.line.byte(b',');
            }
            EventColumn::ResourceDomain => {
                self.line.cell(&texts.resource_domain, columns.resource_address.place(row));
            }
            EventColumn::ResourceId => self.number(columns.resource_id[row]),
            EventColumn::Protocol => self.text(row::protocol(columns, row)?),
            EventColumn::Status => self.text(row::status(columns, &texts.asked_names, row)?.report_name().as_bytes()),
            EventColumn::BytesTransferred => self.number_where_normal(columns.bytes_transferred[row]),
            EventColumn::BytesReceived => self.number_where_normal(columns.bytes_received[row]),
            EventColumn::RemoteNetwork => {
                self.line.cell(&texts.remote_network, columns.remote_network_name.place(row));
            }
            EventColumn::RemoteNetworkId => self.number(columns.remote_network_id[row]),
            EventColumn::AppliedRule => self.line.cell(&texts.applied_rule, columns.applied_rule.place(row)),
            EventColumn::Relays => self.relays(Self::relay_names),
            EventColumn::RelayIps => self.relays(Self::relay_ips),
            EventColumn::RelayPorts => self.relays(Self::relay_ports),
            EventColumn::ServiceAccount => {
                self.line.cell(&texts.service_account, columns.service_account_name.place(row));
            }
            EventColumn::ServiceAccountId => self.optional_number(columns.service_account_id),
            EventColumn::ServiceAccountKey => {
                self.line.cell(&texts.service_account_key, columns.service_account_key.place(row));
            }
            EventColumn::ServiceAccountKeyId => self.optional_number(columns.service_account_key_id),
            EventColumn::Country => self.line.cell(&texts.country, columns.country.place(row)),
            EventColumn::City => self.line.cell(&texts.city, columns.city.place(row)),
            EventColumn::TunnelPath => self.text(row::tunnel_path(columns, row)?),
            EventColumn::ErrorMessage => self.line.cell(&texts.error_message, columns.error_message.place(row)),
            EventColumn::ConnectionId => self.connection_id()?,
            EventColumn::EventId => self.event_id()?,
            EventColumn::EventTime => {
                self.line.time(self.end_date, row::end(columns, row)?);
                self.line.byte(b',');
            }
        }
        Ok(())
    }

    #[inline]
    fn text(&mut self, text: &[u8]) {
        self.line.text(text);
        self.line.byte(b',');
    }

    #[inline]
    fn number(&mut self, value: [u8; 8]) {
        self.line.number(u64::from_le_bytes(value));
        self.line.byte(b',');
    }

    #[inline]
    fn number_where_normal(&mut self, value: [u8; 8]) {
        if row::is_normal(self.columns, self.row) {
            self.line.number(u64::from_le_bytes(value));
        }
        self.line.byte(b',');
    }

    #[inline]
    fn optional_number(&mut self, values: Optional<'_, 8>) {
        if let Some(value) = values.get(self.row) {
            self.line.number(u64::from_le_bytes(*value));
        }
        self.line.byte(b',');
    }

    #[inline]
    fn optional_address(&mut self, values: Optional<'_, 16>) {
        if let Some(value) = values.get(self.row) {
            self.line.address(value);
        }
        self.line.byte(b',');
    }

    /// A list of the relays, of which `write` writes each with what is to become a comma.
    #[inline]
    fn relays(&mut self, write: fn(&mut Self, std::ops::Range<usize>)) {
        let relays = row::relays(self.columns, self.row);
        if relays.is_empty() {
            return self.line.byte(b',');
        }
        write(self, relays);
        self.line.replace_last(b',');
    }

    fn relay_names(&mut self, relays: std::ops::Range<usize>) {
        let names = &self.columns.relay_names.1;
        if self.texts.joined_relays_need_care {
            let joined = relays.map(|relay| names.get(relay)).collect::<Vec<_>>().join(&b';');
            self.careful_text(&joined);
        } else {
            relays.for_each(|relay| self.line.cell(&self.texts.relay, names.place(relay)));
        }
    }

    fn relay_ips(&mut self, relays: std::ops::Range<usize>) {
        for relay in relays {
            if let Some(address) = self.columns.relay_ips.1.get(relay) {
                self.line.address(address);
            }
            self.line.byte(b';');
        }
    }

    fn relay_ports(&mut self, relays: std::ops::Range<usize>) {
        for relay in relays {
            self.line.number(u16::from_le_bytes(self.columns.relay_ports.1[relay]).into());
            self.line.byte(b';');
        }
    }

    /// A text that no dictionary has.
    fn careful_text(&mut self, text: &[u8]) {
        let mut cell = Vec::new();
        push_cell(&mut cell, text, self.guard);
        self.text(&cell);
    }

    fn connection_id(&mut self) -> Result<(), OddValue> {
        match ids::connection_id(self.line, self.columns, self.row)? {
            Some(text) => self.careful_text(text.as_bytes()),
            None => self.line.byte(b','),
        }
        Ok(())
    }

    fn event_id(&mut self) -> Result<(), OddValue> {
        ids::event_id(self.line, self.columns, self.row)?;
        self.line.byte(b',');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_is_that_of_the_contract_or_of_what_was_chosen() {
        let header = |columns: &[EventColumn]| {
            String::from_utf8(CsvWriter::new(CsvOptions::default(), columns).header()).unwrap()
        };
        assert_eq!(
            header(&[]),
            "start_time,end_time,user,user_id,device_id,client_ip,connector,connector_id,resource_ip,resource_port,\
             resource_domain,resource_id,protocol,status,bytes_transferred,bytes_received,remote_network,\
             remote_network_id,applied_rule,relays,relay_ips,relay_ports,service_account,service_account_id,\
             service_account_key,service_account_key_id\n"
        );
        assert_eq!(header(&[EventColumn::EventId, EventColumn::User]), "event_id,user\n");
        let marked = CsvOptions { byte_order_mark: true, ..CsvOptions::default() };
        assert_eq!(CsvWriter::new(marked, &[EventColumn::User]).header(), b"\xef\xbb\xbfuser\n");
    }
}
