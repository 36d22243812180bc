//! User activity: one line a User id, most connections first, then by id. Service accounts are left out.

use std::collections::{HashMap, HashSet};
use std::io::Write;

use clickhouse_io::report::{Column, ColumnSet, ConnectionColumns};
use schemas::addresses::Address;

use super::GroupWriter;
use super::names::Names;
use super::record::{halves, pack, unpack, word};
use super::top_ten::{Counts, Ranking, joined};
use super::totals::{Outcome, Totals};
use crate::cells::push_cell;
use crate::line::{Date, Line, TIME};
use crate::row::{self, AskedNames};
use crate::{CsvOptions, LineWriter, OddValue};

const HEADER: &str = "user_email,last_access_date,total_connections,success_connections,failed_connections,\
    failed_connections_dns,failed_connections_other,total_bytes,bytes_transferred,bytes_received,percent_relay,\
    percent_p2p,active_devices,num_of_client_ip,top_10_client_ips\n";

/// What a device of a User takes, roughly, with the room that tables have.
const DEVICE_BYTES: usize = 40;

/// Flags of a record beside those of every one.
const HAS_USER: u32 = 1 << 8;
const HAS_DEVICE: u32 = 1 << 9;
const HAS_CLIENT: u32 = 1 << 10;

/// Folds rows by User.
#[derive(Debug, Default)]
pub struct UsersWriter {
    options: CsvOptions,
    record: Vec<u8>,
    names: Names,
    asked_names: AskedNames,
    /// Numbers of the names in a block's dictionary.
    emails: Vec<u32>,
    /// By User id, the place of its group.
    places: HashMap<u64, u32>,
    groups: Vec<Group>,
    devices: HashSet<(u32, u64)>,
    /// Public addresses of clients, 16 bytes as one number.
    clients: Counts<u128>,
}

#[derive(Debug, Default)]
struct Group {
    user_id: u64,
    totals: Totals,
    /// That of the newest connection.
    email: u32,
    /// End of the newest connection that succeeded, microseconds.
    last_access: Option<u64>,
    devices: u64,
}

impl UsersWriter {
    /// A writer without groups.
    #[must_use]
    pub fn new(options: CsvOptions) -> Self {
        Self { options, ..Self::default() }
    }

    fn push_line(&self, out: &mut Vec<u8>, group: &Group, clients: &Ranking<u128>) {
        let guard = self.options.formula_guard;
        push_cell(out, self.names.text(group.email), guard);
        out.push(b',');
        if let Some(micros) = group.last_access {
            let mut line = Line::default();
            line.begin(TIME);
            line.time(&mut Date::default(), micros);
            out.extend_from_slice(line.bytes());
        }
        out.push(b',');
        group.totals.push_counts(out);
        group.totals.push_percents(out);
        // A vector takes everything.
        let _ = write!(out, "{},{},", group.devices, clients.distinct);
        push_cell(out, &joined(&clients.top, address), guard);
        out.push(b'\n');
    }
}

fn address(octets: u128) -> String {
    Address::from_octets(octets.to_be_bytes()).to_string()
}

impl LineWriter for UsersWriter {
    fn columns(&self) -> ColumnSet {
        ColumnSet::of(&[
            Column::EventType,
            Column::UserId,
            Column::UserEmail,
            Column::ResourceIp,
            Column::ResourceAddress,
            Column::TunnelPath,
            Column::BytesTransferred,
            Column::BytesReceived,
            Column::DeviceId,
            Column::ClientIp,
        ])
    }

    fn header(&self) -> Vec<u8> {
        HEADER.as_bytes().to_vec()
    }

    fn block(&mut self, columns: &ConnectionColumns<'_>) {
        self.asked_names.fill(&columns.resource_address);
        self.names.numbers(&columns.user_email, &mut self.emails);
    }

    fn line(&mut self, columns: &ConnectionColumns<'_>, row: usize) -> Result<&[u8], OddValue> {
        let outcome = Outcome::of(columns, &self.asked_names, row)?;
        let is_relayed = row::tunnel_path(columns, row)? == b"relay";
        let (user, device) = (columns.user_id.get(row), columns.device_id.get(row));
        let client = columns.client_ip.get(row);
        let mut flags = outcome.flags(is_relayed);
        for (flag, is_there) in
            [(HAS_USER, user.is_some()), (HAS_DEVICE, device.is_some()), (HAS_CLIENT, client.is_some())]
        {
            flags |= if is_there { flag } else { 0 };
        }
        let number = |id: Option<&[u8; 8]>| id.map_or(0, |id| u64::from_le_bytes(*id));
        let client = client.map_or(0, |octets| u128::from_be_bytes(*octets));
        #[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
        let words = [
            number(user),
            row::end(columns, row)?,
            u64::from_le_bytes(columns.bytes_transferred[row]),
            u64::from_le_bytes(columns.bytes_received[row]),
            number(device),
            (client >> 64) as u64,
            client as u64,
            word(self.emails[columns.user_email.place(row)], flags),
        ];
        pack(&mut self.record, words);
        Ok(&self.record)
    }
}

impl GroupWriter for UsersWriter {
    #[expect(clippy::cast_possible_truncation, reason = "groups are fewer than 2^32: they fit memory")]
    fn add(&mut self, record: &[u8]) {
        let [user_id, end, transferred, received, device, high, low, rest] = unpack(record);
        let (email, flags) = halves(rest);
        if flags & HAS_USER == 0 {
            return;
        }
        let place = *self.places.entry(user_id).or_insert_with(|| {
            self.groups.push(Group { user_id, ..Group::default() });
            self.groups.len() as u32 - 1
        });
        let group = &mut self.groups[place as usize];
        let (outcome, is_relayed) = Outcome::of_flags(flags);
        group.totals.add(outcome, is_relayed, transferred, received);
        group.email = email;
        if outcome == Outcome::Succeeded {
            group.last_access = Some(end);
        }
        if flags & HAS_DEVICE != 0 && self.devices.insert((place, device)) {
            group.devices += 1;
        }
        if flags & HAS_CLIENT != 0 {
            self.clients.add(place, u128::from(high) << 64 | u128::from(low));
        }
    }

    fn size_bytes(&self) -> usize {
        let groups = self.groups.len() * 2 * size_of::<Group>();
        self.names.size_bytes() + self.clients.size_bytes() + self.devices.capacity() * DEVICE_BYTES + groups
    }

    fn lines(&self, take: &mut dyn FnMut(&[u8]) -> bool) {
        let rankings = self.clients.rankings(self.groups.len(), address);
        let mut order: Vec<_> = self.groups.iter().zip(&rankings).collect();
        order.sort_unstable_by_key(|(group, _)| (std::cmp::Reverse(group.totals.connections()), group.user_id));
        let mut line = Vec::new();
        for (group, clients) in order {
            line.clear();
            self.push_line(&mut line, group, clients);
            if !take(&line) {
                return;
            }
        }
    }
}
