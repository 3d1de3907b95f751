//! Recorded logs against what the servers themselves counted while they wrote them: `digest` and a lake must say the same. The counts come
//! from `truth.json` beside each log, never from this project's code.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::binary::{Binary, corpus, repository_file};

/// PostgreSQL's logs and what is true of them; the first three are the same events.
const POSTGRES: [(&str, &str); 4] = [
    ("postgres/15/mixed.stderr.log", "postgres/15/truth.json"),
    ("postgres/15/mixed.csv", "postgres/15/truth.json"),
    ("postgres/15/mixed.json", "postgres/15/truth.json"),
    (
        "postgres/15/log_statement.stderr.log",
        "postgres/15/log_statement.truth.json",
    ),
];
const MARIADB: (&str, &str) = ("mariadb/10.11/mixed.slow.log", "mariadb/10.11/truth.json");

/// Forged executions are longer than any true one.
const FORGED_MIN_US: i64 = 9_000_000;

#[test]
fn digest_of_postgres_counts_what_the_server_logged() {
    for (log, truth) in POSTGRES {
        let (report, truth) = (digest(log), read_truth(truth));
        // The pieces of a portal are read, and fetch nothing from the truth's counts.
        let n_fetches = truth["durations_by_command"]["execute fetch from"]
            .as_i64()
            .unwrap();
        let n_true = truth["executions"].as_i64().unwrap();
        assert_eq!(report["calls"].as_i64(), Some(n_true + n_fetches), "{log}");
        assert_eq!(report["ledger"]["entries"]["query"], report["calls"], "{log}");
        // The fetches are all of one user. Of the others calls and times are exactly the true ones.
        let (found, expected) = (parts(&report, "user"), groups(&truth["by_user"]));
        let differ: Vec<_> = expected
            .iter()
            .filter(|(name, sums)| found.get(*name) != Some(sums))
            .collect();
        assert_eq!(found.len(), expected.len(), "{log}: {found:?}");
        assert_eq!(
            differ.len(),
            usize::from(n_fetches > 0),
            "{log}: {found:?} {expected:?}"
        );
        let found: Vec<&String> = found.keys().collect();
        assert_eq!(found, expected.keys().collect::<Vec<_>>(), "{log}");
    }
}

#[test]
fn digest_of_mariadb_is_what_the_server_counted() {
    let (log, truth) = MARIADB;
    let (report, truth) = (digest(log), read_truth(truth));
    assert_eq!(report["calls"], truth["entries"]);
    assert_eq!(report["total_us"], truth["total_us"]);
    for (key, of_truth) in [
        ("lock_time_us", "lock_us"),
        ("rows_sent", "rows_sent"),
        ("rows_examined", "rows_examined"),
    ] {
        let sum: i64 = queries(&report)
            .iter()
            .filter_map(|query| query[key].as_i64())
            .sum();
        assert_eq!(Some(sum), truth[of_truth].as_i64(), "{key}");
    }
    assert_eq!(parts(&report, "user"), groups(&truth["by_user"]));
    assert_eq!(parts(&report, "database"), groups(&truth["by_database"]));
}

#[test]
fn a_lake_of_postgres_is_what_the_server_logged() {
    for (log, truth) in POSTGRES {
        let binary = Binary::new();
        let truth = read_truth(truth);
        binary.run(&["ingest", &path(log), "--lake", "lake"]).exits(0);
        let commands = sums(&binary, "command", "true");
        let of_truth = &truth["durations_by_command"];
        for (command, name) in [
            ("query", "statement"),
            ("execute", "execute"),
            ("fetch", "execute fetch from"),
        ] {
            assert_eq!(
                Some(commands[command].0),
                of_truth[name].as_i64(),
                "{log}, {command}"
            );
        }
        assert_eq!(commands.len(), 3, "{log}: {commands:?}");
        let total_us = commands["query"].1 + commands["execute"].1;
        assert_eq!(Some(total_us), truth["total_us"].as_i64(), "{log}");
        // What a digest counts is the same, fetches with it.
        let report = digest(log);
        assert_eq!(
            report["total_us"].as_i64(),
            Some(total_us + commands["fetch"].1),
            "{log}"
        );

        let not_fetch = "command <> 'fetch'";
        assert_eq!(
            sums(&binary, "database", not_fetch),
            groups(&truth["by_database"]),
            "{log}"
        );
        assert_eq!(
            sums(&binary, "\"user\"", not_fetch),
            groups(&truth["by_user"]),
            "{log}"
        );
        let pair = "database || '/' || \"user\"";
        assert_eq!(
            sums(&binary, pair, not_fetch),
            groups(&truth["by_database_and_user"]),
            "{log}"
        );
        // This log's prefix has no application.
        if !log.contains("log_statement") {
            assert_eq!(
                sums(&binary, "application", not_fetch),
                groups(&truth["by_application"]),
                "{log}"
            );
        }
    }
}

