//! Statements and logs of 10 MB, each made to be slow: prints how long each takes, and fails if one takes more than a second. On demand:
//! `cargo bench -p slowlake-parse --bench adversarial`.

#![allow(clippy::print_stdout, reason = "what it prints is its result")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use slowlake_parse::statement::{Analyzer, Dialect, Options};
use slowlake_parse::{Decoder, Format, Grammar, Prefix, detect};

const BYTES: usize = 10_000_000;
const LIMIT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let mut slowest = Duration::ZERO;
    let mut check = |what: &str, read: &mut dyn FnMut()| {
        let began = Instant::now();
        read();
        let took = began.elapsed();
        slowest = slowest.max(took);
        let verdict = if took > LIMIT { "  TOO SLOW" } else { "" };
        println!("{:8.1} ms  {what}{verdict}", took.as_secs_f64() * 1e3);
    };
    for dialect in [Dialect::Postgres, Dialect::Mysql] {
        let mut analyzer = Analyzer::new(Options::new(dialect));
        for (name, text) in statements() {
            check(&format!("{dialect:?} statement of {name}"), &mut || {
                std::hint::black_box(analyzer.analyze(&text).fingerprint);
            });
        }
    }
    for (name, text) in logs() {
        for format in formats() {
            check(&format!("{name} read as {format}"), &mut || {
                decode(&format, &text)
            });
        }
        check(&format!("{name}: finding the format"), &mut || {
            std::hint::black_box(detect(&text).format().is_some());
        });
    }
    if slowest > LIMIT {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn decode(format: &Format, text: &[u8]) {
    let mut decoder = Decoder::new(format, None, 0);
    for chunk in text.chunks(1024 * 1024) {
        decoder.push(chunk, &mut |_| {});
    }
    decoder.finish(&mut |_| {});
    assert_eq!(decoder.ledger().bytes(), text.len() as u64);
}

fn formats() -> Vec<Format> {
    let prefix = Prefix::new("%m [%p] %u@%d/%a %h ");
    let grammars = [
        Grammar::PostgresStderr(prefix),
        Grammar::PostgresCsv,
        Grammar::PostgresJson,
        Grammar::MysqlSlow,
    ];
    grammars.map(Format::from).into()
}

/// `piece` over and over, after `head`.
fn repeat(head: &str, piece: &str) -> Vec<u8> {
    let mut text = head.as_bytes().to_vec();
    while text.len() < BYTES {
        text.extend_from_slice(piece.as_bytes());
    }
    text
}

/// `piece` with a number that grows, over and over.
fn number(head: &str, piece: impl Fn(usize) -> String) -> Vec<u8> {
    let mut text = head.as_bytes().to_vec();
    let mut at = 0;
    while text.len() < BYTES {
        text.extend_from_slice(piece(at).as_bytes());
        at += 1;
    }
    text
}

fn statements() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("open parentheses", repeat("SELECT ", "(")),
        (
            "open parentheses with selects",
            repeat("", "(SELECT a FROM t WHERE b IN "),
        ),
        ("lists in lists", repeat("SELECT a FROM t WHERE b IN ", "((1,2),")),
        ("open arrays", repeat("SELECT ", "ARRAY[")),
        ("quotes", repeat("SELECT ", "'")),
        ("double quotes and commas", repeat("SELECT ", "\",")),
        ("backslashes", repeat("SELECT E'", "\\")),
        ("backquotes", repeat("SELECT ", "`a")),
        ("open comments", repeat("SELECT 1 ", "/*")),
        ("closed comments", repeat("SELECT 1 ", "/*a='b'*/")),
        ("line comments", repeat("SELECT 1", "-- a\n")),
        ("executable comments", repeat("SELECT 1 ", "/*!40001 a ")),
        ("dollar quotes", number("SELECT ", |at| format!("$a{at}$"))),
        ("open dollars", repeat("SELECT ", "$$ $a$")),
        ("dots", repeat("SELECT a", ".a")),
        ("dotted numbers", repeat("SELECT 1", ".1e")),
        ("colons", repeat("SELECT a", ":a::")),
        ("signs", repeat("SELECT 1", "-+")),
        ("question marks", repeat("SELECT a ", "?|?&")),
        ("unions", repeat("SELECT a FROM t", " UNION SELECT a FROM t")),
        (
            "different unions",
            number("SELECT a", |at| format!(" UNION SELECT a{at}")),
        ),
        (
            "joins of new tables",
            number("SELECT a FROM t", |at| format!(" JOIN t{at} USING (a)")),
        ),
        (
            "tables in a list",
            number("SELECT a FROM t", |at| format!(", t{at}")),
        ),
        (
            "common table expressions",
            number("WITH a AS (SELECT 1)", |at| {
                format!(", a{at} AS (SELECT 1 FROM a{at})")
            }),
        ),
        ("nested common table expressions", repeat("", "WITH a AS (")),
        ("cases", repeat("SELECT ", "CASE WHEN a THEN ")),
        ("rows of values", repeat("INSERT INTO t VALUES (1)", ",(1,a)")),
        ("values", repeat("", "VALUES (")),
        ("casts", repeat("SELECT 1", "::int")),
        ("nested casts", repeat("SELECT ", "CAST(")),
        (
            "order by",
            repeat("SELECT a FROM t ORDER BY a", " ASC NULLS LAST, a"),
        ),
        ("statements", repeat("", "SELECT 1;")),
        ("sets", repeat("SET a=1", ",b=2")),
        ("letters", repeat("", "a")),
        ("bytes that are no text", vec![0xff; BYTES]),
        ("zeros", vec![0; BYTES]),
    ]
}

