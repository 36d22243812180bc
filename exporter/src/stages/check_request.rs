//! Holds a request against what this exporter can make.

use std::collections::BTreeSet;

use clickhouse_io::report::ReportQuery;
use report_life::{RECEIVERS_MAX, traffic_filter};
use report_writer::{choose_writer, reads_denied};
use schemas::report_request::{BarrierOffset, Compression, ReportFilter, ReportRequest};
use schemas::times::Moment;
use traffic_query::time_range;

use crate::reason::Reason;

/// Longest name of who asks, characters, and longest receiver. Each slice of a report has its request.
const ACCOUNT_MAX: usize = 1_000;
pub(crate) const RECEIVER_BYTES_MAX: usize = 1_000;
/// Most partitions of the connection events.
const PARTITIONS_MAX: usize = 10_000;

/// Most values of all lists of a request: more than every rule lets through.
const VALUES_MAX: usize = 30_000;

/// Whether a request may be kept with its report, allowed or not: in half a megabyte there is room for half a million empty texts.
///
/// # Errors
/// In words: it has too many values.
pub(crate) fn check_size(request: &ReportRequest) -> Result<(), String> {
    let ReportFilter {
        remote_networks,
        users,
        resources,
        connectors,
        devices,
        protocols,
        statuses,
        address_ranges,
        denied: _,
        service_accounts,
        applied_rules,
        ports,
        tunnel_paths,
        countries,
        client_addresses,
        resource_addresses,
        domain: _,
    } = &request.filter;
    let ids = [remote_networks, users, resources, connectors, devices, service_accounts].map(Vec::len);
    let of_filter = [protocols, statuses, address_ranges, applied_rules, ports, tunnel_paths, countries].map(Vec::len);
    let others = [client_addresses, resource_addresses, &request.columns, &request.receivers].map(Vec::len);
    let of_table = request.table.as_ref().map_or(0, |table| table.by.len() + table.measures.len());
    let lists = [&ids[..], &of_filter, &others, &[of_table, request.barrier.len()]].concat();
    let values: usize = lists.into_iter().sum();
    if values <= VALUES_MAX {
        Ok(())
    } else {
        Err(format!("it has {values} values in its lists, more than {VALUES_MAX}"))
    }
}

/// The query of a request.
///
/// # Errors
/// What of the request cannot be made, with the field's name.
pub(crate) fn check_request(request: &ReportRequest) -> Result<ReportQuery, Reason> {
    checked(request).map_err(|english| Reason::of_request(&english))
}

/// Errors are sentences that begin with the field.
fn checked(request: &ReportRequest) -> Result<ReportQuery, String> {
    let columns = choose_writer(request)?.rows().columns();
    if request.compression == Compression::Unknown {
        return Err("compression is not known to this exporter".to_owned());
    }
    if request.range_from >= request.range_to || request.range_from < Moment::FIRST || request.range_to > Moment::END {
        return Err("the range is empty or outside of 1970 to 2100".to_owned());
    }
    time_range::zone(&request.zone).map_err(|error| error.to_string())?;
    let filter = traffic_filter(&request.filter).map_err(|error| error.to_string())?;
    // What is an address the mail server says: those of accounts are as operators write them.
    if request.receivers.len() > RECEIVERS_MAX || request.receivers.iter().any(|it| it.len() > RECEIVER_BYTES_MAX) {
        return Err(format!("receivers has more than {RECEIVERS_MAX}, or one longer than {RECEIVER_BYTES_MAX} bytes"));
    }
    if request.requested_by.chars().count() > ACCOUNT_MAX {
        return Err(format!("requested_by is longer than {ACCOUNT_MAX} characters"));
    }
    check_barrier(&request.barrier)?;
    let denied = reads_denied(request, &filter)?;
    Ok(ReportQuery {
        tenant: request.tenant.clone(),
        filter: filter.within(request.range_from, request.range_to),
        denied,
        columns,
        offsets: None,
    })
}

