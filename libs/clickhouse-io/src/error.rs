//! What ClickHouse says, grouped by what the caller does next.

use clickhouse::error::Error;

/// What the caller of a statement does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// Try the same again, later.
    Retry,
    /// The data are refused: find the row.
    Isolate,
    /// Only an operator can mend it.
    Stop,
}

/// Why a statement did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// No answer, or one that was cut: it may have been done.
    #[error("ClickHouse gave no whole answer: {0}")]
    NoAnswer(String),
    /// Refused with one of ClickHouse's error codes.
    #[error("ClickHouse refuses: code {code}: {reason}")]
    Refused {
        /// ClickHouse's error code.
        code: i32,
        /// The beginning of its message.
        reason: String,
    },
    /// Fewer rows came than were counted before.
    #[error("{expected} rows were counted and {found} came")]
    Cut {
        /// Counted before.
        expected: u64,
        /// Came.
        found: u64,
    },
    /// A row does not have the shape that this program knows.
    #[error("rows do not fit this program: {0}")]
    Mismatch(String),
}

impl QueryError {
    pub(crate) fn from_client(error: &Error) -> Self {
        match error {
            Error::BadResponse(text) => Self::from_text(text),
            Error::Network(_) | Error::TimedOut | Error::Decompression(_) | Error::NotEnoughData => {
                Self::NoAnswer(brief(&described(error)))
            }
            Error::SchemaMismatch(_) | Error::InvalidColumnsHeader(_) => Self::Mismatch(brief(&error.to_string())),
            other => match Self::from_text(&described(other)) {
                Self::NoAnswer(_) => Self::Mismatch(brief(&described(other))),
                refused => refused,
            },
        }
    }

    fn from_text(text: &str) -> Self {
        let digits = text.split_once("Code: ").map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit));
        match digits.and_then(|digits| digits.collect::<String>().parse().ok()) {
            Some(code) => Self::Refused { code, reason: brief(text) },
            None => Self::NoAnswer(brief(text)),
        }
    }

    /// What the caller does next. Codes are those of ClickHouse's `ErrorCodes.cpp`.
    #[must_use]
    pub fn next_step(&self) -> NextStep {
        match self {
            Self::NoAnswer(_) | Self::Cut { .. } => NextStep::Retry,
            Self::Mismatch(_) => NextStep::Stop,
            Self::Refused { code, .. } => match code {
                // Cannot parse, cannot convert, out of range, incorrect data, bad value for the column.
                6 | 26 | 27 | 33 | 38 | 41 | 43 | 53 | 69 | 70 | 72 | 117 | 130 | 131 | 190 | 321 | 349 | 407 | 441
                | 469 | 675 | 676 | 691 => NextStep::Isolate,
                // Unknown table, database, column, setting, function; sign-in; rights; syntax: the same again helps nobody.
                16 | 36 | 46 | 47 | 60 | 62 | 81 | 115 | 192 | 193 | 194 | 291 | 344 | 497 | 516 => NextStep::Stop,
                // Memory, parts, disk, read-only, timeouts, keeper, shutting down, and what is not known: later.
                _ => NextStep::Retry,
            },
        }
    }
}

/// An error with its causes.
fn described(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// One line of at most 400 characters.
fn brief(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).take(400).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_decides_what_comes_next() {
        for (text, step) in [
            ("Code: 60. DB::Exception: no table", NextStep::Stop),
            ("Code: 252. DB::Exception: Too many parts", NextStep::Retry),
            ("Code: 241. DB::Exception: Memory limit exceeded", NextStep::Retry),
            ("Code: 242. DB::Exception: Table is in readonly mode", NextStep::Retry),
            ("Code: 243. DB::Exception: not enough space", NextStep::Retry),
            ("Code: 33. DB::Exception: Cannot read all data", NextStep::Isolate),
            ("connection reset", NextStep::Retry),
        ] {
            assert_eq!(QueryError::from_text(text).next_step(), step, "{text}");
        }
    }
}
