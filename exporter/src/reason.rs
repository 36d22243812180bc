//! Why there is no file, or no object, for an admin: all reasons there are.
//!
//! Each is an English sentence, which the event has, the API and the page. Beside it the event has a code with values, by which a mail says the
//! same in its receiver's language. A code keeps its meaning and its values for good: events are. One that is not known here, of an
//! exporter of another version, is told by its sentence.

use std::fmt;

use report_life::{Failure, ReportLimit};
use report_writer::FILES_MAX;
use schemas::known_reason::KnownReason;

/// Why there is none. Values are what is told, but for those that are called English.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Connections could not be read.
    Database,
    /// The file could not be written.
    Store,
    /// What is counted does not fit memory.
    TooManyValues,
    /// It would be split into more than `most` files.
    TooManyFiles { most: u64 },
    /// It has not as many connections as there should be.
    Totals,
    /// More than its tenant may have.
    Limit(ReportLimit),
    /// What is asked for in a field cannot be made; `english` is a sentence that begins with the field.
    Request { field: String, english: String },
    /// A slice is a dead letter; `english` says why.
    SliceRefused { english: String },
    /// Another exporter goes on with it.
    TakenOver,
    /// Nobody wants it any more.
    Cancelled,
    /// Connections of an object could not be read.
    ObjectRows,
    /// An object could not be written.
    ObjectStore,
    /// Another object lies in its place.
    ObjectOccupied { key: String },
    /// The destination was taken out of the configuration.
    NoDestination { name: String },
}

/// It would be split into more files than there may be.
pub(crate) const TOO_MANY_FILES: Reason = Reason::TooManyFiles { most: FILES_MAX };

/// Longest sentence about a request, characters.
const ENGLISH_MAX: usize = 500;

impl Reason {
    /// That what a request asks for cannot be made. `english` begins with the field's name.
    pub(crate) fn of_request(english: &str) -> Self {
        // Events and mails have it, and some of it may be a stranger's words.
        let english: String = english.chars().take(ENGLISH_MAX).collect();
        let named = english.strip_prefix("the ").unwrap_or(&english);
        let field = named.split(' ').next().unwrap_or_default().to_owned();
        Self::Request { field, english }
    }

    /// Why the request itself is not allowed, with the name of its field or of the limit; none where it is no matter of the request.
    pub(crate) fn not_allowed(&self) -> Option<String> {
        match self {
            Self::Request { english, .. } => Some(english.clone()),
            Self::Limit(limit) => Some(format!("{}: {limit}", limit.setting())),
            Self::Database
            | Self::Store
            | Self::TooManyValues
            | Self::TooManyFiles { .. }
            | Self::Totals
            | Self::SliceRefused { .. }
            | Self::TakenOver
            | Self::Cancelled
            | Self::ObjectRows
            | Self::ObjectStore
            | Self::ObjectOccupied { .. }
            | Self::NoDestination { .. } => None,
        }
    }

    /// None where it is not known here.
    pub(crate) fn read(known: &KnownReason) -> Option<Self> {
        let number = |text: &String| text.parse::<u64>().ok();
        Some(match (known.code.as_str(), known.values.as_slice()) {
            ("database", []) => Self::Database,
            ("store", []) => Self::Store,
            ("too_many_values", []) => Self::TooManyValues,
            ("totals", []) => Self::Totals,
            ("too_many_files", [most]) => Self::TooManyFiles { most: number(most)? },
            ("limit_open", [open]) => Self::Limit(ReportLimit::Open { open: number(open)? }),
            ("limit_rows", [used, most]) => Self::Limit(ReportLimit::Rows { used: number(used)?, most: number(most)? }),
            ("limit_bytes", [used, most]) => {
                Self::Limit(ReportLimit::Bytes { used: number(used)?, most: number(most)? })
            }
            ("limit_asked", [asked, most]) => {
                Self::Limit(ReportLimit::Asked { asked: number(asked)?, most: number(most)? })
            }
            ("limit_rows_of_one", [rows, most]) => {
                Self::Limit(ReportLimit::RowsOfOne { rows: number(rows)?, most: number(most)? })
            }
            ("limit_rows_of_next", [rows, used, most]) => {
                let (rows, used, most) = (number(rows)?, number(used)?, number(most)?);
                Self::Limit(ReportLimit::RowsOfNext { rows, used, most })
            }
            ("request", [field, english]) => Self::Request { field: field.clone(), english: english.clone() },
            ("slice_refused", [english]) => Self::SliceRefused { english: english.clone() },
            ("taken_over", []) => Self::TakenOver,
            ("cancelled", []) => Self::Cancelled,
            ("object_rows", []) => Self::ObjectRows,
            ("object_store", []) => Self::ObjectStore,
            ("object_occupied", [key]) => Self::ObjectOccupied { key: key.clone() },
            ("no_destination", [name]) => Self::NoDestination { name: name.clone() },
            _ => return None,
        })
    }

