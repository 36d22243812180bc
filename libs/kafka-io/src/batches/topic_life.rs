//! Which topic it is that is read. A topic that is deleted and made anew under its name within a moment is read on by the client, at the
//! offset where it was with the old one: where the new one is shorter it says so, and where it is longer it says nothing
//! (librdkafka 2.12.1, `rd_kafka_topic_metadata_update`). So before each commit the cluster is asked whether the topic is still the
//! one that was assigned: then all that was read until now is of that one, because no topic ever has the id of another.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaResult;

use crate::batches::CommitFailure;
use crate::batches::batch_queue::topic_id::{TopicId, topic_id};
use crate::config::{KafkaConfig, Logging};

/// How long one question waits for its answer.
const ASK_MAX: Duration = Duration::from_secs(5);

/// What was answered to a question that was asked then.
struct Answered {
    asked_at: Instant,
    id: Result<Option<TopicId>, String>,
}

/// Knows which topic each assignment is of.
pub(crate) struct TopicLife {
    /// A client of its own: behind a fetch that waits for records a question would wait too.
    client: BaseConsumer<Logging>,
    topic: String,
    /// From which epoch on assignments are of which topic; `None`: the cluster gives no ids.
    begun: Mutex<BTreeMap<u64, Option<TopicId>>>,
    newest: Mutex<Option<Answered>>,
}

impl TopicLife {
    /// Asks nobody yet.
    ///
    /// # Errors
    /// When a setting is refused.
    pub(crate) fn new(config: &KafkaConfig, topic: &str) -> KafkaResult<Self> {
        let client = config.client(&[]).create_with_context(Logging)?;
        Ok(Self { client, topic: topic.to_owned(), begun: Mutex::default(), newest: Mutex::default() })
    }

    /// The topic that has the name now.
    ///
    /// # Errors
    /// When there is none, or nobody answers.
    pub(crate) fn ask(&self) -> KafkaResult<Option<TopicId>> {
        topic_id(&self.client, &self.topic, ASK_MAX)
    }

    /// Assignments from `epoch` on are of this topic.
    pub(crate) fn begin(&self, epoch: u64, id: Option<TopicId>) {
        let mut begun = self.begun();
        if begun.last_key_value().is_none_or(|(_, last)| *last != id) {
            begun.insert(epoch, id);
        }
    }

    fn begun(&self) -> MutexGuard<'_, BTreeMap<u64, Option<TopicId>>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks until a question is answered that was asked after this call had begun. Calls that come meanwhile share the next answer.
    ///
    /// # Errors
    /// When the topic of that epoch has given its name to another one, or nobody says.
    pub(crate) fn check(&self, epoch: u64) -> Result<(), CommitFailure> {
        let called_at = Instant::now();
        let Some(begun) = self.begun().range(..=epoch).next_back().and_then(|(_, id)| *id) else { return Ok(()) };
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let id = match &*newest {
            Some(answered) if answered.asked_at >= called_at => answered.id.clone(),
            Some(_) | None => {
                let (asked_at, id) = (Instant::now(), self.ask().map_err(|error| error.to_string()));
                *newest = Some(Answered { asked_at, id: id.clone() });
                id
            }
        };
        match id {
            Ok(Some(id)) if id != begun => Err(CommitFailure::OtherTopic(self.topic.clone())),
            Ok(_) => Ok(()),
            Err(reason) => Err(CommitFailure::Retry(format!("topic {} cannot be looked up: {reason}", self.topic))),
        }
    }
}
