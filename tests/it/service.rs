//! The service: `slowlake run` and what `slowlake check` says of its configuration.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::binary::corpus;
use crate::follow::{Follow, check, entries};
use crate::lake::Lake;

/// What does not happen for so long never does.
const PATIENCE: Duration = Duration::from_secs(60);

const CONFIGURATION: &str = r#"
lake = "lake"
commit_every = "1s"

[log]
level = "error"

[[source.file]]
server = "shop-1"
cluster = "shop"
paths = ["p.log"]

[[source.file]]
server = "shop-2"
paths = ["m*.log"]
format = "mysql-slow"
redact = true
"#;

#[test]
fn a_service_follows_the_servers_of_its_configuration() {
    let lake = Lake::new();
    lake.binary.write("slowlake.toml", CONFIGURATION);
    lake.binary.write("p.log", entries(0..10));
    lake.binary.write("m.log", corpus("mariadb/10.11/mixed.slow.log"));
    let of_maria = lake.digest(&["m.log"]).0;
    let mut service = Follow::spawn(&lake, &["run", "-c", "slowlake.toml"]);
    service.until(10 + of_maria);
    lake.binary.append("p.log", entries(10..20));
    service.until(20 + of_maria);
    let answer = service.end().stdout;
    assert!(answer.contains(" of 2 files in "), "{answer}");
    let servers = lake.sql(
        "SELECT server, cluster, count(*) n, count(statement) AS texts FROM executions GROUP BY 1, 2 ORDER BY 1",
    );
    assert_eq!(servers[0]["n"], 20);
    assert_eq!(
        (&servers[0]["server"], &servers[0]["cluster"]),
        (&"shop-1".into(), &"shop".into())
    );
    assert_eq!((&servers[1]["server"], servers.len()), (&"shop-2".into(), 2));
    assert_eq!(servers[1]["texts"], 0, "redacted");
}

