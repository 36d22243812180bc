//! What is measured, in SQL, over each kind of rows.

use traffic_query::Measure;

use crate::rollup::{distinct, quantile};

/// A measure over what the roll-ups have too; `None` where it needs the rows themselves.
pub(super) fn of_sums(measure: Measure) -> Option<&'static str> {
    match measure {
        Measure::Events => Some("sum(normal + dns + other + refused)"),
        Measure::Connections => Some("sum(normal + dns + other)"),
        Measure::Succeeded => Some("sum(normal)"),
        Measure::FailedDns => Some("sum(dns)"),
        Measure::FailedOther => Some("sum(other)"),
        Measure::Denied => Some("sum(refused)"),
        Measure::Bytes => Some("sum(received + transferred)"),
        Measure::BytesReceived => Some("sum(received)"),
        Measure::BytesTransferred => Some("sum(transferred)"),
        Measure::Users => Some("uniqExact(who)"),
        Measure::Devices
        | Measure::ClientAddresses
        | Measure::Addresses
        | Measure::DurationP50
        | Measure::DurationP95 => None,
    }
}

/// A measure that is no sum, over what merges; a sum is one over rows of sums.
pub(super) fn of_merging(measure: Measure) -> String {
    match measure {
        Measure::Devices => distinct("devices"),
        Measure::ClientAddresses => distinct("client_addresses"),
        Measure::Addresses => distinct("addresses"),
        Measure::DurationP50 => quantile(50),
        Measure::DurationP95 => quantile(95),
        Measure::Events
        | Measure::Connections
        | Measure::Succeeded
        | Measure::FailedDns
        | Measure::FailedOther
        | Measure::Denied
        | Measure::Bytes
        | Measure::BytesReceived
        | Measure::BytesTransferred
        | Measure::Users => of_sums(measure).unwrap_or("0").to_owned(),
    }
}

/// A measure over facts.
pub(super) fn of_rows(measure: Measure) -> &'static str {
    match measure {
        Measure::Events => "count()",
        Measure::Connections => "countIf(NOT is_denied)",
        Measure::Succeeded => "countIf(has_succeeded)",
        Measure::FailedDns => "countIf(is_dns)",
        Measure::FailedOther => "countIf(NOT has_succeeded AND NOT is_denied AND NOT is_dns)",
        Measure::Denied => "countIf(is_denied)",
        Measure::Bytes => "sumIf(toUInt128(bytes_received) + toUInt128(bytes_transferred), has_succeeded)",
        Measure::BytesReceived => "sumIf(toUInt128(bytes_received), has_succeeded)",
        Measure::BytesTransferred => "sumIf(toUInt128(bytes_transferred), has_succeeded)",
        Measure::Users => "uniqExactIf(user_id, NOT is_denied)",
        Measure::Devices => "uniqExactIf(device_id, NOT is_denied)",
        Measure::ClientAddresses => "uniqExactIf(client_ip, NOT is_denied)",
        Measure::Addresses => "uniqExactIf(resource_address, NOT is_denied)",
        // 0 where none succeeded.
        Measure::DurationP50 => "quantileExactIf(0.5)(duration_us, has_succeeded)",
        Measure::DurationP95 => "quantileExactIf(0.95)(duration_us, has_succeeded)",
    }
}
