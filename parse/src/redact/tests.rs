//! A secret in every place where a client can put one, and none of it in what comes out.

use proptest::prelude::*;

use super::Redactor;
use crate::statement::{Analyzer, Dialect, Options};
use crate::{Decoded, Decoder, Grammar, LogEntry, Prefix};

const SECRET: &str = "s3cr3t";

/// All texts of the events of a log, redacted: `message|object|statement|name=value …`.
fn redacted(log: &str) -> Vec<String> {
    let mut decoder = Decoder::new(&Grammar::PostgresStderr(Prefix::new("%m [%p] ")).into(), None, 0);
    let mut analyzer = Analyzer::new(Options::new(Dialect::Postgres));
    let (mut redactor, mut found) = (Redactor::default(), Vec::new());
    let mut sink = |decoded: Decoded<'_>| {
        if let Decoded::Log(entry) = decoded {
            redactor.redact(entry, &mut analyzer, |entry| found.push(print(entry)));
        }
    };
    decoder.push(log.as_bytes(), &mut sink);
    decoder.finish(&mut sink);
    found
}

fn print(entry: &LogEntry<'_>) -> String {
    assert!(entry.detail.is_empty() && entry.hint.is_empty() && entry.context.is_empty());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let attributes: Vec<String> = entry
        .attributes
        .iter()
        .map(|(name, value)| text(name) + "=" + &text(value))
        .collect();
    [
        text(entry.message),
        text(entry.object),
        text(entry.statement),
        attributes.join(" "),
    ]
    .join("|")
}

/// One event as lines of a log.
fn event(label: &str, message: &str, parts: &[(&str, &str)]) -> String {
    let line = |label: &str, text: &str| {
        format!(
            "2026-11-23 00:27:18.272 UTC [42] {label}:  {}\n",
            text.replace('\n', "\n\t")
        )
    };
    let parts: String = parts.iter().map(|(label, text)| line(label, text)).collect();
    line(label, message) + &parts
}

#[track_caller]
fn check(label: &str, message: &str, parts: &[(&str, &str)], expect: &str) {
    assert_eq!(redacted(&event(label, message, parts)), [expect], "{message}");
}

#[test]
fn names_of_the_catalog_are_shown() {
    check(
        "ERROR",
        "duplicate key value violates unique constraint \"users_email_key\"",
        &[
            ("DETAIL", "Key (email)=(s3cr3t) already exists."),
            ("STATEMENT", "insert into users(email) values ('s3cr3t')"),
        ],
        "duplicate key value violates unique constraint \"users_email_key\"|users_email_key|INSERT INTO users(email) VALUES (?+)|",
    );
    check(
        "ERROR",
        "insert or update on table \"item\" violates foreign key constraint \"item_fkey\"",
        &[],
        "insert or update on table \"item\" violates foreign key constraint \"item_fkey\"|item||",
    );
    check(
        "LOG",
        "automatic analyze of table \"a.b.c\"",
        &[],
        "autoanalyze: a.b.c|a.b.c||",
    );
    check(
        "LOG",
        "process 4 still waiting for ShareLock on transaction 9 after 1.000 ms",
        &[
            ("DETAIL", "Process holding the lock: 5. Wait queue: 4."),
            ("STATEMENT", "select 's3cr3t'"),
        ],
        "lock wait: transaction 9|transaction 9|SELECT ?|process=4 mode=ShareLock holders=5 queue=4 lock_type=transaction",
    );
}

