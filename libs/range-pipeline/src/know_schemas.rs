//! Which program reads the values of which schema id.
//!
//! That the registry knows no such schema is not believed at once: a replica of it may not have read yet what another one has given out.
//! It is asked again for a while, and what is believed then is asked again after a minute, so that no event is refused for long because a server
//! was behind. Publishers that make ids up hold a partition up once with all of them, and not with each.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use event_columns::Program;
use schema_registry::SchemaId;

/// The bytes in front of an Avro body: a zero and the schema's id.
const PREFIX_LENGTH: usize = 5;

/// So long it is asked again before it is believed that there is no such schema.
const DOUBTED: Duration = Duration::from_secs(30);
/// Doubt begins anew when no unknown id has come for so long.
const DOUBTED_ANEW: Duration = Duration::from_secs(600);
/// So long it is believed.
const BELIEVED: Duration = Duration::from_secs(60);

/// What is known of a schema id.
#[derive(Debug)]
enum Known {
    /// Its values are read by this program.
    Program(Box<Program>),
    /// It is being fetched. `was_none`: it was believed before that there is none.
    Asked { was_none: bool },
    /// The registry knows no such schema: until then its values are refused, with this reason.
    None { reason: String, until: Instant },
    /// It cannot be read with ours: its values are refused, with this reason.
    Unusable(String),
}

/// One doubt for all ids that are unknown at about the same time.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    since: Instant,
    /// When the last one came.
    last: Instant,
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
pub(crate) struct WriterSchemas {
    known: HashMap<SchemaId, Known>,
    doubt: Option<Doubt>,
}

impl WriterSchemas {
    /// How this value is read; an id that is not known, or no more, is taken as asked for from now on.
    pub(crate) fn reading<'a>(&'a mut self, value: &'a [u8], now: Instant) -> Reading<'a> {
        let Some(id) = SchemaId::of_value(value) else { return Reading::Refuse("not in Confluent wire format") };
        let mut is_new = false;
        let known = self.known.entry(id).or_insert_with(|| {
            is_new = true;
            Known::Asked { was_none: false }
        });
        if matches!(known, Known::None { until, .. } if now >= *until) {
            is_new = true;
            *known = Known::Asked { was_none: true };
        }
        match known {
            Known::Program(program) => Reading::Read(program, &value[PREFIX_LENGTH..]),
            Known::Asked { .. } => Reading::Wait { id, is_new },
            Known::None { reason, .. } | Known::Unusable(reason) => Reading::Refuse(reason),
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
        self.known.insert(id, known);
    }

    /// The registry says that it knows no such schema. False: that is not believed yet, and the registry is to be asked again.
    pub(crate) fn is_no_schema(&mut self, id: SchemaId, reason: String, now: Instant) -> bool {
        let was_none = matches!(self.known.get(&id), Some(Known::Asked { was_none: true }));
        if !was_none && self.is_doubted(now) {
            tracing::debug!(reason, "asked again: a replica may be behind");
            return false;
        }
        tracing::warn!(reason, "values of this schema are refused for now");
        self.known.insert(id, Known::None { reason, until: now + BELIEVED });
        true
    }

    fn is_doubted(&mut self, now: Instant) -> bool {
        let begun = Doubt { since: now, last: now };
        let doubt = self.doubt.filter(|it| now.duration_since(it.last) < DOUBTED_ANEW).unwrap_or(begun);
        self.doubt = Some(Doubt { last: now, ..doubt });
        now.duration_since(doubt.since) < DOUBTED
    }
}

#[cfg(test)]
mod tests {
    use schemas::avro_schemas::CONNECTION_EVENT;

    use super::*;

    const VALUE: &[u8] = &[0, 0, 0, 0, 7, 1, 2];
    const ID: SchemaId = SchemaId::new(7);
    const SECOND: Duration = Duration::from_secs(1);

    /// What the registry says of each id at a moment, and whether it is believed.
    fn said_none(known: &mut WriterSchemas, id: u8, now: Instant) -> bool {
        let value = [0, 0, 0, 0, id, 1];
        assert!(matches!(known.reading(&value, now), Reading::Wait { .. }), "{id}");
        known.is_no_schema(SchemaId::new(id.into()), "none".to_owned(), now)
    }

    #[test]
    fn schema_is_asked_for_once() {
        let (mut known, now) = (WriterSchemas::default(), Instant::now());
        assert!(matches!(known.reading(VALUE, now), Reading::Wait { is_new: true, .. }));
        assert!(matches!(known.reading(VALUE, now), Reading::Wait { is_new: false, .. }));
        known.learn(ID, CONNECTION_EVENT.schema);
        assert!(matches!(known.reading(VALUE, now), Reading::Read(_, [1, 2])));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_reason() {
        let (mut known, now) = (WriterSchemas::default(), Instant::now());
        for value in [&b""[..], b"\x01\0\0\0\x07", b"\0\0\0\0"] {
            assert!(matches!(known.reading(value, now), Reading::Refuse("not in Confluent wire format")), "{value:?}");
        }
        known.learn(SchemaId::new(8), r#""long""#);
        let much_later = now + 1_000 * BELIEVED;
        assert!(matches!(known.reading(&[0, 0, 0, 0, 8, 2], much_later), Reading::Refuse(_)), "it was got, and stays");
    }

    #[test]
    fn schema_that_a_replica_has_not_read_yet_is_waited_for() {
        let (mut known, now) = (WriterSchemas::default(), Instant::now());
        assert!(!said_none(&mut known, 7, now));
        assert!(!said_none(&mut known, 7, now + DOUBTED - SECOND));
        assert!(matches!(known.reading(VALUE, now + DOUBTED), Reading::Wait { is_new: false, .. }));
        known.learn(ID, CONNECTION_EVENT.schema);
        assert!(matches!(known.reading(VALUE, now + DOUBTED), Reading::Read(..)));
    }

    #[test]
    fn schema_that_is_believed_not_to_be_there_is_asked_for_again_after_a_minute() {
        let (mut known, begin) = (WriterSchemas::default(), Instant::now());
        assert!(!said_none(&mut known, 7, begin));
        let believed = begin + DOUBTED;
        assert!(said_none(&mut known, 7, believed));
        assert!(matches!(known.reading(VALUE, believed + BELIEVED - SECOND), Reading::Refuse("none")));
        let again = believed + BELIEVED;
        assert!(matches!(known.reading(VALUE, again), Reading::Wait { is_new: true, .. }));
        assert!(matches!(known.reading(VALUE, again), Reading::Wait { is_new: false, .. }));
        // Who has made it up goes on to do so: it is not doubted again.
        assert!(known.is_no_schema(ID, "none".to_owned(), again + 2 * DOUBTED_ANEW));
        let later = again + 2 * DOUBTED_ANEW + BELIEVED;
        assert!(matches!(known.reading(VALUE, later), Reading::Wait { is_new: true, .. }));
        known.learn(ID, CONNECTION_EVENT.schema);
        assert!(matches!(known.reading(VALUE, later), Reading::Read(..)));
    }

    #[test]
    fn ids_that_are_made_up_are_doubted_together_and_not_each() {
        let (mut known, begin) = (WriterSchemas::default(), Instant::now());
        assert!(!said_none(&mut known, 7, begin));
        assert!(!said_none(&mut known, 8, begin + SECOND));
        let mut now = begin + DOUBTED;
        for id in 7..100 {
            assert!(said_none(&mut known, id, now), "{id}");
            now += SECOND;
        }
        // After a time without any, the next one may be a real one again.
        assert!(!said_none(&mut known, 100, now + DOUBTED_ANEW));
    }
}
