//! What reports came to lately. Of the book of reports only what is new is read, however many it holds.

use std::collections::HashMap;

use report_life::ReportEnd;
use schemas::ids::Tenant;
use schemas::times::Moment;

use super::Post;

/// What is older is not told for the first time.
const KEPT: i64 = 3 * 86_400_000_000;
/// How often it is looked for what is older.
const DROP_EVERY: i64 = 600_000_000;

#[derive(Default)]
pub(super) struct RecentEnds {
    by_tenant: HashMap<Tenant, Vec<ReportEnd>>,
    /// From where the book is read on.
    place: u64,
    dropped_at: Option<Moment>,
}

impl RecentEnds {
    /// Reads on.
    pub(super) fn read(&mut self, post: &impl Post, now: Moment) {
        let oldest = Moment::from_micros(now.as_micros() - KEPT);
        let (new, place) = post.ends_from(self.place);
        self.place = place;
        for end in new.into_iter().filter(|it| it.end.at >= oldest) {
            self.by_tenant.entry(end.tenant.clone()).or_default().push(end);
        }
        if self.dropped_at.is_none_or(|at| now.as_micros() - at.as_micros() >= DROP_EVERY) {
            self.dropped_at = Some(now);
            self.by_tenant.retain(|_, ends| {
                ends.retain(|it| it.end.at >= oldest);
                !ends.is_empty()
            });
        }
    }

    /// Those of a tenant.
    pub(super) fn of(&self, tenant: &Tenant) -> &[ReportEnd] {
        self.by_tenant.get(tenant).map(Vec::as_slice).unwrap_or_default()
    }
}
