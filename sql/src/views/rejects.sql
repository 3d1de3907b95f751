-- One row is one stretch of a source that could not be read. The bytes are kept, so that nothing is lost.
--
-- ts: time of the entry, UTC, where it could still be told
-- event_date: day of ts (1970-01-01 without one)
-- server: name of the database server
-- cluster: name of the cluster that the server belongs to
-- dialect: postgres or mysql
-- reason: what was wrong with it
-- raw: the bytes, at most 64 KiB of them
-- source: what it was read from; (source, source_offset, source_seq) is unique
-- source_offset: byte or message offset in the source
-- source_seq: number of the entry at that offset
SELECT ts, event_date, server, cluster, dialect, reason, raw, source, source_offset, source_seq
FROM events
WHERE kind = 'reject'
