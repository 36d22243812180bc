//! The thread that polls the group: it keeps the member alive whatever its caller does. Records never come this way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};

use crate::batches::FetchError;
use crate::batches::batch_queue::BatchClient;
use crate::batches::rebalance::Callbacks;
use crate::batches::shared::Shared;

/// How long a poll waits for something to come.
const POLL_WAIT: Duration = Duration::from_millis(100);
/// How long leaving the group may take.
const LEAVE_MAX: Duration = Duration::from_secs(10);

/// Whatever ends the thread, its caller hears of it.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.fail(FetchError::MakeAnew("its control thread has ended".to_owned()));
    }
}

/// Polls until the member is to stop or the client is broken; then leaves the group, unless the member is a static one.
pub(crate) fn run(client: &BatchClient<Callbacks>, shared: &Arc<Shared>) {
    let ended = Ended(Arc::clone(shared));
    while !shared.is_stopping() {
        if let Some(error) = poll(client, &shared.topic) {
            shared.fail(error);
            return;
        }
    }
    // Changes that were not taken would wait for an acknowledgement for ever.
    shared.change(|state| state.changes.clear());
    if !shared.is_static {
        client.consumer().unsubscribe();
        let begin = Instant::now();
        while begin.elapsed() < LEAVE_MAX && client.consumer().assignment().is_ok_and(|list| list.count() > 0) {
            let _ = poll(client, &shared.topic);
        }
    }
    drop(ended);
}

/// Serves what the client has to say once; gives what it cannot go on after.
fn poll(client: &BatchClient<Callbacks>, topic: &str) -> Option<FetchError> {
    match client.consumer().poll(POLL_WAIT)? {
        Ok(message) => {
            use rdkafka::Message;
            let number = message.partition();
            Some(FetchError::MakeAnew(format!("a record of partition {number} came past the queue")))
        }
        Err(ClientError::MessageConsumptionFatal(code)) => {
            let (code, reason) = client.consumer().client().fatal_error().unwrap_or((code, String::new()));
            Some(FetchError::fatal(code, &reason))
        }
        Err(error) => {
            match error.rdkafka_error_code() {
                Some(
                    RDKafkaErrorCode::TopicAuthorizationFailed
                    | RDKafkaErrorCode::GroupAuthorizationFailed
                    | RDKafkaErrorCode::UnknownTopicOrPartition
                    | RDKafkaErrorCode::UnknownTopic,
                ) => tracing::warn!(%error, topic, "nothing is consumed until this is mended"),
                Some(_) | None => tracing::debug!(%error, topic, "consuming goes on after an error"),
            }
            None
        }
    }
}
