//! `maintain` keeps what a lake says, and its proof notices what is amiss.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::binary::{Run, repository_file};
use crate::lake::Lake;

/// `count` executions from number `start` on, a second apart, on a day that is long over.
fn log(start: i64, count: i64) -> String {
    let record = |n: i64| {
        format!(
            "2020-01-01 {:02}:{:02}:{:02}.000 UTC [{n}] app@shop LOG:  duration: {n}.000 ms  statement: SELECT {n} FROM t{}\n",
            n / 3600,
            n / 60 % 60,
            n % 60,
            n % 7,
        )
    };
    (start..start + count).map(record).collect()
}

/// A lake into which a log came in pieces.
fn lake_in_pieces() -> Lake {
    let lake = Lake::new();
    lake.binary.write("p.log", "");
    for piece in 0..6 {
        lake.binary.append("p.log", log(1 + piece * 20, 20));
        lake.ingest(&["p.log"]);
    }
    lake
}

fn maintain(lake: &Lake, arguments: &[&str]) -> Run {
    let command = ["maintain", "--lake", "lake", "--output", "json"];
    lake.binary.run(&[&command[..], arguments].concat())
}

/// Every file of a folder with its size.
fn tree(folder: &Path) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            let size = path.metadata().expect("a file").len();
            found.insert(path.to_string_lossy().into_owned(), size);
        }
    }
    found
}

/// What the proof says: problems, then the name of each check with what it told.
fn proof(run: &Run) -> (i64, Vec<(String, String)>) {
    let fsck = &run.json()["fsck"];
    let told = |check: &Value| {
        let words = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let told = check["told"].as_array().expect("a list");
        let told = told.iter().map(words).collect::<Vec<_>>().join("; ");
        (words(&check["name"]), told + &words(&check["skipped"]))
    };
    let checks = fsck["checks"].as_array().expect("a list of checks");
    (
        fsck["problems"].as_i64().expect("a number"),
        checks.iter().map(told).collect(),
    )
}

#[track_caller]
fn check_whole(run: &Run) {
    let (problems, checks) = proof(run);
    assert_eq!(problems, 0, "{checks:?}");
    let names: Vec<&str> = checks.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["files", "keys", "ledger", "rollup_hour", "queries"]);
}

#[test]
fn a_maintained_lake_says_what_it_said_before() {
    let lake = lake_in_pieces();
    let before = (lake.checked(), tree(&lake.path()));
    let planned = maintain(
        &lake,
        &[
            "--dry-run",
            "--fsck",
            "--job",
            "vacuum,compact,checkpoint,retain,derive",
        ],
    )
    .exits(0);
    check_whole(&planned);
    assert_eq!(
        (lake.checked(), tree(&lake.path())),
        before,
        "a dry run changes nothing"
    );

    let done = maintain(&lake, &[]).exits(0).json();
    let jobs: Vec<&str> = done["jobs"]
        .as_object()
        .expect("jobs")
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(jobs, ["derive", "retain", "compact", "checkpoint", "vacuum"]);
    let derived = &done["jobs"]["derive"];
    assert_eq!(
        (&derived["rollup_hour"]["hours"], &derived["queries"]["days"]),
        (&24.into(), &1.into())
    );
    assert_eq!(done["fsck"], Value::Null);
    for number in ["partitions", "files_in", "bytes_in"] {
        assert_eq!(
            done["jobs"]["compact"][number],
            planned.json()["jobs"]["compact"][number],
            "{number}"
        );
    }
    // Executions of the day of the log, and ledger rows of today.
    assert_eq!(done["jobs"]["compact"]["rows"], 120 + 6);
    assert_eq!(done["jobs"]["compact"]["files_out"], 2);
    assert_eq!(lake.checked(), before.0);

    // Growing it goes on as if nothing had been.
    lake.binary.append("p.log", log(121, 5));
    assert_eq!(lake.ingest(&["p.log"]).executions, 5);
    assert_eq!(lake.checked().0, 125);
    let again = maintain(&lake, &["--fsck", "--job", "compact"]).exits(0);
    check_whole(&again);
    // The day of the log is closed, so that its few new rows join the others; today is not.
    assert_eq!(again.json()["jobs"]["compact"]["rows"], 125);
    assert_eq!(lake.checked(), (125, lake.digest(&["p.log"]).1));
}

#[test]
fn what_retention_removed_is_not_read_again() {
    let lake = lake_in_pieces();
    let run = maintain(
        &lake,
        &["--job", "retain", "--keep", "query=30d", "--keep", "log=9"],
    )
    .exits(0);
    assert_eq!(run.json()["jobs"]["retain"]["rows"], 120);
    assert_eq!(lake.numbers("SELECT count(*) n FROM executions"), [0]);
    let ingested = lake.ingest(&["p.log"]);
    assert_eq!((ingested.executions, ingested.bytes), (0, 0));
    check_whole(&maintain(&lake, &["--fsck"]).exits(0));
}

