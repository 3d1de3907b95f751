//! What is asked of PostgreSQL 13 to 18, and how each version spells it. Only statements; never asks.

use super::{Postgres, State};
use crate::collector::config::CollectorConfig;
use crate::collector::question::{Question, RANKED_BY, STATEMENTS_PLACE, STATEMENTS_READ_MAX, Tells};

/// How many databases, slots, standbys, subscriptions or groups of sessions are told of at most.
const ROWS_MAX: u32 = 500;

const DATABASE_COUNTERS: [&str; 13] = [
    "commits",
    "rollbacks",
    "blocks_read",
    "blocks_hit",
    "rows_returned",
    "rows_fetched",
    "rows_inserted",
    "rows_updated",
    "rows_deleted",
    "conflicts",
    "temp_files",
    "temp_bytes",
    "deadlocks",
];
const TABLE_COUNTERS: [&str; 8] = [
    "sequential_scans",
    "sequential_rows",
    "index_scans",
    "index_rows",
    "rows_inserted",
    "rows_updated",
    "rows_deleted",
    "hot_updates",
];
const INDEX_COUNTERS: [&str; 3] = ["scans", "rows_read", "rows_fetched"];
const STATEMENT_COUNTERS: [&str; 8] = [
    "calls",
    RANKED_BY,
    "rows_returned",
    "blocks_hit",
    "blocks_read",
    "temp_blocks_written",
    "wal_bytes",
    "plan_time_us",
];
/// Settings that change how fast the server is, how it replicates or what it logs.
const SETTINGS: &str = "'archive_mode', 'autovacuum', 'autovacuum_max_workers', 'autovacuum_naptime', 'autovacuum_vacuum_cost_delay', \
    'autovacuum_vacuum_scale_factor', 'checkpoint_timeout', 'effective_cache_size', 'fsync', 'full_page_writes', \
    'hot_standby_feedback', 'idle_in_transaction_session_timeout', 'jit', 'lock_timeout', 'log_min_duration_statement', \
    'maintenance_work_mem', 'max_connections', 'max_parallel_workers', 'max_parallel_workers_per_gather', \
    'max_replication_slots', 'max_slot_wal_keep_size', 'max_standby_streaming_delay', 'max_wal_senders', 'max_wal_size', \
    'max_worker_processes', 'random_page_cost', 'recovery_min_apply_delay', 'server_version', 'shared_buffers', \
    'shared_preload_libraries', 'statement_timeout', 'synchronous_commit', 'synchronous_standby_names', 'track_io_timing', \
    'wal_compression', 'wal_keep_size', 'wal_level', 'work_mem', 'default_statistics_target', 'effective_io_concurrency'";

impl Postgres {
    /// What to ask a server of this version that is in this state.
    pub(crate) fn questions(
        &self,
        state: &State,
        config: &CollectorConfig,
        with_details: bool,
    ) -> Vec<Question> {
        let mut questions = vec![if state.in_recovery {
            position("replica", replica(self.version))
        } else {
            position("source_position", source_position())
        }];
        questions.extend([
            position("standby", standby()),
            Question::state("slot", slot(self.version)),
            Question::state("subscription", subscription(self.version)),
            growth("database_activity", database_activity(), &DATABASE_COUNTERS, true),
            Question::state("activity", activity()),
        ]);
        if with_details {
            questions.extend([
                Question::state("database_size", database_size()),
                growth("table", table(config.tables_max), &TABLE_COUNTERS, false),
                growth("index", index(config.tables_max), &INDEX_COUNTERS, false),
                changes("setting", setting()),
            ]);
            questions.extend(state.statements.as_ref().map(|(schema, version)| Question {
                tells: Tells::Statements {
                    counters: &STATEMENT_COUNTERS,
                    told_max: config.statements_max,
                    text_sql: statement_text(schema),
                },
                ..Question::state("statement", statement(schema, *version))
            }));
        }
        questions
    }
}

fn position(metric: &'static str, sql: String) -> Question {
    Question {
        tells: Tells::Position,
        ..Question::state(metric, sql)
    }
}

fn growth(
    metric: &'static str,
    sql: String,
    counters: &'static [&'static str],
    is_complete: bool,
) -> Question {
    Question {
        tells: Tells::Growth {
            counters,
            is_complete,
        },
        ..Question::state(metric, sql)
    }
}

fn changes(metric: &'static str, sql: String) -> Question {
    Question {
        tells: Tells::Changes,
        ..Question::state(metric, sql)
    }
}

