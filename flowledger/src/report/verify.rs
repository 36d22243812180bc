//! A file held against its manifest, by whoever has both.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, ensure};
use report_life::Manifest;
use report_writer::count_rows;
use sha2::{Digest, Sha256};

/// Read at once, bytes.
const PIECE: usize = 1 << 16;

/// Says what was found to be so; an error says what is not.
pub(super) fn verify(file: &Path, manifest: &Path) -> anyhow::Result<()> {
    let text = std::fs::read(manifest).with_context(|| format!("{} cannot be read", manifest.display()))?;
    let manifest: Manifest =
        serde_json::from_slice(&text).with_context(|| format!("{} is no manifest", manifest.display()))?;
    let open = || File::open(file).with_context(|| format!("{} cannot be read", file.display()));
    let (size_bytes, sha256) = digest(open()?).with_context(|| format!("{} cannot be read", file.display()))?;
    let told = manifest.files.iter().find(|it| it.sha256 == sha256);
    let Some(told) = told else {
        // Which of several it was meant to be its size may tell.
        let sizes: Vec<String> =
            manifest.files.iter().map(|it| format!("{} bytes {}", it.size_bytes, it.sha256)).collect();
        anyhow::bail!("it is another file: {size_bytes} bytes {sha256} instead of {}", sizes.join(", "));
    };
    ensure!(size_bytes == told.size_bytes, "it has {size_bytes} bytes instead of {}", told.size_bytes);
    let rows = count_rows(BufReader::new(open()?), manifest.format, manifest.compression)
        .with_context(|| format!("{} cannot be unpacked", file.display()))?;
    let counted = match rows {
        Some(rows) if manifest.files.len() == 1 => {
            ensure!(rows == manifest.rows, "it has {rows} rows instead of {}", manifest.rows);
            format!("{rows} rows")
        }
        _ => "rows are not counted in this format".to_owned(),
    };
    super::said(&format!("{}: as its manifest says: {size_bytes} bytes, SHA-256 {sha256}, {counted}", told.name));
    Ok(())
}

fn digest(mut file: File) -> std::io::Result<(u64, String)> {
    let (mut piece, mut size_bytes, mut digest) = (vec![0; PIECE], 0, Sha256::new());
    loop {
        let length = file.read(&mut piece)?;
        if length == 0 {
            return Ok((size_bytes, digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()));
        }
        size_bytes += length as u64;
        digest.update(&piece[..length]);
    }
}
