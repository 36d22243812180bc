//! Section `limits`: what one tenant may ask for. The exporter holds to it whoever asks; the console says it before.

use schemas::ids::ReportId;
use schemas::times::Moment;
use serde::{Deserialize, Serialize};
use service_kit::config::{RangeError, Validate, in_range};

use crate::phase::Phase;
use crate::state::ReportState;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Of each tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Reports that are made at once, by all exporters together, 1 to 64; others wait.
    pub running: usize,
    /// Reports that wait or are made, 1 to 500; others are refused.
    pub open: usize,
    /// Schedules of reports, 1 to 1 000; more are refused.
    pub schedules: usize,
    /// Rows of reports a day of UTC, 1 or more.
    pub rows_a_day: u64,
    /// Bytes of files a day of UTC, 1 or more.
    pub bytes_a_day: u64,
    /// Reports that are asked for a day of UTC, 1 to 100 000; asking again counts, too.
    pub reports_a_day: u64,
    /// Downloads a day of UTC, 1 or more; each range of a file is one.
    pub downloads_a_day: u64,
    /// Days that a report without a file is remembered after its end, 2 to 3 650; 0: for good.
    pub remember_days: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            running: 2,
            open: 50,
            schedules: 50,
            rows_a_day: 10_000_000_000,
            bytes_a_day: 2_000_000_000_000,
            reports_a_day: 2_000,
            downloads_a_day: 10_000,
            remember_days: 90,
        }
    }
}

impl Validate for Limits {
    fn validate(&self) -> Result<(), RangeError> {
        in_range("running", self.running, 1..=64)?;
        in_range("open", self.open, 1..=500)?;
        in_range("schedules", self.schedules, 1..=1_000)?;
        in_range("rows_a_day", self.rows_a_day, 1..=u64::MAX)?;
        in_range("bytes_a_day", self.bytes_a_day, 1..=u64::MAX)?;
        in_range("reports_a_day", self.reports_a_day, 1..=100_000)?;
        in_range("downloads_a_day", self.downloads_a_day, 1..=u64::MAX)?;
        // Today's are counted from what is remembered.
        if self.remember_days == 0 { Ok(()) } else { in_range("remember_days", self.remember_days, 2..=3_650) }
    }
}

/// What of its limits a tenant has used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Reports that wait or are made.
    pub open: usize,
    /// Rows that were read for today's reports: of those that ended, and that are expected of those that are made.
    pub rows: u64,
    /// Bytes of today's files.
    pub bytes: u64,
    /// How often reports were asked for today.
    pub asked: u64,
    /// How often files, or ranges of them, were given out today.
    pub downloads: u64,
}

/// More than a tenant may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct OverLimit {
    /// The limit.
    pub limit: &'static str,
    /// In words for an admin.
    pub message: String,
    /// When it will work again, where that is known.
    pub again_at: Option<Moment>,
}

impl OverLimit {
    fn of(limit: ReportLimit, now: Moment) -> Self {
        Self { limit: limit.setting(), message: limit.to_string(), again_at: limit.again_at(now) }
    }
}

/// A limit of a tenant's reports, and how far it is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportLimit {
    /// Of those that are not at their end.
    #[error("{open} reports wait or are made, as many as may; ask again when one has ended")]
    Open {
        /// How many there are.
        open: u64,
    },
    /// Of today's rows.
    #[error("reports of today have {used} of {most} rows a day; ask again after midnight UTC")]
    Rows {
        /// Rows of today.
        used: u64,
        /// Rows of a day.
        most: u64,
    },
    /// Of today's files.
    #[error("reports of today have {used} of {most} bytes a day; ask again after midnight UTC")]
    Bytes {
        /// Bytes of today.
        used: u64,
        /// Bytes of a day.
        most: u64,
    },
    /// Of being asked for.
    #[error("reports were asked for {asked} times today, of {most} a day; ask again after midnight UTC")]
    Asked {
        /// Times of today.
        asked: u64,
        /// Times of a day.
        most: u64,
    },
    /// One alone has more rows than a day.
    #[error("it has {rows} rows, and reports may have {most} a day; choose a shorter range")]
    RowsOfOne {
        /// Its rows.
        rows: u64,
        /// Rows of a day.
        most: u64,
    },
    /// With those that were there before it has more rows than a day.
    #[error("it has {rows} rows, and reports of today have {used} of {most} a day; ask again after midnight UTC")]
    RowsOfNext {
        /// Its rows.
        rows: u64,
        /// Rows of today.
        used: u64,
        /// Rows of a day.
        most: u64,
    },
}

impl ReportLimit {
    /// Name of the setting.
    #[must_use]
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Open { .. } => "limits.open",
            Self::Rows { .. } | Self::RowsOfOne { .. } | Self::RowsOfNext { .. } => "limits.rows_a_day",
            Self::Bytes { .. } => "limits.bytes_a_day",
            Self::Asked { .. } => "limits.reports_a_day",
        }
    }

    /// When it will work again, where that is known.
    fn again_at(self, now: Moment) -> Option<Moment> {
        match self {
            Self::Open { .. } | Self::RowsOfOne { .. } => None,
            Self::Rows { .. } | Self::Bytes { .. } | Self::Asked { .. } | Self::RowsOfNext { .. } => Some(after(now)),
        }
    }
}

