//! What is wrong with logs and options in the field: the answer is a sentence and an exit status, never a panic and never a wrong number.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use crate::binary::{Binary, Run, corpus};
use crate::lake::{Ingested, Lake, skip};

pub(crate) const STDERR_LOG: &str = "postgres/15/mixed.stderr.log";
pub(crate) const SLOW_LOG: &str = "mariadb/10.11/mixed.slow.log";
/// Peak memory while a line of 200 MB is read, KiB.
const MEMORY_MAX_KIB: u64 = 256 * 1024;
const LONG_LINE_BYTES: usize = 200_000_000;

/// Checks that a run failed altogether, and that it said so in these words.
#[track_caller]
pub(crate) fn failed(run: Run, words: &[&str]) -> Run {
    said(run.exits(2), words)
}

/// Checks what a run said on standard error.
#[track_caller]
fn said(run: Run, words: &[&str]) -> Run {
    for word in words {
        assert!(
            run.stderr.contains(word),
            "{word:?} is not in what it said:\n{}",
            run.stderr
        );
    }
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    run
}

fn line(pid: u32, message: &str) -> String {
    format!("2026-11-23 00:27:18.272 UTC [{pid}] app@shop LOG:  {message}\n")
}

pub(crate) fn execution(statement: &str) -> String {
    line(42, &format!("duration: 1.000 ms  statement: {statement}"))
}

// --- logs ---------------------------------------------------------------------------------------------------------------------

#[test]
fn a_truncated_archive_is_read_up_to_its_end_and_completed_later() {
    for (log, program) in [
        (STDERR_LOG, "gzip"),
        (SLOW_LOG, "zstd -q"),
        (STDERR_LOG, "zstd -q"),
    ] {
        let lake = Lake::new();
        lake.binary.write("x.log", corpus(log));
        lake.binary
            .sh(&format!("{program} -c x.log > whole.z && rm x.log"))
            .exits(0);
        let whole = std::fs::read(lake.binary.path("whole.z")).unwrap();
        lake.binary.write("x.z", &whole[..whole.len() * 2 / 3]);
        let run = said(
            lake.binary.run(&["digest", "--output", "json", "x.z"]).exits(1),
            &["x.z", "ends in the middle"],
        );
        assert!(
            run.json()["calls"].as_i64() > Some(1000),
            "what is there is reported"
        );
        said(lake.try_ingest(&["x.z"]).exits(1), &["x.z", "ends in the middle"]);
        let first = lake.checked().0;
        assert!(first > 1000, "what is there is kept");
        // The archive arrives whole.
        lake.binary.write("x.z", &whole);
        let rest = lake.ingest(&["x.z"]);
        assert_eq!(
            (rest.executions, rest.rejects),
            (lake.checked().0 - first, 0),
            "{log} {program}"
        );
        assert_eq!(lake.checked(), lake.digest(&["x.z"]), "{log} {program}");
    }
}

#[test]
fn a_file_of_junk_is_no_log() {
    let lake = Lake::new();
    lake.binary.write("junk", junk(300_000));
    let words = [
        "junk: no known log format fits",
        "jsonlog",
        "csvlog",
        "MySQL slow log",
        "hint: ",
        "--log-line-prefix",
    ];
    failed(lake.binary.run(&["digest", "junk"]), &words);
    failed(lake.try_ingest(&["junk"]), &words);
}

#[test]
fn junk_in_the_middle_of_a_log_is_rejected_and_counted() {
    for log in [STDERR_LOG, "postgres/15/mixed.csv", "postgres/15/mixed.json"] {
        let lake = Lake::new();
        let good = corpus(log);
        let newline = good
            .iter()
            .enumerate()
            .skip(good.len() / 2)
            .find(|(_, byte)| **byte == b'\n')
            .expect("lines")
            .0;
        let (head, tail) = good.split_at(newline + 1);
        let junk = [junk(100_000), b"\n".to_vec()].concat();
        lake.binary.write("good.log", &good);
        lake.binary.write("bad.log", [head, &junk, tail].concat());
        let report = lake
            .binary
            .run(&["digest", "--output", "json", "bad.log"])
            .exits(1)
            .json();
        let of_good = lake.digest(&["good.log"]);
        // The junk may have come in the middle of a record, and costs that one at most.
        let lost = of_good.0 - report["calls"].as_i64().unwrap();
        assert!((0..=1).contains(&lost), "{log}: {lost} lost");
        let rejected = report["ledger"]["bytes_rejected"].as_u64().unwrap() as usize;
        assert!(
            (junk.len() - 1..junk.len() + 10_000).contains(&rejected),
            "{log}: {rejected} bytes rejected"
        );
        let answer = Ingested::of(&lake.try_ingest(&["bad.log"]).exits(1).json());
        assert!(answer.rejects > 0, "{log}");
        assert_eq!(lake.checked().0, of_good.0 - lost, "{log}");
    }
}

