//! The error log as text, in the layouts of MySQL 5.5 to 9 and of MariaDB: a line with a time, a thread, a label and, since 8.0, a code and a
//! subsystem, and lines that belong to it. A report of a deadlock is one record, though the server prints its parts as messages of their own.

use memchr::memmem::find;

use crate::decoder::Output;
use crate::entries::{Layout, Record, Role};
use crate::entry::{RejectReason, Severity};
use crate::mysql::deadlock;
use crate::mysql::event::Event;
use crate::span::Span;
use crate::timestamp::{TimestampReader, number};

/// An error log.
#[derive(Debug)]
pub(crate) struct ErrorLog {
    time: TimestampReader,
    /// The open record is a report of a deadlock that goes on.
    in_deadlock: bool,
}

impl ErrorLog {
    pub(crate) fn new(time: TimestampReader) -> ErrorLog {
        ErrorLog {
            time,
            in_deadlock: false,
        }
    }
}

impl Layout for ErrorLog {
    fn role(&mut self, line: &[u8], _span: Span, is_open: bool) -> Role {
        let head = Head::of(line);
        let goes_on = is_open && self.in_deadlock && !deadlock::is_end(line);
        match head {
            None => {
                self.in_deadlock = goes_on;
                Role::Continues
            }
            Some(head) if is_open && self.in_deadlock && deadlock::is_part(&line[head.bytes..]) => {
                self.in_deadlock = goes_on;
                Role::Continues
            }
            Some(head) => {
                self.in_deadlock = deadlock::is_begin(&line[head.bytes..]);
                Role::Begins
            }
        }
    }

    fn record(&mut self, record: &Record<'_>, output: &mut Output<'_, '_>) -> Result<(), RejectReason> {
        let head = Head::of(record.bytes).ok_or(RejectReason::UnrecognizedLine)?;
        let event = Event {
            span: record.span,
            time_us: head.time.us(&mut self.time),
            thread_id: head.thread_id,
            severity: head.severity,
            code: head.code,
            sql_state: b"",
            subsystem: head.subsystem,
            message: record.bytes[head.bytes..].trim_ascii_end(),
        };
        event.emit(output);
        Ok(())
    }

    fn context(&self) -> Vec<Span> {
        Vec::new()
    }
}

/// What stands before a message.
pub(crate) struct Head<'a> {
    time: Time<'a>,
    thread_id: Option<i64>,
    severity: Severity,
    code: Option<i64>,
    subsystem: &'a [u8],
    /// Where the message begins.
    bytes: usize,
}

