//! One event of a PostgreSQL server, whatever format it was written in, to an entry. Joins what a session logs in pieces: a statement and its
//! bare duration, the steps of the extended protocol, a plan and its execution. Does not know stderr, CSV or JSON; what an event that is no
//! execution says is read in [`log`](crate::postgres::log).

mod sessions;

use std::sync::Arc;

use crate::decoder::Output;
use crate::entry::{Execution, LogEntry, LogKind, RejectReason, Severity};
use crate::plan::Plan;
use crate::postgres::event::sessions::{Key, Links, Pending, Sessions as Open};
use crate::postgres::log::LogReader;
use crate::postgres::message::{self, Message};
use crate::span::Span;
use crate::statement::Dialect;

/// One event: a message and what was printed with it. Unknown is `None` or empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event<'a> {
    /// The record, and the bytes of it that are beyond the reading limit.
    pub(crate) span: Span,
    pub(crate) bytes_cut: u64,
    /// `None` when it is a word of another language.
    pub(crate) severity: Option<Severity>,
    /// When it was written, µs since 1970 UTC: the end of a statement.
    pub(crate) time_us: Option<i64>,
    pub(crate) pid: Option<i64>,
    pub(crate) user: &'a [u8],
    pub(crate) database: &'a [u8],
    pub(crate) application: &'a [u8],
    pub(crate) client: &'a [u8],
    /// What kind of process it is: `client backend`, `checkpointer`, …
    pub(crate) backend: &'a [u8],
    pub(crate) query_id: Option<i64>,
    pub(crate) transaction_id: Option<i64>,
    pub(crate) sql_state: &'a [u8],
    pub(crate) message: &'a [u8],
    /// Where in the statement an error is, if the format says so beside the message.
    pub(crate) character: Option<i64>,
    pub(crate) detail: &'a [u8],
    pub(crate) hint: &'a [u8],
    pub(crate) context: &'a [u8],
    pub(crate) statement: &'a [u8],
}

impl Event<'_> {
    /// The bytes beyond the reading limit.
    fn rest(&self) -> Span {
        Span {
            start: self.span.end,
            end: self.span.end + self.bytes_cut,
        }
    }

    fn whole(&self) -> Span {
        Span {
            start: self.span.start,
            end: self.span.end + self.bytes_cut,
        }
    }
}

/// The sessions of one log: makes entries of their events, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: Open,
    links: Links,
    logs: LogReader,
}

impl Sessions {
    /// Books one event; `raw` is its record.
    pub(crate) fn event(&mut self, event: &Event<'_>, raw: &[u8], output: &mut Output<'_, '_>) {
        let envelope = output.envelope(event.span.start);
        let event = &Event {
            time_us: event.time_us.or(envelope.time_us),
            pid: event.pid.or(envelope.pid),
            sql_state: Some(event.sql_state)
                .filter(|code| *code != b"00000")
                .unwrap_or(b""),
            user: known(event.user),
            database: known(event.database),
            application: known(event.application),
            ..*event
        };
        let key = event.pid.map(|pid| (envelope.stream, pid));
        match message::read(event.severity, event.message) {
            Message::Execution {
                duration_us,
                command,
                statement,
            } => {
                let statement = trim_terminator(statement);
                let session = self.open.take(key);
                let mut execution = execution(event, envelope.host, duration_us);
                execution.command = command;
                execution.statement = statement;
                execution.parameters = parameters(event.detail);
                execution.truncated = event.bytes_cut > 0;
                if let Some(session) = &session {
                    (execution.parse_time_us, execution.bind_time_us) = session.steps(statement);
                }
                self.execution(key, event, &mut execution, output);
            }
            Message::Statement { command, statement } => {
                output.step(event.whole());
                let pending = Pending {
                    command,
                    statement: trim_terminator(statement).to_vec(),
                    parameters: parameters(event.detail).to_vec(),
                    truncated: event.bytes_cut > 0,
                };
                self.open.statement(key, event.span, pending);
            }
            Message::Step {
                duration_us,
                step,
                statement,
            } => {
                output.step(event.whole());
                self.open
                    .step(key, event.span, step, duration_us, trim_terminator(statement));
            }
            Message::BareDuration { duration_us } => match self.open.take_statement(key) {
                Some((pending, steps)) => {
                    let mut execution = execution(event, envelope.host, duration_us);
                    execution.command = pending.command;
                    execution.statement = &pending.statement;
                    execution.parameters = &pending.parameters;
                    execution.truncated = pending.truncated;
                    (execution.parse_time_us, execution.bind_time_us) = steps;
                    self.execution(key, event, &mut execution, output);
                }
                None => {
                    let mut entry = entry(event, envelope.host, LogKind::Duration);
                    entry.duration_us = Some(duration_us);
                    log(event, &mut entry, output);
                }
            },
            Message::MalformedDuration => {
                output.reject(event.span, RejectReason::MalformedDuration, raw);
                output.reject_rest(RejectReason::MalformedDuration, event.rest());
            }
            Message::Plan { duration_us, payload } => {
                let mut entry = entry(event, envelope.host, LogKind::Plan);
                entry.duration_us = Some(duration_us);
                self.plan(key, event, payload, &mut entry, output);
            }
            Message::Event => {
                // A statement that failed, or whose session ended, has no duration: the next one is another's.
                if ends_statement(event) {
                    self.open.forget(key);
                    self.links.forget(key);
                }
                let mut entry = entry(event, envelope.host, LogKind::Message);
                self.logs
                    .describe(event, &mut entry, |entry| log(event, entry, output));
            }
        }
    }

