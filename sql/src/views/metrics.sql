-- One row is one sample of a collector: one number of one server at one moment.
--
-- ts: moment of the sample, UTC
-- event_date: day of ts (1970-01-01 without one); conditions on it or on ts skip whole files
-- server: name of the database server
-- cluster: name of the cluster that the server belongs to
-- dialect: postgres or mysql
-- metric: what was sampled, such as replication_lag
-- object: what of the server it is about, such as a standby; NULL if it is the server itself
-- duration_us: the sampled time, microseconds; NULL if it is not a time
-- size_bytes: the sampled size, bytes; NULL if it is not a size
-- source: what it was read from; (source, source_offset, source_seq) is unique
-- source_offset: byte, message or moment in the source
-- source_seq: number of the sample at that offset
SELECT
    ts, event_date, server, cluster, dialect,
    event AS metric, object, duration_us, size_bytes,
    source, source_offset, source_seq
FROM events
WHERE kind = 'metric'
