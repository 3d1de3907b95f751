//! Cases that have a name: what breaks logs in the field, and what must not break a reader.

use super::found::Found;
use super::{decoder, pieces};
use crate::{Format, Grammar, LogKind, Prefix, RECORD_BYTES_MAX, RejectReason, SkipKind};

const MEBIBYTE: usize = 1024 * 1024;

/// Checks the statements that are found, and the reasons and number of bytes of the rejects.
#[track_caller]
fn check(format: &Format, log: &str, statements: &[&str], rejects: &[(RejectReason, &str)]) -> Found {
    let found = Found::by(decoder(format), [log.as_bytes()]);
    assert_eq!(found.statements(), statements);
    let expect: Vec<(RejectReason, String)> = rejects
        .iter()
        .map(|(reason, raw)| (*reason, (*raw).to_owned()))
        .collect();
    assert_eq!(found.rejected(), expect);
    assert_eq!(found.ledger.bytes(), log.len() as u64);
    assert_eq!(
        Found::by(decoder(format), pieces(log.as_bytes(), &[1])),
        found,
        "byte by byte"
    );
    found
}

fn stderr() -> Format {
    Grammar::PostgresStderr(Prefix::new("%m [%p] ")).into()
}

fn stderr_line(pid: u32, message: &str) -> String {
    format!("2026-11-23 00:27:18.272 UTC [{pid}] LOG:  {message}\n")
}

fn stderr_record(statement: &str) -> String {
    stderr_line(
        42,
        &format!(
            "duration: 1.000 ms  statement: {}",
            statement.replace('\n', "\n\t")
        ),
    )
}

fn csv_record(statement: &str) -> String {
    let statement = statement.replace('"', "\"\"");
    format!(
        "2026-11-23 00:27:18.272 UTC,\"app\",\"shop\",42,\"10.0.0.5:48418\",6a.2a,1,\"SELECT\",2026-11-23 00:27:18 UTC,3/9,0,LOG,00000,\
         \"duration: 1.000 ms  statement: {statement}\",,,,,,,,,\"web\",\"client backend\",,0\n"
    )
}

fn json_record(statement: &str) -> String {
    let statement = statement.replace('"', "\\\"").replace('\n', "\\n");
    format!(
        "{{\"timestamp\":\"2026-11-23 00:27:18.272 UTC\",\"user\":\"app\",\"dbname\":\"shop\",\"pid\":42,\"error_severity\":\"LOG\",\
         \"message\":\"duration: 1.000 ms  statement: {statement}\",\"application_name\":\"web\"}}\n"
    )
}

const SLOW_HEADER: &str = "# Time: 2026-11-23T00:27:18.000000Z\n# User@Host: app[app] @ localhost []  Id:     9\n\
                           # Query_time: 0.001000  Lock_time: 0.000000 Rows_sent: 1  Rows_examined: 1\nSET timestamp=1795393638;\n";
const BANNER: &str = "/usr/sbin/mysqld, Version: 8.0.36 (MySQL). started with:\nTcp port: 3306  Unix socket: /run/mysqld.sock\n\
                      Time                 Id Command    Argument\n";

fn slow_record(statement: &str) -> String {
    format!("{SLOW_HEADER}{statement};\n")
}

// --- MySQL's slow log ---------------------------------------------------------------------------------------------------------

#[test]
fn a_whole_record_in_a_literal_is_text() {
    let forged = format!(
        "INSERT INTO t VALUES ('it''s\n{}')",
        slow_record("SELECT forged").trim_end()
    );
    let log = [
        slow_record("SELECT 1"),
        slow_record(&forged),
        slow_record("SELECT 2"),
    ]
    .concat();
    check(
        &Grammar::MysqlSlow.into(),
        &log,
        &["SELECT 1", &forged, "SELECT 2"],
        &[],
    );
}

#[test]
fn a_header_of_a_record_in_a_comment_is_text() {
    let forged = format!("SELECT 1 /* pasted:\n{}*/", slow_record("SELECT forged"));
    check(
        &Grammar::MysqlSlow.into(),
        &(slow_record(&forged) + &slow_record("SELECT 2")),
        &[&forged, "SELECT 2"],
        &[],
    );
}

