//! Avro values in Confluent wire format, with schemas whose ids come from a registry.
//!
//! A value is `0x00`, the schema id as 4 bytes big endian, and the Avro body. Writers register their schema at start (or are
//! told only to look it up); readers fetch each writer's schema once by its id and read it with their own schema.
//! What of the Confluent REST API is used is small, so that Confluent's registry, Apicurio, Karapace and Redpanda serve alike.
//! Encoding and decoding do no I/O.

mod brief;
mod client;
mod config;
mod decode;
mod encode;
mod wire;

pub use client::{Registry, RegistryError, WriterSchema};
pub use config::RegistryConfig;
pub use decode::{DecodeError, Decoder, SchemaMismatch, fetch_patiently};
pub use encode::{EncodeError, Encoder};
pub use wire::SchemaId;
