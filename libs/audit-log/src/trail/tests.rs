//! A trail on a log in memory, which fails as it is told to.

use std::sync::Mutex as Held;
use std::time::Duration;

use schemas::audit_event::ChainId;
use tokio::sync::Semaphore;

use super::*;
use crate::checker::Checker;
use crate::examples::{act, laid};

/// How the next append ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    Refused,
    /// The record is there, and its acknowledgement is not.
    Unanswered,
    /// Nothing came of it.
    Lost,
}

#[derive(Default)]
struct Memory {
    events: Held<Vec<AuditEvent>>,
    fault: Held<Option<Fault>>,
    book: AuditBook,
    /// Appends wait for one of these where there are any.
    turns: Held<Option<Arc<Semaphore>>>,
}

struct Writes(Arc<Memory>);

impl Log for Writes {
    fn open(&self) -> Result<Box<dyn Out>, KafkaError> {
        Ok(Box::new(Self(Arc::clone(&self.0))))
    }
}

impl Out for Writes {
    fn append<'a>(&'a self, event: &'a AuditEvent) -> BoxFuture<'a, Result<(), TrailError>> {
        Box::pin(async move {
            let turns = self.0.turns.lock().unwrap().clone();
            if let Some(turns) = turns {
                turns.acquire().await.unwrap().forget();
            }
            let fault = self.0.fault.lock().unwrap().take();
            if matches!(fault, None | Some(Fault::Unanswered)) {
                let mut events = self.0.events.lock().unwrap();
                events.push(event.clone());
                assert_eq!(self.0.book.take(laid(&events).pop().unwrap()), []);
            }
            match fault {
                None => Ok(()),
                Some(Fault::Refused) => Err(ProduceError::Refused("too large".to_owned()).into()),
                Some(Fault::Unanswered | Fault::Lost) => Err(ProduceError::Fatal("fenced".to_owned()).into()),
            }
        })
    }
}

fn trail(memory: &Arc<Memory>) -> Trail {
    Trail::on(Arc::new(Writes(Arc::clone(memory))), memory.book.clone(), AuditDoor::Console)
}

impl Memory {
    /// Chain, number and account of each event; nothing is wrong with them.
    fn written(&self) -> Vec<(ChainId, i64, Option<String>)> {
        let events = self.events.lock().unwrap();
        let mut checker = Checker::default();
        let found: Vec<_> = laid(&events).iter().flat_map(|taken| checker.take(taken)).collect();
        assert_eq!(found, []);
        events.iter().map(|it| (it.chain, it.sequence, it.account.clone())).collect()
    }

    fn accounts(&self) -> Vec<Option<String>> {
        self.written().into_iter().map(|(_, _, account)| account).collect()
    }
}

fn by(names: &[&str]) -> Vec<Option<String>> {
    names.iter().map(|name| (!name.is_empty()).then(|| (*name).to_owned())).collect()
}