#[test]
fn one_file_of_many_that_cannot_be_read_does_not_stop_the_others() {
    let lake = Lake::new();
    lake.binary.write("a.log", execution("SELECT 1"));
    lake.binary.write("b.log", junk(10_000));
    lake.binary.write("c.log", execution("SELECT 2"));
    let run = said(
        lake.try_ingest(&["a.log", "b.log", "nowhere.log", "c.log"])
            .exits(1),
        &["b.log", "nowhere.log"],
    );
    assert_eq!(Ingested::of(&run.json()).executions, 2);
    assert_eq!(lake.checked().0, 2);
}

#[test]
fn a_line_of_200_mb_takes_little_memory_and_costs_nothing_else() {
    let short = execution("SELECT 1");
    let slow_header = "# Time: 2026-11-23T00:27:18.000000Z\n# User@Host: app[app] @ localhost []  Id:     9\n\
                       # Query_time: 0.001000  Lock_time: 0.000000 Rows_sent: 1  Rows_examined: 1\nSET timestamp=1795393638;\n";
    let slow = format!("{slow_header}SELECT 1;\n");
    let logs = [
        // In a literal.
        (
            short.repeat(50),
            line(42, "duration: 1.000 ms  statement: SELECT '"),
            "'\n",
            101,
        ),
        (slow.repeat(50), format!("{slow_header}SELECT '"), "';\n", 101),
        // And a line of nothing.
        (short.repeat(50), String::new(), "\n", 100),
    ];
    for (before, head, tail, executions) in logs {
        let (head, after) = (before.clone() + head.trim_end(), tail.to_owned() + &before);
        for arguments in [
            vec!["digest", "--output", "json", "-"],
            vec!["ingest", "--output", "json", "--lake", "lake", "-"],
        ] {
            let binary = Binary::new();
            let (run, peak_kib) = with_long_line(&binary, &arguments, &head, &after);
            assert!(peak_kib < MEMORY_MAX_KIB, "{arguments:?} took {peak_kib} KiB");
            assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
            let answer = run.json();
            assert_eq!(
                answer["ledger"]["entries"]["query"].as_i64(),
                Some(executions),
                "{arguments:?} {head:.200}"
            );
            let bytes = head.len() + LONG_LINE_BYTES + after.len();
            assert_eq!(
                answer["ledger"]["bytes"].as_u64(),
                Some(bytes as u64),
                "{arguments:?}"
            );
        }
    }
}

/// Runs the program with `head`, 200 MB of `x` and `after` as its input; its peak memory in KiB as well.
fn with_long_line(binary: &Binary, arguments: &[&str], head: &str, after: &str) -> (Run, u64) {
    let mut command = binary.command(arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program to start");
    let mut stdin = child.stdin.take().expect("a pipe was asked for");
    let status = format!("/proc/{}/status", child.id());
    let is_done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut peak_kib = 0;
            while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                peak_kib = peak_kib.max(memory_peak_kib(&status).unwrap_or(0));
                std::thread::sleep(Duration::from_millis(2));
            }
            peak_kib
        });
        scope.spawn(move || {
            let block = vec![b'x'; 1_000_000];
            let mut written = stdin.write_all(head.as_bytes());
            for _ in 0..LONG_LINE_BYTES / block.len() {
                written = written.and_then(|()| stdin.write_all(&block));
            }
            written
                .and_then(|()| stdin.write_all(after.as_bytes()))
                .expect("the program reads all of it");
        });
        let run = Run::from(child.wait_with_output().expect("the program to end"));
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
        (run, watcher.join().expect("the watcher to end"))
    })
}

