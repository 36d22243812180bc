//! The file's bytes, plain or as one gzip member without name and time, so that the same rows always give the same bytes.

use std::io::Write;

use flate2::Compression as Level;
use flate2::write::GzEncoder;
use schemas::report_request::Compression;

/// Takes rendered bytes and gives what goes into the file.
pub(crate) enum Compressor {
    Plain(Vec<u8>),
    Gzip(Box<GzEncoder<Vec<u8>>>),
}

impl Compressor {
    pub(crate) fn new(compression: Compression) -> Self {
        match compression {
            Compression::Gzip => Self::Gzip(Box::new(GzEncoder::new(Vec::new(), Level::new(6)))),
            Compression::None | Compression::Zstd | Compression::Unknown => Self::Plain(Vec::new()),
        }
    }

    /// Adds rendered bytes and gives what is ready.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Plain(ready) => ready.extend_from_slice(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes)?,
        }
        Ok(std::mem::take(match self {
            Self::Plain(ready) => ready,
            Self::Gzip(encoder) => encoder.get_mut(),
        }))
    }

    /// What is left, the end of the file included.
    pub(crate) fn finish(self) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Plain(ready) => Ok(ready),
            Self::Gzip(encoder) => encoder.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn gzip_comes_back_and_has_no_time() {
        let mut compressor = Compressor::new(Compression::Gzip);
        let mut file = compressor.push(b"start_time,end_time\n").unwrap();
        file.extend(compressor.push(&b"x,".repeat(100_000)).unwrap());
        file.extend(compressor.finish().unwrap());
        assert_eq!(file[4..8], [0; 4]);
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&file[..]).read_to_end(&mut text).unwrap();
        assert_eq!(text.len(), 200_020);
    }
}
