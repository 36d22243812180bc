//! Reports that tenants keep, and when they are made by themselves.
//!
//! A schedule is a value on a compacted topic that only people change. What became of its reports is on `report-events` like of every
//! other: the id of a report is a function of the schedule and of when it is due, so a run that is known is done with, whoever asked for it.

mod book;
mod change;
mod journal;
mod owners;
mod relative_range;
mod timetable;
mod when;

pub use book::{SharedSchedules, follow_schedules};
pub use change::{Saved, deleted, paused, replaced, request_of, resumed, saved};
pub use journal::ScheduleJournal;
pub use owners::{Owners, Standing};
pub use relative_range::RelativeRange;
pub use timetable::{Run, Timetable, due_by_hand};
pub use when::When;
