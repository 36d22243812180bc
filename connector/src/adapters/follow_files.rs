//! All files that patterns match, followed through rotation and truncation.
//!
//! Files are looked at at an interval, not watched: notifications are lost on network and overlay file systems, do not see
//! through the symbolic links of a Kubernetes node, and a look is needed beside them anyway; with a few files it costs nothing.
//!
//! A file that was rotated by renaming is not matched any more (or under another name, which makes no difference): it is read
//! on until it has stood still for a while, because its writer may not have opened the new one yet. Files that were renamed
//! while no connector ran are looked for in their folder ([`find_missing`](super::find_missing)).

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::find_missing::{Missing, Renamed};
use super::follow_file::{FollowedFile, Progress};
use super::opened_file::{FileIdentity, OpenedFile};
use super::positions::SavedPosition;
use super::read_buffer::ReadBuffer;
use super::{FromSource, SourceId};
use crate::config::{Config, StartAt, Wrapping};
use crate::error::Error;
use crate::line::Reached;

/// How much of one file is read before the others have their turn.
const READ_BYTES: usize = 128 * 1024;

/// Takes what was read; false when nobody wants more.
pub type Emit<'a> = &'a mut dyn FnMut(FromSource) -> bool;

/// The files of one connector.
pub struct Follower {
    patterns: Vec<String>,
    wrapping: Wrapping,
    once: bool,
    poll_interval: Duration,
    rotated_wait: Duration,
    /// Positions of the last run that no file was found for yet.
    missing: Missing,
    /// Where to begin in files that the first look finds: `None` is their end.
    first: Option<Reached>,
    files: Vec<FollowedFile>,
    next_source: u64,
    next_look: Option<Instant>,
    buffer: ReadBuffer,
    failed: HashSet<PathBuf>,
    on_error: Box<dyn FnMut() + Send>,
}

impl Follower {
    /// A follower that goes on where the last run's positions are; `None`: there was no run before. `on_error` is called for
    /// each failed try to open or read a file.
    #[must_use]
    pub fn new(config: &Config, kept: Option<Vec<SavedPosition>>, on_error: Box<dyn FnMut() + Send>) -> Self {
        let at_end = config.start_at == StartAt::End && kept.is_none();
        Self {
            patterns: config.inputs.clone(),
            wrapping: config.wrapping,
            once: config.once,
            poll_interval: config.poll_interval,
            rotated_wait: config.rotated_wait,
            missing: Missing::new(kept.unwrap_or_default()),
            first: if at_end { None } else { Some(Reached::default()) },
            files: Vec::new(),
            next_source: 1,
            next_look: None,
            buffer: ReadBuffer::new(READ_BYTES),
            failed: HashSet::new(),
            on_error,
        }
    }

    /// How many files are open.
    #[must_use]
    pub fn file_count(&self) -> usize {
        self.files.len()
    }

    /// One round: looks for files where it is time to, reads those that were rotated away to their end, and then a piece of
    /// each of the others. True where something was read and more is wanted.
    ///
    /// # Errors
    /// A file that cannot be read, where everything is to be read once. Otherwise it is tried again in the next round.
    pub fn round(&mut self, now: Instant, emit: Emit<'_>) -> Result<bool, Error> {
        let is_first = self.next_look.is_none();
        if self.next_look.is_none_or(|time| time <= now && !self.once) {
            self.look_for_files(now, is_first, emit)?;
            self.next_look = Some(now + self.poll_interval);
            if is_first {
                emit(FromSource::LookedAround);
            }
        }
        let mut has_read = false;
        for rotated_ones in [true, false] {
            for number in 0..self.files.len() {
                let is_rotated = self.files[number].unnamed_since.is_some();
                // What is older comes first: the new file of the same writer waits for the end of the old one.
                while is_rotated == rotated_ones && !self.files[number].is_done && self.read_file(number, now, emit)? {
                    has_read = true;
                    if !is_rotated {
                        break;
                    }
                }
            }
        }
        if !has_read {
            self.buffer.rest();
        }
        if !self.once {
            self.files.retain(|file| !file.is_done);
        }
        Ok(has_read)
    }

    /// Reads a piece of one file. True where something was read and more is wanted.
    fn read_file(&mut self, number: usize, now: Instant, emit: Emit<'_>) -> Result<bool, Error> {
        let file = &mut self.files[number];
        let source = file.source;
        match file.read_on(&mut self.buffer) {
            Ok(Progress::Read { lines, bytes, fingerprint }) => {
                file.unnamed_since = file.unnamed_since.map(|_| now);
                Ok(emit(FromSource::Read { source, lines, bytes, fingerprint }))
            }
            Ok(Progress::Still) => {
                let is_left = file.unnamed_since.is_some_and(|since| now.duration_since(since) >= self.rotated_wait);
                if self.once || is_left {
                    emit_rest(file, emit);
                }
                if is_left && !self.once {
                    tracing::info!(file = file.name, "rotated or removed file is read to its end");
                    emit(FromSource::Closed { source });
                }
                Ok(false)
            }
            Ok(Progress::Rewritten) => {
                tracing::info!(file = file.name, "file was truncated or rewritten and is read from its beginning");
                emit_rest(file, emit);
                emit(FromSource::Closed { source });
                file.begin_anew(SourceId(self.next_source), self.wrapping);
                file.is_done = false;
                self.next_source += 1;
                Ok(emit_opened(file, emit))
            }
            Err(error) => {
                let path = PathBuf::from(&file.name);
                self.fail(path, error).map(|()| false)
            }
        }
    }

