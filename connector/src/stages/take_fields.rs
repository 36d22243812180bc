//! Single fields of an event, each with the rule of its type. Names are those of the contract and stand in reasons.

use std::borrow::Cow;
use std::str::FromStr;

use schemas::addresses::{Address, parse_address_with_port};

use super::scan_json::{Part, Text, Value};
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
pub fn whole(value: Value<'_>, name: &'static str, max: u64) -> Result<Option<u64>, Unreadable> {
    match value {
        Value::Absent => Ok(None),
        Value::Whole(number) if number <= max => Ok(Some(number)),
        _ => Err(Unreadable::NotWhole(name, max)),
    }
}

/// A port; absent is 0.
///
/// # Errors
/// When it is no integer from 0 to 65535.
pub fn port(value: Value<'_>, name: &'static str) -> Result<u16, Unreadable> {
    let number = whole(value, name, u64::from(u16::MAX))?.unwrap_or_default();
    u16::try_from(number).map_err(|_| Unreadable::NotWhole(name, u64::from(u16::MAX)))
}

/// Text; absent is empty.
///
/// # Errors
/// When it is no string.
pub fn text<'a>(value: Value<'a>, name: &'static str) -> Result<Cow<'a, str>, Unreadable> {
    match value {
        Value::Absent => Ok(Cow::Borrowed("")),
        Value::Text(text) => Ok(text.decoded()),
        _ => Err(Unreadable::NotText(name)),
    }
}

/// Text that has to be there.
///
/// # Errors
/// When it is absent, or no string.
pub fn needed_text<'a>(value: Value<'a>, name: &'static str) -> Result<Cow<'a, str>, Unreadable> {
    if value == Value::Absent { Err(Unreadable::Missing(name)) } else { text(value, name) }
}

/// Text whose wrong type costs only itself; empty is absent.
#[must_use]
pub fn loose_text(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value {
        Value::Text(text) if !text.is_empty() => Some(text.decoded()),
        _ => None,
    }
}

/// An id; `None` where it is absent.
///
/// # Errors
/// When it is no string of 1 to 19 digits, or above 2^63 - 1.
pub fn id<T: FromStr>(value: Value<'_>, name: &'static str) -> Result<Option<T>, Unreadable> {
    match value {
        Value::Absent => Ok(None),
        Value::Text(text) => text.decoded().parse().map(Some).map_err(|_| Unreadable::NotAnId(name)),
        _ => Err(Unreadable::NotAnId(name)),
    }
}

/// An id that has to be there.
///
/// # Errors
/// When it is absent, or none.
pub fn needed_id<T: FromStr>(value: Value<'_>, name: &'static str) -> Result<T, Unreadable> {
    needed(id(value, name)?, name)
}

/// An address, its port cut off; `None` where it is absent or empty.
///
/// # Errors
/// When it is no string, or no address.
pub fn address(value: Value<'_>, name: &'static str) -> Result<Option<Address>, Unreadable> {
    match text(value, name)?.as_ref() {
        "" => Ok(None),
        text => parse_address_with_port(text).map(Some).ok_or(Unreadable::NotAnAddress(name)),
    }
}

/// An object of the event; `None` where it is absent.
///
/// # Errors
/// When it is anything else.
pub fn part<'a, T>(part: &'a Part<T>, name: &'static str) -> Result<Option<&'a T>, Unreadable> {
    match part {
        Part::Absent => Ok(None),
        Part::Object(keys) => Ok(Some(keys)),
        Part::Other => Err(Unreadable::NotAnObject(name)),
    }
}

/// The number that latitude or longitude is.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "JSON numbers are doubles where they are not counted with")]
pub fn number(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Whole(number) => Some(number as f64),
        Value::Number(number) => Some(number),
        Value::Absent | Value::Text(_) | Value::Other => None,
    }
}

/// True where a value is this text.
pub(super) fn is_text(value: Value<'_>, text: &str) -> bool {
    matches!(value, Value::Text(found) if found == Text::plain(text) || found.decoded() == text)
}

#[cfg(test)]
mod tests {
    use schemas::ids::UserId;

    use super::*;

    fn plain(text: &str) -> Value<'_> {
        Value::Text(Text::plain(text))
    }

    #[test]
    fn whole_numbers_are_json_integers_in_range() {
        assert_eq!(whole(Value::Absent, "tx", 9), Ok(None));
        assert_eq!(whole(Value::Whole(9), "tx", 9), Ok(Some(9)));
        for value in [Value::Whole(10), Value::Number(1.0), Value::Other, plain("1")] {
            assert_eq!(whole(value, "tx", 9), Err(Unreadable::NotWhole("tx", 9)));
        }
    }

    #[test]
    fn id_is_text_of_digits() {
        assert_eq!(id::<UserId>(Value::Absent, "user.id"), Ok(None));
        assert_eq!(id::<UserId>(plain("7"), "user.id"), Ok("7".parse().ok()));
        for value in [Value::Whole(7), plain(""), plain("7a")] {
            assert_eq!(id::<UserId>(value, "user.id"), Err(Unreadable::NotAnId("user.id")));
        }
    }

    #[test]
    fn empty_address_is_absent() {
        assert_eq!(address(plain(""), "ip"), Ok(None));
        assert_eq!(address(plain("x"), "ip"), Err(Unreadable::NotAnAddress("ip")));
        assert_eq!(address(Value::Whole(1), "ip"), Err(Unreadable::NotText("ip")));
    }
}
