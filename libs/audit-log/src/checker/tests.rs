//! Whatever is done to a log that was noted is found, and said where.

use proptest::prelude::*;
use schemas::audit_event::{AuditHash, AuditOutcome};

use super::*;
use crate::act::Act;
use crate::chain::Chain;
use crate::examples::{begun, laid, next};

/// All findings of a log, and of heads that were noted elsewhere.
fn findings(events: &[AuditEvent], noted: &[ChainHead]) -> Vec<Finding> {
    let mut checker = Checker::default();
    let mut found: Vec<_> = laid(events).iter().flat_map(|taken| checker.take(taken)).collect();
    let problems = noted.iter().filter_map(|head| checker.check_head(head).err());
    found.extend(problems.map(|problem| Finding { offset: None, event: None, problem }));
    found
}

fn checker(events: &[AuditEvent]) -> Checker {
    let mut checker = Checker::default();
    for taken in laid(events) {
        assert_eq!(checker.take(&taken), []);
    }
    checker
}

/// Three chains that go on by turns; each names what there was when it began.
fn log(turns: &[usize]) -> Vec<AuditEvent> {
    let (mut chains, mut events): (Vec<Chain>, Vec<AuditEvent>) = (Vec::new(), Vec::new());
    for turn in [0, 1, 2].iter().chain(turns) {
        match chains.get_mut(*turn) {
            Some(chain) => events.push(next(chain, "admin")),
            None => {
                let (chain, first) = begun(checker(&events).heads());
                chains.push(chain);
                events.push(first);
            }
        }
    }
    events
}

fn noted(events: &[AuditEvent]) -> Vec<ChainHead> {
    checker(events).heads()
}

fn tampered(event: &AuditEvent, how: usize) -> AuditEvent {
    let mut event = event.clone();
    match how {
        0 => event.account = Some("root".to_owned()),
        1 => event.at = Moment::from_micros(event.at.as_micros() + 1),
        2 => event.outcome = AuditOutcome::Refused,
        3 => event.tenant = Some("globex".parse().unwrap()),
        4 => event.subject = Some(String::new()),
        5 => event.sequence += 1,
        6 => event.previous = Some(AuditHash::from_bytes([0; 32])),
        7 => _ = event.details.insert("x".to_owned(), String::new()),
        8 => event.event_id = schemas::audit_event::AuditEventId::generate(),
        _ => event.action = AuditAction::SignedIn,
    }
    event
}

