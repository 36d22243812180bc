//! What an attempt has made, as whoever wrote it knows it: what the store gives back has to be that.

use std::slice;

use report_store::ReadBack;
use schemas::report_request::ReportRequest;
use schemas::report_slice::StoredSlice;

use crate::adapters::Uploaded;
use crate::file_series::WholeFile;
use crate::make::signed;
use crate::stages::name_file::files_below;
use crate::write_file::Written;

/// What an attempt has made.
pub(crate) struct Made {
    pub(crate) written: Written,
    /// All its files, in order.
    pub(crate) files: Vec<MadeFile>,
}

/// A file as it was written.
pub(crate) struct MadeFile {
    /// Where the report is split.
    pub(crate) rows: Option<u64>,
    /// What it was put together of, in order; one where one exporter has written it.
    pieces: Vec<Piece>,
}

struct Piece {
    size_bytes: u64,
    /// None of a slice by an older version, which did not say it.
    sha256: Option<String>,
}

impl Made {
    /// One file, by one exporter.
    pub(crate) fn one(written: Written, Uploaded { size_bytes, sha256 }: Uploaded) -> Self {
        let pieces = vec![Piece { size_bytes, sha256: Some(sha256) }];
        Self { written, files: vec![MadeFile { rows: None, pieces }] }
    }

    /// The files of a report that is split.
    pub(crate) fn split(written: Written, files: Vec<WholeFile>) -> Self {
        let made = |WholeFile { rows, size_bytes, sha256 }| {
            let pieces = vec![Piece { size_bytes, sha256: Some(sha256) }];
            MadeFile { rows: Some(rows), pieces }
        };
        Self { written, files: files.into_iter().map(made).collect() }
    }

    /// How many files lie below the report's key; none where its one file lies at it.
    pub(crate) fn files_below(&self, request: &ReportRequest) -> Option<i64> {
        match request.split {
            Some(_) => Some(signed(self.files.len() as u64)),
            None => files_below(request, signed(self.written.slices)),
        }
    }
}

impl MadeFile {
    /// Slices that stand alone, each by itself.
    pub(crate) fn each_of(slices: &[StoredSlice]) -> impl Iterator<Item = Self> {
        slices.chunks(1).map(Self::of)
    }

    /// One that these slices were joined to.
    pub(crate) fn of(slices: &[StoredSlice]) -> Self {
        let piece = |slice: &StoredSlice| Piece {
            size_bytes: u64::try_from(slice.size_bytes()).unwrap_or_default(),
            sha256: slice.sha256.clone(),
        };
        Self { rows: None, pieces: slices.iter().map(piece).collect() }
    }

    /// Sizes of its pieces, bytes, where they are several: a single one is the whole.
    pub(crate) fn sizes(&self) -> Vec<u64> {
        let pieces = if self.pieces.len() > 1 { &self.pieces[..] } else { &[] };
        pieces.iter().map(|piece| piece.size_bytes).collect()
    }

    /// True where this was read back: as many bytes, and the same in each piece of which they are known.
    pub(crate) fn is(&self, read: &ReadBack) -> bool {
        let came = if self.pieces.len() > 1 { &read.pieces[..] } else { slice::from_ref(&read.sha256) };
        let size_bytes: u64 = self.pieces.iter().map(|piece| piece.size_bytes).sum();
        let is_same = |(piece, came): (&Piece, &String)| piece.sha256.as_ref().is_none_or(|sha256| sha256 == came);
        let is_whole = read.size_bytes == size_bytes && came.len() == self.pieces.len();
        is_whole && self.pieces.iter().zip(came).all(is_same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(staged_bytes: i64, sha256: Option<&str>) -> StoredSlice {
        StoredSlice { staged_bytes, sha256: sha256.map(str::to_owned), ..StoredSlice::default() }
    }

    fn read(size_bytes: u64, pieces: &[&str]) -> ReadBack {
        let pieces = pieces.iter().map(|&piece| piece.to_owned()).collect();
        ReadBack { size_bytes, sha256: "whole".to_owned(), pieces }
    }

    #[test]
    fn each_piece_is_held_against_what_its_maker_said() {
        let file = MadeFile::of(&[stored(3, Some("a")), stored(4, Some("b"))]);
        assert_eq!(file.sizes(), [3, 4]);
        assert!(file.is(&read(7, &["a", "b"])));
        for other in [read(7, &["a", "c"]), read(7, &["b", "a"]), read(8, &["a", "b"]), read(7, &["a"])] {
            assert!(!file.is(&other), "{other:?}");
        }
    }

    #[test]
    fn single_piece_is_held_against_the_whole() {
        let is = |sha256| {
            let file = MadeFile::of(&[stored(3, sha256)]);
            assert!(file.sizes().is_empty(), "nothing is reckoned twice");
            file.is(&read(3, &[]))
        };
        assert_eq!([Some("whole"), Some("other"), None].map(is), [true, false, true]);
    }

    #[test]
    fn piece_whose_maker_said_none_is_known_by_its_size() {
        let file = MadeFile::of(&[stored(3, None), stored(4, Some("b"))]);
        assert!(file.is(&read(7, &["x", "b"])));
        assert!(!file.is(&read(7, &["x", "y"])) && !file.is(&read(6, &["x", "b"])));
    }
}
