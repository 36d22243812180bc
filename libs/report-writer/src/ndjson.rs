//! Network events as NDJSON: the contract's envelope, one event a line.

use clickhouse_io::native::{Optional, Texts};
use clickhouse_io::report::{Column, ColumnSet, ConnectionColumns};

use crate::cells::Cells;
use crate::json::{degrees, push_string};
use crate::line::{ADDRESS_MAX, Date, Line, NUMBER_MAX};
use crate::{LineWriter, OddValue, row};

/// What a line takes beside texts and relays: its names, brackets and statuses, which are shorter, and what is of bounded length.
const FIXED_MAX: usize = 700 + 11 * NUMBER_MAX + 2 * ADDRESS_MAX;
/// What a relay takes beside its name.
const RELAY_MAX: usize = 40 + ADDRESS_MAX + NUMBER_MAX;

/// Writes lines of blocks; keeps its buffers from block to block.
#[derive(Debug, Default)]
pub struct NdjsonWriter {
    line: Line,
    date: Date,
    texts: JsonTexts,
}

/// The dictionaries of a block as members of objects, each with its name and a comma; empty where the text is.
#[derive(Debug, Default)]
struct JsonTexts {
    user: Cells,
    connector: Cells,
    address: Cells,
    remote_network: Cells,
    applied_rule: Cells,
    error: Cells,
    relay: Cells,
    service_account: Cells,
    service_account_key: Cells,
    latitude: Cells,
    longitude: Cells,
    /// Room that a line without relays needs.
    room: usize,
}

impl JsonTexts {
    fn fill(&mut self, columns: &ConnectionColumns<'_>) {
        self.user.fill_members(&columns.user_email, ",\"email\":", "");
        self.connector.fill_members(&columns.connector_name, ",\"name\":", "");
        self.address.fill_members(&columns.resource_address, "\"address\":", ",");
        self.remote_network.fill_members(&columns.remote_network_name, ",\"name\":", "");
        self.applied_rule.fill_members(&columns.applied_rule, "\"applied_rule\":", ",");
        self.error.fill_members(&columns.error_message, ",\"error_message\":", "");
        self.relay.fill_members(&columns.relay_names.1, "\"name\":", ",");
        self.service_account.fill_members(&columns.service_account_name, ",\"name\":", "");
        self.service_account_key.fill_members(&columns.service_account_key, ",\"key\":", "");
        self.latitude.fill_with(columns.latitude.keys(), degrees);
        self.longitude.fill_with(columns.longitude.keys(), degrees);
        let cells = [
            &self.user,
            &self.connector,
            &self.address,
            &self.remote_network,
            &self.applied_rule,
            &self.error,
            &self.service_account,
            &self.service_account_key,
            &self.latitude,
            &self.longitude,
        ];
        self.room = FIXED_MAX + cells.iter().map(|cells| cells.longest()).sum::<usize>();
    }
}

impl Cells {
    fn fill_members(&mut self, texts: &Texts<'_>, before: &str, behind: &str) {
        self.fill_with(texts.keys(), |out, text| {
            if !text.is_empty() {
                out.extend_from_slice(before.as_bytes());
                push_string(out, text);
                out.extend_from_slice(behind.as_bytes());
            }
        });
    }
}

impl LineWriter for NdjsonWriter {
    fn columns(&self) -> ColumnSet {
        ColumnSet::of(&[
            Column::EventType,
            Column::UserEmail,
            Column::UserId,
            Column::DeviceId,
            Column::ClientIp,
            Column::ConnectorName,
            Column::ConnectorId,
            Column::ResourceIp,
            Column::ResourcePort,
            Column::ResourceAddress,
            Column::ResourceId,
            Column::Protocol,
            Column::BytesTransferred,
            Column::BytesReceived,
            Column::RemoteNetworkName,
            Column::RemoteNetworkId,
            Column::AppliedRule,
            Column::RelayNames,
            Column::RelayIps,
            Column::RelayPorts,
            Column::ServiceAccountName,
            Column::ServiceAccountId,
            Column::ServiceAccountKey,
            Column::ServiceAccountKeyId,
            Column::ErrorMessage,
            Column::Latitude,
            Column::Longitude,
        ])
    }

    fn block(&mut self, columns: &ConnectionColumns<'_>) {
        self.texts.fill(columns);
    }

