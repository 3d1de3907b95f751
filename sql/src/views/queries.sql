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
    coalesce(min(first_execution), min(first_event)) AS first_seen,
    coalesce(max(last_execution), max(last_event)) AS last_seen,
    sum(calls) AS calls,
    first_value(example ORDER BY example_time_us DESC NULLS LAST, example_source, example_offset, example_seq)
        FILTER (WHERE example IS NOT NULL) AS example
FROM derived_queries
GROUP BY fingerprint
