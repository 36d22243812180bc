//! The network events report as CSV: 26 columns, the contract's bytes.

use clickhouse_io::native::Optional;
use clickhouse_io::report::ConnectionColumns;
use schemas::connection_event::{ConnectionStatus, asked_domain};
use schemas::times::Moment;

use crate::OddValue;
use crate::cells::{Cells, needs_quotes, push_cell};
use crate::line::{ADDRESS_MAX, Date, Line, NUMBER_MAX, TIME};

/// The header line.
pub const HEADER: &str = "start_time,end_time,user,user_id,device_id,client_ip,connector,connector_id,resource_ip,\
    resource_port,resource_domain,resource_id,protocol,status,bytes_transferred,bytes_received,remote_network,\
    remote_network_id,applied_rule,relays,relay_ips,relay_ports,service_account,service_account_id,service_account_key,\
    service_account_key_id\n";

/// What a line takes beside texts and relays: each with a comma.
const FIXED_MAX: usize =
    2 * (TIME + 1) + 11 * (NUMBER_MAX + 1) + 2 * (ADDRESS_MAX + 1) + "icmp,CONNECTION_FAILED,,,,,,\n".len();
/// What a relay takes beside its name.
const RELAY_MAX: usize = ADDRESS_MAX + 1 + NUMBER_MAX + 1;

/// How values are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CsvOptions {
    /// An apostrophe before texts that a spreadsheet would take for a formula.
    pub formula_guard: bool,
}

/// Writes lines of blocks; keeps its buffers from block to block.
#[derive(Debug, Default)]
pub struct CsvWriter {
    options: CsvOptions,
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
    /// For each Resource address whether it is a name.
    is_name: Vec<bool>,
    /// False: names of relays can be joined as they are.
    joined_relays_need_care: bool,
    /// Room that a line without relays needs.
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
        self.is_name.clear();
        self.resource_domain.fill_with(columns.resource_address.keys(), b',', |out, address| {
            // What is not UTF-8 is no address.
            let domain = std::str::from_utf8(address).map_or(address, |text| asked_domain(text).as_bytes());
            self.is_name.push(!domain.is_empty());
            push_cell(out, domain, guard);
        });
        let relays = &columns.relay_names.1;
        self.joined_relays_need_care = guard || relays.keys().any(needs_quotes);
        self.relay.fill_with(relays.keys(), b';', Vec::extend_from_slice);
        let cells = [
            &self.user,
            &self.connector,
            &self.resource_domain,
            &self.remote_network,
            &self.applied_rule,
            &self.service_account,
            &self.service_account_key,
        ];
        self.room = FIXED_MAX + cells.iter().map(|cells| cells.longest()).sum::<usize>();
    }
}

impl CsvWriter {
    /// A writer.
    #[must_use]
    pub fn new(options: CsvOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// Renders the texts of a block; its lines follow.
    pub fn block<'a>(&'a mut self, columns: &'a ConnectionColumns<'a>) -> CsvBlock<'a> {
        self.texts.fill(columns, self.options.formula_guard);
        CsvBlock { writer: self, columns }
    }
}

/// A block whose lines are written.
pub struct CsvBlock<'a> {
    writer: &'a mut CsvWriter,
    columns: &'a ConnectionColumns<'a>,
}

impl CsvBlock<'_> {
    /// The line of a row.
    ///
    /// # Errors
    /// When the row holds what no connection has.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn line(&mut self, row: usize) -> Result<&[u8], OddValue> {
        let (columns, texts) = (self.columns, &self.writer.texts);
        let relays = relays(columns, row);
        let line = &mut self.writer.line;
        // Of these names alone: the longest of a block, times the most relays of a row, might be more than there is memory.
        let names = &columns.relay_names.1;
        let of_relay = |relay| RELAY_MAX + 2 * texts.relay.span(names.place(relay)).1 + 4;
        line.begin(texts.room + relays.clone().map(of_relay).sum::<usize>());
        let status = status(columns, texts, row)?;
        let (start, end) = moments(columns, row)?;
        line.time(&mut self.writer.start_date, start);
        line.byte(b',');
        if status == ConnectionStatus::Normal {
            line.time(&mut self.writer.end_date, end);
        }
        line.byte(b',');
        line.cell(&texts.user, columns.user_email.place(row));
        optional_number(line, columns.user_id, row);
        optional_number(line, columns.device_id, row);
        optional_address(line, columns.client_ip, row);
        line.byte(b',');
        line.cell(&texts.connector, columns.connector_name.place(row));
        number(line, columns.connector_id[row]);
        optional_address(line, columns.resource_ip, row);
        line.byte(b',');
        let port = u16::from_le_bytes(columns.resource_port[row]);
        if port != 0 {
            line.number(port.into());
        }
        line.byte(b',');
        line.cell(&texts.resource_domain, columns.resource_address.place(row));
        number(line, columns.resource_id[row]);
        line.text(match columns.protocol[row] {
            [1] => b"tcp,",
            [2] => b"udp,",
            [3] => b"icmp,",
            _ => return Err(OddValue("protocol")),
        });
        line.text(status.report_name().as_bytes());
        line.byte(b',');
        if status == ConnectionStatus::Normal {
            number(line, columns.bytes_transferred[row]);
            number(line, columns.bytes_received[row]);
        } else {
            line.text(b",,");
        }
        line.cell(&texts.remote_network, columns.remote_network_name.place(row));
        number(line, columns.remote_network_id[row]);
        line.cell(&texts.applied_rule, columns.applied_rule.place(row));
        if relays.is_empty() {
            line.text(b",,,");
        } else {
            write_relays(line, columns, texts, relays, self.writer.options.formula_guard);
        }
        line.cell(&texts.service_account, columns.service_account_name.place(row));
        optional_number(line, columns.service_account_id, row);
        line.cell(&texts.service_account_key, columns.service_account_key.place(row));
        optional_number(line, columns.service_account_key_id, row);
        line.replace_last(b'\n');
        Ok(line.bytes())
    }
}

