//! The log in memory, kept up to date by following the topic, and checked on the way.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use kafka_io::KafkaConfig;
use schema_registry::Registry;
use schemas::audit_event::{AuditAction, AuditEvent, AuditEventId, ChainHead, ChainId};
use schemas::ids::Tenant;
use schemas::times::Moment;
use schemas::topics::AUDIT_EVENTS;
use service_kit::CancellationToken;
use service_kit::retry::{Attempt, Backoff, until_stopped};
use tokio::sync::watch;

use crate::checker::Checker;
use crate::finding::Finding;
use crate::reader::{AuditReader, Read, ReadError, Taken};

/// Events of one tenant that are kept in memory, the newest: about half a kilobyte each.
const KEPT_MAX: usize = 5_000;

/// The book; cheap to clone. A tenant sees its own events only.
#[derive(Clone)]
pub struct AuditBook {
    inner: Arc<RwLock<Inner>>,
    caught_up: watch::Sender<bool>,
}

#[derive(Default)]
struct Inner {
    checker: Checker,
    tenants: HashMap<Tenant, Kept>,
}

#[derive(Default)]
struct Kept {
    events: BTreeMap<AuditEventId, AuditEvent>,
    /// Older ones are on the topic only.
    has_older: bool,
}

/// Which events.
#[derive(Clone, Debug)]
pub struct AuditQuestion {
    /// At this time or later.
    pub from: Moment,
    /// Before this time.
    pub to: Moment,
    /// By this account.
    pub account: Option<String>,
    /// Of this kind.
    pub action: Option<AuditAction>,
    /// Before this one: `next` of the page before.
    pub before: Option<AuditEventId>,
    /// At most so many.
    pub limit: usize,
}

impl AuditQuestion {
    /// Whether an event is one of those, wherever its page ends.
    #[must_use]
    pub fn asks_for(&self, event: &AuditEvent) -> bool {
        (self.from..self.to).contains(&event.at)
            && self.account.as_ref().is_none_or(|account| event.account.as_ref() == Some(account))
            && self.action.is_none_or(|action| event.action == action)
    }
}

/// Events, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The events.
    pub events: Vec<AuditEvent>,
    /// For `before` of the next page; `None` at the end.
    pub next: Option<AuditEventId>,
    /// True at the end where there are older events, which are on the topic only.
    pub has_older: bool,
}

impl Default for AuditBook {
    fn default() -> Self {
        Self { inner: Arc::default(), caught_up: watch::channel(false).0 }
    }
}

