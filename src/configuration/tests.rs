//! One case for each kind of mistake: which line, which key, what, and what to do.

#[cfg(feature = "kafka")]
mod topics;

use super::*;
use crate::ingestion::Texts;

/// A file that has nothing wrong in it but what is put in place of `…`.
fn files(rest: &str) -> String {
    format!("lake = \"./lake\"\n\n\n[[source.file]]\npaths = [\"a.log\"]\n{rest}\n")
}

const NOTHING_HINT: &str = "name logs: [[source.file]] and paths = [\"/var/log/…\"]";

#[track_caller]
fn check(text: &str, expect: &[(usize, &str, &str, &str)]) {
    let mistakes = Configuration::parse(text).map_or_else(|mistakes| mistakes, |_| Vec::new());
    let found: Vec<(usize, &str, &str, &str)> = mistakes
        .iter()
        .map(|it| {
            (
                it.line,
                it.key.as_str(),
                it.what.as_str(),
                it.hint.as_deref().unwrap_or(""),
            )
        })
        .collect();
    assert_eq!(found, expect, "{text}");
}

#[test]
fn everything_that_can_be_said() {
    let text = r#"
lake = "s3://logs/lake"
commit_every = "30s"

[[source.file]]
paths = ["/var/log/postgresql/*.log", "/var/log/pgbouncer/"]
server = "db-7"
cluster = "shop"
format = "postgres-stderr"
log_line_prefix = "%m [%p] "
timezone = "Europe/Berlin"
statement_text = "all"
start = "end"
poll = true
group_numbered_tables = true

[[source.file]]
paths = ["/var/log/mysql/slow.log"]
redact = true
ansi_quotes = true
no_backslash_escapes = true
keep_unions = true
"#;
    let configuration = Configuration::parse(text).unwrap();
    assert_eq!(configuration.lake.as_deref(), Some("s3://logs/lake"));
    assert_eq!(configuration.commit_every, Duration::from_secs(30));
    let [first, second] = &configuration.files[..] else {
        panic!("two servers")
    };
    assert_eq!(
        (first.server.as_deref(), first.cluster.as_deref()),
        (Some("db-7"), Some("shop"))
    );
    assert_eq!(first.read.prefix.as_deref(), Some("%m [%p] "));
    assert!(first.read.zone.is_some() && first.follow.polls);
    assert_eq!(first.follow.start, slowlake_ingest::Start::End);
    assert_eq!(first.texts, Texts::Kept(TextPolicy::All));
    assert!(first.read.statement.group_numbered_tables && !second.read.statement.group_numbered_tables);
    assert_eq!(second.texts, Texts::Redacted);
    assert_eq!((second.server.as_deref(), second.follow.polls), (None, false));
    assert_eq!(second.follow.arguments, ["/var/log/mysql/slow.log"]);
}

#[test]
fn unknown_keys_and_tables() {
    check(
        &files("sever = \"db\""),
        &[(6, "source.file[1].sever", "no such key", "did you mean server?")],
    );
    check(
        "[lakes]\n[[source.file]]\npaths = [\"a\"]\n",
        &[(1, "lakes", "no such key", "did you mean lake?")],
    );
    let hint = "there are cluster, timezone, statement_text, redact";
    check(
        "[defaults]\nx = 1\n[[source.file]]\npaths = [\"a\"]\n",
        &[(2, "defaults.x", "no such key", hint)],
    );
    check(
        "[[source.files]]\npaths = [\"a\"]\n",
        &[
            (1, "source.files", "no such key", "did you mean file?"),
            (1, "source", "nothing to read", NOTHING_HINT),
        ],
    );
}

