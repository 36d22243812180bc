//! What an account does, before it is an event.

use std::collections::BTreeMap;

use schemas::audit_event::{AuditAction, AuditDoor, AuditOutcome};
use schemas::ids::Tenant;
use schemas::report_request::ReportRequest;
use traffic_query::time_range::rfc3339;

use crate::names::name;

/// The longest text of an event, bytes: what is longer is cut.
const TEXT_MAX: usize = 256;

/// One act of an account. What it is done to and details are added with the methods below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Whose account it is; `None` for what a writer notes about chains.
    pub tenant: Option<Tenant>,
    /// Account that acts.
    pub account: Option<String>,
    /// Address that it comes from.
    pub address: Option<String>,
    /// The way it comes.
    pub door: AuditDoor,
    /// What is done.
    pub action: AuditAction,
    /// What it is done to.
    pub subject: Option<String>,
    /// What is answered.
    pub outcome: AuditOutcome,
    /// More in words.
    pub details: BTreeMap<String, String>,
}

impl Act {
    /// An act that is let through.
    #[must_use]
    pub fn new(tenant: Tenant, account: &str, door: AuditDoor, action: AuditAction) -> Self {
        Self { tenant: Some(tenant), account: Some(cut(account)), ..Self::of_a_writer(door, action) }
    }

    /// What a writer notes about chains.
    pub(crate) fn of_a_writer(door: AuditDoor, action: AuditAction) -> Self {
        Self {
            tenant: None,
            account: None,
            address: None,
            door,
            action,
            subject: None,
            outcome: AuditOutcome::Allowed,
            details: BTreeMap::new(),
        }
    }

    /// Where it comes from.
    #[must_use]
    pub fn from(self, address: &impl ToString) -> Self {
        Self { address: Some(address.to_string()), ..self }
    }

    /// What it is done to.
    #[must_use]
    pub fn to(self, subject: &impl ToString) -> Self {
        Self { subject: Some(subject.to_string()), ..self }
    }

    /// It was not let through.
    #[must_use]
    pub fn refused(self) -> Self {
        Self { outcome: AuditOutcome::Refused, ..self }
    }

    /// One thing more. Never a secret.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.details.insert(name.to_owned(), cut(value));
        self
    }

    /// The report that is asked for; all of its request stands on its own topic.
    #[must_use]
    pub fn of_request(self, request: &ReportRequest) -> Self {
        self.to(&request.report_id)
            .with("kind", &name(request.kind))
            .with("format", &name(request.format))
            .with("from", &rfc3339(request.range_from))
            .with("to", &rfc3339(request.range_to))
    }
}

/// The beginning, whole characters.
fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_MAX)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "ü".repeat(TEXT_MAX);
        let act = Act::new("acme".parse().unwrap(), &long, AuditDoor::CommandLine, AuditAction::SignedIn);
        let act = act.with("why", "").with("what", &format!("a{long}"));
        assert_eq!(act.account.unwrap(), "ü".repeat(TEXT_MAX / 2));
        assert_eq!(act.details["what"], format!("a{}", "ü".repeat(TEXT_MAX / 2 - 1)));
    }
}
