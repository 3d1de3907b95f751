//! What failed, by SQLSTATE, and what was ended from outside, by cause.

use std::cmp::Reverse;

use slowlake_parse::statement::Fingerprint;
use slowlake_parse::{LogKind, Severity, sql_state};

use super::{Normalized, Seen, text};
use crate::digest::bounded::{First, Merge, Period, Sums};
use crate::summary::sections::{CancelGroup, ErrorGroup, StatementCount};

/// Statements of a group that are told one by one.
const STATEMENTS_SHOWN: usize = 20;
/// Bytes of a message that are kept as an example.
const MESSAGE_BYTES: usize = 1024;
/// Bytes of a message that make its group, where it has no code.
const SHAPE_BYTES: usize = 80;

#[derive(Default)]
pub(super) struct Errors {
    codes: Sums<Code, Group>,
    causes: Sums<String, Group>,
}

/// What makes one group of two errors.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Code {
    severity: Severity,
    code: String,
    /// Of a message without code, what is left of it without its numbers and quoted texts.
    shape: String,
}

#[derive(Default)]
struct Group {
    count: i64,
    period: Period,
    example: First<String>,
    statements: Sums<Fingerprint, i64>,
}

impl Errors {
    pub(super) fn add(&mut self, seen: &Seen<'_>) {
        let entry = seen.entry;
        if entry.severity >= Severity::Error
            || entry.kind == LogKind::Warning && entry.severity == Severity::Warning
        {
            self.codes.of(Code::of(seen)).add(seen);
        }
        if entry.kind == LogKind::Canceled {
            self.causes.of(text(seen.attribute("cause"))).add(seen);
        }
    }

    pub(super) fn finish(self, texts: &Normalized<'_>) -> (Vec<ErrorGroup>, Vec<CancelGroup>) {
        let (mut groups, others) = self.codes.finish();
        if others.count > 0 {
            groups.push((Code::others(), others));
        }
        groups.sort_by(|(a, one), (b, other)| {
            let key = |code: &Code, group: &Group| (code.severity < Severity::Error, Reverse(group.count));
            key(a, one).cmp(&key(b, other)).then_with(|| a.cmp(b))
        });
        let errors = groups
            .into_iter()
            .map(|(code, group)| group.error(code, texts))
            .collect();
        let (mut causes, _) = self.causes.finish();
        causes.sort_by(|(a, one), (b, other)| other.count.cmp(&one.count).then_with(|| a.cmp(b)));
        let canceled = causes
            .into_iter()
            .map(|(cause, group)| group.cancel(cause, texts))
            .collect();
        (errors, canceled)
    }
}

impl Merge for Errors {
    fn merge(&mut self, other: Errors) {
        self.codes.merge(other.codes);
        self.causes.merge(other.causes);
    }
}

impl Code {
    fn of(seen: &Seen<'_>) -> Code {
        let entry = seen.entry;
        let code = match entry.error_code {
            _ if !entry.sql_state.is_empty() => text(entry.sql_state),
            Some(number) => number.to_string(),
            None => String::new(),
        };
        Code {
            severity: entry.severity,
            shape: if code.is_empty() {
                shape(entry.message)
            } else {
                String::new()
            },
            code,
        }
    }

    fn others() -> Code {
        Code {
            severity: Severity::Error,
            code: String::new(),
            shape: "others".to_owned(),
        }
    }
}

impl Group {
    fn add(&mut self, seen: &Seen<'_>) {
        self.count += 1;
        self.period.add(seen.entry.time_us);
        self.example.offer(seen.place, || {
            let message = seen.entry.message;
            text(&message[..message.len().min(MESSAGE_BYTES)])
        });
        if let Some(fingerprint) = seen.fingerprint {
            self.statements.of(fingerprint).merge(1);
        }
    }

    fn error(self, code: Code, texts: &Normalized<'_>) -> ErrorGroup {
        ErrorGroup {
            condition: condition(&code.code).to_owned(),
            class: sql_state::class(&code.code).unwrap_or("").to_owned(),
            severity: code.severity.name().to_owned(),
            code: code.code,
            count: self.count,
            first_us: self.period.first_us,
            last_us: self.period.last_us,
            example: self.example.finish(),
            statements: statements(self.statements, texts),
        }
    }

    fn cancel(self, cause: String, texts: &Normalized<'_>) -> CancelGroup {
        CancelGroup {
            cause,
            count: self.count,
            first_us: self.period.first_us,
            last_us: self.period.last_us,
            example: self.example.finish(),
            statements: statements(self.statements, texts),
        }
    }
}

impl Merge for Group {
    fn merge(&mut self, other: Group) {
        self.count += other.count;
        self.period.merge(other.period);
        self.example.merge(other.example);
        self.statements.merge(other.statements);
    }
}

/// The most frequent statements.
fn statements(counts: Sums<Fingerprint, i64>, texts: &Normalized<'_>) -> Vec<StatementCount> {
    let (mut list, _) = counts.finish();
    list.sort_by_key(|(fingerprint, count)| (Reverse(*count), *fingerprint));
    list.into_iter()
        .take(STATEMENTS_SHOWN)
        .map(|(fingerprint, count)| {
            let (fingerprint, normalized) = texts.of(Some(fingerprint));
            StatementCount {
                fingerprint,
                normalized,
                count,
            }
        })
        .collect()
}

/// A message without what differs from one time to the next: numbers, and what is in quotes.
fn shape(message: &[u8]) -> String {
    let mut shape = Vec::new();
    let mut quote = None;
    for &byte in message.iter().take_while(|byte| **byte != b'\n') {
        match (quote, byte) {
            (Some(open), _) => {
                if byte == open {
                    quote = None;
                    shape.push(byte);
                }
            }
            (None, b'"' | b'\'' | b'`') => {
                quote = Some(byte);
                shape.push(byte);
            }
            (None, b'0'..=b'9') => {
                if shape.last() != Some(&b'9') {
                    shape.push(b'9');
                }
            }
            (None, _) => shape.push(byte),
        }
        if shape.len() >= SHAPE_BYTES {
            break;
        }
    }
    text(&shape)
}

/// The name of a SQLSTATE, or of a number of MySQL; empty when it has none.
fn condition(code: &str) -> &'static str {
    let number = || sql_state::mysql_error(code.parse().ok()?);
    sql_state::condition(code).or_else(number).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_without_code_are_grouped_by_what_stays() {
        assert_eq!(
            shape(b"table 'shop.t42' is crashed after 17 tries"),
            "table '' is crashed after 9 tries"
        );
        assert_eq!(shape(b"it's 5\nmore"), "it'");
    }
}
