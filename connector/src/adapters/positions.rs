//! Where reading goes on after a restart: one JSON file in the state folder.
//!
//! A file is known by device and inode, and by a fingerprint of its first bytes, because inodes are used again. The JSON file
//! is replaced as a whole (temporary file, fsync, rename, fsync of the folder), so that a kill leaves the old or the new one.

use std::fs::{self, File, TryLockError};
use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::line::Reached;

/// Format of the JSON file.
const VERSION: u32 = 1;

/// How many bytes at most a fingerprint covers.
pub const FINGERPRINT_BYTES_MAX: usize = 1024;

/// SHA-256 of a file's first bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// How many bytes it covers: fewer than [`FINGERPRINT_BYTES_MAX`] only where no more had been read.
    pub bytes: usize,
    /// Hexadecimal.
    pub sha256: String,
}

impl Fingerprint {
    /// Of these bytes.
    #[must_use]
    pub fn of(beginning: &[u8]) -> Self {
        Self { bytes: beginning.len(), sha256: hexadecimal(&Sha256::digest(beginning)) }
    }
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a file is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMark {
    /// Its path behind symbolic links when it was found first: the folder is where it is looked for after it was renamed.
    pub path: String,
    /// Device.
    pub device: u64,
    /// Inode.
    pub inode: u64,
    /// Of its first bytes.
    pub fingerprint: Fingerprint,
}

/// A file and where to read on in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPosition {
    /// The file.
    #[serde(flatten)]
    pub mark: FileMark,
    /// How far it is done.
    #[serde(flatten)]
    pub reached: Reached,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    version: u32,
    /// A copy of what a topic says, which may be behind it.
    #[serde(default)]
    is_copy: bool,
    files: Vec<SavedPosition>,
}

/// The JSON file, and the lock that makes it ours.
#[derive(Debug)]
pub struct PositionStore {
    dir: PathBuf,
    is_copy: bool,
    _lock: File,
}

impl PositionStore {
    /// Makes the folder where it is missing, locks it, and reads what is kept there; `None`: nothing was kept yet.
    ///
    /// # Errors
    /// A folder that cannot be made, read or locked, and a file that is none of ours: reading everything again would be no
    /// help to anyone who did not ask for it.
    pub fn open(dir: &Path) -> Result<(Self, Option<Vec<SavedPosition>>), Error> {
        let failed = |path: &Path, reason: io::Error| Error::Positions { path: path.to_owned(), reason };
        fs::create_dir_all(dir).map_err(|reason| failed(dir, reason))?;
        let lock_path = dir.join("lock");
        let lock = File::create(&lock_path).map_err(|reason| failed(&lock_path, reason))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::PositionsInUse(dir.to_owned())),
            Err(TryLockError::Error(reason)) => return Err(failed(&lock_path, reason)),
        }
        let mut store = Self { dir: dir.to_owned(), is_copy: false, _lock: lock };
        let path = store.path();
        let saved = store.read().map_err(|reason| failed(&path, reason))?;
        store.is_copy = saved.as_ref().is_some_and(|saved| saved.is_copy);
        Ok((store, saved.map(|saved| saved.files)))
    }

    /// The JSON file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.dir.join("positions.json")
    }

    /// True where what was read was a copy of what the topic said at some time: a connector that delivers exactly once ran last.
    #[must_use]
    pub fn is_copy(&self) -> bool {
        self.is_copy
    }

    fn read(&self) -> io::Result<Option<Saved>> {
        let text = match fs::read(self.path()) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let saved: Saved = serde_json::from_slice(&text)?;
        if saved.version != VERSION {
            return Err(io::Error::other(format!("version {} is not {VERSION}", saved.version)));
        }
        Ok(Some(saved))
    }

    /// Replaces what is kept. When this returns, a restart reads on from there.
    ///
    /// # Errors
    /// Those of the file system; the old file is then still there.
    pub fn save(&self, files: Vec<SavedPosition>) -> io::Result<()> {
        self.write(&Saved { version: VERSION, is_copy: false, files })
    }

    /// Replaces what is kept by a copy of what the topic says. A connector that delivers at least once begins with it; one that delivers
    /// exactly once does not.
    ///
    /// # Errors
    /// As [`Self::save`].
    pub fn save_copy(&self, files: Vec<SavedPosition>) -> io::Result<()> {
        self.write(&Saved { version: VERSION, is_copy: true, files })
    }

    fn write(&self, saved: &Saved) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(saved)?;
        let temporary = self.dir.join("positions.json.new");
        let mut file = File::create(&temporary)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&temporary, self.path())?;
        File::open(&self.dir)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position() -> SavedPosition {
        let mark = FileMark { path: "a.log".into(), device: 1, inode: 2, fingerprint: Fingerprint::of(b"first line") };
        SavedPosition { mark, reached: Reached { offset: 40, done: 70 } }
    }

    #[test]
    fn saved_positions_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let (store, saved) = PositionStore::open(&dir.path().join("deep/state")).unwrap();
        assert_eq!(saved, None);
        store.save(vec![position()]).unwrap();
        drop(store);
        let (_store, saved) = PositionStore::open(&dir.path().join("deep/state")).unwrap();
        assert_eq!(saved, Some(vec![position()]));
    }

    #[test]
    fn position_from_before_done_was_kept_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let mut old =
            serde_json::to_value(Saved { version: VERSION, is_copy: false, files: vec![position()] }).unwrap();
        assert_eq!(old["files"][0]["done"].take(), 70);
        old["files"][0].as_object_mut().unwrap().remove("done");
        fs::write(dir.path().join("positions.json"), old.to_string()).unwrap();
        let (_store, saved) = PositionStore::open(dir.path()).unwrap();
        assert_eq!(saved.unwrap()[0].reached, Reached { offset: 40, done: 0 });
    }

    #[test]
    fn copy_of_the_topic_is_known_as_one_until_it_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = PositionStore::open(dir.path()).unwrap();
        store.save_copy(vec![position()]).unwrap();
        drop(store);
        let (store, saved) = PositionStore::open(dir.path()).unwrap();
        assert_eq!((store.is_copy(), saved), (true, Some(vec![position()])));
        store.save(Vec::new()).unwrap();
        drop(store);
        assert!(!PositionStore::open(dir.path()).unwrap().0.is_copy());
    }

    #[test]
    fn folder_of_another_connector_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let _first = PositionStore::open(dir.path()).unwrap();
        assert!(matches!(PositionStore::open(dir.path()), Err(Error::PositionsInUse(_))));
    }

    #[test]
    fn file_that_is_none_of_ours_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "[]", "{\"version\":9,\"files\":[]}"] {
            fs::write(dir.path().join("positions.json"), text).unwrap();
            assert!(matches!(PositionStore::open(dir.path()), Err(Error::Positions { .. })), "{text}");
        }
    }
}
