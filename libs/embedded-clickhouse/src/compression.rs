//! ClickHouse's compressed blocks: checksum, method, sizes, LZ4.
//!
//! 16 bytes CityHash128 (1.0.2) of all that follows; 1 byte method (0x82 LZ4, 0x02 none); u32 size with these 9 bytes; u32
//! raw size; data.

use bytes::{Buf, BytesMut};

use crate::error::Exception;

const CHECKSUM: usize = 16;
const HEADER: usize = CHECKSUM + 9;
const LZ4: u8 = 0x82;
const NONE: u8 = 0x02;
/// The largest block that is unpacked, bytes.
const RAW_MAX: usize = 1 << 30;
/// Bytes of output that go into one block.
const BLOCK: usize = 1 << 20;

fn checksum(data: &[u8]) -> [u8; CHECKSUM] {
    let hash = cityhash_rs::cityhash_102_128(data);
    let mut bytes = [0; CHECKSUM];
    bytes[..8].copy_from_slice(&hash.to_be_bytes()[..8]);
    bytes[..8].reverse();
    bytes[8..].copy_from_slice(&hash.to_be_bytes()[8..]);
    bytes[8..].reverse();
    bytes
}

/// Output as compressed blocks.
pub(crate) fn compressed(output: &[u8]) -> Vec<u8> {
    let mut blocks = Vec::with_capacity(output.len() / 2 + HEADER);
    for raw in output.chunks(BLOCK) {
        let packed = lz4_flex::block::compress(raw);
        let mut block = vec![LZ4];
        block.extend_from_slice(&size(packed.len() + 9).to_le_bytes());
        block.extend_from_slice(&size(raw.len()).to_le_bytes());
        block.extend_from_slice(&packed);
        blocks.extend_from_slice(&checksum(&block));
        blocks.extend_from_slice(&block);
    }
    blocks
}

fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Unpacks a body that comes in pieces.
pub(crate) enum Unpacker {
    /// As it is.
    Plain,
    /// Blocks; what is not a whole one yet waits.
    Blocks(BytesMut),
}

impl Unpacker {
    pub(crate) fn new(in_blocks: bool) -> Self {
        if in_blocks { Self::Blocks(BytesMut::new()) } else { Self::Plain }
    }

    /// What `piece` completes.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Vec<u8>, Exception> {
        let waiting = match self {
            Self::Plain => return Ok(piece.to_vec()),
            Self::Blocks(waiting) => waiting,
        };
        waiting.extend_from_slice(piece);
        let mut output = Vec::new();
        while let Some(block) = whole_block(waiting)? {
            unpack(&waiting[..block], &mut output)?;
            waiting.advance(block);
        }
        Ok(output)
    }

    /// True where no block is left half.
    pub(crate) fn is_complete(&self) -> bool {
        match self {
            Self::Plain => true,
            Self::Blocks(waiting) => waiting.is_empty(),
        }
    }
}

fn number_at(bytes: &[u8], at: usize) -> usize {
    bytes[at..at + 4].iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
}

fn whole_block(waiting: &[u8]) -> Result<Option<usize>, Exception> {
    if waiting.len() < HEADER {
        return Ok(None);
    }
    let (packed, raw) = (number_at(waiting, CHECKSUM + 1), number_at(waiting, CHECKSUM + 5));
    if !(9..=RAW_MAX).contains(&packed) || raw > RAW_MAX {
        return Err(Exception::new(271, "Bad header of a compressed block", "CANNOT_DECOMPRESS"));
    }
    Ok((waiting.len() >= CHECKSUM + packed).then_some(CHECKSUM + packed))
}

fn unpack(block: &[u8], output: &mut Vec<u8>) -> Result<(), Exception> {
    if block[..CHECKSUM] != checksum(&block[CHECKSUM..]) {
        return Err(Exception::new(40, "Checksum doesn't match: corrupted data", "CHECKSUM_DOESNT_MATCH"));
    }
    let (raw, packed) = (number_at(block, CHECKSUM + 5), &block[HEADER..]);
    match block[CHECKSUM] {
        LZ4 => {
            let unpacked = lz4_flex::block::decompress(packed, raw)
                .map_err(|error| Exception::new(271, &error.to_string(), "CANNOT_DECOMPRESS"))?;
            output.extend_from_slice(&unpacked);
        }
        NONE => output.extend_from_slice(packed),
        method => {
            return Err(Exception::new(432, &format!("Unknown codec {method:#x}"), "UNKNOWN_CODEC"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_back_however_they_are_cut() {
        let data: Vec<u8> = (0..3 << 20_u32).map(|number| (number % 251) as u8).collect();
        let packed = compressed(&data);
        assert!(packed.len() < data.len() / 2);
        let mut unpacker = Unpacker::new(true);
        let mut output = Vec::new();
        for piece in packed.chunks(777) {
            output.extend(unpacker.push(piece).unwrap());
        }
        assert!(unpacker.is_complete());
        assert_eq!(output, data);
    }

    #[test]
    fn block_that_was_changed_is_refused() {
        let mut packed = compressed(b"abc abc abc abc");
        *packed.last_mut().unwrap() ^= 1;
        assert_eq!(Unpacker::new(true).push(&packed).unwrap_err().code(), 40);
    }
}
