//! A piece of a Connector's log, whatever is in it: lines, wrapped or not, become events or are unreadable. What is published of them, ingest stores.
#![no_main]
#![expect(clippy::unwrap_used, reason = "what cannot be is a finding")]

use std::sync::LazyLock;

use bytes::Bytes;
use connector::stages::encode_event::EventEncoder;
use connector::stages::find_analytics::find_analytics;
use connector::stages::read_event::read_event;
use connector::stages::split_lines::LineSplitter;
use connector::stages::unwrap_container_line::unwrap_container_line;
use connector::{LogVersion, Wrapping};
use event_columns::{EventColumns, Program};
use libfuzzer_sys::fuzz_target;
use schema_registry::SchemaId;
use schemas::avro_schemas::CONNECTION_EVENT;

static PROGRAM: LazyLock<Program> = LazyLock::new(|| Program::new(CONNECTION_EVENT.schema).unwrap());
/// Bytes of the wire format before the body.
const WIRE_BYTES: usize = 5;

fuzz_target!(|bytes: &[u8]| {
    for wrapping in [Wrapping::Docker, Wrapping::Cri] {
        let _ = unwrap_container_line(wrapping, bytes);
    }
    let tenant = "acme".parse().unwrap();
    let mut encoder = EventEncoder::new(SchemaId::new(1), "acme".parse().unwrap());
    let (mut splitter, mut lines) = (LineSplitter::new(0), Vec::new());
    splitter.feed(&Bytes::copy_from_slice(bytes), |line| lines.push(line));
    lines.extend(splitter.finish());
    for line in &lines {
        let Ok(Some(json)) = find_analytics(&line.content) else { continue };
        for version in [LogVersion::V2, LogVersion::V3] {
            let Ok(event) = read_event(json, &tenant, version) else { continue };
            let mut value = Vec::new();
            encoder.encode(&event, &mut value);
            // Kafka's time is late enough for every event: a day ahead of it is the Connector's clock, and no matter of the line.
            let stored = EventColumns::new("main", 0).append(&PROGRAM, &value[WIRE_BYTES..], 0, i64::MAX);
            assert_eq!(stored.err().map(|refusal| refusal.to_string()), None, "{json}");
        }
    }
});
