//! What is asked of MySQL and MariaDB, and how each spells it. Only statements and the form of fixed answers; never asks.

use super::Mysql;
use crate::collector::answer::Answer;
use crate::collector::config::CollectorConfig;
use crate::collector::question::{Question, RANKED_BY, STATEMENTS_PLACE, STATEMENTS_READ_MAX, Tells};

/// How many appliers' workers are told of at most.
const WORKERS_MAX: u32 = 256;

/// Of `SHOW GLOBAL STATUS`: what counts since the start.
const STATUS_COUNTERS: [&str; 34] = [
    "aborted_clients",
    "aborted_connects",
    "binlog_cache_disk_use",
    "bytes_received",
    "bytes_sent",
    "com_commit",
    "com_delete",
    "com_insert",
    "com_rollback",
    "com_select",
    "com_update",
    "connections",
    "created_tmp_disk_tables",
    "created_tmp_tables",
    "handler_read_rnd_next",
    "innodb_buffer_pool_read_requests",
    "innodb_buffer_pool_reads",
    "innodb_buffer_pool_wait_free",
    "innodb_data_fsyncs",
    "innodb_data_read",
    "innodb_data_written",
    "innodb_log_waits",
    "innodb_os_log_written",
    "innodb_row_lock_time",
    "innodb_row_lock_waits",
    "innodb_rows_deleted",
    "innodb_rows_inserted",
    "innodb_rows_read",
    "innodb_rows_updated",
    "queries",
    "questions",
    "select_full_join",
    "slow_queries",
    "sort_merge_passes",
];
/// Of `SHOW GLOBAL STATUS`: what stands.
const STATUS_GAUGES: [&str; 8] = [
    "innodb_buffer_pool_pages_dirty",
    "innodb_buffer_pool_pages_free",
    "innodb_buffer_pool_pages_total",
    "innodb_history_list_length",
    "max_used_connections",
    "open_tables",
    "threads_connected",
    "threads_running",
];
const TABLE_COUNTERS: [&str; 5] = ["reads", "writes", "inserts", "updates", "deletes"];
const INDEX_COUNTERS: [&str; 2] = ["reads", "writes"];
const STATEMENT_COUNTERS: [&str; 11] = [
    "calls",
    RANKED_BY,
    "lock_time_us",
    "errors",
    "rows_returned",
    "rows_examined",
    "rows_affected",
    "without_index",
    "temp_disk_tables",
    "full_joins",
    "sort_merge_passes",
];
/// Settings that change how fast the server is, how it replicates or what it logs.
const SETTINGS: &str = "'binlog_format', 'binlog_row_image', 'expire_logs_days', 'binlog_expire_logs_seconds', 'gtid_mode', \
    'gtid_strict_mode', 'innodb_buffer_pool_size', 'innodb_flush_log_at_trx_commit', 'innodb_flush_method', \
    'innodb_io_capacity', 'innodb_log_file_size', 'innodb_redo_log_capacity', 'join_buffer_size', 'log_bin', \
    'log_output', 'log_slow_rate_limit', 'log_slow_verbosity', 'long_query_time', 'max_connections', 'max_heap_table_size', \
    'performance_schema', 'query_cache_type', 'read_only', 'replica_parallel_workers', 'slave_parallel_mode', \
    'slave_parallel_threads', 'slave_parallel_workers', 'slow_query_log', 'sort_buffer_size', 'super_read_only', 'sync_binlog', \
    'table_open_cache', 'thread_cache_size', 'tmp_table_size', 'transaction_isolation', 'tx_isolation', 'version'";
/// What belongs to the server itself.
const SYSTEM_SCHEMAS: &str = "'mysql', 'sys', 'information_schema', 'performance_schema'";

