//! Where the files of a report end, where more than one is wanted.
//!
//! A file ends before the row that would be one too many, or would make it too long; each has a row at least. It is a function of the
//! rows alone: the same rows give the same files. Of Parquet the bytes of a row are those that it has until it is packed.

use schemas::report_request::{ReportRequest, ReportSplit};

/// Rows that a spreadsheet takes: 1 048 576 lines, of which the first one is the header.
pub const SPREADSHEET_ROWS: i64 = (1 << 20) - 1;
/// The fewest rows that a file may be asked to have.
pub const SPLIT_ROWS_MIN: i64 = 1_000;
/// The fewest bytes that a file may be asked to have, before it is packed.
pub const SPLIT_BYTES_MIN: i64 = 1_000_000;
/// The most files of a report that is split.
pub const FILES_MAX: u64 = 1_000;

/// What takes the bytes of files, one file after the other.
pub trait TakeFiles {
    /// More of the file; false when nobody wants more.
    fn bytes(&mut self, bytes: &[u8]) -> bool;

    /// The file, or the piece of one that is made here, has ended with so many rows; what comes is the next one's. False as above.
    fn file_ends(&mut self, rows: u64) -> bool;
}

/// Of one file, which ends when nothing comes any more.
impl<F: FnMut(&[u8]) -> bool> TakeFiles for F {
    fn bytes(&mut self, bytes: &[u8]) -> bool {
        self(bytes)
    }

    fn file_ends(&mut self, _: u64) -> bool {
        true
    }
}

/// What of a request cannot be split as it asks, in words that begin with the field's name.
pub(crate) fn check_split(request: &ReportRequest) -> Result<(), String> {
    let Some(ReportSplit { rows, bytes }) = request.split else { return Ok(()) };
    if rows.is_none() && bytes.is_none() {
        return Err("split says neither rows nor bytes".to_owned());
    }
    if rows.is_some_and(|rows| rows < SPLIT_ROWS_MIN) {
        return Err(format!("split.rows is below {SPLIT_ROWS_MIN}"));
    }
    if bytes.is_some_and(|bytes| bytes < SPLIT_BYTES_MIN) {
        return Err(format!("split.bytes is below {SPLIT_BYTES_MIN}"));
    }
    Ok(())
}

/// How full the file is.
#[derive(Debug)]
pub(crate) struct Split {
    rows_max: u64,
    bytes_max: u64,
    /// What each file begins with.
    pub(crate) header: Vec<u8>,
    rows: u64,
    bytes: u64,
}

impl Default for Split {
    /// One file.
    fn default() -> Self {
        Self { rows_max: u64::MAX, bytes_max: u64::MAX, header: Vec::new(), rows: 0, bytes: 0 }
    }
}

impl Split {
    pub(crate) fn new(asked: ReportSplit, header: Vec<u8>) -> Self {
        let most = |asked: Option<i64>| asked.and_then(|it| u64::try_from(it).ok()).unwrap_or(u64::MAX);
        let (rows_max, bytes_max) = (most(asked.rows), most(asked.bytes));
        Self { rows_max, bytes_max, bytes: header.len() as u64, header, rows: 0 }
    }

    /// True where more than one file is wanted.
    pub(crate) fn is_asked(&self) -> bool {
        self.rows_max < u64::MAX || self.bytes_max < u64::MAX
    }

    /// Counts a row of so many bytes. Where it belongs to a next file: how many rows the one before it has.
    #[inline]
    pub(crate) fn row(&mut self, bytes: usize) -> Option<u64> {
        let bytes = bytes as u64;
        let is_full = self.rows >= self.rows_max || self.bytes.saturating_add(bytes) > self.bytes_max;
        let ended = (is_full && self.rows > 0).then_some(self.rows);
        if ended.is_some() {
            (self.rows, self.bytes) = (0, self.header.len() as u64);
        }
        self.rows += 1;
        self.bytes += bytes;
        ended
    }

    /// Rows of the file that is written now.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(asked: ReportSplit, header: &[u8], rows: &[usize]) -> Vec<u64> {
        let mut split = Split::new(asked, header.to_vec());
        let mut files: Vec<u64> = rows.iter().filter_map(|bytes| split.row(*bytes)).collect();
        files.push(split.rows());
        files
    }

    #[test]
    fn file_ends_before_the_row_that_would_be_too_much() {
        let by = |rows, bytes| ReportSplit { rows, bytes };
        assert_eq!(files(by(Some(2), None), b"h\n", &[1; 5]), [2, 2, 1]);
        assert_eq!(files(by(Some(2), None), b"h\n", &[1; 4]), [2, 2], "no empty one behind them");
        // The header counts, in each file.
        assert_eq!(files(by(None, Some(10)), b"h\n", &[4, 4, 4, 4, 5]), [2, 2, 1]);
        assert_eq!(files(by(None, Some(10)), b"", &[4, 4, 4, 4, 5]), [2, 2, 1]);
        // A row that is too long by itself is one.
        assert_eq!(files(by(None, Some(10)), b"h\n", &[1, 99, 1]), [1, 1, 1]);
        assert_eq!(files(by(Some(3), Some(10)), b"", &[5, 5, 1, 1, 1, 1]), [2, 3, 1], "whichever comes first");
        assert_eq!(files(by(Some(2), None), b"h\n", &[]), [0]);
    }
}
