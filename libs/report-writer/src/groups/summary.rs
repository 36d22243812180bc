//! The Summary: one line a Resource id, most connections first, then by id.

use std::collections::HashMap;

use clickhouse_io::report::{Column, ColumnSet, ConnectionColumns};

use super::names::Names;
use super::number::{push_number, push_text, take_bytes, take_count, take_text};
use super::record::{halves, pack, unpack, word};
use super::run::BadRun;
use super::top_ten::{Counts, TopTen};
use super::totals::{COUNTS, MOST_CONNECTIONS, Outcome, PERCENTS, Totals};
use super::{GroupRows, GroupWriter, HEAD, TakeRow, most_connections, ranked};
use crate::row::{self, AskedNames};
use crate::table::{Cell, CellType, SortedBy, TableColumn};
use crate::{LineWriter, OddValue};

const BEFORE: [TableColumn; 4] = [
    TableColumn::required("resource_id", CellType::Number),
    TableColumn::optional("resource_address", CellType::Text),
    TableColumn::optional("remote_network", CellType::Text),
    TableColumn::required("remote_network_id", CellType::Number),
];
const PROTOCOL: TableColumn = TableColumn::required("protocol", CellType::Text);
const TOP_TEN: TableColumn = TableColumn::optional("top_10_address_accessed", CellType::Text);

/// Behind the id in the key of an address.
const ADDRESS: u8 = 1;

/// In the order of their numbers in the table, from 1.
const PROTOCOLS: [&str; 3] = ["tcp", "udp", "icmp"];

/// Folds rows by Resource.
#[derive(Debug, Default)]
pub struct SummaryWriter {
    record: Vec<u8>,
    names: Names,
    block: BlockNames,
    /// By Resource id, the place of its group.
    places: HashMap<u64, u32>,
    groups: Vec<Group>,
    /// What was asked for.
    addresses: Counts<u32>,
}

/// Numbers of the names in a block's dictionaries.
#[derive(Debug, Default)]
struct BlockNames {
    asked_names: AskedNames,
    address: Vec<u32>,
    applied_rule: Vec<u32>,
    remote_network: Vec<u32>,
}

#[derive(Debug, Default)]
struct Group {
    resource_id: u64,
    totals: Totals,
    /// A bit for each protocol that was used.
    protocols: u64,
    /// Those of the newest connection.
    address: u32,
    applied_rule: u32,
    remote_network: u32,
    remote_network_id: u64,
}

impl LineWriter for SummaryWriter {
    fn columns(&self) -> ColumnSet {
        ColumnSet::of(&[
            Column::EventType,
            Column::ResourceId,
            Column::ResourceIp,
            Column::ResourceAddress,
            Column::AppliedRule,
            Column::RemoteNetworkName,
            Column::RemoteNetworkId,
            Column::Protocol,
            Column::TunnelPath,
            Column::BytesTransferred,
            Column::BytesReceived,
        ])
    }

    fn block(&mut self, columns: &ConnectionColumns<'_>) {
        self.block.asked_names.fill(&columns.resource_address);
        self.names.numbers(&columns.resource_address, &mut self.block.address);
        self.names.numbers(&columns.applied_rule, &mut self.block.applied_rule);
        self.names.numbers(&columns.remote_network_name, &mut self.block.remote_network);
    }

    fn line(&mut self, columns: &ConnectionColumns<'_>, row: usize) -> Result<&[u8], OddValue> {
        let outcome = Outcome::of(columns, &self.block.asked_names, row)?;
        let is_relayed = row::tunnel_path(columns, row)? == b"relay";
        row::protocol(columns, row)?;
        let flags = outcome.flags(is_relayed) | u32::from(columns.protocol[row][0]) << 8;
        let words = [
            u64::from_le_bytes(columns.resource_id[row]),
            u64::from_le_bytes(columns.remote_network_id[row]),
            u64::from_le_bytes(columns.bytes_transferred[row]),
            u64::from_le_bytes(columns.bytes_received[row]),
            word(
                self.block.address[columns.resource_address.place(row)],
                self.block.applied_rule[columns.applied_rule.place(row)],
            ),
            word(self.block.remote_network[columns.remote_network_name.place(row)], flags),
        ];
        pack(&mut self.record, words);
        Ok(&self.record)
    }
}

impl GroupWriter for SummaryWriter {
    #[expect(clippy::cast_possible_truncation, reason = "groups are fewer than 2^32: they fit memory")]
    fn add(&mut self, record: &[u8]) {
        let [resource_id, remote_network_id, transferred, received, names, rest] = unpack(record);
        let ((address, applied_rule), (remote_network, flags)) = (halves(names), halves(rest));
        let place = *self.places.entry(resource_id).or_insert_with(|| {
            self.groups.push(Group::default());
            self.groups.len() as u32 - 1
        });
        let group = &mut self.groups[place as usize];
        let (outcome, is_relayed) = Outcome::of_flags(flags);
        group.totals.add(outcome, is_relayed, transferred, received);
        group.protocols |= 1 << (flags >> 8);
        (group.resource_id, group.remote_network_id) = (resource_id, remote_network_id);
        (group.address, group.applied_rule, group.remote_network) = (address, applied_rule, remote_network);
        if !self.names.text(address).is_empty() {
            self.addresses.add(place, address);
        }
    }

