//! User activity: one line a User id, most connections first, then by id. Service accounts are left out.

use std::collections::{HashMap, HashSet};

use clickhouse_io::report::{Column, ColumnSet, ConnectionColumns};
use schemas::addresses::Address;

use super::names::Names;
use super::number::{push_number, push_text, take_bytes, take_count, take_text};
use super::record::{halves, pack, unpack, word};
use super::run::BadRun;
use super::top_ten::{Counts, Distinct, TopTen};
use super::totals::{COUNTS, MOST_CONNECTIONS, Outcome, PERCENTS, Totals};
use super::{GroupRows, GroupWriter, HEAD, TakeRow, most_connections, ranked};
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

/// Behind the id in the key of a device, and of an address.
const DEVICE: u8 = 1;
const CLIENT: u8 = 2;

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
}

/// What is shown of an address of 16 bytes.
fn address(octets: &[u8]) -> Vec<u8> {
    octets.try_into().map_or_else(|_| Vec::new(), |octets| Address::from_octets(octets).to_string().into_bytes())
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
        if flags & HAS_DEVICE != 0 {
            self.devices.insert((place, device));
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

    /// Of a User, by the id, what was counted; then each device, and of each address how often it came.
    fn give(&mut self, take: &mut dyn FnMut(&[u8], &[u8]) -> bool) {
        self.places.clear();
        let (groups, names) = (std::mem::take(&mut self.groups), std::mem::take(&mut self.names));
        let (order, ranks) = ranked(groups.len(), |place| groups[place].user_id);
        let devices = std::mem::take(&mut self.devices).into_iter();
        let mut devices: Vec<_> = devices.map(|(place, device)| (ranks[place as usize], device)).collect();
        devices.sort_unstable();
        let mut devices = devices.into_iter().peekable();
        let mut clients = self.clients.take(&ranks, |client| client).into_iter().peekable();
        let (mut key, mut value) = (Vec::new(), Vec::new());
        for (rank, place) in (0..).zip(order) {
            let group = &groups[place as usize];
            let mut give = |part, own: &[u8], value: &[u8]| {
                key.clear();
                key.extend_from_slice(&group.user_id.to_be_bytes());
                key.push(part);
                key.extend_from_slice(own);
                take(&key, value)
            };
            value.clear();
            group.totals.push(&mut value);
            // 0 is none.
            push_number(&mut value, group.last_access.map_or(0, |micros| u128::from(micros) + 1));
            push_text(&mut value, names.text(group.email));
            if !give(HEAD, &[], &value) {
                return;
            }
            while let Some((_, device)) = devices.next_if(|it| it.0 == rank) {
                if !give(DEVICE, &device.to_be_bytes(), &[]) {
                    return;
                }
            }
            while let Some((_, client, count)) = clients.next_if(|it| it.0 == rank) {
                value.clear();
                push_number(&mut value, count);
                if !give(CLIENT, &client.to_be_bytes(), &value) {
                    return;
                }
            }
        }
    }

    fn rows(&self, _: usize) -> Box<dyn GroupRows> {
        Box::<UsersRows>::default()
    }
}

/// Makes a row of what was counted of one User.
#[derive(Debug, Default)]
struct UsersRows(Option<User>);

#[derive(Debug)]
struct User {
    id: u64,
    totals: Totals,
    email: Vec<u8>,
    last_access: Option<u64>,
    devices: Distinct,
    clients: TopTen,
}

impl User {
    fn new(id: u64) -> Self {
        let (totals, devices) = (Totals::default(), Distinct::default());
        Self { id, totals, email: Vec::new(), last_access: None, devices, clients: TopTen::new(address) }
    }

    /// Adds what another piece of the range has counted; it is newer.
    fn add(&mut self, mut rest: &[u8]) -> Option<()> {
        self.totals.take(&mut rest)?;
        self.last_access = take_count(&mut rest)?.checked_sub(1).or(self.last_access);
        self.email = take_text(&mut rest)?.to_vec();
        Some(())
    }

    fn row(self, take: TakeRow<'_>) {
        let (clients, top_ten) = self.clients.said();
        let before = [Cell::text(&self.email), self.last_access.map_or(Cell::Absent, Cell::Time)];
        let behind = [Cell::Number(self.devices.count), Cell::Number(clients), Cell::text(&top_ten)];
        let cells = [&before[..], &self.totals.counts(), &self.totals.percents(), &behind].concat();
        take(&most_connections(&self.totals, self.id), &cells);
    }
}

impl GroupRows for UsersRows {
    fn add(&mut self, mut key: &[u8], mut value: &[u8], take: TakeRow<'_>) -> Result<(), BadRun> {
        let id = u64::from_be_bytes(take_bytes(&mut key).ok_or(BadRun)?);
        if self.0.as_ref().is_none_or(|open| open.id != id) {
            self.end(take);
        }
        let open = self.0.get_or_insert_with(|| User::new(id));
        match key.split_first() {
            Some((&HEAD, [])) => open.add(value).ok_or(BadRun)?,
            Some((&DEVICE, device)) => open.devices.add(device),
            Some((&CLIENT, client)) => open.clients.add(client, take_count(&mut value).ok_or(BadRun)?),
            _ => return Err(BadRun),
        }
        Ok(())
    }

    fn end(&mut self, take: TakeRow<'_>) {
        if let Some(open) = self.0.take() {
            open.row(take);
        }
    }
}
