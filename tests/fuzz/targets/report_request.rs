//! A value of the topic of report requests, which anyone may write who may write to Kafka.
#![no_main]
#![expect(clippy::unwrap_used, reason = "what cannot be is a finding")]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use schema_registry::{Decoder, Encoder, SchemaId, WriterSchema};
use schemas::avro_schemas::REPORT_REQUEST;
use schemas::report_request::ReportRequest;

const SCHEMA: u32 = 1;
static DECODER: LazyLock<Decoder<ReportRequest>> = LazyLock::new(|| {
    let mut decoder = Decoder::new(&REPORT_REQUEST).unwrap();
    decoder.learn(SchemaId::new(SCHEMA), &WriterSchema(REPORT_REQUEST.schema.to_owned())).unwrap();
    decoder
});
static ENCODER: LazyLock<Encoder<ReportRequest>> =
    LazyLock::new(|| Encoder::new(SchemaId::new(SCHEMA), &REPORT_REQUEST).unwrap());

fuzz_target!(|value: &[u8]| {
    if let Ok(request) = DECODER.decode(value) {
        // The exporter notes what it has read as an event of its own.
        let again = ENCODER.encode(&request).unwrap();
        assert_eq!(DECODER.decode(&again), Ok(request));
    }
});
