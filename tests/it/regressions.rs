//! `report regressions` over a lake: what became slower is found and dated, whenever it is asked and whatever came in since.

use serde_json::Value;

use crate::lake::Lake;

const HOUR_S: i64 = 3_600;
/// 2020-01-06, a Monday.
const MONDAY_S: i64 = 1_578_268_800;
/// The hour in which the third query becomes twice as slow: 2020-02-03 05:00.
const ONSET: i64 = 28 * 24 + 5;

/// Six queries, four executions an hour of each; the third is twice as slow from an hour on, the fourth stops then.
fn log(hours: std::ops::Range<i64>) -> String {
    let mut log = String::new();
    for hour in hours {
        for query in 0..6 {
            if query == 3 && hour >= ONSET {
                continue;
            }
            for call in 0..4 {
                let second = MONDAY_S + hour * HOUR_S + call * 600 + query;
                let ts = jiff::Timestamp::from_second(second)
                    .expect("a time")
                    .strftime("%Y-%m-%d %H:%M:%S");
                // Up to a tenth to and fro.
                let wobble = (hour * 7919 + query * 104_729 + call * 31) % 1009;
                let slow = if query == 2 && hour >= ONSET { 2 } else { 1 };
                let us = (100_000 + 10 * wobble) * slow;
                log += &format!(
                    "{ts}.000 UTC [7] app@shop LOG:  duration: {}.{:03} ms  statement: SELECT {call} FROM t{query}\n",
                    us / 1000,
                    us % 1000
                );
            }
        }
    }
    log
}

#[track_caller]
fn report(lake: &Lake, as_of: &str, code: i32) -> String {
    let arguments = [
        "report",
        "regressions",
        "--lake",
        "lake",
        "--output",
        "json",
        "--as-of",
        as_of,
    ];
    lake.binary.run(&arguments).exits(code).stdout
}

#[test]
fn what_became_slower_is_found_dated_and_said_again() {
    let lake = Lake::new();
    lake.binary.write("p.log", log(0..ONSET + 44));
    lake.ingest(&["p.log"]);
    let as_of = "2020-02-05T00:30:00Z";
    let told = report(&lake, as_of, 0);
    let found: Value = serde_json::from_str(&told).expect("JSON");
    let [slower] = &found["regressions"].as_array().expect("a list")[..] else {
        panic!("one regression: {told}")
    };
    assert_eq!(
        (&slower["server"], &slower["normalized"]),
        (&"db1".into(), &"SELECT ? FROM t2".into())
    );
    assert_eq!(slower["onset_us"], (MONDAY_S + ONSET * HOUR_S) * 1_000_000);
    assert!(
        (slower["effect"].as_f64().expect("a number") - 1.0).abs() < 0.05,
        "{told}"
    );
    // Four executions an hour that take 0.105 s more.
    assert!(
        (slower["extra_sessions"].as_f64().expect("a number") - 4.0 * 0.105 / 3600.0).abs() < 1e-5,
        "{told}"
    );
    let [vanished] = &found["vanished_queries"].as_array().expect("a list")[..] else {
        panic!("one query that stopped: {told}")
    };
    assert_eq!(
        (&vanished["normalized"], vanished["at_us"].as_i64()),
        (
            &"SELECT ? FROM t3".into(),
            Some((MONDAY_S + ONSET * HOUR_S) * 1_000_000)
        )
    );
    for nothing in ["improvements", "servers", "new_queries"] {
        assert_eq!(found[nothing], Value::Array(Vec::new()), "{nothing}");
    }

    // What comes in later, and what maintenance writes down, changes nothing that was said of then.
    lake.binary.append("p.log", log(ONSET + 44..ONSET + 64));
    lake.ingest(&["p.log"]);
    assert_eq!(report(&lake, as_of, 0), told);
    lake.binary
        .run(&["maintain", "--lake", "lake", "--job", "derive"])
        .exits(0);
    assert_eq!(report(&lake, as_of, 0), told);

    // The day before, nobody could know; and in the first week nothing is known at all.
    let before: Value = serde_json::from_str(&report(&lake, "2020-02-03", 0)).expect("JSON");
    assert_eq!(
        (&before["regressions"], &before["has_history"]),
        (&Value::Array(Vec::new()), &true.into())
    );
    let early: Value = serde_json::from_str(&report(&lake, "2020-01-12", 1)).expect("JSON");
    assert_eq!(early["has_history"], false);
}