#[test]
fn check_looks_at_everything_and_changes_nothing() {
    let lake = Lake::new();
    let said = |text: &str| text.replace(lake.binary.folder().to_str().expect("a path"), "…");
    lake.binary.write("slowlake.toml", CONFIGURATION);
    lake.binary.write("p.log", entries(0..10));
    let check = ["check", "-c", "slowlake.toml"];
    let run = lake.binary.run(&check).exits(0);
    insta::assert_snapshot!(said(&run.stdout), @"
    lake …/lake: not there yet, will be made
    source.file[1] p.log: PostgreSQL stderr (%m [%p] %q%u@%d)
    ");
    insta::assert_snapshot!(run.stderr, @"warning: m*.log: no file matches this pattern, yet");
    assert!(!lake.path().exists());
    lake.binary.write("p.log", "");
    lake.binary.write("m.log", b"PK\x03\x04 and so on");
    lake.binary.sh("mkdir lake; touch lake/others").exits(0);
    let run = lake.binary.run(&check).exits(1);
    insta::assert_snapshot!(run.stdout, @"source.file[1] p.log: empty");
    insta::assert_snapshot!(said(&run.stderr), @r#"
    error: slowlake.toml:2: lake: …/lake is not a lake: it holds other files, among them "others"
    hint: name an empty or a new directory; slowlake never writes among other files
    error: slowlake.toml:15: source.file[2].paths: m.log: a zip archive, which is not supported
    hint: unpack it first; gzip, zstd, bzip2 and xz are read as they are
    "#);
}

#[test]
fn mistakes_of_a_configuration_are_said_with_their_lines() {
    let lake = Lake::new();
    let text = CONFIGURATION
        .replace("server", "sever")
        .replace("mysql-slow", "mysql");
    lake.binary.write("slowlake.toml", text);
    let check = lake.binary.run(&["check", "-c", "slowlake.toml"]).exits(1);
    insta::assert_snapshot!(check.stderr, @r#"
    error: slowlake.toml:9: source.file[1].sever: no such key
    hint: did you mean server?
    error: slowlake.toml:14: source.file[2].sever: no such key
    hint: did you mean server?
    error: slowlake.toml:16: source.file[2].format: there is no "mysql"
    hint: did you mean "mysql-slow"?
    "#);
    let run = lake.binary.run(&["run", "-c", "slowlake.toml"]).exits(2);
    assert_eq!(run.stderr, check.stderr);
    let run = lake.binary.run(&["run", "-c", "nowhere.toml"]).exits(2);
    insta::assert_snapshot!(run.stderr, @"error: cannot read nowhere.toml: No such file or directory (os error 2)");
}

/// A port that nobody listens at.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Status and body of an answer.
fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Waits for an answer that is as it should be.
#[track_caller]
fn until(port: u16, path: &str, is_it: impl Fn(u16, &str) -> bool) -> String {
    let began = Instant::now();
    loop {
        let answer = get(port, path);
        if let Some((status, body)) = &answer
            && is_it(*status, body)
        {
            return body.clone();
        }
        assert!(began.elapsed() < PATIENCE, "{path}: {answer:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A configuration that serves health and metrics, with so much more.
fn served(port: u16, rest: &str) -> String {
    format!(
        "lake = \"lake\"\ncommit_every = \"1s\"\n[log]\nlevel = \"info\"\nformat = \"json\"\n[serve]\nhttp = \"127.0.0.1:{port}\"\n{rest}"
    )
}

const ONE_LOG: &str = "[[source.file]]\npaths = [\"p.log\"]\nserver = \"db1\"\n";

#[test]
fn health_readiness_and_metrics() {
    let (lake, port) = (Lake::new(), free_port());
    lake.binary.write("p.log", entries(0..10) + "nonsense\n");
    lake.binary.write("slowlake.toml", served(port, ONE_LOG));
    let mut service = Follow::spawn(&lake, &["run", "-c", "slowlake.toml"]);
    service.until(10);
    assert_eq!(get(port, "/healthz"), Some((200, "ok\n".to_owned())));
    let ready = until(port, "/readyz", |status, _| status == 200);
    assert_eq!(
        ready,
        r#"{"ready":true,"sources":[{"kind":"file","source":"p.log","state":"running"}]}"#
    );
    let of_file = r#"kind="file",source="p.log""#;
    let text = until(port, "/metrics", |_, text| {
        text.contains(&format!("slowlake_source_behind_bytes{{{of_file}}} 0"))
    });
    for line in [
        format!("slowlake_entries_total{{{of_file},part=\"execution\"}} 10"),
        format!("slowlake_source_up{{{of_file}}} 1"),
        format!("slowlake_source_behind_seconds{{{of_file}}} 0.0"),
        "# EOF".to_owned(),
    ] {
        assert!(text.lines().any(|it| it == line), "{line} in {text}");
    }
    assert_eq!(get(port, "/nothing").map(|it| it.0), Some(404));
    let said = service.end_with_words();
    let words: Vec<serde_json::Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let messages: Vec<&str> = words.iter().filter_map(|it| it["message"].as_str()).collect();
    assert!(
        messages.contains(&"committed") && messages.contains(&"ended"),
        "{messages:?}"
    );
    assert!(words.iter().all(|it| it["level"] == "INFO"), "{said}");
}

#[test]
fn a_lake_that_is_away_is_waited_for() {
    let (lake, port) = (Lake::new(), free_port());
    lake.binary.write("p.log", entries(0..10));
    lake.binary.write("slowlake.toml", served(port, ONE_LOG));
    let mut service = Follow::spawn(&lake, &["run", "-c", "slowlake.toml"]);
    service.until(10);
    lake.binary.sh("mv lake/events/_delta_log away").exits(0);
    lake.binary.append("p.log", entries(10..20));
    let why = until(port, "/readyz", |status, _| status == 503);
    assert!(why.contains(r#""state":"failing","why":"#), "{why}");
    lake.binary.append("p.log", entries(20..30));
    std::thread::sleep(Duration::from_secs(1));
    lake.binary.sh("mv away lake/events/_delta_log").exits(0);
    service.until(30);
    until(port, "/readyz", |status, _| status == 200);
    service.end_with_words();
    check(&lake, 30);
}

#[test]
fn the_file_is_read_again_on_hang_up() {
    let (lake, port) = (Lake::new(), free_port());
    let more = "[[source.file]]\npaths = [\"q.log\"]\nserver = \"db2\"\n";
    lake.binary.write("p.log", entries(0..10));
    lake.binary.write("q.log", entries(10..20));
    lake.binary.write("slowlake.toml", served(port, ONE_LOG));
    let mut service = Follow::spawn(&lake, &["run", "-c", "slowlake.toml"]);
    service.until(10);
    lake.binary
        .write("slowlake.toml", served(port, &(ONE_LOG.to_owned() + more)));
    service.hang_up();
    service.until(20);
    // What is wrong changes nothing.
    lake.binary
        .write("slowlake.toml", served(port, &more.replace("paths", "path")));
    service.hang_up();
    lake.binary.append("p.log", entries(20..30));
    service.until(30);
    // The first one is not wanted any more.
    lake.binary.write("slowlake.toml", served(port, more));
    service.hang_up();
    let one = r#"{"ready":true,"sources":[{"kind":"file","source":"q.log","state":"running"}]}"#;
    until(port, "/readyz", |_, body| body == one);
    lake.binary.append("p.log", entries(40..50));
    lake.binary.append("q.log", entries(30..40));
    service.until(40);
    let said = service.end_with_words();
    let wrong = "goes on as before: slowlake.toml:9: source.file[1].path: no such key";
    assert!(
        said.contains(wrong) && said.contains("did you mean paths?"),
        "{said}"
    );
    check(&lake, 40);
}

#[test]
fn every_kind_of_mistake_is_named_with_its_key_its_line_and_what_to_do() {
    const PATHS: &str = "paths = [\"p.log\"]";
    let file = |rest: &str| format!("lake = \"lake\"\n[[source.file]]\n{PATHS}\n{rest}\n");
    let before = |rest: &str| format!("{rest}\n[[source.file]]\n{PATHS}\n");
    let cases: Vec<(String, &str)> = vec![
        ("lake = \"lake\"\n[[source.file]\n".to_owned(), "2: not TOML: "),
        ("lake = lake\n".to_owned(), "1: not TOML: "),
        (before("lake = 7"), "1: lake: a value of type integer"),
        (before("lake = \"ftp://x/y\""), "1: lake: "),
        (before("lake = \"others\""), "1: lake: "),
        (
            before("commit_every = \"2h\""),
            "1: commit_every: out of its limits",
        ),
        (before("comit_every = \"2s\""), "1: comit_every: no such key"),
        ("lake = \"lake\"\n".to_owned(), "1: source: nothing to read"),
        (
            before("[defaults]\ntimezone = \"Mars\""),
            "2: defaults.timezone: ",
        ),
        (file("sever = \"a\""), "4: source.file[1].sever: no such key"),
        (file("server = \"\""), "4: source.file[1].server: empty"),
        (
            file("format = \"postgres\""),
            "4: source.file[1].format: there is no",
        ),
        (file("format = \"postgres-stderr\""), "4: source.file[1].format: "),
        (file("poll = \"yes\""), "4: source.file[1].poll: "),
        (
            file("redact = true\nstatement_text = \"all\""),
            "5: source.file[1].statement_text: ",
        ),
        (
            file("[[source.file]]\npaths = [\"p.log\"]"),
            "5: source.file[2].paths: ",
        ),
        (
            "[[source.file]]\npaths = [\"-\"]\n".to_owned(),
            "2: source.file[1].paths: standard input",
        ),
        (
            "lake = \"lake\"\n[[source.file]]\npaths = [\"packed.zip\"]\n".to_owned(),
            "3: source.file[1].paths: packed.zip: ",
        ),
        (
            "lake = \"lake\"\n[[source.file]]\npaths = [\"prose.txt\"]\n".to_owned(),
            "3: source.file[1].paths: prose.txt: ",
        ),
        (
            before("[retention]\nexecutions = \"36h\""),
            "2: retention.executions: no whole number",
        ),
        (
            before("[maintenance]\nmemory_mib = 1"),
            "2: maintenance.memory_mib: out of its limits",
        ),
        (before("[serve]\nhttp = \"localhost\""), "2: serve.http: "),
        (
            before("lake = \"lake\"\n[serve]\nhttp = \"0.0.0.0:1\""),
            "3: serve.http: whoever reaches 0.0.0.0:1 could read the lake",
        ),
        (
            before("lake = \"lake\"\n[serve]\npostgres = \"127.0.0.1:1\"\nusers = \"prose.txt\""),
            "4: serve.users: users: prose.txt:1: ",
        ),
        (
            before(
                "lake = \"lake\"\n[serve]\nhttp = \"127.0.0.1:1\"\ntls_cert = \"p.log\"\ntls_key = \"p.log\"",
            ),
            "4: serve.tls_cert: ",
        ),
        (before("[log]\nlevel = \"trace\""), "2: log.level: there is no"),
    ];
    let lake = Lake::new();
    lake.binary.write("p.log", entries(0..1));
    lake.binary.write("packed.zip", b"PK\x03\x04 and so on");
    lake.binary
        .write("prose.txt", "It was a dark and stormy night.\n".repeat(100));
    lake.binary.sh("mkdir others; touch others/file").exits(0);
    for (text, expected) in cases {
        lake.binary.write("slowlake.toml", &text);
        let run = lake.binary.run(&["check", "-c", "slowlake.toml"]).exits(1);
        let (first, rest) = run.stderr.split_once('\n').unwrap_or_default();
        assert!(
            first.starts_with(&format!("error: slowlake.toml:{expected}")),
            "{text}{}",
            run.stderr
        );
        let has_hint = rest.starts_with("hint: ") || expected.contains("not TOML");
        assert!(has_hint, "{text}{}", run.stderr);
    }
    assert!(!lake.path().exists(), "nothing was changed");
}
