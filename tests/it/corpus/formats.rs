//! The same events in several formats: one answer, to the last section.

use serde_json::{Value, json};

use super::{digest, queries};

/// Folders of versions, and the logs of one run in each; the first of a line is what the others are compared with.
const SAME_EVENTS: [(&str, &[&str]); 6] = [
    ("postgres/13", &["mixed.stderr.log", "mixed.csv"]),
    ("postgres/13", &["events.stderr.log", "events.csv"]),
    ("postgres/15", &["mixed.stderr.log", "mixed.csv", "mixed.json"]),
    ("postgres/18", &["mixed.stderr.log", "mixed.csv", "mixed.json"]),
    ("postgres/15", SIX_VIEWS),
    ("postgres/18", SIX_VIEWS),
];
const SIX_VIEWS: &[&str] = &[
    "events.stderr.log",
    "events.csv",
    "events.json",
    "events.syslog.datagrams",
    "events.syslog.bsd",
    "events.syslog.rfc5424",
];

#[test]
fn all_formats_of_the_same_events_give_the_same_report() {
    for (folder, logs) in SAME_EVENTS {
        let reports: Vec<Value> = logs
            .iter()
            .map(|log| without_place(digest(&format!("{folder}/{log}"))))
            .collect();
        assert!(queries(&reports[0]).len() > 50);
        for (log, report) in logs.iter().zip(&reports) {
            same(&format!("{folder}/{log}"), report, &reports[0]);
        }
    }
}

/// Takes out what says where a report was read from, and what one of the formats does not print.
fn without_place(mut report: Value) -> Value {
    let top = report.as_object_mut().unwrap();
    for key in ["inputs", "ledger"] {
        top.remove(key).unwrap();
    }
    for query in top["queries"].as_array_mut().unwrap() {
        query.as_object_mut().unwrap().remove("example_at").unwrap();
    }
    // What functions warn of has a code that stderr does not print, and is grouped by it where it is known.
    let errors = top["sections"]["errors"].as_array_mut().unwrap();
    errors.retain(|group| group["severity"] != "warning" || group["class"] == "operator_intervention");
    // Only syslog says which host it was.
    for event in top["sections"]["server"]["list"].as_array_mut().unwrap() {
        event["host"] = json!("");
    }
    report
}

/// That two reports are equal, piece by piece so that a difference is short.
#[track_caller]
fn same(log: &str, one: &Value, other: &Value) {
    for (left, right) in queries(one).iter().zip(queries(other)) {
        assert_eq!(left, right, "{log}");
    }
    for (name, section) in one["sections"].as_object().unwrap() {
        assert_eq!(section, &other["sections"][name], "{log}: {name}");
    }
    assert_eq!(one, other, "{log}");
}
