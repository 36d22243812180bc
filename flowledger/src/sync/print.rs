//! Syncs as a table, as lines, and as one JSON object a line.

use bucket_syncs::SyncState;
use schemas::times::Moment;
use serde_json::Value;

use crate::output::{line, plain, table};

pub(super) fn list(syncs: &[SyncState], as_json: bool) -> std::io::Result<()> {
    let syncs: Vec<_> = syncs.iter().map(|it| console::sync_json(it, Moment::now())).collect();
    if as_json {
        return syncs.iter().try_for_each(|it| line(&it.to_string()));
    }
    let head = ["ID", "NAME", "STATE", "DESTINATION", "REACHED", "LAG", "LAST OBJECT"];
    let rows = syncs.iter().map(|it| {
        let fields = ["id", "name", "state", "destination", "reached", "lag_seconds"].map(|field| text(&it[field]));
        fields.into_iter().chain([text(&it["last_object"]["key"])]).collect()
    });
    line(&table(&head.map(str::to_owned), rows))
}

pub(super) fn one(sync: &SyncState, as_json: bool) -> std::io::Result<()> {
    let shown = console::sync_json(sync, Moment::now());
    if as_json {
        return line(&shown.to_string());
    }
    let fields = shown.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
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
