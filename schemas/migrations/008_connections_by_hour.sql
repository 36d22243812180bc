-- Totals by hour of the end time, counted from the raw rows, each fact once, however many copies of it are stored. The aggregator writes
-- a group anew whenever its hour has changed; the highest version is today's: read with FINAL.
CREATE TABLE IF NOT EXISTS connections_by_hour
(
    tenant LowCardinality(String) CODEC(ZSTD(1)),
    hour DateTime('UTC') CODEC(Delta, ZSTD(1)),
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
    -- Nanoseconds at which the query that counted began.
    version UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant, hour, remote_network_id, user_id, service_account_id, resource_id, connector_id, protocol, tunnel_path, country)
SETTINGS allow_nullable_key = 1, fsync_after_insert = 1, fsync_part_directory = 1;
-- What it replaces knew fewer dimensions. Without notes all hours that are kept by minute are counted anew; `rebuild` counts older ones.
DROP TABLE IF EXISTS connections_hourly SYNC;
TRUNCATE TABLE IF EXISTS hours_sealed;