/// The most memory a process had so far; `None` when it is gone, or elsewhere than on Linux.
fn memory_peak_kib(status: &str) -> Option<u64> {
    let status = std::fs::read_to_string(status).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn bytes_that_are_not_utf_8_are_read_and_shown_as_such() {
    let lake = Lake::new();
    let mut log = execution("SELECT 1").into_bytes();
    log.extend_from_slice(b"2026-11-23 00:27:18.272 UTC [42] caf\xe9@d\xfcbel LOG:  duration: 2.000 ms  statement: SELECT '\xff\xfe\x80', \"\xe9\" FROM t\n");
    lake.binary.write("x.log", &log);
    let report = lake
        .binary
        .run(&["digest", "--output", "json", "x.log"])
        .exits(0)
        .json();
    assert_eq!(
        (report["calls"].as_i64(), report["total_us"].as_i64()),
        (Some(2), Some(3_000))
    );
    assert_eq!(lake.ingest(&["x.log", "--statement-text", "all"]).executions, 2);
    let row = lake
        .sql("SELECT statement, \"user\", database FROM executions WHERE query_time_us = 2000")
        .remove(0);
    assert_eq!(
        row["statement"],
        "SELECT '\u{fffd}\u{fffd}\u{fffd}', \"\u{fffd}\" FROM t"
    );
    assert_eq!(
        (row["user"].as_str(), row["database"].as_str()),
        (Some("caf\u{fffd}"), Some("d\u{fffd}bel"))
    );
}

#[test]
fn an_empty_file_is_no_fault() {
    let lake = Lake::new();
    lake.binary.write("x.log", "");
    let report = lake
        .binary
        .run(&["digest", "--output", "json", "x.log"])
        .exits(0)
        .json();
    assert_eq!(
        (report["calls"].as_i64(), report["ledger"]["bytes"].as_i64()),
        (Some(0), Some(0))
    );
    let answer = lake.ingest(&["x.log"]);
    assert_eq!((answer.commits, answer.bytes), (0, 0));
    lake.binary.sh("gzip x.log").exits(0);
    assert_eq!(lake.ingest(&["x.log.gz"]).commits, 0);
}

#[test]
fn a_log_without_a_statement_says_so() {
    let binary = Binary::new();
    binary.write("x.log", line(42, "checkpoint starting: time").repeat(20));
    let run = said(
        binary.run(&["digest", "x.log"]).exits(0),
        &["note: no statement found", "hint: ", "log_min_duration_statement"],
    );
    assert!(
        run.stdout.contains("checkpoint"),
        "what there is is shown: {}",
        run.stdout
    );
}

// --- arguments ----------------------------------------------------------------------------------------------------------------

#[test]
fn a_wrong_prefix_is_counted_as_such() {
    let binary = Binary::new();
    binary.write(
        "x.log",
        execution("SELECT 1").repeat(3) + &execution("SELECT 2,\n\t3"),
    );
    let arguments = [
        "digest",
        "--output",
        "json",
        "--log-line-prefix",
        "%t user=%u ",
        "x.log",
    ];
    let run = said(binary.run(&arguments).exits(1), &["hint: ", "log-line-prefix"]);
    let ledger = &run.json()["ledger"];
    assert_eq!(ledger["bytes_rejected"], ledger["bytes"]);
    assert_eq!(
        ledger["rejected"]["prefix_mismatch"]["bytes"], ledger["bytes"],
        "{ledger}"
    );
}

#[test]
fn a_folder_with_nothing_in_it_is_a_mistake() {
    let lake = Lake::new();
    std::fs::create_dir(lake.binary.path("empty")).unwrap();
    failed(
        lake.binary.run(&["digest", "empty"]),
        &["empty: no file in this directory", "hint: "],
    );
    failed(
        lake.try_ingest(&["empty"]),
        &["empty: no file in this directory", "hint: "],
    );
}

#[test]
fn a_path_that_does_not_exist_is_a_mistake() {
    let lake = Lake::new();
    failed(
        lake.binary.run(&["digest", "nowhere.log"]),
        &["nowhere.log: no such file or directory", "hint: "],
    );
    failed(
        lake.try_ingest(&["nowhere.log"]),
        &["nowhere.log: no such file or directory", "hint: "],
    );
    assert!(!lake.path().exists(), "no lake is made for nothing");
}

#[test]
fn a_file_without_permission_is_named() {
    let binary = Binary::new();
    let path = binary.write("x.log", execution("SELECT 1"));
    binary.sh("chmod 000 x.log").exits(0);
    if std::fs::File::open(path).is_ok() {
        return skip(
            "a_file_without_permission_is_named",
            "the superuser may read everything",
        );
    }
    failed(
        binary.run(&["digest", "x.log"]),
        &["x.log: cannot open", "denied", "hint: "],
    );
}

#[test]
fn an_unknown_time_zone_is_named() {
    let lake = Lake::new();
    lake.binary.write("x.log", execution("SELECT 1"));
    let words = [
        "--timezone Mars/Phobos: no such time zone",
        "hint: ",
        "Europe/Berlin\n",
    ];
    failed(
        lake.binary.run(&["digest", "--timezone", "Mars/Phobos", "x.log"]),
        &words,
    );
    failed(lake.try_ingest(&["--timezone", "Mars/Phobos", "x.log"]), &words);
}

#[test]
fn the_stderr_format_needs_its_prefix() {
    let binary = Binary::new();
    binary.write("x.log", execution("SELECT 1"));
    let words = [
        "--format postgres-stderr needs --log-line-prefix",
        "hint: ",
        "SHOW log_line_prefix",
    ];
    failed(
        binary.run(&["digest", "--format", "postgres-stderr", "x.log"]),
        &words,
    );
    let arguments = [
        "digest",
        "--format",
        "postgres-stderr",
        "--log-line-prefix",
        "%m [%p] %u@%d ",
        "x.log",
    ];
    binary.run(&arguments).exits(0);
    failed(
        binary.run(&[
            "digest",
            "--format",
            "mysql-slow",
            "--log-line-prefix",
            "%m ",
            "x.log",
        ]),
        &["--log-line-prefix", "stderr"],
    );
}

#[test]
fn a_format_that_does_not_fit_reads_nothing_and_says_so() {
    let binary = Binary::new();
    binary.write("x.log", execution("SELECT 1").repeat(3));
    for format in ["postgres-csv", "postgres-json", "mysql-slow"] {
        let run = said(
            binary
                .run(&["digest", "--output", "json", "--format", format, "x.log"])
                .exits(1),
            &["no statement found"],
        );
        let ledger = &run.json()["ledger"];
        assert_eq!(ledger["bytes_rejected"], ledger["bytes"], "{format}");
    }
}

// --- materials ----------------------------------------------------------------------------------------------------------------

/// Bytes without any sense, and without a line of blanks.
fn junk(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..bytes).map(|_| next()).collect()
}
