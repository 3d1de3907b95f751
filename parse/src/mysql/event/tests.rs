//! What the messages of a server become, in logs of every layout.

use proptest::prelude::*;

use crate::decoder::Decoder;
use crate::detect::{Grammar, detect};
use crate::entry::{Decoded, LogKind, RejectReason, Severity};

/// Kind, session, error code, user, statement.
type Entry = (LogKind, Option<i64>, Option<i64>, String, String);

#[derive(Debug, Default)]
struct Seen {
    entries: Vec<Entry>,
    severities: Vec<Severity>,
    messages: Vec<String>,
    details: Vec<String>,
    durations: Vec<Option<i64>>,
    times: Vec<Option<i64>>,
    attributes: Vec<String>,
    rejects: Vec<RejectReason>,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn see(grammar: Grammar, log: &str) -> Seen {
    let mut seen = Seen::default();
    let mut sink = |decoded: Decoded<'_>| match decoded {
        Decoded::Execution(row) => panic!("{row:?}"),
        Decoded::Log(entry) => {
            let (user, statement) = (text(entry.user), text(entry.statement));
            seen.entries
                .push((entry.kind, entry.session_id, entry.error_code, user, statement));
            seen.severities.push(entry.severity);
            seen.messages.push(text(entry.message));
            seen.details.push(text(entry.detail));
            seen.durations.push(entry.duration_us);
            seen.times.push(entry.time_us);
            let pairs = entry
                .attributes
                .iter()
                .map(|(name, value)| format!("{}={}", text(name), text(value)));
            seen.attributes.push(pairs.collect::<Vec<_>>().join(" "));
        }
        Decoded::Reject(reject) => seen.rejects.push(reject.reason),
    };
    assert_eq!(
        detect(log.as_bytes()).format(),
        Some(&grammar.clone().into()),
        "{log}"
    );
    let mut decoder = Decoder::new(&grammar.into(), None, 0);
    decoder.push(log.as_bytes(), &mut sink);
    decoder.finish(&mut sink);
    assert_eq!(decoder.ledger().bytes(), log.len() as u64);
    seen
}

/// One message, as MySQL 8 and as MariaDB print it.
#[track_caller]
fn check(label: &str, message: &str, kind: LogKind, session: Option<i64>, user: &str, attributes: &str) {
    for log in [
        format!("2024-05-01T10:00:00.000000Z 7 [{label}] [MY-010914] [Server] {message}\n"),
        format!("2024-05-01 10:00:00 7 [{label}] {message}\n"),
    ] {
        let seen = see(Grammar::MysqlError, &log);
        let is_new = log.contains("MY-");
        let code = is_new.then_some(10_914);
        assert_eq!(
            seen.entries,
            [(kind, session, code, user.to_owned(), String::new())],
            "{log}"
        );
        let found = seen.attributes[0].replace("subsystem=Server", "");
        assert_eq!(found.trim(), attributes, "{log}");
        assert_eq!(seen.times, [Some(1_714_557_600_000_000)]);
    }
}

#[test]
fn sessions_that_end_or_never_begin() {
    check(
        "Note",
        "Aborted connection 42 to db: 'shop' user: 'app' host: 'web' (Got timeout reading communication packets)",
        LogKind::Disconnection,
        Some(42),
        "app",
        "reason=Got timeout reading communication packets",
    );
    check(
        "Warning",
        "Aborted connection 5 to db: 'unconnected' user: 'unauthenticated' host: '10.0.0.9' (This connection closed normally)",
        LogKind::Disconnection,
        Some(5),
        "",
        "reason=This connection closed normally",
    );
    check(
        "Warning",
        "Access denied for user 'app'@'web' (using password: YES)",
        LogKind::ConnectionFailed,
        Some(7),
        "app",
        "reason=password",
    );
    check(
        "Warning",
        "Too many connections",
        LogKind::ConnectionFailed,
        Some(7),
        "",
        "reason=too_many",
    );
}

