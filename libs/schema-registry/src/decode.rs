//! Bytes to a Rust value, through the writer's schema and the reader's.

use std::collections::{HashMap, HashSet};
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::{Schema, from_value};
use schemas::avro_schemas::Subject;
use serde::de::DeserializeOwned;
use service_kit::CancellationToken;
use service_kit::retry::{Attempt, Backoff, until_stopped};

use crate::brief::brief;
use crate::client::{Registry, RegistryError, WriterSchema};
use crate::wire::{self, SchemaId};

/// The most that lengths inside a value may make the decoder allocate, bytes. Kafka's own limit on a record is far below.
const ALLOCATION_MAX: usize = 16 << 20;

/// So long "no such schema" is asked again before it is believed for the first time.
const DOUBTED: Duration = Duration::from_secs(2);

/// Why a value cannot be decoded now, or ever.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Its schema has not been learned yet: fetch it, [`Decoder::learn`] it, decode again.
    #[error("schema {0} is not known yet")]
    UnknownSchema(SchemaId),
    /// It never will be: not in wire format, not what its schema says, or a schema that cannot be read with ours.
    #[error("{0}")]
    Unreadable(String),
}

/// Why a schema cannot be learned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("schema {id} cannot be read as subject {subject}: {reason}")]
pub struct SchemaMismatch {
    /// The schema.
    pub id: SchemaId,
    /// What it should have been.
    pub subject: &'static str,
    reason: String,
}

/// Decodes values of one subject, whichever of its schemas they were written with.
pub struct Decoder<T> {
    subject: &'static str,
    reader_schema: &'static Schema,
    readers: HashMap<SchemaId, Reader>,
    /// Ids of which it was believed that there is no such schema.
    believed_missing: HashSet<SchemaId>,
    value: PhantomData<fn() -> T>,
}

