-- Names were taken from the rows of all tenants whose Remote Networks had the same ids, or of all tenants at a rebuild, and kept as one tenant's. They go, and until they
-- are there again raw rows are read: without notes days of the last weeks are counted anew; `rebuild` adds the names of older ones.
TRUNCATE TABLE IF EXISTS names;
TRUNCATE TABLE IF EXISTS names_since;
TRUNCATE TABLE IF EXISTS days_sealed;