impl Usage {
    /// Of a tenant's reports, on the day of `now`; of those that are open, only such as were there before `report`, which itself counts nowhere.
    pub fn of<'a>(reports: impl IntoIterator<Item = &'a ReportState>, report: Option<ReportId>, now: Moment) -> Self {
        let today = day_of(now);
        let mut usage = Self::default();
        for it in reports {
            let is_other = report != Some(it.id);
            let was_before = report.is_none_or(|report| it.id < report);
            usage.open += usize::from(was_before && !it.phase.is_final());
            usage.downloads += it.downloaded.on(today);
            usage.asked += match (is_other, was_before) {
                (true, true) => it.asked.on(today),
                (true, false) => 0,
                // All but the time that is looked at.
                (false, _) => it.asked.on(today).saturating_sub(1),
            };
            if is_other && it.ended_at.map_or(it.phase == Phase::Running, |at| day_of(at) == today) {
                usage.add(rows_of(it), it.size_bytes);
            }
            if it.spent.day == today {
                usage.add(it.spent.rows, it.spent.bytes);
            }
        }
        usage
    }

    fn add(&mut self, rows: i64, bytes: i64) {
        self.rows = self.rows.saturating_add(unsigned(rows));
        self.bytes = self.bytes.saturating_add(unsigned(bytes));
    }
}

/// How often something was done on the last day that it was done on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Daily {
    day: i64,
    times: u64,
}

impl Daily {
    /// Once more.
    pub(crate) fn count(&mut self, at: Moment) {
        let day = day_of(at);
        if day > self.day {
            *self = Self { day, times: 0 };
        }
        self.times += u64::from(day == self.day);
    }

    fn on(self, day: i64) -> u64 {
        if self.day == day { self.times } else { 0 }
    }
}

/// What a report took on one day before it was asked for again: asking again does not make it undone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// The last day of an end.
    day: i64,
    rows: i64,
    bytes: i64,
}

impl Spent {
    /// What it has taken until the end that it is at.
    pub(crate) fn with(state: &ReportState) -> Self {
        let Some(day) = state.ended_at.map(day_of) else { return state.spent };
        let before = if state.spent.day == day { state.spent } else { Self::default() };
        Self {
            day,
            rows: before.rows.saturating_add(rows_of(state)),
            bytes: before.bytes.saturating_add(state.size_bytes),
        }
    }
}

/// Rows that are read for a report: more than it has itself, where it counts them.
fn rows_of(state: &ReportState) -> i64 {
    match state.phase {
        Phase::Running | Phase::Completed | Phase::Expired => state.rows.max(state.rows_expected.unwrap_or(0)),
        Phase::Requested | Phase::Waiting | Phase::Failed | Phase::Cancelled => state.rows,
    }
}

impl Limits {
    /// Whether one more may be asked for.
    ///
    /// # Errors
    /// The limit that is reached.
    pub fn check(&self, usage: &Usage, now: Moment) -> Result<(), OverLimit> {
        self.check_planned(usage, 0, now)
    }

    /// Whether one with so many rows may be made.
    ///
    /// # Errors
    /// The limit that it would pass, or that is reached.
    pub fn check_planned(&self, usage: &Usage, rows: u64, now: Moment) -> Result<(), OverLimit> {
        self.reached(usage, rows).map_or(Ok(()), |limit| Err(OverLimit::of(limit, now)))
    }

    /// The limit that a report with so many rows would pass, or that others have reached before.
    #[must_use]
    pub fn reached(&self, usage: &Usage, rows: u64) -> Option<ReportLimit> {
        let (open, most) = (usage.open as u64, self.rows_a_day);
        if usage.open >= self.open {
            return Some(ReportLimit::Open { open });
        }
        if usage.rows >= most {
            return Some(ReportLimit::Rows { used: usage.rows, most });
        }
        if usage.bytes >= self.bytes_a_day {
            return Some(ReportLimit::Bytes { used: usage.bytes, most: self.bytes_a_day });
        }
        if usage.asked >= self.reports_a_day {
            return Some(ReportLimit::Asked { asked: usage.asked, most: self.reports_a_day });
        }
        if rows > most {
            return Some(ReportLimit::RowsOfOne { rows, most });
        }
        let is_too_much = usage.rows.saturating_add(rows) > most;
        is_too_much.then_some(ReportLimit::RowsOfNext { rows, used: usage.rows, most })
    }

    /// Whether a file, or a range of it, may be given out once more.
    ///
    /// # Errors
    /// The limit that is reached.
    pub fn check_download(&self, usage: &Usage, now: Moment) -> Result<(), OverLimit> {
        if usage.downloads < self.downloads_a_day {
            return Ok(());
        }
        let (downloads, most) = (usage.downloads, self.downloads_a_day);
        let message = format!(
            "files, or ranges of them, were given out {downloads} times today, of {most} a day; download it after midnight UTC, and whole"
        );
        Err(OverLimit { limit: "limits.downloads_a_day", message, again_at: Some(after(now)) })
    }

    /// Whether a tenant with so many schedules may have one more.
    ///
    /// # Errors
    /// The limit that is reached.
    pub fn check_schedules(&self, schedules: usize) -> Result<(), OverLimit> {
        if schedules < self.schedules {
            return Ok(());
        }
        let message = format!("there are {schedules} schedules, as many as may be; delete one first");
        Err(OverLimit { limit: "limits.schedules", message, again_at: None })
    }
}

fn day_of(moment: Moment) -> i64 {
    moment.as_micros().div_euclid(DAY)
}

/// The next midnight.
fn after(now: Moment) -> Moment {
    Moment::from_micros((day_of(now) + 1).saturating_mul(DAY))
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests;
