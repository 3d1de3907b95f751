-- One row is one event of a server that is not an execution: an error, a lock wait, a checkpoint, a plan. Unknown is NULL, never 0.
-- The text of a statement is in `queries`, under its fingerprint; `statement` here keeps the raw text of some events only.
--
-- ts: when the server wrote it, UTC; NULL if the log does not say
-- event_date: day of ts (1970-01-01 without one); conditions on it or on ts skip whole files
-- server: name of the database server
-- cluster: name of the cluster that the server belongs to
-- dialect: postgres or mysql
-- event: what happened: error, warning, canceled, deadlock, lock_wait, temporary_file, checkpoint, autovacuum, plan, mark (of `slowlake mark`), …
-- severity: notice, log, warning, error, fatal or panic
-- sql_state: SQLSTATE, five characters
-- error_code: the server's own number of the message (MySQL)
-- database: database (MySQL: schema) of the session
-- user: user name of the session
-- application: application name that the client gave
-- client: address or host of the client
-- session_id: process id (PostgreSQL) or thread id (MySQL)
-- transaction_id: transaction id; NULL where there was none
-- duration_us: how long it took, microseconds: a wait, a checkpoint, a vacuum, a session, the execution of a plan
-- size_bytes: how many bytes it was about: the size of a temporary file
-- object: what it was about: a table, what is locked, a file, a standby
-- message: the message, at most 16 KiB
-- detail: what the server says more of it
-- hint: what the server advises
-- context: where in a function or a replay it happened
-- fingerprint: hash of the normalized text of the statement that was running; fingerprint_hex(fingerprint) prints it as reports do
-- server_query_id: the server's own identifier of the query (PostgreSQL's queryid)
-- statement: raw text of that statement, kept by policy, at most 16 KiB
-- plan_fingerprint: hash of the shape of the plan; fingerprint_hex prints it
-- plan: the plan, JSON
-- execution_offset: source_offset of the execution that the plan belongs to, if that came before
-- attributes: the numbers and names in its texts, by name, in microseconds and bytes
-- source: what it was read from; (source, source_offset, source_seq) is unique
-- source_offset: byte or message offset in the source
-- source_seq: number of the entry at that offset
SELECT
    ts, event_date, server, cluster, dialect,
    event, severity, sql_state, error_code,
    database, "user", application, client, session_id, transaction_id,
    duration_us, size_bytes, object, message, detail, hint, context,
    fingerprint, server_query_id, statement,
    plan_fingerprint, plan, execution_offset,
    attributes, source, source_offset, source_seq
FROM events
WHERE kind = 'log'
