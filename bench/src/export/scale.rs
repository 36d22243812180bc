//! One huge report by four exporters beside the same by one, where the engine is not the limit.
//!
//! Four exporters on two cores cannot do four times the work of one. So the source is paced: each slice's rows come slowly enough that four
//! exporters together leave the cores idle. What the ratio of times tells then is what spreading costs: planning, handing out slices,
//! joining them, reading the file back, and exporters that wait for each other. What it hides, that work which one exporter does alone weighs
//! more when slices are made at full speed, is told beside it, by Amdahl's rule from a report at full speed.

use super::asked::Made;
use super::desk::Desk;
use super::exporter::Exporter;
use super::recorded_report::{Phases, RecordedReport, SLICES};
use crate::figure::{Figure, Measured};

/// Exporters.
const FOUR: usize = 4;
const GOAL: f64 = 3.6;

pub(crate) async fn measure(desk: &Desk<'_>, all: u64, small: bool) -> anyhow::Result<Measured> {
    let (report, first) = RecordedReport::record(desk, all).await?;
    let seconds_a_slice = if small { 2 } else { 5 };
    let mut exporters = vec![first];

    let (fast_one, phases) = report.made(&exporters).await?;
    report.pace(seconds_a_slice);
    let (one, of_one) = report.made(&exporters).await?;
    while exporters.len() < FOUR {
        exporters.push(report.exporter()?);
    }
    desk.settled(FOUR).await?;
    report.pace(0);
    let (fast_four, of_fast_four) = report.made(&exporters).await?;
    report.pace(seconds_a_slice);
    let (four, of_four) = report.made(&exporters).await?;

    let mut measured = Measured::default();
    let mut push = |name: &str, value: f64, peer, peer_value: f64| {
        measured.figures.push(Figure::new(name, value, "", peer, peer_value));
    };
    push("scale_4_exporters_ratio", one.wall_s / four.wall_s, "goal", GOAL);
    push("scale_4_exporters_ratio_at_full_speed", by_amdahl(phases), "goal", GOAL);
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(FOUR);
    #[expect(clippy::cast_precision_loss, reason = "a number of cores")]
    let cores = cores as f64;
    push("scale_4_exporters_ratio_on_these_cores", fast_one.wall_s / fast_four.wall_s, "4 or cores", cores);
    push("scale_4_exporters_cpu_ratio", four.exporter_cpu_s / one.exporter_cpu_s, "one exporter", 1.0);

    let slices: Vec<usize> = exporters.iter().map(|it| slices(it, &four)).collect::<anyhow::Result<_>>()?;
    let bytes = report.source.recorded().1;
    measured.notes = vec![
        format!(
            "scale: {} rows in {SLICES} slices, each {seconds_a_slice} s; four exporters made {slices:?}",
            four.rows
        ),
        format!(
            "scale: {:.1} bytes a row from the source, {:.1} in the file",
            bytes as f64 / four.rows,
            four.size_bytes / four.rows
        ),
        note("one", &one, of_one),
        note("four", &four, of_four),
        note("one at full speed", &fast_one, phases),
        note("four at full speed", &fast_four, of_fast_four),
    ];
    for exporter in exporters {
        exporter.stop()?;
    }
    Ok(measured)
}

/// How much sooner four exporters would be ready, each with as many cores as one had, where all that is not slices takes as long as it did.
fn by_amdahl(phases: Phases) -> f64 {
    let four = f64::from(u8::try_from(FOUR).unwrap_or(u8::MAX));
    (phases.slices_s + phases.alone_s()) / (phases.slices_s / four + phases.alone_s())
}

fn slices(exporter: &Exporter, made: &Made) -> anyhow::Result<usize> {
    Ok(exporter.done(made.report)?.len())
}

fn note(name: &str, made: &Made, phases: Phases) -> String {
    let Phases { plan_s, slices_s, join_s } = phases;
    format!(
        "scale, {name}: {:.1} s ({plan_s:.2} plan, {slices_s:.1} slices, {join_s:.2} join and read back), exporters {:.2} s CPU, {:.2} of a core",
        made.wall_s,
        made.exporter_cpu_s,
        made.exporter_cpu_s / made.wall_s,
    )
}
