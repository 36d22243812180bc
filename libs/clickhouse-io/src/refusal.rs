//! ClickHouse's error codes, grouped by what they mean for an insert. Numbers and names are those of its `ErrorCodes.cpp`, 26.7.

use crate::error::NextStep;

/// Why the server refused a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// A partition of the table has more parts than merges can take, or an insert would make too many.
    TooManyParts,
    /// The statement, its account or the whole server is at its limit of memory.
    MemoryLimit,
    /// The table takes no writes: a replica without its Keeper, or the setting `table_readonly`.
    TableIsReadOnly,
    /// No room on the disk, or a disk that does not write.
    DiskFull,
    /// A statement with this id is still running: an earlier try of the same insert.
    AlreadyRunning,
    /// A limit or a deadline of the server; it passes.
    Busy,
    /// Keeper, quorum or replicas are away.
    Cluster,
    /// The connection between client and server, or between servers, broke.
    Network,
    /// What came is not what was sent: cut or changed on the way.
    Damaged,
    /// It was told to end.
    Killed,
    /// What rows hold is refused: by a type, a constraint, or a view that was put on the table.
    Row,
    /// Table, columns, types or settings are not those that this program knows.
    Schema,
    /// The account, its password or its rights.
    Access,
    /// The statement is not understood.
    Statement,
    /// None of the above.
    Other(i32),
}

impl Refusal {
    /// The group of an error code. `reason` is the message, which is looked at where a code says too little.
    #[must_use]
    pub fn of(code: i32, reason: &str) -> Self {
        match code {
            // INCORRECT_DATA: a Native block with a column that the table does not have, or one that was cut on its way.
            117 if reason.contains("Unknown column") => Self::Schema,
            // TOO_MANY_PARTS, TOO_MANY_PARTITIONS.
            252 | 565 => Self::TooManyParts,
            // CANNOT_ALLOCATE_MEMORY, MEMORY_LIMIT_EXCEEDED, MEMORY_RESERVATION_KILLED, MEMORY_RESERVATION_FAILED.
            173 | 241 | 777 | 778 => Self::MemoryLimit,
            // TABLE_IS_READ_ONLY, TABLE_IS_PERMANENTLY_READ_ONLY.
            242 | 774 => Self::TableIsReadOnly,
            // CANNOT_WRITE_TO_FILE_DESCRIPTOR, CANNOT_OPEN_FILE, CANNOT_TRUNCATE_FILE, CANNOT_CREATE_DIRECTORY, CANNOT_FSYNC,
            // NOT_ENOUGH_SPACE, AIO_WRITE_ERROR, CANNOT_WRITE_TO_FILE, CANNOT_CREATE_FILE, CANNOT_APPEND_TO_FILE,
            // CACHE_CANNOT_WRITE_TO_CACHE_DISK.
            75 | 76 | 88 | 172 | 204 | 243 | 275 | 294 | 586 | 641 | 771 => Self::DiskFull,
            // QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING.
            216 => Self::AlreadyRunning,
            // TIMEOUT_EXCEEDED, TOO_SLOW, QUOTA_EXCEEDED, TOO_MANY_SIMULTANEOUS_QUERIES, NO_FREE_CONNECTION, TABLE_IS_DROPPED,
            // LIMIT_EXCEEDED, UNFINISHED, RECEIVED_ERROR_TOO_MANY_REQUESTS, PART_IS_TEMPORARILY_LOCKED, CANNOT_SCHEDULE_TASK,
            // DEADLOCK_AVOIDED, DISTRIBUTED_TOO_MANY_PENDING_BYTES, TABLE_IS_BEING_RESTARTED, SERVER_OVERLOADED,
            // TCP_CONNECTION_LIMIT_REACHED, HTTP_CONNECTION_LIMIT_REACHED, RESOURCE_LIMIT_EXCEEDED.
            159 | 160 | 201 | 202 | 203 | 218 | 290 | 341 | 364 | 384 | 439 | 473 | 574 | 733 | 745 | 749 | 762
            | 776 => Self::Busy,
            // NO_ZOOKEEPER, UNEXPECTED_ZOOKEEPER_ERROR, NO_ACTIVE_REPLICAS, NO_AVAILABLE_REPLICA, TOO_FEW_LIVE_REPLICAS,
            // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE, REPLICA_IS_NOT_IN_QUORUM, UNKNOWN_STATUS_OF_INSERT, ALL_REPLICAS_ARE_STALE,
            // REPLICA_STATUS_CHANGED, NOT_A_LEADER, UNKNOWN_STATUS_OF_TRANSACTION, TOO_MANY_UNAVAILABLE_SHARDS,
            // KEEPER_EXCEPTION.
            225 | 244 | 254 | 265 | 285 | 286 | 289 | 319 | 369 | 416 | 529 | 659 | 904 | 999 => Self::Cluster,
            // CANNOT_READ_FROM_ISTREAM, CANNOT_READ_FROM_SOCKET, CANNOT_WRITE_TO_SOCKET, DNS_ERROR, SOCKET_TIMEOUT,
            // NETWORK_ERROR, ALL_CONNECTION_TRIES_FAILED, S3_ERROR and its kin: the server's own store over the network.
            23 | 95 | 96 | 198 | 209 | 210 | 279 | 499 | 500 | 693 => Self::Network,
            // UNEXPECTED_END_OF_FILE, ATTEMPT_TO_READ_AFTER_EOF, CANNOT_READ_ALL_DATA, TOO_LARGE_SIZE_COMPRESSED,
            // CHECKSUM_DOESNT_MATCH, INCORRECT_DATA, CANNOT_DECOMPRESS, LZ4_DECODER_FAILED.
            3 | 32 | 33 | 39 | 40 | 117 | 271 | 618 => Self::Damaged,
            // ABORTED, QUERY_WAS_CANCELLED, THREAD_WAS_CANCELED, QUERY_WAS_CANCELLED_BY_CLIENT.
            236 | 394 | 677 | 735 => Self::Killed,
            // CANNOT_PARSE_*, ARGUMENT_OUT_OF_BOUND, TOO_LARGE_ARRAY_SIZE, TOO_LARGE_STRING_SIZE,
            // ILLEGAL_DIVISION, SIZES_OF_ARRAYS_DONT_MATCH, VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE,
            // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN, FUNCTION_THROW_IF_VALUE_IS_NON_ZERO, DECIMAL_OVERFLOW,
            // VIOLATED_CONSTRAINT, AGGREGATE_FUNCTION_THROW, UNKNOWN_ELEMENT_OF_ENUM, UNICODE_ERROR.
            6 | 25 | 26 | 27 | 38 | 41 | 69 | 72 | 128 | 130 | 131 | 153 | 190 | 321 | 349 | 376 | 395 | 407 | 441
            | 467 | 469 | 503 | 675 | 676 | 691 | 760 => Self::Row,
            // Columns, tables, databases, types, settings and formats that are missing or of another shape.
            7 | 8 | 9 | 10 | 13 | 15 | 16 | 19 | 20 | 36 | 43 | 44 | 47 | 50 | 53 | 60 | 70 | 73 | 81 | 115 | 122
            | 261 | 344 | 366 | 370 | 377 | 432 | 455 | 471 | 728 | 764 | 772 => Self::Schema,
            // READONLY, UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, IP_ADDRESS_NOT_ALLOWED, DATABASE_ACCESS_DENIED,
            // QUERY_IS_PROHIBITED, SETTING_CONSTRAINT_VIOLATION, READONLY_SETTING, ACCESS_DENIED, SET_NON_GRANTED_ROLE,
            // AUTHENTICATION_FAILED, QUERY_NOT_ALLOWED, USER_EXPIRED, SESSION_REFUSED, REQUIRED_SECOND_FACTOR.
            164 | 192 | 193 | 194 | 195 | 291 | 392 | 452 | 472 | 497 | 512 | 516 | 620 | 720 | 763 | 767 => {
                Self::Access
            }
            // UNKNOWN_FUNCTION, SYNTAX_ERROR, QUERY_IS_TOO_LARGE, UNKNOWN_QUERY_PARAMETER, BAD_QUERY_PARAMETER.
            46 | 62 | 229 | 456 | 457 => Self::Statement,
            other => Self::Other(other),
        }
    }

