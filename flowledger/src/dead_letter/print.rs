//! Letters as text and as JSON. Reasons, keys and headers may hold anything: control characters are shown escaped.

use dead_letter::{Found, State};
use schemas::connection_event::ConnectionEvent;
use schemas::times::Moment;
use serde_json::{Value, json};

use crate::output::{line, plain, table};

/// Bytes of a value that are shown to people.
const SHOWN_MAX: usize = 256;
/// Characters of a reason in a list.
const REASON_MAX: usize = 90;

fn bytes_as_text(bytes: &[u8]) -> String {
    plain(&String::from_utf8_lossy(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn time(moment: Moment) -> String {
    jiff::Timestamp::from_millisecond(moment.as_millis()).map_or_else(|_| String::new(), |it| format!("{it:.3}"))
}

/// A table, or one JSON object a line.
pub(crate) fn list(letters: &[Found], as_json: bool) -> std::io::Result<()> {
    if as_json {
        return letters.iter().try_for_each(|letter| line(&object(letter).to_string()));
    }
    let head = ["LETTER", "PUBLISHED", "NETWORK", "BYTES", "REPLAYS", "STATE", "REASON"].map(str::to_owned);
    let rows = letters.iter().map(|letter| {
        let reason: String = plain(&letter.reason).chars().take(REASON_MAX).collect();
        vec![
            letter.place.to_string(),
            time(letter.time),
            letter.key.as_deref().map_or_else(|| "-".to_owned(), bytes_as_text),
            letter.size_bytes.to_string(),
            letter.replays.to_string(),
            letter.state.name().to_owned(),
            reason,
        ]
    });
    line(&table(&head, rows))
}

fn object(letter: &Found) -> Value {
    let place = |place: &dead_letter::Place| json!({ "source": place.source_name, "topic": place.topic, "partition": place.partition, "offset": place.offset });
    let mark = match &letter.state {
        State::Open => Value::Null,
        State::Replayed(mark) | State::Discarded(mark) => {
            json!({ "by": mark.by, "why": mark.why, "at": time(mark.at), "to": mark.to })
        }
    };
    let mut object = json!({
        "letter": letter.place.to_string(),
        "place": place(&letter.place),
        "origin": place(&letter.origin),
        "published": time(letter.time),
        "first_published": time(letter.origin_time),
        "key": letter.key.as_deref().map(String::from_utf8_lossy),
        "bytes": letter.size_bytes,
        "replays": letter.replays,
        "copies": letter.copies,
        "state": letter.state.name(),
        "mark": mark,
        "reason": letter.reason,
    });
    if let Some(cut) = &letter.cut {
        object["cut"] = json!({ "sha256": cut.sha256 });
    }
    object
}

/// Everything about a letter.
pub(crate) fn show(letter: &Found, event: Option<&ConnectionEvent>, as_json: bool) -> anyhow::Result<()> {
    let event = event.map(serde_json::to_value).transpose()?;
    let value = letter.value.as_deref().unwrap_or_default();
    if as_json {
        let mut object = object(letter);
        let headers: Vec<_> =
            letter.headers.iter().map(|(name, value)| json!([name, String::from_utf8_lossy(value)])).collect();
        object["headers"] = headers.into();
        object["value"] = hexadecimal(value).into();
        object["event"] = event.unwrap_or_default();
        return Ok(line(&object.to_string())?);
    }
    let mut rows = vec![
        ("letter", letter.place.to_string()),
        ("reason", plain(&letter.reason)),
        ("state", state_text(&letter.state)),
        ("topic", plain(&letter.place.topic)),
        ("published", time(letter.time)),
        ("key", letter.key.as_deref().map_or_else(|| "none".to_owned(), bytes_as_text)),
    ];
    if letter.origin != letter.place {
        rows.push(("origin", format!("{}, published {}", letter.origin, time(letter.origin_time))));
        rows.push(("replays", letter.replays.to_string()));
    }
    if letter.copies > 1 {
        rows.push(("copies", letter.copies.to_string()));
    }
    rows.extend(
        letter.headers.iter().map(|(name, value)| ("header", format!("{}: {}", plain(name), bytes_as_text(value)))),
    );
    let shown = &value[..value.len().min(SHOWN_MAX)];
    let more = if shown.len() < value.len() { " …" } else { "" };
    if let Some(cut) = &letter.cut {
        let all = format!(
            "too large for the topic; all {} bytes of its value have the SHA-256 {}",
            cut.length,
            plain(&cut.sha256)
        );
        rows.push(("cut", all));
    }
    rows.push(("value", format!("{} bytes: {}{more}", value.len(), hexadecimal(shown))));
    rows.push(("event", event.map_or_else(|| "cannot be decoded".to_owned(), |event| plain(&event.to_string()))));
    for (name, text) in rows {
        line(&format!("{name:<9}  {text}"))?;
    }
    Ok(line("")?)
}

fn state_text(state: &State) -> String {
    match state {
        State::Open => state.name().to_owned(),
        State::Replayed(mark) | State::Discarded(mark) => {
            let to = if mark.to.is_empty() { String::new() } else { format!(" to {}", plain(&mark.to)) };
            let why = if mark.why.is_empty() { String::new() } else { format!(": {}", plain(&mark.why)) };
            format!("{}{to} at {} by {}{why}", state.name(), time(mark.at), plain(&mark.by))
        }
    }
}
