//! What a person at the other end of [`Session`] sees: views, refusals, messages.

use std::collections::BTreeSet;

use super::*;
use crate::fixture::{MONDAY_US, Row, events};
use crate::{FUNCTIONS, VIEWS};

const SETTINGS: SessionSettings = SessionSettings {
    memory_limit_bytes: 64 << 20,
    threads: 2,
};

fn rows() -> Vec<Row> {
    let minute = 60_000_000;
    vec![
        Row::execution(0, MONDAY_US, 1, 5_000)
            .first_sight("SELECT a FROM t WHERE b = ?", "SELECT", &["t"])
            .set("statement", "select a from t where b = 1")
            .set("user", "web")
            .set("server", "db-1"),
        Row::execution(100, MONDAY_US + minute, 1, 9_000)
            .set("statement", "select a from t where b = 2")
            .set("user", "web"),
        Row::execution(200, MONDAY_US + 2 * minute, 1, 20_000).set("user", "admin"),
        Row::execution(300, MONDAY_US + 3 * minute, -2, 7).first_sight("DELETE FROM s.u", "DELETE", &["s.u"]),
        Row::new("reject", 400)
            .set("reason", "no prefix")
            .set("raw", ScalarValue::Binary(Some(b"ab\xffc".to_vec()))),
        Row::new("ledger", 0)
            .set("bytes_in", 500_i64)
            .set("bytes_parsed", 400_i64)
            .set("bytes_rejected", 100_i64),
    ]
}

use datafusion::common::ScalarValue;

async fn session() -> Session {
    Session::from_provider(events(&rows(), 2), SETTINGS)
        .await
        .expect("a session")
}

async fn run(session: &Session, sql: &str) -> Result<Vec<String>, SqlError> {
    let mut result = session.query(sql).await?;
    let columns = result.columns().len();
    let mut lines = Vec::new();
    while let Some(rows) = result.next().await? {
        for row in 0..rows.len() {
            let values: Vec<String> = (0..columns)
                .map(|column| rows.value(row, column).to_string())
                .collect();
            lines.push(values.join("|"));
        }
    }
    Ok(lines)
}

#[track_caller]
fn check(sql: &str, expected: &[&str]) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    match runtime.block_on(async { run(&session().await, sql).await }) {
        Ok(lines) => assert_eq!(lines, expected, "{sql}"),
        Err(error) => panic!("{sql}: {error}"),
    }
}

#[track_caller]
fn check_error(sql: &str, expected: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    match runtime.block_on(async { run(&session().await, sql).await }) {
        Ok(lines) => panic!("{sql} gives {lines:?}"),
        Err(error) => assert_eq!(error.to_string(), expected, "{sql}"),
    }
}

#[test]
fn executions_are_the_queries_only() {
    check("SELECT count(*) FROM executions", &["4"]);
    check(
        "SELECT ts, event_date, query_time_us FROM executions WHERE fingerprint = -2",
        &["2026-11-16 00:03:00Z|2026-11-16|7"],
    );
}

#[test]
fn a_query_is_all_executions_of_a_fingerprint() {
    check(
        "SELECT * FROM queries ORDER BY calls DESC",
        &[
            "1|0000000000000001|postgres|SELECT a FROM t WHERE b = ?|SELECT|[t]|2026-11-16 00:00:00Z|2026-11-16 00:02:00Z|3|\
             select a from t where b = 2",
            "-2|fffffffffffffffe|postgres|DELETE FROM s.u|DELETE|[s.u]|2026-11-16 00:03:00Z|2026-11-16 00:03:00Z|1|",
        ],
    );
}

#[test]
fn rejects_and_ledger() {
    check(
        "SELECT source, source_offset, reason, raw FROM rejects",
        &["db-1.log|400|no prefix|ab\\xffc"],
    );
    check(
        "SELECT bytes_in, bytes_parsed, bytes_rejected, bytes_skipped FROM ledger",
        &["500|400|100|"],
    );
}

#[test]
fn user_is_a_column() {
    check(
        "SELECT user, count(*) FROM executions WHERE user = 'web' GROUP BY user",
        &["web|2"],
    );
    check(
        "SELECT e.user FROM executions e ORDER BY user, ts LIMIT 1",
        &["admin"],
    );
    check("SELECT (SELECT min(USER) FROM executions)", &["admin"]);
}

