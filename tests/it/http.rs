//! HTTP of `slowlake serve` from outside: SQL, reports, who may ask, and everything that is refused.

mod client;
mod limits;
mod tls;

use serde_json::json;

use crate::binary::corpus;
use crate::follow::entries;
use crate::http::client::{Server, request, statement};
use crate::lake::Lake;

/// A lake with executions, events of servers and a report's worth of everything.
pub(crate) fn lake() -> Lake {
    let lake = Lake::new();
    lake.binary.write("p.log", corpus("postgres/15/mixed.stderr.log"));
    lake.binary.write("m.log", corpus("mariadb/10.11/mixed.slow.log"));
    lake.binary.write("q.log", entries(0..1000));
    lake.ingest(&["p.log"]);
    lake.ingest(&["m.log"]);
    lake.ingest(&["q.log"]);
    lake
}

#[test]
fn answers_are_those_of_the_command_line() {
    let lake = lake();
    let server = Server::start(&lake, &[]);
    for sql in [
        "SELECT * FROM executions ORDER BY source, source_offset, source_seq",
        "SELECT * FROM rollup_hour ORDER BY hour, server, fingerprint, database, user, application",
        "SELECT count(*), max(ts), sum(query_time_us)::DOUBLE / 7 AS x FROM executions",
        "SELECT 1 AS \"a,b\", 'x\"y' AS c, NULL AS d, ARRAY[1, NULL] AS e, 'NaN'::DOUBLE AS f",
        "SELECT * FROM server_events ORDER BY source, source_offset, source_seq",
        "SELECT server FROM executions LIMIT 0",
        "DESCRIBE executions",
        "EXPLAIN SELECT 1",
    ] {
        for (form, content_type) in [
            ("json", "application/json"),
            ("csv", "text/csv; charset=utf-8; header=present"),
        ] {
            let expected = ["sql", "--lake", "lake", "--output", form, "-c", sql];
            let expected = lake.binary.run(&expected).exits(0).stdout;
            let answer = server.sql(sql, json!({ "format": form }));
            assert_eq!(
                (answer.status, answer.header("content-type")),
                (200, content_type),
                "{sql}"
            );
            assert!(
                answer.is_whole && answer.text() == expected,
                "{sql}\n{}",
                answer.text()
            );
            let accept = format!(
                "Accept: text/html;q=0.9, {}",
                content_type.split(';').next().unwrap_or_default()
            );
            let answer = server.sql_as(sql, json!({}), &[&accept]);
            assert!(answer.text() == expected, "{sql} {accept}");
        }
        let answer = server.sql(sql, json!({ "format": "arrow" }));
        assert_eq!(
            answer.header("content-type"),
            "application/vnd.apache.arrow.stream"
        );
        let (begin, end) = ([0xff; 4], [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
        assert!(
            answer.is_whole && answer.body.starts_with(&begin) && answer.body.ends_with(&end),
            "{sql}"
        );
    }
    server.end();
}

#[test]
fn parameters_and_max_rows() {
    let lake = lake();
    let server = Server::start(&lake, &[]);
    let check = |sql: &str, more, expected: &str| {
        let answer = server.sql(sql, more);
        assert_eq!((answer.status, answer.text()), (200, expected), "{sql}");
    };
    let of_server = "SELECT $1 AS a, count(*) AS n FROM executions WHERE server = $2";
    check(
        of_server,
        json!({"parameters": ["it's", "x' OR 1=1 --"]}),
        "[\n{\"a\":\"it's\",\"n\":0}\n]\n",
    );
    check(
        "SELECT $1 AS a, $2 AS b, $3 AS c, $4 AS d",
        json!({"parameters": [7, 1.5, null, true]}),
        "[\n{\"a\":7,\"b\":1.5,\"c\":null,\"d\":true}\n]\n",
    );
    let many = "SELECT value FROM generate_series(1, 100000000000)";
    check(many, json!({"max_rows": 0, "format": "csv"}), "value\n");
    check(many, json!({"max_rows": 2, "format": "csv"}), "value\n1\n2\n");
    let answer = server.sql(many, json!({"max_rows": 100_000, "format": "csv"}));
    assert!(answer.is_whole);
    assert_eq!(answer.text().lines().count(), 100_001);
    server.end();
}

/// Reports and what they are asked for.
const REPORTS: [(&str, &[&str], &str); 9] = [
    ("top", &[], ""),
    (
        "top",
        &["--order", "calls", "--limit", "2", "--server", "db1"],
        "?order=calls&limit=2&server=db1",
    ),
    ("weekly", &["--to", "2026-11-30"], "?to=2026-11-30"),
    ("trends", &[], ""),
    ("regressions", &["--as-of", "2026-11-23"], "?as_of=2026-11-23"),
    ("lag", &["--threshold", "5s"], "?threshold=5s"),
    ("growth", &[], ""),
    ("advice", &[], ""),
    (
        "top",
        &["--from", "2026-11-23 00:00", "--to", "2026-11-24"],
        "?from=2026-11-23+00:00&to=2026%2d11-24",
    ),
];

#[test]
fn reports_are_those_of_the_command_line() {
    let lake = lake();
    let server = Server::start(&lake, &[]);
    for (name, options, query) in REPORTS {
        for (form, accept) in [
            ("json", "application/json"),
            ("html", "text/html"),
            ("markdown", "text/markdown"),
        ] {
            let usual = ["report", name, "--lake", "lake", "--output", form];
            let expected = lake.binary.run(&[&usual[..], options].concat());
            let path = format!("/api/v1/reports/{name}{query}");
            let answer = server.get(&path, &[&format!("Accept: {accept}")]);
            assert_eq!(answer.status, 200, "{path} {}", answer.text());
            assert!(answer.header("content-type").starts_with(accept), "{path}");
            assert!(answer.text() == expected.stdout, "{path} {form}");
            let has_remark = !answer.header("slowlake-remark").is_empty();
            assert_eq!(has_remark, expected.code == Some(1), "{path}");
        }
    }
    server.end();
}

#[test]
fn everything_is_described_and_nothing_else_is_there() {
    let lake = lake();
    let server = Server::start(&lake, &[]);
    let description = server.get("/api/v1/openapi.json", &[]).json();
    let paths = description["paths"].as_object().expect("paths");
    assert_eq!(paths.len(), 6 + 7);
    for (path, item) in paths {
        let Some(get) = item.get("get") else {
            continue;
        };
        let answer = server.get(path, &[]);
        let responses = get["responses"].as_object().expect("responses");
        assert!(
            responses.contains_key(&answer.status.to_string()),
            "{path} {}",
            answer.status
        );
        let media_type = answer
            .header("content-type")
            .split(';')
            .next()
            .unwrap_or_default()
            .to_owned();
        let described = &responses[&answer.status.to_string()]["content"];
        assert!(
            described.get(&media_type).is_some(),
            "{path} {media_type} {described}"
        );
    }
    let page = server.get("/", &[]);
    for path in paths.keys() {
        assert!(
            path == "/" || page.text().contains(path.as_str()),
            "{path} has no link"
        );
    }
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'none'")
    );
    server.end();
}

/// A request, the status of its answer and its code.
type Refusal = (Vec<u8>, u16, &'static str);

/// Statements, and what is said of them.
fn refused_statements() -> Vec<Refusal> {
    let sql = |sql: &str| statement(sql, json!({}), &[]);
    let with = |more| statement("SELECT 1", more, &[]);
    let mut all = vec![
        (sql("SELEC 1"), 400, "statement"),
        (sql(""), 400, "statement"),
        (sql("SELECT 1; SELECT 2"), 400, "statement"),
        (sql("SELECT durration FROM executions"), 400, "unknown_column"),
        (sql("SELECT * FROM passwords"), 400, "unknown_table"),
        (sql("SELECT pg_read_file('/etc/passwd')"), 400, "unknown_function"),
        (sql("SELECT * FROM '/etc/passwd'"), 400, "unknown_table"),
        (sql("SELECT * FROM \"file:///etc/passwd\""), 400, "unknown_table"),
        (sql("SELECT 1 / 0"), 400, "value"),
        (sql("SELECT $1"), 400, "statement"),
        (sql("SELECT \u{0}"), 400, "statement"),
        (sql(&format!("SELECT {}1", "(".repeat(5_000))), 400, "statement"),
        (
            sql(&format!("SELECT 1{}", " + 1".repeat(100_000))),
            400,
            "too_large",
        ),
        (
            sql(&format!("SELECT {}1", "- ".repeat(100_000))),
            400,
            "too_large",
        ),
        (sql(&format!("SELECT {}", "[".repeat(100_000))), 400, "too_large"),
        (
            sql(&format!("SELECT {} true", "NOT ".repeat(100_000))),
            400,
            "too_large",
        ),
        (
            sql(&format!(
                "SELECT CASE {} END",
                "WHEN true THEN CASE ".repeat(10_000)
            )),
            400,
            "too_large",
        ),
        (with(json!({"parameters": [1]})), 400, "statement"),
        (with(json!({"parameters": [[1]]})), 422, "unprocessable"),
        (with(json!({"parameters": "x"})), 422, "unprocessable"),
        (with(json!({"format": "xml"})), 422, "unprocessable"),
        (with(json!({"format": 7})), 422, "unprocessable"),
        (with(json!({"timeout_ms": 0})), 422, "unprocessable"),
        (
            with(json!({"timeout_ms": 999_999_999_999_u64})),
            422,
            "unprocessable",
        ),
        (with(json!({"max_rows": -1})), 422, "unprocessable"),
        (with(json!({"lake": "/"})), 422, "unprocessable"),
    ];
    for change in CHANGES {
        all.push((sql(change), 403, "read_only"));
    }
    all
}

/// Requests that come to no statement.
fn refused_requests() -> Vec<Refusal> {
    let get = |path: &str| request("GET", path, &[], b"");
    let post = |headers: &[&str], body: &str| request("POST", "/api/v1/sql", headers, body.as_bytes());
    let json = "Content-Type: application/json";
    vec![
        (
            post(&[json], "{\"sql\":\"x\",\"sql\":\"y\"}"),
            422,
            "unprocessable",
        ),
        (post(&[json], "[]"), 422, "unprocessable"),
        (post(&[json], "{"), 400, "json"),
        (post(&[json], "SELECT 1"), 400, "json"),
        (
            request("POST", "/api/v1/sql", &[json], b"{\"sql\":\"\xff\"}"),
            400,
            "json",
        ),
        (
            post(&[json, "Content-Encoding: gzip"], "{}"),
            415,
            "unsupported_media_type",
        ),
        (
            post(&["Content-Type: text/plain"], "{\"sql\":\"SELECT 1\"}"),
            415,
            "unsupported_media_type",
        ),
        (post(&[], "{\"sql\":\"SELECT 1\"}"), 415, "unsupported_media_type"),
        (
            post(&[json, "Accept: image/png"], "{\"sql\":\"SELECT 1\"}"),
            406,
            "not_acceptable",
        ),
        (
            post(&[json], &format!("{{\"sql\":\"{}\"}}", "x".repeat(2 << 20))),
            413,
            "payload_too_large",
        ),
        (get("/api/v1/sql"), 405, "method_not_allowed"),
        (
            request("DELETE", "/api/v1/reports/top", &[], b""),
            405,
            "method_not_allowed",
        ),
        (
            request("OPTIONS", "/metrics", &[], b""),
            405,
            "method_not_allowed",
        ),
        (get("/api/v1/reports/passwords"), 404, "not_found"),
        (get("/api/v1/reports/../../../etc/passwd"), 404, "not_found"),
        (get("/api/v1/reports/..%2f..%2fetc%2fpasswd"), 404, "not_found"),
        (get("/api/v1/reports/%ff"), 404, "not_found"),
        (get("/api/v1/reports/"), 404, "not_found"),
        (get("/api/v2/sql"), 404, "not_found"),
        (get("/api/v1/reports/top?lake=/etc"), 422, "unprocessable"),
        (get("/api/v1/reports/top?file=/tmp/x"), 422, "unprocessable"),
        (get("/api/v1/reports/regressions?record="), 422, "unprocessable"),
        (get("/api/v1/reports/top?limit=many"), 422, "unprocessable"),
        (
            get("/api/v1/reports/top?last=7d&from=2026-11-16"),
            422,
            "unprocessable",
        ),
        (get("/api/v1/reports/top?from=yesterday"), 422, "unprocessable"),
        (get("/api/v1/reports/top?include=(("), 422, "unprocessable"),
        (get("/api/v1/reports/weekly?format=pdf"), 422, "unprocessable"),
    ]
}

/// Statements that would change something, the lake or the server.
const CHANGES: [&str; 15] = [
    "DELETE FROM executions",
    "UPDATE executions SET server = 'x'",
    "INSERT INTO executions SELECT * FROM executions",
    "TRUNCATE TABLE executions",
    "DROP VIEW executions",
    "DROP TABLE events",
    "CREATE TABLE x AS SELECT 1",
    "CREATE VIEW x AS SELECT 1",
    "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
    "COPY (SELECT 1) TO '/tmp/slowlake-http-escape.csv'",
    "EXPLAIN ANALYZE INSERT INTO executions SELECT * FROM executions",
    "SET datafusion.execution.batch_size = 1",
    "CREATE SCHEMA x",
    "CREATE FUNCTION f(DOUBLE) RETURNS DOUBLE RETURN $1 + 1",
    "PREPARE p AS SELECT 1",
];

#[test]
fn whatever_is_wrong_is_refused_with_its_reason_and_changes_nothing() {
    let lake = lake();
    let files = || {
        lake.binary
            .sh("find lake -type f -exec sha256sum {} + | sort")
            .exits(0)
            .stdout
    };
    let before = files();
    let server = Server::start(&lake, &[]);
    for (bytes, status, code) in refused_statements().into_iter().chain(refused_requests()) {
        let answer = server.ask(&bytes);
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(400)]).into_owned();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{shown}\n{}",
            answer.text()
        );
        assert_eq!(
            answer.status == 405,
            !answer.header("allow").is_empty(),
            "{shown}"
        );
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
    assert_eq!(server.sql("SELECT 1 AS a", json!({})).text(), "[\n{\"a\":1}\n]\n");
    server.end();
    assert_eq!(files(), before);
}

