-- One row is one query: all statements of one fingerprint, over the whole archive.
--
-- fingerprint: hash of the normalized text, never NULL; joins with executions
-- fingerprint_hex: the same as reports print it, 16 hexadecimal digits
-- dialect: postgres or mysql
-- normalized: the text with its constants taken out; NULL if it was never kept
-- verb: what it does: SELECT, INSERT, CREATE TABLE, …
-- tables: the tables it names, the one it writes first
-- first_seen: start of its first execution, UTC; of the first event about it if it was never logged as executed
-- last_seen: start of its last execution, UTC; of the last event about it if it was never logged as executed
-- calls: executions; 0 if it is known from events only, such as errors
-- example: raw text of the slowest execution whose text was kept, else of an event; NULL if none was
SELECT
    fingerprint,
    fingerprint_hex(fingerprint) AS fingerprint_hex,
    min(dialect) AS dialect,
    min(normalized) AS normalized,
    min(verb) AS verb,
    first_value(tables ORDER BY normalized) FILTER (WHERE normalized IS NOT NULL) AS tables,
    coalesce(min(ts) FILTER (WHERE kind = 'query'), min(ts)) AS first_seen,
    coalesce(max(ts) FILTER (WHERE kind = 'query'), max(ts)) AS last_seen,
    count(*) FILTER (WHERE kind = 'query') AS calls,
    first_value(statement ORDER BY query_time_us DESC NULLS LAST, source, source_offset, source_seq)
        FILTER (WHERE statement IS NOT NULL) AS example
FROM events
WHERE kind IN ('query', 'log') AND fingerprint IS NOT NULL
GROUP BY fingerprint
