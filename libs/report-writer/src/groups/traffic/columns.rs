//! The columns of a table, and the cells of a group's keys. Where network events have a column for it, it has that name here.

use std::cmp::Ordering;

use traffic_query::{Bucket, Dimension};

use super::key::Key;
use super::row::NOTHING;
use crate::groups::names::Names;
use crate::table::{Cell, CellType, TableColumn};

/// That of the beginning of a group's bucket.
pub(super) const fn of_bucket(bucket: Bucket) -> TableColumn {
    TableColumn::required(bucket.name(), CellType::Time)
}

/// Those of a dimension: of an id the name before it, where it has one.
pub(super) fn of_dimension(by: Dimension) -> Vec<TableColumn> {
    const fn id(name: &'static str) -> TableColumn {
        TableColumn::required(name, CellType::Number)
    }
    const fn optional_id(name: &'static str) -> TableColumn {
        TableColumn::optional(name, CellType::Number)
    }
    const fn word(name: &'static str) -> TableColumn {
        TableColumn::required(name, CellType::Text)
    }
    const fn text(name: &'static str) -> TableColumn {
        TableColumn::optional(name, CellType::Text)
    }
    match by {
        Dimension::RemoteNetwork => vec![text("remote_network"), id("remote_network_id")],
        Dimension::User => vec![text("user"), optional_id("user_id")],
        Dimension::ServiceAccount => vec![text("service_account"), optional_id("service_account_id")],
        Dimension::Resource => vec![text("resource_address"), id("resource_id")],
        Dimension::AppliedRule => vec![text("applied_rule")],
        Dimension::Connector => vec![text("connector"), id("connector_id")],
        Dimension::Device => vec![optional_id("device_id")],
        Dimension::Protocol => vec![word("protocol")],
        Dimension::Port => vec![TableColumn::optional("resource_port", CellType::Port)],
        Dimension::Status => vec![word("status")],
        Dimension::TunnelPath => vec![word("tunnel_path")],
        Dimension::Country => vec![text("country")],
        Dimension::ClientAddress => vec![text("client_ip")],
        Dimension::Address => vec![text("address")],
    }
}

/// True where it is told apart by an id that has a name.
pub(super) const fn has_name(by: Dimension) -> bool {
    matches!(
        by,
        Dimension::RemoteNetwork
            | Dimension::User
            | Dimension::ServiceAccount
            | Dimension::Resource
            | Dimension::Connector
    )
}

/// The cells of those columns; `name` gives that of an id.
pub(super) fn push_cells<'a>(
    cells: &mut Vec<Cell<'a>>,
    by: Dimension,
    key: &'a Key,
    name: impl FnOnce(&u64) -> &'a [u8],
) {
    let cell = match key {
        Key::Text(text) => Cell::text(text),
        Key::Number(NOTHING) => Cell::Absent,
        Key::Number(0) if by == Dimension::Port => Cell::Absent,
        Key::Number(number) => Cell::Number(*number),
    };
    if let Key::Number(number) = key
        && has_name(by)
    {
        cells.push(Cell::text(name(number)));
    }
    cells.push(cell);
}

/// Ids and ports by number, what is not there before them; everything else by its text.
pub(super) fn compare(by: Dimension, one: u64, other: u64, names: &Names) -> Ordering {
    if is_number(by) {
        // The word of nothing becomes 0.
        one.wrapping_add(1).cmp(&other.wrapping_add(1))
    } else {
        text(one, names).cmp(text(other, names))
    }
}

pub(super) const fn is_number(by: Dimension) -> bool {
    match by {
        Dimension::RemoteNetwork
        | Dimension::User
        | Dimension::ServiceAccount
        | Dimension::Resource
        | Dimension::Connector
        | Dimension::Device
        | Dimension::Port => true,
        Dimension::AppliedRule
        | Dimension::Protocol
        | Dimension::Status
        | Dimension::TunnelPath
        | Dimension::Country
        | Dimension::ClientAddress
        | Dimension::Address => false,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a number of 32 bits was made a word")]
pub(super) fn text(key: u64, names: &Names) -> &[u8] {
    names.text(key as u32)
}
