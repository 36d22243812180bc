//! The Summary: one line a Resource id, most connections first, then by id.

use std::collections::HashMap;
use std::io::Write;

use clickhouse_io::report::{Column, ColumnSet, ConnectionColumns};

use super::GroupWriter;
use super::names::Names;
use super::record::{halves, pack, unpack, word};
use super::top_ten::{Counts, Ranking, joined};
use super::totals::{Outcome, Totals};
use crate::cells::push_cell;
use crate::row::{self, AskedNames};
use crate::{CsvOptions, LineWriter, OddValue};

const HEADER: &str = "resource_id,resource_address,remote_network,remote_network_id,total_connections,success_connections,\
    failed_connections,failed_connections_dns,failed_connections_other,total_bytes,bytes_transferred,bytes_received,\
    protocol,percent_relay,percent_p2p,top_10_address_accessed\n";

/// In the order of their numbers in the table, from 1.
const PROTOCOLS: [&str; 3] = ["tcp", "udp", "icmp"];

/// Folds rows by Resource.
#[derive(Debug, Default)]
pub struct SummaryWriter {
    options: CsvOptions,
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
    /// A writer without groups.
    #[must_use]
    pub fn new(options: CsvOptions) -> Self {
        Self { options, ..Self::default() }
    }

    fn push_line(&self, out: &mut Vec<u8>, group: &Group, addresses: &Ranking<u32>) {
        let guard = self.options.formula_guard;
        let rule = self.names.text(group.applied_rule);
        let shown = if rule.is_empty() { self.names.text(group.address) } else { rule };
        // A vector takes everything.
        let _ = write!(out, "{},", group.resource_id);
        push_cell(out, shown, guard);
        out.push(b',');
        push_cell(out, self.names.text(group.remote_network), guard);
        let _ = write!(out, ",{},", group.remote_network_id);
        group.totals.push_counts(out);
        let used = (1..).zip(PROTOCOLS).filter(|(number, _)| group.protocols >> number & 1 == 1);
        out.extend_from_slice(used.map(|(_, name)| name).collect::<Vec<_>>().join(";").as_bytes());
        out.push(b',');
        group.totals.push_percents(out);
        push_cell(out, &joined(&addresses.top, |address| self.names.text(address)), guard);
        out.push(b'\n');
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

    fn header(&self) -> Vec<u8> {
        HEADER.as_bytes().to_vec()
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

    fn lines(&self, take: &mut dyn FnMut(&[u8]) -> bool) {
        let rankings = self.addresses.rankings(self.groups.len(), |address| self.names.text(address));
        let mut order: Vec<_> = self.groups.iter().zip(&rankings).collect();
        order.sort_unstable_by_key(|(group, _)| (std::cmp::Reverse(group.totals.connections()), group.resource_id));
        let mut line = Vec::new();
        for (group, addresses) in order {
            line.clear();
            self.push_line(&mut line, group, addresses);
            if !take(&line) {
                return;
            }
        }
    }
}