#[test]
fn a_server_begins_and_ends() {
    check(
        "System",
        "/usr/sbin/mysqld: ready for connections. Version: '8.0.36'  socket: '/x.sock'  port: 3306  MySQL Community Server - GPL.",
        LogKind::Startup,
        Some(7),
        "",
        "phase=ready version=8.0.36 port=3306",
    );
    check(
        "Note",
        "/usr/sbin/mariadbd: ready for connections.\nVersion: '10.11.6-MariaDB'  socket: '/x.sock'  port: 3306  Debian 12",
        LogKind::Startup,
        Some(7),
        "",
        "phase=ready version=10.11.6-MariaDB port=3306",
    );
    check(
        "System",
        "/usr/sbin/mysqld (mysqld 9.1.0) starting as process 1",
        LogKind::Startup,
        Some(7),
        "",
        "phase=starting version=9.1.0",
    );
    check(
        "System",
        "X Plugin ready for connections. Socket: /x",
        LogKind::Message,
        Some(7),
        "",
        "",
    );
    check(
        "Note",
        "/usr/sbin/mariadbd (initiated by: root[root] @ localhost []): Normal shutdown",
        LogKind::Shutdown,
        Some(7),
        "root",
        "phase=requested",
    );
    check(
        "Note",
        "/usr/sbin/mariadbd: Shutdown complete",
        LogKind::Shutdown,
        Some(7),
        "",
        "phase=stopped",
    );
    check(
        "Note",
        "Shutdown completed; log sequence number 2810355",
        LogKind::Message,
        Some(7),
        "",
        "",
    );
}

#[test]
fn trouble_has_the_label_of_the_server() {
    check(
        "ERROR",
        "Disk is full writing './binlog.000004'",
        LogKind::Error,
        Some(7),
        "",
        "",
    );
    check(
        "Warning",
        "IP address '10.0.0.9' could not be resolved",
        LogKind::Warning,
        Some(7),
        "",
        "",
    );
    let log = "2017-01-01T00:00:00.123456Z 0 [Note] InnoDB: page_cleaner: 1000ms intended loop took 4013ms. The settings might not be \
               optimal. (flushed=200 and evicted=0, during the time.)\n\
               2017-01-01T00:00:01.000000Z 0 [Warning] InnoDB: A long semaphore wait:\n\
               --Thread 139 has waited at trx0rec.cc line 1264 for 241.00 seconds the semaphore:\n";
    let seen = see(Grammar::MysqlError, log);
    let kinds: Vec<LogKind> = seen.entries.iter().map(|entry| entry.0).collect();
    assert_eq!(kinds, [LogKind::Warning; 2]);
    assert_eq!(seen.durations, [Some(4_013_000), Some(241_000_000)]);
}

#[test]
fn a_crash_is_one_entry_with_its_stack() {
    let log = "2024-05-01T10:00:00Z UTC - mysqld got signal 11 ;\nMost likely, you have hit a bug.\nThread pointer: 0x7f12\n\
               /usr/sbin/mysqld(handle_fatal_signal+0x3c5) [0x10]\nQuery (7f12): select 1,\n2\nConnection ID (thread ID): 123\n\
               Status: NOT_KILLED\n2024-05-01T10:00:05.000000Z 0 [System] [MY-010116] [Server] mysqld (mysqld 8.0.36) starting as process 2\n";
    let seen = see(Grammar::MysqlError, log);
    let crash = (
        LogKind::Crash,
        Some(123),
        None,
        String::new(),
        "select 1,\n2".to_owned(),
    );
    assert_eq!(seen.entries[0], crash);
    assert_eq!((seen.entries.len(), seen.severities[0]), (2, Severity::Panic));
    assert_eq!(seen.attributes[0], "signal=11");
    assert!(seen.details[0].starts_with("Most likely") && seen.details[0].ends_with("NOT_KILLED"));
}

