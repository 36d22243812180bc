//! ClickHouse migrations: the only place where a table is defined. Numbered, forward only; a file that was published is never
//! changed, because its checksum is recorded where it ran.

/// One file of `schemas/migrations`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// From 1, without gaps.
    pub number: u32,
    /// The file's name without its ending, number included.
    pub name: &'static str,
    /// Statements, each ended by `;` at the end of a line.
    pub sql: &'static str,
}

macro_rules! migrations {
    ($($number:literal $name:literal;)*) => {
        &[$(Migration {
            number: $number,
            name: $name,
            sql: include_str!(concat!("../migrations/", $name, ".sql")),
        }),*]
    };
}

/// All of them, in order.
pub const ALL: &[Migration] = migrations! {
    1 "001_connections";
    2 "002_connection_openings";
    3 "003_connections_hourly";
    4 "004_open_connections";
    5 "005_kafka_offset_index";
    6 "006_connections_by_minute";
    7 "007_hours_sealed";
    8 "008_connections_by_hour";
    9 "009_connections_by_day";
    10 "010_days_sealed";
    11 "011_copies_deleted";
    12 "012_network_days";
    13 "013_network_days_connections";
    14 "014_names_of_one_tenant";
    15 "015_without_statistics";
    16 "016_definitions";
    17 "017_open_written_at";
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_at_one_and_have_no_gap() {
        assert!(ALL.iter().zip(1..).all(|(migration, number)| migration.number == number));
    }
}
