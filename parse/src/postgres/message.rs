//! The text of a PostgreSQL message: which are durations and statements, and what kind the others are. Knows wordings, not formats.
//!
//! Wordings are those of `postgres.c` (`errdetail_execute`, `check_log_duration`, `exec_*_message`) of PostgreSQL 12 to 18.

use memchr::memmem;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::space1;
use nom::{IResult, Parser};

use crate::entry::{Command, SkipKind};
use crate::timestamp::decimal_us;

/// What a message says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    /// `duration: … ms  statement: …` or `… execute name: …`: one whole execution.
    Execution {
        duration_us: i64,
        command: Command,
        statement: &'a [u8],
    },
    /// `duration: … ms` of a statement that an earlier message of the session showed.
    BareDuration { duration_us: i64 },
    /// `statement: …` or `execute name: …` of log_statement; its duration may follow.
    Statement { command: Command, statement: &'a [u8] },
    /// Begins like a duration and is none.
    MalformedDuration,
    /// Anything else.
    Other(SkipKind),
}

/// Severity of a message, as far as it decides what to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// `LOG`, and words of other languages.
    Log,
    /// `WARNING`, `NOTICE`, `INFO`, `DEBUG`.
    Warning,
    /// `ERROR`, `FATAL`, `PANIC`.
    Error,
}

impl Severity {
    /// By its English word. A word of another language counts as `LOG`: the message decides.
    pub(crate) fn of(word: &[u8]) -> Severity {
        match word {
            b"ERROR" | b"FATAL" | b"PANIC" => Severity::Error,
            b"WARNING" | b"NOTICE" | b"INFO" => Severity::Warning,
            _ if word.starts_with(b"DEBUG") => Severity::Warning,
            _ => Severity::Log,
        }
    }
}

/// Reads a message. `text` is whole: continuation lines joined, no label.
pub(crate) fn read(severity: Severity, text: &[u8]) -> Message<'_> {
    match severity {
        Severity::Error => return Message::Other(SkipKind::Error),
        Severity::Warning => return Message::Other(SkipKind::Warning),
        Severity::Log => {}
    }
    if let Some(rest) = text.strip_prefix(b"duration: ") {
        return match duration(rest) {
            Ok((rest, duration_us)) => after_duration(duration_us, rest),
            Err(_) => Message::MalformedDuration,
        };
    }
    match statement(text) {
        Some((command, statement)) => Message::Statement { command, statement },
        None => Message::Other(kind(text)),
    }
}

/// `3.888 ms`, to µs.
fn duration(input: &[u8]) -> IResult<&[u8], i64> {
    let number = take_while1(|b: u8| b.is_ascii_digit() || b == b'.');
    let (rest, (digits, _)) = (number, tag(&b" ms"[..])).parse(input)?;
    match decimal_us(digits, 1_000) {
        Some(us) => Ok((rest, us)),
        None => Err(nom::Err::Error(nom::error::Error::new(
            input,
            nom::error::ErrorKind::Digit,
        ))),
    }
}

fn after_duration(duration_us: i64, rest: &[u8]) -> Message<'_> {
    let Ok((step, _)) = space1::<_, nom::error::Error<_>>(rest) else {
        // Nothing after `ms` but the end of the line: log_duration without the text.
        return if rest.trim_ascii().is_empty() {
            Message::BareDuration { duration_us }
        } else {
            Message::MalformedDuration
        };
    };
    if let Some((command, statement)) = statement(step) {
        return Message::Execution {
            duration_us,
            command,
            statement,
        };
    }
    if step.starts_with(b"plan:") {
        return Message::Other(SkipKind::Plan);
    }
    if step.starts_with(b"parse ") || step.starts_with(b"bind ") {
        return Message::Other(SkipKind::ParseBind);
    }
    if step.starts_with(b"fastpath function call: ") {
        return Message::Execution {
            duration_us,
            command: Command::Fastpath,
            statement: step,
        };
    }
    if step.trim_ascii().is_empty() {
        Message::BareDuration { duration_us }
    } else {
        Message::Other(SkipKind::Message)
    }
}

