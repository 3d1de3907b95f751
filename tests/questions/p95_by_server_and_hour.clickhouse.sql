-- The same percentile in plain SQL: durations counted in bins of 1 %, and of each server and hour the bin in which 95 % are reached.
WITH bins AS (
    SELECT
        server,
        date_trunc('hour', ts) AS hour,
        CASE WHEN query_time_us <= 0 THEN -1 ELSE CAST(ceil(round(ln(query_time_us) / ln(1.01 / 0.99), 9)) AS INTEGER) END AS bin,
        count(*) AS calls
    FROM executions
    WHERE ts >= TIMESTAMP '2026-11-11 00:00:00'
    GROUP BY server, hour, bin
),
ranks AS (
    SELECT
        server,
        hour,
        bin,
        sum(calls) OVER (PARTITION BY server, hour ORDER BY bin) AS up_to,
        sum(calls) OVER (PARTITION BY server, hour) AS of_all
    FROM bins
)
SELECT
    server,
    hour,
    CASE WHEN min(bin) < 0 THEN 0 ELSE CAST(round(0.99 * pow(1.01 / 0.99, min(bin))) AS BIGINT) END AS p95_us
FROM ranks
WHERE up_to >= 0.95 * of_all
GROUP BY server, hour
ORDER BY server, hour