/// The parts of a report; `{}` stands for what a server prints before each of them.
const DEADLOCK: &str = "{}Transactions deadlock detected, dumping detailed information.\n{}\n*** (1) TRANSACTION:\n\n\
    TRANSACTION 43, ACTIVE 1 sec starting index read\nmysql tables in use 1, locked 1\n\
    X thread id 8, OS thread handle 139655, query id 54 localhost root Updating\nupdate acct set v=1\n where id=2\n\
    {}*** (1) WAITING FOR THIS LOCK TO BE GRANTED:\n\
    RECORD LOCKS space id 6 page no 3 n bits 320 index PRIMARY of table `shop`.`acct` trx id 43 lock_mode X\n 0: len 4; hex 80000002;\n\n\
    {}*** (2) TRANSACTION:\nTRANSACTION 44, ACTIVE 0 sec starting index read\n\
    X thread id 9, OS thread handle 139656, query id 53 localhost root Updating\nupdate acct set v=2 where id=1\n\
    {}*** WE ROLL BACK TRANSACTION (2)\n";

#[test]
fn a_deadlock_is_one_entry_of_both_transactions() {
    let (mysql, mariadb) = (
        "2024-05-01T10:00:00.000000Z 8 [Note] [MY-012469] [InnoDB] ",
        "2024-05-01 10:00:00 8 [Note] InnoDB: ",
    );
    for (prefix, server) in [(mysql, "MySQL"), (mariadb, "MariaDB")] {
        let after = format!("{prefix}Rolled back.\n");
        let log = DEADLOCK
            .replace("{}", prefix)
            .replace("X thread", &format!("{server} thread"))
            + &after;
        check_deadlock(Grammar::MysqlError, &log);
    }
}

#[test]
fn a_deadlock_in_json_is_one_entry_as_well() {
    let object = |message: &str| {
        let message = message.trim_end().replace('\n', "\\n");
        format!(
            "{{ \"prio\" : 3, \"err_code\" : 12469, \"subsystem\" : \"InnoDB\", \"msg\" : \"{message}\", \"thread\" : 8, \"label\" : \"Note\" }}\n"
        )
    };
    let parts = DEADLOCK.split("{}").skip(1).chain(["Rolled back."]);
    let log: String = parts.map(object).collect();
    check_deadlock(Grammar::MysqlErrorJson, &log.replace("X thread", "MySQL thread"));
}

#[track_caller]
fn check_deadlock(grammar: Grammar, log: &str) {
    let seen = see(grammar, log);
    assert!(seen.rejects.is_empty());
    let kinds: Vec<LogKind> = seen.entries.iter().map(|entry| entry.0).collect();
    assert_eq!(kinds, [LogKind::Deadlock, LogKind::Message], "{log}");
    assert_eq!(
        (seen.entries[0].1, seen.entries[0].4.as_str()),
        (Some(9), "update acct set v=2 where id=1")
    );
    let found = seen.attributes[0].replace("subsystem=InnoDB ", "");
    assert_eq!(
        found,
        "processes=8,9 statement_8=update acct set v=1\n where id=2 transaction_8=43 statement_9=update acct set v=2 where id=1 \
         transaction_9=44 rolled_back=9"
    );
}

#[test]
fn json_lines_with_keys_missing() {
    let log = "{ \"prio\" : 1, \"err_code\" : 10584, \"SQL_state\" : \"HY000\", \"msg\" : \"Replica SQL for channel '': Error 'No t' on query. \
               Default database: 'shop'. Query: 'insert into t values (1)', Error_code: MY-001146\", \"time\" : \"2024-05-01T10:00:00.000000Z\", \
               \"thread\" : 9, \"err_symbol\" : \"ER_X\", \"subsystem\" : \"Repl\", \"label\" : \"Error\" }\n\
               { \"label\" : \"Warning\", \"msg\" : \"It's hot\" }\n{ \"msg\" : \"no label, no time\" }\nnonsense\n\n";
    let seen = see(Grammar::MysqlErrorJson, log);
    let statement = "insert into t values (1)".to_owned();
    let expect = [
        (
            LogKind::Replication,
            Some(9),
            Some(1146),
            String::new(),
            statement,
        ),
        (LogKind::Warning, None, None, String::new(), String::new()),
    ];
    assert_eq!(seen.entries, expect);
    assert_eq!(seen.rejects, [RejectReason::MalformedJson; 2]);
    assert_eq!(seen.times, [Some(1_714_557_600_000_000), None]);
}

