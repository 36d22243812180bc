//! When what failed is tried again.

use schemas::ids::DeliveryId;
use schemas::times::Moment;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
/// Seconds between a try that failed and the next one; after the last one it is given up, a day and a half after the first.
const WAITS: [i64; 9] = [5, 30, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 18 * HOUR];

/// When the next try is due after `tries` that failed, the last one at `failed_at`; `None`: there is none. Waits are up to a tenth longer, each
/// delivery's by its own share: what failed together does not come back together.
pub(crate) fn next_try(delivery: DeliveryId, tries: i32, failed_at: Moment) -> Option<Moment> {
    let wait = WAITS.get(usize::try_from(tries).ok()?.checked_sub(1)?)? * 1_000_000;
    // The last digits of the id are those of a hash.
    let share = delivery.to_string().bytes().rev().take(8).fold(0, |sum, digit| (sum * 7 + i64::from(digit)) % 100);
    Some(Moment::from_micros(failed_at.as_micros().saturating_add(wait + wait * share / 1_000)))
}

#[cfg(test)]
mod tests {
    use schemas::ids::{ReportId, WebhookId};

    use super::*;

    fn delivery() -> DeliveryId {
        DeliveryId::of(WebhookId::generate(), ReportId::generate(), 1, "report.completed", Moment::FIRST)
    }

    #[test]
    fn waits_grow_and_come_to_an_end() {
        let delivery = delivery();
        let wait = |tries| next_try(delivery, tries, Moment::FIRST).map(Moment::as_micros);
        for (tries, seconds) in (1..).zip(WAITS) {
            let shortest = seconds * 1_000_000;
            assert!((shortest..=shortest * 11 / 10).contains(&wait(tries).unwrap()), "{tries}");
            assert_eq!(wait(tries), wait(tries), "it is a function of the delivery");
        }
        assert_eq!((wait(0), wait(10), wait(-1)), (None, None, None));
    }

    #[test]
    fn what_failed_together_does_not_come_back_together() {
        let waits: std::collections::BTreeSet<_> =
            (0..100).filter_map(|_| next_try(delivery(), 6, Moment::FIRST)).collect();
        assert!(waits.len() > 30, "{}", waits.len());
    }
}
