-- How many connections each address of a Remote Network's day had: of `addresses` one number each where all are kept. Where there are more than
-- 4096 the numbers are those of the 1024 addresses with most connections, which are kept in order, and last that of all others together. Days that
-- were counted before have addresses and no numbers: the roll-up does not answer what needs them.
ALTER TABLE network_days
    ADD COLUMN IF NOT EXISTS frequent_addresses Array(LowCardinality(String)) CODEC(ZSTD(9)) AFTER addresses,
    ADD COLUMN IF NOT EXISTS connections Array(UInt64) CODEC(T64, ZSTD(1)) AFTER frequent_addresses,
    MODIFY COLUMN client_addresses Array(IPv6) CODEC(ZSTD(3));
-- The room for it: days are in the order of Users, so what a User's id differs by packs better than the id.
ALTER TABLE connections_by_day MODIFY COLUMN user_id Nullable(UInt64) CODEC(Delta, ZSTD(1));
ALTER TABLE connections_by_hour MODIFY COLUMN connector_id UInt64 CODEC(T64, ZSTD(9));
-- Without notes days of the last weeks are counted anew, so that they have them too; `rebuild` counts older ones.
TRUNCATE TABLE IF EXISTS days_sealed;
-- Names of what had traffic, of each id the newest, for whoever types: when it was, the rest of its event id, and the name. Of addresses that were
-- asked for the id is the name. Taken from the raw rows where days are counted; read with GROUP BY and max.
CREATE TABLE IF NOT EXISTS names
(
    tenant LowCardinality(String) CODEC(ZSTD(1)),
    kind Enum8('remote_network' = 1, 'user' = 2, 'resource' = 3, 'address' = 4) CODEC(ZSTD(1)),
    id String CODEC(ZSTD(1)),
    newest SimpleAggregateFunction(max, Tuple(DateTime64(6, 'UTC'), FixedString(10), String)) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
ORDER BY (tenant, kind, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
-- From when on all names are there: of a tenant, or, where that is empty, of all.
CREATE TABLE IF NOT EXISTS names_since
(
    tenant LowCardinality(String) CODEC(ZSTD(1)),
    since SimpleAggregateFunction(min, DateTime('UTC')) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
ORDER BY tenant
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