#[test]
fn the_report_for_people() {
    let lake = Lake::new();
    lake.binary.write("p.log", log(0..ONSET + 44));
    lake.ingest(&["p.log"]);
    let command = ["report", "regressions", "--lake", "lake", "--as-of", "2020-02-05"];
    let told = lake.binary.run(&command).exits(0).stdout;
    for line in [
        "Regressions as of 2020-02-05 00:00:00 UTC, of 6 queries on a server, known since 2020-01-05 23:00:00 UTC",
        "slower: 1",
        "since 2020-02-03 05:00:00 on db1",
        "SELECT ? FROM t2",
        "new queries: none",
        "vanished queries: 1",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    let elsewhere = lake
        .binary
        .run(&[&command[..], &["--server", "db2"]].concat())
        .exits(0)
        .stdout;
    assert!(elsewhere.contains("slower: none"), "{elsewhere}");
    let wrong = lake
        .binary
        .run(&["report", "regressions", "--lake", "lake", "--as-of", "soon"])
        .exits(2);
    assert!(wrong.stderr.contains("\"soon\" is no time"), "{}", wrong.stderr);
}

/// A log of one server, with a statement at a moment that is no query of the six.
fn with_statement(mut log: String, hour: i64, minute: i64, statement: &str) -> String {
    let ts = jiff::Timestamp::from_second(MONDAY_S + hour * HOUR_S + minute * 60)
        .expect("a time")
        .strftime("%Y-%m-%d %H:%M:%S");
    log += &format!("{ts}.000 UTC [9] app@shop LOG:  duration: 12.000 ms  statement: {statement}\n");
    log
}

fn at(hour: i64) -> String {
    jiff::Timestamp::from_second(MONDAY_S + hour * HOUR_S)
        .expect("a time")
        .to_string()
}

#[track_caller]
fn mark(lake: &Lake, text: &str, arguments: &[&str]) {
    lake.binary
        .run(&[&["mark", text, "--lake", "lake"], arguments].concat())
        .exits(0);
}

/// An index is dropped in the hour of the change; marks of the time, of later and of elsewhere.
#[test]
fn what_was_done_at_the_time_is_named_as_its_cause() {
    let lake = Lake::new();
    let log = with_statement(log(0..ONSET + 44), ONSET, 1, "DROP INDEX t2_x_idx");
    let log = with_statement(log, ONSET + 3, 1, "ALTER TABLE t2 ADD COLUMN late integer");
    lake.binary.write("p.log", log);
    lake.ingest(&["p.log"]);
    mark(&lake, "deploy 2.14", &["--at", &at(ONSET - 1), "--server", "db1"]);
    mark(&lake, "deploy too late", &["--at", &at(ONSET + 2)]);
    mark(
        &lake,
        "deploy elsewhere",
        &["--at", &at(ONSET), "--server", "db2"],
    );
    mark(
        &lake,
        "deploy of another program",
        &["--at", &at(ONSET), "--application", "other"],
    );
    let found: Value = serde_json::from_str(&report(&lake, "2020-02-05T00:30:00Z", 0)).expect("JSON");
    let causes: Vec<(&str, &str, i64)> = found["regressions"][0]["causes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|cause| {
            (
                cause["kind"].as_str().unwrap_or_default(),
                cause["what"].as_str().unwrap_or_default(),
                cause["hours_before"].as_i64().unwrap_or(-1),
            )
        })
        .collect();
    assert_eq!(
        causes,
        [("ddl", "DROP INDEX t2_x_idx", 0), ("mark", "deploy 2.14", 1)]
    );
    // Marks are events, and their bytes are accounted for.
    let marks = lake.sql(
        "SELECT message, server, application FROM server_events WHERE event = 'mark' ORDER BY ts, message",
    );
    assert_eq!(marks.len(), 4);
    lake.binary
        .run(&["maintain", "--lake", "lake", "--fsck"])
        .exits(0);
    let empty = lake.binary.run(&["mark", " ", "--lake", "lake"]).exits(2);
    assert!(empty.stderr.contains("the mark has no text"), "{}", empty.stderr);
}

