//! The user's cache folder: each part is made beside its place and moved there when it is whole and verified.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::PartError;

/// `$XDG_CACHE_HOME/flowledger`, or `~/.cache/flowledger`.
#[must_use]
pub fn dir() -> PathBuf {
    let named = |variable| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    named("XDG_CACHE_HOME")
        .or_else(|| named("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("flowledger")
}

/// The folder `name` of the cache, made by `make` when it is not there. Two processes at once: one makes it, the other waits.
///
/// `make` is given a folder of its own that survives a failure, so that a download is resumed.
pub(crate) async fn folder(
    name: &str,
    make: impl AsyncFnOnce(&Path) -> Result<(), PartError>,
) -> Result<PathBuf, PartError> {
    let place = dir().join("parts").join(name);
    if place.is_dir() {
        return Ok(place);
    }
    let beside = dir().join("parts").join(format!("{name}.new"));
    std::fs::create_dir_all(&beside).map_err(PartError::system(format!("{} cannot be made", beside.display())))?;
    let lock = locked(&dir().join("parts").join(format!("{name}.lock"))).await?;
    if !place.is_dir() {
        std::fs::create_dir_all(&beside).map_err(PartError::system(format!("{} cannot be made", beside.display())))?;
        make(&beside).await?;
        std::fs::rename(&beside, &place).map_err(PartError::system(format!("{} cannot be made", place.display())))?;
    }
    drop(lock);
    Ok(place)
}

/// An exclusive lock that ends with the file handle, also when the process is killed.
async fn locked(path: &Path) -> Result<File, PartError> {
    let failed = || PartError::system(format!("{} cannot be locked", path.display()));
    let file = File::create(path).map_err(failed())?;
    let waiting = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
    waiting.await.map_err(|error| failed()(std::io::Error::other(error)))?.map_err(failed())
}