#[test]
fn a_lake_of_mariadb_is_what_the_server_counted() {
    let binary = Binary::new();
    let (log, truth) = MARIADB;
    let truth = read_truth(truth);
    binary.run(&["ingest", &path(log), "--lake", "lake"]).exits(0);
    let rows = ask(
        &binary,
        "SELECT count(*) AS entries, sum(query_time_us) AS total_us, sum(lock_time_us) AS lock_us, sum(rows_sent) AS rows_sent, \
         sum(rows_examined) AS rows_examined, sum(rows_affected) AS rows_affected, count(DISTINCT session_id) AS threads FROM executions",
    );
    for (key, found) in rows[0].as_object().unwrap() {
        assert_eq!(found, &truth[key], "{key}");
    }
    assert_eq!(
        sums(&binary, "coalesce(database, '')", "true"),
        groups(&truth["by_database"])
    );
    assert_eq!(sums(&binary, "\"user\"", "true"), groups(&truth["by_user"]));
}

#[test]
fn three_formats_of_the_same_events_give_the_same_report() {
    let [stderr, csv, json] = [0, 1, 2].map(|at| {
        let mut report = digest(POSTGRES[at].0);
        let top = report.as_object_mut().unwrap();
        // These say where it was read from.
        for key in ["inputs", "ledger"] {
            top.remove(key).unwrap();
        }
        for query in top["queries"].as_array_mut().unwrap() {
            query.as_object_mut().unwrap().remove("example_at").unwrap();
        }
        // What a function warned of has a code that stderr does not print.
        for group in top["sections"]["errors"].as_array_mut().unwrap() {
            if group["severity"] == "warning" {
                group["code"] = Value::Null;
                group["condition"] = Value::Null;
                group["class"] = Value::Null;
            }
        }
        report
    });
    assert!(queries(&stderr).len() > 50);
    for other in [&csv, &json] {
        for (left, right) in queries(&stderr).iter().zip(queries(other)) {
            assert_eq!(left, right);
        }
        assert_eq!(&stderr, other);
    }
}

#[test]
fn forged_entries_never_count() {
    for (log, marks) in [
        (POSTGRES[0].0, &["duration: 9999.999 ms"][..]),
        (POSTGRES[1].0, &["duration: 9999.999 ms"]),
        (POSTGRES[2].0, &["duration: 9999.999 ms"]),
        (MARIADB.0, &["# User@Host: forged", "SET timestamp="]),
    ] {
        let content = String::from_utf8_lossy(&corpus(log)).into_owned();
        for mark in marks {
            assert!(
                content.contains(mark),
                "{log}: there is no forged entry to fall for: {mark}"
            );
        }
        let report = digest(log);
        assert!(
            report["max_us"].as_i64().unwrap() < FORGED_MIN_US,
            "{log}: {}",
            report["max_us"]
        );
        assert!(!parts(&report, "user").contains_key("forged"), "{log}");
    }
}

