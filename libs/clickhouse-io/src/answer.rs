//! An answer that is too large to be held, piece by piece.

use std::time::Duration;

use bytes::Bytes;
use clickhouse::error::Error;
use clickhouse::query::{BytesCursor, Query};

use crate::error::QueryError;

/// An answer on its way. Nothing reads ahead: who does not ask for more holds the server up.
pub struct Answer {
    cursor: BytesCursor,
    timeout: Duration,
}

impl Answer {
    pub(crate) fn new(query: Query, format: &str, timeout: Duration) -> Result<Self, QueryError> {
        let cursor = query.fetch_bytes(format).map_err(|error| QueryError::from_client(&error))?;
        Ok(Self { cursor, timeout })
    }

    /// The next bytes; `None` after the last ones of a whole answer.
    ///
    /// # Errors
    /// When the server refuses, also in mid-stream, does not answer in time, or the answer was cut. Bytes that came before may then be
    /// those of an error message: what is read of them has to be held against what was expected.
    pub async fn next(&mut self) -> Result<Option<Bytes>, QueryError> {
        match tokio::time::timeout(self.timeout, self.cursor.next()).await {
            Ok(piece) => piece.map_err(|error| match (&error, QueryError::from_client(&error)) {
                // The message of a server that broke off may itself be cut: what it said is not known, and it may be asked again.
                (Error::Other(_), QueryError::Mismatch(text)) => QueryError::NoAnswer(text),
                (_, told) => told,
            }),
            Err(_) => Err(QueryError::NoAnswer(format!("none within {} s", self.timeout.as_secs_f64()))),
        }
    }
}
