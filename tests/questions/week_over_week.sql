-- Which queries take more of our time this week than last week?
WITH this_week AS (
    SELECT fingerprint, count(*) AS calls, sum(query_time_us) AS total_us
    FROM executions
    WHERE ts >= TIMESTAMP '2026-11-11 00:00:00'
    GROUP BY fingerprint
),
last_week AS (
    SELECT fingerprint, count(*) AS calls, sum(query_time_us) AS total_us
    FROM executions
    WHERE ts >= TIMESTAMP '2026-11-04 00:00:00' AND ts < TIMESTAMP '2026-11-11 00:00:00'
    GROUP BY fingerprint
)
SELECT
    this_week.fingerprint AS fingerprint,
    this_week.calls AS calls,
    last_week.calls AS calls_before,
    this_week.total_us - last_week.total_us AS growth_us
FROM this_week
JOIN last_week ON last_week.fingerprint = this_week.fingerprint
ORDER BY growth_us DESC
LIMIT 20
