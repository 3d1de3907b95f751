-- One row is one query: all statements of one fingerprint, over the whole archive.
--
-- fingerprint: hash of the normalized text, never NULL; joins with executions
-- fingerprint_hex: the same as reports print it, 16 hexadecimal digits
-- dialect: postgres or mysql
-- normalized: the text with its constants taken out; NULL if it was never kept
-- verb: what it does: SELECT, INSERT, CREATE TABLE, …
-- tables: the tables it names, the one it writes first
-- first_seen: start of its first execution, UTC
-- last_seen: start of its last execution, UTC
-- calls: executions
-- example: raw text of the slowest execution whose text was kept; NULL if none was
SELECT
    fingerprint,
    fingerprint_hex(fingerprint) AS fingerprint_hex,
    min(dialect) AS dialect,
    min(normalized) AS normalized,
    min(verb) AS verb,
    first_value(tables ORDER BY normalized) FILTER (WHERE normalized IS NOT NULL) AS tables,
    min(ts) AS first_seen,
    max(ts) AS last_seen,
    count(*) AS calls,
    first_value(statement ORDER BY query_time_us DESC NULLS LAST, source, source_offset, source_seq)
        FILTER (WHERE statement IS NOT NULL) AS example
FROM events
WHERE kind = 'query' AND fingerprint IS NOT NULL
GROUP BY fingerprint
