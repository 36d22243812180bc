//! Which inserts of a range are still running: after an answer that did not come, nothing is known until they have ended.
//!
//! Asks the server that the client is connected to. On a cluster an insert runs on the server that took it: there the process list of
//! all replicas (`clusterAllReplicas`) is to be asked, here and nowhere else.

use clickhouse::query::Query;

use crate::client::ClickHouse;
use crate::error::QueryError;

/// Statements of all attempts at a token: `{token}`, `{token}/{table}`, `{token}~{attempt}/{table}`; never those of a token that only
/// begins the same. The embedded engine gives ids of its own and keeps the client's as the comment.
const OF_TOKEN: &str = "arrayExists(
    id -> startsWith(id, {token:String}) AND substring(id, lengthUTF8({token:String}) + 1, 1) IN ('', '/', '~'),
    [query_id, Settings['log_comment']])";

/// True while a statement of any attempt at this range runs. `token` is that of the first attempt.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn is_running(clickhouse: &ClickHouse, token: &str) -> Result<bool, QueryError> {
    let query = of_token(clickhouse, "SELECT count() FROM system.processes WHERE", "", token);
    Ok(clickhouse.within(query.fetch_one::<u64>()).await? > 0)
}

/// Kills them. Does not wait for their end: ask [`is_running`] until there are none.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn kill(clickhouse: &ClickHouse, token: &str) -> Result<(), QueryError> {
    clickhouse.within(of_token(clickhouse, "KILL QUERY WHERE", "ASYNC", token).execute()).await
}

fn of_token(clickhouse: &ClickHouse, head: &str, tail: &str, token: &str) -> Query {
    clickhouse.client.query_raw(&format!("{head} {OF_TOKEN} {tail}")).param("token", token)
}
