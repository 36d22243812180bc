//! Made-up events for tests; each keeps the contract. Behind feature `examples`.
#![expect(clippy::unwrap_used, reason = "made-up values are known to be right")]

mod arbitrary;

pub use arbitrary::{events, right_events};

use crate::connection_event::{ConnectionEvent, EventType, Protocol, TunnelPath, User};
use crate::event_id::EventId;
use crate::report_request::{Compression, ReportFilter, ReportFormat, ReportKind, ReportRequest};
use crate::times::Moment;

/// An event of tenant `acme` that lasted no time and ended at `end_ms`, in Unix milliseconds.
///
/// # Panics
/// When the time lies beyond what an `i64` of microseconds holds.
#[must_use]
pub fn connection(event_type: EventType, connection_id: &str, end_ms: u64) -> ConnectionEvent {
    let (tenant, connector_id) = ("acme".parse().unwrap(), "150034".parse().unwrap());
    let end_time = Moment::from_millis(i64::try_from(end_ms).unwrap());
    ConnectionEvent {
        event_id: EventId::of_fact(&tenant, connector_id, connection_id, event_type, end_ms),
        tenant,
        event_type,
        start_time: end_time,
        end_time,
        connection_id: connection_id.to_owned(),
        connector_id,
        connector_name: "quiet-heron".to_owned(),
        remote_network_id: "64894".parse().unwrap(),
        remote_network_name: "Lab".to_owned(),
        resource_id: "7".parse().unwrap(),
        resource_address: "wiki.corp.example".to_owned(),
        applied_rule: "*.corp.example".to_owned(),
        resource_ip: None,
        resource_port: 443,
        protocol: Protocol::Tcp,
        tunnel_path: TunnelPath::Direct,
        tunnel_protocol: None,
        client_ip: None,
        bytes_received: 1,
        bytes_transferred: 2,
        error_message: String::new(),
        device_id: None,
        user: Some(User { id: "9".parse().unwrap(), email: "jane@acme.example".to_owned() }),
        service_account: None,
        relays: Vec::new(),
        location: None,
    }
}

/// A request of tenant `acme` for all network events as CSV, asked for at the first moment there is; nobody gets a mail.
#[must_use]
pub fn report_request() -> ReportRequest {
    ReportRequest {
        report_id: "0193a0b0-0000-7000-8000-000000000001".parse().unwrap(),
        tenant: "acme".parse().unwrap(),
        kind: ReportKind::Events,
        format: ReportFormat::Csv,
        compression: Compression::Gzip,
        range_from: Moment::FIRST,
        range_to: Moment::END,
        zone: "UTC".to_owned(),
        filter: ReportFilter::default(),
        columns: Vec::new(),
        requested_by: "admin".to_owned(),
        requested_at: Moment::FIRST,
        receivers: Vec::new(),
        barrier: Vec::new(),
        byte_order_mark: false,
        formula_guard: false,
        split: None,
        table: None,
    }
}
