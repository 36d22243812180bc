//! What ClickHouse says, grouped by what the caller does next.

use clickhouse::error::Error;

use crate::refusal::Refusal;

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

    /// What the caller does next.
    #[must_use]
    pub fn next_step(&self) -> NextStep {
        match self {
            Self::NoAnswer(_) | Self::Cut { .. } => NextStep::Retry,
            Self::Mismatch(_) => NextStep::Stop,
            Self::Refused { code, reason } => Refusal::of(*code, reason).next_step(),
        }
    }

    /// True of a question that took all the memory, or all the time, that one may: the server is well, and less has to be asked for. What
    /// the whole server has no memory for is no such thing.
    #[must_use]
    pub fn is_too_much(&self) -> bool {
        // TIMEOUT_EXCEEDED.
        self.is_over_its_memory() || matches!(self, Self::Refused { code: 159, .. })
    }

    /// True of a statement that took all the memory that it alone may.
    #[must_use]
    pub fn is_over_its_memory(&self) -> bool {
        // MEMORY_LIMIT_EXCEEDED, in the words of today and of servers before 25.
        matches!(self, Self::Refused { code: 241, reason }
            if reason.contains("Query memory limit exceeded") || reason.contains("(for query)"))
    }

    /// True where the server has more to do, or less memory, than it can take now, whatever was asked for: it wants to be asked for less.
    #[must_use]
    pub fn is_overload(&self) -> bool {
        matches!(self.refusal(), Some(Refusal::Busy | Refusal::MemoryLimit)) && !self.is_too_much()
    }

    /// Why the server refused; `None` where it did not.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused { code, reason } => Some(Refusal::of(*code, reason)),
            Self::NoAnswer(_) | Self::Cut { .. } | Self::Mismatch(_) => None,
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
    fn question_is_too_much_where_its_own_limits_end_it_and_not_the_servers() {
        for (text, expected) in [
            ("Code: 241. DB::Exception: Query memory limit exceeded: would use 4.01 GiB, maximum: 4.00 GiB.", true),
            ("Code: 241. DB::Exception: Memory limit (for query) exceeded: would use 4.01 GiB", true),
            ("Code: 241. DB::Exception: (total) memory limit exceeded: would use 14.01 GiB", false),
            ("Code: 241. DB::Exception: User memory limit exceeded: would use 9.01 GiB", false),
            ("Code: 159. DB::Exception: Timeout exceeded: elapsed 120.1 seconds, maximum: 120", true),
            ("Code: 202. DB::Exception: Too many simultaneous queries", false),
            ("connection reset", false),
        ] {
            assert_eq!(QueryError::from_text(text).is_too_much(), expected, "{text}");
        }
    }

    #[test]
    fn server_is_overloaded_where_it_refuses_whatever_is_asked() {
        for (text, expected) in [
            ("Code: 202. DB::Exception: Too many simultaneous queries", true),
            ("Code: 745. DB::Exception: CPU is overloaded", true),
            ("Code: 241. DB::Exception: (total) memory limit exceeded: would use 14.01 GiB", true),
            ("Code: 241. DB::Exception: Query memory limit exceeded: would use 4.01 GiB, maximum: 4.00 GiB.", false),
            ("Code: 159. DB::Exception: Timeout exceeded: elapsed 120.1 seconds, maximum: 120", false),
            ("Code: 252. DB::Exception: Too many parts", false),
            ("connection reset", false),
        ] {
            assert_eq!(QueryError::from_text(text).is_overload(), expected, "{text}");
        }
    }

    #[test]
    fn answer_with_a_code_is_a_refusal_and_any_other_is_none() {
        for (text, refusal, step) in [
            ("Code: 60. DB::Exception: no table", Some(Refusal::Schema), NextStep::Stop),
            ("Code: 252. DB::Exception: Too many parts", Some(Refusal::TooManyParts), NextStep::Retry),
            ("Code: 469. DB::Exception: Constraint violated", Some(Refusal::Row), NextStep::Isolate),
            ("connection reset", None, NextStep::Retry),
            ("502 Bad Gateway", None, NextStep::Retry),
        ] {
            let error = QueryError::from_text(text);
            assert_eq!((error.refusal(), error.next_step()), (refusal, step), "{text}");
        }
    }
}
