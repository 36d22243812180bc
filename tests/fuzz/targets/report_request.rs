//! A value of the topic of report requests, which anyone may write who may write to Kafka.
#![no_main]
#![expect(clippy::unwrap_used, reason = "what cannot be is a finding")]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use report_life::{report_filter, traffic_filter};
use report_writer::choose_writer;
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
        // What it asks for is a file or a refusal that names the field.
        let refused = choose_writer(&request).err();
        assert!(refused.is_none_or(|reason| reason.contains(' ')));
        if let Ok(filter) = traffic_filter(&request.filter) {
            let again = report_filter(&filter, request.filter.denied).unwrap();
            assert_eq!(traffic_filter(&again), Ok(filter));
        }
        // The exporter notes what it has read as an event of its own.
        let again = ENCODER.encode(&request).unwrap();
        assert_eq!(DECODER.decode(&again), Ok(request));
    }
});
