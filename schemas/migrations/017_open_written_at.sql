-- When a row was written: what has ended is remembered from then on, however late its end came. Rows that are there already have the time of their event, by which they
-- would have been forgotten; it is written into their parts before the default becomes the time of the insert, which a row without a value would else have anew each time it
-- is read.
ALTER TABLE open_connections ADD COLUMN IF NOT EXISTS written_at DateTime64(3, 'UTC') DEFAULT toDateTime64(coalesce(ended_at, opened_at), 3, 'UTC') CODEC(Delta, ZSTD(1));
ALTER TABLE open_connections MATERIALIZE COLUMN written_at SETTINGS mutations_sync = 2;
ALTER TABLE open_connections MODIFY COLUMN written_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1));
