//! Words of the log as API and command line write them: the schema's symbols in lower case.

use schemas::audit_event::AuditAction;
use serde::Serialize;

/// `signed_in` for `SIGNED_IN`.
#[must_use]
pub fn name(symbol: impl Serialize) -> String {
    // A symbol is a text.
    let value = serde_json::to_value(symbol).unwrap_or_default();
    value.as_str().unwrap_or_default().to_lowercase()
}

/// What an account may do, by its name.
///
/// # Errors
/// In words, with all that there are.
pub fn action_named(text: &str) -> Result<AuditAction, String> {
    let found = AuditAction::OF_ACCOUNTS.into_iter().find(|action| name(action) == text);
    found.ok_or_else(|| format!("is none of {}", AuditAction::OF_ACCOUNTS.map(name).join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_found_by_their_names() {
        assert_eq!(action_named("signed_in"), Ok(AuditAction::SignedIn));
        for text in ["", "SIGNED_IN", "chain_begun", "unknown"] {
            assert!(action_named(text).unwrap_err().starts_with("is none of signed_in, "), "{text}");
        }
    }
}