#[test]
fn events_is_there_but_not_listed() {
    check("SELECT count(*) FROM events", &["6"]);
    let listed = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1";
    check(
        listed,
        &[
            "executions",
            "findings",
            "ledger",
            "metrics",
            "queries",
            "rejects",
            "replication_lag",
            "rollup_day",
            "rollup_hour",
            "server_events",
        ],
    );
}

#[test]
fn looking_around_works() {
    check(
        "DESCRIBE rejects",
        &[
            "ts|Timestamp(µs, \"UTC\")|YES",
            "event_date|Date32|NO",
            "server|Utf8View|YES",
            "cluster|Utf8View|YES",
            "dialect|Utf8View|YES",
            "reason|Utf8View|YES",
            "raw|Binary|YES",
            "source|Utf8View|NO",
            "source_offset|Int64|NO",
            "source_seq|Int32|NO",
        ],
    );
    check(
        "SELECT count(*) > 10 FROM (SELECT 1 FROM information_schema.views)",
        &["false"],
    );
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for sql in [
        "EXPLAIN SELECT user FROM executions",
        "SHOW TABLES",
        "SHOW COLUMNS FROM queries",
        "EXPLAIN ANALYZE SELECT 1",
    ] {
        let lines = runtime
            .block_on(async { run(&session().await, sql).await })
            .expect(sql);
        assert!(!lines.is_empty(), "{sql}");
    }
}

#[test]
fn everything_else_is_refused() {
    let refused =
        |statement: &str| format!("{statement} is refused: SQL reads the archive and never changes it");
    check_error("CREATE TABLE x AS SELECT 1", &refused("CREATE TABLE"));
    check_error("CREATE VIEW x AS SELECT 1", &refused("CREATE VIEW"));
    check_error(
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION 'x.csv'",
        &refused("CREATE EXTERNAL TABLE"),
    );
    check_error("DROP TABLE events", &refused("DROP TABLE"));
    check_error("DROP VIEW executions", &refused("DROP VIEW"));
    check_error("INSERT INTO events SELECT * FROM events", &refused("INSERT INTO"));
    check_error("DELETE FROM events", &refused("DELETE"));
    check_error("UPDATE events SET server = 'x'", &refused("UPDATE"));
    check_error("COPY (SELECT 1) TO 'x.csv'", &refused("COPY"));
    check_error("SET datafusion.execution.batch_size = 1", &refused("SET"));
    check_error("BEGIN", &refused("BEGIN"));
    check_error("PREPARE p AS SELECT 1", &refused("PREPARE"));
    check_error(
        "EXPLAIN ANALYZE INSERT INTO events SELECT * FROM events",
        &refused("INSERT INTO"),
    );
}

#[test]
fn errors_name_what_was_meant() {
    check_error(
        "SELECT duration_us FROM executions",
        "column \"duration_us\" does not exist in executions; nearest: query_time_us",
    );
    check_error(
        "SELECT query_tme FROM executions",
        "column \"query_tme\" does not exist in executions; nearest: query_time_us",
    );
    check_error(
        "SELECT 1 FROM executions WHERE usr = 'a'",
        "column \"usr\" does not exist in executions; nearest: user",
    );
    check_error(
        "SELECT e.rowssent FROM executions e",
        "column \"rowssent\" does not exist in e; nearest: rows_sent",
    );
    check_error("SELECT x.ts FROM executions e", "table \"x\" does not exist");
    check_error(
        "SELECT zzz FROM executions GROUP BY ts",
        "column \"zzz\" does not exist in executions",
    );
    check_error(
        "SELECT * FROM execution",
        "table \"execution\" does not exist; nearest: executions",
    );
    check_error(
        "SELECT latency_percentil(1, 0.5)",
        "function \"latency_percentil\" does not exist; nearest: latency_percentile",
    );
    check_error(
        "SELECT summ(query_time_us) FROM executions",
        "function \"summ\" does not exist; nearest: sum",
    );
    check_error(
        "SELEC 1",
        "syntax error: expected an SQL statement, found SELEC at line 1, column 1",
    );
    check_error(
        "SELECT 1 +",
        "syntax error: expected an expression, found the end of the statement",
    );
    check_error("SELECT query_time_us / 0 FROM executions", "divide by zero error");
    check_error(
        "SELECT CAST('x' AS bigint)",
        "cannot cast string 'x' to value of Int64 type",
    );
    check_error(
        "SELECT fingerprint_from_hex('xyz')",
        "\"xyz\" is no fingerprint: it takes 16 hexadecimal digits",
    );
    check_error(
        "SELECT normalize('select 1', 'oracle')",
        "unknown dialect \"oracle\"; it is 'postgres' or 'mysql'",
    );
    check_error(
        "SELECT latency_percentile(query_time_us, 2) FROM executions",
        "a quantile lies between 0 and 1; 2 does not",
    );
}

