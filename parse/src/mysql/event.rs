//! What a message of a MySQL server tells, whatever log it was written to: its kind, its numbers, what it is about. Knows wordings, not formats.

use std::borrow::Cow;

use memchr::memmem::{find, rfind};

use crate::decoder::Output;
use crate::entry::{LogEntry, LogKind, Severity};
use crate::mysql::account::Account;
use crate::mysql::command::access_denied;
use crate::mysql::{deadlock, replication};
use crate::span::Span;
use crate::statement::Dialect;
use crate::timestamp::number;

/// Names and values that a message holds.
pub(crate) type Facts<'a> = Vec<(Cow<'a, [u8]>, Cow<'a, [u8]>)>;

/// One message and what was printed with it. Unknown is `None` or empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event<'a> {
    pub(crate) span: Span,
    /// When it was written, µs since 1970 UTC.
    pub(crate) time_us: Option<i64>,
    /// The session's thread; 0 is the server itself.
    pub(crate) thread_id: Option<i64>,
    pub(crate) severity: Severity,
    pub(crate) code: Option<i64>,
    pub(crate) sql_state: &'a [u8],
    pub(crate) subsystem: &'a [u8],
    pub(crate) message: &'a [u8],
}

impl Event<'_> {
    /// Hands the entry of this message out.
    pub(crate) fn emit(&self, output: &mut Output<'_, '_>) {
        let envelope = output.envelope(self.span.start);
        let mut entry = LogEntry::new(self.span, Dialect::Mysql, kind_of(self.severity));
        entry.severity = self.severity;
        entry.time_us = self.time_us.or(envelope.time_us);
        entry.host = envelope.host;
        entry.session_id = self.thread_id.filter(|id| *id != 0);
        entry.error_code = self.code.filter(|code| *code != 0);
        entry.sql_state = self.sql_state;
        entry.message = self.message;
        let mut facts = Facts::new();
        if !self.subsystem.is_empty() {
            fact(&mut facts, "subsystem", self.subsystem);
        }
        self.describe(&mut entry, &mut facts);
        let known = entry.attributes.iter().copied();
        let attributes: Vec<(&[u8], &[u8])> = known
            .chain(facts.iter().map(|(name, value)| (name.as_ref(), value.as_ref())))
            .collect();
        let mut entry = LogEntry {
            attributes: &attributes,
            ..entry.clone()
        };
        output.log(&mut entry);
    }
}

impl<'a> Event<'a> {
    fn describe(&self, entry: &mut LogEntry<'a>, facts: &mut Facts<'a>) {
        let message = self.message;
        let first = first_line(message);
        if deadlock::is_begin(message) {
            deadlock::describe(message, entry, facts);
        } else if let Some(signal) = signal(first) {
            crash(message, signal, entry, facts);
        } else if first.starts_with(b"Aborted connection ") {
            aborted(first, entry, facts);
        } else if access_denied(first, entry) {
            entry.kind = LogKind::ConnectionFailed;
        } else if let Some(reason) = refused(first) {
            entry.kind = LogKind::ConnectionFailed;
            fact(facts, "reason", reason);
        } else if let Some(phase) = startup(first) {
            entry.kind = LogKind::Startup;
            fact(facts, "phase", phase);
            version(message, facts);
        } else if let Some(phase) = shutdown(first) {
            entry.kind = LogKind::Shutdown;
            fact(facts, "phase", phase);
            if let Some(by) =
                between(first, b"(initiated by: ", b"): ").or(between(first, b"from user ", b". "))
            {
                entry.user = Some(Account::read(by).user)
                    .filter(|user| *user != b"unknown")
                    .unwrap_or(b"");
            }
        } else if replication::is_about(first, self.subsystem) {
            replication::describe(message, entry, facts);
        } else if let Some(us) = stall_us(message) {
            entry.kind = LogKind::Warning;
            entry.duration_us = Some(us);
        }
    }
}

/// Adds a name and a value.
pub(crate) fn fact<'a>(facts: &mut Facts<'a>, name: &'static str, value: impl Into<Cow<'a, [u8]>>) {
    facts.push((Cow::Borrowed(name.as_bytes()), value.into()));
}

/// What stands after the first `before`, up to the next `after`.
pub(crate) fn between<'t>(text: &'t [u8], before: &[u8], after: &[u8]) -> Option<&'t [u8]> {
    let start = find(text, before)? + before.len();
    let length = find(&text[start..], after)?;
    Some(&text[start..start + length])
}

/// The digits that follow the first `before`.
pub(crate) fn digits_after<'t>(text: &'t [u8], before: &[u8]) -> Option<&'t [u8]> {
    let rest = &text[find(text, before)? + before.len()..];
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    (digits > 0).then(|| &rest[..digits])
}

fn first_line(message: &[u8]) -> &[u8] {
    &message[..memchr::memchr(b'\n', message).unwrap_or(message.len())]
}

