//! Rows to the file's text: blocks as they come, sorted stretch by stretch, cut into parts. Runs on a thread of its own.

use bytes::Bytes;
use clickhouse_io::QueryError;
use clickhouse_io::native::read::BlockReader;
use clickhouse_io::report::{ConnectionColumns, Slice};
use prometheus_client::metrics::counter::Counter;
use report_writer::{CsvOptions, CsvWriter, HEADER, LineSorter, PART_TEXT_BYTES};
use tokio::sync::{mpsc, watch};

use crate::tools::Tools;
use crate::write_file::Written;

/// What of a file is done, and what it is made with; goes from slice to slice.
pub(crate) struct Renderer {
    csv: CsvWriter,
    sorter: LineSorter,
    block: Vec<u8>,
    file: FileText,
}

/// The text as it grows, handed on part by part.
struct FileText {
    part: Vec<u8>,
    parts: mpsc::Sender<Vec<u8>>,
    tools: Tools,
    progress: watch::Sender<Written>,
    rows: Counter,
}

impl Renderer {
    /// Begins a file.
    pub(crate) fn new(
        parts: mpsc::Sender<Vec<u8>>,
        tools: Tools,
        progress: watch::Sender<Written>,
        rows: Counter,
    ) -> Self {
        let (sorter, block, mut part) = (tools.sorters.take().unwrap_or_default(), tools.buffer(), tools.buffer());
        part.extend_from_slice(HEADER.as_bytes());
        let file = FileText { part, parts, tools, progress, rows };
        Self { csv: CsvWriter::new(CsvOptions::default()), sorter, block, file }
    }

    /// Renders what `source` gives of a slice. Gives how many of its stretches are done, and how it ended. A stretch is done when a row
    /// behind it has come, or the end of a whole answer, and it has as many rows as were planned: what was handed on of it stays right
    /// whatever comes after.
    pub(crate) fn slice(
        &mut self,
        slice: &Slice,
        source: impl FnMut() -> Result<Option<Bytes>, QueryError>,
    ) -> (usize, Result<(), QueryError>) {
        let mut reader = BlockReader::new(source, std::mem::take(&mut self.block));
        let mut stretches = Stretches { slice, done: 0, sorter: &mut self.sorter, file: &mut self.file };
        let ended = read_all(&mut reader, &mut self.csv, &mut stretches);
        let done = stretches.done;
        self.sorter.clear();
        self.block = reader.into_buffer();
        (done, ended)
    }

    /// The text that is left, after the last slice.
    pub(crate) async fn finish(self) {
        // Who takes no more text has its own reason.
        let _ = self.file.parts.send(self.file.part).await;
        self.file.tools.sorters.give(self.sorter);
        self.file.tools.buffers.give(self.block);
    }
}

fn read_all(
    reader: &mut BlockReader<impl FnMut() -> Result<Option<Bytes>, QueryError>>,
    csv: &mut CsvWriter,
    stretches: &mut Stretches<'_>,
) -> Result<(), QueryError> {
    while let Some(block) = reader.next_block()? {
        let columns = ConnectionColumns::of(&block)?;
        let mut lines = csv.block(&columns);
        for row in 0..columns.rows {
            stretches.reach(columns.end_micros(row))?;
            let line = lines.line(row).map_err(|odd| QueryError::Mismatch(odd.to_string()))?;
            stretches.sorter.hold(&columns, row, line);
        }
    }
    stretches.close_all()
}

/// The stretches of a slice, of which one after the other is filled.
struct Stretches<'a> {
    slice: &'a Slice,
    done: usize,
    sorter: &'a mut LineSorter,
    file: &'a mut FileText,
}

impl Stretches<'_> {
    /// A row of this end time comes: all stretches before it are complete.
    #[inline]
    fn reach(&mut self, end_micros: i64) -> Result<(), QueryError> {
        let begins = |place: usize| self.slice.stretches.get(place).map(|stretch| stretch.from.as_micros());
        if begins(self.done).is_none_or(|begin| end_micros < begin) {
            return Err(QueryError::Mismatch("rows do not come hour by hour".to_owned()));
        }
        while self.slice.stretches.get(self.done + 1).is_some_and(|next| next.from.as_micros() <= end_micros) {
            self.close()?;
        }
        Ok(())
    }

    fn close_all(&mut self) -> Result<(), QueryError> {
        while self.done < self.slice.stretches.len() {
            self.close()?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), QueryError> {
        let (expected, found) = (self.slice.stretches[self.done].rows, self.sorter.len() as u64);
        if found < expected {
            return Err(QueryError::Cut { expected, found });
        }
        let rows = self.sorter.drain(|line| self.file.line(line));
        self.file.rows.inc_by(rows);
        self.file.progress.send_modify(|written| written.rows += rows);
        self.done += 1;
        Ok(())
    }
}

impl FileText {
    /// Adds a line; false when nobody takes the text any more.
    #[inline]
    fn line(&mut self, line: &[u8]) -> bool {
        self.part.extend_from_slice(line);
        if self.part.len() < PART_TEXT_BYTES {
            return true;
        }
        let part = std::mem::replace(&mut self.part, self.tools.buffer());
        self.parts.blocking_send(part).is_ok()
    }
}

#[cfg(test)]
mod tests;
