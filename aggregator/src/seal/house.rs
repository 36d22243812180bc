//! Open connections that are silent are ended, and those that ended are forgotten; beside the hours, which wait for neither. For both it is told how far
//! the topic is counted.

use std::collections::BTreeMap;

use clickhouse_io::{NextStep, QueryError};
use kafka_io::KafkaError;
use schemas::times::Moment;
use tokio::sync::watch;

use super::Outside;
use crate::config::Config;
use crate::metrics::AggregatorMetrics;

/// Where each partition ended, and after which moment of the server's clock that was asked.
type Ends = (Moment, BTreeMap<i32, i64>);

/// The last moment before which everything that was on the topic is counted by minute; `None` where none is known yet.
pub(super) type CountedBefore = watch::Sender<Option<Moment>>;

/// Keeps house every `refresh`. Gives only what nobody but an operator can mend.
pub(super) async fn keep_house<O: Outside>(
    config: &Config,
    outside: &O,
    metrics: &AggregatorMetrics,
    counted_before: &CountedBefore,
) -> Result<(), QueryError> {
    let (mut ends, mut is_begun) = (None, false);
    loop {
        let done = async {
            if !is_begun {
                outside.keep_minutes(config.minutes_kept_days).await?;
                is_begun = true;
            }
            round(config, outside, &mut ends, counted_before).await
        };
        match done.await {
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

async fn round<O: Outside>(
    config: &Config,
    outside: &O,
    ends: &mut Option<Ends>,
    counted_before: &CountedBefore,
) -> Result<(), QueryError> {
    let now = outside.server_time().await?;
    let read_before = read_before(outside, now, ends).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "no connection is silent before Kafka says what there is to read");
        None
    });
    if read_before.is_some() {
        counted_before.send_replace(read_before);
        outside.end_silent(config.silence_max).await?;
    }
    outside.forget_ended(config.ended_remembered).await
}

/// When it was asked before where the topic ends, if everything is counted that was on it then. What a Connector has reported may lie in a backlog still:
/// until that is counted nobody is silent.
async fn read_before<O: Outside>(
    outside: &O,
    now: Moment,
    noted: &mut Option<Ends>,
) -> Result<Option<Moment>, KafkaError> {
    let read_before = match noted {
        None => None,
        Some((asked_at, ends)) => {
            let read = outside.counted_until().await?;
            let is_read = ends.iter().all(|(number, end)| read.get(number).copied().unwrap_or(0) >= *end);
            is_read.then_some(*asked_at)
        }
    };
    if read_before.is_some() || noted.is_none() {
        // The time first: what was stored before it was on the topic.
        *noted = Some((now, outside.ends().await?));
    }
    Ok(read_before)
}
