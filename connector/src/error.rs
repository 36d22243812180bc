//! Errors, grouped by what happens next: a line becomes a dead letter, or the connector ends.

use std::path::PathBuf;

use service_kit::config::RangeError;

/// Why a line is not an event. The text is the reason in its dead letter; it holds nothing of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unreadable {
    /// Over [`crate::line::LINE_BYTES_MAX`].
    #[error("longer than 524288 bytes")]
    TooLong,
    /// A line of a container's log in another form than the config says.
    #[error("not wrapped as configured")]
    NotWrapped,
    /// The JSON is no UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// No JSON.
    #[error("not JSON")]
    NotJson,
    /// JSON, but no object.
    #[error("not a JSON object")]
    NotAJsonObject,
    /// A field that is needed is absent or null, or empty where it may not be.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A value that its field does not have.
    #[error("{0} is unknown")]
    Unknown(&'static str),
    /// No JSON integer, or out of range.
    #[error("{0} is not a whole number from 0 to {1}")]
    NotWhole(&'static str, u64),
    /// No id.
    #[error("{0} is not a decimal number as text")]
    NotAnId(&'static str),
    /// No string.
    #[error("{0} is not text")]
    NotText(&'static str),
    /// No object.
    #[error("{0} is not an object")]
    NotAnObject(&'static str),
    /// No address.
    #[error("{0} is not an address")]
    NotAnAddress(&'static str),
    /// Who connected is not said, or said twice.
    #[error("neither or both of user and service_account")]
    NotOneIdentity,
    /// The connection would have begun before 1970.
    #[error("connection.duration reaches before 1970")]
    BeginsBefore1970,
    /// No list of relays.
    #[error("relays is not a list of objects")]
    NotRelays,
}

/// What Kafka did not take. Outages are not among it: the producer waits them out.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// This record will never be taken; the line becomes a dead letter.
    #[error("record is refused: {0}")]
    Refused(String),
    /// Nothing since the last commit will be there: it is done again in another transaction.
    #[error("the transaction has to be done again: {0}")]
    DoAgain(String),
    /// Another connector has taken the name, or a transaction took longer than the broker lets it. Nothing that was not committed is
    /// there, and the other one reads on from what was.
    #[error(
        "another connector has begun under the same connector.instance, which only one may have; or a transaction took longer than \
         connector.transaction_max: where this is the only one, start it again ({0})"
    )]
    Fenced(String),
    /// The producer cannot go on.
    #[error("Kafka cannot be written to: {0}")]
    Broken(String),
}

/// Why a connector ended. Nothing is lost: the next start reads on from the kept positions.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The config cannot be used.
    #[error("connector.{0}")]
    Config(#[from] RangeError),
    /// Places of addresses cannot be looked up.
    #[error("connector.geoip_database: {0}")]
    Places(#[from] address_lookup::OpenError),
    /// Positions cannot be kept, or not be read.
    #[error("positions in {path}: {reason}")]
    Positions {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        reason: std::io::Error,
    },
    /// Another connector uses the folder.
    #[error("positions in {0} are in use by another connector")]
    PositionsInUse(PathBuf),
    /// An input cannot be read, and the connector was to read everything once.
    #[error("{path} cannot be read: {reason}")]
    Input {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        reason: std::io::Error,
    },
    /// The registry does not take the schema.
    #[error(transparent)]
    Registry(#[from] schema_registry::RegistryError),
    /// The schema of this build is broken.
    #[error(transparent)]
    Schema(#[from] schema_registry::EncodeError),
    /// Positions in their topic cannot be read.
    #[error("positions in topic connector-positions: {0}")]
    Topic(String),
    /// Kafka's client cannot be made or go on, or takes not even a dead letter.
    #[error(transparent)]
    Kafka(#[from] WriteError),
    /// The reader ended by a panic.
    #[error("reader of the inputs ended unexpectedly")]
    ReaderGone,
}
