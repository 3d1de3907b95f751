-- What the server itself wrote into its slow-log table, beside the file: the same executions, counted without reading the file.
SELECT JSON_DETAILED(JSON_OBJECT(
    'server', CONCAT('MariaDB ', VERSION()),
    'entries', (SELECT COUNT(*) FROM mysql.slow_log),
    'total_us', (SELECT CAST(SUM(TIME_TO_SEC(query_time) * 1000000) AS INT) FROM mysql.slow_log),
    'lock_us', (SELECT CAST(SUM(TIME_TO_SEC(lock_time) * 1000000) AS INT) FROM mysql.slow_log),
    'rows_sent', (SELECT SUM(rows_sent) FROM mysql.slow_log),
    'rows_examined', (SELECT SUM(rows_examined) FROM mysql.slow_log),
    'rows_affected', (SELECT SUM(rows_affected) FROM mysql.slow_log),
    'threads', (SELECT COUNT(DISTINCT thread_id) FROM mysql.slow_log),
    'by_database', (SELECT JSON_OBJECTAGG(db, JSON_OBJECT('entries', entries, 'total_us', total_us)) FROM (
        SELECT db, COUNT(*) AS entries, CAST(SUM(TIME_TO_SEC(query_time) * 1000000) AS INT) AS total_us
        FROM mysql.slow_log GROUP BY db ORDER BY db) d),
    'by_user', (SELECT JSON_OBJECTAGG(user, JSON_OBJECT('entries', entries, 'total_us', total_us)) FROM (
        SELECT SUBSTRING_INDEX(user_host, '[', 1) AS user, COUNT(*) AS entries,
            CAST(SUM(TIME_TO_SEC(query_time) * 1000000) AS INT) AS total_us
        FROM mysql.slow_log GROUP BY user ORDER BY user) u)
)) AS truth;
