//! Which partitions are ours, and how far each has been handed on. Pure.
//!
//! librdkafka itself may deliver a record twice when a rebalance pauses a partition while a batch is being taken, and its own
//! position is one too far after the end of a partition in a batch. So the position that counts is the one kept here: what lies before it
//! is dropped, and after every rebalance the partitions that were kept are sent back to it.

/// One partition of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    epoch: u64,
    /// The next offset to hand on.
    next: i64,
    /// Something was taken, so librdkafka's own position may differ from `next`.
    is_touched: bool,
    /// The caller holds it.
    is_held: bool,
    /// librdkafka has given it up: its offset is not on the broker.
    is_given_up: bool,
}

/// All partitions of ours, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Assignment {
    slots: Vec<Option<Slot>>,
    count: usize,
    epoch: u64,
}

impl Assignment {
    fn slot(&mut self, number: i32) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(number).ok()?)?.as_mut()
    }

    /// The slot, where the partition belongs to that epoch.
    fn slot_of(&mut self, number: i32, epoch: u64) -> Option<&mut Slot> {
        self.slot(number).filter(|slot| slot.epoch == epoch)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds partitions with the offsets they begin at; gives the epoch of this assignment, higher than all before.
    pub(crate) fn add(&mut self, partitions: impl IntoIterator<Item = (i32, i64)>) -> u64 {
        self.epoch += 1;
        for (number, next) in partitions {
            let Ok(index) = usize::try_from(number) else { continue };
            if self.slots.len() <= index {
                self.slots.resize(index + 1, None);
            }
            self.count += usize::from(self.slots[index].is_none());
            let epoch = self.epoch;
            self.slots[index] = Some(Slot { epoch, next, is_touched: false, is_held: false, is_given_up: false });
        }
        self.epoch
    }

    /// Takes partitions away: nothing of them is handed on any more. Gives those that the caller held.
    pub(crate) fn remove(&mut self, numbers: &[i32]) -> Vec<i32> {
        let mut held = Vec::new();
        for number in numbers {
            let index = usize::try_from(*number).unwrap_or(usize::MAX);
            if let Some(slot) = self.slots.get_mut(index).and_then(Option::take) {
                self.count -= 1;
                held.extend(slot.is_held.then_some(*number));
            }
        }
        held
    }

    /// A record was taken: its epoch where it is handed on, `None` where it is dropped, being a stranger's or a second time.
    pub(crate) fn record(&mut self, number: i32, offset: i64) -> Option<u64> {
        let slot = self.slot(number)?;
        slot.is_touched = true;
        if offset < slot.next {
            return None;
        }
        slot.next = offset + 1;
        Some(slot.epoch)
    }

    /// The end of the partition was taken, with the next offset that will be read.
    pub(crate) fn end(&mut self, number: i32, position: i64) -> Option<u64> {
        let slot = self.slot(number)?;
        slot.is_touched = true;
        if position < slot.next {
            return None;
        }
        slot.next = position;
        Some(slot.epoch)
    }

    /// librdkafka gives the partition up: the epoch, and the offset that should have been read.
    pub(crate) fn give_up(&mut self, number: i32) -> Option<(u64, i64)> {
        let slot = self.slot(number)?;
        slot.is_given_up = true;
        Some((slot.epoch, slot.next))
    }

    /// Any other message of the partition.
    pub(crate) fn touch(&mut self, number: i32) -> Option<u64> {
        let slot = self.slot(number)?;
        slot.is_touched = true;
        Some(slot.epoch)
    }

    /// The caller sends the partition back to `offset` and holds it; false where it is not of this epoch.
    pub(crate) fn hold(&mut self, number: i32, epoch: u64, offset: i64) -> bool {
        let Some(slot) = self.slot_of(number, epoch) else { return false };
        (slot.next, slot.is_held) = (offset, true);
        true
    }

    /// The caller lets it go on; false where it was not held.
    pub(crate) fn go_on(&mut self, number: i32, epoch: u64) -> bool {
        self.slot_of(number, epoch).is_some_and(|slot| std::mem::replace(&mut slot.is_held, false))
    }

    /// Where each partition goes on after a rebalance in which it was kept.
    pub(crate) fn positions(&self) -> Vec<(i32, i64)> {
        let slots = self.slots.iter().zip(0..).filter_map(|(slot, number)| Some((number, (*slot)?)));
        slots
            .filter(|(_, slot)| slot.is_touched && !slot.is_given_up)
            .map(|(number, slot)| (number, slot.next))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_is_handed_on_once_and_under_the_epoch_of_its_assignment() {
        let mut assignment = Assignment::default();
        assert_eq!(assignment.record(1, 0), None);
        assert_eq!(assignment.add([(1, 5), (3, 0)]), 1);
        assert_eq!(assignment.record(1, 4), None, "before its begin");
        assert_eq!(assignment.record(1, 5), Some(1));
        assert_eq!(assignment.record(1, 9), Some(1), "gaps are no records");
        assert_eq!(assignment.record(1, 9), None, "a second time");
        assert_eq!(assignment.record(2, 0), None, "a stranger's");
        assert_eq!(assignment.remove(&[1, 2]), Vec::<i32>::new());
        assert_eq!(assignment.record(1, 10), None);
        assert_eq!(assignment.add([(1, 3)]), 2);
        assert_eq!((assignment.record(1, 3), assignment.record(3, 0)), (Some(2), Some(1)));
    }

    #[test]
    fn end_moves_the_position_over_what_is_no_record_and_never_back() {
        let mut assignment = Assignment::default();
        assignment.add([(0, 5)]);
        assert_eq!(assignment.end(0, 8), Some(1));
        assert_eq!(assignment.end(0, 7), None);
        assert_eq!(assignment.record(0, 7), None);
        assert_eq!(assignment.end(0, 8), Some(1));
        assert_eq!(assignment.positions(), [(0, 8)]);
    }

    #[test]
    fn partitions_of_which_nothing_was_taken_are_not_sent_back() {
        let mut assignment = Assignment::default();
        assignment.add([(0, 5), (1, 6), (2, 7)]);
        assignment.record(1, 6);
        assignment.record(2, 3);
        assert_eq!(assignment.positions(), [(1, 7), (2, 7)]);
        assert_eq!(assignment.give_up(1), Some((1, 7)));
        assert_eq!(assignment.positions(), [(2, 7)]);
    }

    #[test]
    fn held_partition_goes_back_and_is_let_go_once() {
        let mut assignment = Assignment::default();
        assignment.add([(0, 0)]);
        assignment.record(0, 0);
        assignment.record(0, 1);
        assert!(!assignment.hold(0, 2, 1), "of another epoch");
        assert!(assignment.hold(0, 1, 1));
        assert_eq!(assignment.record(0, 1), Some(1), "it comes again");
        assert!(assignment.go_on(0, 1));
        assert!(!assignment.go_on(0, 1));
        assignment.hold(0, 1, 0);
        assert_eq!(assignment.remove(&[0]), [0]);
        assert!(assignment.is_empty());
    }
}
