//! Ranges of made-up events against a plain count.

use std::collections::{BTreeMap, BTreeSet};

use clickhouse_io::rollup::{MinuteCounts, MinuteKey};
use event_columns::Program;
use proptest::prelude::*;
use schema_registry::{Encoder, SchemaId};
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::connection_event::{ConnectionEvent, ConnectionStatus, EventType, Location, Protocol, TunnelPath};
use schemas::event_id::EventId;
use schemas::examples::connection;

use super::*;

mod engine;

const NOW_MS: u64 = 1_793_487_600_000;
const KAFKA_MICROS: i64 = 1_793_500_000_000_000;
const PARTITION: i32 = 3;

/// What is told apart: few values of each, so that groups are large and copies frequent.
#[derive(Clone, Copy, Debug)]
struct Made {
    kind: usize,
    number: u64,
    second: u64,
    resource: u64,
    is_relay: bool,
    is_udp: bool,
    country: usize,
    is_name: bool,
}

/// One that says the same everywhere.
const MADE: Made =
    Made { kind: 1, number: 1, second: 0, resource: 1, is_relay: true, is_udp: false, country: 0, is_name: true };

fn made() -> impl Strategy<Value = Made> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (0..4_usize, 0..40_u64, 0..4_u64, 1..4_u64, 0..3_usize, flags).prop_map(
        |(kind, number, second, resource, country, (is_relay, is_udp, is_name))| Made {
            kind,
            number,
            second,
            resource,
            is_relay,
            is_udp,
            country,
            is_name,
        },
    )
}

fn event(made: &Made) -> ConnectionEvent {
    let kinds = [
        EventType::EstablishedConnection,
        EventType::ClosedConnection,
        EventType::FailedToConnect,
        EventType::DeniedAccess,
    ];
    // Two seconds each side of a minute. The same number and kind at the same time is a copy.
    let base = connection(kinds[made.kind], &format!("c{}", made.number), NOW_MS - 2_000 + made.second * 1_000);
    ConnectionEvent {
        resource_id: made.resource.to_string().parse().unwrap(),
        resource_address: if made.is_name { "wiki.example" } else { "10.0.0.1" }.to_owned(),
        resource_ip: if made.is_relay { base.resource_ip } else { None },
        protocol: if made.is_udp { Protocol::Udp } else { Protocol::Tcp },
        tunnel_path: if made.is_relay { TunnelPath::Relay } else { TunnelPath::Direct },
        location: (made.country > 0)
            .then(|| Location { country: Some(["", "DE", "US"][made.country].to_owned()), ..Location::default() }),
        bytes_received: i64::MAX as u64 - made.number,
        ..base
    }
}

fn encoded(event: &ConnectionEvent) -> Vec<u8> {
    Encoder::new(SchemaId::new(1), &CONNECTION_EVENT).unwrap().encode(event).unwrap()
}

/// A row as a line: as ClickHouse shows it, tab-separated.
fn line(key: &MinuteKey<'_>, counts: &MinuteCounts, offsets: &[i64]) -> String {
    let MinuteKey { minute, remote_network_id, resource_id, connector_id, protocol, tunnel_path, .. } = key;
    let MinuteCounts { succeeded, failed_dns, failed_other, denied, bytes_received, bytes_transferred } = counts;
    let text = |text: &[u8]| String::from_utf8(text.to_vec()).unwrap();
    let number = |id: Option<u64>| id.map_or("\\N".to_owned(), |id| id.to_string());
    let (tenant, country) = (text(key.tenant), key.country.map_or("\\N".to_owned(), text));
    let (user, account) = (number(key.user_id), number(key.service_account_id));
    let offsets = offsets.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    format!(
        "{tenant}\t{minute}\t{remote_network_id}\t{user}\t{account}\t{resource_id}\t{connector_id}\t{protocol}\t{tunnel_path}\t\
         {country}\t{succeeded}\t{failed_dns}\t{failed_other}\t{denied}\t{bytes_received}\t{bytes_transferred}\t[{offsets}]"
    )
}

/// The rows of a range, in whatever order, put in one.
fn minutes(rows: &RollupRows, only: Option<&BTreeSet<i64>>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut counting = Counting::default();
    // What a range before it leaves behind makes no difference.
    rows.each_group(None, &mut counting, |_, _, _| {});
    rows.each_group(only, &mut counting, |key, counts, offsets| lines.push(line(key, counts, offsets)));
    lines.sort();
    lines
}

