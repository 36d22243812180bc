//! Events that ingest refused, on topic `connection-events-dead-letter`: one form for who writes them and who reads them.
//!
//! A letter is the record as it lay on Kafka, with the facts of where it lay and why it was refused in headers. It may be written more than
//! once: a letter is known by its place, and copies are dropped by readers. What became of a letter is a record too, a **marker** with
//! the same key, so it lies in the same partition behind it; the state of a letter is the fold of what lies there. Nothing is changed
//! or deleted: letters and markers go when the topic's retention takes them.
//!
//! Of a record that is too large for the topic its letter holds the beginning, with the length and the SHA-256 of the whole value: it is not
//! replayed from there.
//!
//! A replay publishes first and marks when that is acknowledged. A crash in between leaves the letter open; replayed again, the event is
//! a copy with the same `event_id`, which shows once.

mod change;
mod cut;
mod filter;
mod fold;
mod letter;
mod place;
mod read;

pub use change::{ChangeError, Who, discard, replay};
pub use cut::Cut;
pub use filter::Filter;
pub use fold::{Found, Letters, Mark, State};
pub use letter::{Letter, put};
pub use place::{Place, PlaceName};
pub use read::{ReadError, ReadLimits, read};
