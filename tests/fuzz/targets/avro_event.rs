//! The body of a connection event, whatever it is: the readers of ingest and of the aggregator refuse the same ones, and a refusal leaves no trace.
#![no_main]
#![expect(clippy::unwrap_used, reason = "what cannot be is a finding")]

use std::sync::LazyLock;

use event_columns::{BlockWriter, EventColumns, EventReader, Program};
use libfuzzer_sys::fuzz_target;
use schemas::avro_schemas::CONNECTION_EVENT;

static PROGRAM: LazyLock<Program> = LazyLock::new(|| Program::new(CONNECTION_EVENT.schema).unwrap());
/// In the year 2100, microseconds: no event is a day ahead of it.
const KAFKA_TIME: i64 = 4_102_444_800_000_000;

fuzz_target!(|body: &[u8]| {
    let mut columns = EventColumns::new("main", 0);
    let stored = columns.append(&PROGRAM, body, 7, KAFKA_TIME);
    let mut reader = EventReader::default();
    let read =
        reader.read(&PROGRAM, body, KAFKA_TIME).map(|event| (event.event_id(), event.end_micros(), event.status()));
    assert_eq!(stored.as_ref().err().map(ToString::to_string), read.as_ref().err().map(ToString::to_string));
    assert_eq!(columns.rows(), usize::from(stored.is_ok()));
    let blocks = columns.blocks(None, &mut BlockWriter::default());
    assert_eq!(blocks.is_empty(), stored.is_err());
});
