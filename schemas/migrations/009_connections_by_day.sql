-- Totals by UTC day of the end time, put together from connections_by_hour and as that table written anew, with a higher version, whenever
-- an hour of the day has changed: read with FINAL. The User stands before the Remote Network: who is asked for is in one place a day.
CREATE TABLE IF NOT EXISTS connections_by_day
(
    tenant LowCardinality(String) CODEC(ZSTD(1)),
    day DateTime('UTC') CODEC(Delta, ZSTD(1)),
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
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, user_id, service_account_id, resource_id, remote_network_id, connector_id, protocol, tunnel_path, country)
SETTINGS allow_nullable_key = 1, fsync_after_insert = 1, fsync_part_directory = 1;