fn check_barrier(barrier: &[BarrierOffset]) -> Result<(), String> {
    if barrier.len() > PARTITIONS_MAX {
        return Err(format!("barrier has more than {PARTITIONS_MAX} partitions"));
    }
    if barrier.iter().any(|it| it.partition < 0 || it.offset < 0) {
        return Err("barrier has a partition or an offset below 0".to_owned());
    }
    let partitions: BTreeSet<i32> = barrier.iter().map(|it| it.partition).collect();
    if partitions.len() < barrier.len() { Err("barrier has a partition twice".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
pub(crate) mod tests {
    use schemas::examples::report_request;
    use schemas::report_request::{ReportFormat, ReportKind, ReportTable};

    use super::*;

    pub(crate) fn request() -> ReportRequest {
        ReportRequest {
            range_from: Moment::from_millis(1_793_491_200_000),
            range_to: Moment::from_millis(1_793_577_600_000),
            zone: "Europe/Berlin".to_owned(),
            requested_at: Moment::from_millis(1_793_600_000_000),
            receivers: vec!["admin@acme.example".to_owned()],
            ..report_request()
        }
    }

    fn filtered(filter: ReportFilter) -> ReportRequest {
        ReportRequest { filter, ..request() }
    }

    #[test]
    fn what_cannot_be_made_is_refused_with_the_name_of_its_field() {
        let all = ReportFilter::default;
        let (events, summary, users) = (ReportKind::Events, ReportKind::Summary, ReportKind::UserActivity);
        let made = |kind, format| ReportRequest { kind, format, ..request() };
        let traffic = |by: &[&str], measures: &[&str]| {
            let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
            let table = Some(ReportTable { bucket: None, by: words(by), measures: words(measures) });
            ReportRequest { kind: ReportKind::Traffic, table, ..request() }
        };
        let waiting_for = |barrier: &[(i32, i64)]| ReportRequest {
            barrier: barrier.iter().map(|&(partition, offset)| BarrierOffset { partition, offset }).collect(),
            ..request()
        };
        let all_partitions: Vec<_> = (0..10_001).map(|partition| (partition, 0)).collect();
        let of_columns = |names: &[&str]| ReportRequest {
            columns: names.iter().map(|name| (*name).to_owned()).collect(),
            ..request()
        };
        for (wrong, named) in [
            (made(ReportKind::Unknown, ReportFormat::Csv), "kind "),
            (made(events, ReportFormat::Unknown), "format "),
            (made(summary, ReportFormat::Ndjson), "format NDJSON "),
            (made(users, ReportFormat::Ndjson), "format NDJSON "),
            (ReportRequest { compression: Compression::Unknown, ..request() }, "compression "),
            (ReportRequest { range_to: request().range_from, ..request() }, "the range "),
            (of_columns(&["user", "nobody"]), "columns has one that there is not: nobody"),
            (of_columns(&["user", "user"]), "columns has one twice: user"),
            (ReportRequest { kind: summary, ..of_columns(&["user"]) }, "columns "),
            (ReportRequest { format: ReportFormat::Ndjson, ..of_columns(&["user"]) }, "columns "),
            (made(events, ReportFormat::Parquet), "compression gzip "),
            (made(ReportKind::Traffic, ReportFormat::Csv), "table.by names nothing"),
            (traffic(&["city"], &[]), "table.by is none of remote_network, "),
            (traffic(&["user", "user"], &[]), "table.by has "),
            (traffic(&["user"], &["speed"]), "table.measures is none of events, "),
            (ReportRequest { kind: summary, ..traffic(&["user"], &[]) }, "table is one of traffic"),
            (ReportRequest { format: ReportFormat::Ndjson, ..traffic(&["user"], &[]) }, "format NDJSON "),
            (ReportRequest { columns: vec!["user".to_owned()], ..traffic(&["user"], &[]) }, "columns "),
            (ReportRequest { zone: "Mars/Base".to_owned(), ..traffic(&["user"], &[]) }, "zone "),
            (ReportRequest { zone: "Mars/Base".to_owned(), ..request() }, "zone is not an IANA zone name"),
            (
                ReportRequest { receivers: vec!["x".repeat(1_001)], ..request() },
                "receivers has more than 20, or one longer than ",
            ),
            (
                ReportRequest { receivers: vec!["a@acme.example".to_owned(); 21], ..request() },
                "receivers has more than 20, ",
            ),
            (ReportRequest { requested_by: "x".repeat(1_001), ..request() }, "requested_by is longer than "),
            (waiting_for(&[(0, 1), (1, -1)]), "barrier has a partition or an offset below 0"),
            (waiting_for(&[(-1, 1)]), "barrier has a partition or an offset below 0"),
            (waiting_for(&[(3, 1), (4, 1), (3, 2)]), "barrier has a partition twice"),
            (waiting_for(&all_partitions), "barrier has more than 10000 partitions"),
            (ReportRequest { formula_guard: true, ..made(events, ReportFormat::Ndjson) }, "formula_guard "),
            (ReportRequest { byte_order_mark: true, ..made(summary, ReportFormat::Parquet) }, "byte_order_mark "),
            (filtered(ReportFilter { remote_networks: vec![-1], ..all() }), "remote_networks "),
            (filtered(ReportFilter { users: vec![-7], ..all() }), "users "),
            (filtered(ReportFilter { protocols: vec!["sctp".to_owned()], ..all() }), "protocols "),
            (filtered(ReportFilter { statuses: vec!["FINE".to_owned()], ..all() }), "statuses "),
            (filtered(ReportFilter { address_ranges: vec!["10.0.0.0/33".to_owned()], ..all() }), "addresses "),
            (filtered(ReportFilter { service_accounts: vec![-7], ..all() }), "service_accounts "),
            (filtered(ReportFilter { applied_rules: vec![String::new()], ..all() }), "applied_rules "),
            (filtered(ReportFilter { ports: vec!["https".to_owned()], ..all() }), "ports "),
            (filtered(ReportFilter { tunnel_paths: vec!["relayed".to_owned()], ..all() }), "tunnel_paths "),
            (filtered(ReportFilter { client_addresses: vec!["here".to_owned()], ..all() }), "client_addresses "),
            (filtered(ReportFilter { resource_addresses: vec!["::/129".to_owned()], ..all() }), "resource_addresses "),
            (filtered(ReportFilter { domain: Some(String::new()), ..all() }), "domain "),
        ] {
            let refused = check_request(&wrong).unwrap_err().to_string();
            assert!(refused.starts_with(named), "{refused}");
        }
        assert!(check_request(&traffic(&["user", "country"], &["bytes", "duration_p95_us"])).is_ok());
        for (kind, format) in [
            (events, ReportFormat::Csv),
            (events, ReportFormat::Ndjson),
            (summary, ReportFormat::Csv),
            (users, ReportFormat::Csv),
        ] {
            let asked = ReportRequest { byte_order_mark: format == ReportFormat::Csv, ..made(kind, format) };
            assert!(check_request(&asked).is_ok());
        }
        for kind in [events, summary, users] {
            for compression in [Compression::None, Compression::Zstd] {
                assert!(check_request(&ReportRequest { compression, ..made(kind, ReportFormat::Parquet) }).is_ok());
            }
        }
        assert!(check_request(&of_columns(&["event_id", "user"])).is_ok());
        let largest = ReportRequest { requested_by: "ü".repeat(1_000), ..waiting_for(&all_partitions[1..]) };
        assert!(check_request(&largest).is_ok());
    }

    #[test]
    fn values_of_all_lists_are_counted_together() {
        let texts = |count| vec![String::new(); count];
        let of = |columns, countries, barrier| ReportRequest {
            columns: texts(columns),
            filter: ReportFilter { countries: texts(countries), users: vec![7; 9], ..ReportFilter::default() },
            barrier: vec![BarrierOffset { partition: 0, offset: 0 }; barrier],
            receivers: Vec::new(),
            ..request()
        };
        assert_eq!(check_size(&request()), Ok(()));
        assert_eq!(check_size(&of(9_991, 10_000, 10_000)), Ok(()));
        let refused = "it has 30001 values in its lists, more than 30000";
        for (columns, countries, barrier) in [(9_992, 10_000, 10_000), (29_992, 0, 0), (0, 0, 29_992)] {
            assert_eq!(check_size(&of(columns, countries, barrier)), Err(refused.to_owned()));
        }
    }

    #[test]
    fn rows_of_every_kind_are_narrowed_by_what_the_request_says() {
        let texts = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let filter = ReportFilter {
            users: vec![7],
            service_accounts: vec![8],
            applied_rules: texts(&["*.corp.example"]),
            ports: texts(&["443", "8000-8999"]),
            tunnel_paths: texts(&["relay"]),
            countries: texts(&["DE"]),
            client_addresses: texts(&["192.0.2.0/24"]),
            resource_addresses: texts(&["10.0.0.0/8", "2001:db8::/32"]),
            domain: Some("corp".to_owned()),
            ..ReportFilter::default()
        };
        let range = (request().range_from, request().range_to);
        let expected = traffic_filter(&filter).unwrap().within(range.0, range.1);
        let table = Some(ReportTable { bucket: Some("day".to_owned()), ..ReportTable::default() });
        for (kind, table) in [
            (ReportKind::Events, None),
            (ReportKind::Summary, None),
            (ReportKind::UserActivity, None),
            (ReportKind::Traffic, table),
        ] {
            let query = check_request(&ReportRequest { kind, table, ..filtered(filter.clone()) }).unwrap();
            assert_eq!(query.filter, expected, "{kind:?}");
        }
    }

    #[test]
    fn denied_attempts_are_there_where_they_are_asked_for_and_no_connections() {
        let asked = |kind, statuses: &[&str], denied| {
            let statuses = statuses.iter().map(|status| (*status).to_owned()).collect();
            let filter = ReportFilter { statuses, denied, ..ReportFilter::default() };
            let query = check_request(&ReportRequest { kind, ..filtered(filter) }).unwrap();
            (query.denied, query.filter.statuses.len())
        };
        let events = ReportKind::Events;
        assert_eq!(asked(events, &[], false), (false, 0));
        assert_eq!(asked(events, &[], true), (true, 0));
        assert_eq!(asked(events, &["NORMAL"], false), (false, 1));
        assert_eq!(asked(events, &["NORMAL"], true), (true, 2));
        assert_eq!(asked(events, &["ACCESS_DENIED"], false), (true, 1));
        assert!(!asked(ReportKind::Summary, &["ACCESS_DENIED"], true).0);
        assert!(!asked(ReportKind::UserActivity, &[], true).0);
        for (measure, is_read) in [("connections", false), ("denied", true), ("events", true)] {
            let measures = vec!["bytes".to_owned(), measure.to_owned()];
            let table = Some(ReportTable { bucket: Some("day".to_owned()), by: Vec::new(), measures });
            let query = check_request(&ReportRequest { kind: ReportKind::Traffic, table, ..request() }).unwrap();
            assert_eq!((query.denied, query.filter.statuses.len()), (is_read, 0), "{measure}");
        }
    }
}