impl AuditBook {
    /// Takes the next record of the topic; gives what is wrong with it.
    pub fn take(&self, taken: Taken) -> Vec<Finding> {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let findings = inner.checker.take(&taken);
        if let Ok(event) = taken.event
            && let Some(tenant) = &event.tenant
        {
            let kept = inner.tenants.entry(tenant.clone()).or_default();
            // What came first is what was said.
            kept.events.entry(event.event_id).or_insert(event);
            if kept.events.len() > KEPT_MAX {
                kept.events.pop_first();
                kept.has_older = true;
            }
        }
        findings
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tenant's events.
    #[must_use]
    pub fn page(&self, tenant: &Tenant, question: &AuditQuestion) -> AuditPage {
        let inner = self.read();
        let Some(kept) = inner.tenants.get(tenant) else { return AuditPage::default() };
        let end = question.before.map_or(Bound::Unbounded, Bound::Excluded);
        let older = kept.events.range((Bound::Unbounded, end)).rev().map(|(_, event)| event);
        let mut asked = older.filter(|event| question.asks_for(event));
        let events: Vec<_> = asked.by_ref().take(question.limit).cloned().collect();
        let next = asked.next().and(events.last()).map(|event| event.event_id);
        AuditPage { has_older: kept.has_older && next.is_none(), events, next }
    }

    /// The ends of all chains that no other one names.
    #[must_use]
    pub fn heads(&self) -> Vec<ChainHead> {
        self.read().checker.heads()
    }

    pub(crate) fn has_unnamed_acts(&self, beside: Option<ChainId>) -> bool {
        self.read().checker.has_unnamed_acts(beside)
    }

    /// Waits until everything that lay on the topic at the start is in the book.
    pub async fn caught_up(&self) {
        // The sender lives as long as `self`.
        let _ = self.caught_up.subscribe().wait_for(|caught_up| *caught_up).await;
    }
}

/// Keeps the book up to date until told to stop, and tells what is found to be wrong.
///
/// # Errors
/// When the topic cannot be followed any more.
pub async fn follow(
    kafka: KafkaConfig,
    registry: Registry,
    book: AuditBook,
    found: impl Fn(&Finding) + Send,
    stop: CancellationToken,
) -> Result<(), ReadError> {
    let begun = until_stopped(&stop, Backoff::default(), || async {
        match AuditReader::open(&kafka, &registry, AUDIT_EVENTS.name).await {
            Ok(reader) => Attempt::Done(reader),
            Err(error) if error.is_passing() => {
                tracing::warn!(%error, "waiting for Kafka");
                Attempt::Again(error)
            }
            Err(error) => Attempt::Fail(error),
        }
    })
    .await;
    let Some(begun) = begun else { return Ok(()) };
    let mut reader = begun?;
    loop {
        let Some(read) = reader.next(&stop).await else { return Ok(()) };
        match read? {
            Read::CaughtUp => _ = book.caught_up.send_replace(true),
            Read::Taken(taken) => book.take(*taken).iter().for_each(&found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::{begun, laid, next};

    const ALL: AuditQuestion =
        AuditQuestion { from: Moment::FIRST, to: Moment::END, account: None, action: None, before: None, limit: 3 };

    #[test]
    fn pages_go_back_to_the_first_event_and_each_event_is_on_one() {
        let (mut chain, first) = begun(Vec::new());
        let mut events = vec![first];
        events.extend((0..8).map(|number| next(&mut chain, if number == 4 { "jane" } else { "admin" })));
        let book = AuditBook::default();
        assert!(laid(&events).into_iter().all(|taken| book.take(taken).is_empty()));
        let (acme, globex) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let (mut question, mut told) = (ALL, Vec::new());
        loop {
            let page = book.page(&acme, &question);
            told.extend(page.events);
            question.before = page.next;
            if page.next.is_none() {
                break;
            }
        }
        events.reverse();
        assert_eq!(told, events[..8], "newest first, and nothing of what a writer notes");
        let janes = book.page(&acme, &AuditQuestion { account: Some("jane".to_owned()), ..ALL });
        assert_eq!((janes.events.len(), janes.next), (1, None));
        let none = AuditQuestion { action: Some(AuditAction::SignedIn), ..ALL };
        assert_eq!(book.page(&acme, &none), AuditPage::default());
        assert_eq!(book.page(&acme, &AuditQuestion { to: events[7].at, ..ALL }).events, []);
        assert_eq!(book.page(&globex, &ALL), AuditPage::default());
    }

    #[test]
    fn newest_events_are_kept_and_it_is_said_that_there_are_older_ones() {
        let (mut chain, first) = begun(Vec::new());
        let mut events = vec![first];
        events.extend((0..=KEPT_MAX).map(|_| next(&mut chain, "admin")));
        let book = AuditBook::default();
        for taken in laid(&events) {
            assert_eq!(book.take(taken), []);
        }
        let acme = "acme".parse().unwrap();
        let page = book.page(&acme, &AuditQuestion { limit: KEPT_MAX + 9, ..ALL });
        assert_eq!((page.events.len(), page.next, page.has_older), (KEPT_MAX, None, true));
        assert!(!book.page(&acme, &ALL).has_older, "not at the end");
        assert_eq!(book.heads(), [chain_head(&events)]);
    }

    fn chain_head(events: &[AuditEvent]) -> ChainHead {
        let last = events.last().unwrap();
        ChainHead { chain: last.chain, sequence: last.sequence, hash: last.hash }
    }
}
