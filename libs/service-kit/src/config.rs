//! Configuration: one tree of structs, read once from a TOML file and the environment.
//!
//! Every field has a default, a doc line and a range. A key that is not known is an error that names it. The environment wins
//! over the file: `FLOWLEDGER__INGEST__BATCH_ROWS=1000` is `batch_rows` in section `ingest`.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat};
use secrecy::SecretString;
use serde::Serializer;
use serde::de::DeserializeOwned;

/// Prefix of the environment's variables; sections and keys follow, with two underscores between.
pub const ENVIRONMENT_PREFIX: &str = "FLOWLEDGER";

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or cannot be read.
    #[error("config file {path} cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// Not TOML, a key that is not known, or a value of the wrong type.
    #[error("config: {0}")]
    Malformed(String),
    /// A value out of its range.
    #[error("config: {0}")]
    OutOfRange(#[from] RangeError),
}

/// A value out of its range, with the key that holds it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} {problem}")]
pub struct RangeError {
    key: String,
    problem: String,
}

impl RangeError {
    /// `problem` is the rest of a sentence that begins with the key.
    #[must_use]
    pub fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }

    /// The same error seen from one level up: `at("ingest")` makes `batch_rows` to `ingest.batch_rows`.
    #[must_use]
    pub fn at(self, section: &str) -> Self {
        Self { key: format!("{section}.{}", self.key), ..self }
    }
}

/// A tree that knows the ranges of its fields.
pub trait Validate {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of its range.
    fn validate(&self) -> Result<(), RangeError>;
}

/// Checks one field.
///
/// # Errors
/// When `value` is outside `range`.
pub fn in_range<T: PartialOrd + Display + Copy>(
    key: &'static str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), RangeError> {
    if range.contains(&value) {
        Ok(())
    } else {
        Err(RangeError::new(key, format!("is {value}, not from {} to {}", range.start(), range.end())))
    }
}

/// Checks a short name: letters, digits, dots, hyphens and underscores.
///
/// # Errors
/// When `value` is none.
pub fn is_name(key: &'static str, value: &str) -> Result<(), RangeError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if (1..=64).contains(&value.len()) && value.bytes().all(is_allowed) {
        Ok(())
    } else {
        Err(RangeError::new(key, "is not 1 to 64 letters, digits, dots, hyphens and underscores"))
    }
}

/// Checks a duration, in seconds.
///
/// # Errors
/// When `value` is outside `range`.
pub fn seconds_in_range(
    key: &'static str,
    value: std::time::Duration,
    range: RangeInclusive<f64>,
) -> Result<(), RangeError> {
    in_range(key, value.as_secs_f64(), range)
}

/// Reads the file, if there is one, and the environment over it, and checks the tree.
///
/// # Errors
/// A file that cannot be read, a key that is not known, a value of the wrong type or out of range: each names the key.
pub fn load<T: DeserializeOwned + Validate>(file: Option<&Path>) -> Result<T, ConfigError> {
    let mut builder = Config::builder();
    if let Some(path) = file {
        let text = std::fs::read_to_string(path)
            .map_err(|reason| ConfigError::Unreadable { path: path.to_owned(), reason })?;
        builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
    }
    let environment = Environment::with_prefix(ENVIRONMENT_PREFIX)
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true)
        .list_separator(",")
        .with_list_parse_key("connector.inputs");
    let tree: T = builder
        .add_source(environment)
        .build()
        .and_then(Config::try_deserialize)
        .map_err(|error| ConfigError::Malformed(error.to_string()))?;
    tree.validate()?;
    Ok(tree)
}

/// For `#[serde(serialize_with)]` on secrets: a config that is printed shows `***` where one is set.
///
/// # Errors
/// Those of the serializer.
pub fn redacted<S: Serializer, T: Secret>(secret: &T, serializer: S) -> Result<S::Ok, S::Error> {
    if secret.is_set() { serializer.serialize_str("***") } else { serializer.serialize_none() }
}

/// What [`redacted`] can print.
pub trait Secret {
    /// True where there is something to hide.
    fn is_set(&self) -> bool;
}

impl Secret for SecretString {
    fn is_set(&self) -> bool {
        true
    }
}

impl Secret for Option<SecretString> {
    fn is_set(&self) -> bool {
        self.is_some()
    }
}

/// For `#[serde(with)]` on durations: seconds, with a fraction where one is needed.
pub mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// As seconds.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    /// From seconds.
    ///
    /// # Errors
    /// When the value is no number, negative, or too large.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        Duration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, Default, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Tree {
        ingest: Section,
    }

    #[derive(Debug, Default, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Section {
        batch_rows: u32,
        #[serde(serialize_with = "redacted")]
        password: Option<SecretString>,
    }

    impl Validate for Tree {
        fn validate(&self) -> Result<(), RangeError> {
            in_range("batch_rows", self.ingest.batch_rows, 1..=1000).map_err(|error| error.at("ingest"))
        }
    }

    fn loaded(text: &str) -> Result<Tree, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        load(Some(file.path())).map_err(|error| error.to_string())
    }

    #[test]
    fn value_comes_from_the_file() {
        assert_eq!(loaded("[ingest]\nbatch_rows = 7").unwrap().ingest.batch_rows, 7);
    }

    #[test]
    fn unknown_key_is_named() {
        let error = loaded("[ingest]\nbatch_rows = 7\nbatch_rowz = 8").unwrap_err();
        assert!(error.contains("batch_rowz"), "{error}");
    }

    #[test]
    fn value_out_of_range_is_named_with_its_range() {
        let error = loaded("[ingest]\nbatch_rows = 0").unwrap_err();
        assert_eq!(error, "config: ingest.batch_rows is 0, not from 1 to 1000");
    }

    #[test]
    fn file_that_is_not_there_is_named() {
        let error = load::<Tree>(Some(Path::new("no-such-file.toml"))).unwrap_err().to_string();
        assert!(error.contains("no-such-file.toml"), "{error}");
    }

    #[test]
    fn printed_secret_is_hidden() {
        let tree = loaded("[ingest]\nbatch_rows = 7\npassword = \"horse\"").unwrap();
        let printed = serde_json::to_string(&tree).unwrap();
        assert!(printed.contains("***") && !printed.contains("horse"), "{printed}");
        assert!(!format!("{tree:?}").contains("horse"));
    }
}
