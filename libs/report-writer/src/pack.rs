//! Parts of the file: text as it is, or packed as whole members and frames that stand for themselves.

use libdeflater::{CompressionLvl, Compressor};
use zstd::zstd_safe::CParameter;

/// libdeflate's level: 5 % larger at most than level 6 of gzip, for less than half of the CPU.
const GZIP_LEVEL: i32 = 4;
/// zstd's own default.
const ZSTD_LEVEL: i32 = 3;

/// How the file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// gzip, RFC 1952: a sequence of members.
    Gzip,
    /// Zstandard, RFC 8878: a sequence of frames with checksums.
    Zstd,
}

/// A part could not be packed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("packing: {0}")]
pub struct PackError(String);

/// Packs one part after the other; the same text gives the same bytes, whatever came before.
pub enum Packer {
    /// Gives what it got.
    Plain,
    /// Each part a member.
    Gzip(Box<Compressor>),
    /// Each part a frame.
    Zstd(Box<zstd::bulk::Compressor<'static>>),
}

impl Packer {
    /// A packer.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(packing: Packing) -> Result<Self, PackError> {
        match packing {
            Packing::Plain => Ok(Self::Plain),
            Packing::Gzip => {
                let level = CompressionLvl::new(GZIP_LEVEL).map_err(failed)?;
                Ok(Self::Gzip(Box::new(Compressor::new(level))))
            }
            Packing::Zstd => {
                let mut compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(failed)?;
                compressor.set_parameter(CParameter::ChecksumFlag(true)).map_err(failed)?;
                Ok(Self::Zstd(Box::new(compressor)))
            }
        }
    }

    /// One part of the file, into `part`, which is overwritten.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn pack(&mut self, text: &[u8], part: &mut Vec<u8>) -> Result<(), PackError> {
        part.clear();
        match self {
            Self::Plain => part.extend_from_slice(text),
            Self::Gzip(compressor) => {
                part.resize(compressor.gzip_compress_bound(text.len()), 0);
                let length = compressor.gzip_compress(text, part).map_err(failed)?;
                part.truncate(length);
            }
            Self::Zstd(compressor) => {
                part.reserve(zstd::zstd_safe::compress_bound(text.len()));
                compressor.compress_to_buffer(text, part).map_err(failed)?;
            }
        }
        Ok(())
    }
}

fn failed(error: impl std::fmt::Debug) -> PackError {
    PackError(format!("{error:?}"))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn packed(packer: &mut Packer, text: &[u8]) -> Vec<u8> {
        let mut part = vec![0xaa; 7];
        packer.pack(text, &mut part).unwrap();
        part
    }

    #[test]
    fn parts_come_back_as_one_text_and_do_not_depend_on_what_came_before() {
        let texts = [b"start_time,end_time\n".to_vec(), b"x,".repeat(100_000), b"y\n".repeat(3)];
        for packing in [Packing::Plain, Packing::Gzip, Packing::Zstd] {
            let mut packer = Packer::new(packing).unwrap();
            let parts: Vec<_> = texts.iter().map(|text| packed(&mut packer, text)).collect();
            for (text, part) in texts.iter().zip(&parts) {
                assert_eq!(&packed(&mut Packer::new(packing).unwrap(), text), part);
            }
            let (file, mut text) = (parts.concat(), Vec::new());
            match packing {
                Packing::Plain => text.clone_from(&file),
                Packing::Gzip => drop(flate2::read::MultiGzDecoder::new(&file[..]).read_to_end(&mut text).unwrap()),
                Packing::Zstd => text = zstd::stream::decode_all(&file[..]).unwrap(),
            }
            assert_eq!(text, texts.concat());
        }
    }

    #[test]
    fn gzip_has_neither_time_nor_name() {
        let part = packed(&mut Packer::new(Packing::Gzip).unwrap(), b"a,b\n");
        assert_eq!((&part[..4], &part[4..8]), (&[0x1f, 0x8b, 8, 0][..], &[0; 4][..]));
    }
}
