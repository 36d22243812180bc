//! What bodies that ask for reports have in common.

use report_life::check_receivers;
use report_schedules::Timetable;
use report_writer::choose_writer;
use schemas::ids::ReportId;
use schemas::report_request::{ReportRequest, ReportTable};
use schemas::times::Moment;
use traffic_query::time_range::{self, TimeNotes, TimeRange, in_utc};

use super::shown::{FileCompression, FileFormat, FileKind, FileSplit, FileTable};
use crate::error::Refusal;
use crate::routes::filter::narrowed;
use crate::session::SignedIn;

/// Columns that one report may name: each once, of fewer than these.
const COLUMNS_MAX: usize = 100;

/// A body with fields of its own and those that say what is in a report, and who is told of it.
macro_rules! asks_for_reports {
    ($(#[$about:meta])* $name:ident { $($(#[$of_own:meta])* $own:ident: $type:ty,)* }) => {
        narrowed! {
            $(#[$about])*
            $name {
                $($(#[$of_own])* pub(crate) $own: $type,)*
                /// IANA name.
                pub(crate) zone: String,
                /// `events`, `summary`, `users` or `traffic`.
                #[serde(default)]
                kind: FileKind,
                /// `csv`, `parquet`, or `ndjson` of events.
                #[serde(default)]
                format: FileFormat,
                /// Of events as CSV or Parquet: which, in this order; empty means the usual 26.
                #[serde(default)]
                columns: Vec<String>,
                /// `none`, `gzip` or `zstd`. Parquet is packed inside, always with zstd; `gzip` is refused.
                #[serde(default)]
                compression: FileCompression,
                /// Of CSV: begin with the mark of UTF-8, by which Excel knows it.
                #[serde(default)]
                byte_order_mark: bool,
                /// Of CSV: an apostrophe before what a spreadsheet would take for a formula.
                #[serde(default)]
                formula_guard: bool,
                /// In several files, each of which ends before it would be too large; absent: in as many as it is made of.
                #[serde(default)]
                split: Option<FileSplit>,
                /// Of traffic: which table.
                #[serde(default)]
                table: Option<FileTable>,
                /// Who gets the mails, up to 20 addresses; empty means who is signed in.
                #[serde(default)]
                receivers: Vec<String>,
            }
        }

        impl $name {
            /// The request of who is signed in, without range and barrier.
            ///
            /// # Errors
            /// The field that is wrong.
            pub(crate) fn request(&mut self, signed_in: &SignedIn) -> Result<ReportRequest, Refusal> {
                let (filter, receivers) = (self.filter()?, self.receivers(signed_in)?);
                checked(ReportRequest {
                    report_id: ReportId::generate(),
                    tenant: signed_in.tenant.clone(),
                    kind: self.kind.into(),
                    format: self.format.into(),
                    compression: self.compression.into(),
                    range_from: Moment::FIRST,
                    range_to: Moment::FIRST,
                    zone: self.zone.clone(),
                    filter,
                    columns: std::mem::take(&mut self.columns),
                    requested_by: signed_in.account.clone(),
                    requested_at: Moment::now(),
                    receivers,
                    barrier: Vec::new(),
                    byte_order_mark: self.byte_order_mark,
                    formula_guard: self.formula_guard,
                    split: self.split.map(FileSplit::asked).transpose()?,
                    table: self.table.take().map(ReportTable::from),
                })
            }

            /// Those that are named, or who is signed in.
            fn receivers(&mut self, signed_in: &SignedIn) -> Result<Vec<String>, Refusal> {
                check_receivers(&self.receivers)?;
                let named = std::mem::take(&mut self.receivers);
                Ok(if named.is_empty() { vec![signed_in.email.clone()] } else { named })
            }
        }
    };
}

asks_for_reports! {
    /// What is asked for, with `from` and `to`, or with `range`. Times are local in `zone`, or carry an offset.
    NewReport {
        /// First end time, such as `2026-11-01T00:00`.
        #[serde(default)]
        from: Option<String>,
        /// First end time after it.
        #[serde(default)]
        to: Option<String>,
        /// As seen from now, in place of the two: `last hour`, `today`, `yesterday`, `this week`, `last week`, `this month`, `last month`,
        /// `this year`, `last year`, `last 24 hours`, `last 7 days`.
        #[serde(default)]
        range: Option<String>,
    }
}

impl NewReport {
    /// Its range in UTC.
    ///
    /// # Errors
    /// The field that is wrong, or missing.
    pub(crate) fn range(&self, now: Moment) -> Result<TimeRange, Refusal> {
        match (&self.range, &self.from, &self.to) {
            (Some(range), None, None) => {
                let (from, to) = Timetable::seen_from(range, &self.zone, now)?;
                Ok(TimeRange { from, to, zone: time_range::zone(&self.zone)?, notes: TimeNotes::default() })
            }
            (Some(_), _, _) => Err(Refusal::field("range", "stands in place of `from` and `to`")),
            (None, Some(from), Some(to)) => Ok(in_utc(from, to, &self.zone)?),
            (None, None, _) => Err(Refusal::field("from", "is missing")),
            (None, _, None) => Err(Refusal::field("to", "is missing")),
        }
    }
}

asks_for_reports! {
    /// What is kept, and when a report of it is made by itself.
    NewSchedule {
        /// What the tenant calls it.
        name: String,
        /// Range of each report as seen from when it is due: `last hour`, `today`, `yesterday`, `this week`, `last week`, `this month`, `last month`,
        /// `this year`, `last year`, `last 24 hours`, `last 7 days`, `since last run`.
        range: String,
        /// `hourly at :15`, `daily at 06:00`, `weekly on monday at 06:00`, `monthly on day 31 at 06:00`, or five fields of cron. Absent: it
        /// is made by hand.
        #[serde(default)]
        when: Option<String>,
    }
}

/// The request, where it can be made.
fn checked(request: ReportRequest) -> Result<ReportRequest, Refusal> {
    if request.columns.len() > COLUMNS_MAX {
        return Err(Refusal::field("columns", format!("has more than {COLUMNS_MAX} names")));
    }
    if let Err(reason) = choose_writer(&request) {
        let (field, reason) = reason.split_once(' ').unwrap_or(("kind", &reason));
        return Err(Refusal::field(field, reason));
    }
    Ok(request)
}
