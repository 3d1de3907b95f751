-- How slow was each server in each hour of this week?
SELECT server, date_trunc('hour', ts) AS hour, latency_percentile(query_time_us, 0.95) AS p95_us
FROM executions
WHERE ts >= TIMESTAMP '2026-11-11 00:00:00'
GROUP BY server, hour
ORDER BY server, hour
