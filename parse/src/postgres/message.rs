//! The text of a PostgreSQL message: which are durations and statements, and what kind the others are. Knows wordings, not formats.
//!
//! Wordings are those of `postgres.c` (`errdetail_execute`, `check_log_duration`, `exec_*_message`) of PostgreSQL 12 to 18.

use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::space1;
use nom::{IResult, Parser};

use crate::entry::{Command, Severity};
use crate::postgres::prefix::languages;
use crate::search::find_short;
use crate::timestamp::decimal_us;

/// Longest label before a colon: the longest word of a translation, a statement's name and a portal's.
const LABEL_BYTES_MAX: usize = 256;
/// Longest unit: milliseconds in Japanese.
const UNIT_BYTES_MAX: usize = 24;
const NO_BREAK_SPACE: &[u8] = "\u{a0}".as_bytes();

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
    /// `duration: … ms  parse NAME: …` or `… bind NAME[/PORTAL]: …`: a step before an execution.
    Step {
        duration_us: i64,
        step: Step,
        statement: &'a [u8],
    },
    /// `duration: … ms  plan:` and the plan of auto_explain.
    Plan { duration_us: i64, payload: &'a [u8] },
    /// Anything else: an event of the server.
    Event,
}

/// What the extended protocol does before it executes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Parse,
    Bind,
}

/// A severity by its word; `None` for a word of a language that nobody here knows.
pub(crate) fn severity(word: &[u8]) -> Option<Severity> {
    english_severity(word).or_else(|| languages::severity(word))
}

/// A severity by its English word.
pub(crate) fn english_severity(word: &[u8]) -> Option<Severity> {
    Some(match word {
        b"LOG" => Severity::Log,
        b"ERROR" => Severity::Error,
        b"FATAL" => Severity::Fatal,
        b"PANIC" => Severity::Panic,
        b"WARNING" => Severity::Warning,
        b"NOTICE" | b"INFO" | b"DEBUG" | b"DEBUG1" | b"DEBUG2" | b"DEBUG3" | b"DEBUG4" | b"DEBUG5" => {
            Severity::Notice
        }
        _ => return None,
    })
}

/// Reads a message. `text` is whole: continuation lines joined, no label.
pub(crate) fn read(severity: Option<Severity>, text: &[u8]) -> Message<'_> {
    if severity.is_some_and(|severity| severity != Severity::Log) {
        return Message::Event;
    }
    if let Some(rest) = text.strip_prefix(b"duration: ") {
        return match duration(rest) {
            Ok((rest, duration_us)) => after_duration(duration_us, rest),
            Err(_) => Message::MalformedDuration,
        };
    }
    match statement(text) {
        Some((command, statement)) => Message::Statement { command, statement },
        None => translated(severity, text),
    }
}

/// A message of a server that speaks another language: `<word>: <number> <unit>[,]  <word>: text` or `<word>: text`. The words are looked
/// up; in a language that nobody here knows a duration is told by its shape.
fn translated(severity: Option<Severity>, text: &[u8]) -> Message<'_> {
    let Some((word, rest)) = labelled(text) else {
        return Message::Event;
    };
    if languages::is_statement(word) {
        let command = Command::Query;
        return Message::Statement {
            command,
            statement: rest,
        };
    }
    if !languages::is_duration(word) && severity.is_some() {
        return Message::Event;
    }
    let digits = rest
        .iter()
        .take_while(|b| b.is_ascii_digit() || **b == b'.')
        .count();
    let unit = rest[digits..].strip_prefix(b" ").unwrap_or(&rest[digits..]);
    let unit_bytes = unit
        .iter()
        .take_while(|b| !matches!(b, b' ' | b',' | b'\n'))
        .count();
    // Durations of the server have three decimals; a number of something else has none.
    let has_decimals = rest[..digits].contains(&b'.') && (1..=UNIT_BYTES_MAX).contains(&unit_bytes);
    match decimal_us(&rest[..digits], 1_000).filter(|_| has_decimals) {
        Some(duration_us) => after_translated(duration_us, trim_separators(&unit[unit_bytes..])),
        None => Message::Event,
    }
}

/// What follows a duration in another language.
fn after_translated(duration_us: i64, rest: &[u8]) -> Message<'_> {
    if rest.is_empty() {
        return Message::BareDuration { duration_us };
    }
    // auto_explain is not translated.
    if let Some(payload) = rest.strip_prefix(b"plan:") {
        let payload = payload.strip_prefix(b"\n").unwrap_or(payload);
        return Message::Plan { duration_us, payload };
    }
    let Some((label, statement)) = labelled(rest) else {
        return Message::Event;
    };
    let first = label.split(|b| *b == b' ').next().unwrap_or(label);
    let step = if languages::is_parse(first) {
        Some(Step::Parse)
    } else if languages::is_bind(first) {
        Some(Step::Bind)
    } else {
        None
    };
    if let Some(step) = step {
        return Message::Step {
            duration_us,
            step,
            statement,
        };
    }
    // A prepared statement has a name between the word and the colon.
    let is_simple = first == label || languages::is_statement(label);
    let command = if is_simple {
        Command::Query
    } else {
        Command::Execute
    };
    Message::Execution {
        duration_us,
        command,
        statement,
    }
}