    fn size_bytes(&self) -> usize {
        self.names.size_bytes() + self.addresses.size_bytes() + self.groups.len() * 2 * size_of::<Group>()
    }

    fn table(&self) -> Vec<TableColumn> {
        [&BEFORE[..], &COUNTS, &[PROTOCOL], &PERCENTS, &[TOP_TEN]].concat()
    }

    fn order(&self) -> Vec<SortedBy> {
        vec![MOST_CONNECTIONS, SortedBy { name: BEFORE[0].name, is_descending: false }]
    }

    /// Of a Resource, by its id, what was counted; then of each address how often it was asked for.
    fn give(&mut self, take: &mut dyn FnMut(&[u8], &[u8]) -> bool) {
        self.places.clear();
        let (groups, names) = (std::mem::take(&mut self.groups), std::mem::take(&mut self.names));
        let (order, ranks) = ranked(groups.len(), |place| groups[place].resource_id);
        let mut addresses = self.addresses.take(&ranks, |address| names.text(address)).into_iter().peekable();
        let (mut key, mut value) = (Vec::new(), Vec::new());
        for (rank, place) in (0..).zip(order) {
            let group = &groups[place as usize];
            let rule = names.text(group.applied_rule);
            let shown = if rule.is_empty() { names.text(group.address) } else { rule };
            key.clear();
            key.extend_from_slice(&group.resource_id.to_be_bytes());
            key.push(HEAD);
            value.clear();
            group.totals.push(&mut value);
            push_number(&mut value, group.protocols);
            push_number(&mut value, group.remote_network_id);
            push_text(&mut value, names.text(group.remote_network));
            push_text(&mut value, shown);
            if !take(&key, &value) {
                return;
            }
            while let Some((_, address, count)) = addresses.next_if(|it| it.0 == rank) {
                key.truncate(size_of::<u64>());
                key.push(ADDRESS);
                key.extend_from_slice(names.text(address));
                value.clear();
                push_number(&mut value, count);
                if !take(&key, &value) {
                    return;
                }
            }
        }
    }

    fn rows(&self, _: usize) -> Box<dyn GroupRows> {
        Box::<SummaryRows>::default()
    }
}

/// Makes a row of what was counted of one Resource.
#[derive(Debug, Default)]
struct SummaryRows(Option<Resource>);

#[derive(Debug)]
struct Resource {
    id: u64,
    totals: Totals,
    protocols: u64,
    remote_network_id: u64,
    remote_network: Vec<u8>,
    shown: Vec<u8>,
    addresses: TopTen,
}

impl Resource {
    fn new(id: u64) -> Self {
        Self {
            id,
            totals: Totals::default(),
            protocols: 0,
            remote_network_id: 0,
            remote_network: Vec::new(),
            shown: Vec::new(),
            addresses: TopTen::new(<[u8]>::to_vec),
        }
    }

    /// Adds what another piece of the range has counted; its names are newer.
    fn add(&mut self, mut rest: &[u8]) -> Option<()> {
        self.totals.take(&mut rest)?;
        self.protocols |= take_count(&mut rest)?;
        self.remote_network_id = take_count(&mut rest)?;
        self.remote_network = take_text(&mut rest)?.to_vec();
        self.shown = take_text(&mut rest)?.to_vec();
        Some(())
    }

    fn row(self, take: TakeRow<'_>) {
        let used = (1..).zip(PROTOCOLS).filter(|(number, _)| self.protocols >> number & 1 == 1);
        let protocols = used.map(|(_, name)| name).collect::<Vec<_>>().join(";");
        let (_, top_ten) = self.addresses.said();
        let before = [
            Cell::Number(self.id),
            Cell::text(&self.shown),
            Cell::text(&self.remote_network),
            Cell::Number(self.remote_network_id),
        ];
        let protocol = [Cell::text(protocols.as_bytes())];
        let behind = [Cell::text(&top_ten)];
        let cells = [&before[..], &self.totals.counts(), &protocol, &self.totals.percents(), &behind].concat();
        take(&most_connections(&self.totals, self.id), &cells);
    }
}

impl GroupRows for SummaryRows {
    fn add(&mut self, mut key: &[u8], mut value: &[u8], take: TakeRow<'_>) -> Result<(), BadRun> {
        let id = u64::from_be_bytes(take_bytes(&mut key).ok_or(BadRun)?);
        if self.0.as_ref().is_none_or(|open| open.id != id) {
            self.end(take);
        }
        let open = self.0.get_or_insert_with(|| Resource::new(id));
        match key.split_first() {
            Some((&HEAD, [])) => open.add(value).ok_or(BadRun),
            Some((&ADDRESS, address)) => {
                open.addresses.add(address, take_count(&mut value).ok_or(BadRun)?);
                Ok(())
            }
            _ => Err(BadRun),
        }
    }

    fn end(&mut self, take: TakeRow<'_>) {
        if let Some(open) = self.0.take() {
            open.row(take);
        }
    }
}
