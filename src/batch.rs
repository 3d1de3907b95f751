//! Executions on their way from one thread to another: copies of what the decoder lends, in a few large allocations that are used again.

use std::ops::Range;

use slowlake_parse::{Execution, Reject, RejectReason, Span};

/// A batch is full at this many bytes of text,
const TEXT_BYTES: usize = 256 * 1024;
/// or at this many entries.
const ENTRIES: usize = 1024;

/// Executions and rejects of one source, in the order of the source.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    text: Vec<u8>,
    executions: Vec<Packed>,
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
    statement: Range<usize>,
    parameters: Range<usize>,
    attributes: Range<usize>,
}

#[derive(Debug)]
struct PackedReject {
    span: Span,
    reason: RejectReason,
    raw: Range<usize>,
}

impl Batch {
    pub(crate) fn push(&mut self, execution: &Execution<'_>) {
        let attributes_start = self.attributes.len();
        for (name, value) in execution.attributes {
            let pair = (self.copy(name), self.copy(value));
            self.attributes.push(pair);
        }
        let packed = Packed {
            user: self.copy(execution.user),
            database: self.copy(execution.database),
            application: self.copy(execution.application),
            client: self.copy(execution.client),
            statement: self.copy(execution.statement),
            parameters: self.copy(execution.parameters),
            attributes: attributes_start..self.attributes.len(),
            numbers: without_texts(execution),
        };
        self.executions.push(packed);
    }

    pub(crate) fn push_reject(&mut self, reject: &Reject<'_>) {
        let raw = self.copy(reject.raw);
        self.rejects.push(PackedReject {
            span: reject.span,
            reason: reject.reason,
            raw,
        });
    }

    pub(crate) fn is_full(&self) -> bool {
        self.text.len() >= TEXT_BYTES || self.executions.len() >= ENTRIES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.executions.is_empty() && self.rejects.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.executions.clear();
        self.attributes.clear();
        self.rejects.clear();
    }

    /// Calls `each` with every execution, its attributes put together in `scratch`.
    pub(crate) fn for_each(&self, mut each: impl FnMut(&Execution<'_>)) {
        let mut attributes = Vec::new();
        for packed in &self.executions {
            attributes.clear();
            let pairs = &self.attributes[packed.attributes.clone()];
            attributes.extend(
                pairs
                    .iter()
                    .map(|(name, value)| (&self.text[name.clone()], &self.text[value.clone()])),
            );
            let execution = Execution {
                user: &self.text[packed.user.clone()],
                database: &self.text[packed.database.clone()],
                application: &self.text[packed.application.clone()],
                client: &self.text[packed.client.clone()],
                statement: &self.text[packed.statement.clone()],
                parameters: &self.text[packed.parameters.clone()],
                attributes: &attributes,
                ..packed.numbers
            };
            each(&execution);
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
}

fn without_texts(execution: &Execution<'_>) -> Execution<'static> {
    Execution {
        user: b"",
        database: b"",
        application: b"",
        client: b"",
        statement: b"",
        parameters: b"",
        attributes: &[],
        ..*execution
    }
}
