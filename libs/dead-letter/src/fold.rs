//! From what lies on the topic to letters and what became of them. Pure.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_io::Record;
use schemas::times::Moment;
use schemas::topics::headers;

use crate::cut::Cut;
use crate::filter::Filter;
use crate::letter::{Facts, text};
use crate::place::Place;

/// Who marked a letter, when and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Who.
    pub by: String,
    /// Why; empty where nothing was said.
    pub why: String,
    /// When, by Kafka's clock.
    pub at: Moment,
    /// Of a replay: where the record lies now, `partition-offset`.
    pub to: String,
}

/// What became of a letter. The last marker counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing yet.
    #[default]
    Open,
    /// It was sent again; refused again it is another letter, with the same origin.
    Replayed(Mark),
    /// Somebody decided that it is not needed.
    Discarded(Mark),
}

impl State {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replayed(_) => "replayed",
            Self::Discarded(_) => "discarded",
        }
    }
}

/// A letter that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where the record lay when it was refused.
    pub place: Place,
    /// Where it lay when it was refused for the first time; the same, where it was never replayed.
    pub origin: Place,
    /// Its first time on Kafka.
    pub origin_time: Moment,
    /// How many times it had been replayed when it was refused.
    pub replays: u32,
    /// Why it was refused, in words.
    pub reason: String,
    /// Its time on Kafka.
    pub time: Moment,
    /// Its key: the Remote Network id as text, where it was published rightly.
    pub key: Option<Bytes>,
    /// Its value, or the beginning of it; absent where it was not asked for.
    pub value: Option<Bytes>,
    /// Length of its whole value, bytes.
    pub size_bytes: usize,
    /// Where it was too large for the topic: the letter holds its beginning. `None`: all of it.
    pub cut: Option<Cut>,
    /// Its own headers, in their order.
    pub headers: Vec<(String, Bytes)>,
    /// How often the letter was written; once, but for crashes of ingest.
    pub copies: u64,
    /// What became of it.
    pub state: State,
}

impl Found {
    fn of(facts: Facts, value: Option<&Bytes>) -> Self {
        let header = |name| facts.own.iter().find(|(key, _)| key == name).map(|(_, value)| text(value));
        let number = |name| header(name).and_then(|it| it.parse::<i64>().ok());
        let origin = || {
            Some(Place {
                source_name: header(headers::ORIGIN_NAME)?,
                topic: header(headers::ORIGIN_TOPIC)?,
                partition: number(headers::ORIGIN_PARTITION)?.try_into().ok()?,
                offset: number(headers::ORIGIN_OFFSET)?,
            })
        };
        Self {
            origin: origin().unwrap_or_else(|| facts.place.clone()),
            origin_time: number(headers::ORIGIN_TIMESTAMP_MS).map_or(facts.time, Moment::from_millis),
            replays: number(headers::REPLAYS).and_then(|it| it.try_into().ok()).unwrap_or(0),
            place: facts.place,
            reason: facts.reason,
            time: facts.time,
            key: facts.key,
            size_bytes: match &facts.cut {
                Some(cut) => usize::try_from(cut.length).unwrap_or(usize::MAX),
                None => value.map_or(0, Bytes::len),
            },
            cut: facts.cut,
            value: value.cloned(),
            headers: facts.own,
            copies: 1,
            state: State::Open,
        }
    }
}

/// What a reader has found. Of copies, the first is kept.
#[derive(Clone, Debug, Default)]
pub struct Letters {
    found: BTreeMap<Place, Found>,
    /// Markers may come before a copy of their letter.
    marks: BTreeMap<Place, State>,
    /// Records that were read.
    pub records: u64,
    /// Records that are neither letters nor markers.
    pub odd: u64,
    /// Bytes of the values that are held.
    pub(crate) held_bytes: usize,
}

impl Letters {
    /// Takes the next record of the topic. What the filter leaves out, whatever may become of it, is not held; values are held
    /// only where `with_values`.
    pub(crate) fn take(&mut self, record: &Record, filter: &Filter, with_values: bool) {
        self.records += 1;
        if let Some(marker) = record.header(headers::MARKER).filter(|_| is_marker(record)) {
            match mark_of(record, &text(marker)) {
                Some((place, state)) => drop(self.marks.insert(place, state)),
                None => self.odd += 1,
            }
            return;
        }
        let Some(facts) = Facts::of(record) else {
            self.odd += 1;
            return;
        };
        if let Some(copy) = self.found.get_mut(&facts.place) {
            copy.copies += 1;
            return;
        }
        let mut found = Found::of(facts, record.payload.as_ref());
        if !filter.may_match(&found) {
            return;
        }
        if with_values {
            self.held_bytes += found.value.as_ref().map_or(0, Bytes::len);
        } else {
            found.value = None;
        }
        self.found.insert(found.place.clone(), found);
    }

    /// How many letters are held.
    pub(crate) fn held(&self) -> usize {
        self.found.len()
    }

    /// The letters that match, oldest first.
    #[must_use]
    pub fn matching(mut self, filter: &Filter) -> Vec<Found> {
        let mut letters: Vec<Found> = self.found.into_values().collect();
        for letter in &mut letters {
            if let Some(state) = self.marks.remove(&letter.place) {
                letter.state = state;
            }
        }
        letters.retain(|letter| filter.matches(letter));
        letters.sort_by(|left, right| (left.time, &left.place).cmp(&(right.time, &right.place)));
        letters
    }
}

