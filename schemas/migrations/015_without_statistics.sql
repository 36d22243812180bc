-- Newer servers keep statistics of each column beside every part that a merge makes, and every question reads those of all parts that its cache does not have yet, which
-- are the newest: four times the work of a page beside ingest, and a twentieth of the rows' bytes. What is asked here goes by keys.
ALTER TABLE connections MODIFY SETTING auto_statistics_types = '';
ALTER TABLE connection_openings MODIFY SETTING auto_statistics_types = '';
ALTER TABLE open_connections MODIFY SETTING auto_statistics_types = '';
ALTER TABLE connections_by_minute MODIFY SETTING auto_statistics_types = '';
ALTER TABLE connections_by_hour MODIFY SETTING auto_statistics_types = '';
ALTER TABLE connections_by_day MODIFY SETTING auto_statistics_types = '';
ALTER TABLE network_days MODIFY SETTING auto_statistics_types = '';
ALTER TABLE names MODIFY SETTING auto_statistics_types = '';
ALTER TABLE names_since MODIFY SETTING auto_statistics_types = '';
ALTER TABLE hours_sealed MODIFY SETTING auto_statistics_types = '';
ALTER TABLE days_sealed MODIFY SETTING auto_statistics_types = '';
ALTER TABLE copies_deleted MODIFY SETTING auto_statistics_types = '';