    fn look_for_files(&mut self, now: Instant, is_first: bool, emit: Emit<'_>) -> Result<(), Error> {
        let mut named = HashSet::new();
        for path in self.matching_paths()? {
            match std::fs::metadata(&path) {
                Ok(metadata) if metadata.is_file() => {
                    let identity = FileIdentity::of(&metadata);
                    if named.insert(identity) && !self.is_followed(identity) {
                        self.open(&path, if is_first { self.first } else { Some(Reached::default()) }, emit)?;
                    }
                }
                Ok(_) => {}
                Err(error) => self.fail(path, error)?,
            }
        }
        self.look_for_missing(emit)?;
        for file in &mut self.files {
            let is_named = named.contains(&file.identity);
            file.unnamed_since = if is_named { None } else { file.unnamed_since.or(Some(now)) };
        }
        Ok(())
    }

    /// Paths in the order of the patterns. A pattern that is the name of a file is that file, whatever signs are in it.
    fn matching_paths(&mut self) -> Result<Vec<PathBuf>, Error> {
        let mut paths = Vec::new();
        for pattern in &self.patterns {
            let is_plain = glob::Pattern::escape(pattern) == *pattern;
            if Path::new(pattern).is_file() || is_plain && self.once {
                paths.push(PathBuf::from(pattern));
            } else {
                // Folders that cannot be read are as if they were empty, until they can.
                paths.extend(glob::glob(pattern).into_iter().flatten().filter_map(Result::ok));
            }
        }
        Ok(paths)
    }

    /// Files whose positions were kept, and which no pattern has found: what was written to them is not lost because they were renamed.
    fn look_for_missing(&mut self, emit: Emit<'_>) -> Result<(), Error> {
        let files = &self.files;
        let renamed = self.missing.look(|identity| files.iter().any(|file| file.identity == identity));
        for Renamed { file, reached, saved } in renamed {
            self.follow(file, Some(reached), Some(&saved), emit)?;
        }
        if let Some(positions) = self.missing.changed() {
            emit(FromSource::StillKept(positions));
        }
        Ok(())
    }

    fn is_followed(&self, identity: FileIdentity) -> bool {
        self.files.iter().any(|file| file.identity == identity)
    }

    /// Opens a file: at its kept position, or else at `reached`. Since it was looked at another one may have got its name, which counts.
    fn open(&mut self, path: &Path, reached: Option<Reached>, emit: Emit<'_>) -> Result<(), Error> {
        let opened = OpenedFile::open(path).and_then(|file| Ok((self.missing.position_of(&file)?, file)));
        match opened {
            Ok((_, file)) if self.is_followed(file.identity) => Ok(()),
            Ok((Some(kept), file)) => self.follow(file, Some(kept.reached), Some(&kept), emit),
            Ok((None, file)) => self.follow(file, reached, None, emit),
            Err(error) => self.fail(path.to_owned(), error),
        }
    }

    fn follow(
        &mut self,
        opened: OpenedFile,
        reached: Option<Reached>,
        kept: Option<&SavedPosition>,
        emit: Emit<'_>,
    ) -> Result<(), Error> {
        let path = opened.path.clone();
        match FollowedFile::new(SourceId(self.next_source), opened, reached, self.wrapping) {
            Ok(file) => {
                if let Some(kept) = kept {
                    self.missing.is_found(kept);
                }
                self.next_source += 1;
                self.failed.remove(&path);
                tracing::info!(file = file.name, offset = file.opened_at().offset, "following");
                emit_opened(&file, emit);
                self.files.push(file);
                Ok(())
            }
            Err(error) => self.fail(path, error),
        }
    }

    /// An error of one file: the end where everything is to be read once; else it is said once and tried again.
    fn fail(&mut self, path: PathBuf, reason: io::Error) -> Result<(), Error> {
        (self.on_error)();
        if self.once {
            return Err(Error::Input { path, reason });
        }
        if self.failed.insert(path.clone()) {
            tracing::warn!(file = %path.display(), error = %reason, "file cannot be read and is tried again");
        }
        Ok(())
    }
}

fn emit_opened(file: &FollowedFile, emit: Emit<'_>) -> bool {
    let (name, mark) = (Arc::from(file.name.as_str()), Some(file.mark()));
    let (reached, handle) = (file.opened_at(), Some(file.handle()));
    emit(FromSource::Opened { source: file.source, name, mark, reached, file: handle })
}

fn emit_rest(file: &mut FollowedFile, emit: Emit<'_>) {
    let lines = file.finish();
    if !lines.is_empty() {
        emit(FromSource::Read { source: file.source, lines, bytes: 0, fingerprint: None });
    }
}

#[cfg(test)]
mod tests;
