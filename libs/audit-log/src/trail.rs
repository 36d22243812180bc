//! Writes to the log: one chain, one record at a time.
//!
//! The chain is begun by the first act. An append whose outcome is not known ends it, and the next act begins another one, which says why: so a
//! record that comes late is the last of its chain, and never a second event of one number.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use kafka_io::{KafkaConfig, KafkaError, OutRecord, ProduceError, Producer};
use schema_registry::{EncodeError, Encoder, Registry, RegistryError};
use schemas::audit_event::{AuditAction, AuditDoor, AuditEvent};
use schemas::avro_schemas::AUDIT_EVENT;
use schemas::topics::AUDIT_EVENTS;
use service_kit::CancellationToken;
use tokio::sync::{Mutex, oneshot};

use crate::act::Act;
use crate::book::AuditBook;
use crate::chain::Chain;

/// Why an act was not noted.
#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    /// No producer can be made.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// Kafka refuses, or the producer cannot go on.
    #[error(transparent)]
    Produce(#[from] ProduceError),
    /// A bug of the writer.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The registry refuses.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The writer's task is gone.
    #[error("the writer of the audit log has ended")]
    Ended,
}

impl TrailError {
    /// True where the record may be on Kafka all the same.
    fn leaves_doubt(&self) -> bool {
        match self {
            Self::Produce(ProduceError::Fatal(_)) | Self::Ended => true,
            Self::Produce(ProduceError::Refused(_)) | Self::Kafka(_) | Self::Encode(_) | Self::Registry(_) => false,
        }
    }
}

/// Where a chain is written to: the seam for tests.
pub(crate) trait Log: Send + Sync + 'static {
    /// For a new chain: what an old producer still holds does not come in between.
    fn open(&self) -> Result<Box<dyn Out>, KafkaError>;
}

/// Appends; returns when all replicas have the event.
pub(crate) trait Out: Send + Sync {
    fn append<'a>(&'a self, event: &'a AuditEvent) -> BoxFuture<'a, Result<(), TrailError>>;
}

/// The one writer of a chain; cheap to clone.
#[derive(Clone)]
pub struct Trail {
    log: Arc<dyn Log>,
    book: AuditBook,
    door: AuditDoor,
    writer: Arc<Mutex<Writer>>,
}

struct Writer {
    open: Option<(Chain, Box<dyn Out>)>,
    /// Why the next chain is begun.
    because: String,
}

impl Trail {
    /// A trail; waits while the registry is away. `None`: told to stop first. `book` has caught up: the chain names what it has seen.
    pub async fn open(
        kafka: KafkaConfig,
        registry: &Registry,
        book: AuditBook,
        door: AuditDoor,
        stop: &CancellationToken,
    ) -> Option<Result<Self, TrailError>> {
        let encoder = match registry.ensure_patiently(&AUDIT_EVENT, stop).await? {
            Ok(id) => Encoder::new(id, &AUDIT_EVENT),
            Err(error) => return Some(Err(error.into())),
        };
        Some(
            encoder
                .map_err(TrailError::from)
                .map(|encoder| Self::on(Arc::new(OnKafka { kafka, encoder: Arc::new(encoder) }), book, door)),
        )
    }

    pub(crate) fn on(log: Arc<dyn Log>, book: AuditBook, door: AuditDoor) -> Self {
        let writer = Arc::new(Mutex::new(Writer { open: None, because: "start".to_owned() }));
        Self { log, book, door, writer }
    }

    /// Notes an act; returns when it is on Kafka. Only then may it be done. An outage of Kafka is waited out: put a deadline around where that
    /// must not be. Acts that nobody waits for any more are not begun; one that was is brought to its end.
    ///
    /// # Errors
    /// When it was not noted, or that is not known.
    pub async fn note(&self, act: Act) -> Result<(), TrailError> {
        self.write(Some(act)).await
    }

    /// Names the ends of other chains, where accounts' acts in them are named by none.
    ///
    /// # Errors
    /// When that was not noted, or is not known.
    pub async fn checkpoint(&self) -> Result<(), TrailError> {
        self.write(None).await
    }

    /// `None`: a checkpoint.
    async fn write(&self, act: Option<Act>) -> Result<(), TrailError> {
        let mut writer = Arc::clone(&self.writer).lock_owned().await;
        let (trail, (answer, answered)) = (self.clone(), oneshot::channel());
        // Who asks may go away at any moment. A record that is under way goes on: else its outcome would not be known.
        tokio::spawn(async move {
            let written = trail.write_as_the_one(&mut writer, act, || answer.is_closed()).await;
            let _ = answer.send(written);
        });
        answered.await.unwrap_or(Err(TrailError::Ended))
    }

    async fn write_as_the_one(
        &self,
        writer: &mut Writer,
        act: Option<Act>,
        is_given_up: impl Fn() -> bool,
    ) -> Result<(), TrailError> {
        let own = writer.open.as_ref().map(|(chain, _)| chain.id());
        if act.is_none() && !self.book.has_unnamed_acts(own) {
            return Ok(());
        }
        if own.is_none() {
            let begin = Act::of_a_writer(self.door, AuditAction::ChainBegun)
                .with("version", env!("CARGO_PKG_VERSION"))
                .with("because", &writer.because);
            writer.open = Some((Chain::begin(), self.log.open()?));
            self.append(writer, begin).await?;
        }
        match act {
            Some(_) if is_given_up() => Ok(()),
            Some(act) => self.append(writer, act).await,
            None if own.is_some() => self.append(writer, Act::of_a_writer(self.door, AuditAction::Checkpoint)).await,
            // Its beginning named them.
            None => Ok(()),
        }
    }

    /// Whatever happens meanwhile, the chain is open again only where it is known how it goes on.
    async fn append(&self, writer: &mut Writer, act: Act) -> Result<(), TrailError> {
        let Some((mut chain, out)) = writer.open.take() else { return Err(TrailError::Ended) };
        let mut heads = if act.action.is_of_an_account() { Vec::new() } else { self.book.heads() };
        heads.retain(|head| head.chain != chain.id());
        let event = chain.next(act, heads);
        let (id, sequence) = (chain.id(), event.sequence);
        match out.append(&event).await {
            Ok(()) => {
                chain.took(&event);
                writer.open = Some((chain, out));
                Ok(())
            }
            Err(error) => {
                if error.leaves_doubt() {
                    tracing::warn!(%error, chain = %id, sequence, "a chain of the audit log is left");
                    writer.because = format!("whether event {sequence} of chain {id} was taken is not known: {error}");
                } else if sequence > 0 {
                    writer.open = Some((chain, out));
                }
                Err(error)
            }
        }
    }
}

struct OnKafka {
    kafka: KafkaConfig,
    encoder: Arc<Encoder<AuditEvent>>,
}

struct Producing {
    producer: Producer,
    encoder: Arc<Encoder<AuditEvent>>,
}

impl Log for OnKafka {
    fn open(&self) -> Result<Box<dyn Out>, KafkaError> {
        let producer = Producer::new(&self.kafka, "flowledger-audit")?;
        Ok(Box::new(Producing { producer, encoder: Arc::clone(&self.encoder) }))
    }
}

impl Out for Producing {
    fn append<'a>(&'a self, event: &'a AuditEvent) -> BoxFuture<'a, Result<(), TrailError>> {
        Box::pin(async move {
            let (key, payload) = (event.chain.to_string(), self.encoder.encode(event)?);
            let record = OutRecord { topic: AUDIT_EVENTS.name, key: key.as_bytes(), payload: &payload, headers: &[] };
            self.producer.send(record).await?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
