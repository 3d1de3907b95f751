-- One row is one execution of one statement, as its server logged it. Unknown is NULL, never 0.
-- The text of a statement is in `queries`, under its fingerprint; `statement` here keeps the raw text of some executions only.
--
-- ts: start of the statement, UTC; NULL if the log does not say
-- end_ts: end of the statement, UTC
-- event_date: day of ts (1970-01-01 without one); conditions on it or on ts skip whole files
-- server: name of the database server
-- cluster: name of the cluster that the server belongs to
-- dialect: postgres or mysql
-- database: database (MySQL: schema) of the session
-- user: user name of the session
-- application: application name that the client gave
-- client: address or host of the client
-- session_id: process id (PostgreSQL) or thread id (MySQL)
-- transaction_id: transaction id (PostgreSQL's xid, InnoDB's trx id); NULL where the statement had none
-- fingerprint: hash of the normalized text; fingerprint_hex(fingerprint) prints it as reports do
-- server_query_id: the server's own identifier of the query (PostgreSQL's queryid)
-- plan_fingerprint: hash of the shape of its plan, where the log showed it before; fingerprint_hex prints it
-- command: query, execute, fetch, administrator or fastpath
-- query_time_us: duration, microseconds
-- parse_time_us: how long it was parsed before, microseconds, where the server logs that apart
-- bind_time_us: how long its parameters were bound and it was planned before, microseconds, where that is logged apart
-- lock_time_us: time waited for locks as the server counts it, microseconds
-- rows_sent: rows returned to the client
-- rows_examined: rows read by the server
-- rows_affected: rows changed
-- bytes_sent: bytes returned to the client
-- bytes_received: bytes received from the client
-- rate_limit: how many executions this one stands for, where the server logs one in so many
-- is_nested: it ran inside a stored routine, whose call is a row of its own and includes its time
-- error_code: error number of the statement (MySQL); 0 is success
-- killed: error number that the statement was killed with (MySQL); 0 is not killed
-- full_scan: a table was read without an index
-- full_join: a join was done without an index
-- tmp_table: a temporary table was made
-- tmp_table_on_disk: a temporary table went to disk
-- filesort: a sort was done
-- filesort_on_disk: a sort went to disk
-- query_cache_hit: the answer came from the query cache
-- tmp_tables: temporary tables made in memory
-- tmp_disk_tables: temporary tables made on disk
-- tmp_table_bytes: size of the temporary tables, bytes
-- merge_passes: merge passes of sorts
-- truncated: the log entry was longer than what is read of one
-- trace_id: the trace that its comments say it belongs to
-- tags: what its comments say of where it comes from, by name
-- statement: raw text of the statement, kept by policy, at most 16 KiB
-- parameters: parameter values as the server printed them, kept like statement
-- attributes: every other field that the server logged, by name
-- source: what it was read from; (source, source_offset, source_seq) is unique
-- source_offset: byte or message offset in the source
-- source_seq: number of the entry at that offset
SELECT
    ts,
    coalesce(end_ts, arrow_cast(CAST(ts AS BIGINT) + query_time_us, 'Timestamp(Microsecond, Some("UTC"))')) AS end_ts,
    event_date,
    server, cluster, dialect, database, "user", application, client, session_id, transaction_id,
    fingerprint, server_query_id, plan_fingerprint, command,
    query_time_us, parse_time_us, bind_time_us, lock_time_us,
    rows_sent, rows_examined, rows_affected, bytes_sent, bytes_received,
    rate_limit, is_nested, error_code, killed,
    full_scan, full_join, tmp_table, tmp_table_on_disk, filesort, filesort_on_disk, query_cache_hit,
    tmp_tables, tmp_disk_tables, tmp_table_bytes, merge_passes, truncated,
    trace_id, tags, statement, parameters, attributes,
    source, source_offset, source_seq
FROM events
WHERE kind = 'query'