#[test]
fn every_byte_of_every_log_is_accounted_for() {
    let binary = Binary::new();
    for log in POSTGRES.iter().chain([&MARIADB]).map(|(log, _)| *log) {
        let n_bytes = corpus(log).len() as u64;
        let report = digest(log);
        adds_up(&report["ledger"], n_bytes);
        let answer = binary
            .run(&["ingest", &path(log), "--lake", "lake", "--output", "json"])
            .exits(0)
            .json();
        assert_eq!(answer["ledger"], report["ledger"], "{log}");

        let sum = |key: &str| {
            queries(&report)
                .iter()
                .map(|query| query[key].as_i64().unwrap())
                .sum::<i64>()
        };
        assert_eq!(Some(sum("calls")), report["calls"].as_i64(), "{log}");
        assert_eq!(Some(sum("total_us")), report["total_us"].as_i64(), "{log}");
        for (name, breakdown) in report["by"].as_object().unwrap() {
            let sums = parts(&report, name)
                .into_values()
                .fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
            assert_eq!(
                (Some(sums.0), Some(sums.1)),
                (report["calls"].as_i64(), report["total_us"].as_i64()),
                "{log}: {breakdown}"
            );
        }
    }
    let rows = ask(
        &binary,
        "SELECT bytes_in, bytes_parsed + bytes_rejected + bytes_skipped AS booked, range_end - range_start AS range FROM ledger",
    );
    assert_eq!(rows.len(), POSTGRES.len() + 1);
    for row in rows {
        assert_eq!(
            (&row["bytes_in"], &row["bytes_in"]),
            (&row["booked"], &row["range"])
        );
    }
}

/// The books agree with the size of the input and with their own details. Recorded logs have no rejects.
#[track_caller]
fn adds_up(ledger: &Value, n_bytes: u64) {
    let of = |key: &str| ledger[key].as_u64().unwrap();
    assert_eq!(of("bytes"), n_bytes);
    assert_eq!(
        of("bytes_parsed") + of("bytes_rejected") + of("bytes_skipped"),
        n_bytes
    );
    assert_eq!(
        (of("bytes_rejected"), of("rejects"), &ledger["rejected"]),
        (0, 0, &Value::Object(Map::new()))
    );
    let skipped = ledger["skipped"].as_object().unwrap().values();
    assert_eq!(
        skipped.map(|tally| tally["bytes"].as_u64().unwrap()).sum::<u64>(),
        of("bytes_skipped")
    );
}

/// `digest --output json` of a recorded log, as it is, compressed.
#[track_caller]
fn digest(log: &str) -> Value {
    Binary::new()
        .run(&["digest", "--output", "json", &path(log)])
        .exits(0)
        .json()
}

fn path(log: &str) -> String {
    let path: PathBuf = repository_file("tests/corpus").join(format!("{log}.zst"));
    path.to_str().unwrap().to_owned()
}

fn read_truth(file: &str) -> Value {
    let text = std::fs::read_to_string(repository_file("tests/corpus").join(file)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn queries(report: &Value) -> &Vec<Value> {
    report["queries"].as_array().unwrap()
}

/// Calls and µs by the values of one attribute, of a report.
fn parts(report: &Value, attribute: &str) -> BTreeMap<String, (i64, i64)> {
    let parts = report["by"][attribute].as_array().unwrap().iter();
    let part = |part: &Value| {
        let sums = (
            part["calls"].as_i64().unwrap(),
            part["total_us"].as_i64().unwrap(),
        );
        (part["name"].as_str().unwrap().to_owned(), sums)
    };
    parts.map(part).collect()
}

/// The same in a truth file.
fn groups(truth: &Value) -> BTreeMap<String, (i64, i64)> {
    let group = |(name, sums): (&String, &Value)| {
        let calls = sums["executions"].as_i64().or(sums["entries"].as_i64()).unwrap();
        (name.clone(), (calls, sums["total_us"].as_i64().unwrap()))
    };
    truth.as_object().unwrap().iter().map(group).collect()
}

/// The same in the lake of `binary`.
#[track_caller]
fn sums(binary: &Binary, by: &str, condition: &str) -> BTreeMap<String, (i64, i64)> {
    let sql = format!(
        "SELECT {by} AS name, count(*) AS calls, sum(query_time_us) AS total_us FROM executions WHERE {condition} GROUP BY 1"
    );
    let row = |row: &Value| {
        let sums = (row["calls"].as_i64().unwrap(), row["total_us"].as_i64().unwrap());
        (row["name"].as_str().unwrap_or("(null)").to_owned(), sums)
    };
    ask(binary, &sql).iter().map(row).collect()
}

#[track_caller]
fn ask(binary: &Binary, sql: &str) -> Vec<Value> {
    let run = binary
        .run(&["sql", "--lake", "lake", "--output", "json", "-c", sql])
        .exits(0);
    run.json().as_array().unwrap().clone()
}
