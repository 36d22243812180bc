//! Files, standard input and Kafka. Only these touch the world.

mod find_missing;
pub mod follow_file;
pub mod follow_files;
pub mod opened_file;
pub(crate) mod position_record;
pub mod positions;
pub(crate) mod publish;
pub mod read_buffer;
pub mod read_stdin;

use std::fs::File;
use std::sync::Arc;

use crate::line::{Line, Reached};
use positions::{FileMark, Fingerprint, SavedPosition};

/// One source of lines in one run: a file from its opening to its end or truncation, or standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u64);

/// What readers hand over, in the order in which it happened for each source.
#[derive(Clone, Debug)]
pub enum FromSource {
    /// A source was opened; before anything else of it.
    Opened {
        /// The source.
        source: SourceId,
        /// Its name as the connector was told it: the path, or `-` for standard input.
        name: Arc<str>,
        /// What its position is kept under; `None`: it has none.
        mark: Option<FileMark>,
        /// Where reading begins.
        reached: Reached,
        /// The file itself, to be asked how long it is.
        file: Option<Arc<File>>,
    },
    /// Positions of the last run whose files are not found, and may come yet: all of them, each time that they change. Before anything is
    /// read of a file that was among them.
    StillKept(Vec<SavedPosition>),
    /// All files that a run begins with were opened. Positions of the last run are of use until then.
    LookedAround,
    /// Bytes were read.
    Read {
        /// The source.
        source: SourceId,
        /// The lines that ended in them.
        lines: Vec<Line>,
        /// How many bytes.
        bytes: u64,
        /// The file's fingerprint, where it has become longer.
        fingerprint: Option<Fingerprint>,
    },
    /// The source is over, and its position is of no use any more.
    Closed {
        /// The source.
        source: SourceId,
    },
}
