//! What keeps commits of an assignment that has ended from being sent: Kafka fences members, not partitions, so a member that is alive
//! may commit any partition, and a late commit would move the new owner's offset back.
//!
//! A commit passes the gate of its partition with the epoch of the assignment that its work belongs to. Whoever lets a partition go
//! closes its gate, and waits until the commit that has passed is back. So no commit of an epoch is sent, or still under way, once
//! the epoch has ended. One commit of a partition is under way at a time, so they reach the broker in order.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The gates of all partitions of one member.
#[derive(Debug, Default)]
pub(crate) struct CommitGate {
    gates: Mutex<HashMap<i32, Gate>>,
    changed: Condvar,
}

/// Open for one epoch, or closed; and whether a commit is under way, of this epoch or of an earlier one.
#[derive(Clone, Copy, Debug, Default)]
struct Gate {
    open_for: Option<u64>,
    is_taken: bool,
}

/// A commit that has passed; dropped when its answer is there.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    gate: &'a CommitGate,
    number: i32,
}

impl CommitGate {
    fn gates(&self) -> MutexGuard<'_, HashMap<i32, Gate>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets commits of `epoch` pass for these partitions.
    pub(crate) fn open(&self, numbers: &[i32], epoch: u64) {
        let mut gates = self.gates();
        for number in numbers {
            gates.entry(*number).or_default().open_for = Some(epoch);
        }
    }

    /// Lets nothing pass for these partitions from now on. What has passed may still be under way.
    pub(crate) fn close(&self, numbers: &[i32]) {
        let mut gates = self.gates();
        for number in numbers {
            gates.entry(*number).or_default().open_for = None;
        }
        drop(gates);
        self.changed.notify_all();
    }

    /// Waits until no commit of these partitions is under way. Ends only where their gates are closed.
    pub(crate) fn wait_until_idle(&self, numbers: &[i32]) {
        let mut gates = self.gates();
        while numbers.iter().any(|number| gates.get(number).is_some_and(|gate| gate.is_taken)) {
            gates = self.changed.wait(gates).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// True while commits of `epoch` would pass.
    pub(crate) fn is_open(&self, number: i32, epoch: u64) -> bool {
        self.gates().get(&number).is_some_and(|gate| gate.open_for == Some(epoch))
    }

    /// Passes, after an earlier commit of the partition is back; `None` where the partition does not belong to `epoch` any more.
    pub(crate) fn pass(&self, number: i32, epoch: u64) -> Option<Pass<'_>> {
        let mut gates = self.gates();
        loop {
            let gate = gates.get_mut(&number).filter(|gate| gate.open_for == Some(epoch))?;
            if !gate.is_taken {
                gate.is_taken = true;
                return Some(Pass { gate: self, number });
            }
            gates = self.changed.wait(gates).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if let Some(gate) = self.gate.gates().get_mut(&self.number) {
            gate.is_taken = false;
        }
        self.gate.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn only_the_epoch_that_it_was_opened_for_passes() {
        let gate = CommitGate::default();
        assert!(gate.pass(3, 1).is_none());
        gate.open(&[3], 1);
        assert!(gate.pass(3, 1).is_some());
        assert!(gate.pass(3, 2).is_none() && gate.pass(4, 1).is_none());
        gate.open(&[3], 2);
        assert!(gate.pass(3, 1).is_none());
        assert!(gate.pass(3, 2).is_some());
        gate.close(&[3]);
        assert!(gate.pass(3, 2).is_none() && !gate.is_open(3, 2));
    }

    #[test]
    fn closing_waits_for_the_commit_that_is_under_way() {
        let gate = CommitGate::default();
        gate.open(&[0, 1], 1);
        let pass = gate.pass(0, 1).unwrap();
        std::thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            scope.spawn({
                let gate = &gate;
                move || {
                    gate.close(&[0, 1]);
                    sender.send("closed").unwrap();
                    gate.wait_until_idle(&[0, 1]);
                    sender.send("idle").unwrap();
                }
            });
            assert_eq!(receiver.recv().unwrap(), "closed");
            assert!(gate.pass(1, 1).is_none());
            assert!(receiver.try_recv().is_err(), "it is still under way");
            drop(pass);
            assert_eq!(receiver.recv().unwrap(), "idle");
        });
    }

    #[test]
    fn second_commit_of_a_partition_waits_for_the_first_and_is_refused_when_the_gate_closes() {
        let gate = CommitGate::default();
        gate.open(&[0], 1);
        let pass = gate.pass(0, 1).unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| gate.pass(0, 1).is_some());
            gate.close(&[0]);
            assert!(!second.join().unwrap());
            drop(pass);
        });
    }

    #[test]
    fn partition_that_comes_back_is_not_open_for_the_commit_of_its_first_life() {
        let gate = CommitGate::default();
        gate.open(&[0], 1);
        drop(gate.pass(0, 1));
        gate.close(&[0]);
        gate.wait_until_idle(&[0]);
        gate.open(&[0], 2);
        assert!(gate.pass(0, 1).is_none());
    }
}
