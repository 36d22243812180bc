//! What stands out in a list of events, as plainly as it can be had.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use clickhouse_io::traffic::{CONNECTIONS_MIN, FEW_ADDRESSES, Finding};
use schemas::connection_event::{ConnectionEvent, ConnectionStatus, TunnelPath};
use traffic_query::{Insight, InsightQuery};

use super::plain::{Facts, Stored, facts, key};

fn is_connection(event: &ConnectionEvent) -> bool {
    event.status() != Some(ConnectionStatus::AccessDenied)
}

fn count(facts: &[&ConnectionEvent], counts: impl Fn(&ConnectionEvent) -> bool) -> u128 {
    facts.iter().filter(|it| counts(it)).count() as u128
}

/// In the order of `docs/traffic.md`; `seen_at` is exact.
pub(crate) fn findings(all: &[Stored], query: &InsightQuery) -> Vec<Finding> {
    let insight = query.insight();
    let (within, before) = (facts(all, query.filter()), facts(all, &query.before()));
    let subjects = |facts: &Facts<'_>| {
        let each = facts.iter().map(|it| insight.subject().iter().map(|by| key(it, *by)).collect());
        each.collect::<BTreeSet<Vec<String>>>()
    };
    let of = |facts: &Facts<'_>, subject: &[String]| -> Vec<ConnectionEvent> {
        let is =
            |it: &&&ConnectionEvent| insight.subject().iter().zip(subject).all(|(by, value)| key(it, *by) == *value);
        facts.iter().filter(is).map(|it| (*it).clone()).collect()
    };
    let few = u128::from(CONNECTIONS_MIN);
    let finding = |subject: Vec<String>| -> Option<Finding> {
        let (now, earlier) = (of(&within, &subject), of(&before, &subject));
        let (now, earlier): (Vec<_>, Vec<_>) = (now.iter().collect(), earlier.iter().collect());
        let connections = count(&now, is_connection);
        let plain =
            |values: Vec<u128>| Finding { subject: subject.clone(), values, seen_at: None, examples: Vec::new() };
        let shares = |part: u128| (part > 0 && connections >= few).then(|| plain(vec![part, connections]));
        match insight {
            Insight::NewCountries | Insight::NewClientAddresses => {
                let is_known = !of_first(&before, insight, &subject[0]).is_empty();
                let is_new =
                    earlier.is_empty() && !now.is_empty() && is_known && subject.iter().all(|it| !it.is_empty());
                let seen_at = now.iter().map(|it| it.end_time).min();
                is_new.then(|| Finding { seen_at, ..plain(vec![now.len() as u128]) })
            }
            Insight::UnusedResources | Insight::InactiveUsers => {
                let used = count(&earlier, is_connection);
                let seen_at = earlier.iter().filter(|it| is_connection(it)).map(|it| it.end_time).max();
                let is_idle = connections == 0 && used > 0 && !subject[0].is_empty();
                is_idle.then(|| Finding { seen_at, ..plain(vec![used]) })
            }
            Insight::BroadRules => {
                let names = now.iter().filter(|it| is_connection(it)).map(|it| it.resource_address.clone());
                let names: BTreeSet<String> = names.collect();
                let is_broad = subject[0].contains(['*', '?', '/']);
                (is_broad && names.len() <= FEW_ADDRESSES as usize && connections >= few).then(|| Finding {
                    examples: names.iter().cloned().collect(),
                    ..plain(vec![names.len() as u128, connections])
                })
            }
            Insight::RelayShare => shares(count(&now, |it| is_connection(it) && it.tunnel_path == TunnelPath::Relay)),
            Insight::ErrorRate => shares(count(&now, |it| {
                matches!(it.status(), Some(ConnectionStatus::DnsError | ConnectionStatus::ConnectionFailed))
            })),
            Insight::UnresolvedNames => {
                let failed = count(&now, |it| it.status() == Some(ConnectionStatus::DnsError));
                (failed > 0).then(|| plain(vec![failed, connections]))
            }
            Insight::UnevenConnectors => {
                let network = of_first(&within, insight, &subject[0]);
                let connectors = network.iter().map(|it| it.connector_id).collect::<BTreeSet<_>>().len() as u128;
                let all = count(&network, is_connection);
                let stands_out = connectors > 1
                    && !now.is_empty()
                    && all >= few * connectors
                    && 2 * connections * connectors >= 3 * all;
                stands_out.then(|| plain(vec![connections, all, connectors]))
            }
        }
    };
    let everything = subjects(&within).into_iter().chain(subjects(&before)).collect::<BTreeSet<_>>();
    let mut findings: Vec<Finding> = everything.into_iter().filter_map(finding).collect();
    sort(insight, &mut findings);
    findings
}

/// What stands out most first; of equals by the keys of their subjects.
pub(crate) fn sort(insight: Insight, findings: &mut [Finding]) {
    findings.sort_by(|one, two| most(insight, one, two).then_with(|| one.subject.cmp(&two.subject)));
}

/// `Less`: the first stands out more.
fn most(insight: Insight, one: &Finding, two: &Finding) -> Ordering {
    let (first, second) = (&one.values, &two.values);
    match insight {
        Insight::NewCountries | Insight::NewClientAddresses => two.seen_at.cmp(&one.seen_at),
        Insight::UnusedResources | Insight::InactiveUsers => one.seen_at.cmp(&two.seen_at),
        Insight::BroadRules => second[1].cmp(&first[1]),
        // Shares are compared as fractions: a/b > c/d where ad > cb.
        Insight::RelayShare | Insight::ErrorRate => {
            (second[0] * first[1]).cmp(&(first[0] * second[1])).then(second[1].cmp(&first[1]))
        }
        Insight::UnresolvedNames => second[0].cmp(&first[0]).then(first[1].cmp(&second[1])),
        Insight::UnevenConnectors => (second[0] * second[2] * first[1]).cmp(&(first[0] * first[2] * second[1])),
    }
}

/// Facts whose first key is this one.
fn of_first<'a>(facts: &Facts<'a>, insight: Insight, first: &str) -> Facts<'a> {
    facts.iter().copied().filter(|it| key(it, insight.subject()[0]) == first).collect()
}