#[test]
fn a_query_beyond_its_memory_says_so() {
    let settings = SessionSettings {
        memory_limit_bytes: 2 << 20,
        threads: 1,
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let error = runtime.block_on(async {
        let session = Session::from_provider(events(&rows(), 1), settings).await?;
        run(
            &session,
            "SELECT array_agg(a.value) FROM generate_series(1, 1000000) a",
        )
        .await
    });
    let error = error.expect_err("an error");
    assert!(
        matches!(error, SqlError::Memory { limit_bytes, .. } if limit_bytes == 2 << 20),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .starts_with("the query needs more memory than its limit of 2 MiB: "),
        "{error}"
    );
}

#[test]
fn headers_of_views_are_their_columns() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let session = runtime.block_on(session());
    for view in VIEWS {
        let result = runtime
            .block_on(session.query(&format!("SELECT * FROM {}", view.name)))
            .expect(view.name);
        let columns: Vec<&str> = result
            .columns()
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        let documented: Vec<&str> = view.columns().map(|(name, _)| name).collect();
        assert_eq!(columns, documented, "{}", view.name);
        assert!(view.summary().starts_with("One row is "), "{}", view.summary());
    }
    assert!(VIEWS.is_sorted_by_key(|view| view.name));
}

#[test]
fn documented_functions_are_the_registered_ones() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let session = runtime.block_on(session());
    let plain: BTreeSet<String> = {
        let context = SessionContext::new();
        let state = context.state();
        let names = state
            .scalar_functions()
            .keys()
            .chain(state.aggregate_functions().keys());
        names.chain(state.window_functions().keys()).cloned().collect()
    };
    let ours: Vec<String> = session
        .function_names()
        .into_iter()
        .filter(|name| !plain.contains(name))
        .collect();
    let documented: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
    assert_eq!(ours, documented);
}

#[test]
fn a_dropped_query_stops() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let session = session().await;
        let endless = "SELECT count(*) FROM generate_series(1, 1000000000000) a";
        let mut result = session.query(endless).await.expect("a running query");
        assert!(
            futures::future::poll_immediate(Box::pin(result.next()))
                .await
                .is_none()
        );
        drop(result);
        assert_eq!(run(&session, "SELECT 1").await.expect("a row"), ["1"]);
    });
}

#[track_caller]
fn check_parameters(sql: &str, parameters: &[Value<'_>], expected: Result<&[&str], &str>) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let answer = runtime.block_on(async {
        let session = session().await;
        let mut result = session.query_with(sql, parameters).await?;
        let mut lines = Vec::new();
        while let Some(rows) = result.next().await? {
            lines.extend((0..rows.len()).map(|row| rows.value(row, 0).to_string()));
        }
        Ok::<_, SqlError>(lines)
    });
    let expected = expected.map(|lines| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
    let answer = answer.map_err(|error| error.to_string());
    assert_eq!(answer, expected.map_err(str::to_owned), "{sql}");
}

#[test]
fn parameters_are_values() {
    let of_user = "SELECT count(*) FROM executions WHERE \"user\" = $1";
    check_parameters(of_user, &[Value::Text("web")], Ok(&["2"]));
    check_parameters(of_user, &[Value::Text("x' OR '1'='1")], Ok(&["0"]));
    check_parameters(of_user, &[Value::Null], Ok(&["0"]));
    let slow =
        "SELECT query_time_us FROM executions WHERE query_time_us > $2 AND ts >= $1 ORDER BY 1 LIMIT $3";
    let monday = Value::Text("2026-11-16T00:00:00Z");
    check_parameters(
        slow,
        &[monday.clone(), Value::Integer(5_000), Value::Integer(1)],
        Ok(&["9000"]),
    );
    check_parameters(
        slow,
        &[monday],
        Err("the statement has parameters up to $3, and 1 values were given"),
    );
    check_parameters(
        "SELECT 1",
        &[Value::Boolean(true)],
        Err("the statement has parameters up to $0, and 1 values were given"),
    );
    check_parameters(
        "SELECT $name",
        &[Value::Null],
        Err("parameter $name has no number: write $1, $2 and so on"),
    );
    check_parameters(
        "SELECT $1",
        &[Value::Integer(1 << 64)],
        Err("parameter 18446744073709551616 is beyond 64 bits"),
    );
}