#[test]
fn a_header_without_a_query_time_is_text() {
    let text = "SELECT 1,\n# User@Host: a comment of the client\n# of two lines\n2";
    check(
        &Grammar::MysqlSlow.into(),
        &(slow_record(text) + &slow_record("SELECT 2")),
        &[text, "SELECT 2"],
        &[],
    );
}

#[test]
fn a_statement_cut_by_a_crash_costs_no_other() {
    for restart in ["", BANNER] {
        let cut = format!("{SLOW_HEADER}INSERT INTO t VALUES ('it\n");
        let log = [
            slow_record("SELECT 1"),
            cut,
            restart.to_owned(),
            slow_record("SELECT 'a'"),
            slow_record("SELECT\n'b'"),
        ]
        .concat();
        let statements = [
            "SELECT 1",
            "INSERT INTO t VALUES ('it",
            "SELECT 'a'",
            "SELECT\n'b'",
        ];
        check(&Grammar::MysqlSlow.into(), &log, &statements, &[]);
    }
}

#[test]
fn a_statement_cut_by_a_crash_costs_no_other_of_very_many() {
    let text = "'".repeat(1000);
    let record = slow_record(&format!("SELECT '{text}{text}'"));
    let many = 2 * RECORD_BYTES_MAX / record.len();
    let log = [
        format!("{SLOW_HEADER}INSERT INTO t VALUES ('it\n"),
        record.repeat(many),
    ]
    .concat();
    let found = Found::by(
        decoder(&Grammar::MysqlSlow.into()),
        pieces(log.as_bytes(), &[MEBIBYTE]),
    );
    assert_eq!(found.executions.len(), 1 + many);
    assert_eq!(found.ledger.bytes(), log.len() as u64);
}

#[test]
fn a_banner_in_the_middle_is_a_banner() {
    let log = [
        BANNER.to_owned(),
        slow_record("SELECT 1").replace("SET timestamp", "use shop;\nSET timestamp"),
        BANNER.to_owned(),
        slow_record("SELECT 2"),
    ]
    .concat();
    let found = check(&Grammar::MysqlSlow.into(), &log, &["SELECT 1", "SELECT 2"], &[]);
    let databases: Vec<&[u8]> = found
        .executions
        .iter()
        .map(|row| row.known.database.as_slice())
        .collect();
    assert_eq!(
        databases,
        [&b"shop"[..], b""],
        "a server that starts tells databases again"
    );
    let skipped: Vec<_> = found
        .ledger
        .skipped()
        .map(|(kind, tally)| (kind, tally.bytes))
        .collect();
    assert_eq!(skipped, [(SkipKind::Banner, 2 * BANNER.len() as u64)]);
}

#[test]
fn a_log_that_begins_in_a_statement_loses_that_one() {
    let log = ["FROM t\nWHERE x = 1;\n", &slow_record("SELECT 1")].concat();
    let expect = [(RejectReason::OrphanContinuation, "FROM t\nWHERE x = 1;\n")];
    check(&Grammar::MysqlSlow.into(), &log, &["SELECT 1"], &expect);
}

#[test]
fn a_header_without_statement_or_time_is_no_execution() {
    let bare = "# Time: 2026-11-23T00:27:18.000000Z\n# User@Host: app[app] @ localhost []\nSELECT 1;\n";
    let log = [bare, &slow_record("SELECT 2")].concat();
    check(
        &Grammar::MysqlSlow.into(),
        &log,
        &["SELECT 2"],
        &[(RejectReason::MalformedHeader, bare)],
    );
}

// --- PostgreSQL ---------------------------------------------------------------------------------------------------------------

#[test]
fn a_prefix_that_changes_is_a_mismatch_where_the_user_insists() {
    let other = "23/11/26 app@shop LOG:  ready\n";
    let changed = "2026-11-23 00:27:18 UTC-42-app LOG:  duration: 1.000 ms  statement: SELECT 2\n\tFROM t\n";
    let log = [&stderr_record("SELECT 1"), changed, &stderr_record("SELECT 3")].concat();
    check(
        &stderr(),
        &log,
        &["SELECT 1", "SELECT 3"],
        &[(RejectReason::PrefixMismatch, changed)],
    );
    let log = [&stderr_record("SELECT 1"), other, &stderr_record("SELECT 3")].concat();
    check(
        &stderr(),
        &log,
        &["SELECT 1", "SELECT 3"],
        &[(RejectReason::UnrecognizedLine, other)],
    );
}