fn logs() -> Vec<(&'static str, Vec<u8>)> {
    let line = "2026-11-23 00:27:18.272 UTC [42] a@b/c [local] ";
    vec![
        ("line ends", repeat("", "\n")),
        ("a line", repeat("", "a")),
        ("tabs", repeat("", "\n\t")),
        ("labels", repeat("", "LOG:  ")),
        (
            "lines of labels",
            repeat(
                "",
                "LOG:  LOG:  LOG:  LOG:  LOG:  LOG:  LOG:  LOG:  LOG:  LOG:  \n",
            ),
        ),
        (
            "prefixes in prefixes",
            repeat(
                "",
                &format!("{}\n", "2026-11-23 00:27:18.272 UTC [42] a@b/c ".repeat(20)),
            ),
        ),
        (
            "separators in names",
            repeat(
                "",
                &format!("2026-11-23 00:27:18.272 UTC [42] {}\n", "@/ ".repeat(300)),
            ),
        ),
        (
            "details",
            repeat(&format!("{line}LOG:  x\n"), &format!("{line}DETAIL:  y\n")),
        ),
        (
            "statements without duration",
            number("", |at| {
                format!("2026-11-23 00:27:18.272 UTC [{at}] a@b/c [local] LOG:  statement: SELECT 1\n")
            }),
        ),
        (
            "executions of new applications",
            number("", |at| {
                format!(
                    "2026-11-23 00:27:18.272 UTC [{at}] a@b/{at} [local] LOG:  duration: 1.000 ms  execute <unnamed>: SELECT 1\n"
                )
            }),
        ),
        ("quotes", repeat("", "\"")),
        ("quoted lines", repeat("", "\"2026-11-23 00:27:18.272 UTC\"\n\"")),
        ("objects", repeat("", "{\"a\":")),
        (
            "lines of objects",
            repeat(
                "",
                "{\"timestamp\":\"2026-11-23 00:27:18.272 UTC\",\"message\":[[[[[[\n",
            ),
        ),
        ("header lines", repeat("", "# Time: 261123  0:27:18\n")),
        (
            "headers in a literal",
            repeat(
                "# User@Host: a[a] @ b []\n# Query_time: 1.0\nselect 'x\n",
                "# User@Host: a[a] @ b []\n# Query_time: 1.0\nselect 'x';\n",
            ),
        ),
        (
            "headers without statements",
            repeat("", "# User@Host: a[a] @ b []\n# Query_time: 1.0\n"),
        ),
        (
            "banners",
            repeat("", "/usr/sbin/mysqld, Version: 8 (x). started with:\n"),
        ),
        (
            "header keys",
            repeat(
                "",
                "# Query_time: 1 a: a: a: a: a: a: a: a: a: a: a: a: a: a: a: a: a: a: a:\n",
            ),
        ),
    ]
}
