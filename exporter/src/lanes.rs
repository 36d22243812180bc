//! Whose turn it is: lanes are given over tenants in turn, and one is kept for small reports, so that nobody's large ones hold up
//! another's small one. While ClickHouse has too much to do there are fewer ([`crate::back_off`]).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use schemas::ids::Tenant;
use tokio::sync::watch;

/// How many there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Widths {
    /// Lanes for whatever comes, at the most.
    pub(crate) any: usize,
    /// Lanes for what is small.
    pub(crate) small: usize,
    /// Rows of what is small.
    pub(crate) small_rows: u64,
    /// Lanes that one tenant may have.
    pub(crate) of_a_tenant: usize,
}

pub(crate) struct Lanes {
    widths: Widths,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    /// Lanes for whatever comes, now.
    width: usize,
    /// Tickets and turns are numbered by it.
    count: u64,
    waiting: Vec<Waiting>,
    /// Tenants that have lanes or wait, or were served lately.
    tenants: HashMap<Tenant, Served>,
    any_taken: usize,
    small_taken: usize,
}

struct Waiting {
    ticket: u64,
    tenant: Tenant,
    rows: u64,
}

#[derive(Clone, Copy, Default)]
struct Served {
    lanes: usize,
    last_turn: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Any,
    Small,
}

/// A place in the queue; given up when it is dropped.
struct Ticket<'a> {
    lanes: &'a Lanes,
    number: u64,
}

/// May go on as long as this lives.
pub(crate) struct Lane<'a> {
    lanes: &'a Lanes,
    tenant: Tenant,
    kind: Kind,
}

impl Lanes {
    pub(crate) fn new(widths: Widths) -> Self {
        let state = State { width: widths.any, ..State::default() };
        Self { widths, state: Mutex::new(state), changed: watch::channel(()).0 }
    }

    /// Lanes for whatever comes, now.
    pub(crate) fn width(&self) -> usize {
        self.state().width
    }

    /// Half as many lanes for whatever comes, but one. None is taken back: fewer are given until enough have ended.
    pub(crate) fn narrow(&self) {
        let mut state = self.state();
        state.width = (state.width / 2).max(1);
    }

    /// One more, as long as there are fewer than at first.
    pub(crate) fn widen(&self) {
        let mut state = self.state();
        state.width = (state.width + 1).min(self.widths.any);
        drop(state);
        self.changed.send_replace(());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a lane.
    pub(crate) async fn take(&self, tenant: &Tenant, rows: u64) -> Lane<'_> {
        let mut changed = self.changed.subscribe();
        let ticket = self.enter(tenant, rows);
        loop {
            changed.mark_unchanged();
            let taken = self.state().take(ticket.number, &self.widths);
            if let Some(kind) = taken {
                // Another lane may be free for the next one.
                self.changed.send_replace(());
                return Lane { lanes: self, tenant: tenant.clone(), kind };
            }
            // The sender lives as long as `self`.
            let _ = changed.changed().await;
        }
    }

    fn enter(&self, tenant: &Tenant, rows: u64) -> Ticket<'_> {
        let mut state = self.state();
        state.count += 1;
        let ticket = state.count;
        state.waiting.push(Waiting { ticket, tenant: tenant.clone(), rows });
        Ticket { lanes: self, number: ticket }
    }
}

impl State {
    /// The lane that the ticket may have now.
    fn take(&mut self, ticket: u64, widths: &Widths) -> Option<Kind> {
        let small = (self.small_taken < widths.small).then_some(Kind::Small);
        let any = (self.any_taken < self.width).then_some(Kind::Any);
        let kind = [small, any].into_iter().flatten().find(|kind| self.next(*kind, widths) == Some(ticket))?;
        let place = self.waiting.iter().position(|it| it.ticket == ticket)?;
        let Waiting { tenant, .. } = self.waiting.remove(place);
        self.count += 1;
        let served = self.tenants.entry(tenant).or_default();
        (served.lanes, served.last_turn) = (served.lanes + 1, self.count);
        *self.taken(kind) += 1;
        Some(kind)
    }

    /// Whose turn it is: the tenant's that was served longest ago, and of its own the oldest.
    fn next(&self, kind: Kind, widths: &Widths) -> Option<u64> {
        let fits = |it: &&Waiting| {
            let lanes = self.tenants.get(&it.tenant).map_or(0, |served| served.lanes);
            lanes < widths.of_a_tenant && (kind == Kind::Any || it.rows <= widths.small_rows)
        };
        let last_turn = |it: &Waiting| self.tenants.get(&it.tenant).map_or(0, |served| served.last_turn);
        self.waiting.iter().filter(fits).min_by_key(|it| (last_turn(it), it.ticket)).map(|it| it.ticket)
    }

    fn taken(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Any => &mut self.any_taken,
            Kind::Small => &mut self.small_taken,
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.lanes.state().waiting.retain(|it| it.ticket != self.number);
        self.lanes.changed.send_replace(());
    }
}

