//! Everything that speaks to Kafka: idempotent producers (record by record, and in bulk), group consumers with back-pressure (record by record, and in
//! batches without copying), a follower of whole topics, and the few questions and settings that need an admin.
//!
//! No type of the client library is in the public interface. Consumers see committed records only.

pub mod admin;
mod batch_producer;
pub mod batches;
mod commit_gate;
mod config;
mod error;
mod follower;
mod group;
mod producer;
mod receipts;
mod record;
mod transactions;

pub use batch_producer::BatchProducer;
pub use config::KafkaConfig;
pub use error::{ConsumeError, KafkaError, ProduceError};
pub use follower::{Followed, TopicFollower};
pub use group::{Arrival, Committer, GroupConsumer, GroupOptions};
pub use producer::{Acknowledgement, Delivered, OutRecord, Producer};
pub use receipts::Receipt;
pub use record::{Partition, Record};
pub use transactions::{TransactionError, TransactionalProducer, newest_by_key};
