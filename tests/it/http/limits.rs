//! Tokens, time, rows, and what becomes of answers that end too early.

use std::io::{Read, Write};

use serde_json::{Value, json};

use crate::http::client::{Server, free_port, statement};
use crate::http::lake;
use crate::lake::Lake;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// Of "fedcba9876543210fedcba9876543210".
const LIST: &str = "\"ann\" \"0123456789abcdef0123456789abcdef\"\n\
                    \"bob\" \"sha256:HASH\"\n";
const OTHER: &str = "fedcba9876543210fedcba9876543210";

/// Many rows, sooner or later.
const ENDLESS: &str = "SELECT value FROM generate_series(1, 100000000000)";
/// One row, never.
const NEVER: &str = "SELECT count(*) FROM generate_series(1, 100000000000) a WHERE value % 7 = 8";

fn with_tokens() -> Lake {
    let lake = lake();
    let hash = lake
        .binary
        .sh(&format!("printf %s {OTHER} | sha256sum | cut -d ' ' -f 1"))
        .exits(0);
    lake.binary
        .write("tokens", LIST.replace("HASH", hash.stdout.trim()));
    lake
}

/// The audit in the log of a server that speaks JSON.
fn audit(log: &str) -> Vec<Value> {
    log.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["message"] == "statement")
        .collect()
}

#[test]
fn what_guards_monitoring_needs_tokens() {
    let lake = with_tokens();
    let serve = "[serve]\nhttp = \"127.0.0.1:0\"\nguard_monitoring = true\n";
    lake.binary
        .write("slowlake.toml", format!("lake = \"lake\"\n{serve}"));
    let expected = "guard_monitoring = true in [serve] guards nothing: there are no tokens";
    let said = lake.binary.run(&["serve", "-c", "slowlake.toml"]).exits(2).stderr;
    assert!(
        said.contains(expected) && said.contains("hint: give tokens"),
        "{said}"
    );
    let said = lake.binary.run(&["check", "-c", "slowlake.toml"]);
    assert!(
        format!("{}{}", said.stdout, said.stderr).contains(expected),
        "{said:?}"
    );
}

#[test]
fn tokens_are_asked_for_and_named_in_the_audit() {
    let lake = with_tokens();
    lake.binary.write(
        "slowlake.toml",
        "[log]\nformat = \"json\"\n[serve]\nguard_monitoring = true\n",
    );
    let server = Server::start(&lake, &["--tokens", "tokens", "-c", "slowlake.toml"]);
    let bearer = |token: &str| format!("Authorization: Bearer {token}");
    for path in [
        "/api/v1/openapi.json",
        "/api/v1/reports/top",
        "/api/v1/nothing",
        "/metrics",
        "/readyz",
    ] {
        let answer = server.get(path, &[]);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (401, "unauthorized"),
            "{path}"
        );
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"slowlake\"");
        let answer = server.get(path, &[&bearer("0123456789abcdef0123456789abcdeX")]);
        assert_eq!(answer.status, 401, "{path}");
        assert!(
            answer
                .header("www-authenticate")
                .ends_with("error=\"invalid_token\""),
            "{path}"
        );
        assert_ne!(server.get(path, &[&bearer(TOKEN)]).status, 401, "{path}");
    }
    assert_eq!(server.get("/healthz", &[]).status, 200);
    let said = "SELECT 'it was ann' AS a";
    assert_eq!(server.sql(said, json!({})).status, 401);
    assert_eq!(
        server
            .sql_as(said, json!({}), &[&bearer(TOKEN), "User-Agent: test/1"])
            .status,
        200
    );
    assert_eq!(server.sql_as("SELEC 1", json!({}), &[&bearer(OTHER)]).status, 400);
    let log = server.end();
    for secret in [TOKEN, OTHER] {
        assert!(!log.contains(secret), "{log}");
    }
    let lines = audit(&log);
    let line = lines
        .iter()
        .find(|line| line["statement"] == said)
        .expect("a line");
    assert_eq!(
        (&line["user"], &line["via"], &line["rows"]),
        (&json!("ann"), &json!("http"), &json!(1))
    );
    assert_eq!(line["application"], "test/1");
    let failed = lines
        .iter()
        .find(|line| line["statement"] == "SELEC 1")
        .expect("a line");
    assert_eq!(
        (&failed["user"], &failed["failure"]),
        (&json!("bob"), &json!("statement"))
    );
    assert!(
        lines
            .iter()
            .any(|line| line["statement"] == "report top" && line["user"] == "ann"),
        "{log}"
    );
    assert_eq!(lines.len(), 3, "who has no token runs nothing");
}

