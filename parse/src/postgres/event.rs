//! One event of a PostgreSQL server, whatever format it was written in, to an execution or a skipped record. Joins a bare duration to the
//! statement that the same session showed before. Does not know stderr, CSV or JSON.

use std::collections::{BTreeMap, HashMap};

use crate::decoder::Output;
use crate::entry::{Command, Execution, RejectReason, SkipKind};
use crate::postgres::message::{self, Message, Severity};
use crate::span::Span;
use crate::statement::Dialect;

/// Bytes of statements that wait for their durations; beyond it the oldest are given up, and their durations count as without text.
const PENDING_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Statements that wait; more than a server has sessions.
const PENDING_MAX: usize = 4096;

/// One event: a message and what was printed with it.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    /// The record, and the bytes of it that are beyond the reading limit.
    pub(crate) span: Span,
    pub(crate) bytes_cut: u64,
    pub(crate) severity: Severity,
    /// When it was written, µs since 1970 UTC: the end of a statement.
    pub(crate) time_us: Option<i64>,
    pub(crate) pid: Option<i64>,
    pub(crate) user: &'a [u8],
    pub(crate) database: &'a [u8],
    pub(crate) application: &'a [u8],
    pub(crate) client: &'a [u8],
    pub(crate) query_id: Option<i64>,
    pub(crate) message: &'a [u8],
    pub(crate) detail: &'a [u8],
}

/// The sessions of one log: who has shown a statement whose duration is still to come.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// By process id.
    pending: HashMap<i64, Pending>,
    /// Process ids by where their statements begin: the oldest is given up first.
    order: BTreeMap<u64, i64>,
    pending_bytes: usize,
}

#[derive(Debug)]
struct Pending {
    span: Span,
    command: Command,
    statement: Vec<u8>,
    parameters: Vec<u8>,
    truncated: bool,
}

impl Pending {
    fn bytes(&self) -> usize {
        self.statement.len() + self.parameters.len()
    }
}

impl Sessions {
    /// Books one event.
    pub(crate) fn event(&mut self, event: &Event<'_>, raw: &[u8], output: &mut Output<'_, '_>) {
        let bytes_after = event.bytes_cut;
        match message::read(event.severity, event.message) {
            Message::Execution {
                duration_us,
                command,
                statement,
            } => {
                self.forget(event.pid);
                let mut execution = execution(event, duration_us);
                execution.command = command;
                execution.statement = trim_terminator(statement);
                execution.parameters = parameters(event.detail);
                execution.truncated = bytes_after > 0;
                output.execution(&execution);
                output.part(bytes_after);
            }
            Message::Statement { command, statement } => {
                output.part(event.span.bytes() + bytes_after);
                self.remember(event, command, statement);
            }
            Message::BareDuration { duration_us } => match self.forget(event.pid) {
                Some(pending) => {
                    let mut execution = execution(event, duration_us);
                    execution.command = pending.command;
                    execution.statement = &pending.statement;
                    execution.parameters = &pending.parameters;
                    execution.truncated = pending.truncated;
                    output.execution(&execution);
                    output.part(bytes_after);
                }
                None => output.skip(SkipKind::DurationWithoutText, event.span.bytes() + bytes_after),
            },
            Message::MalformedDuration => {
                output.reject(event.span, RejectReason::MalformedDuration, raw);
                output.reject_more(RejectReason::MalformedDuration, bytes_after);
            }
            Message::Other(kind) => {
                // A statement that failed, or whose session ended, has no duration: the next one is another's.
                if kind == SkipKind::Error || event.message.starts_with(b"disconnection: ") {
                    self.forget(event.pid);
                }
                output.skip(kind, event.span.bytes() + bytes_after);
            }
        }
    }

    /// Records that hold the statements still waiting, in the order of the log.
    pub(crate) fn context(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = self.pending.values().map(|pending| pending.span).collect();
        spans.sort_unstable();
        spans
    }

    fn remember(&mut self, event: &Event<'_>, command: Command, statement: &[u8]) {
        let Some(pid) = event.pid else { return };
        self.forget(Some(pid));
        let pending = Pending {
            span: event.span,
            command,
            statement: trim_terminator(statement).to_vec(),
            parameters: parameters(event.detail).to_vec(),
            truncated: event.bytes_cut > 0,
        };
        self.pending_bytes += pending.bytes();
        self.order.insert(pending.span.start, pid);
        self.pending.insert(pid, pending);
        while (self.pending_bytes > PENDING_BYTES_MAX && self.pending.len() > 1)
            || self.pending.len() > PENDING_MAX
        {
            let oldest = self.order.first_key_value().map(|(_, pid)| *pid);
            self.forget(oldest);
        }
    }

    fn forget(&mut self, pid: Option<i64>) -> Option<Pending> {
        if self.pending.is_empty() {
            return None;
        }
        let pending = self.pending.remove(&pid?)?;
        self.order.remove(&pending.span.start);
        self.pending_bytes -= pending.bytes();
        Some(pending)
    }
}

fn execution<'a>(event: &Event<'a>, duration_us: i64) -> Execution<'a> {
    let mut execution = Execution::new(event.span, Dialect::Postgres, duration_us);
    execution.end_us = event.time_us;
    execution.start_us = event.time_us.and_then(|end| end.checked_sub(duration_us));
    execution.user = known(event.user);
    execution.database = known(event.database);
    execution.application = known(event.application);
    execution.client = event.client;
    execution.session_id = event.pid;
    execution.server_query_id = event.query_id.filter(|id| *id != 0);
    execution
}

/// `[unknown]` is what the server prints before it knows.
fn known(name: &[u8]) -> &[u8] {
    if name == b"[unknown]" { b"" } else { name }
}

/// The values of `parameters: $1 = …`; PostgreSQL 18 writes the word with a capital.
fn parameters(detail: &[u8]) -> &[u8] {
    match detail.split_at_checked(12) {
        Some((label, values)) if label.eq_ignore_ascii_case(b"parameters: ") => values.trim_ascii_end(),
        _ => b"",
    }
}

/// A client may send `;` and line ends after its statement; they are no part of it.
fn trim_terminator(statement: &[u8]) -> &[u8] {
    let end = statement
        .iter()
        .rposition(|b| !b.is_ascii_whitespace() && *b != b';')
        .map_or(0, |at| at + 1);
    &statement[..end]
}
