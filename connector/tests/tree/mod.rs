//! The plain way to read a line, as a second opinion: serde_json into a tree, and from the tree a struct.

mod parse_json;
mod read_event;
mod read_location;
mod take_fields;

pub(crate) use read_event::read_event;
