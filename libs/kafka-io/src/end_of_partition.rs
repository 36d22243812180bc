//! How far a partition has been read, also where its last offsets are no records.
//!
//! Transaction markers, aborted records and compaction gaps have offsets but are never delivered, so the last delivered record
//! says too little. At the end of a partition the broker is asked for its last stable offset L. Where L lies beyond the position
//! though nothing comes, the partition is read again from the position: when its end comes again without a record in between,
//! everything before L has been delivered, because L was known before that read began.

/// What is to be done about one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing.
    Wait,
    /// Everything before this offset has been delivered.
    Report(i64),
    /// Read again from this offset.
    SeekTo(i64),
}

/// One partition, seen from its deliveries and its ends. Pure: told what happens, it says what to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EndOfPartition {
    position: Option<i64>,
    is_at_end: bool,
    reported: Option<i64>,
    /// A last stable offset that was beyond the position when it was asked for.
    beyond: Option<i64>,
    /// The read that was begun again, and the last stable offset that was known before.
    rereads_until: Option<i64>,
}

impl EndOfPartition {
    /// The offset from which the partition is read, once it is known.
    pub(crate) fn begins_at(&mut self, position: i64) {
        self.position.get_or_insert(position);
    }

    pub(crate) fn position(&self) -> Option<i64> {
        self.position
    }

    /// True where the broker should be asked for the last stable offset.
    pub(crate) fn wants_stable_end(&self) -> bool {
        self.is_at_end && self.rereads_until.is_none()
    }

    /// A record was delivered.
    pub(crate) fn delivered(&mut self, offset: i64) {
        *self = Self { position: Some(offset + 1), reported: self.reported, ..Self::default() };
    }

    /// The end was reached: no more records for now.
    pub(crate) fn reached_end(&mut self) -> Step {
        self.is_at_end = true;
        if let Some(stable_end) = self.rereads_until.take() {
            self.position = Some(stable_end);
            self.beyond = None;
        }
        self.report()
    }

    /// The broker's last stable offset, asked for after the end was reached.
    pub(crate) fn stable_end(&mut self, stable_end: i64) -> Step {
        let Some(position) = self.position else { return Step::Wait };
        if stable_end <= position {
            self.beyond = None;
            return self.report();
        }
        // Records may just be on their way: only an offset that stays beyond is looked into.
        if self.beyond.replace(stable_end).is_none() {
            return Step::Wait;
        }
        self.rereads_until = Some(stable_end);
        Step::SeekTo(position)
    }

    /// The read could not be begun again; a later answer of the broker tries anew.
    pub(crate) fn seek_failed(&mut self) {
        self.rereads_until = None;
    }

    fn report(&mut self) -> Step {
        match self.position {
            Some(position) if self.reported != Some(position) => {
                self.reported = Some(position);
                Step::Report(position)
            }
            _ => Step::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_after_a_record_is_reported_once() {
        let mut partition = EndOfPartition::default();
        partition.delivered(6);
        assert_eq!(partition.reached_end(), Step::Report(7));
        assert_eq!(partition.reached_end(), Step::Wait);
        assert_eq!(partition.stable_end(7), Step::Wait);
    }

    #[test]
    fn empty_partition_is_reported_at_its_beginning() {
        let mut partition = EndOfPartition::default();
        assert_eq!(partition.reached_end(), Step::Wait);
        partition.begins_at(0);
        assert_eq!(partition.stable_end(0), Step::Report(0));
    }

    #[test]
    fn trailing_marker_is_passed_by_reading_again() {
        let mut partition = EndOfPartition::default();
        partition.delivered(6);
        assert_eq!(partition.reached_end(), Step::Report(7));
        assert_eq!(partition.stable_end(8), Step::Wait);
        assert_eq!(partition.stable_end(8), Step::SeekTo(7));
        assert!(!partition.wants_stable_end());
        assert_eq!(partition.reached_end(), Step::Report(8));
    }

    #[test]
    fn record_that_comes_while_reading_again_ends_the_attempt() {
        let mut partition = EndOfPartition::default();
        partition.delivered(6);
        partition.reached_end();
        partition.stable_end(9);
        assert_eq!(partition.stable_end(9), Step::SeekTo(7));
        partition.delivered(7);
        assert_eq!(partition.reached_end(), Step::Report(8));
    }
}
