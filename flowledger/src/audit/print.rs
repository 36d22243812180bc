//! Chains, findings and events as tables, and as one JSON object a line.

use std::collections::BTreeSet;

use audit_log::{Checker, Finding, name};
use schemas::audit_event::{AuditEvent, ChainId};
use serde_json::json;
use traffic_query::time_range::rfc3339;

use crate::output::{line, plain, table};

/// `shown`: the chains that are; `None`: all.
pub(super) fn chains(checker: &Checker, shown: Option<&BTreeSet<ChainId>>, as_json: bool) -> std::io::Result<()> {
    let loose: BTreeSet<ChainId> = checker.heads().iter().map(|head| head.chain).collect();
    let is_shown = |chain: &ChainId| shown.is_none_or(|shown| shown.contains(chain));
    let mut rows = Vec::new();
    for (chain, seen) in checker.chains().filter(|(chain, _)| is_shown(chain)) {
        let (first, last) = (rfc3339(seen.first_at), rfc3339(seen.last_at));
        let head = seen.head(chain).map(|head| head.to_string()).unwrap_or_default();
        let is_named = !loose.contains(&chain);
        if as_json {
            let shown = json!({ "chain": chain.to_string(), "first_at": first, "last_at": last, "events": seen.len(),
                "head": head, "is_named": is_named });
            line(&shown.to_string())?;
        } else {
            let named = if is_named { "yes" } else { "no" };
            rows.push(vec![first, last, seen.len().to_string(), named.to_owned(), head]);
        }
    }
    if as_json {
        Ok(())
    } else {
        line(&table(&["FIRST", "LAST", "EVENTS", "NAMED", "HEAD"].map(str::to_owned), rows.into_iter()))
    }
}

pub(super) fn finding(finding: &Finding, as_json: bool) -> std::io::Result<()> {
    if !as_json {
        return line(&plain(&finding.to_string()));
    }
    let (chain, sequence) = finding.event.map(|(chain, sequence)| (chain.to_string(), sequence)).unzip();
    let problem = finding.problem.to_string();
    line(&json!({ "problem": problem, "offset": finding.offset, "chain": chain, "sequence": sequence }).to_string())
}

/// As JSON an event is all that its hash is of, and the hash.
pub(super) fn events(events: &[AuditEvent], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        for event in events {
            let mut shown = serde_json::to_value(event)?;
            if let Some(fields) = shown.as_object_mut() {
                fields.retain(|_, value| !value.is_null());
            }
            line(&shown.to_string())?;
        }
        return Ok(());
    }
    let head = ["TIME", "TENANT", "ACCOUNT", "DOOR", "ADDRESS", "ACTION", "OUTCOME", "SUBJECT", "DETAILS"];
    let rows = events.iter().map(|event| {
        let details = event.details.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect::<Vec<_>>();
        let text = |text: &Option<String>| text.as_deref().map(plain).unwrap_or_default();
        vec![
            rfc3339(event.at),
            event.tenant.as_ref().map(ToString::to_string).unwrap_or_default(),
            text(&event.account),
            name(event.door),
            text(&event.address),
            name(event.action),
            name(event.outcome),
            text(&event.subject),
            details.join(" "),
        ]
    });
    Ok(line(&table(&head.map(str::to_owned), rows))?)
}