/// Columns of `SHOW REPLICA STATUS` in the newer spelling, and what they are called here.
const REPLICA_COLUMNS: [(&str, &str); 19] = [
    ("Channel_Name", "object"),
    ("Connection_name", "object"),
    ("Source_Host", "source_host"),
    ("Source_Port", "source_port"),
    ("Source_Server_Id", "source_id"),
    ("Replica_IO_Running", "receiver"),
    ("Replica_SQL_Running", "applier"),
    ("Source_Log_File", "received_file"),
    ("Read_Source_Log_Pos", "received_position"),
    ("Relay_Source_Log_File", "applied_file"),
    ("Exec_Source_Log_Pos", "applied_position"),
    ("Relay_Log_Space", "relay_log_bytes"),
    ("Retrieved_Gtid_Set", "received_gtid"),
    ("Gtid_IO_Pos", "received_gtid"),
    ("Executed_Gtid_Set", "applied_gtid"),
    ("Last_IO_Errno", "io_errno"),
    ("Last_SQL_Errno", "sql_errno"),
    ("SQL_Delay", "configured_delay_us"),
    ("Seconds_Behind_Source", "vendor_lag_us"),
];

impl Mysql {
    /// What to ask a server of this kind and version.
    pub(crate) fn questions(&self, config: &CollectorConfig, with_details: bool) -> Vec<Question> {
        let mut questions = vec![
            Question {
                also: Some(self.source_identity()),
                shape: source_position,
                tells: Tells::Position,
                ..Question::state("source_position", self.show_source())
            },
            Question {
                also: Some(self.replica_clock()),
                shape: replica,
                tells: Tells::Position,
                ..Question::state("replica", self.show_replicas())
            },
            Question {
                shape: Answer::pivoted,
                tells: Tells::Growth {
                    counters: &STATUS_COUNTERS,
                    is_complete: true,
                },
                ..Question::state("status", show_status())
            },
        ];
        if !self.is_mariadb {
            questions.push(Question::state("applier_worker", applier_worker()));
        }
        if with_details {
            questions.extend([
                growth("table", table(config.tables_max), &TABLE_COUNTERS),
                growth(
                    "index",
                    index(config.tables_max, self.sees_index_sizes),
                    &INDEX_COUNTERS,
                ),
                Question {
                    tells: Tells::Statements {
                        counters: &STATEMENT_COUNTERS,
                        told_max: config.statements_max,
                        text_sql: statement_text(),
                    },
                    ..Question::state("statement", statement())
                },
                Question {
                    shape: setting,
                    tells: Tells::Changes,
                    ..Question::state(
                        "setting",
                        format!("SHOW GLOBAL VARIABLES WHERE Variable_name IN ({SETTINGS})"),
                    )
                },
            ]);
        }
        questions
    }

    fn show_source(&self) -> &'static str {
        if self.is_mariadb || self.version < (8, 2, 0) {
            "SHOW MASTER STATUS"
        } else {
            "SHOW BINARY LOG STATUS"
        }
    }

    fn show_replicas(&self) -> &'static str {
        if self.is_mariadb {
            "SHOW ALL SLAVES STATUS"
        } else if self.version < (8, 0, 22) {
            "SHOW SLAVE STATUS"
        } else {
            "SHOW REPLICA STATUS"
        }
    }

    fn source_identity(&self) -> &'static str {
        if self.is_mariadb {
            "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED) AS server_clock_us, \
             @@global.server_id AS server_id, @@global.read_only AS read_only, @@global.gtid_binlog_pos AS gtid"
        } else {
            "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED) AS server_clock_us, \
             @@global.server_id AS server_id, @@global.read_only AS read_only, @@global.gtid_executed AS gtid"
        }
    }

    /// MySQL tells the applied GTIDs with each channel, MariaDB once for all.
    fn replica_clock(&self) -> &'static str {
        if self.is_mariadb {
            "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED) AS server_clock_us, \
             @@global.gtid_slave_pos AS applied_gtid"
        } else {
            "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED) AS server_clock_us"
        }
    }
}