#[test]
fn a_prefix_that_changes_is_read_all_the_same_where_it_was_found_out() {
    let changed = "2026-11-23 00:27:18 UTC-42-app LOG:  duration: 1.000 ms  statement: SELECT 2\n\tFROM t\n";
    let log = [&stderr_record("SELECT 1"), changed, &stderr_record("SELECT 3")].concat();
    let guessed = Grammar::PostgresStderr(Prefix::guessed("%m [%p] "));
    check(
        &guessed.into(),
        &log,
        &["SELECT 1", "SELECT 2\nFROM t", "SELECT 3"],
        &[],
    );
}

#[test]
fn a_duration_finds_the_statement_of_its_session() {
    let log = [
        stderr_line(1, "statement: SELECT 1"),
        stderr_line(2, "statement: SELECT 2"),
        stderr_line(3, "duration: 9.000 ms"),
        stderr_line(2, "duration: 2.000 ms"),
        stderr_line(1, "duration: 1.000 ms"),
        stderr_line(1, "duration: 9.000 ms"),
    ]
    .concat();
    let found = check(&stderr(), &log, &["SELECT 2", "SELECT 1"], &[]);
    let logs: Vec<LogKind> = found.logs.iter().map(|log| log.kind).collect();
    assert_eq!(logs, [LogKind::Duration; 2]);
}

#[test]
fn a_duration_out_of_range_is_a_reject() {
    let bad = stderr_line(42, "duration: 99999999999999999999.000 ms  statement: SELECT 1");
    check(
        &stderr(),
        &(bad.clone() + &stderr_record("SELECT 2")),
        &["SELECT 2"],
        &[(RejectReason::MalformedDuration, &bad)],
    );
}

#[test]
fn line_ends_of_another_system_are_line_ends() {
    let logs = [
        (stderr(), stderr_record("SELECT 1").repeat(2)),
        (Grammar::PostgresCsv.into(), csv_record("SELECT 1").repeat(2)),
        (Grammar::PostgresJson.into(), json_record("SELECT 1").repeat(2)),
        (Grammar::MysqlSlow.into(), slow_record("SELECT 1").repeat(2)),
    ];
    for (format, log) in logs {
        check(
            &format,
            &log.replace('\n', "\r\n"),
            &["SELECT 1", "SELECT 1"],
            &[],
        );
    }
}

#[test]
fn a_last_record_without_its_line_end_is_read() {
    let logs = [
        (stderr(), stderr_record("SELECT 1")),
        (Grammar::PostgresCsv.into(), csv_record("SELECT 1")),
        (Grammar::PostgresJson.into(), json_record("SELECT 1")),
        (Grammar::MysqlSlow.into(), slow_record("SELECT 1")),
    ];
    for (format, log) in logs {
        check(&format, log.trim_end(), &["SELECT 1"], &[]);
    }
}

#[test]
fn a_csv_quote_that_never_closes_costs_one_record() {
    let whole = csv_record("SELECT 'lost");
    let cut = format!(
        "{}\n",
        &whole[..whole.find("',").or(whole.find("\",,,")).unwrap()]
    );
    let multi_line = "SELECT \"a\",\n'x, y',\n2";
    for after in [
        vec!["SELECT 1"; 3],
        vec![multi_line; 3],
        vec!["SELECT 1", multi_line, "SELECT 2"],
    ] {
        let rest: String = after.iter().map(|statement| csv_record(statement)).collect();
        let log = [csv_record("SELECT 0"), cut.clone(), rest].concat();
        let statements = [&["SELECT 0"], after.as_slice()].concat();
        check(
            &Grammar::PostgresCsv.into(),
            &log,
            &statements,
            &[(RejectReason::MalformedCsv, &cut)],
        );
    }
}