    fn line(&mut self, columns: &ConnectionColumns<'_>, row: usize) -> Result<&[u8], OddValue> {
        let (line, texts) = (&mut self.line, &self.texts);
        let relays = row::relays(columns, row);
        // Of these names alone: the longest of a block, times the most relays of a row, might be more than there is memory.
        let names = &columns.relay_names.1;
        let of_relay = |relay| RELAY_MAX + texts.relay.span(names.place(relay)).1;
        line.begin(texts.room + relays.clone().map(of_relay).sum::<usize>());

        line.text(br#"{"event_type":"network_access","event":{"version":1,"time":""#);
        line.rfc3339_time(&mut self.date, row::end(columns, row)?);
        line.text(match columns.event_type[row] {
            [2] => br#"","status":"closed_connection","connection":{"#,
            [3] => br#"","status":"failed_to_connect","connection":{"#,
            [4] => br#"","status":"denied_access","connection":{"#,
            _ => return Err(OddValue("event_type")),
        });
        connection(line, columns, texts, row)?;
        line.text(br#"},"connector":{"id":""#);
        line.number(u64::from_le_bytes(columns.connector_id[row]));
        line.byte(b'"');
        line.cell(&texts.connector, columns.connector_name.place(row));
        line.text(br#"},"remote_network":{"id":""#);
        line.number(u64::from_le_bytes(columns.remote_network_id[row]));
        line.byte(b'"');
        line.cell(&texts.remote_network, columns.remote_network_name.place(row));
        line.text(br#"},"resource":{"#);
        resource(line, columns, texts, row);
        line.text(br#"},"relays":["#);
        if !relays.is_empty() {
            relays.for_each(|relay| write_relay(line, columns, texts, relay));
            line.drop_last(b',');
        }
        line.byte(b']');
        optional_id(line, br#","device":{"id":""#, columns.device_id, row, b"\"}");
        identity(line, columns, texts, row);
        // The first key of each stands for no location.
        let (latitude, longitude) = (columns.latitude.place(row), columns.longitude.place(row));
        if latitude != 0 && longitude != 0 {
            line.text(br#","location":{"lat":"#);
            line.cell(&texts.latitude, latitude);
            line.text(br#","lon":"#);
            line.cell(&texts.longitude, longitude);
            line.byte(b'}');
        }
        line.text(b"}}\n");
        Ok(line.bytes())
    }
}

fn connection(line: &mut Line, columns: &ConnectionColumns<'_>, texts: &JsonTexts, row: usize) -> Result<(), OddValue> {
    optional_address(line, br#""client_ip":""#, columns.client_ip, row, b"\",");
    line.text(br#""protocol":""#);
    line.text(row::protocol(columns, row)?);
    line.text(br#"","bytes_received":"#);
    line.number(u64::from_le_bytes(columns.bytes_received[row]));
    line.text(br#","bytes_transferred":"#);
    line.number(u64::from_le_bytes(columns.bytes_transferred[row]));
    if !row::is_normal(columns, row) {
        line.cell(&texts.error, columns.error_message.place(row));
    }
    Ok(())
}

fn resource(line: &mut Line, columns: &ConnectionColumns<'_>, texts: &JsonTexts, row: usize) {
    line.cell(&texts.address, columns.resource_address.place(row));
    line.cell(&texts.applied_rule, columns.applied_rule.place(row));
    line.text(br#""id":""#);
    line.number(u64::from_le_bytes(columns.resource_id[row]));
    line.byte(b'"');
    optional_address(line, br#","ip":""#, columns.resource_ip, row, b"\"");
    let port = u16::from_le_bytes(columns.resource_port[row]);
    if port != 0 {
        line.text(br#","port":"#);
        line.number(port.into());
    }
}

/// One relay with a comma behind it.
fn write_relay(line: &mut Line, columns: &ConnectionColumns<'_>, texts: &JsonTexts, relay: usize) {
    line.byte(b'{');
    optional_address(line, br#""ip":""#, columns.relay_ips.1, relay, b"\",");
    line.cell(&texts.relay, columns.relay_names.1.place(relay));
    let port = u16::from_le_bytes(columns.relay_ports.1[relay]);
    if port != 0 {
        line.text(br#""port":"#);
        line.number(port.into());
        line.byte(b',');
    }
    line.drop_last(b',');
    line.text(b"},");
}

/// The User, or the service account.
fn identity(line: &mut Line, columns: &ConnectionColumns<'_>, texts: &JsonTexts, row: usize) {
    if columns.user_id.get(row).is_some() {
        optional_id(line, br#","user":{"id":""#, columns.user_id, row, b"\"");
        line.cell(&texts.user, columns.user_email.place(row));
        line.byte(b'}');
    } else if columns.service_account_id.get(row).is_some() {
        optional_id(line, br#","service_account":{"id":""#, columns.service_account_id, row, b"\"");
        line.cell(&texts.service_account, columns.service_account_name.place(row));
        line.cell(&texts.service_account_key, columns.service_account_key.place(row));
        optional_id(line, br#","key_id":""#, columns.service_account_key_id, row, b"\"");
        line.byte(b'}');
    }
}

#[inline]
fn optional_id(line: &mut Line, before: &[u8], values: Optional<'_, 8>, row: usize, behind: &[u8]) {
    if let Some(value) = values.get(row) {
        line.text(before);
        line.number(u64::from_le_bytes(*value));
        line.text(behind);
    }
}

#[inline]
fn optional_address(line: &mut Line, before: &[u8], values: Optional<'_, 16>, row: usize, behind: &[u8]) {
    if let Some(value) = values.get(row) {
        line.text(before);
        line.address(value);
        line.text(behind);
    }
}