/// A time in one of the spellings.
#[derive(Debug, Clone, Copy)]
enum Time<'a> {
    Iso(&'a [u8]),
    Long(&'a [u8]),
    Short(&'a [u8]),
    /// A crash of 5.7 and before tells only the time of day.
    OfDay,
}

impl<'a> Head<'a> {
    /// Reads the beginning of a line; `None` when no message begins there.
    pub(crate) fn of(line: &'a [u8]) -> Option<Head<'a>> {
        if !line.first()?.is_ascii_digit() {
            return None;
        }
        let line_bytes = line.len();
        let line = &line[..memchr::memchr(b'\n', line).unwrap_or(line_bytes)];
        let (time, time_bytes) = Time::of(line)?;
        let mut head = Head {
            time,
            thread_id: None,
            severity: Severity::Log,
            code: None,
            subsystem: b"",
            bytes: 0,
        };
        let mut rest = line[time_bytes..].trim_ascii_start();
        if let Some(crash) = rest.strip_prefix(b"UTC - ") {
            head.severity = Severity::Panic;
            head.bytes = line.len() - crash.len();
            return (find(crash, b" got signal ").is_some() || find(crash, b" got exception ").is_some())
                .then_some(head);
        }
        if matches!(time, Time::OfDay) {
            return None;
        }
        let id_bytes = rest
            .iter()
            .take_while(|b| b.is_ascii_hexdigit() || **b == b'x')
            .count();
        let is_label_next = |at: usize| rest.get(at).is_none_or(|b| matches!(b, b' ' | b'I'));
        if id_bytes > 0 && is_label_next(id_bytes) && rest[0].is_ascii_digit() {
            // A number of the system's threads in hexadecimal says nothing about a session.
            head.thread_id = number(&rest[..id_bytes]);
            rest = rest[id_bytes..].trim_ascii_start();
        }
        match bracketed(rest).and_then(|(label, after)| Some((severity(label)?, after))) {
            Some((severity, after)) => (head.severity, rest) = (severity, after),
            None if !is_program(rest) => return None,
            None => {}
        }
        if let Some((code, after)) = bracketed(rest)
            && let Some(digits) = code.strip_prefix(b"MY-")
        {
            (head.code, rest) = (number(digits), after);
            if let Some((subsystem, after)) = bracketed(rest) {
                (head.subsystem, rest) = (subsystem, after);
            }
        }
        head.bytes = line.len() - rest.len();
        Some(head)
    }
}

impl<'a> Time<'a> {
    /// The time that a line begins with, and its bytes.
    fn of(line: &'a [u8]) -> Option<(Time<'a>, usize)> {
        match line {
            [_, _, _, _, b'-', _, _, b'-', _, _, b'T', ..] => {
                let bytes = memchr::memchr(b' ', line)?;
                Some((Time::Iso(&line[..bytes]), bytes))
            }
            [_, _, _, _, b'-', _, _, b'-', _, _, b' ', ..] if line.get(16) == Some(&b':') => {
                Some((Time::Long(line.get(..19)?), 19))
            }
            [_, _, _, _, _, _, b' ', ..] if line.get(9) == Some(&b':') && line.get(12) == Some(&b':') => {
                Some((Time::Short(line.get(..15)?), 15))
            }
            [_, _, b':', _, _, b':', _, _, b' ', ..] => Some((Time::OfDay, 8)),
            _ => None,
        }
    }

    fn us(self, reader: &mut TimestampReader) -> Option<i64> {
        match self {
            Time::Iso(text) => reader.iso(text),
            Time::Long(text) => reader.mysql_long(text),
            Time::Short(text) => reader.mysql_short(text),
            Time::OfDay => None,
        }
    }
}

/// What stands in the brackets that `text` begins with, and what follows.
fn bracketed(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"[")?;
    let end = memchr::memchr(b']', inner)?;
    Some((&inner[..end], inner[end + 1..].trim_ascii_start()))
}

/// A label, in the spelling of any version.
pub(crate) fn severity(label: &[u8]) -> Option<Severity> {
    const LABELS: [(&[u8], Severity); 4] = [
        (b"note", Severity::Notice),
        (b"warning", Severity::Warning),
        (b"error", Severity::Error),
        (b"system", Severity::Log),
    ];
    let known = LABELS.iter().find(|(name, _)| label.eq_ignore_ascii_case(name));
    known.map(|(_, severity)| *severity)
}

/// Whether a message without a label is one all the same: of the engine before 5.7, or of the script that keeps a server running.
fn is_program(message: &[u8]) -> bool {
    let programs: [&[u8]; 5] = [
        b"InnoDB:",
        b"mysqld_safe ",
        b"mysqld-safe ",
        b"mariadbd-safe ",
        b"mysqld ",
    ];
    programs.iter().any(|program| message.starts_with(program))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::without_newline;

    #[track_caller]
    fn check(line: &str, thread_id: Option<i64>, severity: Severity, code: Option<i64>, message: &str) {
        let line = without_newline(line.as_bytes());
        let head = Head::of(line).unwrap();
        assert_eq!(
            (head.thread_id, head.severity, head.code),
            (thread_id, severity, code)
        );
        assert_eq!(String::from_utf8_lossy(&line[head.bytes..]), message);
        assert!(
            matches!(head.time, Time::OfDay) || head.time.us(&mut TimestampReader::new(None)).is_some(),
            "{:?}",
            head.time
        );
    }

    #[test]
    fn lines_of_every_version() {
        use Severity::{Error, Log, Notice, Panic, Warning};
        let mysql8 =
            "2020-08-06T14:25:02.936146Z 7 [Warning] [MY-010068] [Server] CA certificate is self signed.\n";
        check(
            mysql8,
            Some(7),
            Warning,
            Some(10_068),
            "CA certificate is self signed.",
        );
        let system = "2024-05-01T10:00:00.000000+02:00 0 [System] [MY-010116] [Server] starting as process 1";
        check(system, Some(0), Log, Some(10_116), "starting as process 1");
        check(
            "2017-01-01T00:00:00.123456Z 0 [Note] InnoDB: ready",
            Some(0),
            Notice,
            None,
            "InnoDB: ready",
        );
        check(
            "2017-01-01 00:00:00 1234 [ERROR] Can't start",
            Some(1234),
            Error,
            None,
            "Can't start",
        );
        check(
            "2026-11-23  0:24:31 7 [Warning] Access denied",
            Some(7),
            Warning,
            None,
            "Access denied",
        );
        check(
            "170101  0:00:00 [Note] Event Scheduler: loaded",
            None,
            Notice,
            None,
            "Event Scheduler: loaded",
        );
        check(
            "170101  0:00:00  InnoDB: Starting",
            None,
            Log,
            None,
            "InnoDB: Starting",
        );
        check(
            "2014-01-01 12:00:00 7f8e0c0c7700InnoDB: transactions",
            None,
            Log,
            None,
            "InnoDB: transactions",
        );
        check(
            "2019-01-01  0:00:00 0x7f12  InnoDB: Assertion failure",
            None,
            Log,
            None,
            "InnoDB: Assertion failure",
        );
        check(
            "170101 00:00:00 mysqld_safe Starting mysqld daemon",
            None,
            Log,
            None,
            "mysqld_safe Starting mysqld daemon",
        );
        check(
            "10:00:00 UTC - mysqld got signal 11 ;",
            None,
            Panic,
            None,
            "mysqld got signal 11 ;",
        );
        check(
            "2024-05-01T10:00:00Z UTC - mysqld got signal 6 ;",
            None,
            Panic,
            None,
            "mysqld got signal 6 ;",
        );
    }

    #[test]
    fn lines_of_others() {
        for line in [
            "",
            "select 1",
            "2026-11-23 00:27:18.272 UTC [42] LOG:  checkpoint starting: time",
            "2026-11-23 00:27:18 UTC - pause",
            "10:00:00 UTC - nothing",
            "2026-11-23T00:27:18.000000Z\t    4 Query\tselect 1",
            "261123  0:24:28\t     4 Connect\troot@localhost on  using Socket",
            "2026-11-23  0:24:31 7 [Query] x",
        ] {
            assert!(Head::of(line.as_bytes()).is_none(), "{line}");
        }
    }
}
