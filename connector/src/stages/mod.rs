//! What is done to each line, in the order of [`crate::pipeline`]. Synchronous, no I/O.

pub mod find_analytics;
pub mod join_split_lines;
pub mod parse_json;
pub mod read_event;
pub mod read_location;
pub mod split_lines;
pub mod take_fields;
pub mod unwrap_container_line;
