//! Configuration: one tree of structs, read once from a TOML file and the environment.
//!
//! Every field has a default, a doc line and a range. A key that is not known is an error that names it. The environment wins
//! over the file: `FLOWLEDGER__INGEST__BATCH_ROWS=1000` is `batch_rows` in section `ingest`.
//!
//! What the environment says is text until a field takes it: a tenant `0042` keeps its zeros. An error never shows a line of the file, which
//! may hold a secret.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat, Map};
use secrecy::SecretString;
use serde::Serializer;
use serde::de::DeserializeOwned;

/// Prefix of the environment's variables; sections and keys follow, with two underscores between.
pub const ENVIRONMENT_PREFIX: &str = "FLOWLEDGER";
/// The one list that a variable can give, its members with commas between: the variable and the key.
const LIST: (&str, &str) = ("FLOWLEDGER__CONNECTOR__INPUTS", "connector.inputs");

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
    load_with(file, variables()?)
}

/// [`load`] with these variables of the environment.
fn load_with<T: DeserializeOwned + Validate>(
    file: Option<&Path>,
    variables: Map<String, String>,
) -> Result<T, ConfigError> {
    let mut builder = Config::builder();
    if let Some(path) = file {
        let text = std::fs::read_to_string(path)
            .map_err(|reason| ConfigError::Unreadable { path: path.to_owned(), reason })?;
        check_form(path, &text)?;
        builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
    }
    let list = variables.iter().find(|(name, _)| name.eq_ignore_ascii_case(LIST.0));
    let list = list.map(|(_, members)| members.split(',').map(str::to_owned).collect::<Vec<_>>());
    // No guessing at what is a number: `0042` and `1e3` may be names and passwords. Fields that are numbers read theirs themselves.
    let environment = Environment::with_prefix(ENVIRONMENT_PREFIX).prefix_separator("__").separator("__");
    let tree: T = builder
        .add_source(environment.source(Some(variables)))
        .set_override_option(LIST.1, list)
        .and_then(|builder| builder.build()?.try_deserialize())
        .map_err(|error| ConfigError::Malformed(error.to_string()))?;
    tree.validate()?;
    Ok(tree)
}

/// Those of the environment that are ours.
fn variables() -> Result<Map<String, String>, ConfigError> {
    let all = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let prefix = format!("{ENVIRONMENT_PREFIX}__");
    all.filter(|(name, _)| name.to_ascii_uppercase().starts_with(&prefix))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(ConfigError::Malformed(format!("the value of {name} in the environment is no UTF-8"))),
        })
        .collect()
}

/// Says where a file is no TOML, and why. The parser's own words show the line, and with it the secret that stands there.
fn check_form(path: &Path, text: &str) -> Result<(), ConfigError> {
    let Err(error) = toml::de::DeTable::parse(text) else { return Ok(()) };
    let before = error.span().and_then(|at| text.get(..at.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    Err(ConfigError::Malformed(format!("{} line {line}: {}", path.display(), error.message())))
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

    use secrecy::ExposeSecret;
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, Default, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Tree {
        ingest: Section,
        connector: Inputs,
    }

    #[derive(Debug, Default, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Inputs {
        inputs: Vec<String>,
    }

    #[derive(Debug, Default, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Section {
        batch_rows: u32,
        #[serde(serialize_with = "redacted")]
        password: Option<SecretString>,
        source: String,
        #[serde(with = "seconds")]
        age: std::time::Duration,
        loud: bool,
    }

    impl Validate for Tree {
        fn validate(&self) -> Result<(), RangeError> {
            in_range("batch_rows", self.ingest.batch_rows, 1..=1000).map_err(|error| error.at("ingest"))
        }
    }

    fn in_environment(variables: &[(&str, &str)]) -> Result<Tree, String> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        load_with(None, variables).map_err(|error| error.to_string())
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
    fn variable_that_looks_like_a_number_stays_the_text_it_is() {
        let rows = ("FLOWLEDGER__INGEST__BATCH_ROWS", "1");
        for text in ["0042", "1e3", "1.10", "infinity", "TRUE", "00420042", "12345678901234567890", "a,b", ""] {
            let tree = in_environment(&[
                rows,
                ("FLOWLEDGER__INGEST__PASSWORD", text),
                ("FLOWLEDGER__INGEST__SOURCE", text),
                ("UNRELATED", text),
            ]);
            let section = tree.unwrap().ingest;
            assert_eq!((section.password.unwrap().expose_secret(), section.source.as_str()), (text, text));
        }
    }

    #[test]
    fn numbers_seconds_truths_and_the_list_come_from_variables_too() {
        let tree = in_environment(&[
            ("FLOWLEDGER__INGEST__BATCH_ROWS", "7"),
            ("FLOWLEDGER__INGEST__AGE", "0.5"),
            ("FLOWLEDGER__INGEST__LOUD", "true"),
            ("flowledger__connector__inputs", "a.log,0042"),
        ]);
        let Tree { ingest, connector } = tree.unwrap();
        assert_eq!((ingest.batch_rows, ingest.age.as_millis(), ingest.loud), (7, 500, true));
        assert_eq!(connector.inputs, ["a.log", "0042"]);
        let one = in_environment(&[("FLOWLEDGER__INGEST__BATCH_ROWS", "7"), ("FLOWLEDGER__CONNECTOR__INPUTS", "7")]);
        assert_eq!(one.unwrap().connector.inputs, ["7"]);
        let error = in_environment(&[("FLOWLEDGER__INGEST__BATCH_ROWS", "many")]).unwrap_err();
        assert!(error.contains("batch_rows"), "{error}");
    }

    #[test]
    fn line_with_a_secret_is_named_and_not_shown() {
        for wrong in
            ["password = horse", "password = \"horse\\q\"", "password = \"horse", "password = 'a'\npassword = 'horse'"]
        {
            let error = loaded(&format!("[ingest]\nbatch_rows = 7\n{wrong}\n")).unwrap_err();
            let line = 2 + wrong.lines().count();
            assert!(error.contains(&format!(" line {line}: ")) && !error.contains("horse"), "{error}");
        }
    }

    #[test]
    fn printed_secret_is_hidden() {
        let tree = loaded("[ingest]\nbatch_rows = 7\npassword = \"horse\"").unwrap();
        let printed = serde_json::to_string(&tree).unwrap();
        assert!(printed.contains("***") && !printed.contains("horse"), "{printed}");
        assert!(!format!("{tree:?}").contains("horse"));
    }
}
