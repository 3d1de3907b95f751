//! One line of the log after the other, in the wordings of PostgreSQL 12 to 18, and what has to be found in it.

mod junk;
mod locks;
mod server;
mod sessions;
mod storage;

use super::LogReader;
use crate::entry::{LogEntry, LogKind, Severity};
use crate::postgres::event::Event;
use crate::postgres::message::severity;
use crate::span::Span;
use crate::statement::Dialect;

/// An event as a format hands it over: severity word, message, and what may stand beside it.
#[derive(Default, Clone, Copy)]
pub(super) struct Input<'i> {
    pub(super) severity: &'i str,
    pub(super) sql_state: &'i str,
    pub(super) backend: &'i str,
    pub(super) message: &'i str,
    pub(super) detail: &'i str,
    pub(super) context: &'i str,
    pub(super) character: Option<i64>,
}

pub(super) fn log(message: &str) -> Input<'_> {
    Input {
        severity: "LOG",
        message,
        ..Input::default()
    }
}

pub(super) fn of<'i>(severity: &'i str, message: &'i str) -> Input<'i> {
    Input {
        severity,
        message,
        ..Input::default()
    }
}

/// What is found: kind, and what it is about, times and attributes as `name=value` lines.
pub(super) fn read(input: Input<'_>) -> (LogKind, String) {
    let word = severity(input.severity.as_bytes());
    let event = Event {
        span: Span { start: 0, end: 1 },
        bytes_cut: 0,
        severity: word,
        time_us: None,
        pid: None,
        user: b"",
        database: b"",
        application: b"",
        client: b"",
        backend: input.backend.as_bytes(),
        query_id: None,
        transaction_id: None,
        sql_state: input.sql_state.as_bytes(),
        message: input.message.as_bytes(),
        character: input.character,
        detail: input.detail.as_bytes(),
        hint: b"",
        context: input.context.as_bytes(),
        statement: b"",
    };
    let mut entry = LogEntry::new(event.span, Dialect::Postgres, LogKind::Message);
    entry.severity = word.unwrap_or(Severity::Log);
    entry.sql_state = event.sql_state;
    entry.message = event.message;
    entry.detail = event.detail;
    entry.context = event.context;
    let mut found = None;
    LogReader::default().describe(&event, &mut entry, |entry| {
        found = Some((entry.kind, print(entry)))
    });
    found.expect("every event is handed out")
}

#[track_caller]
pub(super) fn check(input: Input<'_>, kind: LogKind, expect: &str) {
    let (found_kind, found) = read(input);
    let expect: Vec<&str> = expect
        .split_terminator('\n')
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let found: Vec<&str> = found.lines().collect();
    assert_eq!(found, expect, "{}", input.message);
    assert_eq!(found_kind, kind, "{}", input.message);
    for line in found {
        let name = line.split('=').next().unwrap_or(line);
        assert!(is_documented(name), "{name} is said nowhere");
    }
}

/// Whether the documentation of [`LogKind`], or a field, has the name; of one of several things only the beginning is said.
fn is_documented(name: &str) -> bool {
    let text = include_str!("../../entry.rs");
    let is_field = text.contains(&format!("    pub {name}: "));
    let of_several = name
        .match_indices('_')
        .any(|(at, _)| text.contains(&format!("`{}_<", &name[..at])));
    is_field || of_several || text.contains(&format!("`{name}`"))
}

fn print(entry: &LogEntry<'_>) -> String {
    let mut lines = String::new();
    let mut line = |name: &str, value: &[u8]| {
        if !value.is_empty() {
            lines.push_str(&format!(
                "{name}={}\n",
                String::from_utf8_lossy(value).replace('\n', "/")
            ));
        }
    };
    line("sql_state", entry.sql_state);
    line("user", entry.user);
    line("database", entry.database);
    line("application", entry.application);
    line("client", entry.client);
    line("object", entry.object);
    let number = |value: Option<i64>| value.map(|value| value.to_string()).unwrap_or_default();
    line("duration_us", number(entry.duration_us).as_bytes());
    line("size_bytes", number(entry.size_bytes).as_bytes());
    for (name, value) in entry.attributes {
        line(&String::from_utf8_lossy(name), value);
    }
    lines
}
