//! The crate as a whole: against the decoder that makes a struct of each event, over schemas and broken bytes; refusals; order; the
//! version.

mod against_decoder;
mod golden;
mod read_back;
mod refusals;
mod resolution;
mod sorted;
mod written;

use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use schema_registry::{Decoder, Encoder, SchemaId, WriterSchema};
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::times::Moment;

use crate::{EventColumns, Program};

/// Bytes in front of a body.
const WIRE_FORMAT: usize = 5;

static OURS: LazyLock<Program> = LazyLock::new(|| Program::new(CONNECTION_EVENT.schema).unwrap());

/// The body of an event in our own schema.
fn body(event: &ConnectionEvent) -> Vec<u8> {
    thread_local! {
        static ENCODER: Encoder<ConnectionEvent> = Encoder::new(SchemaId::new(1), &CONNECTION_EVENT).unwrap();
    }
    ENCODER.with(|encoder| encoder.encode(event).unwrap()).split_off(WIRE_FORMAT)
}

fn columns() -> EventColumns {
    EventColumns::new("main", 3)
}

/// An event whose duration fits its type, as the contract has it.
fn right(event: ConnectionEvent) -> ConnectionEvent {
    let closed = event.event_type == EventType::ClosedConnection;
    ConnectionEvent { start_time: if closed { event.start_time } else { event.end_time }, ..event }
}

/// What the decoder and the contract's own check make of a body in our own schema.
fn decoded(body: &[u8], kafka_time: Moment) -> Result<ConnectionEvent, String> {
    thread_local! {
        static DECODER: Decoder<ConnectionEvent> = {
            let mut decoder = Decoder::new(&CONNECTION_EVENT).unwrap();
            decoder.learn(SchemaId::new(1), &WriterSchema(CONNECTION_EVENT.schema.to_owned())).unwrap();
            decoder
        };
    }
    let value = [&[0, 0, 0, 0, 1], body].concat();
    let event = DECODER.with(|decoder| decoder.decode(&value)).map_err(|error| error.to_string())?;
    event.check(kafka_time).map_err(|breach| breach.to_string())?;
    Ok(event)
}

/// The same for a body in another schema, by apache-avro alone: the decoder asks before whether the schemas fit, and where a named type
/// is defined at another place than in ours the answer is wrong.
fn resolved(schema: &str, body: &[u8], kafka_time: Moment) -> Result<ConnectionEvent, String> {
    let text = |error: apache_avro::Error| error.to_string();
    let writer = Schema::parse_str(schema).map_err(text)?;
    let reader = Schema::parse_str(CONNECTION_EVENT.schema).map_err(text)?;
    let resolving = GenericDatumReader::builder(&writer).reader_schema(&reader).build().map_err(text)?;
    let mut rest = body;
    let value = resolving.read_value(&mut rest).map_err(text)?;
    let event: ConnectionEvent = apache_avro::from_value(&value).map_err(text)?;
    event.check(kafka_time).map_err(|breach| breach.to_string())?;
    if rest.is_empty() { Ok(event) } else { Err("bytes after the body".to_owned()) }
}