/// An interval as whole µs.
fn interval_us(interval: &str) -> String {
    format!("(extract(epoch FROM {interval}) * 1000000)::bigint")
}

/// A moment as µs since 1970 UTC.
fn moment_us(moment: &str) -> String {
    format!("(extract(epoch FROM {moment}) * 1000000)::bigint")
}

/// A difference of bytes that were read at two moments. `greatest` would make a zero of what is unknown.
fn not_negative(difference: &str) -> String {
    format!("(CASE WHEN {difference} < 0 THEN 0 ELSE {difference} END)::bigint")
}

/// A place in the WAL as bytes since its beginning.
fn bytes(lsn: &str) -> String {
    format!("pg_wal_lsn_diff({lsn}, '0/0')::bigint")
}

/// The column of a version, or nothing in those before it.
fn since(version: u32, first: u32, column: &str) -> String {
    if version >= first {
        format!(", {column}")
    } else {
        String::new()
    }
}

/// How far this server's WAL reaches, primary or standby.
const END_OF_WAL: &str =
    "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END";

/// The same on a primary and all its standbys, and on nobody else.
const SYSTEM_ID: &str = "(SELECT system_identifier FROM pg_control_system()) AS system_id";

fn source_position() -> String {
    format!(
        "SELECT {size} AS size_bytes, lsn, left(pg_walfile_name(lsn), 8) AS timeline, {clock} AS server_clock_us, \
         (SELECT count(*) FROM pg_stat_replication) AS standbys, {SYSTEM_ID} FROM (SELECT pg_current_wal_lsn() AS lsn) AS wal",
        size = bytes("lsn"),
        clock = moment_us("clock_timestamp()"),
    )
}

/// Without the privilege to see it, a receiver's status is NULL where there is a receiver.
fn replica(version: u32) -> String {
    let pause = if version >= 140_000 {
        "CASE pg_get_wal_replay_pause_state() WHEN 'not paused' THEN 'running' WHEN 'paused' THEN 'paused' ELSE 'pausing' END"
    } else {
        "CASE WHEN pg_is_wal_replay_paused() THEN 'paused' ELSE 'running' END"
    };
    format!(
        "SELECT receiver, applier, CASE WHEN receiver = 'running' THEN {backlog} END AS size_bytes, \
         received_lsn, applied_lsn, {received} AS received_position, {applied} AS applied_position, timeline, {commit} AS last_commit_at_us, \
         {lag} AS vendor_lag_us, {clock} AS server_clock_us, delay_ms * 1000 AS configured_delay_us, source_host, slot, \
         {SYSTEM_ID}, (SELECT min(wait_event) FROM pg_stat_activity WHERE backend_type = 'startup') AS applier_wait \
         FROM (SELECT CASE WHEN r.pid IS NULL THEN 'none' WHEN r.status IS NULL THEN 'unknown' WHEN r.status = 'streaming' \
         THEN 'running' WHEN r.status IN ('starting', 'waiting', 'restarting') THEN 'connecting' ELSE 'stopped' END AS receiver, \
         {pause} AS applier, pg_last_wal_receive_lsn() AS received_lsn, pg_last_wal_replay_lsn() AS applied_lsn, \
         {received_now} AS received, {applied_now} AS applied, r.received_tli AS timeline, r.sender_host AS source_host, \
         r.slot_name AS slot, pg_last_xact_replay_timestamp() AS last_commit, \
         (SELECT setting::bigint FROM pg_settings WHERE name = 'recovery_min_apply_delay') AS delay_ms \
         FROM (SELECT 1) AS one LEFT JOIN pg_stat_wal_receiver AS r ON true) AS replica",
        backlog = not_negative("received - applied"),
        received = bytes("received_lsn"),
        applied = bytes("applied_lsn"),
        received_now = bytes("pg_last_wal_receive_lsn()"),
        applied_now = bytes("pg_last_wal_replay_lsn()"),
        commit = moment_us("last_commit"),
        lag = interval_us("(clock_timestamp() - last_commit)"),
        clock = moment_us("clock_timestamp()"),
    )
}

