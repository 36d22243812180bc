//! What databases in MaxMind's format say of addresses: the place of a client, and the network (AS) that an address belongs to.
//!
//! Guarantee: a database that was opened is whole and of the wanted type, and stays what it was: it is read into memory, so that a file
//! which is written over in place changes nothing. Looking up does no I/O.
//!
//! Never: an answer by guess. An address that a database has no entry for, as all private ones, has no place and no network.

mod database;
#[cfg(feature = "examples")]
pub mod examples;
mod networks;
mod places;

pub use database::{Edition, OpenError};
pub use networks::{Network, NetworkDatabase};
pub use places::{Place, PlaceDatabase};
