//! MariaDB's recordings: the slow log as a file and as exports of its table, the general log likewise, and the error log.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Recording, ask, corpus, digest, groups, integer, is_from, lake, parts, queries, read_truth, sums,
};

const FOLDER: &str = "mariadb/10.11";
const SLOW: [(&str, &str); 4] = [
    ("mixed.slow.log", "truth.json"),
    ("events.slow.log", "events.truth.json"),
    ("events.slow_log.tsv", "events.truth.json"),
    ("events.slow_log.csv", "events.truth.json"),
];
const GENERAL: [&str; 3] = [
    "events.general.log",
    "events.general_log.tsv",
    "events.general_log.csv",
];
const ERROR: &str = "events.error.log";

pub(super) fn recordings() -> Vec<Recording> {
    let events = GENERAL
        .iter()
        .chain([&ERROR])
        .map(|log| (*log, "events.truth.json"));
    SLOW.into_iter()
        .chain(events)
        .map(|(log, truth)| recording(log, truth))
        .collect()
}

fn recording(log: &str, truth: &str) -> Recording {
    Recording {
        log: format!("{FOLDER}/{log}"),
        truth: format!("{FOLDER}/{truth}"),
    }
}

#[test]
fn digest_of_mariadb_is_what_the_server_counted() {
    for (log, truth) in SLOW {
        let Recording { log, truth } = recording(log, truth);
        let (report, truth) = (digest(&log), read_truth(&truth));
        assert_eq!(report["calls"], truth["entries"], "{log}");
        for (key, of_truth) in [
            ("total_us", "total_us"),
            ("lock_time_us", "lock_us"),
            ("rows_sent", "rows_sent"),
            ("rows_examined", "rows_examined"),
        ] {
            let sum: i64 = queries(&report)
                .iter()
                .filter_map(|query| query[key].as_i64())
                .sum();
            assert_eq!(truth[of_truth], sum, "{log}: {key}");
        }
        assert_eq!(parts(&report, "user"), groups(&truth["by_user"]), "{log}");
        assert_eq!(parts(&report, "database"), groups(&truth["by_database"]), "{log}");
    }
}

#[test]
fn a_lake_of_mariadb_is_what_the_server_counted() {
    let recordings: Vec<Recording> = SLOW.map(|(log, truth)| recording(log, truth)).into();
    let binary = lake(&recordings);
    for Recording { log, truth } in &recordings {
        let (truth, is_from) = (read_truth(truth), is_from(log));
        let sql = format!(
            "SELECT count(*) AS entries, sum(query_time_us) AS total_us, sum(lock_time_us) AS lock_us, sum(rows_sent) AS rows_sent, \
             sum(rows_examined) AS rows_examined, sum(rows_affected) AS rows_affected, count(DISTINCT session_id) AS threads \
             FROM executions WHERE {is_from}"
        );
        for (key, found) in ask(&binary, &sql)[0].as_object().unwrap() {
            assert_eq!(found, &truth[key], "{log}: {key}");
        }
        let databases = sums(&binary, "coalesce(database, '')", &is_from);
        assert_eq!(databases, groups(&truth["by_database"]), "{log}");
        assert_eq!(
            sums(&binary, "\"user\"", &is_from),
            groups(&truth["by_user"]),
            "{log}"
        );
    }
}

#[test]
fn file_and_table_of_the_slow_log_have_the_same_queries() {
    let counted = |log: &str| -> BTreeMap<String, [Value; 5]> {
        let report = digest(&format!("{FOLDER}/{log}"));
        let query = |query: &Value| {
            let keys = ["calls", "total_us", "lock_time_us", "rows_sent", "rows_examined"];
            let name = query["normalized"].as_str().unwrap().to_owned();
            (name, keys.map(|key| query[key].clone()))
        };
        queries(&report).iter().map(query).collect()
    };
    let [file, tsv, csv] = [SLOW[1], SLOW[2], SLOW[3]].map(|(log, _)| counted(log));
    assert_eq!(tsv, csv);
    assert_eq!(file, tsv);
}

#[test]
fn the_general_log_has_the_commands_that_the_server_counted() {
    let truth = read_truth(&format!("{FOLDER}/events.truth.json"));
    for log in GENERAL {
        let report = digest(&format!("{FOLDER}/{log}"));
        let sections = &report["sections"];
        let mut found: BTreeMap<&str, i64> = BTreeMap::new();
        for command in sections["commands"].as_array().unwrap() {
            found.insert(command["name"].as_str().unwrap(), integer(command, "count"));
        }
        let connections = &sections["connections"];
        // A refused connection is a `Connect`, too.
        let n_connects = integer(connections, "authorized") + integer(connections, "failed");
        found.insert("Connect", n_connects);
        found.insert("Quit", integer(connections, "disconnected"));
        assert_eq!(json!(found), truth["general_log"], "{log}");
    }
}

#[test]
fn the_error_log_has_what_the_server_counted() {
    let log = format!("{FOLDER}/{ERROR}");
    let status = &read_truth(&format!("{FOLDER}/events.truth.json"))["status"];
    let (report, content) = (digest(&log), String::from_utf8(corpus(&log)).unwrap());
    let sections = &report["sections"];
    assert_eq!(sections["deadlocks"]["count"], status["innodb_deadlocks"]);
    let deadlock = &sections["deadlocks"]["list"][0];
    assert_eq!(deadlock["processes"].as_array().map(Vec::len), Some(2));
    let connections = &sections["connections"];
    assert_eq!(connections["failed"], status["aborted_connects"]);
    assert_eq!(
        connections["failures"],
        json!([{"name": "password", "count": 2}, {"name": "not_permitted", "count": 1}])
    );
    // The server does not count those that it was told to end.
    let n_aborted = content.matches("[Warning] Aborted connection").count();
    assert_eq!(connections["disconnected"], n_aborted);
}
