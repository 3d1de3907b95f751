//! `digest` from outside: its answer depends on neither threads nor how bytes were read, every form of it can be read by what it is made
//! for, its exit status says what happened; and the help of every command. What it counts is tested in `corpus`.

use std::fmt::Write;

use serde_json::Value;

use crate::binary::{Binary, Run, corpus, repository_file};

const LOGS: [&str; 5] = [
    "postgres/15/mixed.stderr.log",
    "postgres/15/mixed.csv",
    "postgres/15/mixed.json",
    "postgres/15/log_statement.stderr.log",
    "mariadb/10.11/mixed.slow.log",
];
/// With few bytes at a time, so much of a log is read.
const HEAD_BYTES: usize = 200_000;

/// Two queries, one over several lines; things a report must not pass on as they are: a terminal's escape, HTML.
const SMALL: &str = "\
2026-11-16 08:00:00.100 UTC [11] web@shop LOG:  duration: 1500.000 ms  statement: SELECT name, price
\tFROM products
\tWHERE id = 4711 -- \x1b[31m<script>alert(1)</script>
2026-11-16 08:00:01.250 UTC [11] web@shop LOG:  duration: 2.500 ms  statement: SELECT name, price FROM products WHERE id = 4712
2026-11-16 08:00:02.000 UTC [12] dba@shop LOG:  duration: 12.345 ms  statement: UPDATE carts SET items = 3 WHERE customer = 'a|b'
2026-11-16 08:00:02.500 UTC [9] LOG:  checkpoint starting: time
";
/// Nothing that a report has a place for.
const SILENT: &str = "2026-11-16 08:00:00.000 UTC [9] LOG:  the weather is fine\n";
/// A line that is nothing, among lines that are.
const DAMAGED: &str = "\
2026-11-16 08:00:00.100 UTC [11] web@shop LOG:  duration: 1.000 ms  statement: SELECT 1
what is this
2026-11-16 08:00:00.200 UTC [11] web@shop LOG:  duration: 1.000 ms  statement: SELECT 2
";

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let binary = Binary::new();
    for log in LOGS {
        let path = recorded(log);
        let digest = |threads: &str| binary.run(&["digest", "--output", "json", "--threads", threads, &path]);
        let one = digest("1").exits(0).stdout;
        for threads in ["2", "8"] {
            assert_eq!(
                digest(threads).exits(0).stdout,
                one,
                "{log} with {threads} threads"
            );
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes_over_many_files_and_hours() {
    let binary = Binary::new();
    std::fs::create_dir(binary.path("logs")).unwrap();
    // So many seconds, and values of every size, that sums are kept in coarser steps on the way, at another place in every thread.
    for file in 0..4 {
        let mut log = String::new();
        for at in 0..6_000 {
            let (second, n) = (file * 6_000 + at, (file * 6_000 + at) * 7_919 % 100_003);
            let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
            let pid = n % 17;
            // Writing to a String cannot fail.
            let _ = writeln!(
                log,
                "2026-11-16 {hour:02}:{minute:02}:{second:02}.000 UTC [{pid}] u{pid}@shop LOG:  duration: {n}.{:03} ms  statement: \
                 SELECT c{} FROM t WHERE id = {n}",
                n % 1_000,
                n % 211
            );
        }
        binary.write(&format!("logs/{file}.log"), log);
    }
    let digest = |threads: &str| {
        binary
            .run(&["digest", "--output", "json", "--threads", threads, "logs"])
            .exits(0)
    };
    let one = digest("1");
    assert_eq!(one.json()["calls"], 24_000);
    for threads in ["2", "5"] {
        assert!(
            digest(threads).stdout == one.stdout,
            "another answer with {threads} threads"
        );
    }
}

#[test]
fn any_size_of_chunk_gives_the_same_bytes() {
    let binary = Binary::new();
    let digest = |chunk_bytes: &str| {
        let run = binary.run(&[
            "digest",
            "--output",
            "json",
            "--chunk-bytes",
            chunk_bytes,
            "the.log",
        ]);
        // A log that is cut off anywhere ends in a reject, perhaps.
        assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
        run.stdout
    };
    for log in LOGS {
        let content = corpus(log);
        binary.write("the.log", &content);
        let whole = digest("1048576");
        for chunk_bytes in ["7", "64", "4096"] {
            assert!(
                digest(chunk_bytes) == whole,
                "{log}: another answer in chunks of {chunk_bytes}"
            );
        }
        binary.write("the.log", &content[..HEAD_BYTES.min(content.len())]);
        assert!(
            digest("1") == digest("1048576"),
            "{log}: another answer byte by byte"
        );
    }
}

#[test]
fn a_compressed_log_a_stream_and_a_file_give_the_same_queries() {
    let binary = Binary::new();
    let content = corpus(LOGS[0]);
    binary.write("the.log", &content);
    binary.sh("gzip -k the.log && bzip2 -k the.log && xz -1k the.log && zstd -q the.log");
    let answer = |run: Run| {
        let report = run.exits(0).json();
        (
            report["calls"].clone(),
            report["total_us"].clone(),
            report["ledger"].clone(),
        )
    };
    let expect = answer(binary.run(&["digest", "--output", "json", "the.log"]));
    assert_eq!(
        answer(binary.run_with(&["digest", "--output", "json", "-"], &content)),
        expect
    );
    for name in ["the.log.gz", "the.log.bz2", "the.log.xz", "the.log.zst"] {
        // Not every machine has every program.
        if binary.path(name).exists() {
            assert_eq!(
                answer(binary.run(&["digest", "--output", "json", name])),
                expect,
                "{name}"
            );
        }
    }
}

#[test]
fn exit_status_says_what_happened() {
    let binary = Binary::new();
    binary.write("small.log", SMALL);
    binary.write("damaged.log", DAMAGED);
    binary.write("quiet.log", SMALL.lines().last().unwrap().to_owned() + "\n");
    binary.write("silent.log", SILENT);
    binary.write("junk", b"\x00\x01\x02\xff".repeat(500));
    for (arguments, code) in [
        (&["digest", "small.log"][..], 0),
        (&["digest", "damaged.log"], 1),
        // Events without any statement are an answer; nothing found is said, and no success.
        (&["digest", "quiet.log"], 0),
        (&["digest", "silent.log"], 1),
        // One input of two.
        (&["digest", "small.log", "missing.log"], 1),
        (&["digest", "small.log", "junk"], 1),
        (&["digest", "missing.log"], 2),
        (&["digest", "junk"], 2),
        (&["digest"], 2),
        (&["digest", "small.log", "--output", "xml"], 2),
        (&["digest", "small.log", "--query", "ffffffffffffffff"], 2),
        (&["digest", "small.log", "-o", "no/such/folder.json"], 2),
        (&["nonsense"], 2),
        (&["--version"], 0),
    ] {
        let run = binary.run(arguments).exits(code);
        let says = run.stderr.starts_with("error: ");
        assert_eq!(
            says,
            code == 2 || arguments.len() > 2 || arguments.contains(&"silent.log"),
            "{arguments:?}: {}",
            run.stderr
        );
    }
}

#[test]
fn json_and_csv_parse_and_agree() {
    let binary = Binary::new();
    let path = recorded(LOGS[1]);
    let report = binary.run(&["digest", "--output", "json", &path]).exits(0).json();
    let csv = binary.run(&["digest", "--output", "csv", &path]).exits(0).stdout;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let queries = report["queries"].as_array().unwrap();
    assert_eq!(rows.len(), queries.len());
    for (row, query) in rows.iter().zip(queries) {
        for (name, cell) in header.iter().zip(row) {
            let expect = match &query[name] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                Value::Array(list) => list
                    .iter()
                    .map(|text| text.as_str().unwrap())
                    .collect::<Vec<_>>()
                    .join(" "),
                // Read from JSON, the last digit of a fraction may be another.
                Value::Number(number) if number.is_f64() => {
                    let (found, number): (f64, f64) = (cell.parse().unwrap(), number.as_f64().unwrap());
                    assert!((found - number).abs() < 1e-12, "{name}: {found} and {number}");
                    continue;
                }
                number => number.to_string(),
            };
            assert_eq!(cell, expect, "{name}");
        }
    }
}

#[test]
fn every_form_names_every_query() {
    let binary = Binary::new();
    let path = recorded(LOGS[4]);
    let report = binary.run(&["digest", "--output", "json", &path]).exits(0).json();
    let queries = report["queries"].as_array().unwrap();
    assert!(queries.len() > 50);
    for form in ["text", "json", "csv", "markdown", "html"] {
        let text = binary
            .run(&["digest", "--output", form, "--limit", "1000", &path])
            .exits(0)
            .stdout;
        for query in queries {
            assert!(
                text.contains(query["fingerprint"].as_str().unwrap()),
                "{form} lacks {}",
                query["fingerprint"]
            );
        }
        // The same to a file.
        binary
            .run(&[
                "digest", "--output", form, "--limit", "1000", "-o", "report", &path,
            ])
            .exits(0);
        let file = std::fs::read_to_string(binary.path("report")).unwrap();
        let untimed = |text: &str| {
            if form == "text" {
                without_timing(text)
            } else {
                text.to_owned()
            }
        };
        assert!(
            untimed(&file) == untimed(&text),
            "{form}: -o writes something else"
        );
    }
}

#[test]
fn limit_and_query_choose() {
    let binary = Binary::new();
    let path = recorded(LOGS[4]);
    let digest = |more: &[&str]| {
        let arguments = [&["digest", "--output", "json", &path], more].concat();
        binary.run(&arguments).exits(0).json()
    };
    let all = digest(&[]);
    let few = digest(&["--limit", "3"]);
    assert_eq!(
        few["queries"].as_array().unwrap()[..],
        all["queries"].as_array().unwrap()[..3]
    );
    assert_eq!(
        few["queries_left_out"].as_u64(),
        Some(all["queries"].as_array().unwrap().len() as u64 - 3)
    );
    assert_eq!(
        (&few["calls"], &few["total_us"]),
        (&all["calls"], &all["total_us"])
    );
    let wanted = &all["queries"][20];
    let one = digest(&["--query", wanted["fingerprint"].as_str().unwrap()]);
    let found: Vec<&Value> = one["queries"].as_array().unwrap().iter().collect();
    assert_eq!(found, [wanted]);
}

#[test]
fn text_of_a_log_is_harmless_wherever_it_is_shown() {
    let binary = Binary::new();
    binary.write("small.log", SMALL);
    let digest = |form: &str| {
        binary
            .run(&["digest", "small.log", "--output", form])
            .exits(0)
            .stdout
    };
    assert!(!digest("text").contains('\x1b'));
    let html = digest("html");
    assert!(html.contains("&lt;script&gt;alert(1)"));
    assert!(!html.contains("<script>alert(1)"));
    // One page that needs nothing else.
    assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("src="));
    // A pipe in a cell would end the cell.
    let markdown = digest("markdown");
    let widths: Vec<usize> = markdown
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.matches('|').count() - line.matches("\\|").count())
        .collect();
    assert_eq!(widths, [11; 4], "{markdown}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let binary = Binary::new();
    binary
        .run(&["ingest", &recorded(LOGS[0]), "--lake", "lake"])
        .exits(0);
    let digest = format!(
        "\"$SLOWLAKE\" digest --output html --limit 1000 '{}'",
        recorded(LOGS[0])
    );
    for command in [
        digest.as_str(),
        "\"$SLOWLAKE\" sql --lake lake -c 'SELECT * FROM executions'",
    ] {
        // Its output does not fit a pipe, so that it notices.
        let whole = binary.sh(command).exits(0).stdout;
        assert!(whole.len() > 128 * 1024, "{} bytes", whole.len());
        let run = binary.sh(&format!("{{ {command}; echo $? >status; }} | head -n 1"));
        assert_eq!(Some(run.stdout.trim_end()), whole.lines().next());
        assert_eq!(run.stderr, "", "{command}");
        assert_eq!(
            std::fs::read_to_string(binary.path("status")).unwrap(),
            "0\n",
            "{command}"
        );
    }
}

#[test]
fn text_report() {
    let binary = Binary::new();
    binary.write("small.log", SMALL);
    let run = binary.run(&["digest", "small.log", "--coverage"]).exits(0);
    assert_eq!(run.stderr, "");
    insta::assert_snapshot!(without_timing(&run.stdout));
}

#[test]
fn help() {
    let binary = Binary::new();
    let mut commands: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(command) = commands.pop() {
        let mut arguments = command.clone();
        arguments.push("--help".to_owned());
        let help = binary.run(&arguments).exits(0).stdout;
        let listed = help
            .lines()
            .skip_while(|line| *line != "Commands:")
            .skip(1)
            .take_while(|line| !line.is_empty());
        let names = listed
            .filter(|line| !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next());
        commands.extend(
            names
                .filter(|name| *name != "help")
                .map(|name| [&command[..], &[name.to_owned()]].concat()),
        );
        insta::assert_snapshot!(
            ["help".to_owned(), command.join("_")]
                .join("_")
                .trim_end_matches('_'),
            help
        );
    }
}

/// The path of a recorded log, compressed as it is.
fn recorded(log: &str) -> String {
    let path = repository_file("tests/corpus").join(format!("{log}.zst"));
    path.to_str().unwrap().to_owned()
}

/// A text report without how long it took.
fn without_timing(text: &str) -> String {
    match text.split_once(" · read in ") {
        Some((before, after)) => {
            let (_, rest) = after.split_once("/s)").unwrap();
            format!("{before} · read in …{rest}")
        }
        None => text.to_owned(),
    }
}