#[test]
fn a_lake_that_lacks_a_file_fails_the_proof() {
    let lake = lake_in_pieces();
    let removed = tree(&lake.path())
        .into_keys()
        .find(|path| path.contains("kind=query"))
        .expect("a file");
    std::fs::remove_file(&removed).expect("removed");
    let run = maintain(&lake, &["--fsck"]).exits(1);
    let (problems, checks) = proof(&run);
    let name = removed.split_once("/lake/events/").expect("in the lake").1;
    assert_eq!(problems, 1);
    assert_eq!(checks[0].1, format!("{name}: is not there"));
    assert_eq!(checks[1].1, "not all files can be read");
    let run = lake
        .binary
        .run(&["maintain", "--lake", "lake", "--fsck"])
        .exits(1);
    for line in [
        "fsck files       1 problem (",
        &format!("                 {name}: is not there\n"),
        "fsck keys        not checked: ",
    ] {
        assert!(run.stdout.contains(line), "{}", run.stdout);
    }
}

#[test]
fn a_lake_of_the_first_version_is_maintained_as_it_is() {
    let lake = Lake::new();
    let recorded = repository_file("tests/lakes/v1");
    lake.binary
        .sh(&format!("cp -r '{}' lake", recorded.display()))
        .exits(0);
    let content = "SELECT source, source_offset, query_time_us FROM executions ORDER BY 1, 2";
    let before = lake.sql(content);
    let run = maintain(&lake, &["--fsck", "--job", "compact"]).exits(0);
    check_whole(&run);
    assert!(run.json()["jobs"]["compact"]["files_out"].as_i64() > Some(0));
    assert_eq!(lake.sql(content), before);
}

#[track_caller]
fn check_refused(arguments: &[&str], expected: &str) {
    let lake = Lake::new();
    lake.binary.write("p.log", log(1, 3));
    lake.ingest(&["p.log"]);
    let run = maintain(&lake, arguments).exits(2);
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}

#[test]
fn what_cannot_be_done_is_refused_with_its_reason() {
    check_refused(
        &["--keep", "ledger=400"],
        "error: cannot keep ledger for 400 days: it says which sources were read",
    );
    check_refused(
        &["--keep", "query=0"],
        "error: cannot keep query for 0 days: the shortest time is 1 day",
    );
    check_refused(
        &["--keep", "statement=3"],
        "\"statement\" is no kind of rows; there are query, log, metric, reject, ledger",
    );
    check_refused(&["--vacuum-after", "0"], "for 0 days: an upload may take 1 day");
    check_refused(
        &["--job", "optimize"],
        "[possible values: derive, retain, compact, checkpoint, vacuum]",
    );
}

/// A report says the same before and after its roll-ups are made, and while they are behind; only what it was read from changes.
#[test]
fn reports_are_read_from_roll_ups() {
    let lake = lake_in_pieces();
    let top = |window: &[&str]| {
        let command = ["report", "top", "--lake", "lake", "--output", "json"];
        let mut report = lake.binary.run(&[&command[..], window].concat()).exits(0).json();
        let read_from = report["read_from"].take();
        (read_from, report)
    };
    let all: &[&str] = &[];
    let part = &["--from", "2020-01-01T00:00:30", "--to", "2020-01-01T01:00:00"];
    let hour = &["--from", "2020-01-01T00:00:00", "--to", "2020-01-01T01:00:00"];
    let before = [top(all), top(part), top(hour)];
    assert!(before.iter().all(|(read_from, _)| read_from == "executions"));
    maintain(&lake, &["--job", "derive"]).exits(0);
    assert_eq!(top(all), ("rollup_hour".into(), before[0].1.clone()));
    assert_eq!(top(part), ("executions".into(), before[1].1.clone()));
    assert_eq!(top(hour), ("rollup_hour".into(), before[2].1.clone()));

    // More of the same hour.
    lake.binary.append("p.log", log(121, 5));
    lake.ingest(&["p.log"]);
    let behind = top(all);
    assert_eq!(
        (&behind.0, &behind.1["calls"]),
        (&"rollup_hour".into(), &125.into())
    );
    let run = maintain(&lake, &["--job", "derive", "--fsck"]).exits(0);
    check_whole(&run);
    assert_eq!(run.json()["jobs"]["derive"]["rollup_hour"]["hours"], 1);
    assert_eq!(top(all), behind);
}

/// Roll-ups that do not say what their executions do are found.
#[test]
fn a_roll_up_that_is_wrong_fails_the_proof() {
    let lake = lake_in_pieces();
    maintain(&lake, &["--job", "derive"]).exits(0);
    let rollups = tree(&lake.path());
    let kept = rollups
        .keys()
        .find(|path| path.contains("rollup_hour") && path.ends_with(".parquet"));
    let kept = kept.expect("a file").to_owned();
    let right = std::fs::read(&kept).expect("a file");
    // The same executions once more in another lake, each by another server, have as many roll-ups.
    let other = Lake::new();
    other.binary.write("p.log", log(2, 120));
    other.ingest(&["p.log"]);
    maintain(&other, &["--job", "derive"]).exits(0);
    let wrong = tree(&other.path());
    let wrong = wrong
        .keys()
        .find(|path| path.contains("rollup_hour") && path.ends_with(".parquet"));
    let wrong = std::fs::read(wrong.expect("a file")).expect("a file");
    assert_ne!(right, wrong);
    std::fs::write(&kept, &wrong).expect("written");
    let (problems, checks) = proof(&maintain(&lake, &["--fsck"]).exits(1));
    assert_eq!(problems, 1, "{checks:?}");
    assert!(checks[3].1.starts_with("rollup_hour"), "{checks:?}");
}
