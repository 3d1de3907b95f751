//! Each byte of a log is in the lake once, however often, in however many pieces and under whatever name it is ingested.

use std::process::{Command, Stdio};

use crate::binary::{Binary, corpus, repository_file};
use crate::lake::{Ingested, Lake, length, skip};

const CORPUS: [&str; 5] = [
    "postgres/15/mixed.stderr.log",
    "postgres/15/mixed.csv",
    "postgres/15/mixed.json",
    "postgres/15/log_statement.stderr.log",
    "mariadb/10.11/mixed.slow.log",
];

/// One format of these tests: the record of execution `n`, which lasts n µs.
type Record = fn(i64) -> String;

const FORMATS: [(&str, Record); 4] = [
    ("p.log", stderr),
    ("p.csv", csv),
    ("p.json", json),
    ("m.log", slow),
];

const BANNER: &str = "/usr/sbin/mysqld, Version: 8.0.36 (MySQL). started with:\nTcp port: 3306  Unix socket: /run/mysqld.sock\n\
                      Time                 Id Command    Argument\n";

fn stderr(n: i64) -> String {
    format!(
        "2026-11-23 00:{} UTC [42] app@shop LOG:  duration: {}.{:03} ms  statement: SELECT {n},\n\t'text' FROM t{}\n",
        clock(n),
        n / 1_000,
        n % 1_000,
        n % 7
    )
}

fn csv(n: i64) -> String {
    format!(
        "2026-11-23 00:{} UTC,\"app\",\"shop\",42,\"10.0.0.5:48418\",6a.2a,{n},\"SELECT\",2026-11-23 00:00:00 UTC,3/9,0,LOG,00000,\
         \"duration: {}.{:03} ms  statement: SELECT {n},\n\"\"a\"\" FROM t{}\",,,,,,,,,\"web\",\"client backend\",,0\n",
        clock(n),
        n / 1_000,
        n % 1_000,
        n % 7
    )
}

fn json(n: i64) -> String {
    format!(
        "{{\"timestamp\":\"2026-11-23 00:{} UTC\",\"user\":\"app\",\"dbname\":\"shop\",\"pid\":42,\"error_severity\":\"LOG\",\
         \"message\":\"duration: {}.{:03} ms  statement: SELECT {n},\\n'text' FROM t{}\",\"application_name\":\"web\"}}\n",
        clock(n),
        n / 1_000,
        n % 1_000,
        n % 7
    )
}

fn slow(n: i64) -> String {
    let place = "# User@Host: app[app] @ localhost []  Id:    42\n";
    format!(
        "# Time: 2026-11-23T00:{}000Z\n{place}# Query_time: 0.{n:06}  Lock_time: 0.000001 Rows_sent: 1  Rows_examined: 7\n\
         SET timestamp=1795392000;\nSELECT {n},\n'text' FROM t{};\n",
        clock(n),
        n % 7
    )
}

/// As servers before MySQL 5.7 write: no time and no database unless they change, and here no `SET timestamp` either.
fn old_slow(n: i64) -> String {
    format!(
        "# User@Host: app[app] @ localhost []\n# Query_time: 0.{n:06}  Lock_time: 0.000001 Rows_sent: 1  Rows_examined: 7\nSELECT {n};\n"
    )
}

/// Minutes, seconds, milliseconds.
fn clock(n: i64) -> String {
    format!("{:02}:{:02}.{:03}", n / 60 % 60, n % 60, n % 1_000)
}

fn records(record: Record, numbers: std::ops::Range<i64>) -> String {
    numbers.map(record).collect()
}

