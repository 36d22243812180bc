//! Which program reads the values of which schema id.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use event_columns::Program;
use schema_registry::SchemaId;

/// The bytes in front of an Avro body: a zero and the schema's id.
const PREFIX_LENGTH: usize = 5;

/// What is known of a schema id.
#[derive(Debug)]
enum Known {
    /// Its values are read by this program.
    Program(Box<Program>),
    /// It is being fetched.
    Asked,
    /// The registry knows no such schema, or it cannot be read with ours: its values are refused, with this reason.
    Unusable(String),
}

/// How a value is read.
#[derive(Debug)]
pub enum Reading<'a> {
    /// The body, by this program.
    Read(&'a Program, &'a [u8]),
    /// Not before this schema is known. `is_new`: nobody has asked for it yet.
    Wait {
        /// The schema.
        id: SchemaId,
        /// First asked for now.
        is_new: bool,
    },
    /// Not at all.
    Refuse(&'a str),
}

/// All schema ids that were met. Ids are small numbers that a registry counts up; the registry decides how many there are.
#[derive(Debug, Default)]
pub(crate) struct WriterSchemas(HashMap<SchemaId, Known>);

impl WriterSchemas {
    /// How this value is read; an id that is not known is taken as asked for from now on.
    pub(crate) fn reading<'a>(&'a mut self, value: &'a [u8]) -> Reading<'a> {
        let Some(id) = SchemaId::of_value(value) else { return Reading::Refuse("not in Confluent wire format") };
        let known = match self.0.entry(id) {
            Entry::Vacant(entry) => {
                entry.insert(Known::Asked);
                return Reading::Wait { id, is_new: true };
            }
            Entry::Occupied(entry) => entry.into_mut(),
        };
        match known {
            Known::Program(program) => Reading::Read(program, &value[PREFIX_LENGTH..]),
            Known::Asked => Reading::Wait { id, is_new: false },
            Known::Unusable(reason) => Reading::Refuse(reason),
        }
    }

    /// The registry's schema of an id.
    pub(crate) fn learn(&mut self, id: SchemaId, schema: &str) {
        let known = match Program::new(schema) {
            Ok(program) => Known::Program(Box::new(program)),
            Err(mismatch) => {
                tracing::warn!(%mismatch, schema = id.get(), "values of this schema are refused");
                Known::Unusable(mismatch.to_string())
            }
        };
        self.0.insert(id, known);
    }

    /// The registry knows no such schema.
    pub(crate) fn is_no_schema(&mut self, id: SchemaId, reason: String) {
        self.0.insert(id, Known::Unusable(reason));
    }
}

#[cfg(test)]
mod tests {
    use schemas::avro_schemas::CONNECTION_EVENT;

    use super::*;

    const VALUE: &[u8] = &[0, 0, 0, 0, 7, 1, 2];

    #[test]
    fn schema_is_asked_for_once() {
        let mut known = WriterSchemas::default();
        assert!(matches!(known.reading(VALUE), Reading::Wait { is_new: true, .. }));
        assert!(matches!(known.reading(VALUE), Reading::Wait { is_new: false, .. }));
        known.learn(SchemaId::new(7), CONNECTION_EVENT.schema);
        assert!(matches!(known.reading(VALUE), Reading::Read(_, [1, 2])));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_reason() {
        let mut known = WriterSchemas::default();
        for value in [&b""[..], b"\x01\0\0\0\x07", b"\0\0\0\0"] {
            assert!(matches!(known.reading(value), Reading::Refuse("not in Confluent wire format")), "{value:?}");
        }
        known.is_no_schema(SchemaId::new(7), "gone".to_owned());
        assert!(matches!(known.reading(VALUE), Reading::Refuse("gone")));
        known.learn(SchemaId::new(8), r#""long""#);
        assert!(matches!(known.reading(&[0, 0, 0, 0, 8, 2]), Reading::Refuse(_)));
    }
}
