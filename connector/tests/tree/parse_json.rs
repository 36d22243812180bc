//! JSON exactly as the contract means it.
//!
//! serde_json reads the text, into a tree of our own: `serde_json::Value` takes `-0` for a float and gives a meaning of its
//! own to certain keys. Refused are `NaN`, half a surrogate pair and control characters, in ignored keys and values too.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// One value; texts without escapes are borrowed from the line.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer from 0 to 2^64 - 1; `-0` is 0.
    Whole(u64),
    /// Any other number.
    Number(f64),
    /// A string.
    Text(Cow<'a, str>),
    /// An array.
    List(Vec<Json<'a>>),
    /// An object, in the order of the text.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Reads one value; `None` where `text` is no JSON.
pub(super) fn with_json<T>(text: &str, read: impl FnOnce(&Json<'_>) -> T) -> Option<T> {
    let text = with_minus_zero_as_zero(text);
    serde_json::from_str(&text).ok().map(|json| read(&json))
}

impl<'a> Json<'a> {
    /// The value of a key of an object; `None` where it is absent or null, or this is no object. Of a key that comes twice
    /// the last one counts.
    #[must_use]
    pub(super) fn get(&self, key: &str) -> Option<&Json<'a>> {
        let Self::Object(fields) = self else { return None };
        let (_, value) = fields.iter().rev().find(|(name, _)| name == key)?;
        if *value == Self::Null { None } else { Some(value) }
    }

    /// The text, where it is one.
    #[must_use]
    pub(super) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The number, where it is one.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "JSON numbers are doubles where they are not counted with")]
    pub(super) fn as_number(&self) -> Option<f64> {
        match self {
            Self::Whole(number) => Some(*number as f64),
            Self::Number(number) => Some(*number),
            Self::Null | Self::Bool(_) | Self::Text(_) | Self::List(_) | Self::Object(_) => None,
        }
    }
}

/// `-0` is an integer, but serde_json makes the same float of it as of `-0.0`: the sign is taken off before.
fn with_minus_zero_as_zero(text: &str) -> Cow<'_, str> {
    if !text.contains("-0") {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut signs = Vec::new();
    let (mut in_string, mut at) = (false, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => at += 1,
            b'-' if !in_string && is_minus_zero(bytes, at) => signs.push(at),
            _ => {}
        }
        at += 1;
    }
    if signs.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut changed = text.to_owned();
    for sign in signs {
        changed.replace_range(sign..=sign, " ");
    }
    Cow::Owned(changed)
}

/// True where a number begins at `at`, and is `-0` and nothing else.
fn is_minus_zero(bytes: &[u8], at: usize) -> bool {
    let begins = at == 0 || matches!(bytes[at - 1], b' ' | b'\t' | b'\n' | b'\r' | b'[' | b',' | b':');
    let goes_on = bytes.get(at + 2).is_some_and(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E'));
    begins && bytes.get(at + 1) == Some(&b'0') && !goes_on
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

/// A string that is borrowed where it can be, which `Cow` alone never is.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor).map(Self)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Json::Whole(number))
    }

    #[expect(clippy::cast_precision_loss, reason = "no field takes a negative integer but as a double")]
    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(u64::try_from(number).map_or(Json::Number(number as f64), Json::Whole))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Json::Number(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            list.push(element);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some((Name(name), value)) = entries.next_entry()? {
            fields.push((name, value));
        }
        Ok(Json::Object(fields))
    }
}
