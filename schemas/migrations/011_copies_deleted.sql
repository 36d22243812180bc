-- Copies that were deleted from connections and connection_openings, each noted here before it was. Their offsets still count as stored, so
-- that a range that is done again does not bring them back. Kept for good; a row may be there twice where a deletion was broken off.
CREATE TABLE IF NOT EXISTS copies_deleted
(
    tenant LowCardinality(String) CODEC(ZSTD(1)),
    event_table Enum8('connections' = 1, 'connection_openings' = 2) CODEC(ZSTD(1)),
    end_time DateTime64(6, 'UTC') CODEC(GCD, Delta, ZSTD(1)),
    -- As the text of a UUID; that of the row that stayed, too.
    event_id String CODEC(ZSTD(1)),
    _kafka_source LowCardinality(String) CODEC(ZSTD(1)),
    _kafka_partition Int32 CODEC(ZSTD(1)),
    _kafka_offset Int64 CODEC(DoubleDelta, ZSTD(1)),
    deleted_at DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(Delta, ZSTD(1)),
    deleted_by String CODEC(ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (_kafka_source, _kafka_partition, _kafka_offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