    fn known(&self) -> KnownReason {
        let numbers = |numbers: &[u64]| numbers.iter().map(u64::to_string).collect();
        let (code, values) = match self {
            Self::Database => ("database", Vec::new()),
            Self::Store => ("store", Vec::new()),
            Self::TooManyValues => ("too_many_values", Vec::new()),
            Self::TooManyFiles { most } => ("too_many_files", numbers(&[*most])),
            Self::Totals => ("totals", Vec::new()),
            Self::Limit(limit) => match *limit {
                ReportLimit::Open { open } => ("limit_open", numbers(&[open])),
                ReportLimit::Rows { used, most } => ("limit_rows", numbers(&[used, most])),
                ReportLimit::Bytes { used, most } => ("limit_bytes", numbers(&[used, most])),
                ReportLimit::Asked { asked, most } => ("limit_asked", numbers(&[asked, most])),
                ReportLimit::RowsOfOne { rows, most } => ("limit_rows_of_one", numbers(&[rows, most])),
                ReportLimit::RowsOfNext { rows, used, most } => ("limit_rows_of_next", numbers(&[rows, used, most])),
            },
            Self::Request { field, english } => ("request", vec![field.clone(), english.clone()]),
            Self::SliceRefused { english } => ("slice_refused", vec![english.clone()]),
            Self::TakenOver => ("taken_over", Vec::new()),
            Self::Cancelled => ("cancelled", Vec::new()),
            Self::ObjectRows => ("object_rows", Vec::new()),
            Self::ObjectStore => ("object_store", Vec::new()),
            Self::ObjectOccupied { key } => ("object_occupied", vec![key.clone()]),
            Self::NoDestination { name } => ("no_destination", vec![name.clone()]),
        };
        KnownReason { code: code.to_owned(), values }
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self { reason: reason.to_string(), known: Some(reason.known()) }
    }
}

