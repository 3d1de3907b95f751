//! Attempts to write, to escape and to exhaust, each over the wire in both of its forms: all are refused or bounded, the server goes on, and
//! not a file of the lake is another one afterwards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Served, block_on, lake, state};

/// What is tried, and the SQLSTATEs with which it may be refused, separated by blanks.
const ATTEMPTS: &[(&str, &str)] = &[
    // To write.
    ("INSERT INTO executions VALUES (1)", "25006"),
    ("INSERT INTO events SELECT * FROM events", "25006"),
    ("UPDATE executions SET query_time_us = 0", "25006"),
    ("DELETE FROM executions", "25006"),
    ("DELETE FROM events WHERE true", "25006"),
    (
        "MERGE INTO executions e USING queries q ON true WHEN MATCHED THEN DELETE",
        "25006 42601",
    ),
    ("TRUNCATE executions", "25006"),
    ("DROP VIEW executions", "25006"),
    ("DROP TABLE events", "25006"),
    ("DROP TABLE IF EXISTS public.events CASCADE", "25006"),
    ("DROP SCHEMA public CASCADE", "25006"),
    ("DROP DATABASE slowlake", "25006"),
    ("ALTER TABLE executions ADD COLUMN x int", "25006"),
    ("ALTER VIEW executions AS SELECT 1", "25006"),
    ("CREATE TABLE x (a int)", "25006"),
    ("CREATE TABLE x AS SELECT 1", "25006"),
    ("CREATE TEMPORARY TABLE x AS SELECT 1", "25006"),
    ("SELECT 1 INTO x", "25006"),
    ("SELECT * INTO TEMPORARY x FROM executions", "25006"),
    ("CREATE VIEW x AS SELECT 1", "25006"),
    ("CREATE OR REPLACE VIEW executions AS SELECT 1", "25006"),
    ("CREATE MATERIALIZED VIEW x AS SELECT 1", "25006"),
    ("CREATE SCHEMA x", "25006"),
    ("CREATE DATABASE x", "25006"),
    ("CREATE INDEX x ON executions (ts)", "25006"),
    ("CREATE SEQUENCE x", "25006"),
    ("CREATE EXTENSION dblink", "25006"),
    ("CREATE ROLE mallory SUPERUSER", "25006"),
    ("CREATE USER mallory", "25006 42601"),
    ("ALTER ROLE ann SUPERUSER", "25006"),
    ("GRANT ALL ON executions TO public", "25006"),
    ("REVOKE ALL ON executions FROM ann", "25006"),
    ("COMMENT ON TABLE executions IS 'x'", "25006"),
    ("VACUUM", "25006"),
    ("ANALYZE executions", "25006 42601"),
    ("LOCK TABLE executions", "25006"),
    ("SELECT 1 FROM executions FOR UPDATE", "25006"),
    (
        "WITH x AS (INSERT INTO executions VALUES (1) RETURNING *) SELECT * FROM x",
        "25006",
    ),
    (
        "WITH x AS (DELETE FROM events RETURNING *) SELECT * FROM x",
        "25006",
    ),
    ("EXPLAIN ANALYZE INSERT INTO events SELECT * FROM events", "25006"),
    ("EXPLAIN ANALYZE DELETE FROM events", "25006"),
    ("EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1", "25006"),
    ("BEGIN READ WRITE", "25006"),
    ("SET default_transaction_read_only = off", "25006"),
    ("SET transaction_read_only = off", "25006"),
    ("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "25006"),
    // To escape.
    ("COPY executions TO '/tmp/x'", "25006"),
    ("COPY executions TO STDOUT", "25006"),
    ("COPY executions FROM STDIN", "25006"),
    ("COPY executions FROM PROGRAM 'id'", "25006"),
    ("COPY (SELECT 1) TO PROGRAM 'id'", "25006"),
    (
        "COPY (SELECT * FROM events) TO 's3://elsewhere/x.parquet'",
        "25006",
    ),
    (
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
        "25006 42601",
    ),
    ("SELECT * FROM '/etc/passwd'", "42P01"),
    ("SELECT * FROM \"/etc/passwd\"", "42P01"),
    ("SELECT * FROM 'file:///etc/passwd'", "42P01"),
    ("SELECT pg_read_file('/etc/passwd')", "42883"),
    ("SELECT * FROM read_csv('/etc/passwd')", "42883 42000"),
    ("SELECT * FROM read_parquet('lake/events')", "42883 42000"),
    ("SELECT * FROM parquet_metadata('x')", "42883 42000"),
    ("SELECT lo_import('/etc/passwd')", "42883"),
    ("SELECT dblink('host=elsewhere', 'SELECT 1')", "42883"),
    ("SELECT pg_terminate_backend(1)", "42883"),
    ("SELECT pg_sleep(1000)", "42883"),
    (
        "SELECT set_config('default_transaction_read_only', 'off', false)",
        "42883",
    ),
    ("SELECT * FROM pg_shadow", "42P01"),
    (
        "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'libc', 'system'",
        "25006",
    ),
    ("DO 'BEGIN NULL; END'", "42601"),
    ("CALL f()", "25006"),
    ("LOAD 'auto_explain'", "25006 42601"),
    ("SET ROLE postgres", "42501"),
    ("SET SESSION AUTHORIZATION postgres", "42501"),
    ("SET datafusion.execution.batch_size = 1", "42501"),
    ("SET datafusion.catalog.location = '/etc'", "42501"),
    ("SET datafusion.runtime.memory_limit = '1K'", "42501"),
    ("RESET datafusion.execution.batch_size", "42501"),
    ("ALTER SYSTEM SET work_mem = '1GB'", "25006 42601"),
    ("PREPARE x AS DELETE FROM events", "25006"),
    ("EXECUTE x", "25006"),
    ("LISTEN x", "25006"),
    ("NOTIFY x", "25006"),
    ("INSTALL httpfs", "25006 42601"),
    ("ATTACH DATABASE '/tmp/x' AS x", "25006 42601"),
    // To exhaust.
    ("SET statement_timeout = 86400000", "22023"),
    ("SELECT repeat('x', 2000000000)", "54000 53200 22000"),
    (
        "SELECT repeat(repeat(arrow_cast('x', 'LargeUtf8'), 1000000), 1000000)",
        "54000 53200 22000",
    ),
    ("SELECT lpad('x', 2000000000, 'x')", "54000 53200 22000"),
    ("SELECT rpad('x', 2000000000, 'x')", "54000 53200 22000"),
    ("SELECT range(0, 10000000000)", "54000 53200 22000"),
    ("SELECT generate_series(0, 10000000000)", "54000 53200 22000"),
    ("SELECT array_repeat('x', 10000000000)", "54000 53200 22000"),
    ("SELECT array_resize([1], 10000000000)", "54000 53200 22000"),
    (
        "SELECT array_agg(value) FROM generate_series(1, 100000000000)",
        "57014 53200",
    ),
    (
        "SELECT string_agg(a.value::text, ',') FROM generate_series(1, 100000000000) a",
        "57014 53200",
    ),
    (
        "SELECT count(*) FROM generate_series(1, 100000000000) a, generate_series(1, 100000000000) b",
        "57014",
    ),
    (
        "SELECT DISTINCT a.value, b.value FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b",
        "57014 53200",
    ),
    (
        "SELECT a.value FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b ORDER BY a.value * b.value",
        "57014 53200",
    ),
    (
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
        "57014 53200 0A000",
    ),
];

#[test]
fn all_attempts_are_refused_or_bounded() {
    assert!(ATTEMPTS.len() >= 60);
    let lake = lake();
    let before = files(&lake.path());
    let served = Served::configured(
        &lake,
        "statement_timeout = \"1s\"\nmemory_mib = 64\nrows = 1000000",
    );
    block_on(async {
        let mut complaints = Vec::new();
        for (sql, states) in ATTEMPTS {
            let client = served.connect().await;
            let simple = client.batch_execute(sql).await;
            let extended = client.execute(*sql, &[]).await.map(|_| ());
            for (form, done) in [("simple", simple), ("extended", extended)] {
                match done {
                    Ok(()) => complaints.push(format!("{form}: {sql}: was done")),
                    Err(error) if states.split(' ').any(|it| it == state(&error)) => {}
                    Err(error) => complaints.push(format!("{form}: {sql}: {}: {error:?}", state(&error))),
                }
            }
            client
                .query_one("SELECT 1", &[])
                .await
                .expect("a connection that goes on");
        }
        for (what, sql) in huge() {
            let client = served.connect().await;
            match client.batch_execute(&sql).await {
                Ok(()) => complaints.push(format!("{what}: was done")),
                Err(error) if error.code().is_some() => {}
                Err(error) => complaints.push(format!("{what}: {error:?}")),
            }
        }
        served
            .connect()
            .await
            .query_one("SELECT 1", &[])
            .await
            .expect("a server that goes on");
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    });
    assert_eq!(files(&lake.path()), before, "not a file has changed");
}

/// Statements that are too much to be read or planned.
fn huge() -> Vec<(&'static str, String)> {
    let doubling: Vec<String> = (1..40)
        .map(|i| format!("t{i} AS (SELECT a.x FROM t{0} a, t{0} b)", i - 1))
        .collect();
    vec![
        ("a long sum", format!("SELECT 1{}", "+1".repeat(200_000))),
        (
            "a long condition",
            format!("SELECT 1 WHERE true{}", " OR false".repeat(50_000)),
        ),
        (
            "many unions",
            format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(20_000)),
        ),
        (
            "deep parentheses",
            format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        ),
        (
            "deep subqueries",
            format!(
                "SELECT * FROM {}(SELECT 1) x{}",
                "(SELECT * FROM ".repeat(5_000),
                ") x".repeat(5_000)
            ),
        ),
        (
            "deep arrays",
            format!("SELECT {}1{}", "[".repeat(50_000), "]".repeat(50_000)),
        ),
        ("many signs", format!("SELECT {}1", "- ".repeat(100_000))),
        ("many casts", format!("SELECT 1{}", "::int".repeat(100_000))),
        (
            "doubling expressions",
            format!(
                "WITH t0 AS (SELECT 1 AS x), {} SELECT count(*) FROM t39",
                doubling.join(", ")
            ),
        ),
        ("many tests", format!("SELECT 1{}", " NOTNULL".repeat(120_000))),
        ("many words", format!("SELECT 1{}", " XOR true".repeat(100_000))),
        ("many plans", format!("{}SELECT 1", "EXPLAIN ".repeat(100_000))),
        (
            "deep types",
            format!("SELECT CAST(NULL AS {}int", "ARRAY<".repeat(100_000)),
        ),
        (
            "functions that are read again and again",
            format!("SELECT {}1{}", "floor(".repeat(24), ")".repeat(24)),
        ),
        ("a long text", format!("SELECT '{}'", "x".repeat(3 << 20))),
        (
            "many functions",
            format!("SELECT {}1{}", "abs(".repeat(20_000), ")".repeat(20_000)),
        ),
        (
            "many cases",
            format!(
                "SELECT {}1{}",
                "CASE WHEN true THEN ".repeat(10_000),
                " END".repeat(10_000)
            ),
        ),
    ]
}

/// All files of a folder, each with its length and time.
fn files(folder: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let (path, about) = entry
                .and_then(|it| Ok((it.path(), it.metadata()?)))
                .expect("a file");
            if about.is_dir() {
                folders.push(path);
            } else {
                found.insert(path, (about.len(), about.modified().expect("a time")));
            }
        }
    }
    found
}
