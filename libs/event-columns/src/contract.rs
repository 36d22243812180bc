//! Holds a row against the contract: what `ConnectionEvent::check` says, in its order, and what the types of an event say.

use schemas::connection_event::{AHEAD_OF_KAFKA_MAX_MICROS, ContractBreach};
use schemas::times::Moment;

use crate::cursor::Fault;
use crate::refusal::Refusal;
use crate::slots::{CLOSED, fixed, number, presence, symbol, text};
use crate::stage::Lanes;

/// Holds a row that was read against the contract. `present`: which of its values that may be absent are there. Texts point into `bytes`.
///
/// # Errors
/// The first rule that is broken.
#[inline]
pub(crate) fn check(
    lanes: &Lanes,
    row: usize,
    present: u32,
    bytes: &[u8],
    kafka_time_micros: i64,
) -> Result<(), Refusal> {
    if !is_tenant(lanes.text(text::TENANT, row).of(bytes)) {
        return Err(Refusal::unreadable("tenant", Fault::NoTenant));
    }
    let breach = if unknown_symbol(lanes, row) {
        first_unknown(lanes, row)
    } else {
        breach(lanes, row, present, kafka_time_micros)
    };
    breach.map_or(Ok(()), |breach| Err(breach.into()))
}

#[inline]
fn breach(lanes: &Lanes, row: usize, present: u32, kafka_time_micros: i64) -> Option<ContractBreach> {
    let start = lanes.number(number::START_TIME, row).cast_signed();
    let end = lanes.number(number::END_TIME, row).cast_signed();
    let range = Moment::FIRST.as_micros()..Moment::END.as_micros();
    if !range.contains(&start) {
        return Some(ContractBreach::TimeOutOfRange("start_time"));
    }
    if !range.contains(&end) {
        return Some(ContractBreach::TimeOutOfRange("end_time"));
    }
    if end < start {
        return Some(ContractBreach::EndBeforeStart);
    }
    if lanes.symbol(symbol::EVENT_TYPE, row) != CLOSED && start != end {
        return Some(ContractBreach::DurationOfAMoment);
    }
    if !is_id_of(lanes.fixed(fixed::EVENT_ID, row), end) {
        return Some(ContractBreach::EventIdDoesNotFit);
    }
    if lanes.text(text::CONNECTION_ID, row).length == 0 {
        return Some(ContractBreach::NoConnectionId);
    }
    let is_there = |bit: u8| present >> bit & 1 == 1;
    if is_there(presence::USER) == is_there(presence::SERVICE_ACCOUNT) {
        return Some(ContractBreach::NotOneIdentity);
    }
    if is_there(presence::LOCATION) {
        let degrees = |slot| f64::from_bits(lanes.number(slot, row)).abs();
        let is_a_place = match (is_there(presence::LATITUDE), is_there(presence::LONGITUDE)) {
            (false, false) => true,
            (true, true) => degrees(number::LATITUDE) <= 90.0 && degrees(number::LONGITUDE) <= 180.0,
            _ => false,
        };
        if !is_a_place {
            return Some(ContractBreach::NotAPlace);
        }
    }
    (end > kafka_time_micros.saturating_add(AHEAD_OF_KAFKA_MAX_MICROS)).then_some(ContractBreach::DayAheadOfKafka)
}

#[inline]
fn unknown_symbol(lanes: &Lanes, row: usize) -> bool {
    let symbols = [symbol::EVENT_TYPE, symbol::PROTOCOL, symbol::TUNNEL_PATH];
    symbols.into_iter().any(|slot| lanes.symbol(slot, row) == 0)
}

#[cold]
fn first_unknown(lanes: &Lanes, row: usize) -> Option<ContractBreach> {
    let symbols =
        [("event_type", symbol::EVENT_TYPE), ("protocol", symbol::PROTOCOL), ("tunnel_path", symbol::TUNNEL_PATH)];
    symbols
        .into_iter()
        .find(|(_, slot)| lanes.symbol(*slot, row) == 0)
        .map(|(name, _)| ContractBreach::UnknownSymbol(name))
}

/// A UUID of version 8 that begins with the milliseconds of `end`.
#[inline]
fn is_id_of(event_id: [u8; 16], end: i64) -> bool {
    let [a, b, c, d, e, f, version, _, variant, ..] = event_id;
    let millis = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    version >> 4 == 8 && variant >> 6 == 2 && millis == (end / 1000).cast_unsigned()
}

/// 1 to 63 of a-z, 0-9 and -, first and last no hyphen: as [`schemas::ids::Tenant`] has it.
#[inline]
fn is_tenant(text: &[u8]) -> bool {
    let (Some(first), Some(last)) = (text.first(), text.last()) else { return false };
    let allowed = text.iter().fold(true, |allowed, byte| allowed & TENANT_BYTES[usize::from(*byte)]);
    allowed && text.len() <= 63 && *first != b'-' && *last != b'-'
}

const TENANT_BYTES: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        allowed[byte] = matches!(byte as u8, b'a'..=b'z' | b'0'..=b'9' | b'-');
        byte += 1;
    }
    allowed
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schemas::ids::Tenant;

    use super::*;

    proptest! {
        #[test]
        fn tenant_is_what_the_contract_calls_one(text in "[a-z0-9-]{0,65}|.{0,5}") {
            prop_assert_eq!(is_tenant(text.as_bytes()), text.parse::<Tenant>().is_ok());
        }
    }
}
