//! Positions of the last run whose files no pattern has found: renamed, over, or not there yet.
//!
//! A position is given up only where it is known that its file is over. A volume that is not mounted yet, a folder that cannot be read and
//! a file that cannot be opened say nothing: the file may come, and would be read a second time from its first byte.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::follow_file::{FileIdentity, FollowedFile};
use super::positions::SavedPosition;
use crate::line::Reached;

/// What is not found.
pub(super) struct Missing {
    /// Their files may come yet: they stay kept.
    kept: Vec<SavedPosition>,
    /// Their files were not where they were. Should they come back in this run, they are known nevertheless.
    given_up: Vec<SavedPosition>,
    /// What was last told of `kept`.
    told: Vec<SavedPosition>,
}

/// A file that has another name now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Renamed {
    pub(super) path: PathBuf,
    /// Where to read on in it.
    pub(super) reached: Reached,
    /// What was kept of it.
    pub(super) saved: SavedPosition,
}

/// What a look for one file gave.
enum Found {
    /// It has this name now, and is read on there.
    Renamed(PathBuf, Reached),
    /// It is over.
    Over,
    /// Nobody can tell.
    Unknown,
}

impl Missing {
    pub(super) fn new(kept: Vec<SavedPosition>) -> Self {
        Self { kept, given_up: Vec::new(), told: Vec::new() }
    }

    /// The position that was kept of the file at `path`.
    pub(super) fn position_of(&self, path: &Path) -> io::Result<Option<SavedPosition>> {
        for saved in self.kept.iter().chain(&self.given_up) {
            if FollowedFile::kept(path, saved)?.is_some() {
                return Ok(Some(saved.clone()));
            }
        }
        Ok(None)
    }

    /// Its file is followed.
    pub(super) fn is_found(&mut self, position: &SavedPosition) {
        self.kept.retain(|saved| saved != position);
        self.given_up.retain(|saved| saved != position);
    }

    /// Looks for each file in its folder: those that were renamed. Positions of those that are over are given up.
    pub(super) fn look(&mut self, is_followed: impl Fn(FileIdentity) -> bool) -> Vec<Renamed> {
        let mut renamed = Vec::new();
        for saved in std::mem::take(&mut self.kept) {
            // A file that is followed and was not known by its position was rewritten.
            let found = if is_followed(identity_of(&saved)) { Found::Over } else { look_for(&saved) };
            match found {
                Found::Renamed(path, reached) => {
                    renamed.push(Renamed { path, reached, saved: saved.clone() });
                    self.kept.push(saved);
                }
                Found::Unknown => self.kept.push(saved),
                Found::Over => self.given_up.push(saved),
            }
        }
        renamed
    }

    /// The positions that stay kept, where they are others than the last time.
    pub(super) fn changed(&mut self) -> Option<Vec<SavedPosition>> {
        if self.told == self.kept {
            return None;
        }
        self.told.clone_from(&self.kept);
        Some(self.told.clone())
    }
}

fn identity_of(saved: &SavedPosition) -> FileIdentity {
    FileIdentity { device: saved.mark.device, inode: saved.mark.inode }
}

fn look_for(saved: &SavedPosition) -> Found {
    let Some((folder, metadata)) = nearest_folder(Path::new(&saved.mark.path)) else { return Found::Unknown };
    if metadata.dev() != saved.mark.device {
        return Found::Unknown;
    }
    let Ok(entries) = fs::read_dir(folder) else { return Found::Unknown };
    for entry in entries {
        let Ok(entry) = entry else { return Found::Unknown };
        let path = entry.path();
        let is_there = |found: Metadata| found.is_file() && FileIdentity::of(&found) == identity_of(saved);
        if fs::metadata(&path).is_ok_and(is_there) {
            return what_became_of(path, saved);
        }
    }
    Found::Over
}

/// The folder that a file lay in, or what is left above it.
fn nearest_folder(path: &Path) -> Option<(&Path, Metadata)> {
    for folder in path.ancestors().skip(1) {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        match fs::metadata(folder) {
            Ok(metadata) => return Some((folder, metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => return None,
        }
    }
    None
}

/// `path` has the inode, which says little: no pattern names it, inodes are used again, and the new file may be another tenant's. A fingerprint
/// tells; of a file that was empty, or was rewritten before it was renamed, nothing is known but its name, which rotation keeps at the
/// beginning.
fn what_became_of(path: PathBuf, saved: &SavedPosition) -> Found {
    let mark = &saved.mark;
    let is_rotated = is_named_after(&path, Path::new(&mark.path));
    match FollowedFile::kept(&path, saved) {
        Ok(Some(reached)) if is_rotated || mark.fingerprint.bytes > 0 => Found::Renamed(path, reached),
        Ok(None) if is_rotated => Found::Renamed(path, Reached::default()),
        Ok(_) => Found::Over,
        Err(_) => Found::Unknown,
    }
}

fn is_named_after(path: &Path, old: &Path) -> bool {
    let name = |path: &Path| path.file_name().map(|name| name.as_encoded_bytes().to_vec());
    name(path).zip(name(old)).is_some_and(|(new, old)| new.starts_with(&old))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::positions::{FileMark, Fingerprint};

    /// The position of a file that was read to its end.
    fn saved(path: &Path) -> SavedPosition {
        let metadata = fs::metadata(path).unwrap();
        let text = fs::read(path).unwrap();
        let mark = FileMark {
            path: path.to_string_lossy().into_owned(),
            device: metadata.dev(),
            inode: metadata.ino(),
            fingerprint: Fingerprint::of(&text),
        };
        SavedPosition { mark, reached: Reached::at(metadata.len()) }
    }

    #[test]
    fn position_is_given_up_only_where_its_file_is_known_to_be_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pod/a.log");
        fs::create_dir(dir.path().join("pod")).unwrap();
        fs::write(&path, "one\n").unwrap();
        let mine = saved(&path);
        let mut elsewhere = mine.clone();
        elsewhere.mark.device += 1;
        let is_kept = |saved: &SavedPosition| {
            let mut missing = Missing::new(vec![saved.clone()]);
            assert_eq!(missing.look(|_| false), []);
            missing.changed() == Some(vec![saved.clone()])
        };
        assert!(is_kept(&elsewhere), "its volume is not mounted");
        fs::write(&path, "two\n").unwrap();
        let other = dir.path().join("pod/other.txt");
        fs::rename(&path, &other).unwrap();
        assert!(!is_kept(&mine), "its inode is another file's");
        fs::rename(&other, dir.path().join("other.txt")).unwrap();
        assert!(!is_kept(&mine), "it is in its folder no more");
        fs::remove_dir(dir.path().join("pod")).unwrap();
        assert!(!is_kept(&mine), "and the folder is gone with it");
        assert!(is_kept(&elsewhere), "which says nothing of another volume");
    }

    #[test]
    fn what_stays_kept_is_told_when_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        fs::write(&path, "one\n").unwrap();
        let mine = saved(&path);
        let mut missing = Missing::new(vec![mine.clone()]);
        assert_eq!(
            missing.look(|_| false),
            [Renamed { path: path.clone(), reached: Reached::at(4), saved: mine.clone() }]
        );
        assert_eq!(missing.changed(), Some(vec![mine.clone()]), "until it is open");
        assert_eq!(missing.changed(), None);
        assert_eq!(missing.position_of(&path).unwrap(), Some(mine.clone()));
        missing.is_found(&mine);
        assert_eq!(missing.changed(), Some(Vec::new()));
        assert_eq!(missing.position_of(&path).unwrap(), None);
    }
}
