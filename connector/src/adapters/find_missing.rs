//! Positions of the last run whose files no pattern has found: renamed, over, or not there yet.
//!
//! A position is given up only where it is known that its file is over. A volume that is not mounted yet, a folder that cannot be read and
//! a file that cannot be opened say nothing: the file may come, and would be read a second time from its first byte. Where the folder is
//! on another device and a file of that very name is there, the volume is another one, or its number is another one and the file was
//! replaced: the old position is of no use then.

use std::cmp::Reverse;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::opened_file::{FileIdentity, OpenedFile};
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
#[derive(Debug)]
pub(super) struct Renamed {
    /// It, opened when it was recognised.
    pub(super) file: OpenedFile,
    /// Where to read on in it.
    pub(super) reached: Reached,
    /// What was kept of it.
    pub(super) saved: SavedPosition,
}

/// What a look for one file gave.
enum Found {
    /// It has this name now, and is read on there.
    Renamed(OpenedFile, Reached),
    /// It is over.
    Over,
    /// Nobody can tell.
    Unknown,
}

impl Missing {
    pub(super) fn new(kept: Vec<SavedPosition>) -> Self {
        Self { kept, given_up: Vec::new(), told: Vec::new() }
    }

    /// The position that was kept of this file: under its own device, or else, of those of other devices that fit, the one that is
    /// furthest.
    pub(super) fn position_of(&self, file: &OpenedFile) -> io::Result<Option<SavedPosition>> {
        let mut fitting = Vec::new();
        for saved in self.kept.iter().chain(&self.given_up) {
            if file.kept(saved)?.is_some() {
                fitting.push(saved);
            }
        }
        let is_own = |saved: &SavedPosition| FileIdentity::of_saved(saved) == file.identity;
        Ok(fitting.into_iter().max_by_key(|saved| (is_own(saved), how_far(saved))).cloned())
    }

    /// Its file is followed.
    pub(super) fn is_found(&mut self, position: &SavedPosition) {
        self.kept.retain(|saved| saved != position);
        self.given_up.retain(|saved| saved != position);
    }

