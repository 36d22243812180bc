//! A file in MaxMind's format, whatever is in it.

use std::fmt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use maxminddb::{MaxMindDbError, Reader};
use schemas::addresses::Address;
use serde::Deserialize;

/// Why a database cannot be used. Says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No such file, or not for us to read.
    #[error("{} cannot be read ({reason}): put a database there that has {wanted} in its type, or take the setting away", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        reason: std::io::Error,
        /// Parts of types that will do.
        wanted: String,
    },
    /// Another format, cut off, or changed on its way.
    #[error("{} is no database in MaxMind's format, or damaged: fetch it again ({reason})", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A database of something else.
    #[error("{} is of type {found:?}: one that has {wanted} in its type is needed", path.display())]
    WrongType {
        /// The file.
        path: PathBuf,
        /// What the file says that it is.
        found: String,
        /// Parts of types that will do.
        wanted: String,
    },
}

/// Which issue of a database it is that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edition {
    /// As the file has it, `GeoLite2-City`.
    pub database_type: String,
    /// When it was built.
    pub built_at: Timestamp,
}

impl fmt::Display for Edition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {}", self.database_type, self.built_at)
    }
}

/// The whole file in memory. A mapping would share it between processes, but is undefined behaviour where somebody writes the file
/// over in place, as download scripts do.
#[derive(Debug)]
pub(crate) struct Database {
    reader: Reader<Vec<u8>>,
    edition: Edition,
}

impl Database {
    /// Reads and checks the file. Its type has to hold one of `wanted`.
    pub(crate) fn open(path: &Path, wanted: &[&str]) -> Result<Self, OpenError> {
        let one_of = || wanted.join(" or ");
        let path_buf = || path.to_owned();
        let damaged = |reason: &dyn fmt::Display| OpenError::Damaged { path: path_buf(), reason: reason.to_string() };
        let bytes = std::fs::read(path).map_err(|reason| OpenError::Unreadable {
            path: path_buf(),
            reason,
            wanted: one_of(),
        })?;
        let reader = Reader::from_source(bytes).map_err(|error| damaged(&error))?;
        let metadata = reader.metadata();
        let database_type = metadata.database_type.clone();
        if !wanted.iter().any(|part| database_type.contains(part)) {
            return Err(OpenError::WrongType { path: path_buf(), found: database_type, wanted: one_of() });
        }
        reader.verify().map_err(|error| damaged(&error))?;
        let built_at = i64::try_from(metadata.build_epoch).unwrap_or(i64::MAX);
        let built_at = Timestamp::from_second(built_at).map_err(|error| damaged(&error))?;
        Ok(Self { edition: Edition { database_type, built_at }, reader })
    }

    pub(crate) fn edition(&self) -> &Edition {
        &self.edition
    }

    /// The entry of an address. IPv6 in a database of IPv4 has none, nor has an entry of another form than its type says.
    pub(crate) fn entry<'a, T: Deserialize<'a>>(&'a self, address: Address) -> Option<T> {
        let entry = |address| -> Result<Option<T>, MaxMindDbError> { self.reader.lookup(address)?.decode() };
        entry(address.to_ip()).ok().flatten()
    }
}
