//! Exactly once from a partitioned log into a store that swallows repeated inserts, with nothing but the log's committed offsets as
//! memory.
//!
//! A range's life: the records of one partition from `first` to `last` become one block. Before it is inserted an [`Intent`] that
//! names the range is written beside the committed offset, which stays at `first`. Then what is refused goes to the dead letter,
//! the block goes in under the intent's token, and the offset moves behind the range, with the next range's intent beside it.
//! Whoever has the partition next finds either no intent, and goes on; or an intent, and does that range again: the same offsets,
//! the same refusals, the same token. The store swallows what it has. Where an answer did not come, or a range is done again, the
//! stored offsets are counted, and what is missing goes in.
//!
//! Guarantee: every offset of every range is stored exactly once or refused, never both, through any crash, frozen process, lost
//! answer and change of owner, as long as what is asked of [`OffsetLog`] and [`RangeStore`] holds. No offset is committed before
//! all before it is durable. The crate does no I/O, is told the time of day, and knows nothing of what the rows are.
//!
//! Whoever wants less chooses [`Delivery::AtLeastOnce`]: the same without intents.
//!
//! How it is used, for one partition from its assignment until it goes:
//!
//! 1. [`Assignment::new`] says what the committed offset and its note mean.
//! 2. [`RangeCutter`] is told of records as they come and says where a range ends; the caller fills a block beside it and sends
//!    what is closed, as a [`ClosedRange`], through a bounded channel.
//! 3. [`RangeWriter::run`] takes the ranges from there and writes them, one after the other. Inserts of all partitions of a process
//!    pass one [`BeginGate`].

mod assignment;
mod backoff;
mod begin_gate;
mod cutter;
mod intent;
mod observer;
pub mod rules;
mod world;
mod writer;

pub use assignment::Assignment;
pub use begin_gate::{BeginGate, NotBegun, Turn};
pub use cutter::{Cut, Limits, RangeCutter, Taken};
pub use intent::{BadSource, Intent, NOTE_UNITS_MAX, Note, NoteTooLong, REFUSED_MAX, Source};
pub use observer::{Event, Observer};
pub use world::{Block, CommitError, OffsetLog, RangeStore, Refused, Rows, StoreError};
pub use writer::{ClosedRange, Delivery, Ended, RangeWriter, TokenLife, WriteError};