/// `<label> : text` as label and text, without the spaces that languages put around a colon.
fn labelled(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', &text[..text.len().min(LABEL_BYTES_MAX)])?;
    let label = text[..colon]
        .strip_suffix(NO_BREAK_SPACE)
        .unwrap_or(&text[..colon]);
    let rest = text[colon + 1..]
        .strip_prefix(NO_BREAK_SPACE)
        .unwrap_or(&text[colon + 1..]);
    Some((label.trim_ascii_end(), rest.trim_ascii_start()))
}

fn trim_separators(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|b| !matches!(b, b' ' | b','));
    &text[end.unwrap_or(text.len())..]
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
    if let Some(payload) = step.strip_prefix(b"plan:") {
        let payload = payload.strip_prefix(b"\n").unwrap_or(payload);
        return Message::Plan { duration_us, payload };
    }
    for (word, kind) in [(&b"parse "[..], Step::Parse), (b"bind ", Step::Bind)] {
        if let Some(named) = step.strip_prefix(word) {
            return Message::Step {
                duration_us,
                step: kind,
                statement: after_name(named).unwrap_or(b""),
            };
        }
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
        Message::Event
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
    Some((command, after_name(named)?))
}

/// `NAME[/PORTAL]: TEXT` without the name.
fn after_name(named: &[u8]) -> Option<&[u8]> {
    find_short(named, b": ").map(|colon| &named[colon + 2..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Message<'_>) {
        assert_eq!(read(Some(Severity::Log), text.as_bytes()), expect, "{text}");
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
    fn executions_in_other_languages() {
        let query = |duration_us, statement| Message::Execution {
            duration_us,
            command: Command::Query,
            statement,
        };
        let select = b"SELECT 'a: b'";
        check("Dauer: 3.888 ms  Anweisung: SELECT 'a: b'", query(3_888, select));
        check(
            "durée : 3.888 ms, instruction : SELECT 'a: b'",
            query(3_888, select),
        );
        check(
            "durée\u{a0}: 3.888 ms, instruction\u{a0}: SELECT 'a: b'",
            query(3_888, select),
        );
        check(
            "продолжительность: 3.888 мс, оператор: SELECT 'a: b'",
            query(3_888, select),
        );
        check("期間: 3.888 ミリ秒 文: SELECT 'a: b'", query(3_888, select));
        check("执行时间: 3.888 ms  语句: SELECT 'a: b'", query(3_888, select));
        check(
            "Dauer: 0.200 ms  Ausführen P_1: SELECT $1",
            Message::Execution {
                duration_us: 200,
                command: Command::Execute,
                statement: b"SELECT $1",
            },
        );
        check(
            "Dauer: 0.200 ms  Binden P_1: SELECT $1",
            Message::Step {
                duration_us: 200,
                step: Step::Bind,
                statement: b"SELECT $1",
            },
        );
        check("Dauer: 0.200 ms", Message::BareDuration { duration_us: 200 });
        check(
            "sentencia: SELECT 1",
            Message::Statement {
                command: Command::Query,
                statement: b"SELECT 1",
            },
        );
        // A language that is not known, by its shape.
        assert_eq!(
            read(None, b"xyz: 1.500 ms  zyx: SELECT 1"),
            query(1_500, b"SELECT 1")
        );
        assert_eq!(read(None, b"xyz: 15 files"), Message::Event);
        check("xyz: 1.500 ms  zyx: SELECT 1", Message::Event);
    }

    #[test]
    fn steps_and_plans_are_no_executions() {
        check(
            "duration: 0.563 ms  parse P_0: select 1",
            Message::Step {
                duration_us: 563,
                step: Step::Parse,
                statement: b"select 1",
            },
        );
        check(
            "duration: 0.340 ms  bind P_0: select 1",
            Message::Step {
                duration_us: 340,
                step: Step::Bind,
                statement: b"select 1",
            },
        );
        check(
            "duration: 2.625 ms  plan:\nQuery Text: select 1",
            Message::Plan {
                duration_us: 2_625,
                payload: b"Query Text: select 1",
            },
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
        check("checkpoint starting: time", Message::Event);
        assert_eq!(
            read(Some(Severity::Error), b"duration: 1 ms  statement: x"),
            Message::Event
        );
    }
}
