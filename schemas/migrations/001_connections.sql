-- What ended, failed or was denied: one row an event that ingest stored, copies included. Rows are never merged away, so that
-- stored offsets can be counted. Facts are counted by distinct event_id.
CREATE TABLE IF NOT EXISTS connections
(
    -- Who and when. end_time is the event's own time; whole milliseconds in most logs, which GCD takes out.
    tenant LowCardinality(String) CODEC(ZSTD(1)),
    end_time DateTime64(6, 'UTC') CODEC(GCD, Delta, ZSTD(1)),
    -- The start, kept as the duration; whole milliseconds in most logs too.
    duration_us UInt64 CODEC(GCD, T64, ZSTD(1)),
    start_time DateTime64(6, 'UTC') ALIAS end_time - toIntervalMicrosecond(duration_us),
    -- The last 10 of the event id's 16 bytes; the first 6 are end_time in milliseconds. Random, so not compressed.
    event_id_tail FixedString(10) CODEC(NONE),
    -- The whole event id as the text of a UUID; its order is that of the bytes.
    event_id String ALIAS UUIDNumToString(toFixedString(concat(
        substring(reinterpretAsFixedString(byteSwap(toUInt64(toUnixTimestamp64Milli(end_time)))), 3, 6), event_id_tail), 16)),
    event_type Enum8('established_connection' = 1, 'closed_connection' = 2, 'failed_to_connect' = 3, 'denied_access' = 4) CODEC(ZSTD(1)),
    -- The connection id, opaque text. Two usual forms are packed into numbers, reversibly; connection_id is the text again.
    connection_id_form Enum8('text' = 0, 'hex_hex' = 1, 'hex16_decimal' = 2) CODEC(ZSTD(1)),
    connection_id_high UInt64 CODEC(NONE),
    connection_id_low UInt64 CODEC(T64, ZSTD(1)),
    connection_id_text String CODEC(ZSTD(1)),
    connection_id String ALIAS multiIf(
        connection_id_form = 'hex_hex', concat(replaceRegexpOne(lower(hex(connection_id_high)), '^0', ''), '-',
                                               replaceRegexpOne(lower(hex(connection_id_low)), '^0', '')),
        connection_id_form = 'hex16_decimal', concat(leftPad(lower(hex(connection_id_high)), 16, '0'), '-', toString(connection_id_low)),
        connection_id_text),
    connector_id UInt64 CODEC(T64, ZSTD(1)),
    connector_name LowCardinality(String) CODEC(ZSTD(1)),
    remote_network_id UInt64 CODEC(T64, ZSTD(1)),
    remote_network_name LowCardinality(String) CODEC(ZSTD(1)),
    resource_id UInt64 CODEC(T64, ZSTD(1)),
    -- What was asked for: a DNS name or an address.
    resource_address LowCardinality(String) CODEC(ZSTD(1)),
    applied_rule LowCardinality(String) CODEC(ZSTD(1)),
    resource_ip Nullable(IPv6) CODEC(ZSTD(1)),
    resource_port UInt16 CODEC(ZSTD(1)),
    protocol Enum8('tcp' = 1, 'udp' = 2, 'icmp' = 3) CODEC(ZSTD(1)),
    tunnel_path Enum8('direct' = 1, 'relay' = 2) CODEC(ZSTD(1)),
    tunnel_protocol LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    client_ip Nullable(IPv6) CODEC(ZSTD(3)),
    bytes_received UInt64 CODEC(T64, ZSTD(1)),
    bytes_transferred UInt64 CODEC(T64, ZSTD(1)),
    error_message LowCardinality(String) CODEC(ZSTD(1)),
    device_id Nullable(UInt64) CODEC(T64, ZSTD(1)),
    -- Either a User or a service account.
    user_id Nullable(UInt64) CODEC(T64, ZSTD(1)),
    user_email LowCardinality(String) CODEC(ZSTD(1)),
    service_account_id Nullable(UInt64) CODEC(T64, ZSTD(1)),
    service_account_name LowCardinality(String) CODEC(ZSTD(1)),
    service_account_key LowCardinality(String) CODEC(ZSTD(1)),
    service_account_key_id Nullable(UInt64) CODEC(T64, ZSTD(1)),
    relay_names Array(LowCardinality(String)) CODEC(ZSTD(1)),
    relay_ips Array(Nullable(IPv6)) CODEC(ZSTD(1)),
    relay_ports Array(UInt16) CODEC(ZSTD(1)),
    has_location Bool CODEC(ZSTD(1)),
    city LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    country LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    region LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    -- 0.9 bytes a row as a dictionary, 1.6 as plain numbers.
    latitude LowCardinality(Nullable(Float64)) CODEC(ZSTD(1)),
    longitude LowCardinality(Nullable(Float64)) CODEC(ZSTD(1)),
    -- Where the event lay on Kafka. The source names one life of the topic: a topic that is made anew has the old offsets again.
    _kafka_source LowCardinality(String) CODEC(ZSTD(1)),
    _kafka_partition Int32 CODEC(ZSTD(1)),
    _kafka_offset Int64 CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY (toYYYYMM(end_time), kafkaMurmurHash(toString(remote_network_id)) % 16)
ORDER BY (tenant, toStartOfHour(end_time), remote_network_id, end_time, event_id_tail)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1;
