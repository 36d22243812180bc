//! A position as it lies in its topic: Avro record `ConnectorPosition`.

use serde::{Deserialize, Serialize};

use super::positions::{FileMark, Fingerprint, SavedPosition};
use crate::line::Reached;

/// Field order is the schema's. Avro has no unsigned numbers: device, inode and offsets are the same 64 bits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConnectorPosition {
    path: String,
    device: i64,
    inode: i64,
    fingerprint_bytes: i32,
    fingerprint_sha256: String,
    offset: i64,
    done: i64,
}

impl From<&SavedPosition> for ConnectorPosition {
    fn from(position: &SavedPosition) -> Self {
        let SavedPosition { mark: FileMark { path, device, inode, fingerprint }, reached } = position;
        Self {
            path: path.clone(),
            device: device.cast_signed(),
            inode: inode.cast_signed(),
            fingerprint_bytes: i32::try_from(fingerprint.bytes).unwrap_or(i32::MAX),
            fingerprint_sha256: fingerprint.sha256.clone(),
            offset: reached.offset.cast_signed(),
            done: reached.done.cast_signed(),
        }
    }
}

impl From<ConnectorPosition> for SavedPosition {
    fn from(record: ConnectorPosition) -> Self {
        let bytes = usize::try_from(record.fingerprint_bytes).unwrap_or_default();
        let mark = FileMark {
            path: record.path,
            device: record.device.cast_unsigned(),
            inode: record.inode.cast_unsigned(),
            fingerprint: Fingerprint { bytes, sha256: record.fingerprint_sha256 },
        };
        let reached = Reached { offset: record.offset.cast_unsigned(), done: record.done.cast_unsigned() };
        Self { mark, reached }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_comes_back_as_it_was() {
        let mark =
            FileMark { path: "/a b/ü.log".into(), device: u64::MAX, inode: 2, fingerprint: Fingerprint::of(b"x") };
        let position = SavedPosition { mark, reached: Reached { offset: 1 << 40, done: (1 << 40) + 7 } };
        assert_eq!(SavedPosition::from(ConnectorPosition::from(&position)), position);
    }
}
