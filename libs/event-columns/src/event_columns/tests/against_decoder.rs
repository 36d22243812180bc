//! The same records are refused, and the others become the same events, as by the decoder that makes a struct of each.

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use schemas::connection_event::ConnectionEvent;
use schemas::examples::{events, right_events};
use schemas::times::Moment;

use super::written::Writer;
use super::{OURS, body, columns, decoded, resolved, right};
use crate::cursor::Fault;
use crate::{Program, Refusal};

/// Appends one body to columns that hold something already; gives its event, or why there is none.
fn appended(program: &Program, body: &[u8], kafka_time: Moment) -> Result<ConnectionEvent, Refusal> {
    let mut columns = columns();
    let appended = columns.append(program, body, 7, kafka_time.as_micros());
    let events = columns.events();
    assert_eq!(events.len(), usize::from(appended.is_ok()));
    appended.map(|()| events.into_iter().next().unwrap().1)
}

/// The other decoder takes the end of a body for null where null or a text may stand and a schema is resolved: a fault of its own.
fn takes_the_end_for_null(refusal: Refusal) -> bool {
    matches!(refusal, Refusal::Unreadable { reason, .. } if reason == Fault::Ends.reason())
}

/// Flips, cuts or extends.
fn broken(bytes: &[u8], random: &mut StdRng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let place = random.random_range(0..bytes.len());
    match random.random_range(0..5) {
        0 => bytes[place] ^= 1 << random.random_range(0..8),
        1 => bytes[place] = random.random(),
        2 => bytes.truncate(place),
        3 => bytes.insert(place, random.random()),
        _ => bytes.extend(std::iter::repeat_n(random.random::<u8>(), random.random_range(1..40))),
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn events_of_our_own_schema_are_the_same(event in prop_oneof![events(), right_events().prop_map(right)], ahead in any::<bool>()) {
        let later = if ahead { 86_400_000_001 } else { 0 };
        let kafka_time = Moment::from_micros(event.end_time.as_micros().saturating_sub(later));
        let body = body(&event);
        match (decoded(&body, kafka_time), appended(&OURS, &body, kafka_time)) {
            (Ok(expected), Ok(found)) => prop_assert_eq!(found, expected),
            (Err(expected), Err(found)) => prop_assert_eq!(found.to_string(), expected),
            (expected, found) => prop_assert!(false, "{:?} {:?}", expected, found),
        }
    }

    #[test]
    fn broken_bytes_have_the_same_fate(event in right_events().prop_map(right), seed in any::<u64>()) {
        let (whole, mut random) = (body(&event), StdRng::seed_from_u64(seed));
        for _ in 0..20 {
            let body = broken(&whole, &mut random);
            let expected = decoded(&body, event.end_time);
            match (expected, appended(&OURS, &body, event.end_time)) {
                (Ok(expected), Ok(found)) => prop_assert_eq!(found, expected),
                (Err(expected), Err(Refusal::Breach(found))) => prop_assert_eq!(found.to_string(), expected),
                (Err(expected), Err(found @ Refusal::TrailingBytes(_))) => prop_assert_eq!(found.to_string(), expected),
                (Err(_), Err(Refusal::Unreadable { .. })) => {}
                (expected, found) => prop_assert!(false, "{:?} {:?}", expected, found),
            }
        }
    }

    #[test]
    fn events_of_other_schemas_are_the_same(event in right_events().prop_map(right), seed in any::<u64>()) {
        let mut random = StdRng::seed_from_u64(seed);
        let written = Writer { random: &mut random }.event(&event);
        let schema = written.schema.to_string();
        let program = Program::new(&schema);
        let bodies = (0..10).map(|number| if number == 0 { written.bytes.clone() } else { broken(&written.bytes, &mut random) });
        for (number, body) in bodies.enumerate() {
            let expected = resolved(&schema, &body, event.end_time);
            let Ok(program) = &program else {
                prop_assert!(expected.is_err(), "{:?} {}", program, schema);
                continue;
            };
            match (expected, appended(program, &body, event.end_time)) {
                (Ok(expected), Ok(found)) => prop_assert_eq!(found, expected),
                (Err(expected), Err(Refusal::Breach(found))) => prop_assert_eq!(found.to_string(), expected),
                (Err(_), Err(_)) => {}
                (Ok(_), Err(refusal)) if number > 0 && takes_the_end_for_null(refusal) => {}
                (expected, found) => prop_assert!(false, "{:?} {:?} {}", expected, found, schema),
            }
        }
    }
}
