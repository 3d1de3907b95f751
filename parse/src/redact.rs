//! Events of servers without what clients sent: for archives that must not hold literals. Shows only texts that are known to be the server's
//! own, put together anew; what is not known is withheld. Never changes numbers, times or places.
//!
//! A part of a text is shown only when the wording says that it is the name of an object in the catalog, and not when the statement has the
//! same text in a literal. What is left is a function that RAISEs the very words of the server about a text of its own, in a log that prints
//! neither SQLSTATE nor CONTEXT.

mod shape;

use memchr::memmem;

use crate::entry::{LogEntry, LogKind};
use crate::postgres::log::Attributes;
use crate::postgres::log::wording::holes;
use crate::sql_state::{condition, mysql_error, wording};
use crate::statement::{Analyzer, Dialect};

pub use shape::shape;

/// What stands for a message that nothing is known about.
const WITHHELD: &str = "withheld";
/// Longest name that is shown, in bytes: three names of PostgreSQL, with dots.
const NAME_BYTES_MAX: usize = 3 * 63 + 2;
/// Most holes of a wording.
const HOLES_MAX: usize = 4;

/// Attributes whose value is a word of the server, or of a list of this crate.
const WORDS: &[&str] = &[
    "cause",
    "conflict",
    "index_scan",
    "lock_type",
    "lsn",
    "method",
    "mode",
    "phase",
    "reason",
    "reasons",
    "redo_lsn",
    "side",
    "ssl_cipher",
    "ssl_protocol",
    "version",
];
/// Why sessions end, as MySQL, MariaDB and PgBouncer say it. Others are withheld: MySQL says there what the last statement failed with, too.
const ENDS_OF_SESSIONS: &[&str] = &[
    "CLOSE_CONNECTION",
    "Got an error reading communication packets",
    "Got an error writing communication packets",
    "Got packets out of order",
    "Got timeout reading communication packets",
    "Got timeout writing communication packets",
    "KILLED",
    "This connection closed normally",
    "This connection closed normally without authentication",
    "Unknown error",
    "admin forced shutdown",
    "client close request",
    "client disconnect while server was not ready",
    "client unexpected eof",
    "client_idle_timeout",
    "client_login_timeout",
    "idle transaction timeout",
    "obsolete connection",
    "query_timeout",
    "query_wait_timeout",
    "server conn crashed?",
    "server idle timeout",
    "server lifetime over",
    "unclean server",
];
/// Attributes whose value is a name in the catalog.
const NAMES: &[&str] = &["identity", "relation", "slot"];

/// Values of attributes of executions that servers choose among.
const CHOICES: &[&str] = &["No", "Yes", "query", "session"];

/// Whether an attribute of an execution can be shown where literals must not: a number, a time, a choice, or the name of a routine.
///
/// ```
/// use slowlake_parse::is_harmless;
///
/// assert!(is_harmless("InnoDB_IO_r_wait", "0.001279") && is_harmless("QC_hit", "No"));
/// assert!(is_harmless("Stored_routine", "shop.daily") && !is_harmless("Comment", "daily"));
/// ```
pub fn is_harmless(name: &str, value: &str) -> bool {
    let is_name = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let is_number = || {
        value
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b':' | b'T' | b'Z'))
    };
    is_name && (is_number() || CHOICES.contains(&value) || name == "Stored_routine")
}

/// Takes what clients sent out of events; reuses its buffers.
#[derive(Debug, Default)]
pub struct Redactor {
    message: Vec<u8>,
    statement: Vec<u8>,
    attributes: Attributes,
}

