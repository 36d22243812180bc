//! Brings the tables up to date: numbered, forward only, recorded with a checksum, one migrator at a time.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use clickhouse::Row;
use schemas::migrations::Migration;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::write::insert_block;

/// How long another migrator is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(60);
/// A lock that is older was left by a migrator that died.
const LOCK_AGE_MAX: &str = "600";
/// ClickHouse's code for a table that is there already.
const TABLE_ALREADY_EXISTS: i32 = 57;

/// ClickHouse's code for a setting that it does not know.
const UNKNOWN_SETTING: i32 = 115;
/// A setting of what only newer servers have: where it is not known there is nothing to turn off.
const OF_NEWER_SERVERS: &str = "MODIFY SETTING auto_statistics_types = ''";

/// A migration that was run now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Number.
    pub number: u32,
    /// Name.
    pub name: &'static str,
}

/// Why the tables are not up to date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MigrateError {
    /// ClickHouse refuses, or does not answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A statement of a migration is refused.
    #[error("migration {name}: {reason}")]
    Statement {
        /// The migration.
        name: &'static str,
        /// What ClickHouse says.
        reason: QueryError,
    },
    /// A migration that ran is not the one that this program has.
    #[error("migration {0} was changed after it ran: go back to the published file")]
    Changed(&'static str),
    /// The database was migrated by a newer program.
    #[error("the database has migration {0}, which this program does not know: use the newer program")]
    Newer(u32),
    /// Another migrator does not come to its end.
    #[error("another migration is running; if none is, drop table migration_lock")]
    Locked,
}

#[derive(Row, Serialize, Deserialize)]
struct Recorded {
    number: u32,
    name: String,
    checksum: String,
}

/// Makes the database if it is not there and runs what has not run yet, in order. Run again it changes nothing. A migration that
/// was cut in the middle is run again from its beginning: its statements say IF NOT EXISTS.
///
/// # Errors
/// When a recorded migration differs, the database is newer, a statement is refused, or another migrator is running.
pub async fn migrate(clickhouse: &ClickHouse, migrations: &[Migration]) -> Result<Vec<Applied>, MigrateError> {
    let without_database = ClickHouse { client: clickhouse.client.clone().with_database(""), ..clickhouse.clone() };
    without_database.execute(&format!("CREATE DATABASE IF NOT EXISTS {}", clickhouse.database)).await?;
    lock(clickhouse).await?;
    let applied = apply(clickhouse, migrations).await;
    let unlocked = clickhouse.execute("DROP TABLE IF EXISTS migration_lock SYNC").await;
    let applied = applied?;
    unlocked?;
    Ok(applied)
}

async fn lock(clickhouse: &ClickHouse) -> Result<(), MigrateError> {
    let begin = Instant::now();
    loop {
        // Making a table is the one thing that only one of two can do.
        match clickhouse.execute("CREATE TABLE migration_lock (taken UInt8) ENGINE = MergeTree ORDER BY taken").await {
            Ok(()) => return Ok(()),
            Err(QueryError::Refused { code: TABLE_ALREADY_EXISTS, .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let sql = format!(
            "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'migration_lock'
             AND metadata_modification_time < now() - {LOCK_AGE_MAX}"
        );
        if clickhouse.within(clickhouse.client.query_raw(&sql).fetch_one::<u64>()).await? > 0 {
            tracing::warn!("a lock that a dead migrator left is taken away");
            clickhouse.execute("DROP TABLE IF EXISTS migration_lock SYNC").await?;
        } else if begin.elapsed() > LOCK_WAIT {
            return Err(MigrateError::Locked);
        } else {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

async fn apply(clickhouse: &ClickHouse, migrations: &[Migration]) -> Result<Vec<Applied>, MigrateError> {
    clickhouse
        .execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations
             (number UInt32, name String, checksum String, applied_at DateTime('UTC') DEFAULT now())
             ENGINE = MergeTree ORDER BY number SETTINGS fsync_after_insert = 1, fsync_part_directory = 1",
        )
        .await?;
    let query = clickhouse.client.query_raw("SELECT number, name, checksum FROM schema_migrations ORDER BY number");
    let recorded: BTreeMap<u32, Recorded> =
        clickhouse.within(query.fetch_all::<Recorded>()).await?.into_iter().map(|it| (it.number, it)).collect();
    if let Some(newer) = recorded.keys().find(|number| migrations.iter().all(|it| it.number != **number)) {
        return Err(MigrateError::Newer(*newer));
    }
    let mut applied = Vec::new();
    for migration in migrations {
        let checksum = checksum(migration.sql);
        match recorded.get(&migration.number) {
            Some(record) if record.checksum == checksum => continue,
            Some(_) => return Err(MigrateError::Changed(migration.name)),
            None => {}
        }
        let mut is_passed_over = false;
        for statement in statements(migration.sql) {
            // Coordinates repeat: a dictionary of numbers is smaller, which ClickHouse has to be told.
            let query =
                clickhouse.client.query_raw(statement).with_setting("allow_suspicious_low_cardinality_types", "1");
            match clickhouse.within(query.execute()).await {
                Ok(()) => {}
                Err(QueryError::Refused { code: UNKNOWN_SETTING, .. }) if statement.ends_with(OF_NEWER_SERVERS) => {
                    is_passed_over = true;
                }
                Err(reason) => return Err(MigrateError::Statement { name: migration.name, reason }),
            }
        }
        if is_passed_over {
            // Not noted as done: the server may be one day one that has it.
            continue;
        }
        let record = Recorded { number: migration.number, name: migration.name.to_owned(), checksum };
        insert_block(clickhouse, "schema_migrations", &[record], None).await?;
        applied.push(Applied { number: migration.number, name: migration.name });
    }
    Ok(applied)
}

/// Statements end with `;` at the end of a line.
fn statements(sql: &str) -> impl Iterator<Item = &str> {
    let holds_sql = |text: &&str| text.lines().any(|line| !line.trim().is_empty() && !line.trim().starts_with("--"));
    sql.split(";\n").map(|statement| statement.trim().trim_end_matches(';')).filter(holds_sql)
}

fn checksum(sql: &str) -> String {
    Sha256::digest(sql).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_at_a_semicolon_at_the_end_of_a_line() {
        let sql = "-- a; b\nCREATE TABLE x (a String DEFAULT ';');\n\n-- only words;\nCREATE TABLE y (a UInt8);\n";
        let found: Vec<_> = statements(sql).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[1].ends_with("y (a UInt8)"));
    }
}
