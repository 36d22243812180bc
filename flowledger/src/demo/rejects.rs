//! What was refused of a log file: the connector's dead letters and ingest's, in the order of the file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::Context;
use kafka_io::{Followed, KafkaConfig, Record, TopicFollower, admin};
use schemas::topics::{CONNECTION_EVENTS_DEAD_LETTER, CONNECTION_LINES_DEAD_LETTER, headers};

/// A line that was refused.
pub(crate) struct Reject {
    offset: u64,
    reason: String,
    /// `None`: it lies in the file.
    line: Option<Vec<u8>>,
}

/// Where both dead-letter topics end now.
pub(crate) async fn ends(kafka: &KafkaConfig) -> anyhow::Result<BTreeMap<(&'static str, i32), i64>> {
    let mut ends = BTreeMap::new();
    for topic in [CONNECTION_LINES_DEAD_LETTER.name, CONNECTION_EVENTS_DEAD_LETTER.name] {
        let found = admin::stable_ends(kafka, topic).await?;
        ends.extend(found.into_iter().map(|(number, end)| ((topic, number), end)));
    }
    Ok(ends)
}

/// Dead letters that came after `since`: the connector's, and ingest's.
pub(crate) async fn collect(
    kafka: &KafkaConfig,
    since: &BTreeMap<(&'static str, i32), i64>,
) -> anyhow::Result<(Vec<Reject>, Vec<Reject>)> {
    let lines = collect_from(kafka, CONNECTION_LINES_DEAD_LETTER.name, since).await?;
    let events = collect_from(kafka, CONNECTION_EVENTS_DEAD_LETTER.name, since).await?;
    // The letter of a line that is too long holds its beginning only.
    let whole = |record: &Record| record.header(headers::LINE_LENGTH).is_none();
    let of_line = |record: Record| {
        let line = record.payload.as_deref().filter(|_| whole(&record)).map(<[u8]>::to_vec);
        reject(&record, line)
    };
    // A letter is known by its key, the place of its record: copies, and markers of what became of it, are no further rejects.
    let mut seen = BTreeSet::new();
    let mut is_first = |record: &Record| record.header(headers::REASON).is_some() && seen.insert(record.key.clone());
    let events = events.into_iter().filter(|record| is_first(record)).map(|record| reject(&record, None)).collect();
    Ok((lines.into_iter().map(of_line).collect(), events))
}

async fn collect_from(
    kafka: &KafkaConfig,
    topic: &'static str,
    since: &BTreeMap<(&'static str, i32), i64>,
) -> anyhow::Result<Vec<Record>> {
    let mut follower = TopicFollower::from_beginning(kafka, topic).await?;
    let mut records = Vec::new();
    while let Followed::Record(record) = follower.next().await? {
        if record.offset >= since.get(&(topic, record.partition.number)).copied().unwrap_or(0) {
            records.push(record);
        }
    }
    Ok(records)
}

fn reject(record: &Record, line: Option<Vec<u8>>) -> Reject {
    let text = |name| record.header(name).map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default();
    Reject { offset: text(headers::FILE_OFFSET).parse().unwrap_or(0), reason: text(headers::REASON), line }
}

/// Writes one line a reject, `reason<TAB>line`, in the order of `input`.
pub(crate) fn write(mut rejects: Vec<Reject>, input: &Path, output: &Path) -> anyhow::Result<()> {
    rejects.sort_by_key(|reject| reject.offset);
    let cannot = || format!("{} cannot be written", output.display());
    let mut out = std::io::BufWriter::new(File::create(output).with_context(cannot)?);
    let mut source = BufReader::new(File::open(input).with_context(|| format!("{} cannot be read", input.display()))?);
    for Reject { offset, reason, line } in rejects {
        let line = match line {
            Some(line) => line,
            None => line_at(&mut source, offset)?,
        };
        let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
        // The line's own bytes: they may be no UTF-8.
        for piece in [reason.as_bytes(), b"\t", &line[..end], b"\n"] {
            out.write_all(piece).with_context(cannot)?;
        }
    }
    out.flush().with_context(cannot)
}

fn line_at(source: &mut BufReader<File>, offset: u64) -> std::io::Result<Vec<u8>> {
    source.seek(SeekFrom::Start(offset))?;
    let mut line = Vec::new();
    source.read_until(b'\n', &mut line)?;
    Ok(line)
}
