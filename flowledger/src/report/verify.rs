//! Files held against their manifest, by whoever has both.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, ensure};
use report_life::{Manifest, ManifestFile, ManifestTotals, TotalsSource};
use report_writer::{count_parquet_rows, count_rows};
use schemas::report_request::{ReportFormat, ReportKind};
use sha2::{Digest, Sha256};

/// Read at once, bytes.
const PIECE: usize = 1 << 16;

/// Says what was found to be so; an error says what is not.
pub(super) fn verify(file: &Path, manifest: &Path) -> anyhow::Result<()> {
    let text = std::fs::read(manifest).with_context(|| format!("{} cannot be read", manifest.display()))?;
    let manifest: Manifest =
        serde_json::from_slice(&text).with_context(|| format!("{} is no manifest", manifest.display()))?;
    if !file.is_dir() {
        let held = hold(file, &manifest, &manifest.files)?;
        if let (Some(rows), [_]) = (held.rows, manifest.files.as_slice()) {
            ensure!(rows == manifest.rows, "it has {rows} rows instead of {}", manifest.rows);
        }
        held.say(&manifest);
        return say_totals(&manifest);
    }
    let mut all = Some(0);
    for told in &manifest.files {
        let is_name = Path::new(&told.name).file_name().is_some_and(|name| name == told.name.as_str());
        ensure!(is_name, "the manifest names a file that lies elsewhere");
        let held = hold(&file.join(&told.name), &manifest, std::slice::from_ref(told));
        let held = held.with_context(|| told.name.clone())?;
        held.say(&manifest);
        all = all.zip(held.rows).map(|(all, rows): (u64, u64)| all.saturating_add(rows));
    }
    if let Some(rows) = all {
        ensure!(rows == manifest.rows, "all files together have {rows} rows instead of {}", manifest.rows);
    }
    let told = manifest.files.iter().try_fold(0, |all: u64, told| Some(all.saturating_add(told.rows?)));
    ensure!(told.is_none_or(|rows| rows == manifest.rows), "its files have other rows than the manifest says of all");
    // Who reads the folder would read what is beside them too.
    for found in std::fs::read_dir(file).with_context(|| format!("{} cannot be read", file.display()))? {
        let name = found?.file_name().to_string_lossy().into_owned();
        let is_told = manifest.files.iter().any(|told| told.name == name);
        ensure!(is_told || !name.starts_with("part-"), "{name} is none of the report's files");
    }
    say_totals(&manifest)
}

/// What the report was held against when it was made. Nobody can ask the roll-ups again here; that what is told fits together can be seen.
fn say_totals(manifest: &Manifest) -> anyhow::Result<()> {
    let Some(totals) = &manifest.totals else { return Ok(()) };
    super::said(&told_totals(manifest, totals)?);
    Ok(())
}

fn told_totals(manifest: &Manifest, totals: &ManifestTotals) -> anyhow::Result<String> {
    if totals.source == TotalsSource::None {
        let reason = totals.reason.as_deref().unwrap_or("nobody knows why");
        return Ok(format!("totals: not held against the roll-ups, because {reason}"));
    }
    let told = (totals.hours, totals.events, totals.expected_least.zip(totals.expected_most), totals.agree);
    let (Some(hours), Some(events), Some((least, most)), Some(agree)) = told else {
        anyhow::bail!("the manifest says that totals were held against the roll-ups, and not what came of it");
    };
    let is_within = (least..=most).contains(&events);
    ensure!(
        is_within == agree,
        "of the totals the manifest says agree: {agree}, with {events} events of {least} to {most}"
    );
    let is_of_rows = manifest.kind != ReportKind::Events || manifest.rows == events;
    ensure!(is_of_rows, "{events} events were held against the roll-ups, but there are {} rows", manifest.rows);
    let expected = if least == most { least.to_string() } else { format!("{least} to {most}") };
    let until = totals.until.as_deref().unwrap_or("then");
    Ok(if agree {
        format!("totals: {events} events, as the roll-ups say of {hours} hours until {until}, and rows around them")
    } else {
        format!(
            "totals: {events} events, as the rows say; the roll-ups of {hours} hours until {until} were behind, with {expected} for all"
        )
    })
}

/// A file that is as its manifest says.
struct Held<'a> {
    told: &'a ManifestFile,
    /// `None`: of a format that this program does not know.
    rows: Option<u64>,
}

