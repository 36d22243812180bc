//! The bytes that an event's hash is of: canonical JSON (RFC 8785) of all its fields but the hash, absent ones left out.
//!
//! All names are ASCII and all numbers whole and below 2^53, so that this is what many JSON writers give with sorted keys and no blanks; with Python
//! `json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)`.

use std::collections::BTreeMap;

use schemas::audit_event::{AuditEvent, AuditHash};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The event without its hash, as text.
#[must_use]
pub fn canonical(event: &AuditEvent) -> String {
    // Made of texts and numbers: nothing of it can be refused.
    let Ok(Value::Object(fields)) = serde_json::to_value(event) else { return String::new() };
    let is_hashed = |(name, value): &(String, Value)| name != "hash" && !value.is_null();
    let fields: BTreeMap<String, Value> = fields.into_iter().filter(is_hashed).collect();
    serde_json::to_string(&fields).unwrap_or_default()
}

/// The hash that the event should have.
#[must_use]
pub fn hash_of(event: &AuditEvent) -> AuditHash {
    AuditHash::from_bytes(Sha256::digest(canonical(event)).into())
}

#[cfg(test)]
mod tests {
    use schemas::times::Moment;

    use super::*;
    use crate::chain::Chain;
    use crate::examples::{act, head};

    /// By hand, as another program would have to.
    #[test]
    fn form_is_what_the_documentation_says() {
        let act = act("jane \"ü\"\n\u{7f}\u{1}").with("to", "1").with("from", "0");
        let mut event = Chain::begin().next(act, vec![head(3)]);
        (event.event_id, event.chain) = (
            "0193a0b0-0000-7000-8000-000000000001".parse().unwrap(),
            "0193a0b0-0000-7000-8000-000000000002".parse().unwrap(),
        );
        event.at = Moment::from_micros(1_793_487_602_665_000);
        let written = concat!(
            r#"{"account":"jane \"ü\"\n"#,
            "\u{7f}",
            r#"\u0001","action":"REPORT_DOWNLOADED","at":1793487602665000,"chain":"0193a0b0-0000-7000-8000-000000000002","#,
            r#""details":{"from":"0","to":"1"},"door":"CONSOLE","event_id":"0193a0b0-0000-7000-8000-000000000001","#,
            r#""heads":[{"chain":"0193a0b0-0000-7000-8000-000000000003","#,
            r#""hash":"0303030303030303030303030303030303030303030303030303030303030303","sequence":3}],"#,
            r#""outcome":"ALLOWED","sequence":0,"tenant":"acme"}"#,
        );
        assert_eq!(canonical(&event), written);
        // `printf '%s' … | sha256sum` of the text above.
        assert_eq!(hash_of(&event).to_string(), "9bfb8cfa43f0ba6f5d58d610a357171e6f4fdfc0b10f98a2a7ce4e1ca844216d");
    }
}
