//! Webhooks and deliveries as a table, as lines, and as one JSON object a line.

use serde_json::Value;

use crate::output::{line, plain, table};

/// A table of these fields of each.
pub(super) fn list(values: &[Value], fields: &[&str], as_json: bool) -> std::io::Result<()> {
    if as_json {
        return values.iter().try_for_each(|it| line(&it.to_string()));
    }
    let head: Vec<_> = fields.iter().map(|field| field.to_uppercase()).collect();
    line(&table(&head, values.iter().map(|it| fields.iter().map(|field| text(&it[*field])).collect())))
}

pub(super) fn one(webhook: &Value, as_json: bool) -> std::io::Result<()> {
    if as_json {
        return line(&webhook.to_string());
    }
    let fields = webhook.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let rows = fields.map(|(name, value)| vec![name.clone(), text(value)]);
    line(&table(&["FIELD", "VALUE"].map(str::to_owned), rows))
}

/// As it is read: nothing for what is not there.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => plain(text),
        other => plain(&other.to_string()),
    }
}
