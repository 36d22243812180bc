//! Rows to the file's text: blocks as they come, sorted stretch by stretch, cut into parts. Runs on a thread of its own.

use bytes::Bytes;
use clickhouse_io::QueryError;
use clickhouse_io::native::read::BlockReader;
use clickhouse_io::report::{ConnectionColumns, Slice};
use prometheus_client::metrics::counter::Counter;
use report_store::StoreError;
use report_writer::{GivenLine, LineSorter, PART_TEXT_BYTES, TableError, TakeFiles};
use schemas::report_event::RowPlace;
use tokio::sync::{mpsc, watch};

use crate::render_thread::RenderThread;
use crate::tools::Tools;
use crate::write_file::Written;
use report_writer::Writer;

/// The most that groups and their values may take in memory.
pub(crate) const GROUPS_BYTES_MAX: usize = 256 << 20;
/// So much of them is held where they are stored piece by piece.
pub(crate) const RUN_BYTES: usize = 32 << 20;

/// What nearly every line has room in, and what row groups are given in.
const LINE_ROOM_BYTES: usize = 64 << 10;

/// Where in a report what is written begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// With the report.
    Beginning,
    /// Within a file, of which others write what is before: it has its header already.
    Within,
    /// With a file, behind the last row of the one before.
    Behind(RowPlace),
    /// In no file: what is counted is stored, for who makes the file.
    Counted,
}

/// What of a file is done, and what it is made with; goes from slice to slice.
pub(crate) struct Renderer {
    writer: Writer,
    sorter: LineSorter,
    block: Vec<u8>,
    file: FileText,
}

/// What comes of files, one after the other.
pub(crate) enum Text {
    /// Some of the file's text.
    Part(Vec<u8>),
    /// The file, or the piece of one, has ended: what comes is the next one's. Of one that another comes behind, its last row.
    FileEnds { rows: u64, last_row: Option<RowPlace> },
}

/// The text as it grows, handed on part by part.
pub(crate) struct FileText {
    part: Vec<u8>,
    parts: mpsc::Sender<Text>,
    tools: Tools,
    progress: watch::Sender<Written>,
    rows: Counter,
    last: LastRow,
}

/// The last row, where files end between rows.
#[derive(Default)]
struct LastRow {
    is_kept: bool,
    place: Option<RowPlace>,
    /// Rows up to this one are written already.
    behind: Option<RowPlace>,
    /// It did not come, or not as it did when it was written.
    is_missed: bool,
}

impl LastRow {
    /// True for a row that is written already.
    #[inline]
    fn is_passed(&mut self, line: &GivenLine<'_>) -> bool {
        let Some(behind) = self.behind else { return false };
        let place = line.place();
        let is_written = (place.end_time, place.event_id) <= (behind.end_time, behind.event_id);
        if is_written {
            self.place = Some(place);
        } else if self.place == Some(behind) {
            self.behind = None;
        } else {
            self.is_missed = true;
        }
        is_written
    }

    #[inline]
    fn keep(&mut self, line: &GivenLine<'_>) {
        if self.is_kept {
            self.place = Some(line.place());
        }
    }
}

impl Renderer {
    /// Begins a file, or what comes behind its beginning.
    pub(crate) fn new(
        writer: Writer,
        start: Start,
        parts: mpsc::Sender<Text>,
        tools: Tools,
        progress: watch::Sender<Written>,
        rows: Counter,
    ) -> Self {
        let (sorter, block) = (tools.sorters.take().unwrap_or_default(), tools.blocks.take().unwrap_or_default());
        let begin = if start == Start::Within { Vec::new() } else { writer.begin() };
        let behind = if let Start::Behind(place) = start { Some(place) } else { None };
        let last = LastRow { is_kept: writer.splits_rows(), behind, ..LastRow::default() };
        let file = FileText { last, ..FileText::new(&begin, parts, tools, progress, rows) };
        Self { writer, sorter, block, file }
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
        let mut stretches =
            Stretches { slice, done: 0, sorter: &mut self.sorter, file: &mut self.file, is_relieved: false };
        let ended = read_all(&mut reader, &mut self.writer, &mut stretches);
        let done = stretches.done;
        self.sorter.clear();
        self.block = reader.into_buffer();
        (done, ended)
    }

    /// True where what is counted has grown beyond what may be held.
    pub(crate) fn is_too_large(&self) -> bool {
        is_too_large(&self.writer)
    }

    /// True where the row that it was to begin behind is not there as it was.
    pub(crate) fn misses_its_start(&self) -> bool {
        self.file.last.is_missed
    }

    /// True where no row came behind that one: there is nothing to be written.
    pub(crate) fn has_not_begun(&self) -> bool {
        self.file.last.behind.is_some()
    }

    /// The text that is left, after the last slice.
    pub(crate) async fn finish(mut self, thread: &RenderThread) -> Result<(), StoreError> {
        // Lines of groups may be many parts: not on the threads that wait for sockets.
        let ended = thread.run(move || {
            self.file.last.place = None;
            let ended = self.writer.end(&mut self.file);
            // Groups are the report's rows from now on.
            if let Ok(Some(rows)) = ended {
                self.file.rows.inc_by(rows);
                self.file.progress.send_modify(|written| written.rows = rows);
            }
            self.file.tools.sorters.give(self.sorter);
            self.file.tools.blocks.give(self.block);
            self.file.tools.buffers.give(self.file.part);
            ended
        });
        let failed = |error: TableError| StoreError::Failed { action: "rendering", reason: error.to_string() };
        ended.await?.map(drop).map_err(failed)
    }
}

