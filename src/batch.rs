//! Entries on their way from one thread to another: copies of what the decoder lends, in a few large allocations that are used again.

use std::ops::Range;
use std::sync::Arc;

use slowlake_parse::{Decoded, Execution, LogEntry, Plan, Reject, RejectReason, Span};

/// A batch is full at this many bytes of text,
const TEXT_BYTES: usize = 256 * 1024;
/// or at this many entries.
const ENTRIES: usize = 1024;

/// Entries of one source; those of a kind are in the order of the source.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    text: Vec<u8>,
    executions: Vec<Packed>,
    logs: Vec<PackedLog>,
    attributes: Vec<(Range<usize>, Range<usize>)>,
    rejects: Vec<PackedReject>,
}

#[derive(Debug)]
struct Packed {
    /// The execution with every text empty.
    numbers: Execution<'static>,
    user: Range<usize>,
    database: Range<usize>,
    application: Range<usize>,
    client: Range<usize>,
    host: Range<usize>,
    statement: Range<usize>,
    parameters: Range<usize>,
    attributes: Range<usize>,
}

#[derive(Debug)]
struct PackedLog {
    /// The entry with every text empty and without its plan.
    numbers: LogEntry<'static>,
    plan: Option<Arc<Plan>>,
    user: Range<usize>,
    database: Range<usize>,
    application: Range<usize>,
    client: Range<usize>,
    host: Range<usize>,
    sql_state: Range<usize>,
    object: Range<usize>,
    message: Range<usize>,
    detail: Range<usize>,
    hint: Range<usize>,
    context: Range<usize>,
    statement: Range<usize>,
    attributes: Range<usize>,
}

#[derive(Debug)]
struct PackedReject {
    span: Span,
    reason: RejectReason,
    raw: Range<usize>,
}

impl Batch {
    pub(crate) fn push(&mut self, decoded: &Decoded<'_>) {
        match decoded {
            Decoded::Execution(execution) => self.push_execution(execution),
            Decoded::Log(entry) => self.push_log(entry),
            Decoded::Reject(reject) => self.push_reject(reject),
        }
    }

    fn push_execution(&mut self, execution: &Execution<'_>) {
        let packed = Packed {
            user: self.copy(execution.user),
            database: self.copy(execution.database),
            application: self.copy(execution.application),
            client: self.copy(execution.client),
            host: self.copy(execution.host),
            statement: self.copy(execution.statement),
            parameters: self.copy(execution.parameters),
            attributes: self.copy_pairs(execution.attributes),
            numbers: Execution {
                user: b"",
                database: b"",
                application: b"",
                client: b"",
                host: b"",
                statement: b"",
                parameters: b"",
                attributes: &[],
                ..*execution
            },
        };
        self.executions.push(packed);
    }

    fn push_log(&mut self, entry: &LogEntry<'_>) {
        let packed = PackedLog {
            plan: entry.plan.cloned(),
            user: self.copy(entry.user),
            database: self.copy(entry.database),
            application: self.copy(entry.application),
            client: self.copy(entry.client),
            host: self.copy(entry.host),
            sql_state: self.copy(entry.sql_state),
            object: self.copy(entry.object),
            message: self.copy(entry.message),
            detail: self.copy(entry.detail),
            hint: self.copy(entry.hint),
            context: self.copy(entry.context),
            statement: self.copy(entry.statement),
            attributes: self.copy_pairs(entry.attributes),
            numbers: LogEntry {
                user: b"",
                database: b"",
                application: b"",
                client: b"",
                host: b"",
                sql_state: b"",
                object: b"",
                message: b"",
                detail: b"",
                hint: b"",
                context: b"",
                statement: b"",
                attributes: &[],
                plan: None,
                ..*entry
            },
        };
        self.logs.push(packed);
    }

    fn push_reject(&mut self, reject: &Reject<'_>) {
        let raw = self.copy(reject.raw);
        self.rejects.push(PackedReject {
            span: reject.span,
            reason: reject.reason,
            raw,
        });
    }

    pub(crate) fn is_full(&self) -> bool {
        self.text.len() >= TEXT_BYTES || self.executions.len() + self.logs.len() >= ENTRIES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.executions.is_empty() && self.logs.is_empty() && self.rejects.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.executions.clear();
        self.logs.clear();
        self.attributes.clear();
        self.rejects.clear();
    }

    /// Calls `each` with every execution.
    pub(crate) fn executions(&self, mut each: impl FnMut(&Execution<'_>)) {
        let mut attributes = Vec::new();
        for packed in &self.executions {
            self.pairs(&packed.attributes, &mut attributes);
            let text = |range: &Range<usize>| &self.text[range.clone()];
            each(&Execution {
                user: text(&packed.user),
                database: text(&packed.database),
                application: text(&packed.application),
                client: text(&packed.client),
                host: text(&packed.host),
                statement: text(&packed.statement),
                parameters: text(&packed.parameters),
                attributes: &attributes,
                ..packed.numbers
            });
        }
    }

    /// Calls `each` with every event of the server.
    pub(crate) fn logs(&self, mut each: impl FnMut(&LogEntry<'_>)) {
        let mut attributes = Vec::new();
        for packed in &self.logs {
            self.pairs(&packed.attributes, &mut attributes);
            let text = |range: &Range<usize>| &self.text[range.clone()];
            each(&LogEntry {
                user: text(&packed.user),
                database: text(&packed.database),
                application: text(&packed.application),
                client: text(&packed.client),
                host: text(&packed.host),
                sql_state: text(&packed.sql_state),
                object: text(&packed.object),
                message: text(&packed.message),
                detail: text(&packed.detail),
                hint: text(&packed.hint),
                context: text(&packed.context),
                statement: text(&packed.statement),
                attributes: &attributes,
                plan: packed.plan.as_ref(),
                ..packed.numbers
            });
        }
    }

    pub(crate) fn rejects(&self) -> impl Iterator<Item = Reject<'_>> {
        self.rejects.iter().map(|reject| Reject {
            span: reject.span,
            reason: reject.reason,
            raw: &self.text[reject.raw.clone()],
        })
    }

    fn copy(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.text.len();
        self.text.extend_from_slice(bytes);
        start..self.text.len()
    }

    fn copy_pairs(&mut self, pairs: &[(&[u8], &[u8])]) -> Range<usize> {
        let start = self.attributes.len();
        for (name, value) in pairs {
            let pair = (self.copy(name), self.copy(value));
            self.attributes.push(pair);
        }
        start..self.attributes.len()
    }

    /// The attributes of an entry, borrowed into `pairs`.
    fn pairs<'b>(&'b self, range: &Range<usize>, pairs: &mut Vec<(&'b [u8], &'b [u8])>) {
        pairs.clear();
        let packed = &self.attributes[range.clone()];
        pairs.extend(
            packed
                .iter()
                .map(|(name, value)| (&self.text[name.clone()], &self.text[value.clone()])),
        );
    }
}
