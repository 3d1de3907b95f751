//! The causes that `report regressions` names: what was done to a server, to a table, and who holds the locks.

use serde_json::Value;
use slowlake_store::{Commit, LakeLocation, MetricRow, Place, Progress, RowBuilder};
use tokio::runtime::Runtime;

use crate::lake::Lake;

const HOUR_S: i64 = 3_600;
/// 2020-01-06, a Monday.
const MONDAY_S: i64 = 1_578_268_800;
/// The hour in which queries become twice as slow.
const ONSET: i64 = 28 * 24 + 5;
const END: i64 = ONSET + 44;

fn line(second: i64, text: &str) -> String {
    let ts = jiff::Timestamp::from_second(MONDAY_S + second)
        .expect("a time")
        .strftime("%Y-%m-%d %H:%M:%S");
    format!("{ts}.000 UTC [7] app@shop LOG:  {text}\n")
}

/// Six queries, four executions an hour of each. Those of `slow` are twice as slow from the onset on; the plan of the third is another one then.
fn log(slow: std::ops::Range<i64>) -> String {
    let mut log = String::new();
    for (hour, query) in (0..END).flat_map(|hour| (0..6).map(move |query| (hour, query))) {
        let is_late = hour >= ONSET;
        if query == 2 {
            let step = if is_late {
                "Seq Scan on t2"
            } else {
                "Index Scan using t2_x_idx on t2"
            };
            let plan = format!(
                "duration: 90.000 ms  plan:\n\tQuery Text: SELECT 1 FROM t2\n\t{step}  (cost=0.00..8.00 rows=1 width=4)"
            );
            log += &line(hour * HOUR_S + 3_000, &plan);
        }
        for call in 0..4 {
            let wobble = (hour * 7919 + query * 104_729 + call * 31) % 1009;
            let us = (100_000 + 10 * wobble) * if is_late && slow.contains(&query) { 2 } else { 1 };
            let text = format!(
                "duration: {}.{:03} ms  statement: SELECT {call} FROM t{query}",
                us / 1000,
                us % 1000
            );
            log += &line(hour * HOUR_S + call * 600 + query, &text);
        }
    }
    log
}

/// What happened at so many minutes after the onset.
fn at(minute: i64, text: &str) -> String {
    line(ONSET * HOUR_S + minute * 60, text)
}

fn told(lake: &Lake) -> Value {
    let arguments = [
        "report",
        "regressions",
        "--lake",
        "lake",
        "--output",
        "json",
        "--as-of",
        "2020-02-05T00:30:00Z",
    ];
    lake.binary.run(&arguments).exits(0).json()
}

/// The causes of the first finding of a list, as their kind and words.
fn causes(report: &Value, list: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let causes = report[list][0]["causes"]
        .as_array()
        .unwrap_or_else(|| panic!("causes: {report}"));
    causes
        .iter()
        .map(|cause| (text(&cause["kind"]), text(&cause["what"])))
        .collect()
}

#[track_caller]
fn check(log: String, list: &str, expect: &[(&str, &str)]) {
    let lake = Lake::new();
    lake.binary.write("p.log", log);
    lake.ingest(&["p.log"]);
    let report = told(&lake);
    let found = causes(&report, list);
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|(kind, what)| (kind.as_str(), what.as_str()))
        .collect();
    assert_eq!(found, expect);
}

#[test]
fn a_server_that_changed_has_causes_of_its_own() {
    let log = log(0..6)
        + &at(1, "duration: 2.000 ms  statement: ALTER SYSTEM SET shared_buffers = '1MB'")
        + &at(2, "database system is ready to accept connections")
        // A session's own setting is nobody else's, and what is only read again says little.
        + &at(3, "duration: 0.100 ms  statement: SET work_mem = '1MB'")
        + &at(4, "received SIGHUP, reloading configuration files");
    check(
        log,
        "servers",
        &[
            ("configuration", "ALTER SYSTEM SET shared_buffers = '1MB'"),
            ("configuration", "received SIGHUP, reloading configuration files"),
            ("restart", "database system is ready to accept connections"),
        ],
    );
}

const PLANS: (&str, &str) = ("plan", "Seq Scan t2 instead of Index Scan t2 using t2_x_idx");