fn growth(metric: &'static str, sql: String, counters: &'static [&'static str]) -> Question {
    Question {
        tells: Tells::Growth {
            counters,
            is_complete: false,
        },
        ..Question::state(metric, sql)
    }
}

/// Of the place in the binary log: what is called otherwise here.
fn source_position(answer: Answer) -> Answer {
    renamed(answer, &[("File", "file"), ("Position", "size_bytes")])
}

fn setting(answer: Answer) -> Answer {
    renamed(answer, &[("Variable_name", "object"), ("Value", "value")])
}

/// A replica's state by its own words, whatever their age. What the server writes of errors is left out: it can hold values.
fn replica(mut answer: Answer) -> Answer {
    for column in &mut answer.columns {
        let newer = column.replace("Master", "Source").replace("Slave", "Replica");
        *column = newer;
    }
    let mut answer = renamed(answer, &REPLICA_COLUMNS);
    let at = |name: &str| answer.columns.iter().position(|column| column == name);
    let (receiver, applier, delay) = (at("receiver"), at("applier"), at("configured_delay_us"));
    let (lag, object) = (at("vendor_lag_us"), at("object"));
    for row in &mut answer.rows {
        for at in [receiver, applier].into_iter().flatten() {
            row[at] = row[at].as_deref().map(|word| running(word).to_owned());
        }
        for at in [delay, lag].into_iter().flatten() {
            let seconds = row[at].as_deref().and_then(|text| text.parse::<i64>().ok());
            row[at] = seconds.map(|seconds| seconds.saturating_mul(1_000_000).to_string());
        }
        for value in row.iter_mut().filter(|value| value.as_deref() == Some("")) {
            *value = None;
        }
        // The default channel has no name.
        if let Some(object) = object.filter(|&at| row[at].is_none()) {
            row[object] = Some(DEFAULT_CHANNEL.to_owned());
        }
    }
    with_backlog(answer)
}

/// The name given to the channel, or the connection, that has none.
const DEFAULT_CHANNEL: &str = "default";

fn running(word: &str) -> &'static str {
    match word {
        "Yes" => "running",
        "No" => "stopped",
        // `Connecting`, and MariaDB's `Preparing`.
        _ => "connecting",
    }
}

/// Adds how much was received and not applied yet; unknown between two files, and while nothing is received: a number that does not
/// grow although the source goes on would look like a small lag.
fn with_backlog(mut answer: Answer) -> Answer {
    let number = |answer: &Answer, row, column| -> Option<i64> { answer.get(row, column)?.parse().ok() };
    let backlogs: Vec<Option<String>> = (0..answer.rows.len())
        .map(|row| {
            let is_one_file = answer.get(row, "received_file") == answer.get(row, "applied_file");
            let is_running = answer.get(row, "receiver") == Some("running");
            let received = number(&answer, row, "received_position")?;
            let applied = number(&answer, row, "applied_position")?;
            (is_one_file && is_running).then(|| (received - applied).max(0).to_string())
        })
        .collect();
    answer.columns.push("size_bytes".to_owned());
    for (row, backlog) in answer.rows.iter_mut().zip(backlogs) {
        row.push(backlog);
    }
    answer
}

/// The columns that have a new name, in the order of the answer.
fn renamed(answer: Answer, names: &[(&str, &str)]) -> Answer {
    let new_name = |column: &String| names.iter().find(|(old, _)| old == column).map(|(_, new)| *new);
    let kept: Vec<(usize, &str)> = answer
        .columns
        .iter()
        .enumerate()
        .filter_map(|(at, column)| Some((at, new_name(column)?)))
        .collect();
    Answer {
        columns: kept.iter().map(|(_, name)| (*name).to_owned()).collect(),
        rows: answer
            .rows
            .into_iter()
            .map(|mut row| kept.iter().map(|(at, _)| row[*at].take()).collect())
            .collect(),
    }
}

fn show_status() -> String {
    let names: Vec<String> = STATUS_COUNTERS
        .iter()
        .chain(&STATUS_GAUGES)
        .map(|name| format!("'{name}'"))
        .collect();
    format!("SHOW GLOBAL STATUS WHERE Variable_name IN ({})", names.join(", "))
}

