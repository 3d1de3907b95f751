-- How far behind was each replica this week?
SELECT server, count(*) AS samples, max(duration_us) AS max_lag_us
FROM metrics
WHERE metric = 'replication_lag' AND ts >= TIMESTAMP '2026-11-11 00:00:00'
GROUP BY server
ORDER BY server
