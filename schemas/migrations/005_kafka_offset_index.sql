-- Offsets are not in the key, but rows that came together lie together: the lowest and highest offset of each granule, a few bytes,
-- tell which granules hold a range of offsets. What ingest asks after a crash then reads hours of rows, not all of them.
ALTER TABLE connections ADD INDEX IF NOT EXISTS kafka_offset _kafka_offset TYPE minmax GRANULARITY 1;
ALTER TABLE connections MATERIALIZE INDEX kafka_offset;
ALTER TABLE connection_openings ADD INDEX IF NOT EXISTS kafka_offset _kafka_offset TYPE minmax GRANULARITY 1;
ALTER TABLE connection_openings MATERIALIZE INDEX kafka_offset;
