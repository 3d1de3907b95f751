//! Where a format puts what it found: keeps the books on the way, and puts every span where it is in the source when the format has read a
//! log without its wrapper. Never changes what was found.

use crate::decoder::Sink;
use crate::entry::{Decoded, Execution, LogEntry, REJECT_BYTES_KEPT, Reject, RejectReason, SkipKind};
use crate::ledger::Ledger;
use crate::span::Span;
use crate::wrapper::{Envelope, Marks};

/// Where a format puts what it found. Spans given to it are those of the buffer that the format reads; each byte is given once.
pub(crate) struct Output<'o, 's> {
    ledger: &'o mut Ledger,
    /// Where the lines of the buffer are in the source; `None` when the buffer is the source.
    marks: Option<&'o Marks>,
    sink: &'o mut Sink<'s>,
}

/// Where the head of a record over the limit was booked; its rest follows it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Booked {
    Parsed,
    Rejected(RejectReason),
}

impl<'o, 's> Output<'o, 's> {
    pub(crate) fn new(
        ledger: &'o mut Ledger,
        marks: Option<&'o Marks>,
        sink: &'o mut Sink<'s>,
    ) -> Output<'o, 's> {
        Output { ledger, marks, sink }
    }

    pub(crate) fn execution(&mut self, execution: &mut Execution<'_>) {
        let (span, bytes) = self.place(execution.span);
        execution.span = span;
        self.ledger.execution(bytes);
        (self.sink)(Decoded::Execution(execution));
    }

    pub(crate) fn log(&mut self, entry: &mut LogEntry<'_>) {
        let (span, bytes) = self.place(entry.span);
        entry.span = span;
        self.ledger.log(entry.kind, bytes);
        (self.sink)(Decoded::Log(entry));
    }

    /// An event that the record of another entry tells as well: it has that record's place, and the bytes are the other entry's.
    pub(crate) fn attached_log(&mut self, entry: &mut LogEntry<'_>) {
        let start = self.offset(entry.span.start);
        entry.span = Span { start, end: start };
        self.ledger.log(entry.kind, 0);
        (self.sink)(Decoded::Log(entry));
    }

    /// A record that is a part of an execution whose entry is elsewhere.
    pub(crate) fn step(&mut self, span: Span) {
        let (_, bytes) = self.place(span);
        self.ledger.step(1, bytes);
    }

    /// More bytes of a record whose head is booked.
    pub(crate) fn rest_of(&mut self, head: Booked, span: Span) {
        match head {
            Booked::Parsed => self.rest(span),
            Booked::Rejected(reason) => self.reject_rest(reason, span),
        }
    }

    /// More bytes of a record that was read up to the limit.
    pub(crate) fn rest(&mut self, span: Span) {
        let (_, bytes) = self.place(span);
        self.ledger.step(0, bytes);
    }

    pub(crate) fn reject(&mut self, span: Span, reason: RejectReason, raw: &[u8]) {
        let (span, bytes) = self.place(span);
        self.ledger.reject(reason, 1, bytes);
        (self.sink)(Decoded::Reject(Reject {
            span,
            reason,
            raw: &raw[..raw.len().min(REJECT_BYTES_KEPT)],
        }));
    }

    /// More bytes of the last reject.
    pub(crate) fn reject_rest(&mut self, reason: RejectReason, span: Span) {
        let (_, bytes) = self.place(span);
        self.ledger.reject(reason, 0, bytes);
    }

    pub(crate) fn skip(&mut self, kind: SkipKind, span: Span) {
        let (_, bytes) = self.place(span);
        self.ledger.skip(kind, 1, bytes);
    }

    /// Where a place of the buffer is in the source.
    pub(crate) fn offset(&self, at: u64) -> u64 {
        match self.marks {
            Some(marks) => marks.offset(at),
            None => at,
        }
    }

    /// What the wrapper says of the line at a place of the buffer.
    pub(crate) fn envelope(&self, at: u64) -> Envelope<'o> {
        match self.marks {
            Some(marks) => marks.envelope(at),
            None => Envelope::default(),
        }
    }

    /// A span of the buffer in the source, and the bytes that belong to it there.
    fn place(&self, span: Span) -> (Span, u64) {
        match self.marks {
            Some(marks) => marks.place(span),
            None => (span, span.bytes()),
        }
    }
}
