//! User activity: one line a User id, most connections first, then by id. Service accounts are left out.

use std::collections::{HashMap, HashSet};

use clickhouse_io::report::{Column, ColumnSet, ConnectionColumns};
use schemas::addresses::Address;

use super::GroupWriter;
use super::names::Names;
use super::record::{halves, pack, unpack, word};
use super::top_ten::{Counts, Ranking, joined};
use super::totals::{COUNTS, MOST_CONNECTIONS, Outcome, PERCENTS, Totals};
use crate::row::{self, AskedNames};
use crate::table::{Cell, CellType, SortedBy, TableColumn};
use crate::{LineWriter, OddValue};

const BEFORE: [TableColumn; 2] =
    [TableColumn::optional("user_email", CellType::Text), TableColumn::optional("last_access_date", CellType::Time)];
const BEHIND: [TableColumn; 3] = [
    TableColumn::required("active_devices", CellType::Number),
    TableColumn::required("num_of_client_ip", CellType::Number),
    TableColumn::optional("top_10_client_ips", CellType::Text),
];

/// What a device of a User takes, roughly, with the room that tables have.
const DEVICE_BYTES: usize = 40;

/// Flags of a record beside those of every one.
const HAS_USER: u32 = 1 << 8;
const HAS_DEVICE: u32 = 1 << 9;
const HAS_CLIENT: u32 = 1 << 10;

/// Folds rows by User.
#[derive(Debug, Default)]
pub struct UsersWriter {
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
    fn row(&self, group: &Group, clients: &Ranking<u128>, take: &mut dyn FnMut(&[Cell<'_>]) -> bool) -> bool {
        let top_ten = joined(&clients.top, address);
        let email = Cell::text(self.names.text(group.email));
        let before = [email, group.last_access.map_or(Cell::Absent, Cell::Time)];
        let behind = [Cell::Number(group.devices), Cell::Number(clients.distinct), Cell::text(&top_ten)];
        take(&[&before[..], &group.totals.counts(), &group.totals.percents(), &behind].concat())
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

    fn table(&self) -> Vec<TableColumn> {
        [&BEFORE[..], &COUNTS, &PERCENTS, &BEHIND].concat()
    }

    /// Then by id, which is no column.
    fn order(&self) -> Vec<SortedBy> {
        vec![MOST_CONNECTIONS]
    }

    fn rows(&mut self, take: &mut dyn FnMut(&[Cell<'_>]) -> bool) {
        let rankings = self.clients.rankings(self.groups.len(), address);
        let mut order: Vec<_> = self.groups.iter().zip(&rankings).collect();
        order.sort_unstable_by_key(|(group, _)| (std::cmp::Reverse(group.totals.connections()), group.user_id));
        for (group, clients) in order {
            if !self.row(group, clients, take) {
                return;
            }
        }
    }
}