#[tokio::test]
async fn first_act_begins_the_chain_and_later_ones_go_on() {
    let memory = Arc::<Memory>::default();
    let trail = trail(&memory);
    trail.checkpoint().await.unwrap();
    assert_eq!(memory.written(), [], "nothing was done");
    for name in ["ann", "ben"] {
        trail.note(act(name)).await.unwrap();
    }
    assert_eq!(memory.accounts(), by(&["", "ann", "ben"]));
    let first = memory.events.lock().unwrap()[0].clone();
    assert_eq!((first.action, first.details["because"].as_str()), (AuditAction::ChainBegun, "start"));
    assert_eq!(first.details["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn append_whose_outcome_is_not_known_ends_the_chain_and_the_next_one_says_why() {
    for fault in [Fault::Unanswered, Fault::Lost] {
        let memory = Arc::<Memory>::default();
        let trail = trail(&memory);
        trail.note(act("ann")).await.unwrap();
        *memory.fault.lock().unwrap() = Some(fault);
        trail.note(act("ben")).await.unwrap_err();
        trail.note(act("cleo")).await.unwrap();
        let written = memory.written();
        let (left, goes_on) = (written[0].0, written.last().unwrap().0);
        assert_ne!(left, goes_on);
        let begun = memory.events.lock().unwrap().iter().rfind(|it| it.sequence == 0).cloned().unwrap();
        let because = format!("whether event 2 of chain {left} was taken is not known: ");
        assert!(begun.details["because"].starts_with(&because), "{begun:?}");
        assert_eq!(begun.heads.iter().map(|head| head.chain).collect::<Vec<_>>(), [left]);
    }
}

#[tokio::test]
async fn beginning_that_failed_is_begun_anew() {
    for fault in [Fault::Unanswered, Fault::Lost, Fault::Refused] {
        let memory = Arc::<Memory>::default();
        let trail = trail(&memory);
        *memory.fault.lock().unwrap() = Some(fault);
        trail.note(act("ann")).await.unwrap_err();
        trail.note(act("ann")).await.unwrap();
        let written = memory.written();
        assert_eq!((written.last().unwrap().1, &written.last().unwrap().2), (1, &Some("ann".to_owned())));
    }
}

#[tokio::test]
async fn refused_record_leaves_no_gap() {
    let memory = Arc::<Memory>::default();
    let trail = trail(&memory);
    trail.note(act("ann")).await.unwrap();
    *memory.fault.lock().unwrap() = Some(Fault::Refused);
    trail.note(act("ben")).await.unwrap_err();
    trail.note(act("cleo")).await.unwrap();
    assert_eq!(memory.accounts(), by(&["", "ann", "cleo"]));
    assert_eq!(memory.written()[2].1, 2);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_leaves_what_is_under_way_and_begins_nothing() {
    let memory = Arc::<Memory>::default();
    let trail = trail(&memory);
    trail.note(act("ann")).await.unwrap();
    let turns = Arc::new(Semaphore::new(0));
    *memory.turns.lock().unwrap() = Some(Arc::clone(&turns));
    let soon = Duration::from_secs(10);
    // Kafka is away: the first is under way, the second waits for its turn.
    let given_up = tokio::join!(
        tokio::time::timeout(soon, trail.note(act("ben"))),
        tokio::time::timeout(soon, trail.note(act("cleo"))),
    );
    assert!(given_up.0.is_err() && given_up.1.is_err());
    turns.add_permits(9);
    trail.note(act("dan")).await.unwrap();
    assert_eq!(memory.accounts(), by(&["", "ann", "ben", "dan"]));
    assert_eq!(memory.written()[3].1, 3, "the same chain");
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_while_the_chain_is_begun_is_not_noted_afterwards() {
    let memory = Arc::<Memory>::default();
    let trail = trail(&memory);
    let turns = Arc::new(Semaphore::new(0));
    *memory.turns.lock().unwrap() = Some(Arc::clone(&turns));
    assert!(tokio::time::timeout(Duration::from_secs(10), trail.note(act("ann"))).await.is_err());
    turns.add_permits(9);
    trail.note(act("ben")).await.unwrap();
    assert_eq!(memory.accounts(), by(&["", "ben"]));
}

#[tokio::test]
async fn writers_name_each_other_until_nothing_is_left_to_name() {
    let memory = Arc::<Memory>::default();
    let (one, other) = (trail(&memory), trail(&memory));
    for name in ["ann", "ben"] {
        one.note(act(name)).await.unwrap();
        other.note(act(name)).await.unwrap();
    }
    assert_eq!(memory.book.heads().len(), 2);
    one.checkpoint().await.unwrap();
    assert_eq!(memory.book.heads().len(), 1);
    other.checkpoint().await.unwrap();
    let so_far = memory.written().len();
    for _ in 0..3 {
        one.checkpoint().await.unwrap();
        other.checkpoint().await.unwrap();
    }
    assert_eq!(memory.written().len(), so_far, "checkpoints call for no more checkpoints");
    let last = memory.events.lock().unwrap().last().cloned().unwrap();
    assert_eq!((last.action, last.heads.len()), (AuditAction::Checkpoint, 1));
}
