-- Up to when hours of the roll-up are known to be counted: what came by minute before asked_at is in connections_hourly, except what may have
-- been in flight then. Written after the count, by the aggregator alone; the latest counts.
CREATE TABLE IF NOT EXISTS hours_sealed
(
    tenant LowCardinality(String) CODEC(ZSTD(1)),
    hour DateTime('UTC') CODEC(Delta, ZSTD(1)),
    remote_network_id UInt64 CODEC(T64, ZSTD(1)),
    -- The server's time at which was asked what had changed.
    asked_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(asked_at)
ORDER BY (tenant, hour, remote_network_id)
-- Longer than rows by minute are kept: without them nobody asks.
TTL toDateTime(asked_at) + toIntervalDay(60)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
