-- ClickHouse's own exact percentile: another answer, for comparison of time only.
SELECT server, date_trunc('hour', ts) AS hour, quantileExact(0.95)(query_time_us) AS p95_us
FROM executions
WHERE ts >= TIMESTAMP '2026-11-11 00:00:00'
GROUP BY server, hour
ORDER BY server, hour
