//! Connection events from Avro straight into the columns of the tables, never into a struct for each event.
//!
//! A writer's schema is resolved once into a [`Program`]. [`EventColumns`] runs it over each record of one range of one partition, holds
//! each against the contract, and gives the range as sorted blocks in ClickHouse's Native format.
//!
//! What it guarantees: the records that it refuses are those that `schema_registry::Decoder` and `ConnectionEvent::check` refuse (where
//! it follows Avro's specification more closely stands in `docs/adr/0016-events-become-columns.md`); a refused record leaves no trace; the
//! same records give the same blocks, byte for byte, whatever came before them. No I/O, no clock.

mod block;
mod block_writer;
mod columns;
mod contract;
mod cursor;
mod dictionary;
mod encode;
mod event_columns;
mod event_reader;
mod months;
mod order;
mod places;
mod program;
mod refusal;
mod slots;
mod stage;

pub use block::Block;
pub use block_writer::{BlockWriter, Sorted};
pub use event_columns::EventColumns;
pub use event_reader::{EventFields, EventReader};
pub use months::{Months, TABLE_PARTITIONS_MAX};
pub use program::{Mismatch, Program};
pub use refusal::Refusal;

/// Version of what becomes of records. It is raised whenever the same records may become other rows, in another order, or split
/// otherwise into blocks: with a new column, a new form of a value, another rule of the contract, another key or split. A range that
/// was announced by one version and is finished by another has to be counted first. A test holds the blocks of known records against
/// the version, so that it cannot be forgotten.
pub const ENCODER_VERSION: u32 = 1;
