//! What a table promises: whether an insert that was acknowledged is on the disk, and for how long its token is remembered.
//!
//! Asked once at the start. A table that cannot keep the promise is refused with what to do, because the first crash would show it
//! otherwise.

use std::time::Duration;

use clickhouse::Row;
use serde::Deserialize;

use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::write::EventTable;

/// The fewest blocks that have to be remembered: an insert makes one a table partition, and one that is tried again must still be
/// known after all that other writers inserted in the ten minutes for which tokens are used and waited for.
///
/// A hundred a second for these 600 s. 16 partitions of the topic with ranges of half a second make 32 a second; the rest is room for ranges
/// that fall into several months or buckets of Remote Networks, and for halves of those that are refused.
const BLOCKS_MIN: u64 = 100 * 600;

/// How long a table remembers tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenWindow {
    /// So many blocks, of all writers; one insert makes one a table partition.
    pub blocks: u64,
    /// And no longer than this; `None`: whatever their age. What is older has to be counted before it is inserted again.
    pub age_max: Option<Duration>,
}

/// Why a table cannot be written exactly once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromiseError {
    /// Refused or not answered; see [`QueryError::next_step`].
    #[error(transparent)]
    Query(#[from] QueryError),
    /// There is no such table.
    #[error("table {table} is not there: run flowledger migrate")]
    NoTable {
        /// Table.
        table: &'static str,
    },
    /// Its engine does not keep every row, or does not know tokens.
    #[error(
        "table {table} is a {engine}, where not every stored offset stays a row: make it a MergeTree, ReplicatedMergeTree or \
         SharedMergeTree"
    )]
    Engine {
        /// Table.
        table: &'static str,
        /// Its engine.
        engine: String,
    },
    /// It remembers too few tokens.
    #[error(
        "table {table} remembers {blocks} blocks, and {BLOCKS_MIN} may be inserted while a token is used and waited for: \
         ALTER TABLE {table} MODIFY SETTING {setting} = 100000"
    )]
    Forgetful {
        /// Table.
        table: &'static str,
        /// Blocks that it remembers.
        blocks: u64,
        /// The setting that says so.
        setting: &'static str,
    },
    /// It acknowledges what is not on the disk.
    #[error(
        "table {table} acknowledges inserts that are not on the disk: ALTER TABLE {table} MODIFY SETTING fsync_after_insert = 1, \
         fsync_part_directory = 1"
    )]
    NotDurable {
        /// Table.
        table: &'static str,
    },
}

#[derive(Row, Deserialize)]
struct Setting {
    name: String,
    value: String,
}

/// How long a table remembers tokens.
///
/// # Errors
/// When the table cannot keep the promise, or ClickHouse refuses or does not answer.
pub async fn token_window(clickhouse: &ClickHouse, table: &'static str) -> Result<TokenWindow, PromiseError> {
    let name = table;
    let sql =
        "SELECT engine, engine_full FROM system.tables WHERE database = currentDatabase() AND name = {table:String}";
    let query = clickhouse.client.query_raw(sql).param("table", name);
    let found = clickhouse.within(query.fetch_optional::<(String, String)>()).await?;
    let (engine, engine_full) = found.ok_or(PromiseError::NoTable { table: name })?;
    let defaults =
        if engine.starts_with("Replicated") { "replicated_merge_tree_settings" } else { "merge_tree_settings" };
    let sql = format!(
        "SELECT name, value FROM system.{defaults} WHERE match(name, '^(non_)?replicated_deduplication_window(_seconds)?$')
         OR name IN ('fsync_after_insert', 'fsync_part_directory')"
    );
    let defaults = clickhouse.within(clickhouse.client.query_raw(&sql).fetch_all::<Setting>()).await?;
    window(name, &engine, &engine_full, &defaults)
}

fn window(
    table: &'static str,
    engine: &str,
    engine_full: &str,
    defaults: &[Setting],
) -> Result<TokenWindow, PromiseError> {
    let value = |name: &str| {
        own_setting(engine_full, name)
            .or_else(|| defaults.iter().find(|it| it.name == name).map(|it| it.value.as_str()))
            .unwrap_or("0")
    };
    let number = |name: &str| value(name).parse::<u64>().unwrap_or(0);
    let is_set = |name: &str| matches!(value(name), "1" | "true");
    let (setting, age_max) = match engine {
        "MergeTree" => ("non_replicated_deduplication_window", None),
        "ReplicatedMergeTree" | "SharedMergeTree" => (
            "replicated_deduplication_window",
            Some(Duration::from_secs(number("replicated_deduplication_window_seconds"))),
        ),
        other => return Err(PromiseError::Engine { table, engine: other.to_owned() }),
    };
    let blocks = number(setting);
    if blocks < BLOCKS_MIN {
        return Err(PromiseError::Forgetful { table, blocks, setting });
    }
    // The parts of a SharedMergeTree lie in an object store, which has acknowledged them.
    if engine != "SharedMergeTree" && !(is_set("fsync_after_insert") && is_set("fsync_part_directory")) {
        return Err(PromiseError::NotDurable { table });
    }
    Ok(TokenWindow { blocks, age_max })
}