/// A refused record may have a header of this name; a marker has it in front.
fn is_marker(record: &Record) -> bool {
    record.headers.first().is_some_and(|(name, _)| name == headers::MARKER)
}

fn mark_of(record: &Record, kind: &str) -> Option<(Place, State)> {
    let header = |name| record.header(name).map(text);
    let place = Place {
        source_name: header(headers::SOURCE_NAME)?,
        topic: header(headers::SOURCE_TOPIC)?,
        partition: header(headers::SOURCE_PARTITION)?.parse().ok()?,
        offset: header(headers::SOURCE_OFFSET)?.parse().ok()?,
    };
    let mark = Mark {
        by: header(headers::MARKED_BY).unwrap_or_default(),
        why: header(headers::MARKED_WHY).unwrap_or_default(),
        at: record.timestamp,
        to: header(headers::REPLAYED_TO).unwrap_or_default(),
    };
    match kind {
        "replayed" => Some((place, State::Replayed(mark))),
        "discarded" => Some((place, State::Discarded(mark))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{marker_headers, origin_headers};
    use crate::letter::Letter;
    use crate::letter::tests::{letter, lying, lying_as};

    fn marker(place: &Place, kind: &str) -> Record {
        let mut record = lying(&letter(0), 0);
        record.headers = marker_headers(place, kind, "ann", "old", "3-900")
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Bytes::from(value)))
            .collect();
        record
    }

    fn fold(records: &[Record]) -> Vec<Found> {
        let mut letters = Letters::default();
        for record in records {
            letters.take(record, &Filter::default(), true);
        }
        letters.matching(&Filter::default())
    }

    #[test]
    fn copies_are_one_letter_and_other_lives_of_the_topic_are_others() {
        let other = Letter { source_name: "main-2", ..letter(118) };
        let found = fold(&[lying(&letter(118), 0), lying(&letter(118), 1), lying(&other, 2), lying(&letter(119), 3)]);
        let seen: Vec<_> = found.iter().map(|it| (it.place.to_string(), it.copies)).collect();
        assert_eq!(seen, [("main/3-118".to_owned(), 2), ("main/3-119".to_owned(), 1), ("main-2/3-118".to_owned(), 1)]);
    }

    #[test]
    fn last_marker_counts_and_a_late_copy_does_not_reopen() {
        let place = fold(&[lying(&letter(118), 0)])[0].place.clone();
        let found = fold(&[
            lying(&letter(118), 0),
            marker(&place, "replayed"),
            marker(&place, "discarded"),
            lying(&letter(118), 3),
            marker(&place, "nonsense"),
        ]);
        assert_eq!((found.len(), found[0].copies, found[0].state.name()), (1, 2, "discarded"));
        let State::Discarded(mark) = &found[0].state else { panic!("{found:?}") };
        assert_eq!((mark.by.as_str(), mark.why.as_str()), ("ann", "old"));
    }

    #[test]
    fn replay_that_is_refused_again_keeps_its_first_origin_and_counts() {
        let mut refused = fold(&[lying(&letter(118), 0)]).remove(0);
        for (replays, offset) in [(1, 500), (2, 777)] {
            // What replay publishes, and ingest writes when it refuses that.
            let headers = origin_headers(&refused);
            let own: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (name.as_str(), &value[..])).collect();
            let again = Letter { headers: &own, timestamp_ms: 1_793_490_000_000, ..letter(offset) };
            refused = fold(&[lying(&again, 0)]).remove(0);
            assert_eq!((refused.place.offset, refused.origin.offset, refused.replays), (offset, 118, replays));
            assert_eq!(refused.origin_time.as_millis(), 1_793_487_602_000);
        }
        assert_eq!(refused.headers.iter().filter(|(name, _)| name == headers::REPLAYS).count(), 1);
    }

    #[test]
    fn letter_of_a_record_that_was_too_large_says_how_large_it_was() {
        let (value, headers) = (vec![7; 3 << 20], [("trace", &b"7"[..])]);
        let large = Letter { payload: &value, headers: &headers, ..letter(118) };
        let (beginning, cut) = large.beginning();
        let found = fold(&[lying_as(&beginning, cut.as_ref(), 0), lying(&letter(119), 1)]);
        assert_eq!((found[0].size_bytes, found[0].value.as_ref().unwrap().len()), (3 << 20, 64 << 10));
        assert_eq!((&found[0].cut, found[0].headers.len(), found[0].place.offset), (&cut, 1, 118));
        assert_eq!((found[1].size_bytes, &found[1].cut), (5, &None));
    }

    #[test]
    fn refused_record_with_a_header_called_marker_is_a_letter() {
        let odd = Letter { headers: &[("marker", b"replayed")], ..letter(1) };
        assert_eq!(fold(&[lying(&odd, 0)]).len(), 1);
        let mut nothing = lying(&letter(2), 0);
        nothing.headers.clear();
        let mut letters = Letters::default();
        letters.take(&nothing, &Filter::default(), true);
        assert_eq!((letters.odd, letters.records, letters.held()), (1, 1, 0));
    }
}