/// Times of a worker are zero before its first transaction and between two.
fn applier_worker() -> String {
    let applying = "APPLYING_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP";
    let (first, start) = (
        "LAST_APPLIED_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP",
        "LAST_APPLIED_TRANSACTION_START_APPLY_TIMESTAMP",
    );
    let end = "LAST_APPLIED_TRANSACTION_END_APPLY_TIMESTAMP";
    format!(
        "SELECT IF(CHANNEL_NAME = '', '{DEFAULT_CHANNEL}', CHANNEL_NAME) AS object, WORKER_ID AS worker, \
         IF(SERVICE_STATE = 'ON', 'running', 'stopped') AS state, LAST_ERROR_NUMBER AS errno, \
         IF({applying} > 0, TIMESTAMPDIFF(MICROSECOND, {applying}, SYSDATE(6)), NULL) AS duration_us, \
         IF({first} > 0, TIMESTAMPDIFF(MICROSECOND, {first}, {end}), NULL) AS last_end_to_end_us, \
         IF({start} > 0, TIMESTAMPDIFF(MICROSECOND, {start}, {end}), NULL) AS last_apply_us \
         FROM performance_schema.replication_applier_status_by_worker ORDER BY CHANNEL_NAME, WORKER_ID LIMIT {WORKERS_MAX}"
    )
}

/// Names in two schemas of the server compare only in one collation.
fn same(left: &str, right: &str) -> String {
    format!(
        "CONVERT({left} USING utf8mb4) COLLATE utf8mb4_bin = CONVERT({right} USING utf8mb4) COLLATE utf8mb4_bin"
    )
}

fn table(rows_max: u32) -> String {
    format!(
        "SELECT CONCAT(t.TABLE_SCHEMA, '.', t.TABLE_NAME) AS object, t.TABLE_SCHEMA AS `database`, t.DATA_LENGTH + t.INDEX_LENGTH AS size_bytes, \
         t.ENGINE AS engine, t.TABLE_ROWS AS estimated_rows, t.DATA_LENGTH AS data_bytes, t.INDEX_LENGTH AS index_bytes, \
         u.COUNT_READ AS `reads`, u.COUNT_WRITE AS writes, u.COUNT_INSERT AS inserts, u.COUNT_UPDATE AS updates, u.COUNT_DELETE AS deletes \
         FROM (SELECT * FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA NOT IN ({SYSTEM_SCHEMAS}) \
         ORDER BY DATA_LENGTH + INDEX_LENGTH DESC LIMIT {rows_max}) AS t \
         LEFT JOIN performance_schema.table_io_waits_summary_by_table AS u ON u.OBJECT_TYPE = 'TABLE' AND {schema} AND {name}",
        schema = same("u.OBJECT_SCHEMA", "t.TABLE_SCHEMA"),
        name = same("u.OBJECT_NAME", "t.TABLE_NAME"),
    )
}

/// Indexes that were used since the start or, where their size may be read, the largest: one that nobody uses is told of only then.
fn index(rows_max: u32, sees_sizes: bool) -> String {
    if !sees_sizes {
        return format!(
            "SELECT CONCAT(OBJECT_SCHEMA, '.', OBJECT_NAME, '.', INDEX_NAME) AS object, OBJECT_SCHEMA AS `database`, \
             COUNT_READ AS `reads`, COUNT_WRITE AS writes FROM performance_schema.table_io_waits_summary_by_index_usage \
             WHERE INDEX_NAME IS NOT NULL AND OBJECT_SCHEMA NOT IN ({SYSTEM_SCHEMAS}) ORDER BY COUNT_STAR DESC LIMIT {rows_max}"
        );
    }
    format!(
        "SELECT CONCAT(i.database_name, '.', i.table_name, '.', i.index_name) AS object, i.database_name AS `database`, \
         i.stat_value * @@global.innodb_page_size AS size_bytes, u.COUNT_READ AS `reads`, u.COUNT_WRITE AS writes \
         FROM (SELECT * FROM mysql.innodb_index_stats WHERE stat_name = 'size' AND database_name NOT IN ({SYSTEM_SCHEMAS}) \
         ORDER BY stat_value DESC LIMIT {rows_max}) AS i \
         LEFT JOIN performance_schema.table_io_waits_summary_by_index_usage AS u ON {schema} AND {table} AND {name}",
        schema = same("u.OBJECT_SCHEMA", "i.database_name"),
        table = same("u.OBJECT_NAME", "i.table_name"),
        name = same("u.INDEX_NAME", "i.index_name"),
    )
}

