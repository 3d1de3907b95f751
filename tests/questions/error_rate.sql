-- How many executions failed, by day and server?
SELECT event_date, server, count(*) AS calls, count(*) FILTER (WHERE error_code <> 0) AS errors
FROM executions
GROUP BY event_date, server
ORDER BY event_date, server
