//! What a decoder hands out, in a form that outlives the input and can be compared and printed.

use std::fmt;

use super::super::{Decoded, Decoder};
use crate::{Command, Execution, Ledger, LogKind, RejectReason, Span};

/// Everything a decoder made of an input.
#[derive(Debug, PartialEq, Clone)]
pub(super) struct Found {
    pub(super) executions: Vec<Row>,
    pub(super) logs: Vec<LogRow>,
    pub(super) rejects: Vec<(Span, RejectReason, Vec<u8>)>,
    pub(super) ledger: Ledger,
}

#[derive(Debug, PartialEq, Clone)]
pub(super) struct Row {
    pub(super) span: Span,
    pub(super) known: Known,
    pub(super) is_truncated: bool,
    /// Everything else.
    rest: String,
}

/// An event of the server.
#[derive(Debug, PartialEq, Clone)]
pub(super) struct LogRow {
    pub(super) span: Span,
    pub(super) kind: LogKind,
    /// All of it.
    text: String,
}

/// The fields of an execution that the writers of these tests print.
#[derive(PartialEq, Clone)]
pub(super) struct Known {
    pub(super) command: Command,
    pub(super) start_us: Option<i64>,
    pub(super) end_us: Option<i64>,
    pub(super) query_time_us: i64,
    pub(super) user: Vec<u8>,
    pub(super) database: Vec<u8>,
    pub(super) application: Vec<u8>,
    pub(super) client: Vec<u8>,
    pub(super) session_id: Option<i64>,
    pub(super) statement: Vec<u8>,
    pub(super) parameters: Vec<u8>,
}

impl Found {
    pub(super) fn new() -> Found {
        Found {
            executions: Vec::new(),
            logs: Vec::new(),
            rejects: Vec::new(),
            ledger: Ledger::default(),
        }
    }

    pub(super) fn add(&mut self, decoded: Decoded<'_>) {
        match decoded {
            Decoded::Execution(execution) => self.executions.push(Row::of(execution)),
            Decoded::Log(entry) => self.logs.push(LogRow {
                span: entry.span,
                kind: entry.kind,
                text: format!("{entry:?}"),
            }),
            Decoded::Reject(reject) => self
                .rejects
                .push((reject.span, reject.reason, reject.raw.to_vec())),
        }
    }

    /// What `decoder` makes of pieces and then the end.
    pub(super) fn by<'p>(mut decoder: Decoder, pieces: impl IntoIterator<Item = &'p [u8]>) -> Found {
        let mut found = Found::new();
        for piece in pieces {
            decoder.push(piece, &mut |decoded| found.add(decoded));
        }
        decoder.finish(&mut |decoded| found.add(decoded));
        found.ledger = decoder.take_ledger();
        found
    }

    pub(super) fn known(&self) -> Vec<Known> {
        self.executions.iter().map(|row| row.known.clone()).collect()
    }

    pub(super) fn statements(&self) -> Vec<String> {
        self.executions
            .iter()
            .map(|row| String::from_utf8_lossy(&row.known.statement).into_owned())
            .collect()
    }

    pub(super) fn rejected(&self) -> Vec<(RejectReason, String)> {
        self.rejects
            .iter()
            .map(|(_, reason, raw)| (*reason, String::from_utf8_lossy(raw).into_owned()))
            .collect()
    }
}

impl Row {
    fn of(execution: &Execution<'_>) -> Row {
        let rest = Execution {
            user: b"",
            database: b"",
            application: b"",
            client: b"",
            statement: b"",
            parameters: b"",
            ..execution.clone()
        };
        Row {
            span: execution.span,
            known: Known {
                command: execution.command,
                start_us: execution.start_us,
                end_us: execution.end_us,
                query_time_us: execution.query_time_us,
                user: execution.user.to_vec(),
                database: execution.database.to_vec(),
                application: execution.application.to_vec(),
                client: execution.client.to_vec(),
                session_id: execution.session_id,
                statement: execution.statement.to_vec(),
                parameters: execution.parameters.to_vec(),
            },
            is_truncated: execution.truncated,
            rest: format!("{rest:?}"),
        }
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Known {
            command,
            start_us,
            end_us,
            query_time_us,
            session_id,
            ..
        } = self;
        let texts = [
            &self.user,
            &self.database,
            &self.application,
            &self.client,
            &self.statement,
            &self.parameters,
        ];
        let [user, database, application, client, statement, parameters] =
            texts.map(|text| text.escape_ascii().to_string());
        write!(
            f,
            "{command:?} {start_us:?}..{end_us:?} {query_time_us} µs {session_id:?} {user}@{database}/{application} {client}: \
             {statement} ({parameters})"
        )
    }
}