/// The row without a digest is the sum of all statements that found no place.
fn statement() -> String {
    format!(
        "SELECT DIGEST AS object, SCHEMA_NAME AS `database`, FIRST_SEEN AS epoch, COUNT_STAR AS calls, \
         SUM_TIMER_WAIT DIV 1000000 AS {RANKED_BY}, SUM_LOCK_TIME DIV 1000000 AS lock_time_us, SUM_ERRORS AS errors, \
         SUM_ROWS_SENT AS rows_returned, SUM_ROWS_EXAMINED AS rows_examined, SUM_ROWS_AFFECTED AS rows_affected, \
         SUM_NO_INDEX_USED AS without_index, SUM_CREATED_TMP_DISK_TABLES AS temp_disk_tables, SUM_SELECT_FULL_JOIN AS full_joins, \
         SUM_SORT_MERGE_PASSES AS sort_merge_passes FROM performance_schema.events_statements_summary_by_digest \
         ORDER BY SUM_TIMER_WAIT DESC LIMIT {STATEMENTS_READ_MAX}"
    )
}

fn statement_text() -> String {
    format!(
        "SELECT DIGEST AS object, MIN(DIGEST_TEXT) AS statement FROM performance_schema.events_statements_summary_by_digest \
         WHERE DIGEST IN ({STATEMENTS_PLACE}) GROUP BY DIGEST"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns and values of one row, space-separated; `-` is NULL and `_` is empty.
    fn check(columns: &str, values: &str, expect: &str) {
        let value = |text: &str| match text {
            "-" => None,
            "_" => Some(String::new()),
            text => Some(text.to_owned()),
        };
        let told = replica(Answer {
            columns: columns.split(' ').map(str::to_owned).collect(),
            rows: vec![values.split(' ').map(value).collect()],
        });
        let pairs = told.columns.iter().zip(&told.rows[0]);
        let shown: Vec<String> = pairs
            .filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)))
            .collect();
        assert_eq!(shown.join(" "), expect);
    }

    const NEWER: &str = "Source_Log_File Read_Source_Log_Pos Relay_Source_Log_File Exec_Source_Log_Pos Replica_IO_Running \
        Replica_SQL_Running Seconds_Behind_Source SQL_Delay Last_SQL_Error Executed_Gtid_Set Channel_Name";
    const OLDER: &str = "Connection_name Master_Log_File Read_Master_Log_Pos Relay_Master_Log_File Exec_Master_Log_Pos \
        Slave_IO_Running Slave_SQL_Running Seconds_Behind_Master";

    #[test]
    fn both_spellings_are_one() {
        check(
            NEWER,
            "bin.2 900 bin.2 700 Yes Yes 3 60 text u:1-9 _",
            "received_file=bin.2 received_position=900 applied_file=bin.2 applied_position=700 receiver=running applier=running \
             vendor_lag_us=3000000 configured_delay_us=60000000 applied_gtid=u:1-9 object=default size_bytes=200",
        );
        check(
            OLDER,
            "other bin.2 900 bin.2 700 Yes Yes 3",
            "object=other received_file=bin.2 received_position=900 applied_file=bin.2 applied_position=700 receiver=running \
             applier=running vendor_lag_us=3000000 size_bytes=200",
        );
    }

    #[test]
    fn a_backlog_is_told_only_while_it_can_be_known() {
        let rest = "object=default received_file=bin.3 received_position=900";
        // Between two files.
        check(
            OLDER,
            "_ bin.3 900 bin.2 700 Yes Yes 0",
            &format!(
                "{rest} applied_file=bin.2 applied_position=700 receiver=running applier=running vendor_lag_us=0"
            ),
        );
        // Nothing comes in: received is applied, and that is no news of the source.
        check(
            OLDER,
            "_ bin.3 900 bin.3 900 Connecting Yes -",
            &format!("{rest} applied_file=bin.3 applied_position=900 receiver=connecting applier=running"),
        );
        check(
            OLDER,
            "_ bin.3 900 bin.3 700 Yes No -",
            &format!(
                "{rest} applied_file=bin.3 applied_position=700 receiver=running applier=stopped size_bytes=200"
            ),
        );
    }
}
