//! A writer's schema, resolved once against ours into a flat program: which instruction reads which bytes into which place.

mod default_value;
mod emit;
mod resolve;
mod run;
mod skip;

use apache_avro::Schema;
use apache_avro::schema::ResolvedSchema;
use schemas::avro_schemas::CONNECTION_EVENT;

pub(crate) use run::{Reading, run};

use emit::Emitter;
use resolve::{Resolver, Typed};
use skip::Skip;

/// The longest reason that is kept, characters.
const REASON_MAX: usize = 200;

/// Why values of a writer's schema cannot be read: one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Mismatch(String);

impl Mismatch {
    fn new(reason: impl Into<String>) -> Self {
        let one_line = |char: char| if char.is_control() { ' ' } else { char };
        Self(reason.into().chars().map(one_line).take(REASON_MAX).collect())
    }

    /// The same inside something that has a name.
    fn within(self, name: &str) -> Self {
        Self::new(format!("{name}: {}", self.0))
    }
}

/// One instruction. Numbers are places of [`crate::slots`] or indexes into the program's own tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// A text into its place.
    Text(u8),
    /// Nothing or a text, null first.
    TextOrNull(u8),
    /// A long of 0 or more.
    Natural(u8),
    /// Nothing or a long of 0 or more, null first.
    NaturalOrNull { slot: u8, presence: u8 },
    /// An int of 0 or more.
    NaturalInt(u8),
    /// A long.
    Time(u8),
    /// An int.
    TimeInt(u8),
    /// An int from 0 to 65535.
    Port(u8),
    /// A double.
    Double(u8),
    /// Nothing or a double, null first.
    DoubleOrNull { slot: u8, presence: u8 },
    /// A float.
    Float(u8),
    /// A long, made a double.
    DoubleOfLong(u8),
    /// An int, made a double.
    DoubleOfInt(u8),
    /// 16 bytes.
    Fixed(u8),
    /// Nothing or 16 bytes, null first.
    FixedOrNull { slot: u8, presence: u8 },
    /// A symbol; `table` gives the number of each of the writer's symbols.
    Symbol { slot: u8, table: u16 },
    /// This value is there.
    Present(u8),
    /// The text is absent.
    NoText(u8),
    /// The text is empty.
    EmptyText(u8),
    /// The text is a default of ours.
    DefaultText { slot: u8, index: u16 },
    /// The number is a default of ours.
    DefaultNumber { slot: u8, index: u16 },
    /// The 16 bytes are a default of ours.
    DefaultFixed { slot: u8, index: u16 },
    /// The symbol is a default of ours.
    DefaultSymbol { slot: u8, code: u8 },
    /// The index of a union's branch: go on where `jumps[first + branch]` says.
    Union { first: u16, branches: u8 },
    /// Go on there.
    Jump(u16),
    /// This branch of a union cannot be read as what we need.
    Refuse,
    /// The number of items of an array's next block; at its end go on behind the array, which ends with the [`Op::Relay`] before `end`.
    Relays { end: u16 },
    /// A relay is whole: the next one begins behind the array's [`Op::Relays`], which stands at `begin`.
    Relay { begin: u16 },
    /// A value that only the writer has.
    Skip(u16),
}

/// Reads events that were written with one schema. Made once for each schema id; shared freely.
#[derive(Clone, Debug, Default)]
pub struct Program {
    ops: Vec<Op>,
    /// For each instruction the field that it is about.
    fields: Vec<&'static str>,
    jumps: Vec<u16>,
    /// For each enum of the writer the numbers of its symbols; [`emit::NO_CODE`] for one that we cannot take.
    codes: Vec<Vec<u8>>,
    numbers: Vec<u64>,
    fixed: Vec<[u8; 16]>,
    /// Defaults that are texts, one after the other, and where each begins and how long it is.
    texts: Vec<u8>,
    text_places: Vec<(u32, u32)>,
    skips: Vec<Skip>,
}

impl Program {
    /// Resolves a writer's schema against today's `connection-event.avsc`, by the rules of Avro's specification; logical types are
    /// ignored.
    ///
    /// # Errors
    /// When the schema cannot be parsed, or values of it cannot be read with ours. Each value of it is then a refusal for this reason.
    pub fn new(writer_schema: &str) -> Result<Self, Mismatch> {
        Self::between(writer_schema, CONNECTION_EVENT.schema)
    }

    /// [`Self::new`] against another version of ours.
    pub(crate) fn between(writer_schema: &str, reader_schema: &str) -> Result<Self, Mismatch> {
        let parsed = |text: &str| Schema::parse_str(text).map_err(|error| Mismatch::new(error.to_string()));
        let (writer, reader) = (parsed(writer_schema)?, parsed(reader_schema)?);
        let named = |schema| ResolvedSchema::new(schema).map_err(|error| Mismatch::new(error.to_string()));
        let (writer_names, reader_names) = (named(&writer)?, named(&reader)?);
        let mut resolver = Resolver::new(writer_names.get_names(), reader_names.get_names());
        resolver.resolve(Typed::root(&writer), Typed::root(&reader), "")?;
        Ok(resolver.into_program())
    }

    /// Texts that defaults need behind the body.
    pub(crate) fn default_texts(&self) -> &[u8] {
        &self.texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_schema_becomes_a_short_program_without_skips_or_defaults() {
        let program = Program::new(CONNECTION_EVENT.schema).unwrap();
        assert!(program.ops.len() < 60, "{:?}", program.ops);
        assert!(program.skips.is_empty() && program.texts.is_empty() && program.numbers.is_empty());
        assert_eq!(program.ops.len(), program.fields.len());
        assert_eq!(size_of::<Op>(), 4);
    }

    #[test]
    fn every_published_version_is_read() {
        for published in CONNECTION_EVENT.published {
            Program::new(published).unwrap();
        }
    }

    #[test]
    fn what_is_no_schema_and_what_cannot_be_read_is_refused_in_one_line() {
        let long = "x".repeat(500);
        for schema in ["", "{", "\"string\"", r#"{"type":"record","name":"ConnectionEvent","fields":[]}"#, &long] {
            let reason = Program::new(schema).unwrap_err().to_string();
            assert!(!reason.contains('\n') && (1..=REASON_MAX).contains(&reason.chars().count()), "{reason}");
        }
        let renamed = CONNECTION_EVENT.schema.replace("\"ConnectionEvent\"", "\"Other\"");
        assert_eq!(Program::new(&renamed).unwrap_err().to_string(), "Other is not ConnectionEvent");
        let wider = CONNECTION_EVENT
            .schema
            .replace(r#""name": "resource_port", "type": "int""#, r#""name": "resource_port", "type": "long""#);
        let reason = "resource_port: long cannot be read as int";
        assert_eq!(Program::new(&wider).unwrap_err().to_string(), reason);
    }
}
