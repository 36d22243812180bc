//! Why a record becomes no row.

use std::fmt;

use schemas::connection_event::ContractBreach;

use crate::cursor::Fault;

/// Why a record becomes no row: the reason of its dead letter, one line, with nothing of the record's content in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not what its schema says, or a value is not what its type allows.
    Unreadable {
        /// The field, by its path; empty where it is the body as a whole.
        field: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// So many bytes stand behind the Avro body.
    TrailingBytes(usize),
    /// It is what its schema says, and breaks the contract.
    Breach(ContractBreach),
}

impl Refusal {
    pub(crate) const fn unreadable(field: &'static str, fault: Fault) -> Self {
        Self::Unreadable { field, reason: fault.reason() }
    }
}

impl From<ContractBreach> for Refusal {
    fn from(breach: ContractBreach) -> Self {
        Self::Breach(breach)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { field: "", reason } => write!(formatter, "not what its schema says: {reason}"),
            Self::Unreadable { field, reason } => write!(formatter, "not what its schema says: {field}: {reason}"),
            Self::TrailingBytes(bytes) => write!(formatter, "{bytes} bytes after the Avro body"),
            Self::Breach(breach) => breach.fmt(formatter),
        }
    }
}

impl std::error::Error for Refusal {}
