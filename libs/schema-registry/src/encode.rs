//! A Rust value to bytes.

use std::marker::PhantomData;

use apache_avro::Schema;
use apache_avro::writer::datum::GenericDatumWriter;
use schemas::avro_schemas::Subject;
use serde::Serialize;

use crate::brief::brief;
use crate::wire::SchemaId;

/// Why a value cannot be encoded: it does not fit its schema, which is a bug of the writer.
#[derive(Debug, thiserror::Error)]
#[error("value does not fit schema of subject {subject}: {reason}")]
pub struct EncodeError {
    subject: &'static str,
    reason: String,
}

/// Encodes values of one subject under one schema id.
pub struct Encoder<T> {
    id: SchemaId,
    subject: &'static str,
    writer: GenericDatumWriter<'static>,
    value: PhantomData<fn(T)>,
}

impl<T: Serialize> Encoder<T> {
    /// An encoder for today's schema of `subject`, which the registry calls `id`.
    ///
    /// # Errors
    /// When the schema cannot be parsed.
    pub fn new(id: SchemaId, subject: &Subject) -> Result<Self, EncodeError> {
        let broken = |error: apache_avro::Error| EncodeError { subject: subject.name, reason: error.to_string() };
        // The writer borrows its schema, and both live as long as the process.
        let schema: &'static Schema = Box::leak(Box::new(Schema::parse_str(subject.schema).map_err(broken)?));
        let writer = GenericDatumWriter::builder(schema).human_readable(false).build().map_err(broken)?;
        Ok(Self { id, subject: subject.name, writer, value: PhantomData })
    }

    /// The value in wire format.
    ///
    /// # Errors
    /// When the value does not fit the schema.
    pub fn encode(&self, value: &T) -> Result<Vec<u8>, EncodeError> {
        let mut bytes = Vec::with_capacity(512);
        bytes.extend_from_slice(&self.id.prefix());
        match self.writer.write_ser(&mut bytes, value) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(EncodeError { subject: self.subject, reason: brief(&error) }),
        }
    }
}