fn standby() -> String {
    format!(
        "SELECT coalesce(nullif(application_name, ''), client_addr::text, pid::text) AS object, {replay_lag} AS duration_us, \
         {backlog} AS size_bytes, pid, host(client_addr) AS client, state, sync_state, \
         {source} AS source_position, {sent} AS sent_position, {written} AS written_position, {flushed} AS flushed_position, \
         {applied} AS applied_position, {write_lag} AS write_lag_us, {flush_lag} AS flush_lag_us, {reply} AS reply_age_us \
         FROM pg_stat_replication, (SELECT {END_OF_WAL} AS source_lsn) AS wal ORDER BY pid LIMIT {ROWS_MAX}",
        replay_lag = interval_us("replay_lag"),
        backlog = not_negative("pg_wal_lsn_diff(source_lsn, replay_lsn)"),
        source = bytes("source_lsn"),
        sent = bytes("sent_lsn"),
        written = bytes("write_lsn"),
        flushed = bytes("flush_lsn"),
        applied = bytes("replay_lsn"),
        write_lag = interval_us("write_lag"),
        flush_lag = interval_us("flush_lag"),
        reply = interval_us("(clock_timestamp() - reply_time)"),
    )
}

fn slot(version: u32) -> String {
    format!(
        "SELECT slot_name AS object, database, pg_wal_lsn_diff(source_lsn, restart_lsn)::bigint AS size_bytes, slot_type AS type, active, \
         wal_status, safe_wal_size AS safe_wal_bytes, restart_lsn, confirmed_flush_lsn AS confirmed_lsn, plugin{inactive}{conflicting} \
         FROM pg_replication_slots, (SELECT {END_OF_WAL} AS source_lsn) AS wal ORDER BY slot_name LIMIT {ROWS_MAX}",
        inactive = since(
            version,
            170_000,
            &format!("{} AS inactive_since_at_us", moment_us("inactive_since")),
        ),
        conflicting = since(version, 160_000, "conflicting"),
    )
}

/// One row a subscription: its workers that copy tables or apply in parallel are left out.
fn subscription(version: u32) -> String {
    let leader = if version >= 160_000 {
        "AND leader_pid IS NULL"
    } else {
        ""
    };
    format!(
        "SELECT subname AS object, CASE WHEN pid IS NULL THEN 'stopped' ELSE 'running' END AS receiver, \
         CASE WHEN pid IS NOT NULL THEN {backlog} END AS size_bytes, \
         received_lsn, {received} AS received_position, latest_end_lsn, {age} AS last_message_age_us \
         FROM pg_stat_subscription WHERE relid IS NULL {leader} ORDER BY subname LIMIT {ROWS_MAX}",
        backlog = not_negative("pg_wal_lsn_diff(received_lsn, latest_end_lsn)"),
        received = bytes("received_lsn"),
        age = interval_us("(clock_timestamp() - last_msg_receipt_time)"),
    )
}

fn database_activity() -> String {
    format!(
        "SELECT datname AS database, stats_reset AS epoch, numbackends AS connections, xact_commit AS commits, xact_rollback AS rollbacks, \
         blks_read AS blocks_read, blks_hit AS blocks_hit, tup_returned AS rows_returned, tup_fetched AS rows_fetched, \
         tup_inserted AS rows_inserted, tup_updated AS rows_updated, tup_deleted AS rows_deleted, conflicts, temp_files, temp_bytes, \
         deadlocks FROM pg_stat_database WHERE datname IS NOT NULL ORDER BY datid LIMIT {ROWS_MAX}"
    )
}

/// Without the privilege to see it, a session's state is NULL.
fn activity() -> String {
    format!(
        "SELECT coalesce(state, 'unknown') AS object, datname AS database, wait_event_type, count(*) AS connections, \
         {transaction} AS duration_us, {query} AS oldest_query_us FROM pg_stat_activity \
         WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() \
         GROUP BY 1, 2, 3 ORDER BY connections DESC, 1, 2, 3 LIMIT {ROWS_MAX}",
        transaction = interval_us("max(clock_timestamp() - xact_start)"),
        query = interval_us("max(clock_timestamp() - query_start) FILTER (WHERE state = 'active')"),
    )
}

fn database_size() -> String {
    format!(
        "SELECT datname AS database, age(datfrozenxid) AS xid_age, mxid_age(datminmxid) AS multixact_age, \
         CASE WHEN has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE') \
         THEN pg_database_size(oid) END AS size_bytes FROM pg_database ORDER BY oid LIMIT {ROWS_MAX}"
    )
}

