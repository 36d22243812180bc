//! Records of a topic into ranges, and ranges into a store, each offset exactly once: what services that write events have in common.
//!
//! A record's life: it arrives in its partition's order, and a [`Job`] makes a row of it, or refuses it. The range is closed by rows,
//! bytes or age. From there on it is the protocol's (`exactly-once`): intent, refusals, rows under a token, offset.
//!
//! Guarantee: every record of the topic has one fate, through crashes, rebalances and lost answers, and each is counted. Offsets move
//! after data is durable. What waits in memory is bounded whatever the backlog. A schema registry that is away holds only
//! partitions whose next record needs it.

mod ask_registry;
mod clickhouse_store;
mod error;
mod fill_range;
mod job;
#[cfg(test)]
mod job_of_test;
mod know_schemas;
mod lag;
mod lane;
mod log;
mod made_anew;
mod metrics;
mod pipeline;
mod progress;
mod settings;
mod topic_check;

use std::time::Duration;

use kafka_io::KafkaConfig;
use kafka_io::batches::{BatchConsumer, BatchOptions, FetchError};
use schema_registry::Registry;
use service_kit::CancellationToken;
use service_kit::context::ServiceContext;
use tokio::runtime::Handle;

pub use clickhouse_store::{BEGIN_MAX, TokenError, again_or_fail, check_timeout, next_step, token_life};
pub use error::Error;
pub use fill_range::{Filled, Incoming, RangeFiller, RefusedRecord};
pub use job::{Fill, Job};
pub use know_schemas::Reading;
pub use made_anew::{MadeAnew, below_ends};
pub use metrics::RangeMetrics;
pub use settings::Settings;
pub use topic_check::TopicCheck;

use crate::pipeline::{Parts, Pipeline};

/// Between a consumer that broke and the next one.
const MAKE_ANEW_PAUSE: Duration = Duration::from_secs(1);

/// Runs until the context is told to stop; then writes and commits what it holds. `ready` is told while records are read. Where the
/// future is dropped it ends as a crash would end it, which is safe.
///
/// # Errors
/// When something happens that only an operator can mend.
pub async fn run<J: Job>(
    settings: &Settings,
    kafka: &KafkaConfig,
    registry: &Registry,
    job: &J,
    metrics: &RangeMetrics,
    context: &ServiceContext,
    ready: impl Fn(bool),
) -> Result<(), Error<J::Failure>> {
    let options = BatchOptions {
        protocol: settings.protocol,
        instance_id: settings.member(context.name.as_deref()),
        prefetch_bytes_max: settings.waiting_bytes_max,
        revoke_wait: settings.revoke_wait(),
        ..BatchOptions::new(settings.group, settings.topic)
    };
    // A thread cannot be dropped: it is told when nobody waits for it any more.
    let abandoned = CancellationToken::new();
    let _guard = abandoned.clone().drop_guard();
    loop {
        let parts = Parts {
            consumer: BatchConsumer::new(kafka, &options)?,
            kafka: kafka.clone(),
            registry: registry.clone(),
            job: job.clone(),
            abandoned: abandoned.clone(),
        };
        ready(true);
        let pipeline = Pipeline::new(settings.clone(), parts, metrics.clone(), context.clone(), Handle::current());
        let ended = tokio::task::spawn_blocking(move || pipeline.run()).await;
        ready(false);
        match ended.unwrap_or(Err(Error::NotDrained)) {
            Err(Error::Fetch(FetchError::MakeAnew(reason))) => {
                tracing::warn!(reason, "a broken consumer is made anew; what it held is read again");
                metrics.count_made_anew();
                if context.stop.run_until_cancelled(tokio::time::sleep(MAKE_ANEW_PAUSE)).await.is_none() {
                    return Ok(());
                }
            }
            ended => return ended,
        }
    }
}
