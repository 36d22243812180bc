//! The client, with a deadline around every statement.

use std::time::Duration;

use bytes::Bytes;
use clickhouse::Client;
use clickhouse::query::Query;
use secrecy::ExposeSecret;
use service_kit::CancellationToken;
use service_kit::retry::{Attempt, Backoff, until_stopped};

use crate::answer::Answer;
use crate::config::{ClickHouseConfig, Compression};
use crate::error::{NextStep, QueryError};

/// A client of one database; cheap to clone.
#[derive(Clone)]
pub struct ClickHouse {
    pub(crate) client: Client,
    /// For blocks: the same, with the packing that the operator chose.
    pub(crate) blocks: Client,
    pub(crate) database: String,
    pub(crate) timeout: Duration,
    pub(crate) question_memory_max: u64,
}

impl ClickHouse {
    /// A client; connects when it is first used.
    #[must_use]
    pub fn new(config: &ClickHouseConfig) -> Self {
        let mut client = Client::default()
            .with_url(&config.url)
            .with_user(&config.user)
            .with_database(&config.database)
            .with_compression(clickhouse::Compression::Lz4);
        if let Some(password) = &config.password {
            client = client.with_password(password.expose_secret());
        }
        let packing = match config.compression {
            Compression::None => clickhouse::Compression::None,
            Compression::Lz4 => clickhouse::Compression::Lz4,
        };
        let blocks = client.clone().with_compression(packing);
        let (database, timeout) = (config.database.clone(), config.timeout);
        Self { client, blocks, database, timeout, question_memory_max: config.question_memory_max }
    }

    /// A client whose statements, whatever they do, take no more of the server's memory, in bytes, and of its threads.
    #[must_use]
    pub fn bounded_to(self, memory: u64, threads: u8) -> Self {
        let bounded = |client: Client| {
            client.with_setting("max_memory_usage", memory.to_string()).with_setting("max_threads", threads.to_string())
        };
        // A question says its own bound, which would come before the client's.
        Self {
            client: bounded(self.client),
            blocks: bounded(self.blocks),
            question_memory_max: memory,
            database: self.database,
            timeout: self.timeout,
        }
    }

    /// Asks for a sign of life.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ping(&self) -> Result<(), QueryError> {
        let client = self.client.clone().with_database("");
        self.within(async { client.query_raw("SELECT 1").fetch_one::<u8>().await }).await.map(drop)
    }

    /// Waits until the server answers. `None`: told to stop first.
    pub async fn wait_ready(&self, stop: &CancellationToken) -> Option<Result<(), QueryError>> {
        until_stopped(stop, Backoff::default(), async || match self.ping().await {
            Ok(()) => Attempt::Done(()),
            Err(error) if error.next_step() == NextStep::Retry => {
                tracing::warn!(%error, "waiting for ClickHouse");
                Attempt::Again(error)
            }
            Err(error) => Attempt::Fail(error),
        })
        .await
    }

    /// Runs a statement that gives nothing.
    ///
    /// # Errors
    /// When it is refused, or no answer came.
    pub async fn execute(&self, sql: &str) -> Result<(), QueryError> {
        self.within(self.client.query_raw(sql).execute()).await
    }

    /// The database that statements run in.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// What a query gives, as tab-separated text: for tests and for people.
    ///
    /// # Errors
    /// When it is refused, or no answer came.
    pub async fn text(&self, sql: &str) -> Result<String, QueryError> {
        let bytes = self.bytes(sql, "TabSeparated").await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// What a query gives, in one of ClickHouse's formats: for tests.
    ///
    /// # Errors
    /// When it is refused, or no answer came.
    pub async fn bytes(&self, sql: &str, format: &str) -> Result<Bytes, QueryError> {
        let collected = async {
            let mut cursor = self.client.query_raw(sql).fetch_bytes(format)?;
            cursor.collect().await
        };
        self.within(collected).await
    }

    /// The same, piece by piece as it comes: for measurements.
    ///
    /// # Errors
    /// When the statement cannot be sent.
    pub fn stream(&self, sql: &str, format: &str) -> Result<Answer, QueryError> {
        Answer::new(self.blocks.query_raw(sql), format, self.timeout)
    }

    /// A statement that ends before it is waited for no longer.
    pub(crate) fn bounded(&self, sql: &str) -> Query {
        self.client.query_raw(sql).with_setting("max_execution_time", seconds_of_server(self.timeout))
    }

    /// The same of one that only reads: it ends with its connection, which is what happens when the future of the answer is dropped.
    pub(crate) fn reading(&self, sql: &str) -> Query {
        ends_with_its_client(self.bounded(sql))
    }

    /// The same of what people ask, at any time and as they like, in the engine that ingest writes to: it takes no more memory than it may.
    /// Groups have no bound of their own: what they take is what matters.
    pub(crate) fn asking(&self, sql: &str) -> Query {
        self.reading(sql).with_setting("max_memory_usage", self.question_memory_max.to_string())
    }

    /// The work of the client, within the deadline.
    pub(crate) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, clickhouse::error::Error>>,
    ) -> Result<T, QueryError> {
        match tokio::time::timeout(self.timeout, work).await {
            Ok(done) => done.map_err(|error| QueryError::from_client(&error)),
            Err(_) => Err(QueryError::NoAnswer(format!("none within {} s", self.timeout.as_secs_f64()))),
        }
    }
}

/// `max_execution_time` of what is waited for so long, a second less: the server says so itself, and nothing runs beside the next try.
pub(crate) fn seconds_of_server(timeout: Duration) -> String {
    timeout.as_secs().saturating_sub(1).max(1).to_string()
}

/// A server looks after its client only where a statement cannot write.
pub(crate) fn ends_with_its_client(query: Query) -> Query {
    query.with_setting("readonly", "2").with_setting("cancel_http_readonly_queries_on_client_close", "1")
}
