//! One case for each kind of mistake: which line, which key, what, and what to do.

use super::*;

/// A file that has nothing wrong in it but what is put in place of `…`.
fn files(rest: &str) -> String {
    format!("[lake]\nuri = \"./lake\"\n\n[[files]]\npaths = [\"a.log\"]\n{rest}\n")
}

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
[lake]
uri = "s3://logs/lake"
commit_seconds = 30

[[files]]
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

[[files]]
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
        &[(6, "files[1].sever", "no such key", "did you mean server?")],
    );
    check(
        "[lakes]\n[[files]]\npaths = [\"a\"]\n",
        &[(1, "lakes", "no such key", "did you mean lake?")],
    );
    let hint = "there are uri, commit_seconds";
    check(
        "[lake]\nregion = 1\n[[files]]\npaths = [\"a\"]\n",
        &[(2, "lake.region", "no such key", hint)],
    );
}

#[test]
fn values_of_another_type() {
    let quotes = "put it between quotes";
    check(
        &files("server = 7"),
        &[(
            6,
            "files[1].server",
            "a value of type integer, not a text",
            quotes,
        )],
    );
    let hint = "write true or false, without quotes";
    check(
        &files("poll = \"yes\""),
        &[(6, "files[1].poll", "a value of type string, not yes or no", hint)],
    );
    check(
        "[[files]]\npaths = \"a.log\"\n",
        &[(
            2,
            "files[1].paths",
            "a value of type string, not a list of texts",
            "write [\"…\", \"…\"]",
        )],
    );
    check(
        "[[files]]\npaths = [\"a.log\", 7]\n",
        &[(
            2,
            "files[1].paths",
            "not all of the list are texts",
            "write [\"…\", \"…\"]",
        )],
    );
    check(
        "lake = \"./lake\"\n[[files]]\npaths = [\"a\"]\n",
        &[(
            1,
            "lake",
            "a value of type string, not a table",
            "write [lake] above its keys",
        )],
    );
    let hint = "give a number from 1 to 3600";
    let seconds = |value: &str| format!("[lake]\ncommit_seconds = {value}\n[[files]]\npaths = [\"a\"]\n");
    check(
        &seconds("1.5"),
        &[(
            2,
            "lake.commit_seconds",
            "a value of type float, not a whole number",
            hint,
        )],
    );
    for number in ["0", "-1", "3601", "99999999999999999999"] {
        check(
            &seconds(number),
            &[(2, "lake.commit_seconds", "out of its limits", hint)],
        );
    }
}

#[test]
fn values_that_cannot_be() {
    let row = |what: &'static str, key: &'static str, hint: &'static str| [(6, key, what, hint)];
    check(
        &files("server = \"\""),
        &row("empty", "files[1].server", "remove the key, or give it a value"),
    );
    check(
        &files("format = \"mysql-slo\""),
        &row(
            "there is no \"mysql-slo\"",
            "files[1].format",
            "did you mean \"mysql-slow\"?",
        ),
    );
    check(
        &files("start = \"now\""),
        &row(
            "there is no \"now\"",
            "files[1].start",
            "it is one of lake, beginning, end",
        ),
    );
    check(
        &files("timezone = \"Berlin\""),
        &row(
            "\"Berlin\" is no time zone",
            "files[1].timezone",
            "use a name of the time zone database, for example Europe/Berlin",
        ),
    );
    check(
        &files("format = \"postgres-stderr\""),
        &row(
            "postgres-stderr cannot be read without log_line_prefix",
            "files[1].format",
            "ask the server with SHOW log_line_prefix",
        ),
    );
    check(
        &files("log_line_prefix = \"%m \"\nformat = \"mysql-slow\""),
        &row(
            "a setting of PostgreSQL's stderr format, not of the format given",
            "files[1].log_line_prefix",
            "remove one of them",
        ),
    );
    check(
        &files("statement_text = \"all\"\nredact = true"),
        &row(
            "says which texts are kept, and redact that none is",
            "files[1].statement_text",
            "remove one of them",
        ),
    );
}

#[test]
fn what_is_to_be_followed() {
    let nothing = "name logs: [[files]] and paths = [\"/var/log/…\"]";
    check(
        "[lake]\nuri = \"./lake\"\n",
        &[(1, "files", "nothing to follow", nothing)],
    );
    let hint = "name files, folders or patterns";
    check(
        "\n[[files]]\nserver = \"a\"\n",
        &[(2, "files[1].paths", "missing", hint)],
    );
    check(
        "[[files]]\npaths = [\"a\"]\n[[files]]\npaths = [\"b\", \"a\"]\n",
        &[(
            4,
            "files[2].paths",
            "\"a\" is in files[1] already",
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
        let text = format!("[[files]]\npaths = {paths}\n");
        let mistakes = Configuration::parse(&text).unwrap_err();
        assert_eq!(
            (mistakes[0].line, mistakes[0].key.as_str()),
            (2, "files[1].paths")
        );
        assert_eq!((mistakes[0].what.as_str(), mistakes.len()), (what, 1));
    }
    let many = "[[files]]\npaths = [\"a\"]\n".repeat(FILES_MAX + 1);
    assert!(
        Configuration::parse(&many)
            .unwrap_err()
            .iter()
            .any(|it| it.what == "more than 32 of them")
    );
}

#[test]
fn all_mistakes_are_found_at_once_and_no_toml_is_one() {
    let mistakes = Configuration::parse("[[files]]\nserver = 1\n[lake]\nurl = \"x\"\n").unwrap_err();
    let lines: Vec<usize> = mistakes.iter().map(|it| it.line).collect();
    assert_eq!(lines, [1, 2, 4]);
    for (text, line) in [
        ("[lake\n", 1),
        ("[lake]\nuri = \"a\"\nuri = \"b\"\n", 3),
        ("\nuri = a\n", 2),
    ] {
        let mistakes = Configuration::parse(text).unwrap_err();
        assert_eq!((mistakes.len(), mistakes[0].line), (1, line), "{text}");
        assert!(mistakes[0].what.starts_with("not TOML: "), "{}", mistakes[0].what);
    }
}
