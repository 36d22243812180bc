//! The Summary: one line a Resource id, most connections first, then by id.

use std::collections::HashMap;

use clickhouse_io::report::{Column, ColumnSet, ConnectionColumns};

use super::GroupWriter;
use super::names::Names;
use super::record::{halves, pack, unpack, word};
use super::top_ten::{Counts, Ranking, joined};
use super::totals::{COUNTS, MOST_CONNECTIONS, Outcome, PERCENTS, Totals};
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

impl SummaryWriter {
    fn row(&self, group: &Group, addresses: &Ranking<u32>, take: &mut dyn FnMut(&[Cell<'_>]) -> bool) -> bool {
        let rule = self.names.text(group.applied_rule);
        let shown = if rule.is_empty() { self.names.text(group.address) } else { rule };
        let used = (1..).zip(PROTOCOLS).filter(|(number, _)| group.protocols >> number & 1 == 1);
        let protocols = used.map(|(_, name)| name).collect::<Vec<_>>().join(";");
        let top_ten = joined(&addresses.top, |address| self.names.text(address));
        let before = [
            Cell::Number(group.resource_id),
            Cell::text(shown),
            Cell::text(self.names.text(group.remote_network)),
            Cell::Number(group.remote_network_id),
        ];
        let behind = [Cell::text(&top_ten)];
        let protocol = [Cell::text(protocols.as_bytes())];
        take(&[&before[..], &group.totals.counts(), &protocol, &group.totals.percents(), &behind].concat())
    }
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

    fn rows(&mut self, take: &mut dyn FnMut(&[Cell<'_>]) -> bool) {
        let rankings = self.addresses.rankings(self.groups.len(), |address| self.names.text(address));
        let mut order: Vec<_> = self.groups.iter().zip(&rankings).collect();
        order.sort_unstable_by_key(|(group, _)| (std::cmp::Reverse(group.totals.connections()), group.resource_id));
        for (group, addresses) in order {
            if !self.row(group, addresses, take) {
                return;
            }
        }
    }
}
