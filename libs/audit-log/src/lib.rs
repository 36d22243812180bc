//! What accounts did, as a log that cannot be changed without a trace.
//!
//! An [`Act`] is noted by a [`Trail`] before it is done: it returns when Kafka has it. A trail is the one writer of a chain, in which each event
//! holds the hash of the one before it; the first event of a chain, and a checkpoint now and then, name the ends of the others. A [`Checker`]
//! follows the topic and finds what was changed, removed, put in or put elsewhere; [`AuditBook`] keeps what a tenant may look at.
//!
//! What that proves, and what it does not, stands in `docs/audit.md`.

mod act;
mod book;
mod canonical;
mod chain;
mod checker;
#[cfg(test)]
mod examples;
mod finding;
mod names;
mod reader;
mod trail;

pub use act::Act;
pub use book::{AuditBook, AuditPage, AuditQuestion, follow};
pub use canonical::{canonical, hash_of};
pub use checker::{ChainSeen, Checker};
pub use finding::{Finding, Problem};
pub use names::{action_named, name};
pub use reader::{ReadError, Taken, read_all};
pub use trail::{Trail, TrailError};