#[test]
fn nothing_is_served_to_everybody() {
    let lake = with_tokens();
    let address = format!("0.0.0.0:{}", free_port());
    let refused = |arguments: &[&str], part: &str| {
        let usual = ["serve", "--lake", "lake", "--http", &address];
        let run = lake.binary.run(&[&usual[..], arguments].concat()).exits(2);
        assert!(
            run.stderr.contains(part) && run.stderr.contains("hint: "),
            "{}",
            run.stderr
        );
    };
    refused(&[], "could read the lake: there are no tokens");
    lake.binary.write("short", "\"ann\" \"secret\"\n");
    refused(
        &["--tokens", "short"],
        "tokens: short:1: the token of \"ann\" is not 16 to 512 letters",
    );
    lake.binary.write("empty", "# nobody\n");
    refused(&["--tokens", "empty"], "tokens: empty:1: no token");
    let configuration = format!("[serve]\nhttp = \"{address}\"\nmonitoring_only = true\n");
    lake.binary.write("slowlake.toml", configuration);
    let server = Server::start(&lake, &["-c", "slowlake.toml"]);
    for (path, status) in [
        ("/readyz", 200),
        ("/metrics", 200),
        ("/", 404),
        ("/api/v1/reports/top", 404),
    ] {
        assert_eq!(server.get(path, &[]).status, status, "{path}");
    }
    assert_eq!(server.sql("SELECT 1", json!({})).status, 404);
    server.end();
}

#[test]
fn what_takes_too_long_is_stopped() {
    let lake = lake();
    lake.binary.write(
        "slowlake.toml",
        "[serve]\nstatement_timeout = \"2s\"\nrows = 5000\n",
    );
    let server = Server::start(&lake, &["-c", "slowlake.toml"]);
    let answer = server.sql(NEVER, json!({"timeout_ms": 200}));
    assert_eq!((answer.status, answer.code().as_str()), (504, "timeout"));
    assert!(
        answer.json()["detail"]
            .as_str()
            .is_some_and(|it| it.contains("200 ms")),
        "{answer:?}"
    );
    let answer = server.sql(NEVER, json!({}));
    assert_eq!((answer.status, answer.code().as_str()), (504, "timeout"));
    // Rows have been sent: the status cannot change any more.
    for (form, is_said) in [("json", true), ("csv", true), ("arrow", false)] {
        let answer = server.sql(ENDLESS, json!({"format": form}));
        assert_eq!((answer.status, answer.is_whole), (200, false), "{form}");
        if is_said {
            let last = answer.text().lines().last().unwrap_or_default().to_owned();
            let last: Value = serde_json::from_str(&last).expect("a problem on the last line");
            assert_eq!(last["code"], "too_many_rows", "{form}");
        }
    }
    let answer = server.sql(ENDLESS, json!({"max_rows": 5000, "format": "csv"}));
    assert!(answer.is_whole);
    let metrics = server.get("/metrics", &[]);
    for line in [
        "slowlake_statements_total{via=\"http\",outcome=\"timeout\"} 2",
        "slowlake_statements_total{via=\"http\",outcome=\"too_many_rows\"} 3",
        "slowlake_statements_total{via=\"http\",outcome=\"ok\"} 1",
        "slowlake_http_requests_total{route=\"/api/v1/sql\",status=\"504\"} 2",
    ] {
        assert!(
            metrics.text().lines().any(|it| it == line),
            "{line} in {}",
            metrics.text()
        );
    }
    server.end();
}

#[test]
fn who_goes_away_stops_his_statement() {
    let lake = lake();
    let server = Server::start(&lake, &[]);
    // One is still being worked on, of the other rows have come.
    for sql in [NEVER, ENDLESS] {
        let mut stream = server.connect();
        stream
            .write_all(&statement(sql, json!({}), &[]))
            .expect("a request");
        if sql == ENDLESS {
            stream.read_exact(&mut [0; 10_000]).expect("rows");
        } else {
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
    }
    let canceled = "slowlake_statements_total{via=\"http\",outcome=\"canceled\"} 2";
    server.until("/metrics", |answer| answer.text().contains(canceled));
    server.end();
}

#[test]
fn answers_on_their_way_come_to_their_end() {
    let lake = lake();
    let server = Server::start(&lake, &[]);
    let idle = server.connect();
    let mut stream = server.connect();
    let sql = "SELECT value FROM generate_series(1, 300000)";
    stream
        .write_all(&statement(sql, json!({"format": "csv"}), &[]))
        .expect("a request");
    let mut begin = [0; 1_000];
    stream.read_exact(&mut begin).expect("the first rows");
    let reading = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(500));
        let mut rest = String::new();
        stream.read_to_string(&mut rest).map(|_| rest)
    });
    let log = server.end();
    let rest = reading.join().expect("a reader").expect("the rest");
    assert!(
        rest.contains("\n300000\n") && rest.ends_with("\r\n0\r\n\r\n"),
        "{log}"
    );
    drop(idle);
}

#[test]
fn one_connection_too_many_is_told_so() {
    let lake = lake();
    lake.binary.write("slowlake.toml", "[serve]\nconnections = 3\n");
    let server = Server::start(&lake, &["-c", "slowlake.toml"]);
    let open: Vec<_> = (0..3).map(|_| server.connect()).collect();
    let mut answer = String::new();
    let mut full = server.connect();
    full.read_to_string(&mut answer).expect("an answer");
    assert!(
        answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After: "),
        "{answer}"
    );
    drop(open);
    server.until("/healthz", |answer| answer.status == 200);
    server.end();
}