/// `statement: TEXT`, `execute NAME[/PORTAL]: TEXT` or `execute fetch from NAME/PORTAL: TEXT`.
fn statement(text: &[u8]) -> Option<(Command, &[u8])> {
    if let Some(rest) = text.strip_prefix(b"statement:") {
        return Some((Command::Query, rest.strip_prefix(b" ").unwrap_or(rest)));
    }
    let named = text.strip_prefix(b"execute ")?;
    let (command, named) = match named.strip_prefix(b"fetch from ") {
        Some(named) => (Command::Fetch, named),
        None => (Command::Execute, named),
    };
    let colon = memmem::find(named, b": ")?;
    Some((command, &named[colon + 2..]))
}

/// The kind of a message that is no statement, by its first words.
fn kind(text: &[u8]) -> SkipKind {
    const KINDS: &[(&[u8], SkipKind)] = &[
        (b"connection ", SkipKind::Connection),
        (b"disconnection: ", SkipKind::Connection),
        (b"replication connection ", SkipKind::Connection),
        (b"checkpoint", SkipKind::Checkpoint),
        (b"restartpoint ", SkipKind::Checkpoint),
        (b"automatic ", SkipKind::Autovacuum),
        (b"temporary file: ", SkipKind::TemporaryFile),
        (b"received replication command: ", SkipKind::Replication),
        (b"started streaming WAL ", SkipKind::Replication),
        (b"replication terminated ", SkipKind::Replication),
        (b"recovery ", SkipKind::Replication),
        (b"redo ", SkipKind::Replication),
        (b"consistent recovery ", SkipKind::Replication),
    ];
    if let Some((_, kind)) = KINDS.iter().find(|(start, _)| text.starts_with(start)) {
        return *kind;
    }
    let is_lock = text.starts_with(b"process ")
        && (memmem::find(text, b"Lock on ").is_some() || memmem::find(text, b"deadlock").is_some());
    if is_lock {
        SkipKind::Lock
    } else {
        SkipKind::Message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Message<'_>) {
        assert_eq!(read(Severity::Log, text.as_bytes()), expect, "{text}");
    }

    #[test]
    fn executions() {
        let query = |duration_us, statement| Message::Execution {
            duration_us,
            command: Command::Query,
            statement,
        };
        check(
            "duration: 3.888 ms  statement: SELECT 1",
            query(3_888, b"SELECT 1"),
        );
        check("duration: 0.054 ms statement: SELECT 1", query(54, b"SELECT 1"));
        check(
            "duration: 1.511 ms  execute P_0: select $1",
            Message::Execution {
                duration_us: 1_511,
                command: Command::Execute,
                statement: b"select $1",
            },
        );
        check(
            "duration: 0.200 ms  execute fetch from <unnamed>/C_2: select a",
            Message::Execution {
                duration_us: 200,
                command: Command::Fetch,
                statement: b"select a",
            },
        );
    }

    #[test]
    fn steps_and_plans_are_no_executions() {
        check(
            "duration: 0.563 ms  parse P_0: select 1",
            Message::Other(SkipKind::ParseBind),
        );
        check(
            "duration: 0.340 ms  bind P_0: select 1",
            Message::Other(SkipKind::ParseBind),
        );
        check(
            "duration: 2.625 ms  plan:\nQuery Text: select 1",
            Message::Other(SkipKind::Plan),
        );
    }

    #[test]
    fn text_and_duration_apart() {
        check(
            "statement: select 2",
            Message::Statement {
                command: Command::Query,
                statement: b"select 2",
            },
        );
        check(
            "execute <unnamed>: select 2",
            Message::Statement {
                command: Command::Execute,
                statement: b"select 2",
            },
        );
        check("duration: 0.458 ms", Message::BareDuration { duration_us: 458 });
    }

    #[test]
    fn others() {
        check("duration: x ms", Message::MalformedDuration);
        check("duration: 1.5.5 ms", Message::MalformedDuration);
        check(
            "process 1 still waiting for ShareLock on transaction 751 after 200.080 ms",
            Message::Other(SkipKind::Lock),
        );
        check("checkpoint starting: time", Message::Other(SkipKind::Checkpoint));
        check("ready", Message::Other(SkipKind::Message));
        assert_eq!(
            read(Severity::Error, b"duration: 1 ms  statement: x"),
            Message::Other(SkipKind::Error)
        );
    }
}
