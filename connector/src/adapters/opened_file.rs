//! A file that is open and not followed yet: what is asked of it is asked of this one, whatever has its name by now.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::positions::{FINGERPRINT_BYTES_MAX, Fingerprint, SavedPosition};
use crate::line::Reached;

/// Device and inode: which file it is while it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    /// Device.
    pub device: u64,
    /// Inode.
    pub inode: u64,
}

impl FileIdentity {
    /// Of a file's metadata.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    /// Of the file whose position was kept, when it was followed.
    #[must_use]
    pub fn of_saved(saved: &SavedPosition) -> Self {
        Self { device: saved.mark.device, inode: saved.mark.inode }
    }
}

/// A file, opened once.
#[derive(Debug)]
pub struct OpenedFile {
    /// The path under which it was found.
    pub path: PathBuf,
    /// Which file it is.
    pub identity: FileIdentity,
    /// How long it was when it was opened.
    pub len: u64,
    /// Its path behind symbolic links: where it is looked for after a renaming.
    pub real_path: String,
    /// The file.
    pub file: File,
}

impl OpenedFile {
    /// Opens what has this name now.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        Ok(Self {
            path: path.to_owned(),
            identity: FileIdentity::of(&metadata),
            len: metadata.len(),
            real_path: std::fs::canonicalize(path).as_deref().unwrap_or(path).to_string_lossy().into_owned(),
            file,
        })
    }

    /// Where in it to read on, where it is the one whose position was kept: the same inode and fingerprint, and the same device, or one
    /// that may have another number only. A path says nothing: behind it may stand a new file, and reading a file twice is harmless,
    /// while taking one for another is not.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn kept(&self, saved: &SavedPosition) -> io::Result<Option<Reached>> {
        let SavedPosition { mark, reached } = saved;
        let is_it = self.identity.inode == mark.inode
            && (self.identity.device == mark.device || self.may_be_renumbered(saved))
            && self.len >= reached.end();
        if !is_it {
            return Ok(None);
        }
        let beginning = beginning_of(&self.file, mark.fingerprint.bytes as u64)?;
        Ok((Fingerprint::of(&beginning) == mark.fingerprint).then_some(*reached))
    }

    /// Devices may be numbered anew at a boot or a mount; but inodes of two volumes are often the same. So a file on another device is
    /// known only in its folder, and by a fingerprint that is of full length or of everything that is done: where that lies in another
    /// file too, its lines are the same facts, and have been published.
    fn may_be_renumbered(&self, saved: &SavedPosition) -> bool {
        let SavedPosition { mark, reached } = saved;
        let bytes = mark.fingerprint.bytes;
        let says_enough = bytes == FINGERPRINT_BYTES_MAX || bytes > 0 && bytes as u64 >= reached.end();
        says_enough && Path::new(&self.real_path).parent() == Path::new(&mark.path).parent()
    }
}

/// The first bytes of a file, up to `end` and to [`FINGERPRINT_BYTES_MAX`].
pub(super) fn beginning_of(file: &File, end: u64) -> io::Result<Vec<u8>> {
    let wanted = usize::try_from(end).unwrap_or(usize::MAX).min(FINGERPRINT_BYTES_MAX);
    let mut beginning = vec![0; wanted];
    let mut filled = 0;
    while filled < wanted {
        match file.read_at(&mut beginning[filled..], filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    beginning.truncate(filled);
    Ok(beginning)
}