/// The rows by counting, one event after the other. `seen`: what came before, and then these too.
fn counted(
    events: &[(i64, ConnectionEvent)],
    only: Option<&BTreeSet<i64>>,
    seen: &mut BTreeSet<EventId>,
) -> Vec<String> {
    let mut groups: BTreeMap<MinuteKey<'_>, (MinuteCounts, Vec<i64>)> = BTreeMap::new();
    for (offset, event) in events {
        let is_copy = !seen.insert(event.event_id);
        if only.is_some_and(|only| !only.contains(offset)) {
            continue;
        }
        let key = MinuteKey {
            tenant: event.tenant.as_str().as_bytes(),
            minute: u32::try_from(event.end_time.as_millis() / 60_000 * 60).unwrap(),
            remote_network_id: event.remote_network_id.get(),
            user_id: event.user.as_ref().map(|it| it.id.get()),
            service_account_id: event.service_account.as_ref().map(|it| it.id.get()),
            resource_id: event.resource_id.get(),
            connector_id: event.connector_id.get(),
            protocol: if event.protocol == Protocol::Udp { 2 } else { 1 },
            tunnel_path: if event.tunnel_path == TunnelPath::Relay { 2 } else { 1 },
            country: event.location.as_ref().and_then(|it| it.country.as_deref()).map(str::as_bytes),
        };
        let (counts, offsets) = groups.entry(key).or_default();
        offsets.push(*offset);
        match event.status().filter(|_| !is_copy) {
            None => {}
            Some(ConnectionStatus::Normal) => {
                counts.succeeded += 1;
                counts.bytes_received += u128::from(event.bytes_received);
                counts.bytes_transferred += u128::from(event.bytes_transferred);
            }
            Some(ConnectionStatus::DnsError) => counts.failed_dns += 1,
            Some(ConnectionStatus::ConnectionFailed) => counts.failed_other += 1,
            Some(ConnectionStatus::AccessDenied) => counts.denied += 1,
        }
    }
    let mut lines: Vec<_> = groups.iter().map(|(key, (counts, offsets))| line(key, counts, offsets)).collect();
    lines.sort();
    lines
}

fn filled(events: &[(i64, ConnectionEvent)], window: CopyWindow) -> RollupRows {
    let program = Program::new(CONNECTION_EVENT.schema).unwrap();
    let mut rows = RollupRows::default();
    rows.clear_for(PARTITION, window);
    for (offset, event) in events {
        rows.append(&program, &encoded(event)[5..], *offset, KAFKA_MICROS).unwrap();
    }
    rows
}

proptest! {
    /// Whatever comes, and whichever offsets are missing in the store: groups are counted as plainly as that, and each offset lies in
    /// one row.
    #[test]
    fn range_is_what_a_plain_count_gives(made in prop::collection::vec(made(), 1..60), every in 1..5_usize) {
        let events: Vec<_> = made.iter().zip(7..).map(|(made, offset)| (offset, event(made))).collect();
        let rows = filled(&events, CopyWindow::default());
        prop_assert_eq!(minutes(&rows, None), counted(&events, None, &mut BTreeSet::new()));
        prop_assert_eq!(rows.offsets(), events.iter().map(|(offset, _)| *offset).collect::<BTreeSet<_>>());
        let only = events.iter().map(|(offset, _)| *offset).step_by(every).collect::<BTreeSet<_>>();
        prop_assert_eq!(minutes(&rows, Some(&only)), counted(&events, Some(&only), &mut BTreeSet::new()));
        prop_assert!(rows.changes(Some(&only)).all(|change| only.contains(&change.offset)));
        let changing = events.iter().filter(|(_, it)| it.event_type != EventType::DeniedAccess).count();
        prop_assert_eq!(rows.changes(None).count(), changing);
    }

    /// Cut into ranges wherever: the same counts in all.
    #[test]
    fn copies_are_known_across_ranges(made in prop::collection::vec(made(), 2..60), cut in 1..59_usize) {
        let events: Vec<_> = made.iter().zip(7..).map(|(made, offset)| (offset, event(made))).collect();
        let (first, second) = events.split_at(cut.min(events.len() - 1));
        let mut seen = BTreeSet::new();
        let mut rows = filled(first, CopyWindow::default());
        prop_assert_eq!(minutes(&rows, None), counted(first, None, &mut seen));
        let rest = filled(second, std::mem::take(&mut rows.window));
        prop_assert_eq!(minutes(&rest, None), counted(second, None, &mut seen));
        prop_assert_eq!(rows.copies() + rest.copies(), (events.len() - seen.len()) as u64);
    }
}

#[test]
fn what_breaks_the_contract_leaves_no_trace() {
    let program = Program::new(CONNECTION_EVENT.schema).unwrap();
    let mut rows = RollupRows::default();
    let value = encoded(&event(&MADE));
    assert!(rows.append(&program, &value[5..40], 1, KAFKA_MICROS).is_err());
    assert!(rows.append(&program, &value[5..], 2, 0).is_err(), "a day ahead of Kafka");
    assert_eq!((rows.count(), minutes(&rows, None)), (0, Vec::new()));
    rows.append(&program, &value[5..], 3, KAFKA_MICROS).unwrap();
    assert_eq!((rows.count(), rows.copies()), (1, 0));
}

#[test]
fn memory_that_was_used_leaves_nothing_of_itself() {
    let made = |kind, number| Made { kind, number, ..MADE };
    let first: Vec<_> = (0..40).map(|number: i64| (number, event(&made(0, number.unsigned_abs())))).collect();
    let second: Vec<_> = (50..70).map(|number: i64| (number, event(&made(1, number.unsigned_abs())))).collect();
    let mut rows = filled(&first, CopyWindow::default());
    rows.clear_for(PARTITION, CopyWindow::default());
    let program = Program::new(CONNECTION_EVENT.schema).unwrap();
    for (offset, event) in &second {
        rows.append(&program, &encoded(event)[5..], *offset, KAFKA_MICROS).unwrap();
    }
    assert_eq!(minutes(&rows, None), counted(&second, None, &mut BTreeSet::new()));
    assert_eq!((rows.changes(None).count(), rows.copies(), rows.has(3)), (20, 0, false));
}
