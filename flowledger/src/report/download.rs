//! Files out of the store: each is in its place only when it is whole.

use std::path::Path;

use anyhow::{Context, ensure};
use futures_util::TryStreamExt;
use report_store::ReportStore;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;

/// Size of all files together, bytes.
pub(super) async fn size(store: &ReportStore, keys: &[String]) -> anyhow::Result<u64> {
    let mut size = 0;
    for key in keys {
        size += store.size(key).await?;
    }
    Ok(size)
}

/// Writes one file, and gives its size, bytes.
pub(super) async fn fetch(store: &ReportStore, key: &str, place: &Path, replaces: bool) -> anyhow::Result<u64> {
    let (expected, mut stream) = (store.size(key).await?, store.read(key, None).await?);
    let folder = place.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = NamedTempFile::new_in(folder).with_context(|| format!("{} cannot be written", folder.display()))?;
    let mut writing = tokio::fs::File::from_std(file.reopen()?);
    let mut size = 0;
    while let Some(piece) = stream.try_next().await? {
        writing.write_all(&piece).await?;
        size += piece.len() as u64;
    }
    writing.sync_all().await?;
    ensure!(size == expected, "the store gave {size} bytes of {expected}");
    // Nobody's file is replaced that came meanwhile.
    let kept = if replaces { file.persist(place) } else { file.persist_noclobber(place) };
    kept.map_err(|error| error.error).with_context(|| format!("{} cannot be written", place.display()))?;
    Ok(size)
}
