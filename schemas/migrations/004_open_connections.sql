-- Connections that are open, and for a while those that ended, so that a late opening does not open them again: read with FINAL. An
-- opening's version is its offset, an end's is 2^62 and its offset, an end by silence 2^61: whatever the order, an end wins.
CREATE TABLE IF NOT EXISTS open_connections
(
    tenant LowCardinality(String),
    connector_id UInt64,
    connection_id String,
    is_open Bool,
    opened_at DateTime64(6, 'UTC'),
    ended_at Nullable(DateTime64(6, 'UTC')),
    end_reason Enum8('none' = 0, 'closed' = 1, 'failed' = 2, 'silent' = 4),
    remote_network_id UInt64,
    remote_network_name LowCardinality(String),
    resource_id UInt64,
    resource_address LowCardinality(String),
    user_id Nullable(UInt64),
    user_email LowCardinality(String),
    service_account_id Nullable(UInt64),
    service_account_name LowCardinality(String),
    client_ip Nullable(IPv6),
    protocol Enum8('tcp' = 1, 'udp' = 2, 'icmp' = 3),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, connector_id, connection_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
