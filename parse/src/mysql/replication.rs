//! Messages of a replica's threads, and of a source about its replicas.

use memchr::memmem::{find, rfind};

use crate::entry::{LogEntry, LogKind, Severity};
use crate::mysql::event::{Facts, between, digits_after, fact};
use crate::timestamp::number;

/// Whether a message is about replication.
pub(crate) fn is_about(message: &[u8], subsystem: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 13] = [
        b"Slave ",
        b"Slave: ",
        b"Replica ",
        b"Replica: ",
        b"Master connection name",
        b"'CHANGE MASTER TO",
        b"'CHANGE REPLICATION ",
        b"Error reading relay log event",
        b"Error running query, slave SQL",
        b"Error running query, replica SQL",
        b"Semi-sync ",
        b"Start binlog_dump ",
        b"Multi-threaded ",
    ];
    subsystem == b"Repl" || BEGINNINGS.iter().any(|start| message.starts_with(start))
}

/// Reads the error, the statement that failed, and where in the source's log it happened.
pub(crate) fn describe<'a>(message: &'a [u8], entry: &mut LogEntry<'a>, facts: &mut Facts<'a>) {
    entry.kind = LogKind::Replication;
    entry.error_code = error_code(message).or(entry.error_code);
    entry.statement = statement(message);
    entry.database = between(message, b"Default database: '", b"'").unwrap_or(b"");
    if let Some(phase) = phase(message, entry.severity) {
        fact(facts, "phase", phase);
    }
    if let Some(channel) = between(message, b"channel '", b"'").filter(|name| !name.is_empty()) {
        fact(facts, "channel", channel);
    }
    let prose = &message[..find(message, b"Query: '").unwrap_or(message.len())];
    let log = [&b" log '"[..], b" log "]
        .iter()
        .find_map(|before| between(prose, before, b"'"));
    entry.object = log.unwrap_or(b"");
    if let Some(position) = digits_after(prose, b"position ").or_else(|| digits_after(prose, b"end_log_pos "))
    {
        fact(facts, "position", position);
    }
    if let Some(at) = rfind(message, b", Gtid ") {
        let gtid = &message[at + 7..];
        fact(
            facts,
            "gtid",
            &gtid[..memchr::memchr(b',', gtid).unwrap_or(gtid.len())],
        );
    }
}

/// The error of the statement: the last number that is called so, because a text of a client may stand before it.
fn error_code(message: &[u8]) -> Option<i64> {
    let labels: [&[u8]; 3] = [b"Error_code: MY-", b"Error_code: ", b"error code: "];
    labels.iter().find_map(|label| {
        let at = rfind(message, label)?;
        digits_after(&message[at..], label).and_then(number)
    })
}

/// `Query: '…'`; the quotes in it are not escaped, but what may follow is known.
fn statement(message: &[u8]) -> &[u8] {
    let Some(at) = find(message, b"Query: '") else {
        return b"";
    };
    let text = &message[at + b"Query: '".len()..];
    let ends: [&[u8]; 3] = [
        b"', Gtid ",
        b"', Internal MariaDB error code: ",
        b"', Error_code: ",
    ];
    let end = ends.iter().filter_map(|end| rfind(text, end)).min();
    match end {
        Some(end) => &text[..end],
        None => text.strip_suffix(b"'").unwrap_or(text),
    }
}

fn phase(message: &[u8], severity: Severity) -> Option<&'static [u8]> {
    let has = |words: &[u8]| find(message, words).is_some();
    if severity >= Severity::Error {
        Some(b"failed")
    } else if has(b" exiting") || has(b" was killed") {
        Some(b"stopped")
    } else if has(b"starting replication") || has(b"replication started") || has(b"Start ") {
        Some(b"started")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Span;
    use crate::statement::Dialect;

    #[track_caller]
    fn check(severity: Severity, message: &str, code: Option<i64>, statement: &str, expect: &[(&str, &str)]) {
        let mut entry = LogEntry::new(Span::default(), Dialect::Mysql, LogKind::Message);
        entry.severity = severity;
        let mut facts = Facts::new();
        assert!(is_about(message.as_bytes(), b""), "{message}");
        describe(message.as_bytes(), &mut entry, &mut facts);
        assert_eq!((entry.error_code, entry.statement), (code, statement.as_bytes()));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut found: Vec<(String, String)> = facts.iter().map(|(n, v)| (text(n), text(v))).collect();
        found.push(("object".to_owned(), text(entry.object)));
        let expect: Vec<(String, String)> = expect
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        assert_eq!(found, expect, "{message}");
    }

    #[test]
    fn a_statement_that_failed() {
        check(
            Severity::Error,
            "Slave SQL: Error 'Table 'shop.t' doesn't exist' on query. Default database: 'shop'. \
             Query: 'insert into t values ('it', 3)', Gtid 0-1-31, Internal MariaDB error code: 1146",
            Some(1146),
            "insert into t values ('it', 3)",
            &[("phase", "failed"), ("gtid", "0-1-31"), ("object", "")],
        );
        check(
            Severity::Error,
            "Replica SQL for channel 'east': Error 'Duplicate entry '1' for key 't.PRIMARY'' on query. Default database: 'shop'. \
             Query: 'insert into t values (1)', Error_code: MY-001062",
            Some(1062),
            "insert into t values (1)",
            &[("phase", "failed"), ("channel", "east"), ("object", "")],
        );
    }

    #[test]
    fn threads_that_begin_and_end() {
        check(
            Severity::Notice,
            "Slave SQL thread exiting, replication stopped in log 'binlog.000004' at position 552, master: 127.0.0.1:3306",
            None,
            "",
            &[
                ("phase", "stopped"),
                ("position", "552"),
                ("object", "binlog.000004"),
            ],
        );
        check(
            Severity::Notice,
            "Slave I/O thread: connected to master 'repl@10.0.0.1:3306',replication started in log 'binlog.000004' at position 339",
            None,
            "",
            &[
                ("phase", "started"),
                ("position", "339"),
                ("object", "binlog.000004"),
            ],
        );
    }
}
