//! How fast a report is written, and when it will be done.

use schemas::times::Moment;

/// What lies longer ago weighs no more than this, microseconds.
const MEMORY: i64 = 30_000_000;
/// Before so long nothing is foretold, microseconds: the first slice alone says nothing.
const SILENT: i64 = 3_000_000;

/// Rows a second: the mean of all at first, and one that forgets later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    begun_at: Option<Moment>,
    told_at: Moment,
    rows: i64,
    rows_per_second: i64,
}

impl Pace {
    /// Of an attempt that begins now.
    #[must_use]
    pub fn begun(at: Moment) -> Self {
        Self { begun_at: Some(at), told_at: at, ..Self::default() }
    }

    /// So many rows are written by now. Times that do not go on are left to the next one.
    pub(crate) fn tell(&mut self, at: Moment, rows: i64) {
        let Some(begun_at) = self.begun_at else { return };
        let took = at.as_micros().saturating_sub(self.told_at.as_micros());
        if took <= 0 {
            return;
        }
        let known = i128::from(self.told_at.as_micros().saturating_sub(begun_at.as_micros()).min(MEMORY));
        let written = i128::from(rows.saturating_sub(self.rows).max(0)) * 1_000_000;
        let mean = (i128::from(self.rows_per_second) * known + written) / (known + i128::from(took));
        (self.told_at, self.rows) = (at, rows);
        self.rows_per_second = i64::try_from(mean).unwrap_or(i64::MAX);
    }

    /// `None` until something can be said.
    #[must_use]
    pub fn rows_per_second(&self) -> Option<i64> {
        let known = self.told_at.as_micros().saturating_sub(self.begun_at?.as_micros());
        (known >= SILENT && self.rows_per_second > 0).then_some(self.rows_per_second)
    }

    /// When the last of so many rows will be written.
    #[must_use]
    pub fn ends_at(&self, rows_expected: i64) -> Option<Moment> {
        let left = i128::from(rows_expected.saturating_sub(self.rows).max(0)) * 1_000_000;
        let takes = i64::try_from(left / i128::from(self.rows_per_second()?)).ok()?;
        Some(Moment::from_micros(self.told_at.as_micros().saturating_add(takes))).filter(|it| *it < Moment::END)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Moment {
        Moment::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn nothing_is_foretold_of_the_first_moments() {
        let mut pace = Pace::begun(at(100));
        pace.tell(at(102), 1_000_000);
        assert_eq!((pace.rows_per_second(), pace.ends_at(2_000_000)), (None, None));
        pace.tell(at(104), 2_000_000);
        assert_eq!((pace.rows_per_second(), pace.ends_at(7_000_000)), (Some(500_000), Some(at(114))));
        // More than was planned: done at once.
        assert_eq!(pace.ends_at(1), Some(at(104)));
    }

    #[test]
    fn pace_follows_a_change_without_jumping() {
        let mut pace = Pace::begun(at(0));
        let mut rows = 0;
        for second in 1..=60 {
            rows += 1_000;
            pace.tell(at(second), rows);
        }
        assert_eq!(pace.rows_per_second(), Some(1_000));
        // Nothing comes: it slows down, and says so later and later.
        let mut before = pace.ends_at(70_000).unwrap();
        for second in 61..=90 {
            pace.tell(at(second), rows);
            let now = pace.ends_at(70_000).unwrap();
            assert!(now > before);
            before = now;
        }
        assert!((300..500).contains(&pace.rows_per_second().unwrap()), "{pace:?}");
    }

    #[test]
    fn clock_that_goes_back_and_no_rows_foretell_nothing() {
        let mut pace = Pace::begun(at(100));
        pace.tell(at(90), 5);
        pace.tell(at(100), 5);
        assert_eq!(pace, Pace::begun(at(100)));
        pace.tell(at(110), 0);
        assert_eq!((pace.rows_per_second(), pace.ends_at(5)), (None, None));
    }
}