    /// What the caller does next. No catch-all: a new group must choose.
    #[must_use]
    pub const fn next_step(self) -> NextStep {
        match self {
            Self::TooManyParts
            | Self::MemoryLimit
            | Self::TableIsReadOnly
            | Self::DiskFull
            | Self::AlreadyRunning
            | Self::Busy
            | Self::Cluster
            | Self::Network
            | Self::Damaged
            | Self::Killed
            // What is not known is waited for: that loses nothing.
            | Self::Other(_) => NextStep::Retry,
            Self::Row => NextStep::Isolate,
            Self::Schema | Self::Access | Self::Statement => NextStep::Stop,
        }
    }

    /// The group's name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooManyParts => "too_many_parts",
            Self::MemoryLimit => "memory_limit",
            Self::TableIsReadOnly => "table_is_read_only",
            Self::DiskFull => "disk_full",
            Self::AlreadyRunning => "already_running",
            Self::Busy => "busy",
            Self::Cluster => "cluster",
            Self::Network => "network",
            Self::Damaged => "damaged",
            Self::Killed => "killed",
            Self::Row => "row",
            Self::Schema => "schema",
            Self::Access => "access",
            Self::Statement => "statement",
            Self::Other(_) => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_decides_what_comes_next() {
        for (code, refusal, step) in [
            (60, Refusal::Schema, NextStep::Stop),
            (497, Refusal::Access, NextStep::Stop),
            (62, Refusal::Statement, NextStep::Stop),
            (252, Refusal::TooManyParts, NextStep::Retry),
            (241, Refusal::MemoryLimit, NextStep::Retry),
            (242, Refusal::TableIsReadOnly, NextStep::Retry),
            (243, Refusal::DiskFull, NextStep::Retry),
            (216, Refusal::AlreadyRunning, NextStep::Retry),
            (159, Refusal::Busy, NextStep::Retry),
            (999, Refusal::Cluster, NextStep::Retry),
            (210, Refusal::Network, NextStep::Retry),
            (33, Refusal::Damaged, NextStep::Retry),
            (394, Refusal::Killed, NextStep::Retry),
            (469, Refusal::Row, NextStep::Isolate),
            (1002, Refusal::Other(1002), NextStep::Retry),
        ] {
            let found = Refusal::of(code, "");
            assert_eq!((found, found.next_step()), (refusal, step), "{code}");
        }
    }

    #[test]
    fn column_that_is_not_there_stops_though_its_code_is_that_of_a_damaged_body() {
        let unknown = "Code: 117. DB::Exception: Unknown column with name b found while reading data in Native format";
        let cut = "Code: 117. DB::Exception: Sizes of nested column and null map of Nullable column are not equal";
        assert_eq!((Refusal::of(117, unknown), Refusal::of(117, cut)), (Refusal::Schema, Refusal::Damaged));
    }
}
