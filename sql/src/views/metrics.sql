-- One row is one sample of a collector: what it saw of one thing of a server at one moment. Unknown is NULL, never 0.
-- Which metric has what is in the documentation of collectors, docs/collectors.md.
--
-- ts: moment of the sample, UTC
-- event_date: day of ts (1970-01-01 without one); conditions on it or on ts skip whole files
-- server: name of the database server
-- cluster: name of the cluster that the server belongs to
-- dialect: postgres or mysql
-- metric: what was sampled, such as replica, source_position or table
-- object: what of the server it is about, such as a standby; NULL if it is the server itself
-- database: the database it belongs to
-- user: the user it belongs to
-- duration_us: the sampled time, microseconds; NULL if it is not a time
-- size_bytes: the sampled size or position, bytes; NULL if it is not a size
-- fingerprint: hash of the normalized text of the statement it is about; fingerprint_hex(fingerprint) prints it as reports do
-- statement: normalized text of that statement, on its first sample since the collector connected
-- attributes: everything else by name, in microseconds and bytes; counters as their growth over interval_us
-- source: what it was read from; (source, source_offset, source_seq) is unique
-- source_offset: moment of the round of samples, microseconds since 1970 UTC
-- source_seq: number of the sample in its round
SELECT
    ts, event_date, server, cluster, dialect,
    event AS metric, object, database, "user", duration_us, size_bytes, fingerprint, statement, attributes,
    source, source_offset, source_seq
FROM events
WHERE kind = 'metric'