/// The largest relations of some kinds by the planner's count of pages; those that are locked against reading are left out, because to
/// ask for their size would wait.
fn largest(kinds: &str, rows_max: u32) -> String {
    format!(
        "WITH largest AS MATERIALIZED (SELECT c.oid, c.relname, n.nspname FROM pg_class AS c \
         JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind IN ({kinds}) AND c.relpersistence <> 't' \
         AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%' \
         AND NOT EXISTS (SELECT FROM pg_locks AS l WHERE l.relation = c.oid AND l.mode = 'AccessExclusiveLock' \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())) \
         ORDER BY c.relpages DESC, c.oid LIMIT {rows_max})"
    )
}

/// When the counters of the database's tables and indexes began.
const STATS_RESET: &str = "(SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()) AS epoch, current_database() AS database";

fn table(rows_max: u32) -> String {
    format!(
        "{largest} SELECT nspname || '.' || l.relname AS object, {STATS_RESET}, pg_total_relation_size(l.oid) AS size_bytes, \
         n_live_tup AS live_rows, n_dead_tup AS dead_rows, {vacuum} AS last_vacuum_at_us, {analyze} AS last_analyze_at_us, \
         seq_scan AS sequential_scans, seq_tup_read AS sequential_rows, idx_scan AS index_scans, idx_tup_fetch AS index_rows, \
         n_tup_ins AS rows_inserted, n_tup_upd AS rows_updated, n_tup_del AS rows_deleted, n_tup_hot_upd AS hot_updates \
         FROM largest AS l LEFT JOIN pg_stat_user_tables AS s ON s.relid = l.oid",
        largest = largest("'r', 'm'", rows_max),
        vacuum = moment_us("greatest(last_vacuum, last_autovacuum)"),
        analyze = moment_us("greatest(last_analyze, last_autoanalyze)"),
    )
}

fn index(rows_max: u32) -> String {
    format!(
        "{largest} SELECT nspname || '.' || l.relname AS object, {STATS_RESET}, pg_relation_size(l.oid) AS size_bytes, \
         nspname || '.' || t.relname AS table, indisunique AS is_unique, indisprimary AS is_primary, indisvalid AS is_valid, \
         idx_scan AS scans, idx_tup_read AS rows_read, idx_tup_fetch AS rows_fetched \
         FROM largest AS l JOIN pg_index AS i ON i.indexrelid = l.oid JOIN pg_class AS t ON t.oid = i.indrelid \
         LEFT JOIN pg_stat_user_indexes AS s ON s.indexrelid = l.oid",
        largest = largest("'i'", rows_max),
    )
}

fn setting() -> String {
    format!(
        "SELECT name AS object, setting AS value, unit FROM pg_settings WHERE name IN ({SETTINGS}) ORDER BY name"
    )
}

/// A statement counts once for each user and database, whether it ran at the top or within a function.
fn statement(schema: &str, extension: (u32, u32)) -> String {
    let epoch = if extension >= (1, 9) {
        format!("(SELECT stats_reset FROM {schema}.pg_stat_statements_info)")
    } else {
        "NULL".to_owned()
    };
    format!(
        "SELECT s.queryid AS object, d.datname AS database, r.rolname AS user, {epoch} AS epoch, sum(s.calls)::bigint AS calls, \
         (sum(s.total_exec_time) * 1000)::bigint AS {RANKED_BY}, sum(s.rows)::bigint AS rows_returned, \
         sum(s.shared_blks_hit)::bigint AS blocks_hit, sum(s.shared_blks_read)::bigint AS blocks_read, \
         sum(s.temp_blks_written)::bigint AS temp_blocks_written, sum(s.wal_bytes)::bigint AS wal_bytes, \
         (sum(s.total_plan_time) * 1000)::bigint AS plan_time_us FROM {schema}.pg_stat_statements(false) AS s \
         LEFT JOIN pg_database AS d ON d.oid = s.dbid LEFT JOIN pg_roles AS r ON r.oid = s.userid \
         WHERE s.queryid IS NOT NULL GROUP BY s.queryid, s.dbid, s.userid, d.datname, r.rolname \
         ORDER BY {RANKED_BY} DESC LIMIT {STATEMENTS_READ_MAX}"
    )
}

fn statement_text(schema: &str) -> String {
    format!(
        "SELECT queryid AS object, min(query) AS statement FROM {schema}.pg_stat_statements(true) \
         WHERE queryid IN ({STATEMENTS_PLACE}) AND query <> '<insufficient privilege>' GROUP BY queryid"
    )
}
