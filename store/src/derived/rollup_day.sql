SELECT
    event_date,
    server, database, "user", application, fingerprint,
    sum(calls) AS calls,
    sum(errors) AS errors,
    sum(total_us) AS total_us,
    min(min_us) AS min_us,
    max(max_us) AS max_us,
    CAST(sum(squares_us2) AS DECIMAL(38, 0)) AS squares_us2,
    latency_merge(latency) AS latency,
    sum(lock_time_us) AS lock_time_us,
    sum(rows_sent) AS rows_sent,
    sum(rows_examined) AS rows_examined,
    sum(rows_affected) AS rows_affected,
    sum(parses) AS parses,
    sum(parse_time_us) AS parse_time_us,
    sum(binds) AS binds,
    sum(bind_time_us) AS bind_time_us,
    min(first_ts) AS first_ts,
    max(last_ts) AS last_ts,
    sum(estimated_calls) AS estimated_calls,
    sum(estimated_total_us) AS estimated_total_us,
    sum(nested_calls) AS nested_calls,
    sum(nested_us) AS nested_us,
    sum(nested_estimated_us) AS nested_estimated_us
FROM derived_rollup_hour
WHERE {condition}
GROUP BY event_date, server, database, "user", application, fingerprint