#[test]
fn servers_that_are_asked() {
    let text = r#"
lake = "./lake"
[defaults]
cluster = "eu"
[[source.postgres]]
url = "postgres://watch@db-7:5433/shop"
password_file = "/etc/slowlake/password"
every = "5s"
[[source.mysql]]
url = "mysql://db-8"
server = "orders"
cluster = "us"
details_every = "1m"
timeout = "2s"
tables = 0
statements = 50
password_variable = "ORDERS_PASSWORD"
"#;
    let configuration = Configuration::parse(text).unwrap();
    let shown: Vec<String> = configuration
        .collected
        .iter()
        .map(|it| {
            let config = &it.config;
            format!(
                "{} {} {} {:?} every {:?}, {:?}, {:?}; {} {}",
                config.server,
                config.address(),
                it.cluster.as_deref().unwrap_or_default(),
                config.password,
                it.every,
                config.detail_interval,
                config.timeout,
                config.tables_max,
                config.statements_max
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "db-7 postgres://db-7:5433 eu File(\"/etc/slowlake/password\") every 5s, 300s, 5s; 200 200",
            "orders mysql://db-8:3306 us None every 10s, 60s, 2s; 0 50",
        ]
    );
}

#[test]
fn servers_that_cannot_be_asked() {
    check(
        "[[source.postgres]]\n[[source.mysql]]\nurl = \"db-8\"\n",
        &[
            (
                1,
                "source.postgres[1].url",
                "missing",
                "name the server: url = \"…://user@host:port\"",
            ),
            (
                3,
                "source.mysql[1].url",
                "no address: relative URL without a base",
                ADDRESS_HINT,
            ),
        ],
    );
    check(
        "[[source.postgres]]\nurl = \"postgres://a:b@c\"\n",
        &[(
            2,
            "source.postgres[1].url",
            "a password does not belong into an address",
            ADDRESS_HINT,
        )],
    );
    check(
        "[[source.postgres]]\nurl = \"postgres://db\"\n[[source.mysql]]\nurl = \"mysql://db\"\n",
        &[(
            4,
            "source.mysql[1].url",
            "\"db\" is in source.postgres[1] already",
            "give each server a name of its own: server = \"…\"",
        )],
    );
    check(
        "[[source.mysql]]\nurl = \"mysql://db\"\npassword_file = \"a\"\npassword_variable = \"B\"\nevery = \"0s\"\n",
        &[
            (
                4,
                "source.mysql[1].password_variable",
                "says where the password is, and so does password_file",
                "remove one of them",
            ),
            (
                5,
                "source.mysql[1].every",
                "out of its limits",
                "give a duration from 1s to 1h, such as \"10s\"",
            ),
        ],
    );
}

const ADDRESS_HINT: &str = "write postgres://user@host:port/database or mysql://user@host:port; a password comes from a file or the environment";

#[test]
fn values_of_another_type() {
    let quotes = "put it between quotes";
    check(
        &files("server = 7"),
        &[(
            6,
            "source.file[1].server",
            "a value of type integer, not a text",
            quotes,
        )],
    );
    let hint = "write true or false, without quotes";
    check(
        &files("poll = \"yes\""),
        &[(
            6,
            "source.file[1].poll",
            "a value of type string, not yes or no",
            hint,
        )],
    );
    check(
        "[[source.file]]\npaths = \"a.log\"\n",
        &[(
            2,
            "source.file[1].paths",
            "a value of type string, not a list of texts",
            "write [\"…\", \"…\"]",
        )],
    );
    check(
        "[[source.file]]\npaths = [\"a.log\", 7]\n",
        &[(
            2,
            "source.file[1].paths",
            "not all of the list are texts",
            "write [\"…\", \"…\"]",
        )],
    );
    check(
        "[lake]\nuri = \"./lake\"\n[[source.file]]\npaths = [\"a\"]\n",
        &[(1, "lake", "a value of type table, not a text", quotes)],
    );
    check(
        "source = 1\n",
        &[(
            1,
            "source",
            "a value of type integer, not a table",
            "write [source] above its keys",
        )],
    );
    check(
        "[source]\nfile = 1\n",
        &[
            (1, "source", "nothing to read", NOTHING_HINT),
            (
                2,
                "source.file",
                "a value of type integer, not a list of tables",
                "write [[source.file]] above the keys of each",
            ),
        ],
    );
}

#[test]
fn durations() {
    let every = |value: &str| format!("commit_every = {value}\n[[source.file]]\npaths = [\"a\"]\n");
    let hint = "give a duration from 1s to 1h, such as \"10s\"";
    let row = |what: &'static str| [(1, "commit_every", what, hint)];
    check(&every("10"), &row("a value of type integer, not a duration"));
    check(&every("\"soon\""), &row("\"soon\" is no duration"));
    for text in ["0s", "500ms", "61m", "1y"] {
        check(&every(&format!("\"{text}\"")), &row("out of its limits"));
    }
    for (text, seconds) in [("1s", 1), ("90s", 90), ("1m 30s", 90), ("1h", 3600)] {
        let configuration = Configuration::parse(&every(&format!("\"{text}\""))).unwrap();
        assert_eq!(configuration.commit_every, Duration::from_secs(seconds), "{text}");
    }
}

#[test]
fn defaults_hold_for_sources_that_do_not_say_otherwise() {
    let text = r#"
[defaults]
cluster = "shop"
timezone = "Europe/Berlin"
redact = true
[[source.file]]
paths = ["a"]
[[source.file]]
paths = ["b"]
cluster = "other"
timezone = "UTC"
statement_text = "all"
[[source.file]]
paths = ["c"]
redact = false
"#;
    let [a, b, c] = &Configuration::parse(text).unwrap().files[..] else {
        panic!("three sources")
    };
    assert_eq!(
        (a.cluster.as_deref(), b.cluster.as_deref()),
        (Some("shop"), Some("other"))
    );
    assert_ne!(a.read.zone, b.read.zone);
    assert_eq!(a.read.zone, c.read.zone);
    assert_eq!(a.texts, Texts::Redacted);
    assert_eq!(b.texts, Texts::Kept(TextPolicy::All));
    assert_eq!(c.texts, Texts::Kept(TextPolicy::Sampled));
}

#[test]
fn maintenance_and_what_is_served() {
    let source = "[[source.file]]\npaths = [\"a\"]\n";
    let parse = |text: &str| Configuration::parse(&format!("{text}{source}"));
    let usual = parse("").unwrap();
    assert_eq!(
        usual.maintenance.map(|it| (it.every, it.keep)),
        Some((MAINTENANCE_DEFAULT, Vec::new()))
    );
    assert_eq!((usual.serve.http, usual.log.level), (None, LogLevel::Info));
    let text = r#"
[maintenance]
every = "15m"
memory_mib = 256
[retention]
executions = "35d"
server_events = "2y"
[serve]
http = "[::1]:8433"
[log]
level = "debug"
format = "json"
"#;
    let set = parse(text).unwrap();
    let expected = Maintenance {
        every: Duration::from_secs(900),
        memory_bytes: 256 << 20,
        keep: vec![(Kind::Query, 35), (Kind::Log, 730)],
    };
    assert_eq!(set.maintenance, Some(expected));
    assert_eq!(
        set.serve.http.map(|it| it.to_string()),
        Some("[::1]:8433".to_owned())
    );
    assert_eq!(
        (set.log.level, set.log.format),
        (LogLevel::Debug, LogFormat::Json)
    );
    assert_eq!(
        parse("[maintenance]\nenabled = false\n").unwrap().maintenance,
        None
    );
    let mistakes =
        |text: &str, expect: (usize, &str, &str, &str)| check(&format!("{text}\n{source}"), &[expect]);
    let days = "give a duration from 1d to 100y, such as \"35d\"";
    mistakes(
        "[retention]\nexecutions = \"3h\"",
        (2, "retention.executions", "out of its limits", days),
    );
    let whole = "give whole days, such as \"35d\"";
    mistakes(
        "[retention]\nmetrics = \"36h\"",
        (2, "retention.metrics", "no whole number of days", whole),
    );
    mistakes(
        "[maintenance]\nenabled = false\n[retention]\nrejects = \"1d\"",
        (
            2,
            "maintenance.enabled",
            "nothing is removed without maintenance, but retention says for how long rows are kept",
            "remove [retention], and give --keep to slowlake maintain",
        ),
    );
    let address = "write it like \"127.0.0.1:8433\", or \"0.0.0.0:8433\" for all of this machine's";
    mistakes(
        "[serve]\nhttp = \"8433\"",
        (2, "serve.http", "\"8433\" is no address with a port", address),
    );
    mistakes(
        "[log]\nlevel = \"loud\"",
        (
            2,
            "log.level",
            "there is no \"loud\"",
            "it is one of error, warn, info, debug",
        ),
    );
}

#[test]
fn the_reference_is_current() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let found = std::fs::read_to_string(file).unwrap_or_default();
    assert_eq!(
        found,
        reference(),
        "write it with: slowlake check --reference -o docs/configuration.md"
    );
}

