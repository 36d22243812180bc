//! Syncs as a table, as lines, and as one JSON object a line.

use bucket_syncs::SyncState;
use schemas::times::Moment;

use crate::output::{cell, fields, line, table};

pub(super) fn list(syncs: &[SyncState], as_json: bool) -> std::io::Result<()> {
    let syncs: Vec<_> = syncs.iter().map(|it| console::sync_json(it, Moment::now())).collect();
    if as_json {
        return syncs.iter().try_for_each(|it| line(&it.to_string()));
    }
    let head = ["ID", "NAME", "STATE", "DESTINATION", "REACHED", "LAG", "LAST OBJECT"];
    let rows = syncs.iter().map(|it| {
        let fields = ["id", "name", "state", "destination", "reached", "lag_seconds"].map(|field| cell(&it[field]));
        fields.into_iter().chain([cell(&it["last_object"]["key"])]).collect()
    });
    line(&table(&head.map(str::to_owned), rows))
}

pub(super) fn one(sync: &SyncState, as_json: bool) -> std::io::Result<()> {
    fields(&console::sync_json(sync, Moment::now()), as_json)
}
