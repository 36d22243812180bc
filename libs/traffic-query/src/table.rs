//! A question that is answered with all of its groups, as a table.

use crate::bucket::Bucket;
use crate::error::FilterError;
use crate::groups::{Dimension, Measure};

/// Most dimensions of a table.
pub const TABLE_BY_MAX: usize = 4;

/// Measures of each group that occurs; a group is what a bucket and values of dimensions have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableQuery {
    bucket: Option<Bucket>,
    by: Vec<Dimension>,
    measures: Vec<Measure>,
}

impl TableQuery {
    /// Of words, as they are written wherever such a question is. Without `bucket` the whole range is one; without `measures` connections are
    /// counted.
    ///
    /// # Errors
    /// The field that is wrong: `bucket`, `by` or `measures`.
    pub fn of_words(bucket: Option<&str>, by: &[String], measures: &[String]) -> Result<Self, FilterError> {
        let wrong = |field| move |reason| FilterError::new(field, reason);
        let bucket = bucket.map(str::parse).transpose().map_err(wrong("bucket"))?;
        let by = by.iter().map(|word| word.parse()).collect::<Result<Vec<Dimension>, _>>().map_err(wrong("by"))?;
        let asked = measures.iter().map(|word| word.parse()).collect::<Result<Vec<Measure>, _>>();
        let mut measures = asked.map_err(wrong("measures"))?;
        if bucket.is_none() && by.is_empty() {
            return Err(FilterError::new("by", "names nothing to tell connections apart by, and there is no bucket"));
        }
        if by.len() > TABLE_BY_MAX || has_one_twice(&by) {
            return Err(FilterError::new("by", format!("has more than {TABLE_BY_MAX} values, or one twice")));
        }
        if has_one_twice(&measures) {
            return Err(FilterError::new("measures", "has one twice"));
        }
        if measures.is_empty() {
            measures.push(Measure::Connections);
        }
        Ok(Self { bucket, by, measures })
    }

    /// Width of its points in time; `None`: the whole range.
    #[must_use]
    pub fn bucket(&self) -> Option<Bucket> {
        self.bucket
    }

    /// What groups are made by, in the order of their keys.
    #[must_use]
    pub fn by(&self) -> &[Dimension] {
        &self.by
    }

    /// What is measured, in the order of the values.
    #[must_use]
    pub fn measures(&self) -> &[Measure] {
        &self.measures
    }

    /// True where denied attempts count in one of the measures.
    #[must_use]
    pub fn counts_denied(&self) -> bool {
        self.measures.iter().any(|measure| matches!(measure, Measure::Events | Measure::Denied))
    }
}

fn has_one_twice<T: PartialEq>(values: &[T]) -> bool {
    (0..values.len()).any(|at| values[..at].contains(&values[at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(bucket: Option<&str>, by: &[&str], measures: &[&str]) -> Result<TableQuery, FilterError> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        TableQuery::of_words(bucket, &words(by), &words(measures))
    }

    #[test]
    fn connections_are_counted_where_nothing_else_is_asked_for() {
        let plain = table(Some("month"), &[], &[]).unwrap();
        assert_eq!((plain.bucket(), plain.measures()), (Some(Bucket::Month), &[Measure::Connections][..]));
        assert!(!plain.counts_denied() && table(None, &["user"], &["bytes", "denied"]).unwrap().counts_denied());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let five = ["user", "resource", "port", "status", "country"];
        for (bucket, by, measures, field) in [
            (Some("year"), &["user"][..], &[][..], "bucket"),
            (None, &[], &["bytes"], "by"),
            (None, &["city"], &[], "by"),
            (None, &["user", "user"], &[], "by"),
            (None, &five, &[], "by"),
            (None, &["user"], &["speed"], "measures"),
            (None, &["user"], &["bytes", "bytes"], "measures"),
        ] {
            assert_eq!(table(bucket, by, measures).unwrap_err().field, field);
        }
        assert!(table(None, &five[..4], &Measure::ALL.iter().map(|it| it.name()).collect::<Vec<_>>()).is_ok());
    }
}