/// Whether one of the findings is about this chain.
fn names(found: &[Finding], chain: ChainId) -> bool {
    found.iter().any(|finding| match (&finding.problem, finding.event) {
        (Problem::HeadMissing(head) | Problem::HeadChanged(head), _) => head.chain == chain,
        (_, event) => event.is_some_and(|(it, _)| it == chain),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn log_that_nobody_touched_is_right(turns in prop::collection::vec(0..3_usize, 0..20)) {
        let events = log(&turns);
        prop_assert_eq!(findings(&events, &noted(&events)), []);
    }

    #[test]
    fn change_of_an_event_is_found(
        turns in prop::collection::vec(0..3_usize, 0..20), at: prop::sample::Index, how in 0..10_usize, hashed: bool,
    ) {
        let mut events = log(&turns);
        let noted = noted(&events);
        let at = at.index(events.len());
        let before = std::mem::replace(&mut events[at], tampered(&log(&turns)[at], 0));
        events[at] = tampered(&before, how);
        if hashed {
            events[at].hash = hash_of(&events[at]);
        }
        let found = findings(&events, &noted);
        prop_assert!(names(&found, before.chain), "{found:?}");
        if !hashed {
            prop_assert!(found.iter().any(|it| it.offset == Some(at as i64) && it.problem == Problem::Changed), "{found:?}");
        }
    }

    #[test]
    fn event_that_is_left_out_is_found(turns in prop::collection::vec(0..3_usize, 0..20), at: prop::sample::Index) {
        let mut events = log(&turns);
        let noted = noted(&events);
        let gone = events.remove(at.index(events.len()));
        let found = findings(&events, &noted);
        prop_assert!(names(&found, gone.chain), "{found:?}");
    }

    #[test]
    fn chain_that_is_left_out_is_found(turns in prop::collection::vec(0..3_usize, 0..20), at: prop::sample::Index) {
        let mut events = log(&turns);
        let noted = noted(&events);
        let gone = events[at.index(events.len())].chain;
        events.retain(|event| event.chain != gone);
        prop_assert!(names(&findings(&events, &noted), gone));
    }

    #[test]
    fn events_of_a_chain_that_change_places_are_found(
        turns in prop::collection::vec(0..3_usize, 1..20), first: prop::sample::Index, second: prop::sample::Index,
    ) {
        let mut events = log(&turns);
        let noted = noted(&events);
        let chain = events[3].chain;
        let places: Vec<_> = (0..events.len()).filter(|place| events[*place].chain == chain).collect();
        let (first, second) = (*first.get(&places), *second.get(&places));
        prop_assume!(first != second);
        events.swap(first, second);
        prop_assert!(names(&findings(&events, &noted), chain));
    }

    #[test]
    fn event_that_is_put_in_is_found(
        turns in prop::collection::vec(0..3_usize, 1..20), of: prop::sample::Index, at: prop::sample::Index, how in 0..10_usize, copied: bool,
    ) {
        let mut events = log(&turns);
        let noted = noted(&events);
        let of = of.index(events.len());
        // Behind the last event of its chain it would be one that its writer might have written.
        let last = events.iter().rposition(|it| it.chain == events[of].chain).unwrap();
        prop_assume!(copied || of < last);
        let mut put = if copied { events[of].clone() } else { tampered(&events[of], how) };
        put.hash = hash_of(&put);
        let at = of + 1 + at.index(last - of + 1);
        events.insert(at, put);
        prop_assert!(names(&findings(&events, &noted), events[of].chain));
    }
}

#[test]
fn first_records_that_are_gone_are_found() {
    let events = log(&[0, 1]);
    let mut checker = Checker::default();
    let found = checker.take(&laid(&events)[2]);
    assert_eq!(found[0].problem, Problem::Gone { first: 0, last: 1 });
    assert!(found[0].to_string().starts_with("offset 2: event 0 of chain "), "{}", found[0]);
}

#[test]
fn what_is_no_event_is_found_with_its_place() {
    let mut taken = laid(&log(&[])).remove(0);
    taken.event = Err("not in Confluent wire format".to_owned());
    let found = Checker::default().take(&taken);
    assert_eq!(found[0].to_string(), "offset 0: it cannot be read: not in Confluent wire format");
}

#[test]
fn words_of_a_newer_program_are_told_from_a_change() {
    let mut events = log(&[0]);
    // What a reader makes of a symbol that it does not know.
    events[3].action = AuditAction::Unknown;
    let problems: Vec<_> = findings(&events, &[]).into_iter().map(|it| it.problem).collect();
    assert_eq!(problems, [Problem::Unknown]);
}

#[test]
fn key_that_is_not_the_chain_is_found() {
    let mut taken = laid(&log(&[])).remove(0);
    taken.key = Some("acme".into());
    assert_eq!(Checker::default().take(&taken)[0].problem, Problem::OtherKey);
}

/// What `docs/audit.md` says is not found without a noted head.
#[test]
fn tail_that_nobody_named_may_be_cut_unseen_and_no_other() {
    let events = log(&[0, 1, 2, 2]);
    assert_eq!(findings(&events[..events.len() - 1], &[]), []);
    let noted = noted(&events);
    assert_eq!(noted.len(), 3, "{noted:?}");
    let found = findings(&events[..events.len() - 1], &noted);
    assert!(matches!(found[..], [Finding { problem: Problem::HeadMissing(_), .. }]), "{found:?}");
}

#[test]
fn heads_that_are_named_need_not_be_noted_and_checkpoints_do_not_call_for_more() {
    let (mut first, begin) = begun(Vec::new());
    let mut events = vec![begin];
    assert!(!checker(&events).has_unnamed_acts(None), "nobody acted");
    events.push(next(&mut first, "admin"));
    assert!(checker(&events).has_unnamed_acts(None));
    assert!(!checker(&events).has_unnamed_acts(Some(first.id())), "its own");
    let (second, begin) = begun(checker(&events).heads());
    events.push(begin);
    assert!(!checker(&events).has_unnamed_acts(None));
    let loose = checker(&events).heads();
    assert_eq!(loose.iter().map(|it| it.chain).collect::<Vec<_>>(), [second.id()]);
    let checkpoint = Act::of_a_writer(AuditDoor::Console, AuditAction::Checkpoint);
    events.push(first.next(checkpoint, loose));
    assert!(!checker(&events).has_unnamed_acts(None));
    assert_eq!(checker(&events).heads().len(), 1);
}