#[test]
fn a_csv_quote_that_never_closes_at_the_end_costs_one_record() {
    let whole = csv_record("SELECT 'lost\n'");
    let cut = &whole[..whole.find("\",,,").unwrap()];
    check(
        &Grammar::PostgresCsv.into(),
        &[&csv_record("SELECT 1"), cut].concat(),
        &["SELECT 1"],
        &[(RejectReason::MalformedCsv, cut)],
    );
}

#[test]
fn a_csv_record_in_a_literal_is_text() {
    let forged = format!("SELECT '\n{}'", csv_record("SELECT forged"));
    let log = [csv_record(&forged), csv_record("SELECT 2")].concat();
    check(&Grammar::PostgresCsv.into(), &log, &[&forged, "SELECT 2"], &[]);
}

#[test]
fn a_json_line_that_is_cut_costs_one_record() {
    let cut = format!("{}\n", &json_record("SELECT lost")[..150]);
    let log = [json_record("SELECT 1"), cut.clone(), json_record("SELECT 2")].concat();
    check(
        &Grammar::PostgresJson.into(),
        &log,
        &["SELECT 1", "SELECT 2"],
        &[(RejectReason::MalformedJson, &cut)],
    );
}

// --- very long records --------------------------------------------------------------------------------------------------------

/// A record over the limit between two short ones, in several ways to be cut into pieces.
#[track_caller]
fn check_long(format: &Format, record: impl Fn(&str) -> String, statement: &str) {
    let log = [
        record("SELECT 1"),
        record(statement),
        record("SELECT 2"),
        record("SELECT 3"),
    ]
    .concat();
    for bytes in [log.len(), 7 * MEBIBYTE + 1, MEBIBYTE] {
        let found = Found::by(decoder(format), pieces(log.as_bytes(), &[bytes]));
        let name = format!("{format} in pieces of {bytes} bytes");
        assert_eq!(found.ledger.bytes(), log.len() as u64, "{name}");
        assert!(
            found.rejects.is_empty(),
            "{name}: {:?}",
            found.rejects.iter().map(|r| (r.0, r.1)).collect::<Vec<_>>()
        );
        let short: Vec<(usize, bool)> = found
            .executions
            .iter()
            .map(|row| (row.known.statement.len().min(1000), row.is_truncated))
            .collect();
        assert_eq!(
            short,
            [(8, false), (1000, true), (8, false), (8, false)],
            "{name}"
        );
        let long = &found.executions[1];
        assert!(statement.as_bytes().starts_with(&long.known.statement), "{name}");
        assert!(
            long.known.statement.len() > RECORD_BYTES_MAX - 2 * MEBIBYTE,
            "{name}: {}",
            long.known.statement.len()
        );
        assert_eq!(long.known.query_time_us, 1_000, "{name}");
    }
}

#[test]
fn a_record_of_one_line_over_the_limit_is_truncated() {
    let statement = format!("SELECT '{}'", "x".repeat(RECORD_BYTES_MAX + 5 * MEBIBYTE));
    check_long(&stderr(), stderr_record, &statement);
    check_long(&Grammar::MysqlSlow.into(), slow_record, &statement);
    check_long(&Grammar::PostgresCsv.into(), csv_record, &statement);
    check_long(&Grammar::PostgresJson.into(), json_record, &statement);
}

#[test]
fn a_record_of_many_lines_over_the_limit_is_truncated() {
    let statement = format!(
        "SELECT 1{}",
        ",\n1234567890123456789012345678901234567890".repeat(RECORD_BYTES_MAX / 32)
    );
    check_long(&stderr(), stderr_record, &statement);
    check_long(&Grammar::MysqlSlow.into(), slow_record, &statement);
    check_long(&Grammar::PostgresCsv.into(), csv_record, &statement);
    check_long(&Grammar::PostgresJson.into(), json_record, &statement);
}

