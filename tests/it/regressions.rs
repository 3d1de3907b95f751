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
