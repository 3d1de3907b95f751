//! `report top` over a lake against `digest` over the same logs: what servers say of themselves is the same, and filters leave out the same.

use serde_json::Value;

use crate::binary::corpus;
use crate::lake::Lake;
use crate::sections::MORNING;

const LOGS: [&str; 4] = [
    "postgres/15/mixed.stderr.log",
    "postgres/15/mixed.csv",
    "postgres/15/mixed.json",
    "mariadb/10.11/mixed.slow.log",
];

#[track_caller]
fn report(lake: &Lake, more: &[&str]) -> Value {
    let arguments = [&["report", "top", "--lake", "lake", "--output", "json"], more].concat();
    lake.binary.run(&arguments).json()
}

/// The sections, without the server's name: a log does not say it, a lake always does.
fn sections(report: &Value) -> Value {
    let mut sections = report["sections"].clone();
    for event in sections["server"]["list"].as_array_mut().into_iter().flatten() {
        event["host"] = Value::Null;
    }
    sections
}

#[test]
fn sections_of_a_lake_are_those_of_its_logs() {
    let logs = LOGS.map(|name| (name.replace('/', "-"), corpus(name)));
    for (name, log) in logs
        .into_iter()
        .chain([("morning.log".to_owned(), MORNING.into())])
    {
        // No text of a statement is kept, and still everything is told by query.
        let lake = Lake::new();
        lake.binary.write(&name, &log);
        lake.try_ingest(&[&name, "--statement-text", "none"]);
        let of_log = lake.binary.run(&["digest", &name, "--output", "json"]).json();
        let of_lake = report(&lake, &[]);
        assert_eq!(sections(&of_lake), sections(&of_log), "{name}");
        for key in ["calls", "total_us", "p99_us", "first_us"] {
            assert_eq!(of_lake[key], of_log[key], "{key} of {name}");
        }
        assert_eq!(
            of_lake["ledger"]["entries"], of_log["ledger"]["entries"],
            "{name}"
        );
    }
}

#[test]
fn filters_leave_out_what_they_leave_out_of_logs() {
    let lake = Lake::new();
    lake.binary.write("morning.log", MORNING);
    lake.ingest(&["morning.log"]);
    let filters: [&[&str]; 8] = [
        &["--user", "web"],
        &["--database", "shop", "--user", "dba"],
        &["--application", "checkout"],
        &["--client", "10.0.0.5"],
        &["--include", "^UPDATE"],
        &["--exclude", "carts", "--exclude", "pg_sleep"],
        &["--from", "2026-11-16T08:00:07Z", "--to", "2026-11-16T08:01:00Z"],
        &["--from", "2026-11-16T08:02:00Z"],
    ];
    for filter in filters {
        let of_log = lake
            .binary
            .run(&[&["digest", "morning.log", "--output", "json"], filter].concat())
            .json();
        let of_lake = report(&lake, filter);
        assert_eq!(sections(&of_lake), sections(&of_log), "{filter:?}");
        assert_eq!(of_lake["calls"], of_log["calls"], "{filter:?}");
        assert_eq!(of_lake["total_us"], of_log["total_us"], "{filter:?}");
    }
    assert_eq!(report(&lake, &["--server", "db1"])["calls"], 3);
    let nothing = report(&lake, &["--server", "db2"]);
    assert_eq!(nothing["calls"], 0);
    let wrong = ["report", "top", "--lake", "lake", "--include", "("];
    let wrong = lake.binary.run(&wrong).exits(2);
    assert!(
        wrong.stderr.contains("--include is no regular expression"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn sections_are_shown_when_they_are_asked_for() {
    let lake = Lake::new();
    lake.binary.write("morning.log", MORNING);
    lake.ingest(&["morning.log"]);
    let report = |more: &[&str]| {
        let arguments = [&["report", "top", "--lake", "lake"], more].concat();
        lake.binary.run(&arguments).exits(0).stdout
    };
    assert!(!report(&[]).contains("By SQLSTATE"));
    assert!(report(&["--sections", "errors"]).contains("By SQLSTATE"));
    assert!(report(&["--sections", "errors", "--output", "csv"]).contains("error,23505,unique violation,2,"));
    // Events without executions are a report as well.
    let events_only = report(&["--from", "2026-11-16T08:01:00Z", "--sections", "checkpoints"]);
    assert!(
        events_only.contains("1 checkpoint, 1 because of WAL"),
        "{events_only}"
    );
}
