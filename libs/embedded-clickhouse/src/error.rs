//! Errors of the engine as HTTP statuses, the way a server maps them.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the engine does not run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The library is not there, or is not libchdb.
    #[error("engine {library} cannot be loaded: {reason}")]
    NotLoaded {
        /// The file.
        library: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// The data cannot be opened.
    #[error("data in {data} cannot be opened: {reason}")]
    NoData {
        /// The folder.
        data: PathBuf,
        /// What the engine said.
        reason: String,
    },
    /// The address is not loopback: the engine has no users.
    #[error("{0} is not loopback: the embedded engine knows no users and has to stay on this machine")]
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot serve: {0}")]
    Serve(#[from] std::io::Error),
}

/// What the engine said of one statement: `Code: N. DB::Exception: ...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exception(pub(crate) String);

impl Exception {
    /// An exception of our own, in the engine's form.
    pub(crate) fn new(code: i32, message: &str, name: &str) -> Self {
        Self(format!("Code: {code}. DB::Exception: {message}. ({name})"))
    }

    /// ClickHouse's error code; 1002 (unknown) where the text has none.
    pub(crate) fn code(&self) -> i32 {
        let digits =
            self.0.split_once("Code: ").map(|(_, rest)| rest.split(|char: char| !char.is_ascii_digit()).next());
        digits.flatten().and_then(|digits| digits.parse().ok()).unwrap_or(1002)
    }

    /// The HTTP status that a server gives for this code.
    pub(crate) fn status(&self) -> u16 {
        match self.code() {
            194 | 516 => 401,
            192 | 193 | 497 => 403,
            6 | 26 | 27 | 36 | 38 | 41 | 43 | 44 | 53 | 62 | 69 | 72 | 117 | 130 | 131 | 207 | 321 | 456 | 457
            | 467 => 400,
            46 | 47 | 50 | 51 | 56 | 60 | 63 | 73 | 81 | 115 | 225 => 404,
            48 => 501,
            159 => 408,
            223 => 413,
            76 | 209 | 439 => 503,
            _ => 500,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_read_from_the_engines_text() {
        let exception = Exception("Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)".to_owned());
        assert_eq!((exception.code(), exception.status()), (60, 404));
        assert_eq!(Exception("odd".to_owned()).code(), 1002);
    }
}