fn is_too_large(writer: &Writer) -> bool {
    writer.held_bytes() > GROUPS_BYTES_MAX
}

fn read_all(
    reader: &mut BlockReader<impl FnMut() -> Result<Option<Bytes>, QueryError>>,
    writer: &mut Writer,
    stretches: &mut Stretches<'_>,
) -> Result<(), QueryError> {
    let read = writer.rows().columns();
    while let Some(block) = reader.next_block()? {
        let columns = ConnectionColumns::of(&block, read)?;
        writer.rows().block(&columns);
        for row in 0..columns.rows {
            stretches.reach(columns.end_micros(row), writer)?;
            if std::mem::take(&mut stretches.is_relieved) {
                // Texts were forgotten too.
                writer.rows().block(&columns);
            }
            let line = writer.rows().line(&columns, row).map_err(|odd| QueryError::Mismatch(odd.to_string()))?;
            stretches.sorter.hold(&columns, row, line);
        }
    }
    stretches.close_all(writer)
}

/// The stretches of a slice, of which one after the other is filled.
struct Stretches<'a> {
    slice: &'a Slice,
    done: usize,
    sorter: &'a mut LineSorter,
    file: &'a mut FileText,
    /// What was counted was given away in mid-block.
    is_relieved: bool,
}

impl Stretches<'_> {
    /// A row of this end time comes: all stretches before it are complete.
    #[inline]
    fn reach(&mut self, end_micros: i64, writer: &mut Writer) -> Result<(), QueryError> {
        let begins = |place: usize| self.slice.stretches.get(place).map(|stretch| stretch.from.as_micros());
        if begins(self.done).is_none_or(|begin| end_micros < begin) {
            return Err(QueryError::Mismatch("rows do not come hour by hour".to_owned()));
        }
        while self.slice.stretches.get(self.done + 1).is_some_and(|next| next.from.as_micros() <= end_micros) {
            self.close(writer)?;
        }
        Ok(())
    }

    fn close_all(&mut self, writer: &mut Writer) -> Result<(), QueryError> {
        while self.done < self.slice.stretches.len() {
            self.close(writer)?;
        }
        Ok(())
    }

    fn close(&mut self, writer: &mut Writer) -> Result<(), QueryError> {
        let (expected, found) = (self.slice.stretches[self.done].rows, self.sorter.len() as u64);
        if found < expected {
            return Err(QueryError::Cut { expected, found });
        }
        let (mut failed, mut passed) = (None, 0);
        let given = self.sorter.drain_lines(|line| {
            if self.file.last.is_passed(line) {
                passed += 1;
                return true;
            }
            if self.file.last.is_missed {
                return false;
            }
            let added = writer.add(line.text, self.file);
            self.file.last.keep(line);
            added.unwrap_or_else(|error| {
                failed = Some(error);
                false
            })
        });
        if let Some(error) = failed {
            return Err(QueryError::Mismatch(error.to_string()));
        }
        if self.file.last.is_missed {
            return Err(QueryError::Mismatch("rows are not those that were written before".to_owned()));
        }
        let rows = given - passed;
        if !writer.makes_groups() {
            self.file.rows.inc_by(rows);
        }
        self.file.progress.send_modify(|written| {
            written.rows += rows;
            written.facts += rows;
        });
        self.done += 1;
        self.is_relieved |= writer.relieve(self.file);
        // Not a stretch more; who reads on asks whether it is this.
        if is_too_large(writer) { Err(QueryError::Mismatch("there is too much to count".to_owned())) } else { Ok(()) }
    }
}

impl TakeFiles for FileText {
    /// Adds a line, or any bytes; false when nobody takes them any more, who has its own reason. What is longer than a part goes in pieces: buffers
    /// that grew to its size would stay so.
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() <= PART_TEXT_BYTES {
            return self.piece(bytes);
        }
        bytes.chunks(PART_TEXT_BYTES).all(|piece| self.piece(piece))
    }

    fn file_ends(&mut self, rows: u64) -> bool {
        let last_row = self.last.place;
        self.hand_on() && self.parts.blocking_send(Text::FileEnds { rows, last_row }).is_ok()
    }
}

/// Room for a part and the line that it is full with. What grows to that by itself has twice as much.
fn part_buffer(tools: &Tools) -> Vec<u8> {
    let mut part = tools.buffer();
    part.reserve_exact(PART_TEXT_BYTES + LINE_ROOM_BYTES);
    part
}

impl FileText {
    /// A file that begins so.
    pub(crate) fn new(
        begin: &[u8],
        parts: mpsc::Sender<Text>,
        tools: Tools,
        progress: watch::Sender<Written>,
        rows: Counter,
    ) -> Self {
        let mut part = part_buffer(&tools);
        part.extend_from_slice(begin);
        Self { part, parts, tools, progress, rows, last: LastRow::default() }
    }

    /// Its end, with so many rows.
    pub(crate) fn close(self, rows: u64) {
        self.rows.inc_by(rows);
        self.tools.buffers.give(self.part);
    }

    #[inline]
    fn piece(&mut self, bytes: &[u8]) -> bool {
        self.part.extend_from_slice(bytes);
        self.part.len() < PART_TEXT_BYTES || self.hand_on()
    }

    fn hand_on(&mut self) -> bool {
        let part = std::mem::replace(&mut self.part, part_buffer(&self.tools));
        self.parts.blocking_send(Text::Part(part)).is_ok()
    }
}

#[cfg(test)]
mod tests;
