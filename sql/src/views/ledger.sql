-- One row is one range of one source that was read and committed. It accounts for every byte of the range:
-- bytes_in = bytes_parsed + bytes_rejected + bytes_skipped.
--
-- ts: when the range was read, UTC
-- event_date: day of ts (1970-01-01 without one)
-- server: name of the database server
-- cluster: name of the cluster that the server belongs to
-- source: what was read
-- app_id: name of the watermark that the commit advanced
-- source_identity: what the source was recognised by
-- range_start: first byte or message of the range
-- range_end: end of the range, exclusive
-- bytes_in: bytes of the range
-- bytes_parsed: bytes that became entries
-- bytes_rejected: bytes that could not be read; see rejects
-- bytes_skipped: bytes that are known and not wanted
-- entries_query: executions read from the range
-- entries_log: events of the server read from the range; NULL if it was read before slowlake kept them
-- rejects: rejects made of the range
-- detail: counts and bytes by kind and reason, JSON
SELECT
    ts, event_date, server, cluster, source, app_id, source_identity,
    source_offset AS range_start, range_end,
    bytes_in, bytes_parsed, bytes_rejected, bytes_skipped, entries_query, entries_log, rejects, detail
FROM events
WHERE kind = 'ledger'
