-- By which definition a row was counted: rollup::DEFINITION of the program that did. Where one lies below that of the aggregator that runs, its day is counted anew. What is
-- there already was counted by the first, as everything that a program writes which knows no definitions.
ALTER TABLE connections_by_hour ADD COLUMN IF NOT EXISTS definition UInt16 DEFAULT 1 CODEC(T64, ZSTD(1)) AFTER bytes_transferred;
ALTER TABLE connections_by_day ADD COLUMN IF NOT EXISTS definition UInt16 DEFAULT 1 CODEC(T64, ZSTD(1)) AFTER bytes_transferred;
ALTER TABLE network_days ADD COLUMN IF NOT EXISTS definition UInt16 DEFAULT 1 CODEC(T64, ZSTD(1)) AFTER connections;
-- A row of another definition is found without reading those of all others. Parts that were there before are read until they are merged.
ALTER TABLE connections_by_hour ADD INDEX IF NOT EXISTS by_definition definition TYPE minmax GRANULARITY 1;
ALTER TABLE connections_by_day ADD INDEX IF NOT EXISTS by_definition definition TYPE minmax GRANULARITY 1;
ALTER TABLE network_days ADD INDEX IF NOT EXISTS by_definition definition TYPE minmax GRANULARITY 1;
