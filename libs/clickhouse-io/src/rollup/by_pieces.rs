//! Hours and days piece by piece: what cannot be counted, or not so much of it at once, holds up nothing else.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Debug;

use schemas::ids::Tenant;
use schemas::times::Moment;

use super::definitions::hours_of_newer;
use super::{HOURS_AT_ONCE, HourOfNetwork, count_again, seal};
use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::refusal::Refusal;

/// [`count_again`] and [`seal`], piece by piece: what is done stays done, and an hour that cannot be counted holds up no other. Hours that are counted
/// by a newer definition are left to who counts by it. `counted` is told how many are done, as it goes on.
///
/// # Errors
/// When ClickHouse is away or refuses all of them; or, when the others are done, refuses some or does not come to an end with them.
pub async fn count_and_seal(
    clickhouse: &ClickHouse,
    definition: u16,
    hours: &BTreeSet<HourOfNetwork>,
    asked_at: Moment,
    mut counted: impl FnMut(usize),
) -> Result<(), QueryError> {
    let hours: Vec<HourOfNetwork> = hours.iter().cloned().collect();
    let mut pieces = Pieces::new(&hours, |it| &it.tenant, HOURS_AT_ONCE);
    while let Some(some) = pieces.next() {
        let done = async {
            let newer = hours_of_newer(clickhouse, definition, some).await?;
            let ours: BTreeSet<HourOfNetwork> = some.iter().filter(|it| !newer.contains(it)).cloned().collect();
            count_again(clickhouse, definition, &ours).await?;
            seal(clickhouse, &ours, asked_at).await?;
            Ok(ours.len())
        };
        match done.await {
            Ok(count) => counted(count),
            Err(error) => pieces.failed(clickhouse, some, error).await?,
        }
    }
    pieces.end()
}

/// What is left to do, and the first failure of what cannot be done.
pub(super) struct Pieces<'a, T> {
    left: VecDeque<&'a [T]>,
    failed: Option<QueryError>,
}

impl<'a, T: Debug> Pieces<'a, T> {
    /// Pieces of one tenant each, of so many at most; `all` is in order of tenants.
    pub(super) fn new(all: &'a [T], tenant: impl Fn(&T) -> &Tenant, at_once: usize) -> Self {
        let of_tenants = all.chunk_by(|left, right| tenant(left) == tenant(right));
        Self { left: of_tenants.flat_map(|some| some.chunks(at_once)).collect(), failed: None }
    }

    pub(super) fn next(&mut self) -> Option<&'a [T]> {
        self.left.pop_front()
    }

    /// A piece could not be done: its halves are tried when all others were; what cannot be halved is told in the end.
    ///
    /// # Errors
    /// With the same error where no other piece would do better.
    pub(super) async fn failed(
        &mut self,
        clickhouse: &ClickHouse,
        piece: &'a [T],
        error: QueryError,
    ) -> Result<(), QueryError> {
        if !is_of_the_piece(&error) || clickhouse.ping().await.is_err() {
            return Err(error);
        }
        self.halve(piece, error);
        Ok(())
    }

    fn halve(&mut self, piece: &'a [T], error: QueryError) {
        if piece.len() > 1 {
            let (left, right) = piece.split_at(piece.len() / 2);
            self.left.extend([left, right]);
            return;
        }
        tracing::warn!(%error, of = ?piece, "cannot be counted; others go on");
        self.failed.get_or_insert(error);
    }

    /// # Errors
    /// When something could not be done.
    pub(super) fn end(self) -> Result<(), QueryError> {
        self.failed.map_or(Ok(()), Err)
    }
}

/// True where fewer at once may do, or others: what was asked for took too much time or memory, or rows are refused. No catch-all: a new
/// refusal must choose.
fn is_of_the_piece(error: &QueryError) -> bool {
    match error.refusal() {
        None => matches!(error, QueryError::NoAnswer(_)),
        Some(Refusal::MemoryLimit | Refusal::Busy | Refusal::Killed | Refusal::Row | Refusal::Other(_)) => true,
        Some(
            Refusal::TooManyParts
            | Refusal::TableIsReadOnly
            | Refusal::DiskFull
            | Refusal::AlreadyRunning
            | Refusal::Cluster
            | Refusal::Network
            | Refusal::Damaged
            | Refusal::Schema
            | Refusal::Access
            | Refusal::Statement,
        ) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: i32) -> QueryError {
        QueryError::Refused { code, reason: String::new() }
    }

    #[test]
    fn piece_that_fails_is_halved_behind_all_others_and_the_rest_is_done() {
        let of = |tenant: &str, numbers: &[u32]| -> Vec<(Tenant, u32)> {
            numbers.iter().map(|number| (tenant.parse().unwrap(), *number)).collect()
        };
        let all = [of("acme", &[0, 1, 2, 3, 4]), of("globex", &[0, 1])].concat();
        let mut pieces = Pieces::new(&all, |(tenant, _)| tenant, 4);
        let mut tried = Vec::new();
        while let Some(some) = pieces.next() {
            tried.push(some.to_vec());
            // One that never does, and what is together with it.
            if some.contains(&of("acme", &[2])[0]) {
                pieces.halve(some, refused(241));
            }
        }
        let of_acme = |numbers: &[u32]| of("acme", numbers);
        let whole = [of_acme(&[0, 1, 2, 3]), of_acme(&[4]), of("globex", &[0, 1])];
        let halves = [of_acme(&[0, 1]), of_acme(&[2, 3]), of_acme(&[2]), of_acme(&[3])];
        assert_eq!(tried, [&whole[..], &halves].concat());
        assert_eq!(pieces.end(), Err(refused(241)));
    }

    #[test]
    fn only_what_another_piece_may_not_meet_is_halved() {
        for (error, expected) in [
            (refused(241), true),
            (refused(159), true),
            (refused(469), true),
            (QueryError::NoAnswer("none within 120 s".to_owned()), true),
            (refused(243), false),
            (refused(252), false),
            (refused(60), false),
            (refused(516), false),
            (QueryError::Mismatch("columns".to_owned()), false),
        ] {
            assert_eq!(is_of_the_piece(&error), expected, "{error}");
        }
    }
}
