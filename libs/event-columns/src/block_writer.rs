//! From columns to sorted blocks.

use std::collections::BTreeSet;

use crate::block::{Block, selections};
use crate::columns::Columns;
use crate::encode::{Encoder, Origin};
use crate::order::Order;

/// What is needed while blocks are made, and not before: one serves the columns of any number of ranges, one after the other.
#[derive(Clone, Debug, Default)]
pub struct BlockWriter {
    order: Order,
    encoder: Encoder,
    /// Buffers for blocks to come.
    spare: Vec<Vec<u8>>,
}

impl BlockWriter {
    /// Takes a block's bytes back when it is stored, and saves the next one the growing.
    pub fn give_back(&mut self, buffer: Vec<u8>) {
        self.spare.push(buffer);
    }

    pub(crate) fn sort<'a>(&'a mut self, columns: &'a Columns, origin: Origin<'a>) -> Sorted<'a> {
        self.order.sort(columns);
        Sorted { columns, origin, order: &self.order, encoder: &mut self.encoder, spare: &mut self.spare }
    }
}

/// The rows of a range in the order of the tables' key.
#[derive(Debug)]
pub struct Sorted<'a> {
    columns: &'a Columns,
    origin: Origin<'a>,
    pub(crate) order: &'a Order,
    encoder: &'a mut Encoder,
    spare: &'a mut Vec<Vec<u8>>,
}

impl Sorted<'_> {
    /// The blocks of [`crate::EventColumns::blocks`].
    #[must_use]
    pub fn blocks(self, only: Option<&BTreeSet<i64>>) -> Vec<Block> {
        let Self { columns, origin, order, encoder, spare } = self;
        let is_wanted = |row: u32| only.is_none_or(|only| only.contains(&columns.kafka_offset[row as usize]));
        selections(order, only.map(|_| &is_wanted as &dyn Fn(u32) -> bool))
            .into_iter()
            .map(|selection| Block {
                table: selection.table,
                months: selection.months,
                rows: selection.rows.len(),
                bytes: encoder.encode(columns, origin, &selection.rows, spare.pop().unwrap_or_default()),
            })
            .collect()
    }
}
