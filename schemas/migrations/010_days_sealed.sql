-- From which notes of its hours a day was counted: where hours_sealed has others, it has to be counted again. Written after the count, by
-- the aggregator alone; the latest counts.
CREATE TABLE IF NOT EXISTS days_sealed
(
    tenant LowCardinality(String) CODEC(ZSTD(1)),
    day DateTime('UTC') CODEC(Delta, ZSTD(1)),
    remote_network_id UInt64 CODEC(T64, ZSTD(1)),
    -- A sum over the notes of its hours, as they were read before the count.
    notes UInt64 CODEC(NONE),
    written_at DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(written_at)
ORDER BY (tenant, day, remote_network_id)
-- As long as notes of hours are kept.
TTL toDateTime(written_at) + toIntervalDay(60)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