impl Drop for Lane<'_> {
    fn drop(&mut self) {
        let mut state = self.lanes.state();
        *state.taken(self.kind) -= 1;
        if let Some(served) = state.tenants.get_mut(&self.tenant) {
            served.lanes -= 1;
        }
        // Who has nothing here is forgotten when nobody waits for whose turn it is.
        if state.waiting.is_empty() {
            state.tenants.retain(|_, served| served.lanes > 0);
        }
        drop(state);
        self.lanes.changed.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    const LARGE: u64 = 1_000;

    fn lanes() -> Arc<Lanes> {
        Arc::new(Lanes::new(Widths { any: 2, small: 1, small_rows: 10, of_a_tenant: 2 }))
    }

    fn tenant(name: &str) -> Tenant {
        name.parse().unwrap()
    }

    /// Names of those that were served, in order; each takes a second a row.
    async fn served(asked: &[(&'static str, u64)]) -> Vec<(String, u64)> {
        let (lanes, order) = (lanes(), Arc::new(Mutex::new(Vec::new())));
        let mut tasks = tokio::task::JoinSet::new();
        for (name, rows) in asked.iter().copied() {
            let (lanes, order) = (Arc::clone(&lanes), Arc::clone(&order));
            tasks.spawn(async move {
                let _lane = lanes.take(&tenant(name), rows).await;
                order.lock().unwrap().push((name.to_owned(), rows));
                tokio::time::sleep(Duration::from_secs(rows)).await;
            });
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tasks.join_all().await;
        let state = lanes.state();
        assert_eq!((state.any_taken, state.small_taken, state.waiting.len(), state.tenants.len()), (0, 0, 0, 0));
        drop(state);
        Arc::into_inner(order).unwrap().into_inner().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn small_one_does_not_wait_for_anybodys_large_ones() {
        let mut asked = vec![("acme", LARGE); 10];
        asked.extend([("globex", 1), ("initech", 2)]);
        let begin = tokio::time::Instant::now();
        let order = served(&asked).await;
        let name = |place: usize| order[place].0.as_str();
        assert_eq!([name(0), name(1), name(2), name(3)], ["acme", "acme", "globex", "initech"]);
        assert!(begin.elapsed() < Duration::from_secs(5 * LARGE + 10), "two at a time: {:?}", begin.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn tenants_have_their_turns() {
        let mut asked = vec![("acme", LARGE); 6];
        asked.extend([("globex", LARGE); 2]);
        asked.extend([("acme", 1); 4]);
        asked.extend([("initech", 1); 2]);
        let order = served(&asked).await;
        let large: Vec<_> = order.iter().filter(|it| it.1 == LARGE).map(|it| it.0.as_str()).collect();
        assert_eq!((&large[..2], &large[5..]), (&["acme"; 2][..], &["acme"; 3][..]), "both of globex soon: {order:?}");
        let small: Vec<_> = order.iter().filter(|it| it.1 == 1).map(|it| it.0.as_str()).collect();
        assert_eq!(small[..2], ["initech", "initech"], "acme has as many lanes as it may: {order:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn narrower_lanes_are_given_to_fewer_and_what_runs_goes_on() {
        let lanes = Lanes::new(Widths { any: 4, small: 1, small_rows: 10, of_a_tenant: 64 });
        let acme = tenant("acme");
        let gives = async |rows| {
            let taken = tokio::time::timeout(Duration::from_secs(1), lanes.take(&acme, rows)).await;
            taken.ok()
        };
        let mut held = vec![gives(LARGE).await.unwrap(), gives(LARGE).await.unwrap(), gives(LARGE).await.unwrap()];
        lanes.narrow();
        assert_eq!(lanes.width(), 2);
        assert!(gives(LARGE).await.is_none(), "three run, and two may");
        assert!(gives(1).await.is_some(), "small ones have their own");
        held.pop();
        assert!(gives(LARGE).await.is_none());
        held.pop();
        held.push(gives(LARGE).await.unwrap());
        lanes.narrow();
        lanes.narrow();
        assert_eq!(lanes.width(), 1, "one always goes on");
        held.clear();
        let (first, waiting) = (gives(LARGE).await.unwrap(), gives(LARGE));
        let widening = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            (0..9).for_each(|_| lanes.widen());
        };
        let (second, ()) = tokio::join!(waiting, widening);
        assert!(second.is_some(), "who waits is told");
        assert_eq!(lanes.width(), 4);
        drop(first);
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_holds_nobody_up() {
        let lanes = lanes();
        let (acme, globex) = (tenant("acme"), tenant("globex"));
        let held = (lanes.take(&acme, LARGE).await, lanes.take(&acme, LARGE).await);
        let impatient = tokio::time::timeout(Duration::from_secs(1), lanes.take(&globex, LARGE)).await;
        assert!(impatient.is_err());
        assert!(lanes.state().waiting.is_empty());
        drop(held.0);
        drop(lanes.take(&globex, LARGE).await);
    }
}
