-- What the server counted of what its general log and its error log tell.
SELECT JSON_DETAILED(JSON_OBJECT(
    'general_log', (SELECT JSON_OBJECTAGG(command_type, entries) FROM (
        SELECT command_type, COUNT(*) AS entries FROM mysql.general_log GROUP BY command_type ORDER BY command_type) g),
    'status', (SELECT JSON_OBJECTAGG(LOWER(variable_name), CAST(variable_value AS INT)) FROM information_schema.global_status
        WHERE variable_name IN ('ABORTED_CLIENTS', 'ABORTED_CONNECTS', 'ACCESS_DENIED_ERRORS', 'INNODB_DEADLOCKS'))
)) AS truth;
