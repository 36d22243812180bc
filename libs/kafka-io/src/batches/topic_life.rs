//! Which topic it is that is read. A topic that is deleted and made anew under its name within a moment is read on by the client, at the
//! offset where it was with the old one: where the new one is shorter it says so, and where it is longer it says nothing
//! (librdkafka 2.12.1, `rd_kafka_topic_metadata_update`). So before each commit the cluster is asked whether the topic is still the
//! one that was assigned: then all that was read until now is of that one, because no topic ever has the id of another.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::{MetadataBroker, MetadataPartition, MetadataTopic};

use crate::batches::CommitFailure;
use crate::batches::batch_queue::topic_id::{TopicId, topic_id};
use crate::config::{KafkaConfig, Logging};
use crate::error::KafkaError;

/// How long one question waits for its answer.
const ASK_MAX: Duration = Duration::from_secs(5);
/// How long it is asked again while no broker answers: as long as one needs to come back.
const ASK_AGAIN_MAX: Duration = Duration::from_secs(20);
const ASK_AGAIN_PAUSE: Duration = Duration::from_millis(100);
/// For how long the same broker is asked: partitions move.
const SAME_BROKER_MAX: Duration = Duration::from_secs(30);

/// The newest answer, and when it was asked for.
struct Newest<T>(Mutex<Option<(Instant, T)>>);

impl<T: Clone> Newest<T> {
    fn nothing() -> Self {
        Self(Mutex::new(None))
    }

    /// An answer that was asked for after this call had begun. Calls that come while somebody asks share the next answer.
    fn asked_from_now_on(&self, ask: impl FnOnce() -> T) -> T {
        let called_at = Instant::now();
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((asked_at, answer)) = &*newest
            && *asked_at > called_at
        {
            return answer.clone();
        }
        let asked_at = Instant::now();
        let answer = ask();
        *newest = Some((asked_at, answer.clone()));
        answer
    }
}

/// Knows which topic each assignment is of.
pub(crate) struct TopicLife {
    /// A client of its own: behind a fetch that waits for records a question would wait too.
    client: BaseConsumer<Logging>,
    topic: String,
    /// From which epoch on assignments are of which topic; `None`: the cluster gives no ids.
    begun: Mutex<BTreeMap<u64, Option<TopicId>>>,
    newest: Newest<Result<Option<TopicId>, KafkaError>>,
    broker: Mutex<Asked>,
}

/// Who is asked: one broker again and again, else each question would go to another one.
#[derive(Default)]
struct Asked {
    /// Who has answered, and since when that one is asked.
    answering: Option<(i32, Instant)>,
    /// Who has not answered last, and is asked only where there is nobody else.
    silent: Option<i32>,
}

impl Asked {
    fn broker(&self) -> Option<i32> {
        self.answering.filter(|(_, since)| since.elapsed() < SAME_BROKER_MAX).map(|(broker, _)| broker)
    }

    fn has_answered(&mut self, broker: i32) {
        if self.broker() != Some(broker) {
            *self = Self { answering: Some((broker, Instant::now())), silent: None };
        }
    }

    fn was_silent(&mut self, broker: i32) {
        *self = Self { answering: None, silent: Some(broker) };
    }

    /// One of these: one that leads a partition of the topic knows of it before others do.
    fn choose(&self, leaders: impl Iterator<Item = i32>, all: impl Iterator<Item = i32>) -> Option<i32> {
        let known: Vec<i32> = leaders.chain(all).filter(|broker| *broker >= 0).collect();
        known.iter().find(|broker| Some(**broker) != self.silent).or(known.first()).copied()
    }
}

impl TopicLife {
    /// Asks nobody yet.
    ///
    /// # Errors
    /// When a setting is refused.
    pub(crate) fn new(config: &KafkaConfig, topic: &str) -> KafkaResult<Self> {
        // Nobody would read its statistics.
        let client: BaseConsumer<Logging> =
            config.client(&[("statistics.interval.ms", "0")]).create_with_context(Logging)?;
        Ok(Self {
            client,
            topic: topic.to_owned(),
            begun: Mutex::default(),
            newest: Newest::nothing(),
            broker: Mutex::default(),
        })
    }

