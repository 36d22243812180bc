//! Records that become visible together, or not at all.
//!
//! One process at a time writes under a transactional id: a newer one fences the older, and ends what that had left open. Readers at
//! `read_committed`, which all of this crate's are, see a transaction when it is committed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;

use crate::admin;
use crate::batch_producer::{BatchProducer, BulkClient, bulk_client};
use crate::config::KafkaConfig;
use crate::error::{ConsumeError, KafkaError};
use crate::follower::{Followed, TopicFollower};
use crate::producer::{COMPRESSION, PARTITIONER};

/// How long one call into the client waits before it is made again.
const CALL_MAX: Duration = Duration::from_secs(10);

/// A transaction, or the right to make one, did not come about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// This transaction cannot be committed: abort it, and do its work again in another one.
    #[error("the transaction has to be done again: {0}")]
    DoAgain(String),
    /// Another process has taken the transactional id; or the broker ended a transaction that took longer than its time-out, which looks the
    /// same. What was not committed is not there.
    #[error("another process writes under this transactional id, or a transaction took too long: {0}")]
    Fenced(String),
    /// The client cannot go on; the process has to start again.
    #[error("the producer cannot go on: {0}")]
    Fatal(String),
}

/// A producer that writes in transactions; cheap to clone. Brokers that are away are waited for.
#[derive(Clone)]
pub struct TransactionalProducer {
    client: BulkClient,
}

impl TransactionalProducer {
    /// A producer under `transactional_id`, whose transactions the broker ends after `transaction_max`. It writes nothing before
    /// [`Self::take_over`].
    ///
    /// # Errors
    /// When a setting is refused.
    pub fn new(
        config: &KafkaConfig,
        client_id: &str,
        transactional_id: &str,
        transaction_max: Duration,
    ) -> Result<Self, KafkaError> {
        let transaction_max = transaction_max.as_millis().to_string();
        let fixed = [
            ("client.id", client_id),
            ("transactional.id", transactional_id),
            ("transaction.timeout.ms", &transaction_max),
            COMPRESSION,
            PARTITIONER,
        ];
        Ok(Self { client: bulk_client(config, &fixed)? })
    }

    /// Fences whoever wrote under this id before, and ends what that had left open. Once, before anything else.
    ///
    /// # Errors
    /// When the broker refuses for good; outages are waited out.
    pub async fn take_over(&self) -> Result<(), TransactionError> {
        self.patiently(|client| client.init_transactions(CALL_MAX)).await
    }

    /// Begins a transaction; does not wait for the broker.
    ///
    /// # Errors
    /// When none can be begun.
    pub fn begin(&self) -> Result<(), TransactionError> {
        self.client.begin_transaction().map_err(|error| TransactionError::from_client(&error))
    }

    /// What writes into the transactions: many records of `topic`, and a few of others.
    ///
    /// # Errors
    /// When the topic's name is none.
    pub fn records(&self, topic: &str) -> Result<BatchProducer, KafkaError> {
        BatchProducer::of(self.client.clone(), topic)
    }

    /// Makes everything since [`Self::begin`] visible. Goes on in the background where the future is dropped.
    ///
    /// # Errors
    /// When it was not committed.
    pub async fn commit(&self) -> Result<(), TransactionError> {
        self.patiently(|client| client.commit_transaction(CALL_MAX)).await
    }

    /// Throws away everything since [`Self::begin`].
    ///
    /// # Errors
    /// When not even that can be done.
    pub async fn abort(&self) -> Result<(), TransactionError> {
        self.patiently(|client| client.abort_transaction(CALL_MAX)).await
    }

    /// Calls again while the client says that it may be.
    async fn patiently(
        &self,
        call: impl Fn(&BulkClient) -> Result<(), ClientError> + Send + 'static,
    ) -> Result<(), TransactionError> {
        let client = self.client.clone();
        let calling = tokio::task::spawn_blocking(move || {
            loop {
                match call(&client) {
                    Err(ClientError::Transaction(error)) if error.is_retriable() => {
                        tracing::debug!(%error, "a transaction is waited for");
                    }
                    // A commit waits for its records first. Those of a broker that stays away end as records that were not delivered,
                    // and then the transaction has to be aborted.
                    Err(error @ ClientError::Flush(RDKafkaErrorCode::OperationTimedOut)) => {
                        tracing::debug!(%error, "records of a transaction are waited for");
                    }
                    done => return done.map_err(|error| TransactionError::from_client(&error)),
                }
            }
        });
        calling.await.unwrap_or_else(|panic| Err(TransactionError::Fatal(panic.to_string())))
    }
}

impl TransactionError {
    fn from_client(error: &ClientError) -> Self {
        let reason = error.to_string();
        match error {
            ClientError::Transaction(inner) if inner.txn_requires_abort() => Self::DoAgain(reason),
            ClientError::Transaction(inner) => match inner.code() {
                RDKafkaErrorCode::Fenced
                | RDKafkaErrorCode::ProducerFenced
                | RDKafkaErrorCode::InvalidProducerEpoch
                | RDKafkaErrorCode::TransactionCoordinatorFenced => Self::Fenced(reason),
                _ => Self::Fatal(reason),
            },
            _ => Self::Fatal(reason),
        }
    }
}

/// The newest value of each key of a compacted topic, up to the end that the topic has now. Transactions that are open there are waited
/// for: `read_committed` alone would stop before the oldest of them, and leave out what was committed behind it.
///
/// # Errors
/// When the topic is not there, the broker does not answer, or `patience` is over.
pub async fn newest_by_key(
    config: &KafkaConfig,
    topic: &str,
    patience: Duration,
) -> Result<BTreeMap<Bytes, Bytes>, KafkaError> {
    let end = Instant::now() + patience;
    let ends = admin::ends(config, topic).await?;
    loop {
        let stable = admin::stable_ends(config, topic).await?;
        if ends.iter().all(|(number, high)| stable.get(number).is_some_and(|stable| stable >= high)) {
            break;
        }
        if Instant::now() > end {
            return Err(KafkaError::new("reading a topic to its end", "another transaction stays open there"));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let during = |error: ConsumeError| KafkaError::new("reading a topic to its end", error);
    let mut follower = TopicFollower::from_beginning(config, topic).await?;
    let mut newest = BTreeMap::new();
    while let Followed::Record(record) = follower.next().await.map_err(during)? {
        match (record.key, record.payload) {
            (Some(key), Some(value)) => drop(newest.insert(key, value)),
            (Some(key), None) => drop(newest.remove(&key)),
            (None, _) => {}
        }
    }
    Ok(newest)
}