#[test]
fn values_that_cannot_be() {
    let row = |what: &'static str, key: &'static str, hint: &'static str| [(6, key, what, hint)];
    check(
        &files("server = \"\""),
        &row(
            "empty",
            "source.file[1].server",
            "remove the key, or give it a value",
        ),
    );
    check(
        &files("format = \"mysql-slo\""),
        &row(
            "there is no \"mysql-slo\"",
            "source.file[1].format",
            "did you mean \"mysql-slow\"?",
        ),
    );
    check(
        &files("start = \"now\""),
        &row(
            "there is no \"now\"",
            "source.file[1].start",
            "it is one of lake, beginning, end",
        ),
    );
    check(
        &files("timezone = \"Berlin\""),
        &row(
            "\"Berlin\" is no time zone",
            "source.file[1].timezone",
            "use a name of the time zone database, for example Europe/Berlin",
        ),
    );
    check(
        &files("format = \"postgres-stderr\""),
        &row(
            "postgres-stderr cannot be read without log_line_prefix",
            "source.file[1].format",
            "ask the server with SHOW log_line_prefix",
        ),
    );
    check(
        &files("log_line_prefix = \"%m \"\nformat = \"mysql-slow\""),
        &row(
            "a setting of PostgreSQL's stderr format, not of the format given",
            "source.file[1].log_line_prefix",
            "remove one of them",
        ),
    );
    check(
        &files("statement_text = \"all\"\nredact = true"),
        &row(
            "says which texts are kept, and redact that none is",
            "source.file[1].statement_text",
            "remove one of them",
        ),
    );
}