impl Held<'_> {
    fn say(&self, manifest: &Manifest) {
        let ManifestFile { name, size_bytes, sha256, rows: of_file } = self.told;
        let counted = match self.rows {
            None => "rows are not counted in this format".to_owned(),
            Some(rows) if of_file.is_some() || manifest.files.len() == 1 => format!("{rows} rows"),
            Some(rows) => format!("{rows} of {} rows", manifest.rows),
        };
        super::said(&format!("{name}: as its manifest says: {size_bytes} bytes, SHA-256 {sha256}, {counted}"));
    }
}

/// Holds a file against those that were told of: it is one of them.
fn hold<'a>(file: &Path, manifest: &Manifest, told: &'a [ManifestFile]) -> anyhow::Result<Held<'a>> {
    let open = || File::open(file).with_context(|| format!("{} cannot be read", file.display()));
    let (size_bytes, sha256) = digest(open()?).with_context(|| format!("{} cannot be read", file.display()))?;
    let Some(told) = told.iter().find(|it| it.sha256 == sha256) else {
        // Which of several it was meant to be its size may tell.
        let sizes: Vec<String> = told.iter().map(|it| format!("{} bytes {}", it.size_bytes, it.sha256)).collect();
        anyhow::bail!("it is another file: {size_bytes} bytes {sha256} instead of {}", sizes.join(", "));
    };
    ensure!(size_bytes == told.size_bytes, "it has {size_bytes} bytes instead of {}", told.size_bytes);
    let rows = match manifest.format {
        ReportFormat::Parquet => count_parquet_rows(&open()?).map(Some),
        _ => count_rows(BufReader::new(open()?), manifest.format, manifest.compression),
    };
    let rows = rows.with_context(|| format!("{} cannot be unpacked", file.display()))?;
    if let Some((rows, expected)) = rows.zip(told.rows) {
        ensure!(rows == expected, "it has {rows} rows instead of {expected}");
    }
    Ok(Held { told, rows })
}

fn digest(mut file: File) -> std::io::Result<(u64, String)> {
    let (mut piece, mut size_bytes, mut digest) = (vec![0; PIECE], 0, Sha256::new());
    loop {
        let length = file.read(&mut piece)?;
        if length == 0 {
            return Ok((size_bytes, digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()));
        }
        size_bytes += length as u64;
        digest.update(&piece[..length]);
    }
}

#[cfg(test)]
mod tests {
    use report_life::ManifestFile;
    use schemas::examples::report_request;
    use schemas::report_request::ReportRequest;
    use schemas::times::Moment;

    use super::*;

    fn told(kind: ReportKind, totals: &ManifestTotals) -> Result<String, String> {
        let request = ReportRequest { kind, ..report_request() };
        let manifest = Manifest::of(&request, 12, Vec::<ManifestFile>::new(), Moment::END);
        told_totals(&manifest, totals).map_err(|error| error.to_string())
    }

    #[test]
    fn totals_are_told_as_they_were_held_and_those_that_do_not_fit_are_refused() {
        let events = ReportKind::Events;
        let held = |events, expected| ManifestTotals::rolled_up(3, Some(Moment::FIRST), events, expected);
        let expected =
            "totals: 12 events, as the roll-ups say of 3 hours until 1970-01-01T00:00:00Z, and rows around them";
        assert_eq!(told(events, &held(12, (11, 12))).as_deref(), Ok(expected));
        let behind = told(events, &held(12, (7, 7))).unwrap();
        assert!(behind.contains("were behind, with 7 for all"), "{behind}");
        let unknown = told(events, &ManifestTotals::unknown("there was no answer")).unwrap();
        assert_eq!(unknown, "totals: not held against the roll-ups, because there was no answer");
        assert!(told(ReportKind::Summary, &held(99, (99, 99))).is_ok(), "of groups rows are something else");
        for odd in [
            held(13, (13, 13)),
            ManifestTotals { agree: Some(true), ..held(12, (7, 7)) },
            ManifestTotals { agree: None, ..held(12, (12, 12)) },
            ManifestTotals { expected_most: None, ..held(12, (12, 12)) },
        ] {
            assert!(told(events, &odd).is_err(), "{odd:?}");
        }
    }
}
