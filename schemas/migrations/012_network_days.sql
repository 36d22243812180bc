-- What of a Remote Network's UTC day is no sum, and can still be put together with that of other days: how long connections took, and what
-- was seen in them. Counted from the raw rows, each fact once, when the day is over; written anew, with a higher version, whenever one of its
-- hours has changed: read with FINAL.
CREATE TABLE IF NOT EXISTS network_days
(
    tenant LowCardinality(String) CODEC(ZSTD(1)),
    remote_network_id UInt64 CODEC(T64, ZSTD(1)),
    day DateTime('UTC') CODEC(Delta, ZSTD(1)),
    -- Of connections that succeeded, how many took how long: by steps, of which sixteen lie between a duration and twice as much. The first is
    -- of those that took no time, the second begins at a microsecond.
    durations Array(UInt64) CODEC(T64, ZSTD(9)),
    -- Of connections that succeeded or failed, each value once, in order; where there are more than 4096, those with the lowest cityHash64.
    devices Array(UInt64) CODEC(T64, ZSTD(9)),
    client_addresses Array(IPv6) CODEC(ZSTD(1)),
    addresses Array(LowCardinality(String)) CODEC(ZSTD(9)),
    -- Nanoseconds at which the query that counted began.
    version UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, remote_network_id, day)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
-- Without notes days of the last weeks are counted anew, so that they are in it too; `rebuild` counts older ones.
TRUNCATE TABLE IF EXISTS days_sealed;
-- More than half of what the roll-ups by hour and day take are the counters of bytes; packed harder they make room for it.
ALTER TABLE connections_by_hour MODIFY COLUMN bytes_received UInt128 CODEC(ZSTD(9)), MODIFY COLUMN bytes_transferred UInt128 CODEC(ZSTD(9));
ALTER TABLE connections_by_day MODIFY COLUMN bytes_received UInt128 CODEC(ZSTD(9)), MODIFY COLUMN bytes_transferred UInt128 CODEC(ZSTD(9));