fn kind_of(severity: Severity) -> LogKind {
    match severity {
        Severity::Error | Severity::Fatal | Severity::Panic => LogKind::Error,
        Severity::Warning => LogKind::Warning,
        Severity::Notice | Severity::Log => LogKind::Message,
    }
}

/// The signal or exception that ended the server.
fn signal(message: &[u8]) -> Option<&[u8]> {
    let at = find(message, b" got signal ").map(|at| at + b" got signal ".len());
    let at = at.or_else(|| find(message, b" got exception ").map(|at| at + b" got exception ".len()))?;
    let rest = &message[at..];
    // Other programs' deaths are told in other words: `mysqld got signal 11 ;`.
    let end = find(rest, b" ;")?;
    Some(&rest[..end])
}

/// A crash: the first line tells the signal, the others the stack, and which statement ran in which thread.
fn crash<'a>(message: &'a [u8], signal: &'a [u8], entry: &mut LogEntry<'a>, facts: &mut Facts<'a>) {
    entry.kind = LogKind::Crash;
    entry.severity = Severity::Panic;
    fact(facts, "signal", signal);
    entry.message = first_line(message);
    entry.detail = message[entry.message.len()..].trim_ascii();
    entry.session_id = digits_after(message, b"\nConnection ID (thread ID): ").and_then(number);
    if let Some(at) = find(message, b"\nQuery (") {
        let text = &message[at..];
        let text = find(text, b"): ").map_or(&b""[..], |at| &text[at + 3..]);
        let end = find(text, b"\nConnection ID ").unwrap_or(text.len());
        entry.statement = text[..end].trim_ascii_end();
    }
}

/// `Aborted connection 42 to db: 'shop' user: 'app' host: 'web' (Got timeout reading communication packets)`.
fn aborted<'a>(message: &'a [u8], entry: &mut LogEntry<'a>, facts: &mut Facts<'a>) {
    entry.kind = LogKind::Disconnection;
    entry.session_id = digits_after(message, b"Aborted connection ").and_then(number);
    entry.database = between(message, b" db: '", b"'")
        .filter(|name| *name != b"unconnected")
        .unwrap_or(b"");
    entry.user = between(message, b" user: '", b"'")
        .filter(|name| *name != b"unauthenticated")
        .unwrap_or(b"");
    entry.client = between(message, b" host: '", b"'").unwrap_or(b"");
    if let Some(open) = rfind(message, b" (") {
        let cause = &message[open + 2..];
        fact(
            facts,
            "reason",
            &cause[..memchr::memchr(b')', cause).unwrap_or(cause.len())],
        );
    }
}

/// Why a client was not let in that gave no account.
fn refused(message: &[u8]) -> Option<&'static [u8]> {
    if message.starts_with(b"Too many connections") {
        Some(b"too_many")
    } else if message.starts_with(b"Host '") && find(message, b"' is blocked ").is_some() {
        Some(b"blocked")
    } else if message.starts_with(b"Host '") && find(message, b"' is not allowed ").is_some() {
        Some(b"not_permitted")
    } else {
        None
    }
}

fn startup(message: &[u8]) -> Option<&'static [u8]> {
    if message.starts_with(b"X Plugin ") {
        None
    } else if find(message, b": ready for connections").is_some() {
        Some(b"ready")
    } else if find(message, b" starting as process ").is_some() || message.starts_with(b"Starting MariaDB ") {
        Some(b"starting")
    } else {
        None
    }
}

fn version<'a>(message: &'a [u8], facts: &mut Facts<'a>) {
    let version = between(message, b"Version: '", b"'")
        .or_else(|| between(message, b"(mysqld ", b")"))
        .or_else(|| between(message, b"Starting MariaDB ", b" "));
    if let Some(version) = version {
        fact(facts, "version", version);
    }
    if let Some(port) = digits_after(message, b" port: ") {
        fact(facts, "port", port);
    }
}

fn shutdown(message: &[u8]) -> Option<&'static [u8]> {
    let is_complete = |at: usize| message.get(at + b": Shutdown complete".len()) != Some(&b'd');
    if find(message, b": Shutdown complete").is_some_and(is_complete) {
        Some(b"stopped")
    } else if find(message, b": Normal shutdown").is_some() || message.starts_with(b"Received SHUTDOWN ") {
        Some(b"requested")
    } else {
        None
    }
}

/// How long InnoDB says that it was held up, µs: `page_cleaner: 1000ms intended loop took 4013ms.`, `A long semaphore wait:` and the lines that
/// tell of the thread `has waited at … for 241 seconds the semaphore`.
fn stall_us(message: &[u8]) -> Option<i64> {
    if let Some(milliseconds) = digits_after(message, b" intended loop took ") {
        return number(milliseconds)?.checked_mul(1_000);
    }
    let waited = find(message, b" has waited at ")?;
    let seconds = digits_after(&message[waited..], b" for ")?;
    number(seconds)?.checked_mul(1_000_000)
}

#[cfg(test)]
mod tests;
