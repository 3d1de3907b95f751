-- Which queries took most of the fleet's time in thirty days?
SELECT fingerprint, count(*) AS calls, sum(query_time_us) AS total_us, max(query_time_us) AS max_us
FROM executions
GROUP BY fingerprint
ORDER BY total_us DESC
LIMIT 20