    /// Looks for each file in its folder: those that were renamed. Positions of those that are over are given up.
    pub(super) fn look(&mut self, is_followed: impl Fn(FileIdentity) -> bool) -> Vec<Renamed> {
        let mut renamed: Vec<Renamed> = Vec::new();
        // Several may fit one file, of several numbers that its device had: the one of its own has it, or the furthest.
        self.kept.sort_by_cached_key(|saved| Reverse((has_its_device(saved), how_far(saved))));
        for saved in std::mem::take(&mut self.kept) {
            let is_known = |file| is_followed(file) || renamed.iter().any(|it| it.file.identity == file);
            // A file that is followed and was not known by its position was rewritten.
            let found = if is_known(FileIdentity::of_saved(&saved)) { Found::Over } else { look_for(&saved, is_known) };
            match found {
                Found::Renamed(file, reached) => {
                    renamed.push(Renamed { file, reached, saved: saved.clone() });
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

fn how_far(saved: &SavedPosition) -> (u64, u64) {
    (saved.reached.done, saved.reached.offset)
}

fn has_its_device(saved: &SavedPosition) -> bool {
    nearest_folder(Path::new(&saved.mark.path)).is_some_and(|(_, folder)| folder.dev() == saved.mark.device)
}

fn look_for(saved: &SavedPosition, is_known: impl Fn(FileIdentity) -> bool) -> Found {
    let path = Path::new(&saved.mark.path);
    let Some((folder, metadata)) = nearest_folder(path) else { return Found::Unknown };
    let is_its_volume = metadata.dev() == saved.mark.device;
    if !is_its_volume && path.parent() != Some(folder) {
        // What lies above its folder says nothing of another volume.
        return Found::Unknown;
    }
    let Ok(entries) = fs::read_dir(folder) else { return Found::Unknown };
    for entry in entries {
        let Ok(entry) = entry else { return Found::Unknown };
        let path = entry.path();
        let has_inode = |found: Metadata| found.is_file() && found.ino() == saved.mark.inode;
        if !fs::metadata(&path).is_ok_and(has_inode) {
            continue;
        }
        let Ok(file) = OpenedFile::open(&path) else { return Found::Unknown };
        if is_known(file.identity) {
            continue;
        }
        if let Some(found) = what_became_of(file, saved) {
            return found;
        }
    }
    // Another device, and nothing of that name: its volume may be mounted yet.
    if is_its_volume || path.is_file() { Found::Over } else { Found::Unknown }
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

/// `file` has the inode, which says little: no pattern names it, inodes are used again, and the new file may be another tenant's. A
/// fingerprint tells; of a file that was empty, or was rewritten before it was renamed, nothing is known but its name, which rotation keeps
/// at the beginning. On another device that is not enough, since inodes of two volumes are often the same. `None`: it is a stranger's.
fn what_became_of(file: OpenedFile, saved: &SavedPosition) -> Option<Found> {
    let mark = &saved.mark;
    let is_own = file.identity == FileIdentity::of_saved(saved);
    let is_rotated = is_named_after(&file.path, Path::new(&mark.path));
    match file.kept(saved) {
        Ok(Some(reached)) if is_rotated || mark.fingerprint.bytes > 0 => Some(Found::Renamed(file, reached)),
        Ok(None) if is_own && is_rotated => Some(Found::Renamed(file, Reached::default())),
        Ok(_) => is_own.then_some(Found::Over),
        Err(_) => Some(Found::Unknown),
    }
}

fn is_named_after(path: &Path, old: &Path) -> bool {
    let name = |path: &Path| path.file_name().map(|name| name.as_encoded_bytes().to_vec());
    name(path).zip(name(old)).is_some_and(|(new, old)| new.starts_with(&old))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

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

    fn found(renamed: Vec<Renamed>) -> Vec<(PathBuf, Reached, SavedPosition)> {
        renamed.into_iter().map(|Renamed { file, reached, saved }| (file.path, reached, saved)).collect()
    }

    /// The same position, kept when the device had another number.
    fn under(device: u64, saved: &SavedPosition) -> SavedPosition {
        let mut other = saved.clone();
        other.mark.device = device;
        other
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
            assert!(missing.look(|_| false).is_empty());
            missing.changed() == Some(vec![saved.clone()])
        };
        fs::write(&path, "two\n").unwrap();
        assert!(!is_kept(&elsewhere), "a file of its name is there, on another volume");
        let other = dir.path().join("pod/other.txt");
        fs::rename(&path, &other).unwrap();
        assert!(!is_kept(&mine), "its inode is another file's");
        assert!(is_kept(&elsewhere), "its volume is not mounted");
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
        assert_eq!(found(missing.look(|_| false)), [(path.clone(), Reached::at(4), mine.clone())]);
        assert_eq!(missing.changed(), Some(vec![mine.clone()]), "until it is open");
        assert_eq!(missing.changed(), None);
        assert_eq!(missing.position_of(&OpenedFile::open(&path).unwrap()).unwrap(), Some(mine.clone()));
        missing.is_found(&mine);
        assert_eq!(missing.changed(), Some(Vec::new()));
        assert_eq!(missing.position_of(&OpenedFile::open(&path).unwrap()).unwrap(), None);
    }
    #[test]
    fn file_whose_device_has_another_number_is_found_under_its_new_name_before_the_new_file_has_its_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let (path, rotated) = (dir.path().join("a.log"), dir.path().join("a.log.1"));
        fs::write(&path, "one\n").unwrap();
        let mine = saved(&path);
        let elsewhere = under(mine.mark.device + 1, &mine);
        fs::write(&path, "one\ntwo\n").unwrap();
        fs::rename(&path, &rotated).unwrap();
        fs::write(&path, "three\n").unwrap();
        let mut missing = Missing::new(vec![elsewhere.clone()]);
        assert_eq!(found(missing.look(|_| false)), [(rotated.clone(), Reached::at(4), elsewhere.clone())]);
        missing.is_found(&elsewhere);

        // Nothing was read of it: inode and name are not enough where the volume may be another one.
        let mut empty = elsewhere;
        (empty.mark.fingerprint, empty.reached) = (Fingerprint::of(b""), Reached::default());
        let mut missing = Missing::new(vec![empty.clone()]);
        assert!(missing.look(|_| false).is_empty());
        assert_eq!(missing.changed(), None, "and its name is there: it is over");
        empty.mark.device = mine.mark.device;
        let mut missing = Missing::new(vec![empty.clone()]);
        assert_eq!(found(missing.look(|_| false)), [(rotated, Reached::default(), empty)]);
    }

    #[test]
    fn of_positions_under_several_numbers_of_a_device_the_own_one_counts_or_the_furthest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        fs::write(&path, "one\n").unwrap();
        let mine = saved(&path);
        fs::write(&path, "one\ntwo\n").unwrap();
        let (nearer, further) = (under(mine.mark.device + 1, &mine), under(mine.mark.device + 2, &saved(&path)));
        let opened = OpenedFile::open(&path).unwrap();
        let position = |kept: &[&SavedPosition]| {
            Missing::new(kept.iter().copied().cloned().collect()).position_of(&opened).unwrap()
        };
        assert_eq!(position(&[&nearer, &further]), Some(further.clone()));
        assert_eq!(position(&[&further, &mine, &nearer]), Some(mine));
        // No pattern names it: it is found once, and the other position is over.
        let mut missing = Missing::new(vec![nearer, further.clone()]);
        assert_eq!(found(missing.look(|_| false)), [(path, Reached::at(8), further.clone())]);
        assert_eq!(missing.changed(), Some(vec![further]));
    }

    #[test]
    fn file_of_another_volume_is_not_taken_for_one_that_has_its_inode() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        fs::write(&path, "one\n").unwrap();
        let mine = under(1, &saved(&path));
        let is_taken = |saved: &SavedPosition| OpenedFile::open(&path).unwrap().kept(saved).unwrap().is_some();
        assert!(is_taken(&mine), "all that is done lies in it");
        let mut in_other_folder = mine.clone();
        in_other_folder.mark.path = dir.path().join("b/a.log").to_string_lossy().into_owned();
        let mut other_inode = mine.clone();
        other_inode.mark.inode += 1;
        let mut more_is_done = mine.clone();
        more_is_done.reached = Reached::at(8);
        for other in [in_other_folder, other_inode, more_is_done.clone()] {
            assert!(!is_taken(&other), "{other:?}");
        }
        fs::write(&path, "one\ntwo\n").unwrap();
        assert!(!is_taken(&more_is_done), "its fingerprint is not of everything that is done");
        fs::write(&path, "uno\n").unwrap();
        assert!(!is_taken(&mine), "it begins otherwise");
    }
}
