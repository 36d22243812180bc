//! Files are what was pinned, or they are not used.

use std::fmt::Write;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::PartError;

/// SHA-256 of a file, hexadecimal.
pub(crate) fn sha256(file: &Path) -> Result<String, PartError> {
    let failed = || PartError::system(format!("{} cannot be read", file.display()));
    let mut reader = std::fs::File::open(file).map_err(failed())?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match reader.read(&mut buffer).map_err(failed())? {
            0 => break,
            length => digest.update(&buffer[..length]),
        }
    }
    Ok(digest.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Checks one file against its pinned SHA-256.
pub(crate) fn verify(file: &Path, expected: &str) -> Result<(), PartError> {
    let found = sha256(file)?;
    if found == expected {
        return Ok(());
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Err(PartError::Corrupted { file: name, expected: expected.to_owned(), found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_was_changed_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"abc").unwrap();
        let pinned = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(verify(file.path(), pinned).is_ok());
        std::fs::write(file.path(), b"abd").unwrap();
        assert!(matches!(verify(file.path(), pinned), Err(PartError::Corrupted { .. })));
    }
}