    /// Records that hold what later ones need, in the order of the log.
    pub(crate) fn context(&self) -> Vec<Span> {
        let mut spans = self.open.context();
        spans.extend(self.links.context());
        spans.sort_unstable();
        spans.dedup();
        spans
    }

    fn execution(
        &mut self,
        key: Option<Key>,
        event: &Event<'_>,
        execution: &mut Execution<'_>,
        output: &mut Output<'_, '_>,
    ) {
        let place = (event.span, output.offset(event.span.start));
        execution.plan_fingerprint = self.links.plan_of(key, execution, place);
        output.execution(execution);
        output.rest(event.rest());
    }

    fn plan(
        &mut self,
        key: Option<Key>,
        event: &Event<'_>,
        payload: &[u8],
        entry: &mut LogEntry<'_>,
        output: &mut Output<'_, '_>,
    ) {
        let Some(mut plan) = Plan::read(payload) else {
            return log(event, entry, output);
        };
        if event.bytes_cut > 0 {
            // What is cut between two nodes looks whole.
            (plan.fingerprint, plan.truncated) = (None, true);
        }
        let plan = Arc::new(plan);
        let statement = trim_terminator(&plan.query);
        let place = (event.span, output.offset(event.span.start));
        let execution = self.links.execution_of(key, statement, plan.fingerprint, place);
        let mut entry = LogEntry {
            execution_offset: execution,
            server_query_id: entry.server_query_id.or(plan.server_query_id),
            statement,
            plan: Some(&plan),
            // All of it is in the plan.
            message: b"",
            ..entry.clone()
        };
        log(event, &mut entry, output);
    }
}

/// Whether what a session has announced does not come any more.
fn ends_statement(event: &Event<'_>) -> bool {
    let failed = event.severity.is_some_and(|severity| severity >= Severity::Error);
    // Of a foreign severity only the code tells; classes 00 to 02 are success and warnings.
    let failed_by_code =
        event.severity.is_none() && !event.sql_state.is_empty() && event.sql_state >= &b"03"[..];
    failed || failed_by_code || event.message.starts_with(b"disconnection: ")
}

fn log(event: &Event<'_>, entry: &mut LogEntry<'_>, output: &mut Output<'_, '_>) {
    output.log(entry);
    output.rest(event.rest());
}

fn execution<'a>(event: &Event<'a>, host: &'a [u8], duration_us: i64) -> Execution<'a> {
    let mut execution = Execution::new(event.span, Dialect::Postgres, duration_us);
    execution.end_us = event.time_us;
    execution.start_us = event.time_us.and_then(|end| end.checked_sub(duration_us));
    execution.user = event.user;
    execution.database = event.database;
    execution.application = event.application;
    execution.client = event.client;
    execution.host = host;
    execution.session_id = event.pid;
    execution.transaction_id = event.transaction_id.filter(|id| *id != 0);
    execution.server_query_id = event.query_id.filter(|id| *id != 0);
    execution
}

fn entry<'a>(event: &Event<'a>, host: &'a [u8], kind: LogKind) -> LogEntry<'a> {
    let mut entry = LogEntry::new(event.span, Dialect::Postgres, kind);
    entry.severity = event.severity.unwrap_or(Severity::Log);
    entry.time_us = event.time_us;
    entry.user = event.user;
    entry.database = event.database;
    entry.application = event.application;
    entry.client = event.client;
    entry.host = host;
    entry.session_id = event.pid;
    entry.transaction_id = event.transaction_id.filter(|id| *id != 0);
    entry.server_query_id = event.query_id.filter(|id| *id != 0);
    entry.sql_state = event.sql_state;
    entry.message = event.message;
    entry.detail = event.detail;
    entry.hint = event.hint;
    entry.context = event.context;
    entry.statement = trim_terminator(event.statement);
    entry
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