#[test]
fn both_layouts_of_the_general_log() {
    let new = "/usr/sbin/mysqld, Version: 8.0.36 (MySQL). started with:\nTcp port: 3306  Unix socket: /x\nTime                 Id Command    Argument\n\
               2024-05-01T10:00:00.000000Z\t   42 Connect\tapp@web on shop using TCP/IP\n\
               2024-05-01T10:00:00.000000Z\t   42 Query\tselect 1,\n2\n2024-05-01T10:00:00.000000Z\t   42 Quit\t\n";
    let old =
        "240501 10:00:00\t   42 Connect\tapp@web on shop\n\t\t   42 Query\tselect 1,\n2\n\t\t   42 Quit\t\n";
    for log in [new, old] {
        let seen = see(Grammar::MysqlGeneral, log);
        let entry =
            |kind, user: &str, statement: &str| (kind, Some(42), None, user.to_owned(), statement.to_owned());
        let expect = [
            entry(LogKind::ConnectionAuthorized, "app", ""),
            entry(LogKind::Command, "", "select 1,\n2"),
            entry(LogKind::Disconnection, "", ""),
        ];
        assert_eq!(seen.entries, expect);
        assert_eq!(seen.times, [Some(1_714_557_600_000_000); 3]);
        assert!(seen.rejects.is_empty());
    }
}

/// Lines of a text that are no beginning of anything.
fn lines() -> impl Strategy<Value = String> {
    "[a-z'`\\\\ ]{0,12}[a-z](\n[a-z'`#;\\\\ -]{0,12}[a-z]){0,3}".prop_map(|text| text.trim_start().to_owned())
}

/// A general log with a time in every line, or in the lines where it changes.
fn general_log(commands: &[(i64, String)], is_new: bool) -> String {
    let line = |(at, (id, statement)): (usize, &(i64, String))| {
        let time = match (is_new, at % 3) {
            (true, _) => format!("2024-05-01T10:00:{:02}.000000Z\t", at / 3),
            (false, 0) => format!("240501 10:00:{:02}\t", at / 3),
            _ => "\t\t".to_owned(),
        };
        format!("{time}{id:5} Query\t{statement}\n")
    };
    commands.iter().enumerate().map(line).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_general_log_was_told_is_what_comes_out(
        commands in prop::collection::vec((0..100_000_i64, lines()), 1..12),
        is_new in any::<bool>(),
    ) {
        let seen = see(Grammar::MysqlGeneral, &general_log(&commands, is_new));
        let expect: Vec<Entry> = commands
            .iter()
            .map(|(id, statement)| (LogKind::Command, Some(*id), None, String::new(), statement.clone()))
            .collect();
        prop_assert_eq!(seen.entries, expect);
        let times: Vec<Option<i64>> =
            (0..commands.len() as i64).map(|at| Some(1_714_557_600_000_000 + at / 3 * 1_000_000)).collect();
        prop_assert_eq!(seen.times, times);
    }

    #[test]
    fn what_an_error_log_was_told_is_what_comes_out(
        messages in prop::collection::vec((1..100_000_i64, 0..3_usize, lines()), 1..12),
        is_new in any::<bool>(),
    ) {
        let labels = [
            ("Note", Severity::Notice, LogKind::Message),
            ("Warning", Severity::Warning, LogKind::Warning),
            ("ERROR", Severity::Error, LogKind::Error),
        ];
        let line = |(id, label, message): &(i64, usize, String)| {
            let label = labels[*label].0;
            if is_new {
                format!("2024-05-01T10:00:00.000000+00:00 {id} [{label}] [MY-{id:06}] [Server] {message}\n")
            } else {
                format!("2024-05-01 10:00:00 {id} [{label}] {message}\n")
            }
        };
        let log: String = messages.iter().map(line).collect();
        let seen = see(Grammar::MysqlError, &log);
        let expect: Vec<Entry> = messages
            .iter()
            .map(|(id, label, _)| (labels[*label].2, Some(*id), is_new.then_some(*id), String::new(), String::new()))
            .collect();
        prop_assert_eq!(seen.entries, expect);
        let texts: Vec<String> = messages.into_iter().map(|(.., message)| message).collect();
        prop_assert_eq!(seen.messages, texts);
    }
}