#[test]
fn a_lake_counts_as_digest_does() {
    let lake = Lake::new();
    let names: Vec<String> = CORPUS.iter().map(|log| log.replace('/', "-")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for (log, name) in CORPUS.iter().zip(&names) {
        lake.binary.write(name, corpus(log));
    }
    let answer = lake.ingest(&names);
    assert_eq!((answer.executions, answer.rejects), (lake.checked().0, 0));
    assert_eq!(lake.checked(), lake.digest(&names));
    for name in names {
        let of_source = lake.numbers(&format!(
            "SELECT count(*) n, sum(query_time_us) s FROM executions WHERE source LIKE '%/{name}#%'"
        ));
        assert_eq!((of_source[0], of_source[1]), lake.digest(&[name]), "{name}");
    }
}

#[test]
fn the_same_file_again_adds_nothing() {
    for (name, record) in FORMATS {
        let lake = Lake::new();
        let path = lake.binary.write(name, records(record, 0..50));
        let first = lake.ingest(&[name]);
        assert_eq!(
            (first.executions, first.bytes, first.bytes_known),
            (50, length(&path), 0),
            "{name}"
        );
        let again = lake.ingest(&[name]);
        assert_eq!(
            (again.version, again.commits, again.executions),
            (first.version, 0, 0),
            "{name}"
        );
        assert_eq!((again.bytes, again.bytes_known), (0, length(&path)), "{name}");
        assert_eq!(lake.checked(), (50, (0..50).sum()), "{name}");
    }
}

#[test]
fn a_file_that_grew_adds_what_is_new() {
    for (name, record) in FORMATS {
        let lake = Lake::new();
        lake.binary.write(name, records(record, 0..20));
        lake.ingest(&[name]);
        // Also one record at a time, and from less than what a file is recognised by.
        for (from, to) in [(20, 21), (21, 22), (22, 60)] {
            lake.binary.append(name, records(record, from..to));
            let answer = lake.ingest(&[name]);
            assert_eq!(
                (answer.commits, answer.executions, answer.rejects),
                (1, to - from, 0),
                "{name}"
            );
            assert_eq!(lake.checked(), (to, (0..to).sum()), "{name}");
        }
        assert_eq!(lake.checked(), lake.digest(&[name]), "{name}");
    }
}

#[test]
fn a_short_file_that_grew_adds_what_is_new() {
    for (name, record) in FORMATS {
        let lake = Lake::new();
        lake.binary.write(name, "");
        lake.ingest(&[name]);
        for n in 0..20 {
            lake.binary.append(name, record(n));
            lake.ingest(&[name]);
        }
        assert_eq!(lake.checked(), (20, (0..20).sum()), "{name}");
        assert_eq!(
            lake.texts("SELECT DISTINCT source FROM ledger").len(),
            1,
            "{name}"
        );
    }
}

#[test]
fn a_file_under_another_name_adds_nothing() {
    let lake = Lake::new();
    lake.binary.write("p.log", records(stderr, 0..50));
    let first = lake.ingest(&["p.log"]);
    std::fs::rename(lake.binary.path("p.log"), lake.binary.path("p.log.1")).unwrap();
    let renamed = lake.ingest(&["p.log.1"]);
    assert_eq!((renamed.version, renamed.executions), (first.version, 0));
    // Rotated by copying: another file with the same content.
    std::fs::copy(lake.binary.path("p.log.1"), lake.binary.path("p.log.2")).unwrap();
    let copied = lake.ingest(&["p.log.2", "p.log.1"]);
    assert_eq!((copied.version, copied.executions), (first.version, 0));
    // It grows under its new name.
    lake.binary.append("p.log.1", records(stderr, 50..60));
    assert_eq!(lake.ingest(&["p.log.1"]).executions, 10);
    assert_eq!(lake.checked(), (60, (0..60).sum()));
}

#[test]
fn a_file_that_was_compressed_adds_nothing() {
    for (program, ending) in [
        ("zstd -q --rm", "zst"),
        ("gzip", "gz"),
        ("bzip2", "bz2"),
        ("xz", "xz"),
    ] {
        let lake = Lake::new();
        let compress = |name: &str| lake.binary.sh(&format!("{program} {name}")).code == Some(0);
        lake.binary.write("p.log", records(stderr, 0..50));
        let first = lake.ingest(&["p.log"]);
        if !compress("p.log") {
            skip(
                "a_file_that_was_compressed_adds_nothing",
                &format!("{program} is not installed"),
            );
            continue;
        }
        let name = format!("p.log.{ending}");
        let compressed = lake.ingest(&[&name]);
        assert_eq!(
            (compressed.version, compressed.executions),
            (first.version, 0),
            "{ending}"
        );
        assert_eq!(lake.checked(), (50, (0..50).sum()), "{ending}");
    }
}

#[test]
fn a_file_that_was_compressed_before_its_end_was_seen_adds_its_end() {
    let lake = Lake::new();
    lake.binary.write("p.log", records(stderr, 0..50));
    lake.ingest(&["p.log"]);
    lake.binary.append("p.log", records(stderr, 50..80));
    lake.binary.sh("gzip p.log").exits(0);
    assert_eq!(lake.ingest(&["p.log.gz"]).executions, 30);
    assert_eq!(lake.checked(), (80, (0..80).sum()));
}

#[test]
fn a_short_file_that_was_compressed_adds_nothing() {
    let lake = Lake::new();
    lake.binary.write("p.log", records(stderr, 0..2));
    lake.ingest(&["p.log"]);
    lake.binary.sh("gzip p.log").exits(0);
    assert_eq!(lake.ingest(&["p.log.gz"]).executions, 0);
    assert_eq!(lake.checked(), (2, 1));
}

#[test]
fn a_file_that_was_short_at_first_and_compressed_at_last_adds_nothing() {
    let lake = Lake::new();
    lake.binary.write("p.log", records(stderr, 0..2));
    lake.ingest(&["p.log"]);
    lake.binary.append("p.log", records(stderr, 2..100));
    lake.ingest(&["p.log"]);
    lake.binary.sh("gzip p.log").exits(0);
    assert_eq!(lake.ingest(&["p.log.gz"]).executions, 0);
    assert_eq!(lake.checked(), (100, (0..100).sum()));
}

#[test]
fn two_files_that_begin_with_the_same_banner_are_two() {
    let lake = Lake::new();
    lake.binary.write("m.log", BANNER);
    lake.ingest(&["m.log"]);
    lake.binary.append("m.log", records(slow, 0..30));
    lake.binary
        .write("n.log", BANNER.to_owned() + &records(slow, 30..50));
    assert_eq!(lake.ingest(&["n.log", "m.log"]).executions, 50);
    assert_eq!(lake.checked(), (50, (0..50).sum()));
}

#[test]
fn a_file_that_begins_anew_is_another_source() {
    let lake = Lake::new();
    lake.binary.write("p.log", records(stderr, 0..50));
    lake.ingest(&["p.log"]);
    // The same file, truncated and written again: what `copytruncate` of logrotate does.
    lake.binary.write("p.log", records(stderr, 100..130));
    assert_eq!(lake.ingest(&["p.log"]).executions, 30);
    assert_eq!(
        lake.checked(),
        (80, (0..50).sum::<i64>() + (100..130).sum::<i64>())
    );
    assert_eq!(lake.texts("SELECT DISTINCT source FROM ledger").len(), 2);
}

#[test]
fn a_file_that_begins_anew_with_the_same_banner_is_another_source() {
    let lake = Lake::new();
    lake.binary.write("m.log", BANNER);
    lake.ingest(&["m.log"]);
    lake.binary.append("m.log", records(slow, 0..50));
    lake.ingest(&["m.log"]);
    lake.binary
        .write("m.log", BANNER.to_owned() + &records(slow, 100..130));
    assert_eq!(lake.ingest(&["m.log"]).executions, 30);
    assert_eq!(
        lake.checked(),
        (80, (0..50).sum::<i64>() + (100..130).sum::<i64>())
    );
}

#[test]
fn standard_input_is_read_once() {
    for (name, record) in FORMATS {
        for n in [2, 50] {
            let lake = Lake::new();
            let log = records(record, 0..n);
            let first = lake.ingest_stdin(log.as_bytes());
            assert_eq!(first.executions, n, "{name}");
            let again = lake.ingest_stdin(log.as_bytes());
            assert_eq!((again.version, again.executions), (first.version, 0), "{name}");
            assert_eq!(
                lake.ingest_stdin((log + &records(record, n..n + 5)).as_bytes())
                    .executions,
                5,
                "{name}"
            );
            assert_eq!(lake.checked(), (n + 5, (0..n + 5).sum()), "{name}");
        }
    }
}

#[test]
fn two_servers_may_have_the_same_file() {
    let lake = Lake::new();
    lake.binary.write("p.log", records(stderr, 0..50));
    lake.ingest(&["p.log"]);
    lake.binary
        .run(&["ingest", "--lake", "lake", "--server", "db2", "p.log"])
        .exits(0);
    assert_eq!(lake.checked().0, 100);
    assert_eq!(
        lake.texts("SELECT DISTINCT server FROM executions ORDER BY 1"),
        ["db1", "db2"]
    );
}

#[test]
fn pieces_of_any_size_make_the_same_rows() {
    let rows = |pieces: &str| {
        let lake = Lake::new();
        let names: Vec<&str> = FORMATS.iter().map(|(name, _)| *name).collect();
        for (name, record) in FORMATS {
            lake.binary.write(name, records(record, 0..100));
        }
        lake.ingest(
            &[
                &["--chunk-bytes", pieces, "--statement-text", "all"],
                names.as_slice(),
            ]
            .concat(),
        );
        lake.checked();
        // The folder is part of a source's name.
        lake.sql(
            "SELECT split_part(source, '/', -1) AS file, source_offset, ts, end_ts, query_time_us, fingerprint, statement, \
             database, \"user\", client, session_id FROM executions ORDER BY 1, 2",
        )
    };
    let whole = rows("1048576");
    assert_eq!(whole.len(), 400);
    assert_eq!(rows("7"), whole);
    assert_eq!(rows("1000"), whole);
}

#[test]
fn a_statement_and_its_duration_are_joined_across_two_ingests() {
    let line =
        |pid: i64, message: &str| format!("2026-11-23 00:27:18.272 UTC [{pid}] app@shop LOG:  {message}\n");
    let many: String = (0..20)
        .map(|n| line(9, &format!("connection authorized: user={n}")))
        .collect();
    let lake = Lake::new();
    lake.binary.write(
        "p.log",
        many.clone() + &line(42, "statement: SELECT a,\n\tb FROM t"),
    );
    lake.ingest(&["p.log", "--statement-text", "all"]);
    assert_eq!(lake.checked().0, 0);
    // What comes in between may be ingested on its own.
    lake.binary
        .append("p.log", line(43, "statement: SELECT c FROM u") + &many);
    lake.ingest(&["p.log", "--statement-text", "all"]);
    lake.binary.append(
        "p.log",
        line(42, "duration: 0.012 ms") + &line(43, "duration: 0.034 ms"),
    );
    lake.ingest(&["p.log", "--statement-text", "all"]);
    assert_eq!(lake.checked(), (2, 46));
    let statements = lake.texts("SELECT statement FROM executions ORDER BY query_time_us");
    assert_eq!(statements, ["SELECT a,\nb FROM t", "SELECT c FROM u"]);
}

#[test]
fn database_and_time_are_known_across_two_ingests() {
    let first = old_slow(1).replace("SELECT", "use shop;\nSELECT");
    let lake = Lake::new();
    lake.binary.write(
        "m.log",
        format!("# Time: 261123  0:27:18\n{first}{}", records(old_slow, 2..30)),
    );
    lake.ingest(&["m.log"]);
    lake.binary.append("m.log", old_slow(30));
    lake.ingest(&["m.log"]);
    lake.binary
        .append("m.log", format!("# Time: 261123  0:28:00\n{}", old_slow(31)));
    lake.ingest(&["m.log"]);
    lake.binary.append("m.log", old_slow(32));
    lake.ingest(&["m.log"]);
    assert_eq!(lake.checked(), (32, (1..33).sum()));
    let groups = lake.sql("SELECT database, end_ts, count(*) n FROM executions GROUP BY ALL ORDER BY 2");
    let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
    assert_eq!(groups.len(), 2, "{groups:?}");
    assert!(
        groups[0].contains("\"shop\"") && groups[0].contains("00:27:18") && groups[0].contains("30"),
        "{groups:?}"
    );
    assert!(
        groups[1].contains("\"shop\"") && groups[1].contains("00:28:00") && groups[1].contains('2'),
        "{groups:?}"
    );
}

#[test]
fn events_of_a_server_are_rows() {
    let line = |second: i64, level: &str, message: &str| {
        format!("2026-11-23 00:27:{second:02}.000 UTC [42] app@shop {level}:  {message}\n")
    };
    let log = line(
        1,
        "LOG",
        "duration: 1.000 ms  statement: SELECT a FROM t WHERE id = 5",
    ) + &line(2, "ERROR", "relation \"tt\" does not exist at character 15")
        + &line(2, "STATEMENT", "SELECT a FROM tt WHERE id = 6")
        + &line(3, "LOG", "checkpoint starting: time")
        + &(4..40)
            .map(|n| line(n, "LOG", "anything else"))
            .collect::<String>();
    for (policy, kept) in [("all", "SELECT a FROM tt WHERE id = 6"), ("none", "null")] {
        let lake = Lake::new();
        lake.binary.write("p.log", &log);
        let answer = lake
            .try_ingest(&["p.log", "--statement-text", policy])
            .exits(0)
            .json();
        assert_eq!(answer["ledger"]["entries"]["query"], 1);
        assert_eq!(answer["ledger"]["entries"]["log"], 38);
        assert_eq!(lake.checked(), (1, 1_000));
        let errors = lake.sql(
            "SELECT event, severity, server, database, session_id, message, statement, normalized FROM server_events \
             LEFT JOIN queries USING (fingerprint) WHERE severity = 'error'",
        );
        let [error] = &errors[..] else {
            panic!("one error: {errors:?}")
        };
        assert_eq!(
            (&error["event"], &error["server"]),
            (&"error".into(), &"db1".into())
        );
        assert_eq!(
            (&error["database"], &error["session_id"]),
            (&"shop".into(), &42.into())
        );
        assert!(error["message"].to_string().contains("does not exist"), "{error}");
        assert_eq!(error["statement"].as_str().unwrap_or("null"), kept);
        assert_eq!(error["normalized"], "SELECT a FROM tt WHERE id = ?");
        // Again, and grown: as executions.
        assert_eq!(lake.ingest(&["p.log"]).commits, 0);
        lake.binary.append("p.log", line(50, "FATAL", "terminating"));
        lake.ingest(&["p.log"]);
        lake.checked();
        assert_eq!(lake.numbers("SELECT count(*) n FROM server_events"), [39]);
    }
}

#[test]
fn tags_are_columns_and_only_those_of_programs_where_no_text_is_kept() {
    let tags = "/*controller='cart',customer='Ann',traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'*/";
    for (policy, customer) in [("sampled", "Ann"), ("none", "null")] {
        let lake = Lake::new();
        lake.binary.write(
            "p.log",
            stderr(1).replace("FROM", &format!("{tags} FROM")) + &stderr(2),
        );
        lake.ingest(&["p.log", "--statement-text", policy]);
        let rows = lake.sql(
            "SELECT tags['controller'] AS controller, tags['customer'] AS customer, trace_id, tags IS NULL AS none \
             FROM executions ORDER BY source_offset",
        );
        let [tagged, bare] = &rows[..] else {
            panic!("two executions: {rows:?}")
        };
        assert_eq!(tagged["controller"], "cart");
        assert_eq!(tagged["customer"].as_str().unwrap_or("null"), customer);
        assert_eq!(tagged["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(
            (&bare["none"], &bare["trace_id"]),
            (&true.into(), &serde_json::Value::Null)
        );
    }
}

/// What was on standard input when the lake of version 1 was recorded.
const LOG_OF_LAKE_V1: &str = "2026-11-16 08:00:00.125 UTC [4242] web@shop LOG:  duration: 125.000 ms  statement: SELECT total FROM orders WHERE id = 17\n\
    2026-11-16 08:00:01.250 UTC [4242] web@shop LOG:  duration: 250.000 ms  statement: SELECT total FROM orders WHERE id = 18\n\
    2026-11-16 08:00:02.000 UTC [4243] web@shop LOG:  duration: 4.000 ms  statement: UPDATE orders SET total = 3 WHERE id = 18\n\
    2026-11-16 08:00:03.000 UTC [4243] web@shop LOG:  duration: abc ms  statement: SELECT 1\n";

#[test]
fn a_lake_of_the_first_version_is_read_and_goes_on() {
    let lake = Lake::new();
    copy_folder(&repository_file("tests/lakes/v1"), &lake.path());
    let counts = "SELECT count(*) n, count(transaction_id) t, sum(query_time_us) s FROM executions";
    assert_eq!(lake.numbers(counts), [4, 0, 2_379_000]);
    assert_eq!(lake.numbers("SELECT count(*) n FROM server_events"), [0]);
    lake.binary
        .run(&["report", "top", "--lake", "lake", "--output", "json"])
        .exits(0);
    let ingest = |input: &str| {
        let arguments = [
            "ingest", "--lake", "lake", "--server", "db-1", "--output", "json", "-",
        ];
        lake.binary.run_with(&arguments, input.as_bytes()).json()
    };
    let known = ingest(LOG_OF_LAKE_V1);
    assert_eq!(
        (&known["commits"], &known["bytes_known"]),
        (&0.into(), &455.into())
    );
    let grown = LOG_OF_LAKE_V1.to_owned()
        + "2026-11-16 08:00:04.000 UTC [4243] web@shop LOG:  checkpoint starting: time\n";
    assert_eq!(ingest(&grown)["ledger"]["entries"]["log"], 1);
    assert_eq!(lake.numbers("SELECT count(*) n FROM server_events"), [1]);
    assert_eq!(lake.numbers(counts), [4, 0, 2_379_000]);
    assert_eq!(
        lake.numbers("SELECT count(*) n, sum(entries_log) l FROM ledger"),
        [3, 1]
    );
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn processes_that_ingest_the_same_file_at_once_add_it_once() {
    let lake = Lake::new();
    let log = corpus("mariadb/10.11/mixed.slow.log");
    lake.binary.write("m.log", &log);
    let arguments = [
        "ingest", "--lake", "lake", "--server", "db1", "--output", "json", "m.log",
    ];
    let start = || {
        let mut command = lake.binary.command(&arguments);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program to start")
    };
    let children: Vec<_> = (0..4).map(|_| start()).collect();
    let executions: Vec<i64> = children
        .into_iter()
        .map(|child| {
            let run = crate::binary::Run::from(child.wait_with_output().expect("the program to end"));
            Ingested::of(&run.exits(0).json()).executions
        })
        .collect();
    assert_eq!(lake.checked(), lake.digest(&["m.log"]), "{executions:?}");
    assert_eq!(
        executions.iter().sum::<i64>(),
        lake.checked().0,
        "each says what it added itself"
    );
}

/// A log of several rounds, each a commit: at every one of them both owners want to be first.
#[test]
fn of_two_processes_that_own_a_file_one_commits_each_round_and_the_other_reads_on() {
    const EXECUTIONS: i64 = 700;
    let lake = Lake::new();
    let text = "x".repeat(64 * 1024);
    let records = (0..EXECUTIONS).map(|n| stderr(n).replace("text", &text));
    lake.binary.write("p.log", records.collect::<String>());
    let arguments = [
        "ingest",
        "--lake",
        "lake",
        "--server",
        "db1",
        "--output",
        "json",
        "--statement-text",
        "none",
        "p.log",
    ];
    let owners = [(); 2].map(|()| {
        let mut command = lake.binary.command(&arguments);
        let (output, errors) = (Stdio::piped(), Stdio::piped());
        let command = command.stdin(Stdio::null()).stdout(output).stderr(errors);
        command.spawn().expect("the program to start")
    });
    let answers = owners.map(|owner| {
        let run = crate::binary::Run::from(owner.wait_with_output().expect("the program to end"));
        Ingested::of(&run.exits(0).json())
    });
    let sum = |number: fn(&Ingested) -> i64| answers.iter().map(number).sum::<i64>();
    assert_eq!(lake.checked(), (EXECUTIONS, (0..EXECUTIONS).sum()));
    assert_eq!(sum(|answer| answer.executions), EXECUTIONS);
    let rounds = lake.numbers("SELECT count(*) n FROM ledger")[0];
    assert!(rounds >= 3, "{rounds}");
    assert_eq!(sum(|answer| answer.commits), rounds);
}

#[test]
fn kills_at_random_moments_lose_and_double_nothing() {
    let script = repository_file("tests/kill/run");
    let has_python = Command::new("python3")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !script.exists() || !has_python {
        return skip(
            "kills_at_random_moments_lose_and_double_nothing",
            "python3 or tests/kill/run is missing",
        );
    }
    let one_large_log = ["--times", "10", "--bytes", "5000000"];
    let many_commits = [
        "--times",
        "10",
        "--bytes",
        "600000",
        "--pieces",
        "6",
        "--maintain",
    ];
    for arguments in [&one_large_log[..], &many_commits[..]] {
        let output = Command::new(&script).args(arguments).arg(Binary::PATH).output();
        let output = output.expect("the script to start");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{text}");
    }
}