#[test]
fn two_records_that_are_over_the_limit_together_are_whole() {
    let statement = format!("SELECT '{}'", "x".repeat(10 * MEBIBYTE));
    let logs = [
        (stderr(), stderr_record(&statement).repeat(2)),
        (Grammar::PostgresCsv.into(), csv_record(&statement).repeat(2)),
        (Grammar::PostgresJson.into(), json_record(&statement).repeat(2)),
        (Grammar::MysqlSlow.into(), slow_record(&statement).repeat(2)),
    ];
    for (format, log) in logs {
        for bytes in [log.len(), MEBIBYTE] {
            let found = Found::by(decoder(&format), pieces(log.as_bytes(), &[bytes]));
            let lengths: Vec<usize> = found
                .executions
                .iter()
                .map(|row| row.known.statement.len())
                .collect();
            assert_eq!(
                lengths,
                [statement.len(); 2],
                "{format} in pieces of {bytes} bytes"
            );
        }
    }
}

#[test]
fn a_line_of_nothing_over_the_limit_is_one_reject() {
    let junk = "x".repeat(RECORD_BYTES_MAX + 5 * MEBIBYTE) + "\n";
    let logs = [
        (stderr(), stderr_record("SELECT 1")),
        (Grammar::PostgresCsv.into(), csv_record("SELECT 1")),
        (Grammar::PostgresJson.into(), json_record("SELECT 1")),
        (Grammar::MysqlSlow.into(), slow_record("SELECT 1")),
    ];
    for (format, record) in logs {
        let log = [&junk, record.as_str(), &record].concat();
        for bytes in [log.len(), MEBIBYTE] {
            let found = Found::by(decoder(&format), pieces(log.as_bytes(), &[bytes]));
            let name = format!("{format} in pieces of {bytes} bytes");
            assert_eq!(found.executions.len(), 2, "{name}");
            assert_eq!(found.rejects.len(), 1, "{name}");
            assert_eq!(found.ledger.rejected_total().bytes, junk.len() as u64, "{name}");
            assert_eq!(found.ledger.bytes(), log.len() as u64, "{name}");
        }
    }
}

#[test]
fn json_nested_without_end_is_a_reject() {
    let line = format!("{}\n", "{\"a\":".repeat(100_000));
    let log = [&line, &json_record("SELECT 1")[..]].concat();
    check(
        &Grammar::PostgresJson.into(),
        &log,
        &["SELECT 1"],
        &[(RejectReason::MalformedJson, &line[..crate::REJECT_BYTES_KEPT])],
    );
}

#[test]
fn the_shape_of_a_table_is_told_by_what_a_restart_reads_again() {
    let log = format!("2026-11-23 00:27:{}\ta\n\tb\n\nc", "6".repeat(200));
    for size in 1..log.len() {
        super::goes_on(&Grammar::MysqlSlowTable.into(), log.as_bytes(), &[size], 2).unwrap();
    }
}

#[test]
fn a_table_with_a_time_of_many_digits_is_a_reject() {
    let row = "2026-11-23 00:24:28\troot[root] @ web []\t99999999999999999:00:00\t0\t0\t0\tshop\t0\t0\t1\tSELECT 1\t7\n";
    check(
        &Grammar::MysqlSlowTable.into(),
        row,
        &[],
        &[(RejectReason::MalformedDuration, row)],
    );
}

#[test]
fn a_line_over_the_limit_begins_its_own_record() {
    let junk = "x".repeat(RECORD_BYTES_MAX + MEBIBYTE);
    let heads = [
        (
            Grammar::MysqlGeneral,
            "2024-05-01T10:00:00.123456Z\t    8 Query\tselect ",
        ),
        (Grammar::PgBouncer, "2026-11-23 00:27:18.272 UTC [17] LOG "),
    ];
    for (grammar, head) in heads {
        let log = format!("{head}1\n{head}{junk}\n{head}2\n");
        for bytes in [log.len(), 5 * MEBIBYTE] {
            let name = format!("{grammar} in pieces of {bytes} bytes");
            let found = Found::by(decoder(&grammar.clone().into()), pieces(log.as_bytes(), &[bytes]));
            let (first, long) = (head.len() as u64 + 2, head.len() as u64 + junk.len() as u64 + 1);
            let starts: Vec<u64> = found.logs.iter().map(|row| row.span.start).collect();
            assert_eq!(starts, [0, first, first + long], "{name}");
            assert_eq!(found.ledger.bytes(), log.len() as u64, "{name}");
        }
    }
}
