//! What a client gives back to get the next page, and the ids of which it asks for one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schemas::audit_event::AuditEventId;
use schemas::event_id::EventId;
use schemas::ids::ReportId;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(id) = text.parse::<EventId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.timestamp_ms() < 1 << 48);
    }
    if let Ok(id) = text.parse::<AuditEventId>() {
        assert_eq!(id.to_string().parse().ok(), Some(id));
    }
    if let Ok(id) = text.parse::<ReportId>() {
        assert_eq!(id.to_string().parse().ok(), Some(id));
    }
});
