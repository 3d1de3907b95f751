-- One row is the executions of one query in one hour: of one server, database, user and application. Sums of rows are those of any
-- longer time; latency_merge(latency) and latency_quantile give its percentiles. What maintenance has written down is read from there.
--
-- event_date: day of hour (1970-01-01 without one); conditions on it or on hour skip whole files
-- hour: begin of the hour that they began in, UTC; NULL if the log does not say
-- server: name of the database server
-- database: database (MySQL: schema) of the session
-- user: user name of the session
-- application: application name that the client gave
-- fingerprint: hash of the normalized text; fingerprint_hex(fingerprint) prints it as reports do
-- calls: executions that were logged
-- errors: those of them that failed; NULL if the server does not say so with the execution (PostgreSQL: see server_events)
-- total_us: their durations together, microseconds
-- min_us: the shortest, microseconds
-- max_us: the longest, microseconds
-- squares_us2: the sum of their squares, square microseconds, of up to 38 digits
-- latency: the durations in logarithmic bins: (bin, calls) stands for so many calls of 0.99 * power(1.01 / 0.99, bin) microseconds, within 1 %; bin -1 is zero
-- lock_time_us: time waited for locks as the server counts it, microseconds
-- rows_sent: rows returned to clients
-- rows_examined: rows read by the server
-- rows_affected: rows changed
-- parses: executions before which the statement was parsed, where the server logs that apart
-- parse_time_us: how long that took together, microseconds
-- binds: executions before which parameters were bound, where the server logs that apart
-- bind_time_us: how long that took together, microseconds
-- first_ts: start of the first execution, UTC
-- last_ts: start of the last execution, UTC
-- estimated_calls: executions as they were, where the server logs one in so many
-- estimated_total_us: durations of those together, microseconds
-- nested_calls: executions as they were inside a stored routine, whose call is counted too and includes their time; NULL if there were none
-- nested_us: durations of those that were logged, microseconds
-- nested_estimated_us: durations of all of those, microseconds
SELECT
    event_date, hour, server, database, "user", application, fingerprint,
    calls, errors, total_us, min_us, max_us, squares_us2, latency,
    lock_time_us, rows_sent, rows_examined, rows_affected,
    parses, parse_time_us, binds, bind_time_us, first_ts, last_ts,
    estimated_calls, estimated_total_us, nested_calls, nested_us, nested_estimated_us
FROM derived_rollup_hour
