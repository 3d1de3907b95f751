SELECT
    event_date,
    fingerprint,
    min(dialect) AS dialect,
    min(normalized) AS normalized,
    min(verb) AS verb,
    first_value(tables ORDER BY normalized) FILTER (WHERE normalized IS NOT NULL) AS tables,
    count(*) FILTER (WHERE kind = 'query') AS calls,
    min(ts) FILTER (WHERE kind = 'query') AS first_execution,
    max(ts) FILTER (WHERE kind = 'query') AS last_execution,
    min(ts) FILTER (WHERE kind = 'log') AS first_event,
    max(ts) FILTER (WHERE kind = 'log') AS last_event,
    first_value(statement ORDER BY query_time_us DESC NULLS LAST, source, source_offset, source_seq)
        FILTER (WHERE statement IS NOT NULL) AS example,
    first_value(query_time_us ORDER BY query_time_us DESC NULLS LAST, source, source_offset, source_seq)
        FILTER (WHERE statement IS NOT NULL) AS example_time_us,
    first_value(source ORDER BY query_time_us DESC NULLS LAST, source, source_offset, source_seq)
        FILTER (WHERE statement IS NOT NULL) AS example_source,
    first_value(source_offset ORDER BY query_time_us DESC NULLS LAST, source, source_offset, source_seq)
        FILTER (WHERE statement IS NOT NULL) AS example_offset,
    first_value(source_seq ORDER BY query_time_us DESC NULLS LAST, source, source_offset, source_seq)
        FILTER (WHERE statement IS NOT NULL) AS example_seq
FROM events
WHERE kind IN ('query', 'log') AND fingerprint IS NOT NULL AND {condition}
GROUP BY event_date, fingerprint
