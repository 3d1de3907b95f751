//! Recorded logs against what the servers themselves counted while they wrote them: `digest` and a lake must say the same. The counts come
//! from `truth.json` beside each log, never from this project's code.

mod formats;
mod mariadb;
mod postgres;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::binary::{Binary, corpus, repository_file};

/// A recorded log, and what is true of it: paths below `tests/corpus`, the log's without `.zst`.
struct Recording {
    log: String,
    truth: String,
}

/// Calls and µs of each group, by its name.
type Sums = BTreeMap<String, (i64, i64)>;

/// Forged executions are longer than any true one.
const FORGED_MIN_US: i64 = 9_000_000;

#[test]
fn forged_entries_never_count() {
    for Recording { log, .. } in recordings() {
        let content = corpus(&log);
        let content = String::from_utf8_lossy(&content);
        let is_forged = content.contains("duration: 9999.999 ms") || content.contains("# User@Host: forged");
        assert!(
            is_forged || log.ends_with("error.log"),
            "{log}: there is no forged entry to fall for"
        );
        let report = digest(&log);
        assert!(report["max_us"].as_i64() < Some(FORGED_MIN_US), "{log}");
        assert!(!parts(&report, "user").contains_key("forged"), "{log}");
    }
}

#[test]
fn every_byte_of_every_log_is_accounted_for() {
    let binary = Binary::new();
    let recordings = recordings();
    for Recording { log, .. } in &recordings {
        let report = digest(log);
        adds_up(log, &report["ledger"]);
        let answer = binary
            .run(&["ingest", &path(log), "--lake", "lake", "--output", "json"])
            .exits(0)
            .json();
        assert_eq!(answer["ledger"], report["ledger"], "{log}");
        for key in ["calls", "total_us"] {
            let sum: i64 = queries(&report).iter().map(|query| integer(query, key)).sum();
            assert_eq!(report[key], sum, "{log}: {key}");
        }
        for name in report["by"].as_object().unwrap().keys() {
            let sums = parts(&report, name).into_values();
            let (calls, total_us) = sums.fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
            assert_eq!(report["calls"], calls, "{log}: {name}");
            assert_eq!(report["total_us"], total_us, "{log}: {name}");
        }
    }
    let rows = ask(
        &binary,
        "SELECT bytes_in, bytes_parsed + bytes_rejected + bytes_skipped AS booked, range_end - range_start AS range FROM ledger",
    );
    assert_eq!(rows.len(), recordings.len());
    for row in rows {
        assert_eq!(
            (&row["bytes_in"], &row["bytes_in"]),
            (&row["booked"], &row["range"])
        );
    }
}

/// All recordings but those of standbys, of which nothing was counted.
fn recordings() -> Vec<Recording> {
    let mut all = postgres::recordings();
    all.extend(mariadb::recordings());
    all
}

/// The books agree with the size of the input and with their own details. Recorded logs have no rejects.
#[track_caller]
fn adds_up(log: &str, ledger: &Value) {
    let of = |key: &str| integer(ledger, key);
    assert_eq!(of("bytes"), corpus(log).len() as i64, "{log}");
    assert_eq!(
        of("bytes_parsed") + of("bytes_rejected") + of("bytes_skipped"),
        of("bytes"),
        "{log}"
    );
    assert_eq!(
        (of("bytes_rejected"), of("rejects"), &ledger["rejected"]),
        (0, 0, &Value::Object(Map::new())),
        "{log}"
    );
    for (kinds, total) in [("parsed", "bytes_parsed"), ("skipped", "bytes_skipped")] {
        let tallies = ledger[kinds].as_object().unwrap().values();
        let sum: i64 = tallies.map(|tally| integer(tally, "bytes")).sum();
        assert_eq!(sum, of(total), "{log}: {kinds}");
    }
}

/// `digest --output json` of a recorded log, as it is, compressed.
#[track_caller]
fn digest(log: &str) -> Value {
    Binary::new()
        .run(&["digest", "--output", "json", &path(log)])
        .exits(0)
        .json()
}

/// A lake of these logs, each a source of its own.
#[track_caller]
fn lake(recordings: &[Recording]) -> Binary {
    let binary = Binary::new();
    let mut arguments = vec!["ingest".to_owned(), "--lake".to_owned(), "lake".to_owned()];
    arguments.extend(recordings.iter().map(|recording| path(&recording.log)));
    binary.run(&arguments).exits(0);
    binary
}

/// The condition that rows of a lake are of this log.
fn is_from(log: &str) -> String {
    format!("source LIKE '%/{log}.zst#%'")
}

fn path(log: &str) -> String {
    let path = repository_file("tests/corpus").join(format!("{log}.zst"));
    path.to_str().unwrap().to_owned()
}

fn read_truth(file: &str) -> Value {
    let text = std::fs::read_to_string(repository_file("tests/corpus").join(file)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn queries(report: &Value) -> &Vec<Value> {
    report["queries"].as_array().unwrap()
}

#[track_caller]
fn integer(object: &Value, key: &str) -> i64 {
    object[key].as_i64().unwrap()
}

/// Calls and µs by the values of one attribute, of a report.
fn parts(report: &Value, attribute: &str) -> Sums {
    let parts = report["by"][attribute].as_array().into_iter().flatten();
    let part = |part: &Value| {
        let sums = (integer(part, "calls"), integer(part, "total_us"));
        (part["name"].as_str().unwrap().to_owned(), sums)
    };
    parts.map(part).collect()
}

/// The same in a truth file.
fn groups(truth: &Value) -> Sums {
    let group = |(name, sums): (&String, &Value)| {
        let calls = sums["executions"].as_i64().or(sums["entries"].as_i64()).unwrap();
        (name.clone(), (calls, integer(sums, "total_us")))
    };
    truth.as_object().unwrap().iter().map(group).collect()
}

/// The same in the lake of `binary`.
#[track_caller]
fn sums(binary: &Binary, by: &str, condition: &str) -> Sums {
    let sql = format!(
        "SELECT {by} AS name, count(*) AS calls, sum(query_time_us) AS total_us FROM executions WHERE {condition} GROUP BY 1"
    );
    let row = |row: &Value| {
        let sums = (integer(row, "calls"), integer(row, "total_us"));
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
