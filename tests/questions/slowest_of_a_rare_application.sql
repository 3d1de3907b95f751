-- The slowest executions of an application that hardly ever runs, with their texts where they were kept.
SELECT ts, server, fingerprint, query_time_us, client, statement
FROM executions
WHERE application = 'year-end-close'
ORDER BY query_time_us DESC, ts, server
LIMIT 20
