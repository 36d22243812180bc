-- How many connections each address of a Remote Network's day had: of `addresses` one number each where all are kept. Where there are more than
-- 4096 the numbers are those of the 1024 addresses with most connections, which are kept in order, and last that of all others together. Days that
-- were counted before have addresses and no numbers: the roll-up does not answer what needs them.
ALTER TABLE network_days
    ADD COLUMN IF NOT EXISTS frequent_addresses Array(LowCardinality(String)) CODEC(ZSTD(9)) AFTER addresses,
    ADD COLUMN IF NOT EXISTS connections Array(UInt64) CODEC(T64, ZSTD(9)) AFTER frequent_addresses;
-- Without notes days of the last weeks are counted anew, so that they have them too; `rebuild` counts older ones.
TRUNCATE TABLE IF EXISTS days_sealed;
