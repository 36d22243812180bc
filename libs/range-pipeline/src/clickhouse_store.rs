//! What stores in ClickHouse have in common: how late an insert may begin, what a table has to remember, and what an error means.

use std::time::Duration;

use clickhouse_io::promise::{self, PromiseError};
use clickhouse_io::{ClickHouse, NextStep, QueryError};
use exactly_once::{StoreError, TokenLife};
use service_kit::CancellationToken;
use service_kit::retry::{Attempt, Backoff, until_stopped};

/// So long after it was asked for, no insert of a range is begun any more: a process that was frozen in between must not send
/// anything under a token that nobody waits for.
pub const BEGIN_MAX: Duration = Duration::from_secs(60);

/// Tokens could be forgotten while inserts under them still arrive.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// A table cannot keep the promise.
    #[error(transparent)]
    Promise(#[from] PromiseError),
    /// An insert could run while nobody waits for its token any more.
    #[error("clickhouse.timeout is {timeout:?}; for ingest and aggregator it has to be below {timeout_max:?}")]
    TimeoutTooLong {
        /// Configured.
        timeout: Duration,
        /// What it has to be below.
        timeout_max: Duration,
    },
    /// A table forgets tokens too early.
    #[error(
        "table {table} remembers tokens of inserts for {remembered:?}, and {needed:?} are needed: raise its setting \
         replicated_deduplication_window_seconds"
    )]
    TokensAreForgotten {
        /// Table.
        table: &'static str,
        /// For so long.
        remembered: Duration,
        /// So long would be right.
        needed: Duration,
    },
}

/// Holds the time that a statement may take against the life of tokens.
///
/// # Errors
/// When it is too long.
pub fn check_timeout(timeout: Duration) -> Result<(), TokenError> {
    let timeout_max = TokenLife::default().late.saturating_sub(BEGIN_MAX);
    if timeout < timeout_max { Ok(()) } else { Err(TokenError::TimeoutTooLong { timeout, timeout_max }) }
}

/// How long a token is used and waited for: what all these tables remember at least. ClickHouse is waited for while it is away. `None`: told
/// to stop first.
pub async fn token_life(
    clickhouse: &ClickHouse,
    tables: &[&'static str],
    stop: &CancellationToken,
) -> Option<Result<TokenLife, TokenError>> {
    let life = TokenLife::default();
    for table in tables {
        let asked =
            until_stopped(stop, Backoff::default(), async || match promise::token_window(clickhouse, table).await {
                Ok(window) => Attempt::Done(window),
                Err(PromiseError::Query(error)) => again_or_fail(error),
                Err(error) => Attempt::Fail(error),
            });
        match asked.await? {
            Ok(window) => {
                if let Some(remembered) = window.age_max.filter(|remembered| *remembered < life.total()) {
                    return Some(Err(TokenError::TokensAreForgotten { table, remembered, needed: life.total() }));
                }
            }
            Err(error) => return Some(Err(error.into())),
        }
    }
    Some(Ok(life))
}

/// What whoever asks ClickHouse at a start does about its error: what may pass is waited for.
pub fn again_or_fail<T, E: From<QueryError>>(error: QueryError) -> Attempt<T, E> {
    match error.next_step() {
        NextStep::Retry => {
            tracing::warn!(%error, "waiting for ClickHouse");
            Attempt::Again(error.into())
        }
        NextStep::Isolate | NextStep::Stop => Attempt::Fail(error.into()),
    }
}

/// What the protocol does next about an error of ClickHouse.
pub fn next_step<F: From<QueryError>>(error: QueryError) -> StoreError<F> {
    match error.next_step() {
        NextStep::Retry => StoreError::Unsure(error.into()),
        NextStep::Isolate => StoreError::Rows(error.into()),
        NextStep::Stop => StoreError::Stop(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statement_ends_while_its_token_is_waited_for() {
        let late = TokenLife::default().late;
        assert!(check_timeout(Duration::from_secs(120)).is_ok());
        let error = check_timeout(late - BEGIN_MAX).unwrap_err();
        assert!(error.to_string().starts_with("clickhouse.timeout is "), "{error}");
    }

    #[test]
    fn only_an_error_that_passes_is_waited_for() {
        let asked = |error| again_or_fail::<(), QueryError>(error);
        let refused = |code| QueryError::Refused { code, reason: String::new() };
        assert!(matches!(asked(QueryError::NoAnswer("cut".to_owned())), Attempt::Again(_)));
        assert!(matches!(asked(refused(241)), Attempt::Again(_)));
        assert!(matches!(asked(refused(60)), Attempt::Fail(_)), "a table that is missing");
    }
}
