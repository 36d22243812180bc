//! The network events report as CSV, the plain way: event by event, cell by cell. What the engine is held against.

pub(crate) mod envelope;
pub(crate) mod groups;
pub(crate) mod traffic;

use std::io::Write;

use schemas::addresses::Address;
use schemas::connection_event::{ConnectionEvent, ConnectionStatus, TunnelPath, asked_domain};
use schemas::times::Moment;

/// Appends one line to `out`. `status` is what became of the connection.
pub(crate) fn render_row(out: &mut Vec<u8>, event: &ConnectionEvent, status: ConnectionStatus) {
    let normal = status == ConnectionStatus::Normal;
    let (user, account) = (event.user.as_ref(), event.service_account.as_ref());
    let mut row = Row { out, is_first: true };
    row.time(Some(event.start_time));
    row.time(normal.then_some(event.end_time));
    row.text(user.map_or("", |user| &user.email));
    row.number(user.map(|user| user.id.get()));
    row.number(event.device_id.map(schemas::ids::DeviceId::get));
    row.address(event.client_ip);
    row.text(&event.connector_name);
    row.number(Some(event.connector_id.get()));
    row.address(event.resource_ip);
    row.number((event.resource_port != 0).then_some(event.resource_port.into()));
    row.text(asked_domain(&event.resource_address));
    row.number(Some(event.resource_id.get()));
    row.text(event.protocol.name());
    row.text(status.report_name());
    row.number(normal.then_some(event.bytes_transferred));
    row.number(normal.then_some(event.bytes_received));
    row.text(&event.remote_network_name);
    row.number(Some(event.remote_network_id.get()));
    row.text(&event.applied_rule);
    row.list(event.relays.iter().map(|relay| &relay.name), |out, name| out.extend_from_slice(name.as_bytes()));
    row.list(event.relays.iter().map(|relay| relay.ip), |out, ip| {
        if let Some(ip) = ip {
            append(out, format_args!("{ip}"));
        }
    });
    row.list(event.relays.iter().map(|relay| relay.port), |out, port| append(out, format_args!("{port}")));
    row.text(account.map_or("", |account| &account.name));
    row.number(account.map(|account| account.id.get()));
    row.text(account.map_or("", |account| &account.key));
    row.number(account.and_then(|account| account.key_id).map(schemas::ids::ServiceAccountKeyId::get));
    row.out.push(b'\n');
}

/// The same with the columns of these names.
pub(crate) fn render_chosen(out: &mut Vec<u8>, event: &ConnectionEvent, status: ConnectionStatus, names: &[&str]) {
    const CONTRACT: &str = "start_time,end_time,user,user_id,device_id,client_ip,connector,connector_id,resource_ip,\
        resource_port,resource_domain,resource_id,protocol,status,bytes_transferred,bytes_received,remote_network,\
        remote_network_id,applied_rule,relays,relay_ips,relay_ports,service_account,service_account_id,\
        service_account_key,service_account_key_id";
    let mut line = Vec::new();
    render_row(&mut line, event, status);
    let of_contract = cells(&String::from_utf8_lossy(&line));
    let location = event.location.clone().unwrap_or_default();
    let mut row = Row { out, is_first: true };
    for name in names {
        row.text(&match *name {
            "country" => location.country.clone().unwrap_or_default(),
            "city" => location.city.clone().unwrap_or_default(),
            "tunnel_path" => if event.tunnel_path == TunnelPath::Direct { "direct" } else { "relay" }.to_owned(),
            "error_message" => event.error_message.clone(),
            "connection_id" => event.connection_id.clone(),
            "event_id" => event.event_id.to_string(),
            "event_time" => {
                let mut time = Vec::new();
                append_time(&mut time, event.end_time);
                String::from_utf8(time).unwrap()
            }
            name => of_contract[CONTRACT.split(',').position(|it| it == name).unwrap()].clone(),
        });
    }
    row.out.push(b'\n');
}

/// The cells of a line.
pub(crate) fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut is_quoted, mut chars) = (vec![String::new()], false, line.chars().peekable());
    while let Some(char) = chars.next() {
        match char {
            '"' if is_quoted && chars.peek() == Some(&'"') => cells.last_mut().unwrap().extend(chars.next()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            '\n' if !is_quoted => {}
            char => cells.last_mut().unwrap().push(char),
        }
    }
    cells
}

struct Row<'out> {
    out: &'out mut Vec<u8>,
    is_first: bool,
}

impl Row<'_> {
    fn begin_cell(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(b',');
        }
    }

    fn number(&mut self, value: Option<u64>) {
        self.begin_cell();
        if let Some(value) = value {
            append(self.out, format_args!("{value}"));
        }
    }

    fn address(&mut self, value: Option<Address>) {
        self.begin_cell();
        if let Some(value) = value {
            append(self.out, format_args!("{value}"));
        }
    }

    fn time(&mut self, value: Option<Moment>) {
        self.begin_cell();
        if let Some(value) = value {
            append_time(self.out, value);
        }
    }

    fn text(&mut self, value: &str) {
        self.begin_cell();
        let start = self.out.len();
        self.out.extend_from_slice(value.as_bytes());
        quote_where_needed(self.out, start);
    }

    fn list<T>(&mut self, values: impl Iterator<Item = T>, render: impl Fn(&mut Vec<u8>, T)) {
        self.begin_cell();
        let start = self.out.len();
        for (position, value) in values.enumerate() {
            if position > 0 {
                self.out.push(b';');
            }
            render(self.out, value);
        }
        quote_where_needed(self.out, start);
    }
}

fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // A vector takes everything.
    let _ = out.write_fmt(text);
}

/// A text as a cell.
pub(crate) fn quoted(text: &str) -> String {
    let mut cell = text.as_bytes().to_vec();
    quote_where_needed(&mut cell, 0);
    String::from_utf8(cell).unwrap()
}

/// Puts the cell that begins at `start` in quotes where it holds a comma, a quote, or a line end.
fn quote_where_needed(out: &mut Vec<u8>, start: usize) {
    if !out[start..].iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
        return;
    }
    let cell = out.split_off(start);
    out.push(b'"');
    for byte in cell {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// `2024-02-20 20:16:05.92 UTC`: two decimals, truncated.
pub(crate) fn append_time(out: &mut Vec<u8>, moment: Moment) {
    let hundredths = moment.as_micros().div_euclid(10_000);
    let (days, in_day) = (hundredths.div_euclid(8_640_000), hundredths.rem_euclid(8_640_000));
    let (year, month, day) = civil_date(days);
    let (hour, minute, second, hundredth) = (in_day / 360_000, in_day / 6_000 % 60, in_day / 100 % 60, in_day % 100);
    append(out, format_args!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{hundredth:02} UTC"));
}

/// Year, month and day of a day since 1970, in the Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms").
fn civil_date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}
