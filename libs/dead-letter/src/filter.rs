//! Which letters are meant.

use std::ops::RangeInclusive;

use schemas::times::Moment;

use crate::fold::Found;
use crate::place::PlaceName;

/// Which letters are meant: those for which everything holds that is set. Nothing set: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// These letters.
    pub names: Vec<PlaceName>,
    /// The reason holds this text, in whatever case.
    pub reason: Option<String>,
    /// The record lay in this partition.
    pub partition: Option<i32>,
    /// Its offset was one of these.
    pub offsets: Option<RangeInclusive<i64>>,
    /// Its time on Kafka was this or later.
    pub since: Option<Moment>,
    /// Its time on Kafka was before this.
    pub until: Option<Moment>,
    /// Its key is this: the Remote Network id as text.
    pub key: Option<String>,
    /// This became of it: a name of [`crate::State`].
    pub state: Option<&'static str>,
}

impl Filter {
    /// True where it leaves nothing out but by state.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self { state: self.state, ..Self::default() }
    }

    /// True where the letter is meant.
    #[must_use]
    pub fn matches(&self, letter: &Found) -> bool {
        self.may_match(letter) && self.state.is_none_or(|state| state == letter.state.name())
    }

    /// True where the letter is meant, whatever became of it.
    pub(crate) fn may_match(&self, letter: &Found) -> bool {
        let place = &letter.place;
        let holds = |text: &String| letter.reason.to_lowercase().contains(&text.to_lowercase());
        (self.names.is_empty() || self.names.iter().any(|name| name.names(place)))
            && self.reason.as_ref().is_none_or(holds)
            && self.partition.is_none_or(|partition| partition == place.partition)
            && self.offsets.as_ref().is_none_or(|offsets| offsets.contains(&place.offset))
            && self.since.is_none_or(|since| letter.time >= since)
            && self.until.is_none_or(|until| letter.time < until)
            && self.key.as_ref().is_none_or(|key| letter.key.as_deref() == Some(key.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::Letters;
    use crate::letter::tests::{letter, lying};

    #[test]
    fn letter_is_meant_where_everything_that_is_set_holds() {
        let mut letters = Letters::default();
        letters.take(&lying(&letter(118), 0), &Filter::default(), false);
        let letter = letters.matching(&Filter::default()).remove(0);
        assert_eq!((letter.value.as_ref(), letter.size_bytes), (None, 5));
        let time = letter.time;
        let after = Moment::from_micros(time.as_micros() + 1);
        for (filter, meant) in [
            (Filter::default(), true),
            (Filter { reason: Some("BEFORE".to_owned()), ..Filter::default() }, true),
            (Filter { reason: Some("after".to_owned()), ..Filter::default() }, false),
            (Filter { partition: Some(3), offsets: Some(100..=118), ..Filter::default() }, true),
            (Filter { partition: Some(3), offsets: Some(119..=200), ..Filter::default() }, false),
            (Filter { partition: Some(4), ..Filter::default() }, false),
            (Filter { since: Some(time), until: Some(after), ..Filter::default() }, true),
            (Filter { until: Some(time), ..Filter::default() }, false),
            (Filter { since: Some(after), ..Filter::default() }, false),
            (Filter { key: Some("64894".to_owned()), state: Some("open"), ..Filter::default() }, true),
            (Filter { key: Some("6489".to_owned()), ..Filter::default() }, false),
            (Filter { state: Some("replayed"), ..Filter::default() }, false),
            (Filter { names: vec!["1-1".parse().unwrap(), "3-118".parse().unwrap()], ..Filter::default() }, true),
            (Filter { names: vec!["1-1".parse().unwrap()], ..Filter::default() }, false),
        ] {
            assert_eq!(filter.matches(&letter), meant, "{filter:?}");
        }
        assert!(Filter { state: Some("open"), ..Filter::default() }.is_everything());
        assert!(!Filter { partition: Some(3), ..Filter::default() }.is_everything());
    }
}
