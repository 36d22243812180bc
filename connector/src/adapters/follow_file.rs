//! One file that is followed: read on where it grows, noticed where it is truncated or rewritten.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::SourceId;
use super::opened_file::{FileIdentity, OpenedFile, beginning_of};
use super::positions::{FileMark, Fingerprint};
use super::read_buffer::ReadBuffer;
use crate::config::Wrapping;
use crate::line::{Line, Reached};
use crate::pipeline::LineSource;

/// What one look at a file gave.
#[derive(Debug)]
pub enum Progress {
    /// Bytes were read, and these lines ended in them.
    Read {
        /// The lines.
        lines: Vec<Line>,
        /// How many bytes.
        bytes: u64,
        /// The fingerprint, where it has become longer.
        fingerprint: Option<Fingerprint>,
    },
    /// Everything is read.
    Still,
    /// The file is shorter than what was read of it, or begins otherwise: what was read is not in it any more.
    Rewritten,
}

/// An open file and how far it was read. It stays readable when it is renamed or removed.
#[derive(Debug)]
pub struct FollowedFile {
    /// Which source it is.
    pub source: SourceId,
    /// Which file it is.
    pub identity: FileIdentity,
    /// The path under which it was found first.
    pub name: String,
    /// Since when no pattern has matched it and it has not grown.
    pub unnamed_since: Option<Instant>,
    /// True when nothing more is to be read from it.
    pub is_done: bool,
    file: Arc<File>,
    /// Its path behind symbolic links: where it is looked for after a renaming.
    real_path: String,
    /// Its first bytes, up to what a fingerprint covers at most and to what was read.
    beginning: Vec<u8>,
    /// Where reading began.
    opened_at: Reached,
    offset: u64,
    seen: Option<(u64, SystemTime)>,
    lines: LineSource,
}

impl FollowedFile {
    /// Follows a file, read on from where it is done; `None`: from its end.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn new(source: SourceId, opened: OpenedFile, reached: Option<Reached>, wrapping: Wrapping) -> io::Result<Self> {
        let opened_at = reached.unwrap_or(Reached::at(opened.len));
        let beginning = beginning_of(&opened.file, opened_at.offset)?;
        Ok(Self {
            source,
            identity: opened.identity,
            name: opened.path.to_string_lossy().into_owned(),
            unnamed_since: None,
            is_done: false,
            file: Arc::new(opened.file),
            real_path: opened.real_path,
            beginning,
            opened_at,
            offset: opened_at.offset,
            seen: None,
            lines: LineSource::new(wrapping, opened_at),
        })
    }

    /// What its position is kept under.
    #[must_use]
    pub fn mark(&self) -> FileMark {
        FileMark {
            path: self.real_path.clone(),
            device: self.identity.device,
            inode: self.identity.inode,
            fingerprint: Fingerprint::of(&self.beginning),
        }
    }

    /// Where reading began.
    #[must_use]
    pub fn opened_at(&self) -> Reached {
        self.opened_at
    }

    /// The open file.
    #[must_use]
    pub fn handle(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Reads on, at most as much as `buffer` holds.
    ///
    /// The beginning is compared after the read: what was read counts only if it comes from the file as it was known.
    ///
    /// # Errors
    /// Those of the file system; nothing was read then.
    pub fn read_on(&mut self, buffer: &mut ReadBuffer) -> io::Result<Progress> {
        let count = self.file.read_at(buffer.room(), self.offset)?;
        let metadata = self.file.metadata()?;
        let seen = Some((metadata.len(), metadata.modified()?));
        if count == 0 && self.seen == seen {
            return Ok(Progress::Still);
        }
        let end = self.offset + count as u64;
        let beginning = beginning_of(&self.file, end)?;
        if metadata.len() < end || !beginning.starts_with(&self.beginning) {
            return Ok(Progress::Rewritten);
        }
        let has_grown = beginning.len() > self.beginning.len();
        self.beginning = beginning;
        self.seen = seen;
        self.offset = end;
        if count == 0 {
            return Ok(Progress::Still);
        }
        let mut lines = Vec::new();
        self.lines.feed(&buffer.take(count), |line| lines.push(line));
        let fingerprint = has_grown.then(|| Fingerprint::of(&self.beginning));
        Ok(Progress::Read { lines, bytes: count as u64, fingerprint })
    }

    /// The file is over: a last line without its end is a line too.
    pub fn finish(&mut self) -> Vec<Line> {
        self.is_done = true;
        let mut lines = Vec::new();
        self.lines.finish(|line| lines.push(line));
        lines
    }

    /// The same file as a new source, to be read from its beginning: it was rewritten.
    pub fn begin_anew(&mut self, source: SourceId, wrapping: Wrapping) {
        self.source = source;
        self.beginning.clear();
        self.opened_at = Reached::default();
        self.offset = 0;
        self.seen = None;
        self.lines = LineSource::new(wrapping, self.opened_at);
    }
}
