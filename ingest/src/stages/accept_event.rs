//! Holds a decoded event against the contract: exactly one fate for each.

use clickhouse_io::rows::{ConnectionRow, Source};
use kafka_io::Record;
use schema_registry::DecodeError;
use schemas::connection_event::ConnectionEvent;

/// The fate of one event.
#[must_use = "an event without a fate is a lost event"]
#[derive(Debug, PartialEq)]
pub(crate) enum Decision {
    /// A row.
    Keep(Box<ConnectionRow>),
    /// A dead letter, with its reason.
    Reject(String),
}

/// Decides what becomes of a record. `decoded` is what its value was decoded to; a value that needs a schema first must not get
/// here.
pub(crate) fn accept_event(source: &str, record: &Record, decoded: Result<ConnectionEvent, DecodeError>) -> Decision {
    let event = match decoded {
        Ok(event) => event,
        Err(error) => return Decision::Reject(error.to_string()),
    };
    if let Err(breach) = event.check(record.timestamp) {
        return Decision::Reject(breach.to_string());
    }
    let source = Source { name: source, partition: record.partition.number, offset: record.offset };
    Decision::Keep(Box::new(ConnectionRow::from_event(event, source)))
}