#[test]
fn what_is_no_http_is_answered_or_ended_and_nobody_else_notices() {
    let lake = lake();
    let server = Server::start(&lake, &[]);
    let head = |line: &str| format!("{line}\r\nHost: localhost\r\nConnection: close\r\n\r\n").into_bytes();
    let long = format!("GET /{} HTTP/1.1", "x".repeat(100_000));
    let many = format!("GET / HTTP/1.1\r\n{}", "X: y\r\n".repeat(1_000));
    for (bytes, status) in [
        (head("GET / HTTP/9.9"), 400),
        (head("\u{1}\u{2}\u{3}"), 400),
        (head("GET  HTTP/1.1"), 400),
        (head(&long), 431),
        (head(&many), 431),
        (head("GET /api/v1/reports/top?%zz=%zz&&&=&a HTTP/1.1"), 422),
        (head("CONNECT localhost:1 HTTP/1.1"), 404),
        (head("OPTIONS * HTTP/1.1"), 404),
        (head("GET http://localhost/healthz HTTP/1.1"), 200),
        (b"POST /api/v1/sql HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n".to_vec(), 400),
        (b"POST /api/v1/sql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(), 415),
        (b"GET /healthz HTTP/1.0\r\n\r\n".to_vec(), 200),
    ] {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(100)]).into_owned();
        let answer = client::exchange(server.connect(), &bytes);
        assert_eq!(answer.map(|answer| answer.status), Some(status), "{shown}");
    }
    let old = statement("SELECT 1", json!({}), &[]);
    let old = String::from_utf8(old)
        .expect("UTF-8")
        .replacen("HTTP/1.1", "HTTP/1.0", 1);
    assert_eq!(server.ask(old.as_bytes()).code(), "http_version");
    let evil = b"GET /api/v1/reports/top HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    let answer = server.ask(evil);
    assert_eq!((answer.status, answer.code().as_str()), (403, "host"));
    assert_eq!(server.get("/healthz", &[]).status, 200);
    server.end();
}
