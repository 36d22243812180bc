//! Single fields of an event, each with the rule of its type. Names are those of the contract and stand in reasons.

use std::str::FromStr;

use schemas::addresses::{Address, parse_address_with_port};

use super::parse_json::Json;
use connector::Unreadable;

/// Greatest value of a counter: 2^63 - 1.
pub(super) const COUNTER_MAX: u64 = i64::MAX as u64;

/// The value of a field that has to be there.
pub(super) fn needed<T>(value: Option<T>, name: &'static str) -> Result<T, Unreadable> {
    value.ok_or(Unreadable::Missing(name))
}

/// An integer from 0 to `max`; `None` where it is absent.
pub(super) fn whole(value: Option<&Json<'_>>, name: &'static str, max: u64) -> Result<Option<u64>, Unreadable> {
    match value {
        None => Ok(None),
        Some(Json::Whole(number)) if *number <= max => Ok(Some(*number)),
        Some(_) => Err(Unreadable::NotWhole(name, max)),
    }
}

/// A port; absent is 0.
pub(super) fn port(value: Option<&Json<'_>>, name: &'static str) -> Result<u16, Unreadable> {
    let number = whole(value, name, u64::from(u16::MAX))?.unwrap_or_default();
    u16::try_from(number).map_err(|_| Unreadable::NotWhole(name, u64::from(u16::MAX)))
}

/// Text; absent is empty.
pub(super) fn text<'a>(value: Option<&'a Json<'_>>, name: &'static str) -> Result<&'a str, Unreadable> {
    value.map_or(Ok(""), |value| value.as_text().ok_or(Unreadable::NotText(name)))
}

/// An id; `None` where it is absent.
pub(super) fn id<T: FromStr>(value: Option<&Json<'_>>, name: &'static str) -> Result<Option<T>, Unreadable> {
    let Some(value) = value else { return Ok(None) };
    let id = value.as_text().and_then(|text| text.parse().ok());
    id.map(Some).ok_or(Unreadable::NotAnId(name))
}

/// An address, its port cut off; `None` where it is absent or empty.
pub(super) fn address(value: Option<&Json<'_>>, name: &'static str) -> Result<Option<Address>, Unreadable> {
    match text(value, name)? {
        "" => Ok(None),
        text => parse_address_with_port(text).map(Some).ok_or(Unreadable::NotAnAddress(name)),
    }
}

/// An object of the event; `None` where it is absent.
pub(super) fn part<'a, 'b>(event: &'a Json<'b>, name: &'static str) -> Result<Option<&'a Json<'b>>, Unreadable> {
    match event.get(name) {
        None => Ok(None),
        Some(part @ Json::Object(_)) => Ok(Some(part)),
        Some(_) => Err(Unreadable::NotAnObject(name)),
    }
}