#[test]
fn a_plan_that_changed_behind_a_load_without_statistics() {
    let load = at(
        1,
        "duration: 900.000 ms  statement: INSERT INTO t2 SELECT n FROM generate_series(1, 5) AS n",
    );
    let text = "INSERT INTO t2 SELECT n FROM generate_series(?, ?) AS n";
    let stale = format!("no ANALYZE of t2 since {text}");
    let analyzed = at(
        2,
        "automatic analyze of table \"shop.public.t1\"\n\tsystem usage: CPU: user: 0.01 s, system: 0.00 s, elapsed: 0.02 s",
    );
    let growth = ("growth", text);
    // The server tells of its ANALYZEs, and there is none of the table; and there is one.
    check(
        log(2..3) + &load + &analyzed,
        "regressions",
        &[("statistics", &stale), growth, PLANS],
    );
    let statement = at(2, "duration: 9.000 ms  statement: ANALYZE t2");
    check(
        log(2..3) + &load + &analyzed + &statement,
        "regressions",
        &[growth, PLANS],
    );
}

#[test]
fn who_holds_the_locks_is_told() {
    let mut log = log(2..3);
    for hour in ONSET..END {
        let wait = |minute: i64, text: &str| line(hour * HOUR_S + minute * 60, text);
        log += &wait(1, "duration: 1.000 ms  statement: SELECT a FROM t2 FOR UPDATE").replace("[7]", "[9]");
        log += &wait(1, "duration: 1.000 ms  statement: SELECT b FROM elsewhere").replace("[7]", "[9]");
        let waits = "process 7 still waiting for ShareLock on transaction 5 after 100.083 ms";
        log += &wait(2, waits);
        log += &wait(2, "Process holding the lock: 9. Wait queue: 7.").replace("LOG:", "DETAIL:");
        log += &wait(2, "SELECT 1 FROM t2").replace("LOG:", "STATEMENT:");
        log += &wait(
            2,
            "process 7 acquired ShareLock on transaction 5 after 400.000 ms",
        );
        log += &wait(2, "SELECT 1 FROM t2").replace("LOG:", "STATEMENT:");
    }
    check(
        log,
        "regressions",
        &[("locks", "waits for locks of SELECT a FROM t2 FOR UPDATE"), PLANS],
    );
}

#[test]
fn a_setting_that_a_collector_saw_change_is_a_cause() {
    let lake = Lake::new();
    lake.binary.write("p.log", log(0..1));
    lake.ingest(&["p.log"]);
    let mut builder = RowBuilder::new();
    let mut sample = |hour: i64, number: i32, value: &str| {
        let place = Place {
            source: "collector",
            source_offset: hour,
            source_seq: number,
            ts_us: Some((MONDAY_S + hour * HOUR_S + 60) * 1_000_000),
            server: Some("db1"),
            dialect: Some("postgres"),
            ..Place::default()
        };
        builder.push_metric(&MetricRow {
            place,
            event: "setting",
            object: Some(&format!("setting_{number}")),
            attributes: &[("unit", "kB"), ("value", value)],
            ..MetricRow::default()
        });
    };
    // A collector that begins tells of all settings, again and again; later only of what changed.
    for hour in [ONSET - 50, ONSET] {
        for number in 0..12 {
            sample(hour, number, if (number, hour) == (3, ONSET) { "2" } else { "1" });
        }
    }
    sample(ONSET + 1, 4, "5");
    let path = lake.binary.folder().join("lake");
    let location: LakeLocation = path.display().to_string().parse().expect("a folder");
    Runtime::new().expect("threads").block_on(async {
        let mut lake = slowlake_store::Lake::open_or_create(&location)
            .await
            .expect("a lake");
        let files = vec![lake.upload(builder.finish()).await.expect("files")];
        let progress = vec![Progress {
            app_id: "c/db".to_owned(),
            prev: None,
            next: 3_600,
        }];
        lake.commit(Commit { files, progress }).await.expect("a commit");
    });
    let found = causes(&told(&lake), "regressions");
    assert_eq!(
        found,
        [(
            "configuration".to_owned(),
            "setting_3 is 2 kB, 1 kB before".to_owned()
        )]
    );
}