    /// The topic that has the name now.
    ///
    /// # Errors
    /// When there is none, or nobody answers.
    pub(crate) fn ask(&self) -> KafkaResult<Option<TopicId>> {
        // What the client has to say of itself, which its log has too.
        drop(self.client.poll(Duration::ZERO));
        let asked_before = self.asked().broker();
        let broker = asked_before.map_or_else(|| self.find_broker(), Ok)?;
        let answer = topic_id(&self.client, &self.topic, broker, ASK_MAX);
        match answer {
            Ok(_) => self.asked().has_answered(broker),
            Err(_) => self.asked().was_silent(broker),
        }
        answer
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.broker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find_broker(&self) -> KafkaResult<i32> {
        let metadata = self.client.fetch_metadata(Some(&self.topic), ASK_MAX)?;
        let leaders = metadata.topics().iter().flat_map(MetadataTopic::partitions).map(MetadataPartition::leader);
        let all = metadata.brokers().iter().map(MetadataBroker::id);
        let chosen = self.asked().choose(leaders, all);
        chosen.ok_or(rdkafka::error::KafkaError::MetadataFetch(RDKafkaErrorCode::BrokerNotAvailable))
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

    /// Blocks until a question is answered that was asked after this call had begun.
    ///
    /// # Errors
    /// When the topic of that epoch has given its name to another one, or nobody says.
    pub(crate) fn check(&self, epoch: u64) -> Result<(), CommitFailure> {
        let Some(begun) = self.begun().range(..=epoch).next_back().and_then(|(_, id)| *id) else { return Ok(()) };
        match self.newest.asked_from_now_on(|| self.ask_patiently()) {
            Ok(Some(id)) if id != begun => Err(CommitFailure::OtherTopic(self.topic.clone())),
            Ok(_) => Ok(()),
            Err(error) if error.is_not_allowed() => Err(CommitFailure::Stop(error.to_string())),
            Err(error) => Err(CommitFailure::Retry(error.to_string())),
        }
    }

    /// Waits out a broker's outage, as a commit does.
    fn ask_patiently(&self) -> Result<Option<TopicId>, KafkaError> {
        let begin = Instant::now();
        loop {
            match self.ask().map_err(KafkaError::during("asking for the id of a topic")) {
                Err(error) if error.is_outage() && begin.elapsed() < ASK_AGAIN_MAX => {
                    std::thread::sleep(ASK_AGAIN_PAUSE);
                }
                answer => return answer,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rdkafka::types::RDKafkaRespErr as Code;

    use super::*;

    #[test]
    fn answer_to_a_question_of_before_is_nobodys_and_those_who_wait_share_the_next() {
        let (newest, asked) = (Newest::nothing(), AtomicUsize::new(0));
        let ask = || asked.fetch_add(1, Ordering::SeqCst);
        assert_eq!([newest.asked_from_now_on(ask), newest.asked_from_now_on(ask)], [0, 1]);
        let slow = || {
            std::thread::sleep(Duration::from_secs(1));
            ask()
        };
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(newest.asked_from_now_on(slow), 2));
            // It asks by then.
            std::thread::sleep(Duration::from_millis(300));
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(newest.asked_from_now_on(ask), 3, "asked for before it was wanted"));
            }
        });
    }

    #[test]
    fn broker_that_does_not_answer_is_asked_where_there_is_nobody_else() {
        let mut asked = Asked::default();
        let choose =
            |asked: &Asked, leaders: &[i32], all: &[i32]| asked.choose(leaders.iter().copied(), all.iter().copied());
        assert_eq!(choose(&asked, &[-1, 2, 1], &[1, 2, 3]), Some(2));
        asked.has_answered(2);
        assert_eq!(asked.broker(), Some(2));
        asked.was_silent(2);
        assert_eq!(asked.broker(), None);
        assert_eq!(choose(&asked, &[2, 2, 1], &[1, 2, 3]), Some(1));
        assert_eq!(choose(&asked, &[2, -1], &[2, 3]), Some(3), "it leads nothing, but it answers");
        assert_eq!(choose(&asked, &[2], &[2]), Some(2));
        assert_eq!(choose(&asked, &[-1], &[]), None);
        let long_ago = Instant::now().checked_sub(SAME_BROKER_MAX);
        assert_eq!(Asked { answering: long_ago.map(|since| (2, since)), silent: None }.broker(), None);
    }

    #[test]
    fn account_that_may_not_ask_ends_the_work() {
        let cluster = rdkafka::mocking::MockCluster::new(1).unwrap();
        cluster.create_topic("a", 1, 1).unwrap();
        let config = KafkaConfig { bootstrap_servers: cluster.bootstrap_servers(), ..KafkaConfig::default() };
        let life = TopicLife::new(&config, "a").unwrap();
        life.begin(2, life.ask().unwrap());
        cluster.topic_error("a", Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED).unwrap();
        let refused = life.check(2);
        assert!(matches!(refused, Err(CommitFailure::Stop(_))), "{refused:?}");
        cluster.topic_error("a", Code::RD_KAFKA_RESP_ERR_UNKNOWN).unwrap();
        let refused = life.check(2);
        assert!(matches!(refused, Err(CommitFailure::Retry(_))), "{refused:?}");
        cluster.topic_error("a", Code::RD_KAFKA_RESP_ERR_NO_ERROR).unwrap();
        assert_eq!(life.check(2), Ok(()));
    }

    #[test]
    fn assignment_is_of_the_topic_that_had_the_name_when_it_began() {
        let cluster = rdkafka::mocking::MockCluster::new(1).unwrap();
        let config = KafkaConfig { bootstrap_servers: cluster.bootstrap_servers(), ..KafkaConfig::default() };
        let [life, other] = ["a", "b"].map(|topic| {
            cluster.create_topic(topic, 1, 1).unwrap();
            TopicLife::new(&config, topic).unwrap()
        });
        let (id, other) = (life.ask().unwrap(), other.ask().unwrap());
        assert!(id.is_some() && other.is_some() && id != other, "{id:?} {other:?}");
        assert_eq!(life.ask().unwrap(), id);
        for (epoch, id) in [(2, id), (3, id), (5, other), (7, None), (8, id)] {
            life.begin(epoch, id);
        }
        let found: Vec<_> = (2..=9).map(|epoch| life.check(epoch)).collect();
        let another = Err(CommitFailure::OtherTopic("a".to_owned()));
        let ok = Ok(());
        assert_eq!(found.iter().collect::<Vec<_>>(), [&ok, &ok, &ok, &another, &another, &ok, &ok, &ok]);
    }
}
