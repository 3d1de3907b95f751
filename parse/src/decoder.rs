//! Bytes in pieces of any size to executions and rejects: the one door into the log formats. Holds back the incomplete record at the
//! end of what it was given, keeps the books, and is the only place that knows how the pieces were cut; a format sees whole lines.

use jiff::tz::TimeZone;

use crate::detect::Format;
use crate::entry::{Decoded, Execution, REJECT_BYTES_KEPT, Reject, RejectReason, SkipKind};
use crate::ledger::Ledger;
use crate::mysql::slow::SlowLog;
use crate::postgres::csvlog::CsvLog;
use crate::postgres::jsonlog::JsonLog;
use crate::postgres::stderr::StderrLog;
use crate::span::Span;
use crate::timestamp::TimestampReader;

/// How much of one record is read. Of a longer one the head is read and marked as truncated; the rest is counted with it.
pub const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Where decoded things go.
pub type Sink<'s> = dyn FnMut(Decoded<'_>) + 's;

/// Decodes one source, fed in pieces.
#[derive(Debug)]
pub struct Decoder {
    format: FormatDecoder,
    /// Bytes of an incomplete record, from stream offset `base` on.
    held: Vec<u8>,
    base: u64,
    ledger: Ledger,
}

/// One log format, fed with buffers that begin at a record and hold whole lines or more.
pub(crate) trait Records {
    /// Takes complete records off the front of `buffer`, which begins at stream offset `base`, and returns the bytes taken. With
    /// `at_end` nothing follows and everything is taken. Remembers how far it looked: it is called again with the same bytes and more.
    fn take(&mut self, buffer: &[u8], base: u64, at_end: bool, output: &mut Output<'_, '_>) -> usize;

    /// Spans of earlier records that later ones need to be understood (a pending statement, the current database).
    fn context(&self) -> Vec<Span>;
}

#[derive(Debug)]
enum FormatDecoder {
    Stderr(Box<StderrLog>),
    Csv(Box<CsvLog>),
    Json(Box<JsonLog>),
    Slow(Box<SlowLog>),
}

impl FormatDecoder {
    fn records(&mut self) -> &mut dyn Records {
        match self {
            FormatDecoder::Stderr(log) => log.as_mut(),
            FormatDecoder::Csv(log) => log.as_mut(),
            FormatDecoder::Json(log) => log.as_mut(),
            FormatDecoder::Slow(log) => log.as_mut(),
        }
    }
}

impl Decoder {
    /// A decoder of `format` whose first byte is at stream offset `position`. `zone` is the server's, where its log does not say.
    pub fn new(format: &Format, zone: Option<TimeZone>, position: u64) -> Decoder {
        let time = TimestampReader::new(zone);
        let format = match format {
            Format::PostgresStderr(prefix) => {
                FormatDecoder::Stderr(Box::new(StderrLog::new(prefix.clone(), time)))
            }
            Format::PostgresCsv => FormatDecoder::Csv(Box::new(CsvLog::new(time))),
            Format::PostgresJson => FormatDecoder::Json(Box::new(JsonLog::new(time))),
            Format::MysqlSlow => FormatDecoder::Slow(Box::new(SlowLog::new(time))),
        };
        Decoder {
            format,
            held: Vec::new(),
            base: position,
            ledger: Ledger::default(),
        }
    }

    /// The next bytes of the source.
    pub fn push(&mut self, bytes: &[u8], sink: &mut Sink<'_>) {
        if self.held.is_empty() {
            let taken = self.take(bytes, false, sink);
            self.held.extend_from_slice(&bytes[taken..]);
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(bytes);
            let taken = self.take(&held, false, sink);
            held.drain(..taken);
            self.held = held;
        }
    }

    /// The source has ended: what is held back is decoded as it is.
    pub fn finish(&mut self, sink: &mut Sink<'_>) {
        let held = std::mem::take(&mut self.held);
        let taken = self.take(&held, true, sink);
        debug_assert_eq!(taken, held.len(), "a format takes everything at the end");
    }

    /// The books so far: they cover every byte before [`position`](Decoder::position).
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Takes the books and begins new ones: for one commit of many.
    pub fn take_ledger(&mut self) -> Ledger {
        std::mem::take(&mut self.ledger)
    }

    /// Stream offset up to which everything is decoded: a safe place to begin again, given the [`context`](Decoder::context).
    pub fn position(&self) -> u64 {
        self.base
    }

    /// Spans of earlier records that a decoder beginning at [`position`](Decoder::position) has to [`learn`](Decoder::learn).
    pub fn context(&mut self) -> Vec<Span> {
        self.format.records().context()
    }

    /// Reads a record of the context again. Call once per span, in order, before the first `push`.
    pub fn learn(&mut self, record: &[u8], span: Span) {
        let (mut ledger, mut nobody) = (Ledger::default(), |_: Decoded<'_>| {});
        let mut output = Output {
            ledger: &mut ledger,
            sink: &mut nobody,
        };
        self.format.records().take(record, span.start, true, &mut output);
    }

    fn take(&mut self, buffer: &[u8], at_end: bool, sink: &mut Sink<'_>) -> usize {
        let mut output = Output {
            ledger: &mut self.ledger,
            sink,
        };
        let taken = self.format.records().take(buffer, self.base, at_end, &mut output);
        self.base += taken as u64;
        taken
    }
}

/// Where a format puts what it found; keeps the books on the way.
pub(crate) struct Output<'o, 's> {
    ledger: &'o mut Ledger,
    sink: &'o mut Sink<'s>,
}

impl Output<'_, '_> {
    pub(crate) fn execution(&mut self, execution: &Execution<'_>) {
        self.ledger.executions += 1;
        self.ledger.bytes_parsed += execution.span.bytes();
        (self.sink)(Decoded::Execution(execution));
    }

    /// Bytes that were understood as a part of an execution whose entry is elsewhere.
    pub(crate) fn part(&mut self, bytes: u64) {
        self.ledger.bytes_parsed += bytes;
    }

    pub(crate) fn reject(&mut self, span: Span, reason: RejectReason, raw: &[u8]) {
        self.ledger.reject(reason, 1, span.bytes());
        (self.sink)(Decoded::Reject(Reject {
            span,
            reason,
            raw: &raw[..raw.len().min(REJECT_BYTES_KEPT)],
        }));
    }

    /// More bytes of the last reject.
    pub(crate) fn reject_more(&mut self, reason: RejectReason, bytes: u64) {
        self.ledger.reject(reason, 0, bytes);
    }

    pub(crate) fn skip(&mut self, kind: SkipKind, bytes: u64) {
        self.ledger.skip(kind, 1, bytes);
    }
}

#[cfg(test)]
mod tests;
