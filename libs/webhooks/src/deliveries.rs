//! What one webhook was told, and what it is to be told: the fold of its log, held against the ends of reports.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use report_life::{Phase, ReportEnd};
use schemas::ids::{DeliveryId, ReportId};
use schemas::times::Moment;
use schemas::webhook::{Webhook, WebhookEvent};
use schemas::webhook_delivery::{DeliveryStep, WebhookDelivery};

use crate::back_off::next_try;
use crate::standing::{Standing, Told};

const DAY: i64 = 86_400_000_000;
/// An end is told of for the first time within this. Shorter than the log is kept: what the log has forgotten is not sent again.
const TOLD_WITHIN: i64 = 3 * DAY;
/// How long the log is kept in memory; as long as on its topic.
const KEPT: i64 = 30 * DAY;

/// Which end of which attempt of a report.
type EndKey = (ReportId, i32, WebhookEvent);

/// What is known of all deliveries of one webhook: of each the record that says most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deliveries {
    last: BTreeMap<EndKey, WebhookDelivery>,
    /// Those of them that may be tried again: few.
    open: BTreeSet<EndKey>,
    told: Option<Told>,
}

/// Something that a webhook is to be told by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Since when.
    pub at: Moment,
    /// With the tries that there were.
    pub delivery: WebhookDelivery,
}

/// A page of what a webhook was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryPage {
    /// Newest first.
    pub deliveries: Vec<WebhookDelivery>,
    /// Those before this one are the next page; none at the end.
    pub next: Option<DeliveryId>,
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Status of the answer.
    pub status: Option<u16>,
    /// Why it failed; `None`: it did not.
    pub problem: Option<String>,
    /// How long it took.
    pub took: Duration,
}

impl Deliveries {
    /// Takes a record, in whatever order and however often they come.
    pub fn apply(&mut self, delivery: WebhookDelivery) {
        if delivery.step == DeliveryStep::Unknown {
            return;
        }
        if delivery.step != DeliveryStep::Requested && self.told.is_none_or(|last| last.at <= delivery.at) {
            self.told = Some(Told { at: delivery.at, failing_since: delivery.failing_since });
        }
        let forgotten = Moment::from_micros(delivery.at.as_micros().saturating_sub(KEPT));
        let key = (delivery.report_id, delivery.report_attempt, delivery.event);
        let says_more = self.last.get(&key).is_none_or(|last| rank(last) < rank(&delivery));
        if says_more {
            if matches!(delivery.step, DeliveryStep::Requested | DeliveryStep::Failed) {
                self.open.insert(key);
            } else {
                self.open.remove(&key);
            }
            self.last.insert(key, delivery);
        }
        // Ids of reports are in order of time.
        while let Some(first) = self.last.first_entry().filter(|first| first.get().happened_at < forgotten) {
            self.open.remove(&first.remove_entry().0);
        }
    }

    /// How the last try of all went.
    #[must_use]
    pub fn told(&self) -> Option<Told> {
        self.told
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, id: DeliveryId) -> Option<&WebhookDelivery> {
        self.last.values().find(|it| it.delivery_id == id)
    }

    /// A page of them, newest first: those before the one that `before` names, whether that is still there or not. Ids are in order of time.
    #[must_use]
    pub fn page(&self, before: Option<DeliveryId>, limit: usize) -> DeliveryPage {
        let is_before = |it: &&WebhookDelivery| before.is_none_or(|before| it.delivery_id < before);
        let mut found: Vec<_> = self.last.values().filter(is_before).collect();
        found.sort_unstable_by_key(|it| Reverse(it.delivery_id));
        let next = found.get(limit).and_then(|_| found.get(limit.checked_sub(1)?)).map(|last| last.delivery_id);
        DeliveryPage { deliveries: found.into_iter().take(limit).cloned().collect(), next }
    }

