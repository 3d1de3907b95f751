-- What did this one execution say?
SELECT ts, server, query_time_us, statement
FROM executions
WHERE source = '{source}' AND source_offset = {source_offset} AND source_seq = 0