impl Redactor {
    /// Hands `entry` to `sink` with no byte of a literal in its message, detail, hint, context, statement, object and attributes. `analyzer` is
    /// one for the entry's dialect. The plan is left as it is.
    pub fn redact(
        &mut self,
        entry: &LogEntry<'_>,
        analyzer: &mut Analyzer,
        sink: impl FnOnce(&LogEntry<'_>),
    ) {
        self.message.clear();
        self.statement.clear();
        self.attributes.clear();
        if !entry.statement.is_empty() {
            let normalized = analyzer.analyze(entry.statement).normalized;
            self.statement.extend_from_slice(normalized.as_bytes());
        }
        let object = self.texts(entry);
        // What a function made up is of no known kind, whatever it looks like.
        let attributes = if is_raised(entry) { &[] } else { entry.attributes };
        for (name, value) in attributes {
            self.attribute(entry, name, value, analyzer);
        }
        let (message, statement) = (&self.message, &self.statement);
        self.attributes.with(|attributes| {
            sink(&LogEntry {
                message,
                detail: b"",
                hint: b"",
                context: b"",
                statement,
                object,
                attributes,
                ..entry.clone()
            });
        });
    }

    /// Writes the message, and returns the object that may be shown.
    fn texts<'e>(&mut self, entry: &LogEntry<'e>) -> &'e [u8] {
        match entry.kind {
            LogKind::Error | LogKind::Warning => self.failure(entry),
            _ if entry.kind == LogKind::Message || is_raised(entry) => {
                self.named(condition_of(entry).unwrap_or(WITHHELD));
                b""
            }
            // The message of a plan is empty; its numbers are in the plan.
            LogKind::Plan => b"",
            kind => {
                self.named(kind.name());
                let object = self.name(entry, without_key(entry.object));
                if !object.is_empty() {
                    self.message.extend_from_slice(b": ");
                    self.message.extend_from_slice(object);
                }
                object
            }
        }
    }

    /// The message of a failure: its wording with names of the catalog, or the name of its condition.
    fn failure<'e>(&mut self, entry: &LogEntry<'e>) -> &'e [u8] {
        let message = entry.message;
        let known =
            wording(message).filter(|wording| is_code(entry.sql_state, wording.code) && !is_raised(entry));
        let Some(wording) = known else {
            self.named(condition_of(entry).unwrap_or(WITHHELD));
            return b"";
        };
        let found: [&[u8]; HOLES_MAX] = holes(wording.text, message).unwrap_or_default();
        let mut object: &[u8] = b"";
        for (at, text) in wording.text.split("{}").enumerate() {
            if at > 0 {
                let is_name = wording.names >> (at - 1) & 1 == 1;
                let name = if is_name {
                    self.name(entry, found[at - 1])
                } else {
                    b""
                };
                self.message
                    .extend_from_slice(if name.is_empty() { b"?" } else { name });
                object = if object.is_empty() { name } else { object };
            }
            self.message.extend_from_slice(text.as_bytes());
        }
        object
    }

    fn attribute(&mut self, entry: &LogEntry<'_>, name: &[u8], value: &[u8], analyzer: &mut Analyzer) {
        // Attributes are named by this crate, except for the names of indexes in them.
        let Ok(name) = std::str::from_utf8(name) else {
            return;
        };
        if name.starts_with("statement_") {
            let normalized = analyzer.analyze(value).normalized;
            return self.attributes.text(name, normalized.as_bytes());
        }
        let value = without_key(value);
        let is_shown = if NAMES.contains(&name) || name.starts_with("object_") {
            !self.name(entry, value).is_empty()
        } else if name == "reason" && entry.kind == LogKind::Disconnection {
            ENDS_OF_SESSIONS.iter().any(|end| end.as_bytes() == value)
        } else if WORDS.contains(&name) || name.starts_with("mode_") {
            is_word(value) && !self.is_in_literal(entry, value)
        } else {
            // Settings hold passwords.
            name != "value"
                && value
                    .iter()
                    .all(|b| b.is_ascii_digit() || matches!(b, b'-' | b','))
        };
        if is_shown {
            self.attributes.text(name, value);
        }
    }

    /// `name` if it may be shown, else nothing.
    fn name<'e>(&self, entry: &LogEntry<'_>, name: &'e [u8]) -> &'e [u8] {
        let is_name = name.len() <= NAME_BYTES_MAX
            && !name
                .iter()
                .any(|b| b.is_ascii_control() || matches!(b, b'"' | b'\'' | b'`'));
        if is_name && !self.is_in_literal(entry, name) {
            name
        } else {
            b""
        }
    }

    /// Whether the statement has `text`, but only where its normalized text has a `?`.
    fn is_in_literal(&self, entry: &LogEntry<'_>, text: &[u8]) -> bool {
        memmem::find(entry.statement, text).is_some() && !contains_ignoring_case(&self.statement, text)
    }

    /// `lock_wait` as `lock wait`.
    fn named(&mut self, name: &str) {
        self.message
            .extend(name.bytes().map(|b| if b == b'_' { b' ' } else { b }));
    }
}

/// Whether a SQLSTATE is that of a wording, of which one has two.
fn is_code(sql_state: &[u8], code: &str) -> bool {
    sql_state == code.as_bytes() || (code == "28000" && sql_state == b"42704")
}

/// Whether a function made the message up: the keyword is the same in every language.
fn is_raised(entry: &LogEntry<'_>) -> bool {
    memmem::find(entry.context, b"RAISE").is_some() || entry.sql_state.starts_with(b"P0")
}

/// The name of what happened, by its code.
fn condition_of(entry: &LogEntry<'_>) -> Option<&'static str> {
    match entry.dialect {
        Dialect::Postgres => condition(std::str::from_utf8(entry.sql_state).ok()?),
        Dialect::Mysql => mysql_error(entry.error_code?),
    }
}

/// `advisory lock [16392,0,42,1]` without the key, which the client chose.
fn without_key(object: &[u8]) -> &[u8] {
    const ADVISORY: &[u8] = b"advisory lock";
    if object.starts_with(ADVISORY) {
        ADVISORY
    } else {
        object
    }
}

/// A few words or a list of them, as this crate and the server print them.
fn is_word(value: &[u8]) -> bool {
    let is_plain =
        |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'_' | b'-' | b',' | b'.' | b'/' | b'?');
    value.len() <= NAME_BYTES_MAX && value.iter().all(is_plain)
}

/// Whether `text` has `part`, whatever the case of letters. Linear in practice: both are short.
fn contains_ignoring_case(text: &[u8], part: &[u8]) -> bool {
    part.is_empty()
        || text
            .windows(part.len())
            .any(|window| window.eq_ignore_ascii_case(part))
}

#[cfg(test)]
mod tests;