#[test]
fn what_is_to_be_followed() {
    check(
        "lake = \"./lake\"\n",
        &[(1, "source", "nothing to read", NOTHING_HINT)],
    );
    let hint = "name files, folders or patterns";
    check(
        "\n[[source.file]]\nserver = \"a\"\n",
        &[(2, "source.file[1].paths", "missing", hint)],
    );
    check(
        "[[source.file]]\npaths = [\"a\"]\n[[source.file]]\npaths = [\"b\", \"a\"]\n",
        &[(
            4,
            "source.file[2].paths",
            "\"a\" is in source.file[1] already",
            "follow each file once",
        )],
    );
    for (paths, what) in [
        ("[]", "no file, directory or pattern was named"),
        ("[\"-\"]", "standard input cannot be followed"),
        (
            "[\"/var/log/[a.log\"]",
            "/var/log/[a.log: not a valid pattern: invalid range pattern at character 10",
        ),
    ] {
        let text = format!("[[source.file]]\npaths = {paths}\n");
        let mistakes = Configuration::parse(&text).unwrap_err();
        assert_eq!(
            (mistakes[0].line, mistakes[0].key.as_str()),
            (2, "source.file[1].paths")
        );
        assert_eq!((mistakes[0].what.as_str(), mistakes.len()), (what, 1));
    }
    let many = "[[source.file]]\npaths = [\"a\"]\n".repeat(FILES_MAX + 1);
    assert!(
        Configuration::parse(&many)
            .unwrap_err()
            .iter()
            .any(|it| it.what == "more than 32 of them")
    );
}

#[test]
fn all_mistakes_are_found_at_once_and_no_toml_is_one() {
    let mistakes = Configuration::parse("[[source.file]]\nserver = 1\n[log]\nlevels = \"x\"\n").unwrap_err();
    let lines: Vec<usize> = mistakes.iter().map(|it| it.line).collect();
    assert_eq!(lines, [1, 2, 4]);
    for (text, line) in [
        ("[lake\n", 1),
        ("lake = \"a\"\nlake = \"b\"\n", 2),
        ("\nlake = a\n", 2),
    ] {
        let mistakes = Configuration::parse(text).unwrap_err();
        assert_eq!((mistakes.len(), mistakes[0].line), (1, line), "{text}");
        assert!(mistakes[0].what.starts_with("not TOML: "), "{}", mistakes[0].what);
    }
}

#[cfg(not(feature = "kafka"))]
#[test]
fn topics_need_another_build() {
    check(
        "[[source.kafka]]\nbrokers = [\"a:9092\"]\n",
        &[(
            2,
            "source.kafka[1].brokers",
            "this slowlake was built without Kafka",
            "build it with: cargo build --release --features kafka",
        )],
    );
}
