//! Headers of events and dead letters.

use schemas::ids::Tenant;
use schemas::topics::headers;
use sha2::{Digest, Sha256};

use crate::adapters::positions::hexadecimal;
use crate::config::LogVersion;
use crate::line::{Content, LONG_LINE_HEAD_BYTES, Line};

/// Where an event's line stands, for its headers.
pub(crate) struct EventHeaders<'a> {
    file: Option<(&'a str, String)>,
}

impl<'a> EventHeaders<'a> {
    /// Headers of the line that begins at `start` of `file`; none where they are not wanted.
    pub(crate) fn of(are_wanted: bool, file: &'a str, start: u64) -> Self {
        Self { file: are_wanted.then(|| (file, start.to_string())) }
    }

    /// As a record takes them.
    pub(crate) fn as_slice(&self) -> Vec<(&'static str, &[u8])> {
        match &self.file {
            None => Vec::new(),
            Some((file, start)) => vec![(headers::FILE, file.as_bytes()), (headers::FILE_OFFSET, start.as_bytes())],
        }
    }
}

/// What a dead letter says of its line.
pub(crate) struct LineFacts<'a> {
    reason: &'a str,
    file: &'a str,
    offset: String,
    tenant: &'a str,
    version: LogVersion,
    length: String,
    sha256: String,
}

impl<'a> LineFacts<'a> {
    /// The facts of a line of `file`.
    pub(crate) fn of(line: &Line, reason: &'a str, file: &'a str, tenant: &'a Tenant, version: LogVersion) -> Self {
        let (length, sha256) = match &line.content {
            Content::Long(long) => (long.length, hexadecimal(&long.sha256)),
            Content::Whole(bytes) | Content::NotWrapped(bytes) => {
                (bytes.len() as u64, hexadecimal(&Sha256::digest(bytes)))
            }
        };
        let (offset, length) = (line.start.to_string(), length.to_string());
        Self { reason, file, offset, tenant: tenant.as_str(), version, length, sha256 }
    }

    /// The bytes of the line: all that are held, or the beginning.
    pub(crate) fn payload(line: &Line, whole: bool) -> &[u8] {
        let kept = line.content.kept();
        if whole { kept } else { &kept[..kept.len().min(LONG_LINE_HEAD_BYTES)] }
    }

    /// As a record takes them.
    pub(crate) fn headers(&self) -> [(&'static str, &[u8]); 7] {
        [
            (headers::REASON, self.reason.as_bytes()),
            (headers::FILE, self.file.as_bytes()),
            (headers::FILE_OFFSET, self.offset.as_bytes()),
            (headers::TENANT, self.tenant.as_bytes()),
            (headers::LOG_VERSION, self.version.name().as_bytes()),
            (headers::LINE_LENGTH, self.length.as_bytes()),
            (headers::LINE_SHA256, self.sha256.as_bytes()),
        ]
    }
}
