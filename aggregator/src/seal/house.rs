//! Open connections that are silent are ended, and those that ended are forgotten; beside the hours, which wait for neither.

use std::collections::BTreeMap;

use clickhouse_io::{NextStep, QueryError};
use kafka_io::KafkaError;

use super::Outside;
use crate::config::Config;
use crate::metrics::AggregatorMetrics;

/// Where each partition ends.
type Ends = BTreeMap<i32, i64>;

/// Keeps house every `refresh`. Gives only what nobody but an operator can mend.
pub(super) async fn keep_house<O: Outside>(
    config: &Config,
    outside: &O,
    metrics: &AggregatorMetrics,
) -> Result<(), QueryError> {
    let mut ends = None;
    loop {
        match round(config, outside, &mut ends).await {
            Ok(()) => {}
            Err(error) if error.next_step() == NextStep::Retry => {
                tracing::warn!(%error, "open connections are looked through later");
                metrics.retries.inc();
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(config.refresh).await;
    }
}

async fn round<O: Outside>(config: &Config, outside: &O, ends: &mut Option<Ends>) -> Result<(), QueryError> {
    let is_read = is_read(outside, ends).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "no connection is silent before Kafka says what there is to read");
        false
    });
    if is_read {
        outside.end_silent(config.silence_max).await?;
    }
    outside.forget_ended(config.ended_remembered).await
}

/// True where everything is counted that was on the topic when this was asked before. What a Connector has reported may lie in a backlog still:
/// until that is counted nobody is silent.
async fn is_read<O: Outside>(outside: &O, noted: &mut Option<Ends>) -> Result<bool, KafkaError> {
    let is_read = match noted {
        None => false,
        Some(ends) => {
            let read = outside.counted_until().await?;
            ends.iter().all(|(number, end)| read.get(number).copied().unwrap_or(0) >= *end)
        }
    };
    if is_read || noted.is_none() {
        *noted = Some(outside.ends().await?);
    }
    Ok(is_read)
}
