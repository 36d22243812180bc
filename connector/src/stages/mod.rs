//! What is done to each line, in the order of [`crate::pipeline`]. Synchronous, no I/O.

pub mod encode_event;
pub mod find_analytics;
pub mod join_split_lines;
pub mod known_places;
pub mod look_up_place;
pub mod read_event;
pub mod read_location;
pub mod scan_json;
pub mod split_lines;
pub mod take_fields;
pub mod take_keys;
pub mod unwrap_container_line;
