//! What an event of a PostgreSQL server says that is no execution: its kind, its numbers, what it is about. Knows wordings of PostgreSQL 12 to
//! 18, not formats; messages in other languages are told by their SQLSTATE where there is one.

mod attributes;
mod checkpoint;
mod failure;
mod lock;
mod server;
mod session;
mod vacuum;
pub(crate) mod wording;

#[cfg(test)]
mod tests;

use crate::entry::{LogEntry, LogKind, Severity};
use crate::postgres::event::Event;

pub(crate) use attributes::Attributes;

/// Reads events; reuses its buffers.
#[derive(Debug, Default)]
pub(crate) struct LogReader {
    attributes: Attributes,
}

impl LogReader {
    /// Fills in what the event says, and hands the entry out.
    pub(crate) fn describe<'e>(
        &mut self,
        event: &Event<'e>,
        entry: &mut LogEntry<'e>,
        sink: impl FnOnce(&mut LogEntry<'_>),
    ) {
        self.attributes.clear();
        if event.severity.is_none() {
            entry.severity = severity_of(entry.sql_state);
        }
        if let Some(character) = event.character {
            self.attributes.number("character", character);
        }
        read(
            event.backend,
            &mut Facts {
                entry,
                attributes: &mut self.attributes,
            },
        );
        self.attributes.with(|attributes| {
            sink(&mut LogEntry {
                attributes,
                ..entry.clone()
            });
        });
    }
}

/// What is being found out of one event.
struct Facts<'f, 'e> {
    entry: &'f mut LogEntry<'e>,
    attributes: &'f mut Attributes,
}

impl Facts<'_, '_> {
    /// An attribute with a number, if there is one.
    fn number(&mut self, name: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.attributes.number(name, value);
        }
    }

    /// An attribute that is a number in the log.
    fn digits(&mut self, name: &str, digits: &[u8]) {
        self.number(name, crate::timestamp::number(digits));
    }
}

fn read(backend: &[u8], facts: &mut Facts<'_, '_>) {
    let message = facts.entry.message;
    match facts.entry.severity {
        Severity::Error | Severity::Fatal | Severity::Panic => failure::failed(backend, facts),
        Severity::Warning | Severity::Notice => {
            facts.entry.kind = LogKind::Warning;
            match server::rule(message) {
                Some((rule, rest)) if rule.is_typed_warning() => rule.apply(rest, facts),
                _ => failure::warned(facts),
            }
        }
        Severity::Log => {
            facts.entry.kind = LogKind::Message;
            match server::rule(message) {
                Some((rule, rest)) => rule.apply(rest, facts),
                None => server::process_ended(message, facts),
            }
        }
    }
}

/// How bad an event is whose severity is a word of another language, as far as its SQLSTATE tells: classes 00 to 02 are success and warnings.
fn severity_of(sql_state: &[u8]) -> Severity {
    match sql_state.get(..2) {
        None | Some(b"00") => Severity::Log,
        Some(b"01" | b"02") => Severity::Warning,
        Some(_) => Severity::Error,
    }
}
