-- How many different queries does each server run?
SELECT server, count(DISTINCT fingerprint) AS queries
FROM executions
GROUP BY server
ORDER BY server