enum Reader {
    /// The writer's schema is ours: straight into the Rust type.
    Same(GenericDatumReader<'static>),
    /// Another one: resolved field by field first.
    Resolving(GenericDatumReader<'static>),
    /// One that ours cannot read; every value of it has this reason.
    Unusable(String),
}

impl<T: DeserializeOwned> Decoder<T> {
    /// A decoder that knows no writer's schema yet.
    ///
    /// # Errors
    /// When our own schema cannot be parsed.
    pub fn new(subject: &Subject) -> Result<Self, DecodeError> {
        apache_avro::util::max_allocation_bytes(ALLOCATION_MAX);
        let schema = Schema::parse_str(subject.schema).map_err(|error| DecodeError::Unreadable(error.to_string()))?;
        Ok(Self {
            subject: subject.name,
            // Readers borrow their schemas; these live as long as the process.
            reader_schema: Box::leak(Box::new(schema)),
            readers: HashMap::new(),
            believed_missing: HashSet::new(),
            value: PhantomData,
        })
    }

    /// One that knows our own schema, under the id that the registry has given it: its values wait for nothing.
    ///
    /// # Errors
    /// When our own schema cannot be parsed.
    pub fn knowing(subject: &Subject, id: SchemaId) -> Result<Self, DecodeError> {
        let mut decoder = Self::new(subject)?;
        let own = WriterSchema(subject.schema.to_owned());
        decoder.learn(id, &own).map_err(|mismatch| DecodeError::Unreadable(mismatch.to_string()))?;
        Ok(decoder)
    }

    /// Takes a writer's schema. One that cannot be read is remembered too, so that it is not fetched again.
    ///
    /// # Errors
    /// When values of it cannot be read with our schema: they are [`DecodeError::Unreadable`] from now on.
    pub fn learn(&mut self, id: SchemaId, schema: &WriterSchema) -> Result<(), SchemaMismatch> {
        match self.reader_of(schema) {
            Ok(reader) => {
                self.readers.insert(id, reader);
                Ok(())
            }
            Err(reason) => {
                let mismatch = SchemaMismatch { id, subject: self.subject, reason };
                self.readers.insert(id, Reader::Unusable(mismatch.to_string()));
                Err(mismatch)
            }
        }
    }

    fn reader_of(&self, schema: &WriterSchema) -> Result<Reader, String> {
        let writer_schema = Schema::parse_str(&schema.0).map_err(|error| error.to_string())?;
        apache_avro::schema_compatibility::SchemaCompatibility::can_read(&writer_schema, self.reader_schema)
            .map_err(|error| error.to_string())?;
        let same = writer_schema.canonical_form() == self.reader_schema.canonical_form();
        // Bounded: one for each id that the registry gives out for this subject.
        let writer_schema: &'static Schema = Box::leak(Box::new(writer_schema));
        let builder = GenericDatumReader::builder(writer_schema).human_readable(false);
        if same {
            builder.build().map(Reader::Same).map_err(|error| error.to_string())
        } else {
            builder.reader_schema(self.reader_schema).build().map(Reader::Resolving).map_err(|error| error.to_string())
        }
    }

    /// Decodes a value in wire format. Bytes after the body make it unreadable.
    ///
    /// # Errors
    /// When its schema is not known yet, or it cannot be read.
    pub fn decode(&self, value: &[u8]) -> Result<T, DecodeError> {
        let unreadable =
            |error: apache_avro::Error| DecodeError::Unreadable(format!("not what its schema says: {}", brief(&error)));
        let (id, mut body) =
            wire::split(value).ok_or_else(|| DecodeError::Unreadable("not in Confluent wire format".to_owned()))?;
        let decoded = match self.readers.get(&id) {
            None => return Err(DecodeError::UnknownSchema(id)),
            Some(Reader::Unusable(reason)) => return Err(DecodeError::Unreadable(reason.clone())),
            Some(Reader::Same(reader)) => reader.read_deser(&mut body).map_err(unreadable)?,
            Some(Reader::Resolving(reader)) => {
                let value = reader.read_value(&mut body).map_err(unreadable)?;
                from_value(&value).map_err(unreadable)?
            }
        };
        if body.is_empty() {
            Ok(decoded)
        } else {
            Err(DecodeError::Unreadable(format!("{} bytes after the Avro body", body.len())))
        }
    }

    /// False where it was believed before that there is no schema of this id.
    #[must_use]
    pub fn doubts_missing(&self, id: SchemaId) -> bool {
        !self.believed_missing.contains(&id)
    }

    /// Takes what [`fetch_patiently`] gave: from now on values of this id can be decoded, or that there is no such schema is believed sooner.
    ///
    /// # Errors
    /// When there is no such schema, or the registry refuses.
    pub fn take_fetched(
        &mut self,
        id: SchemaId,
        fetched: Result<WriterSchema, RegistryError>,
    ) -> Result<Result<(), DecodeError>, RegistryError> {
        match fetched {
            Ok(schema) => {
                if let Err(mismatch) = self.learn(id, &schema) {
                    tracing::warn!(%mismatch, "values of this schema are unreadable");
                }
                Ok(Ok(()))
            }
            Err(error @ RegistryError::NoSuchSchema(_)) => {
                self.believed_missing.insert(id);
                Ok(Err(DecodeError::Unreadable(error.to_string())))
            }
            Err(error) => Err(error),
        }
    }

    /// [`Self::decode`], fetching the schema where it is not known yet. Waits while the registry is away. `None`: told to stop
    /// first.
    pub async fn decode_with(
        &mut self,
        registry: &Registry,
        value: &[u8],
        stop: &CancellationToken,
    ) -> Option<Result<Result<T, DecodeError>, RegistryError>> {
        let id = match self.decode(value) {
            Err(DecodeError::UnknownSchema(id)) => id,
            decoded => return Some(Ok(decoded)),
        };
        let fetched = fetch_patiently(registry, id, self.doubts_missing(id), stop).await?;
        Some(self.take_fetched(id, fetched).map(|taken| taken.and_then(|()| self.decode(value))))
    }
}

/// Fetches a schema, again and again while the registry is away. That it has no such schema is asked again for a while where it is doubted, because a
/// replica may be behind. `None`: told to stop first.
///
/// # Errors
/// When there is no such schema, or the registry refuses.
pub async fn fetch_patiently(
    registry: &Registry,
    id: SchemaId,
    is_doubted: bool,
    stop: &CancellationToken,
) -> Option<Result<WriterSchema, RegistryError>> {
    // An id that none can give out is one that no replica will have.
    let is_doubted = is_doubted && i32::try_from(id.get()).is_ok();
    let (begin, backoff) = (Instant::now(), Backoff::new(Duration::from_millis(100), Duration::from_secs(5)));
    until_stopped(stop, backoff, async || match registry.fetch(id).await {
        Ok(schema) => Attempt::Done(schema),
        Err(error @ RegistryError::NoSuchSchema(_)) if is_doubted && begin.elapsed() < DOUBTED => Attempt::Again(error),
        Err(error) if error.is_passing() => {
            tracing::warn!(%error, schema = id.get(), "waiting for the schema registry");
            Attempt::Again(error)
        }
        Err(error) => Attempt::Fail(error),
    })
    .await
}