/// The English sentence.
impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Database => {
                "the connections could not be read from the database; please ask for the report again later"
            }
            Self::Store => "the file could not be written to the object store; please ask for the report again later",
            Self::TooManyValues => {
                "the connections have more groups, or more different values in them, than can be counted at once; please ask for \
                 a shorter range, for fewer Resources or Users, or, of traffic, for fewer dimensions and measures"
            }
            Self::TooManyFiles { most } => {
                return write!(
                    formatter,
                    "it would be split into more than {most} files; please ask for more rows or bytes in each, or for a shorter range"
                );
            }
            Self::Totals => {
                "it has not as many connections as were counted when they came, so some may be missing from the database; please tell \
                 the operator, and ask for the report again when that has been looked at"
            }
            Self::Limit(limit) => return write!(formatter, "{limit}"),
            Self::Request { english, .. } => english.as_str(),
            Self::SliceRefused { english } => {
                return write!(
                    formatter,
                    "a slice of it went to the dead letter, because {english}; please ask for it again"
                );
            }
            Self::TakenOver => "another exporter has taken the report over",
            Self::Cancelled => "the report was cancelled",
            Self::ObjectRows => "the connections could not be read from the database",
            Self::ObjectStore => "the object could not be written to its bucket",
            Self::ObjectOccupied { key } => {
                return write!(formatter, "another object lies at {key} in its bucket, and nothing is overwritten");
            }
            Self::NoDestination { name } => {
                return write!(formatter, "the operator has no destination {name} any more");
            }
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What stands in place of what is told in English alone.
    pub(crate) const ENGLISH: &str = "kind is <odd>, as nobody has it";

    /// One of each.
    pub(crate) fn each() -> Vec<Reason> {
        std::iter::successors(Some(Reason::Database), after).collect()
    }

    /// A new reason has to choose what it comes after.
    fn after(reason: &Reason) -> Option<Reason> {
        use ReportLimit::{Asked, Bytes, Open, Rows, RowsOfNext, RowsOfOne};
        Some(match reason {
            Reason::Database => Reason::Store,
            Reason::Store => Reason::TooManyValues,
            Reason::TooManyValues => TOO_MANY_FILES,
            Reason::TooManyFiles { .. } => Reason::Totals,
            Reason::Totals => Reason::Limit(Open { open: 50 }),
            Reason::Limit(Open { .. }) => Reason::Limit(Rows { used: 1_234_567, most: 1_000_000 }),
            Reason::Limit(Rows { .. }) => Reason::Limit(Bytes { used: 7_654_321, most: 7_000_000 }),
            Reason::Limit(Bytes { .. }) => Reason::Limit(Asked { asked: 2_001, most: 2_000 }),
            Reason::Limit(Asked { .. }) => Reason::Limit(RowsOfOne { rows: 31_000_000, most: 30_000_000 }),
            Reason::Limit(RowsOfOne { .. }) => Reason::Limit(RowsOfNext { rows: 6_001, used: 5_002, most: 11_000 }),
            Reason::Limit(RowsOfNext { .. }) => Reason::of_request(ENGLISH),
            Reason::Request { .. } => Reason::SliceRefused { english: ENGLISH.to_owned() },
            Reason::SliceRefused { .. } => Reason::TakenOver,
            Reason::TakenOver => Reason::Cancelled,
            Reason::Cancelled => Reason::ObjectRows,
            Reason::ObjectRows => Reason::ObjectStore,
            Reason::ObjectStore => Reason::ObjectOccupied { key: "acme/1/live/<x>-000000042.ndjson.gz".to_owned() },
            Reason::ObjectOccupied { .. } => Reason::NoDestination { name: "lake & sons".to_owned() },
            Reason::NoDestination { .. } => return None,
        })
    }

    #[test]
    fn each_reason_has_a_code_and_a_sentence_of_its_own_and_is_found_again_with_its_values() {
        let (mut codes, mut sentences) = (BTreeSet::new(), BTreeSet::new());
        for reason in each() {
            let Failure { reason: sentence, known } = reason.clone().into();
            let known = known.unwrap();
            assert_eq!(Reason::read(&known).as_ref(), Some(&reason));
            for value in &known.values {
                assert!(sentence.contains(value), "{value}: {sentence}");
            }
            assert!(codes.insert(known.code) && sentences.insert(sentence), "{reason:?}");
        }
        assert_eq!(codes.len(), 19, "a code that was given is not taken back: events have it");
    }

    #[test]
    fn what_another_version_knows_is_not_guessed() {
        let read = |code: &str, values: &[&str]| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            Reason::read(&KnownReason { code: code.to_owned(), values })
        };
        assert_eq!(read("store", &[]), Some(Reason::Store));
        for (code, values) in [
            ("of_tomorrow", &[][..]),
            ("store", &["7"][..]),
            ("limit_rows", &["7"][..]),
            ("limit_rows", &["7", "8", "9"][..]),
            ("limit_rows", &["7", "many"][..]),
            ("", &[][..]),
        ] {
            assert_eq!(read(code, values), None, "{code} {values:?}");
        }
    }

    #[test]
    fn requests_fields_and_limits_are_not_allowed_and_nothing_else() {
        for reason in each() {
            let why = reason.not_allowed();
            match reason {
                Reason::Request { .. } => assert_eq!(why.unwrap(), ENGLISH),
                Reason::Limit(_) => assert!(why.unwrap().starts_with("limits."), "{reason:?}"),
                other => assert_eq!(why, None, "{other:?}"),
            }
        }
    }

    #[test]
    fn words_of_a_stranger_are_few() {
        let reason = Reason::of_request(&format!("columns{}", "ü".repeat(400_000)));
        let Failure { reason, known } = reason.into();
        assert_eq!((reason.chars().count(), known.unwrap().values.concat().chars().count()), (500, 1_000));
    }

    #[test]
    fn field_of_a_request_is_the_first_word() {
        for (english, expected) in [
            ("table.by names nothing", "table.by"),
            ("the range is empty", "range"),
            ("columns has one twice: user", "columns"),
            ("", ""),
        ] {
            let reason = Reason::of_request(english);
            assert_eq!(reason, Reason::Request { field: expected.to_owned(), english: english.to_owned() });
        }
    }
}