#[test]
fn findings_are_recorded_once_and_keep_what_people_say_of_them() {
    let lake = Lake::new();
    lake.binary.write("p.log", log(0..ONSET + 44));
    lake.ingest(&["p.log"]);
    let record = [
        "report",
        "regressions",
        "--lake",
        "lake",
        "--as-of",
        "2020-02-05",
        "--record",
    ];
    let first = lake.binary.run(&record).exits(0);
    assert!(first.stderr.contains("recorded: 2 revisions"), "{}", first.stderr);
    let again = lake.binary.run(&record).exits(0);
    assert!(again.stderr.contains("recorded: 0 revisions"), "{}", again.stderr);

    let known = lake.sql("SELECT id, kind, state, from_ts, effect FROM findings ORDER BY kind");
    assert_eq!(
        (&known[0]["kind"], &known[1]["kind"]),
        (&"slower".into(), &"vanished_query".into())
    );
    assert!((known[0]["effect"].as_f64().expect("a number") - 1.0).abs() < 0.05);
    let id = known[0]["id"].as_str().expect("an id");
    let findings = |arguments: &[&str]| {
        lake.binary
            .run(&[&["findings", "--lake", "lake"], arguments].concat())
    };
    findings(&[
        "acknowledge",
        &id[..6],
        "--by",
        "ann",
        "--note",
        "index is coming",
    ])
    .exits(0);
    let told = lake.binary.run(&record).exits(0);
    assert!(
        told.stderr.contains("recorded: 0 revisions") && told.stdout.contains("acknowledged"),
        "{}",
        told.stdout
    );
    let listed = findings(&[]).exits(0).stdout;
    assert!(
        listed.contains("ann: index is coming") && listed.contains("2 of 2 findings"),
        "{listed}"
    );
    findings(&["mute", id, "--until", "2d"]).exits(0);
    let listed = findings(&[]).exits(0).stdout;
    assert!(listed.contains("1 of 2 findings"), "{listed}");
    let unknown = findings(&["resolve", "nonsense"]).exits(2);
    assert!(
        unknown.stderr.contains("there is no finding nonsense"),
        "{}",
        unknown.stderr
    );
    lake.binary.run(&["maintain", "--lake", "lake"]).exits(0);
    lake.binary
        .run(&["maintain", "--lake", "lake", "--fsck"])
        .exits(0);
}

/// A query whose every 25th execution takes twice as long for the last six days, and one that is written differently since.
#[test]
fn slower_tails_and_rewritten_queries_are_told_as_such() {
    let lake = Lake::new();
    let day = 29;
    let mut log = String::new();
    for hour in 0..(day + 6) * 24 {
        for query in 0..6 {
            for call in 0..4 {
                let second = MONDAY_S + hour * HOUR_S + call * 600 + query;
                let ts = jiff::Timestamp::from_second(second)
                    .expect("a time")
                    .strftime("%Y-%m-%d %H:%M:%S");
                let is_late = hour >= day * 24;
                let is_slow = is_late && query == 1 && (4 * hour + call) % 25 == 0;
                let ms =
                    (100 + (hour * 7919 + query * 104_729 + call * 31) % 10) * if is_slow { 2 } else { 1 };
                let columns = if is_late && query == 3 { "a, b" } else { "a" };
                log += &format!(
                    "{ts}.000 UTC [7] app@shop LOG:  duration: {ms}.000 ms  statement: SELECT {columns} FROM t{query}\n"
                );
            }
        }
    }
    lake.binary.write("p.log", log);
    lake.ingest(&["p.log"]);
    let found: Value = serde_json::from_str(&report(&lake, "2020-02-10", 0)).expect("JSON");
    for nothing in [
        "regressions",
        "improvements",
        "servers",
        "new_queries",
        "vanished_queries",
        "more_errors",
    ] {
        assert_eq!(found[nothing], Value::Array(Vec::new()), "{nothing}");
    }
    let tail = &found["slower_tails"][0];
    assert_eq!(tail["normalized"], "SELECT a FROM t1");
    assert_eq!(tail["from_us"], (MONDAY_S + day * 24 * HOUR_S) * 1_000_000);
    let rewritten = &found["rewritten_queries"][0];
    assert_eq!(
        (&rewritten["old"]["normalized"], &rewritten["new"]["normalized"]),
        (&"SELECT a FROM t3".into(), &"SELECT a, b FROM t3".into())
    );
}
