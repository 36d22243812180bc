//! The data contract in code: ids, events, topics, Avro schemas and ClickHouse migrations.
//!
//! Everything that two programs have to agree on stands here and nowhere else. The crate does no I/O and depends on no
//! service and no client library.

pub mod addresses;
mod as_long;
pub mod audit_event;
pub mod avro_schemas;
pub mod bucket_sync_event;
pub mod connection_event;
pub mod event_id;
#[cfg(any(test, feature = "examples"))]
pub mod examples;
mod fixed16;
pub mod ids;
pub mod known_reason;
pub mod migrations;
pub mod murmur2;
pub mod report_event;
pub mod report_request;
pub mod report_schedule;
pub mod report_slice;
pub mod sha256;
pub mod times;
pub mod topics;
pub mod webhook;
pub mod webhook_delivery;