    /// When it is tried next, where it is.
    #[must_use]
    pub fn next_try(&self, webhook: &Webhook, delivery: &WebhookDelivery) -> Option<Moment> {
        // What was under way when it was paused ends there.
        let goes_on = delivery.at >= webhook.events_after && Standing::of(webhook, self.told).sends();
        match delivery.step {
            DeliveryStep::Requested if goes_on => Some(delivery.at),
            DeliveryStep::Failed if goes_on => next_try(delivery.delivery_id, delivery.tries, delivery.at),
            DeliveryStep::Unknown
            | DeliveryStep::Requested
            | DeliveryStep::Failed
            | DeliveryStep::GivenUp
            | DeliveryStep::Delivered => None,
        }
    }

    /// What is to be sent by now, longest due first. `ends`: those of the webhook's tenant.
    #[must_use]
    pub fn due(&self, webhook: &Webhook, ends: &[ReportEnd], now: Moment) -> Vec<Due> {
        if !Standing::of(webhook, self.told).sends() {
            return Vec::new();
        }
        let oldest = webhook.events_after.max(Moment::from_micros(now.as_micros() - TOLD_WITHIN));
        let wanted = ends.iter().filter(|it| it.tenant == webhook.tenant && it.end.at >= oldest);
        let new = wanted.filter_map(|it| {
            let event = event_of(it.end.phase).filter(|event| webhook.events.contains(event))?;
            let is_known = self.last.contains_key(&(it.report, it.end.attempt, event));
            (!is_known).then(|| Due { at: it.end.at, delivery: first(webhook, it, event) })
        });
        let open = self.open.iter().filter_map(|key| self.last.get(key)).filter_map(|it| {
            let at = self.next_try(webhook, it).filter(|at| *at <= now)?;
            Some(Due { at, delivery: it.clone() })
        });
        let mut due: Vec<_> = new.chain(open).collect();
        due.sort_by_key(|it| (it.at, it.delivery.delivery_id));
        due
    }

    /// What is noted of a try.
    #[must_use]
    pub fn after(&self, webhook: &Webhook, tried: &WebhookDelivery, outcome: Outcome, now: Moment) -> WebhookDelivery {
        let tries = tried.tries.saturating_add(1);
        let step = match outcome.problem {
            None => DeliveryStep::Delivered,
            Some(_) if next_try(tried.delivery_id, tries, now).is_some() => DeliveryStep::Failed,
            Some(_) => DeliveryStep::GivenUp,
        };
        let failing_since = self.told.and_then(|it| it.failing_since).filter(|it| *it >= webhook.events_after);
        WebhookDelivery {
            step,
            tries,
            at: now,
            status: outcome.status.map(i32::from),
            failing_since: outcome.problem.is_some().then(|| failing_since.unwrap_or(now)),
            problem: outcome.problem,
            took_ms: i64::try_from(outcome.took.as_millis()).ok(),
            actor: None,
            ..tried.clone()
        }
    }
}

/// A wish to be told something again, whatever became of it.
#[must_use]
pub fn asked_again(last: &WebhookDelivery, by: &str, now: Moment) -> WebhookDelivery {
    WebhookDelivery {
        step: DeliveryStep::Requested,
        round: last.round.saturating_add(1),
        tries: 0,
        at: now,
        status: None,
        problem: None,
        took_ms: None,
        actor: Some(by.to_owned()),
        failing_since: None,
        ..last.clone()
    }
}

/// Of two records of one delivery the greater one is its state: a later round, and in one round the end that was wanted, whoever else still
/// tried then.
fn rank(delivery: &WebhookDelivery) -> (i32, bool, i32, bool) {
    let is = |step| delivery.step == step;
    (delivery.round, is(DeliveryStep::Delivered), delivery.tries, is(DeliveryStep::GivenUp))
}

fn event_of(phase: Phase) -> Option<WebhookEvent> {
    match phase {
        Phase::Requested | Phase::Waiting | Phase::Running => None,
        Phase::Completed => Some(WebhookEvent::ReportCompleted),
        Phase::Failed => Some(WebhookEvent::ReportFailed),
        Phase::Cancelled => Some(WebhookEvent::ReportCancelled),
        Phase::Expired => Some(WebhookEvent::ReportExpired),
    }
}