/// Items of the lists of a row.
fn relays(columns: &ConnectionColumns<'_>, row: usize) -> std::ops::Range<usize> {
    let ends = columns.relay_names.0;
    let end = |row: usize| usize::try_from(u64::from_le_bytes(ends[row])).unwrap_or(usize::MAX);
    if row == 0 { 0..end(0) } else { end(row - 1)..end(row) }
}

/// Start and end, microseconds.
fn moments(columns: &ConnectionColumns<'_>, row: usize) -> Result<(u64, u64), OddValue> {
    let end = u64::try_from(columns.end_micros(row)).ok().filter(|end| *end < Moment::END.as_micros().unsigned_abs());
    let end = end.ok_or(OddValue("end_time"))?;
    let start = end.checked_sub(u64::from_le_bytes(columns.duration[row])).ok_or(OddValue("duration_us"))?;
    Ok((start, end))
}

/// What became of a connection. An opening is none: those lie in a table of their own.
fn status(columns: &ConnectionColumns<'_>, texts: &CsvTexts, row: usize) -> Result<ConnectionStatus, OddValue> {
    match columns.event_type[row] {
        [2] => Ok(ConnectionStatus::Normal),
        [3] if columns.resource_ip.get(row).is_none() && texts.is_name[columns.resource_address.place(row)] => {
            Ok(ConnectionStatus::DnsError)
        }
        [3] => Ok(ConnectionStatus::ConnectionFailed),
        [4] => Ok(ConnectionStatus::AccessDenied),
        _ => Err(OddValue("event_type")),
    }
}

#[inline]
fn number(line: &mut Line, value: [u8; 8]) {
    line.number(u64::from_le_bytes(value));
    line.byte(b',');
}

#[inline]
fn optional_number(line: &mut Line, values: Optional<'_, 8>, row: usize) {
    if let Some(value) = values.get(row) {
        line.number(u64::from_le_bytes(*value));
    }
    line.byte(b',');
}

#[inline]
fn optional_address(line: &mut Line, values: Optional<'_, 16>, row: usize) {
    if let Some(value) = values.get(row) {
        line.address(value);
    }
}

/// The three columns of the relays; there is one at least.
fn write_relays(
    line: &mut Line,
    columns: &ConnectionColumns<'_>,
    texts: &CsvTexts,
    relays: std::ops::Range<usize>,
    guard: bool,
) {
    let (names, ips, ports) = (&columns.relay_names.1, columns.relay_ips.1, columns.relay_ports.1);
    if texts.joined_relays_need_care {
        let joined = relays.clone().map(|relay| names.get(relay)).collect::<Vec<_>>().join(&b';');
        let mut cell = Vec::new();
        push_cell(&mut cell, &joined, guard);
        line.text(&cell);
        line.byte(b',');
    } else {
        for relay in relays.clone() {
            line.cell(&texts.relay, names.place(relay));
        }
        line.replace_last(b',');
    }
    for relay in relays.clone() {
        optional_address(line, ips, relay);
        line.byte(b';');
    }
    line.replace_last(b',');
    for relay in relays {
        line.number(u16::from_le_bytes(ports[relay]).into());
        line.byte(b';');
    }
    line.replace_last(b',');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_has_twenty_six_columns() {
        assert_eq!(HEADER.trim_end().split(',').count(), 26);
    }
}