/// A setting that the table itself has: `… SETTINGS a = 1, b = 'x'`.
fn own_setting<'text>(engine_full: &'text str, name: &str) -> Option<&'text str> {
    let (_, settings) = engine_full.rsplit_once(" SETTINGS ")?;
    let own = |setting: &'text str| setting.trim().strip_prefix(name)?.strip_prefix(" = ");
    settings.split(',').find_map(own)
}

/// Name and type of the columns that rows of a table have, in its order; without those that are computed.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn columns(clickhouse: &ClickHouse, table: EventTable) -> Result<Vec<(String, String)>, QueryError> {
    let sql = "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String}
        AND default_kind NOT IN ('ALIAS', 'MATERIALIZED', 'EPHEMERAL') ORDER BY position";
    clickhouse.within(clickhouse.client.query_raw(sql).param("table", table.name()).fetch_all()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const FSYNC: &str = "fsync_after_insert = 1, fsync_part_directory = true";

    fn of(engine: &str, settings: &str) -> Result<TokenWindow, PromiseError> {
        let default = |name: &str, value: &str| Setting { name: name.to_owned(), value: value.to_owned() };
        let defaults = [
            default("non_replicated_deduplication_window", "0"),
            default("replicated_deduplication_window", "10000"),
            default("replicated_deduplication_window_seconds", "3600"),
            default("fsync_after_insert", "0"),
            default("fsync_part_directory", "0"),
        ];
        let full = format!("{engine} ORDER BY a SETTINGS index_granularity = 8192, {settings}");
        window("connections", engine, &full, &defaults)
    }

    #[test]
    fn plain_table_remembers_a_number_of_blocks_whatever_their_age() {
        let settings = format!("non_replicated_deduplication_window = 100000, {FSYNC}");
        assert_eq!(of("MergeTree", &settings), Ok(TokenWindow { blocks: 100_000, age_max: None }));
    }

    #[test]
    fn replicated_table_forgets_with_time() {
        let hour = Some(Duration::from_secs(3600));
        let blocks = "replicated_deduplication_window = 100000";
        let settings = format!("{blocks}, {FSYNC}");
        assert_eq!(of("ReplicatedMergeTree", &settings), Ok(TokenWindow { blocks: 100_000, age_max: hour }));
        let settings = format!("{blocks}, replicated_deduplication_window_seconds = 60, {FSYNC}");
        let minute = Some(Duration::from_secs(60));
        assert_eq!(of("ReplicatedMergeTree", &settings), Ok(TokenWindow { blocks: 100_000, age_max: minute }));
        assert_eq!(of("SharedMergeTree", blocks), Ok(TokenWindow { blocks: 100_000, age_max: hour }));
    }

    #[test]
    fn table_remembers_what_is_inserted_while_a_token_is_used_and_waited_for() {
        let of = |blocks: u64| of("MergeTree", &format!("non_replicated_deduplication_window = {blocks}, {FSYNC}"));
        assert_eq!(of(60_000), Ok(TokenWindow { blocks: 60_000, age_max: None }));
        let setting = "non_replicated_deduplication_window";
        assert_eq!(of(59_999), Err(PromiseError::Forgetful { table: "connections", blocks: 59_999, setting }));
    }

    #[test]
    fn table_that_cannot_keep_the_promise_is_refused_with_what_to_do() {
        let said = |engine, settings: &str| of(engine, settings).unwrap_err().to_string();
        assert!(said("MergeTree", FSYNC).contains("non_replicated_deduplication_window = 100000"));
        // As the server makes one that says nothing of it.
        assert_eq!(
            said("ReplicatedMergeTree", FSYNC),
            "table connections remembers 10000 blocks, and 60000 may be inserted while a token is used and waited for: \
             ALTER TABLE connections MODIFY SETTING replicated_deduplication_window = 100000"
        );
        let replicated = "replicated_deduplication_window = 100000";
        assert!(said("ReplicatedMergeTree", replicated).contains("fsync_after_insert = 1, fsync_part_directory = 1"));
        let half = "non_replicated_deduplication_window = 100000, fsync_after_insert = 1";
        assert!(said("MergeTree", half).contains("not on the disk"));
        assert!(said("ReplacingMergeTree", FSYNC).contains("ReplacingMergeTree"));
        assert!(said("Null", FSYNC).contains("Null"));
    }
}
