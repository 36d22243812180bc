//! Webhooks and deliveries as a table, as lines, and as one JSON object a line.

use serde_json::Value;

use crate::output::{cell, line, table};

/// A table of these fields of each.
pub(super) fn list(values: &[Value], fields: &[&str], as_json: bool) -> std::io::Result<()> {
    if as_json {
        return values.iter().try_for_each(|it| line(&it.to_string()));
    }
    let head: Vec<_> = fields.iter().map(|field| field.to_uppercase()).collect();
    line(&table(&head, values.iter().map(|it| fields.iter().map(|field| cell(&it[*field])).collect())))
}
