-- Counts by minute of the end time: one row a group and range of offsets, written once by the aggregator and never merged into others,
-- so that stored offsets can be counted. Each offset lies in one row, also that of an opening or of a copy, which counts nothing.
CREATE TABLE IF NOT EXISTS connections_by_minute
(
    tenant LowCardinality(String) CODEC(ZSTD(1)),
    minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
    remote_network_id UInt64 CODEC(T64, ZSTD(1)),
    -- Either a User or a service account.
    user_id Nullable(UInt64) CODEC(T64, ZSTD(1)),
    service_account_id Nullable(UInt64) CODEC(T64, ZSTD(1)),
    resource_id UInt64 CODEC(T64, ZSTD(1)),
    connector_id UInt64 CODEC(T64, ZSTD(1)),
    protocol Enum8('tcp' = 1, 'udp' = 2, 'icmp' = 3) CODEC(ZSTD(1)),
    tunnel_path Enum8('direct' = 1, 'relay' = 2) CODEC(ZSTD(1)),
    country LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    succeeded UInt64 CODEC(T64, ZSTD(1)),
    failed_dns UInt64 CODEC(T64, ZSTD(1)),
    failed_other UInt64 CODEC(T64, ZSTD(1)),
    denied UInt64 CODEC(T64, ZSTD(1)),
    -- Of connections that succeeded; exact beyond 64 bits.
    bytes_received UInt128 CODEC(ZSTD(1)),
    bytes_transferred UInt128 CODEC(ZSTD(1)),
    -- When the insert began: what was written since an hour was counted.
    written_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1)),
    -- What it was counted from.
    _kafka_source LowCardinality(String) CODEC(ZSTD(1)),
    _kafka_partition Int32 CODEC(ZSTD(1)),
    _kafka_offsets Array(Int64) CODEC(Delta, ZSTD(1)),
    INDEX kafka_first _kafka_offsets[1] TYPE minmax GRANULARITY 1,
    INDEX kafka_last _kafka_offsets[-1] TYPE minmax GRANULARITY 1,
    INDEX written written_at TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(minute)
ORDER BY (tenant, minute, remote_network_id, user_id, service_account_id, resource_id, connector_id)
TTL toDateTime(written_at) + toIntervalDay(30)
SETTINGS allow_nullable_key = 1, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 100000, fsync_after_insert = 1,
    fsync_part_directory = 1;
