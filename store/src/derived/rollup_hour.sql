SELECT
    event_date,
    hour, server, database, "user", application, fingerprint,
    count(*) AS calls,
    sum(CASE WHEN error_code <> 0 THEN 1 WHEN error_code = 0 THEN 0 END) AS errors,
    sum(query_time_us) AS total_us,
    min(query_time_us) AS min_us,
    max(query_time_us) AS max_us,
    CAST(sum(CAST(query_time_us AS DECIMAL(19, 0)) * CAST(query_time_us AS DECIMAL(19, 0))) AS DECIMAL(38, 0)) AS squares_us2,
    latency_histogram(query_time_us) AS latency,
    sum(lock_time_us) AS lock_time_us,
    sum(rows_sent) AS rows_sent,
    sum(rows_examined) AS rows_examined,
    sum(rows_affected) AS rows_affected,
    count(parse_time_us) AS parses,
    sum(parse_time_us) AS parse_time_us,
    count(bind_time_us) AS binds,
    sum(bind_time_us) AS bind_time_us,
    min(ts) AS first_ts,
    max(ts) AS last_ts,
    sum(coalesce(greatest(rate_limit, 1), 1)) AS estimated_calls,
    sum(query_time_us * coalesce(greatest(rate_limit, 1), 1)) AS estimated_total_us,
    sum(coalesce(greatest(rate_limit, 1), 1)) FILTER (WHERE is_nested) AS nested_calls,
    sum(query_time_us) FILTER (WHERE is_nested) AS nested_us,
    sum(query_time_us * coalesce(greatest(rate_limit, 1), 1)) FILTER (WHERE is_nested) AS nested_estimated_us
FROM (
    SELECT
        *,
        -- As date_trunc, which asks a calendar for each row. Of a row without a day the time is unknown, or in no calendar.
        CASE WHEN event_date <> DATE '1970-01-01' THEN
            arrow_cast(
                CAST(ts AS BIGINT) - (CAST(ts AS BIGINT) % 3600000000 + 3600000000) % 3600000000,
                'Timestamp(Microsecond, Some("UTC"))')
        END AS hour
    FROM events
    WHERE kind = 'query' AND {condition}
) AS executions
GROUP BY event_date, hour, server, database, "user", application, fingerprint
