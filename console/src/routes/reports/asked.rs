//! What bodies that ask for reports have in common.

use report_life::report_filter;
use report_schedules::Timetable;
use report_writer::choose_writer;
use schemas::ids::ReportId;
use schemas::report_request::{ReportFilter, ReportRequest, ReportTable};
use schemas::times::Moment;
use serde::Deserialize;
use traffic_query::time_range::in_utc;
use traffic_query::{Field, FilterForm};
use utoipa::ToSchema;

use super::shown::{FileCompression, FileFormat, FileKind, FileSplit, FileTable};
use crate::error::Refusal;
use crate::session::SignedIn;

/// Columns that one report may name: each once, of fewer than these.
const COLUMNS_MAX: usize = 100;

/// A body with fields of its own and those that say what is in a report. Not by `flatten`: what is wrong would have no name then.
macro_rules! asks_for_reports {
    ($(#[$about:meta])* $name:ident { $($(#[$of_own:meta])* $own:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Debug, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
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
            /// Ids; empty means all.
            #[serde(default)]
            remote_networks: Vec<String>,
            /// User ids; empty means all.
            #[serde(default)]
            users: Vec<String>,
            /// Resource ids; empty means all.
            #[serde(default)]
            resources: Vec<String>,
            /// Connector ids; empty means all.
            #[serde(default)]
            connectors: Vec<String>,
            /// Device ids; empty means all.
            #[serde(default)]
            devices: Vec<String>,
            /// `tcp`, `udp`, `icmp`; empty means all.
            #[serde(default)]
            protocols: Vec<String>,
            /// `NORMAL`, `DNS_ERROR`, `CONNECTION_FAILED`, `ACCESS_DENIED`; empty means all but the last.
            #[serde(default)]
            statuses: Vec<String>,
            /// Addresses and CIDR ranges, of the client or of the Resource; empty means all.
            #[serde(default)]
            addresses: Vec<String>,
            /// Rows for denied attempts too.
            #[serde(default)]
            denied: bool,
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
        }

        impl $name {
            /// What of the traffic is wanted, held against the query layer's filter.
            fn filter(&mut self) -> Result<ReportFilter, Refusal> {
                let mut form = FilterForm::default();
                for (field, values) in [
                    (Field::RemoteNetworks, &mut self.remote_networks),
                    (Field::Users, &mut self.users),
                    (Field::Resources, &mut self.resources),
                    (Field::Connectors, &mut self.connectors),
                    (Field::Devices, &mut self.devices),
                    (Field::Protocols, &mut self.protocols),
                    (Field::Statuses, &mut self.statuses),
                    (Field::Addresses, &mut self.addresses),
                ] {
                    values.drain(..).try_for_each(|value| form.add(field.name(), value))?;
                }
                Ok(report_filter(&form.build()?, self.denied)?)
            }

            /// The request of who is signed in, without range and barrier.
            ///
            /// # Errors
            /// The field that is wrong.
            pub(crate) fn request(&mut self, signed_in: &SignedIn) -> Result<ReportRequest, Refusal> {
                let filter = self.filter()?;
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
                    receivers: vec![signed_in.email.clone()],
                    barrier: Vec::new(),
                    byte_order_mark: self.byte_order_mark,
                    formula_guard: self.formula_guard,
                    split: self.split.map(FileSplit::asked).transpose()?,
                    table: self.table.take().map(ReportTable::from),
                })
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
    pub(crate) fn range(&self, now: Moment) -> Result<(Moment, Moment), Refusal> {
        match (&self.range, &self.from, &self.to) {
            (Some(range), None, None) => Ok(Timetable::seen_from(range, &self.zone, now)?),
            (Some(_), _, _) => Err(Refusal::field("range", "stands in place of `from` and `to`")),
            (None, Some(from), Some(to)) => {
                let range = in_utc(from, to, &self.zone)?;
                Ok((range.from, range.to))
            }
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
        /// Who gets the mails; empty means who is signed in.
        #[serde(default)]
        receivers: Vec<String>,
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