#[test]
fn what_clients_sent_is_masked() {
    check(
        "ERROR",
        "column \"s3cr3t\" does not exist at character 9",
        &[],
        "column \"?\" does not exist|||character=9",
    );
    check(
        "ERROR",
        "syntax error at or near \"s3cr3t\"",
        &[],
        "syntax error at or near \"?\"|||",
    );
    check("ERROR", "s3cr3t", &[], "withheld|||");
    check("LOG", "s3cr3t", &[], "withheld|||");
    check(
        "ERROR",
        "permission denied for table s3cr3t",
        &[(
            "STATEMENT",
            "do $$ begin raise exception 'permission denied for table %', 's3cr3t'; end $$",
        )],
        "permission denied for table ?||DO ?|",
    );
    check(
        "ERROR",
        "permission denied for table s3cr3t",
        &[("CONTEXT", "PL/pgSQL function f() line 3 at RAISE")],
        "insufficient privilege|||",
    );
    check(
        "ERROR",
        "deadlock detected",
        &[(
            "DETAIL",
            "Process 1 waits for ShareLock on transaction 2; blocked by process 3.\nProcess 1: update t set a = 's3cr3t'",
        )],
        "deadlock|||processes=1 mode_1=ShareLock object_1=transaction 2 holder_1=3 statement_1=UPDATE t SET a = ?",
    );
    check(
        "LOG",
        "process 4 acquired ExclusiveLock on advisory lock [16392,0,42,1] after 5.000 ms",
        &[],
        "lock acquired: advisory lock|advisory lock||process=4 mode=ExclusiveLock lock_type=advisory lock",
    );
    check(
        "LOG",
        "parameter \"primary_conninfo\" changed to \"password=s3cr3t\"",
        &[],
        "configuration: primary_conninfo|primary_conninfo||phase=changed",
    );
}

/// Messages with a hole where a client's text can stand.
const FAMILIES: &[(&str, &str)] = &[
    ("ERROR", "invalid input syntax for type integer: \"{}\""),
    ("ERROR", "invalid input value for enum mood: \"{}\""),
    ("ERROR", "malformed array literal: \"{}\""),
    ("ERROR", "syntax error at or near \"{}\" at character 7"),
    ("ERROR", "unterminated quoted string at or near \"'{}\""),
    ("ERROR", "relation \"{}\" does not exist"),
    ("ERROR", "column \"{}\" does not exist at character 8"),
    ("ERROR", "function {}(unknown) does not exist"),
    ("ERROR", "value \"{}\" is out of range for type integer"),
    ("ERROR", "date/time field value out of range: \"{}\""),
    ("ERROR", "invalid byte sequence for encoding \"UTF8\": {}"),
    ("ERROR", "invalid value for parameter \"TimeZone\": \"{}\""),
    ("ERROR", "canceling statement due to statement timeout{}"),
    ("ERROR", "{}"),
    ("ERROR", "{} does not exist"),
    ("ERROR", "{} cannot run inside a transaction block"),
    ("FATAL", "password authentication failed for user \"{}\""),
    ("FATAL", "database \"{}\" does not exist"),
    ("FATAL", "role \"{}\" does not exist"),
    (
        "FATAL",
        "no pg_hba.conf entry for host \"10.0.0.5\", user \"{}\", database \"y\", no encryption",
    ),
    ("WARNING", "{}"),
    ("NOTICE", "relation \"{}\" already exists, skipping"),
    ("LOG", "{}"),
    ("LOG", "AUDIT: SESSION,1,1,READ,SELECT,,,select {},<none>"),
    (
        "LOG",
        "connection authorized: user=app database=shop application_name={}",
    ),
    ("LOG", "parameter \"x\" changed to \"{}\""),
    ("LOG", "could not receive data from client: {}"),
    ("LOG", "received replication command: BASE_BACKUP ( LABEL '{}' )"),
    ("ANYTHING", "{}"),
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_secret_comes_out(
        (label, message) in prop::sample::select(FAMILIES.to_vec()),
        before in "[a-z '\":=(]{0,5}",
        after in "[a-z '\":=)]{0,5}",
        in_detail in any::<bool>(),
        in_statement in prop::sample::select(vec!["", "select '{}'", "select $a${}$a$", "select 1 -- {}", "/* {} */ select E'{}\\' {}'", "select '{}"]),
    ) {
        let secret = format!("{before}{SECRET}{after}");
        let statement = in_statement.replace("{}", SECRET);
        let detail = if in_detail { format!("Key (a)=({secret}) already exists.") } else { String::new() };
        let parts: Vec<(&str, &str)> = [("DETAIL", detail.as_str()), ("HINT", &secret), ("CONTEXT", &secret), ("STATEMENT", &statement)]
            .into_iter()
            .filter(|(_, text)| !text.is_empty())
            .collect();
        for text in redacted(&event(label, &message.replace("{}", &secret), &parts)) {
            prop_assert!(!text.contains(SECRET), "{text}");
        }
    }
}
