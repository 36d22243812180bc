-- Totals by hour of the end time. The aggregator writes a group anew whenever its hour has changed; the highest version is today's:
-- read with FINAL. Each fact counts once, however many copies of it are stored.
CREATE TABLE IF NOT EXISTS connections_hourly
(
    tenant LowCardinality(String),
    hour DateTime('UTC') CODEC(Delta, ZSTD(1)),
    remote_network_id UInt64 CODEC(T64, ZSTD(1)),
    -- Either a User or a service account.
    user_id Nullable(UInt64) CODEC(ZSTD(1)),
    service_account_id Nullable(UInt64) CODEC(ZSTD(1)),
    resource_id UInt64 CODEC(T64, ZSTD(1)),
    connector_id UInt64 CODEC(T64, ZSTD(1)),
    succeeded UInt64 CODEC(T64, ZSTD(1)),
    failed_dns UInt64 CODEC(T64, ZSTD(1)),
    failed_other UInt64 CODEC(T64, ZSTD(1)),
    denied UInt64 CODEC(T64, ZSTD(1)),
    -- Of connections that succeeded; exact beyond 64 bits.
    bytes_received UInt128 CODEC(ZSTD(1)),
    bytes_transferred UInt128 CODEC(ZSTD(1)),
    last_end_time DateTime64(6, 'UTC') CODEC(ZSTD(1)),
    -- Nanoseconds at which the query that counted began.
    version UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant, hour, remote_network_id, user_id, service_account_id, resource_id, connector_id)
SETTINGS allow_nullable_key = 1, fsync_after_insert = 1, fsync_part_directory = 1;
