//! One report of many slices whose rows come from a [`RecordedSource`]: made by however many exporters, the engine has no part in it.

use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::Compression;
use schemas::times::Moment;

use super::asked::{Asked, Made};
use super::desk::Desk;
use super::exporter::Exporter;
use super::recorded::RecordedSource;
use super::rows;

/// Slices of the report: two for each partition of their topic, so that four exporters have as many each.
pub(crate) const SLICES: usize = 32;
/// Hours of a slice. They have less than a hundredth of a month's rows, and eight hours have more.
const SLICE_HOURS: i64 = 7;
/// What is asked for.
pub(crate) const ASKED: Asked = Asked::csv(Compression::Gzip);

pub(crate) struct RecordedReport<'a> {
    pub(crate) desk: &'a Desk<'a>,
    pub(crate) source: RecordedSource,
    pub(crate) range: (Moment, Moment),
    /// Of exporters.
    settings: String,
}

/// How long its parts took, seconds.
#[derive(Clone, Copy)]
pub(crate) struct Phases {
    /// From the wish to the plan.
    pub(crate) plan_s: f64,
    /// From the plan to the last slice.
    pub(crate) slices_s: f64,
    /// From the last slice to the file: joining, and reading it back.
    pub(crate) join_s: f64,
}

impl Phases {
    /// What one exporter does while the others wait.
    pub(crate) fn alone_s(self) -> f64 {
        self.plan_s + self.join_s
    }
}

impl<'a> RecordedReport<'a> {
    /// Records it by a first exporter, which is given too. `all`: rows in the table.
    pub(crate) async fn record(desk: &'a Desk<'a>, all: u64) -> anyhow::Result<(Self, Exporter)> {
        let source = RecordedSource::start(&desk.stage.engine.url()).await?;
        // Without a nice value, of which an exporter has to ask first: each statement has one form.
        let settings = format!("[exporter]\nslice_rows = {0}\nstretch_rows = {0}\nnice = 0\n", all / 100);
        let range = rows::hours(SLICE_HOURS * i64::try_from(SLICES)?);
        let report = Self { desk, source, range, settings };
        let exporter = report.exporter()?;
        desk.settled(1).await?;
        let made = desk.report(std::slice::from_ref(&exporter), range, ASKED).await?;
        let slices = desk.state(made.report).and_then(|state| state.slices_expected);
        anyhow::ensure!(slices == Some(i64::try_from(SLICES)?), "{slices:?} slices instead of {SLICES}");
        Ok((report, exporter))
    }

    /// One more exporter.
    pub(crate) fn exporter(&self) -> anyhow::Result<Exporter> {
        self.desk.exporter_reading(self.source.url(), &self.settings)
    }

    /// From now on the answer to a slice's statement takes so long; 0: as fast as it is taken.
    pub(crate) fn pace(&self, seconds_a_slice: u64) {
        let bytes = self.source.recorded().1 / SLICES;
        self.source.pace((bytes as u64).checked_div(seconds_a_slice).unwrap_or(0));
    }

    /// The report, by these exporters.
    pub(crate) async fn made(&self, exporters: &[Exporter]) -> anyhow::Result<(Made, Phases)> {
        let before = self.source.recorded();
        let made = self.desk.report(exporters, self.range, ASKED).await?;
        anyhow::ensure!(self.source.recorded() == before, "the engine was asked for some of the rows");
        let events = self.desk.events_to(made.report, ReportEventType::Completed).await?;
        let at = |is_it: &dyn Fn(&ReportEvent) -> bool| -> anyhow::Result<f64> {
            let event = events.iter().rfind(|event| is_it(event));
            let at = event.ok_or_else(|| anyhow::anyhow!("an event is missing"))?.at;
            #[expect(clippy::cast_precision_loss, reason = "seconds of a run")]
            Ok((at.as_micros() - events[0].at.as_micros()) as f64 / 1e6)
        };
        let of = |wanted: ReportEventType| at(&|event: &ReportEvent| event.event_type == wanted);
        let (planned, sliced) = (of(ReportEventType::Planned)?, of(ReportEventType::SliceDone)?);
        let completed = of(ReportEventType::Completed)?;
        let phases = Phases { plan_s: planned, slices_s: sliced - planned, join_s: completed - sliced };
        Ok((made, phases))
    }
}
