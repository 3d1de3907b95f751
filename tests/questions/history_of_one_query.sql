-- How did one query do, hour by hour?
SELECT date_trunc('hour', ts) AS hour, count(*) AS calls, sum(query_time_us) AS total_us, max(query_time_us) AS max_us
FROM executions
WHERE fingerprint = -6353306014656036073
GROUP BY hour
ORDER BY hour
