//! Rows stand in the order of the tables, whatever order they came in, and each in exactly one block.

use std::collections::BTreeSet;

use clickhouse_io::write::EventTable;
use proptest::prelude::*;
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::event_id::EventId;
use schemas::examples::connection;
use schemas::times::Moment;

use super::{OURS, body, columns};
use crate::block::selections;
use crate::{Block, BlockWriter, EventColumns};

/// An event of few tenants, networks and times, so that keys are often alike.
fn events() -> impl Strategy<Value = ConnectionEvent> {
    let times = prop_oneof![0..5_u64, (0..300_u64).prop_map(|hours| hours * 3_599_999), 0..4_000_000_000_u64];
    (0..3_u8, 0..4_u8, times, any::<bool>(), 0..3_u8).prop_map(|(tenant, network, time, opening, id)| {
        let event_type = if opening { EventType::EstablishedConnection } else { EventType::FailedToConnect };
        let event = connection(event_type, &id.to_string(), 1_793_487_600_000 + time);
        let tenant = ["zeta", "acme", "acme-2"][usize::from(tenant)].parse().unwrap();
        let end_ms = u64::try_from(event.end_time.as_millis()).unwrap();
        ConnectionEvent {
            event_id: EventId::of_fact(&tenant, event.connector_id, &event.connection_id, event_type, end_ms),
            tenant,
            remote_network_id: [7, 64_894, 9, 1_000_000_007][usize::from(network)].try_into().unwrap(),
            ..event
        }
    })
}

fn filled(events: &[ConnectionEvent]) -> EventColumns {
    let mut columns = columns();
    for (offset, event) in (0..).zip(events) {
        columns.append(&OURS, &body(event), offset, Moment::END.as_micros()).unwrap();
    }
    columns
}

fn key(event: &ConnectionEvent, offset: i64) -> impl Ord + use<> {
    let hour = event.end_time.as_micros() / 3_600_000_000;
    let opening = event.event_type == EventType::EstablishedConnection;
    (opening, event.tenant.clone(), hour, event.remote_network_id, event.end_time, event.event_id.tail(), offset)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn rows_stand_in_the_order_of_the_key(events in proptest::collection::vec(events(), 0..900)) {
        let (mut columns, mut writer) = (filled(&events), BlockWriter::default());
        let sorted = columns.sorted(&mut writer);
        let mut expected: Vec<u32> = (0..u32::try_from(events.len()).unwrap()).collect();
        expected.sort_by_key(|row| key(&events[*row as usize], i64::from(*row)));
        prop_assert_eq!(&sorted.order.rows, &expected);
    }

    #[test]
    fn each_wanted_row_is_in_exactly_one_block(events in proptest::collection::vec(events(), 0..200), wanted in proptest::option::of(0..200_i64)) {
        let (mut columns, mut writer) = (filled(&events), BlockWriter::default());
        let sorted = columns.sorted(&mut writer);
        let is_wanted = |row: u32| wanted.is_none_or(|wanted| i64::from(row) % wanted.max(1) == 0);
        let filter = wanted.map(|_| &is_wanted as &dyn Fn(u32) -> bool);
        let selections = selections(sorted.order, filter);
        let mut seen = BTreeSet::new();
        for selection in &selections {
            prop_assert!(!selection.rows.is_empty());
            for row in selection.rows.iter() {
                prop_assert!(seen.insert(*row));
                let opening = events[*row as usize].event_type == EventType::EstablishedConnection;
                prop_assert_eq!(opening, selection.table == EventTable::ConnectionOpenings);
            }
        }
        let all = (0..u32::try_from(events.len()).unwrap()).filter(|row| is_wanted(*row)).collect::<BTreeSet<_>>();
        prop_assert_eq!(seen, all);
    }
}

#[test]
fn backwards_and_shuffled_input_comes_out_in_order() {
    let at = |time: u64| connection(EventType::DeniedAccess, "1-1", 1_793_487_600_000 + time);
    let count = 3000_u64;
    for order in [|at: u64| 2999 - at, |at: u64| at * 7919 % 3000] {
        let events: Vec<_> = (0..count).map(|number| at(order(number))).collect();
        let (mut columns, mut writer) = (filled(&events), BlockWriter::default());
        let times: Vec<_> =
            columns.sorted(&mut writer).order.rows.iter().map(|row| events[*row as usize].end_time).collect();
        assert!(times.is_sorted() && times.len() == 3000);
    }
}

#[test]
fn rows_of_many_months_are_split_by_months_and_each_block_holds_all_of_its_months() {
    let month = 31 * 86_400_000;
    let events: Vec<_> =
        (0..130_u64).map(|number| connection(EventType::DeniedAccess, "1-1", number % 130 * month)).collect();
    let mut columns = filled(&events);
    let blocks = columns.blocks(None, &mut BlockWriter::default());
    let names: Vec<_> = blocks.iter().map(|block| (block.months.unwrap().to_string(), block.rows)).collect();
    assert_eq!(names, [("197001-197805".to_owned(), 100), ("197806-198012".to_owned(), 30)]);
    // Some of the rows stand in the blocks that all of them decide, and in these only.
    let only: BTreeSet<i64> = (3..20).chain(110..112).collect();
    let some = columns.blocks(Some(&only), &mut BlockWriter::default());
    let months = |blocks: &[Block]| blocks.iter().map(|block| block.months).collect::<Vec<_>>();
    assert_eq!(months(&some), months(&blocks));
    assert_eq!(some.iter().map(|block| block.rows).collect::<Vec<_>>(), [17, 2]);
    let of_one = columns.blocks(Some(&[111].into()), &mut BlockWriter::default());
    assert_eq!((months(&of_one), of_one[0].rows), (vec![blocks[1].months], 1));
}

#[test]
fn block_of_some_offsets_is_what_these_records_alone_would_give() {
    let events: Vec<_> =
        (0..300).map(|number| connection(EventType::DeniedAccess, &format!("x{number}"), number * 9_999)).collect();
    let only: BTreeSet<i64> = (7..200).step_by(3).collect();
    let mut alone = super::columns();
    for offset in &only {
        let event = &events[usize::try_from(*offset).unwrap()];
        alone.append(&OURS, &body(event), *offset, Moment::END.as_micros()).unwrap();
    }
    assert_eq!(
        filled(&events).blocks(Some(&only), &mut BlockWriter::default()),
        alone.blocks(None, &mut BlockWriter::default())
    );
}