/// A delivery that nobody has tried yet.
fn first(webhook: &Webhook, ended: &ReportEnd, event: WebhookEvent) -> WebhookDelivery {
    let (webhook_id, attempt, happened_at) = (webhook.webhook_id, ended.end.attempt, ended.end.at);
    WebhookDelivery {
        delivery_id: DeliveryId::of(webhook_id, ended.report, attempt, event.name(), happened_at),
        webhook_id,
        tenant: webhook.tenant.clone(),
        event,
        report_id: ended.report,
        report_attempt: attempt,
        happened_at,
        step: DeliveryStep::Unknown,
        round: 0,
        tries: 0,
        at: happened_at,
        status: None,
        problem: None,
        took_ms: None,
        actor: None,
        failing_since: None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use report_life::End;

    use super::*;
    use crate::change::tests::{at, made_now};
    use crate::change::{paused, resumed};

    pub(crate) fn completed(at: Moment) -> ReportEnd {
        let end = End { phase: Phase::Completed, attempt: 1, at };
        ReportEnd { report: ReportId::generate(), tenant: "acme".parse().unwrap(), end }
    }

    pub(crate) fn first_of(webhook: &Webhook, end: &ReportEnd) -> WebhookDelivery {
        Deliveries::default().due(webhook, std::slice::from_ref(end), end.end.at).remove(0).delivery
    }

    fn outcome(problem: Option<&str>) -> Outcome {
        Outcome { status: None, problem: problem.map(str::to_owned), took: Duration::from_millis(7) }
    }

    /// Tries what is due, which fails or not; gives what was noted.
    fn tried(
        own: &mut Deliveries,
        webhook: &Webhook,
        ends: &[ReportEnd],
        now: i64,
        problem: Option<&str>,
    ) -> WebhookDelivery {
        let due = own.due(webhook, ends, at(now)).into_iter().next().expect("nothing is due");
        let noted = own.after(webhook, &due.delivery, outcome(problem), at(now));
        own.apply(noted.clone());
        noted
    }

    #[test]
    fn every_wanted_end_of_its_tenant_is_told_once() {
        let webhook =
            Webhook { events: vec![WebhookEvent::ReportCompleted, WebhookEvent::ReportExpired], ..made_now() };
        let of = |phase, seconds| ReportEnd { end: End { phase, attempt: 1, at: at(seconds) }, ..completed(at(0)) };
        let ends = [
            completed(at(20)),
            ReportEnd { tenant: "globex".parse().unwrap(), ..completed(at(20)) },
            of(Phase::Failed, 20),
            of(Phase::Expired, 21),
            completed(at(9)), // before the webhook was made, at the tenth second
        ];
        let mut own = Deliveries::default();
        let due = own.due(&webhook, &ends, at(30));
        let told: Vec<_> = due.iter().map(|it| (it.delivery.event, it.at)).collect();
        assert_eq!(told, [(WebhookEvent::ReportCompleted, at(20)), (WebhookEvent::ReportExpired, at(21))]);
        for _ in 0..2 {
            assert_eq!(tried(&mut own, &webhook, &ends, 30, None).step, DeliveryStep::Delivered);
        }
        assert!(own.due(&webhook, &ends, at(30)).is_empty());
        let late = own.due(&webhook, &[completed(at(40))], at(41 + 3 * 86_400));
        assert!(late.is_empty(), "older than the log can be relied on");
    }

    #[test]
    fn what_failed_is_tried_again_until_it_is_given_up_and_again_when_somebody_wants_it() {
        let (webhook, ends, mut own) = (made_now(), [completed(at(20))], Deliveries::default());
        let mut now = 20;
        for tries in 1..=10 {
            let noted = tried(&mut own, &webhook, &ends, now, Some("it answered 500"));
            let expected = if tries == 10 { DeliveryStep::GivenUp } else { DeliveryStep::Failed };
            assert_eq!((noted.tries, noted.step, noted.failing_since), (tries, expected, Some(at(20))));
            assert!(own.due(&webhook, &ends, at(now + 4)).is_empty(), "not at once");
            if let Some(next) = own.next_try(&webhook, &noted) {
                now = next.as_millis() / 1_000 + 1;
            }
        }
        assert!(own.due(&webhook, &ends, at(now + 86_400)).is_empty(), "given up");
        let again = asked_again(&own.page(None, 1).deliveries[0], "jo", at(now));
        assert_eq!((again.round, again.tries, again.actor.as_deref()), (1, 0, Some("jo")));
        own.apply(again);
        let noted = tried(&mut own, &webhook, &ends, now, None);
        assert_eq!((noted.step, noted.round, noted.tries, noted.failing_since), (DeliveryStep::Delivered, 1, 1, None));
    }

    #[test]
    fn of_records_in_any_order_and_number_the_one_that_says_most_counts() {
        let (webhook, ends) = (made_now(), [completed(at(20))]);
        let mut own = Deliveries::default();
        let mut records = vec![tried(&mut own, &webhook, &ends, 20, Some("no"))];
        // An exporter that lost its partition still tries; the one that has it succeeds meanwhile.
        records.push(own.after(&webhook, &records[0], outcome(Some("no")), at(26)));
        records.push(own.after(&webhook, &records[0], outcome(None), at(27)));
        records.push(own.after(&webhook, &records[1], outcome(Some("no")), at(70)));
        let folded = |order: &[usize]| {
            let mut own = Deliveries::default();
            order.iter().for_each(|place| own.apply(records[*place].clone()));
            own
        };
        let expected = folded(&[0, 1, 2, 3]);
        assert_eq!(expected.page(None, 9).deliveries[0].step, DeliveryStep::Delivered);
        for order in [&[3, 2, 1, 0][..], &[2, 2, 0, 3, 3, 1], &[1, 3, 0, 2, 1]] {
            assert_eq!(folded(order), expected, "{order:?}");
        }
        assert!(expected.due(&webhook, &ends, at(9_999)).is_empty());
    }

    #[test]
    fn what_happens_in_a_pause_and_was_under_way_before_it_is_not_sent() {
        let (webhook, ends, mut own) = (made_now(), [completed(at(20)), completed(at(35))], Deliveries::default());
        tried(&mut own, &webhook, &ends[..1], 20, Some("no"));
        let paused = paused(webhook, "jo", at(30));
        assert!(own.due(&paused, &ends, at(40)).is_empty());
        assert_eq!(own.next_try(&paused, &own.page(None, 1).deliveries[0]), None);
        let resumed = resumed(paused, "jo", at(50));
        assert!(own.due(&resumed, &ends, at(60)).is_empty());
        assert_eq!(own.due(&resumed, &[completed(at(55))], at(60)).len(), 1);
        own.apply(asked_again(&own.page(None, 1).deliveries[0].clone(), "jo", at(61)));
        assert_eq!(own.due(&resumed, &ends, at(61)).len(), 1, "unless somebody wants it");
    }

    #[test]
    fn pages_hold_each_delivery_once_newest_first_whatever_comes_and_goes() {
        let (webhook, mut own) = (made_now(), Deliveries::default());
        let tell = |own: &mut Deliveries, seconds: i64| {
            own.apply(own.after(&webhook, &first_of(&webhook, &completed(at(seconds))), outcome(None), at(seconds)));
        };
        // Some happen in one moment.
        [20, 21, 21, 21, 22, 30].into_iter().for_each(|seconds| tell(&mut own, seconds));
        let all = own.page(None, 9);
        assert_eq!((all.deliveries.len(), all.next), (6, None));
        assert!(all.deliveries.is_sorted_by_key(|it| Reverse(it.happened_at)));
        let (mut paged, mut before) = (Vec::new(), None);
        loop {
            let page = own.page(before, 2);
            paged.extend(page.deliveries);
            let Some(next) = page.next else { break };
            before = Some(next);
            // What is new meanwhile moves no page.
            tell(&mut own, 40);
        }
        assert_eq!(paged, all.deliveries);
        assert_eq!(own.page(Some(all.deliveries[5].delivery_id), 2).deliveries, []);
    }

    #[test]
    fn log_is_held_for_a_month() {
        let (webhook, mut own) = (made_now(), Deliveries::default());
        for day in 0..40 {
            let end = completed(at(20 + day * 86_400));
            let now = at(20 + day * 86_400);
            own.apply(own.after(&webhook, &first_of(&webhook, &end), outcome(None), now));
        }
        assert_eq!(own.page(None, 100).deliveries.len(), 31);
    }
}
