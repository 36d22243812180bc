//! Options of reports of traffic.

use clap::Args;
use schemas::report_request::ReportTable;
use traffic_query::{Bucket, Dimension, Measure};

const HEADING: &str = "Of traffic";

/// Which table a report of traffic is, in the words of `flowledger traffic`; `--by` is who asks.
#[derive(Clone, Debug, Args)]
pub(crate) struct TableOptions {
    /// Width of a point in time: minute, hour, or day, week (from Monday) or month of the zone [default: the whole range is one].
    #[arg(long, value_name = "WIDTH", help_heading = HEADING)]
    bucket: Option<Bucket>,
    /// What groups are made by; up to four times.
    #[arg(long, value_name = "DIMENSION", help_heading = HEADING)]
    group_by: Vec<Dimension>,
    /// What is measured; may be given more than once, the first gives the order [default: connections].
    #[arg(long = "measure", value_name = "MEASURE", help_heading = HEADING)]
    measures: Vec<Measure>,
}

impl TableOptions {
    /// What is asked for, where something is.
    pub(crate) fn asked(&self) -> Option<ReportTable> {
        let table = ReportTable {
            bucket: self.bucket.map(|it| it.name().to_owned()),
            by: self.group_by.iter().map(|it| it.name().to_owned()).collect(),
            measures: self.measures.iter().map(|it| it.name().to_owned()).collect(),
        };
        (table != ReportTable::default()).then_some(table)
    }
}
