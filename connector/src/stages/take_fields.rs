//! Single fields of an event, each with the rule of its type. Names are those of the contract and stand in reasons.

use std::str::FromStr;

use schemas::addresses::{Address, parse_address_with_port};

use super::parse_json::Json;
use crate::error::Unreadable;

/// Greatest value of a counter: 2^63 - 1.
pub const COUNTER_MAX: u64 = i64::MAX as u64;

/// The value of a field that has to be there.
///
/// # Errors
/// When it is absent.
pub fn needed<T>(value: Option<T>, name: &'static str) -> Result<T, Unreadable> {
    value.ok_or(Unreadable::Missing(name))
}

/// An integer from 0 to `max`; `None` where it is absent.
///
/// # Errors
/// When it is anything else.
pub fn whole(value: Option<&Json<'_>>, name: &'static str, max: u64) -> Result<Option<u64>, Unreadable> {
    match value {
        None => Ok(None),
        Some(Json::Whole(number)) if *number <= max => Ok(Some(*number)),
        Some(_) => Err(Unreadable::NotWhole(name, max)),
    }
}

/// A port; absent is 0.
///
/// # Errors
/// When it is no integer from 0 to 65535.
pub fn port(value: Option<&Json<'_>>, name: &'static str) -> Result<u16, Unreadable> {
    let number = whole(value, name, u64::from(u16::MAX))?.unwrap_or_default();
    u16::try_from(number).map_err(|_| Unreadable::NotWhole(name, u64::from(u16::MAX)))
}

/// Text; absent is empty.
///
/// # Errors
/// When it is no string.
pub fn text<'a>(value: Option<&'a Json<'_>>, name: &'static str) -> Result<&'a str, Unreadable> {
    value.map_or(Ok(""), |value| value.as_text().ok_or(Unreadable::NotText(name)))
}

/// An id; `None` where it is absent.
///
/// # Errors
/// When it is no string of 1 to 19 digits, or above 2^63 - 1.
pub fn id<T: FromStr>(value: Option<&Json<'_>>, name: &'static str) -> Result<Option<T>, Unreadable> {
    let Some(value) = value else { return Ok(None) };
    let id = value.as_text().and_then(|text| text.parse().ok());
    id.map(Some).ok_or(Unreadable::NotAnId(name))
}

/// An address, its port cut off; `None` where it is absent or empty.
///
/// # Errors
/// When it is no string, or no address.
pub fn address(value: Option<&Json<'_>>, name: &'static str) -> Result<Option<Address>, Unreadable> {
    match text(value, name)? {
        "" => Ok(None),
        text => parse_address_with_port(text).map(Some).ok_or(Unreadable::NotAnAddress(name)),
    }
}

/// An object of the event; `None` where it is absent.
///
/// # Errors
/// When it is anything else.
pub fn part<'a, 'b>(event: &'a Json<'b>, name: &'static str) -> Result<Option<&'a Json<'b>>, Unreadable> {
    match event.get(name) {
        None => Ok(None),
        Some(part @ Json::Object(_)) => Ok(Some(part)),
        Some(_) => Err(Unreadable::NotAnObject(name)),
    }
}

#[cfg(test)]
mod tests {
    use schemas::ids::UserId;

    use super::*;

    #[test]
    fn whole_numbers_are_json_integers_in_range() {
        assert_eq!(whole(None, "tx", 9), Ok(None));
        assert_eq!(whole(Some(&Json::Whole(9)), "tx", 9), Ok(Some(9)));
        for value in [Json::Whole(10), Json::Number(1.0), Json::Bool(true), Json::Text("1".into())] {
            assert_eq!(whole(Some(&value), "tx", 9), Err(Unreadable::NotWhole("tx", 9)));
        }
    }

    #[test]
    fn id_is_text_of_digits() {
        assert_eq!(id::<UserId>(None, "user.id"), Ok(None));
        assert_eq!(id::<UserId>(Some(&Json::Text("7".into())), "user.id"), Ok("7".parse().ok()));
        for value in [Json::Whole(7), Json::Text("".into()), Json::Text("7a".into())] {
            assert_eq!(id::<UserId>(Some(&value), "user.id"), Err(Unreadable::NotAnId("user.id")));
        }
    }

    #[test]
    fn empty_address_is_absent() {
        assert_eq!(address(Some(&Json::Text("".into())), "ip"), Ok(None));
        assert_eq!(address(Some(&Json::Text("x".into())), "ip"), Err(Unreadable::NotAnAddress("ip")));
        assert_eq!(address(Some(&Json::Whole(1)), "ip"), Err(Unreadable::NotText("ip")));
    }
}
