//! Bytes in pieces of any size to entries: the one door into the log formats. Holds back the incomplete record at the end of what it was
//! given, keeps the books, and is the only place that knows how the pieces were cut; a format sees whole lines, free of what a log shipper
//! put around them.

mod output;

use jiff::tz::TimeZone;

use crate::detect::{Format, Grammar};
use crate::entries::Entries;
use crate::entry::Decoded;
use crate::ledger::Ledger;
use crate::mysql::error_json::ErrorJson;
use crate::mysql::error_log::ErrorLog;
use crate::mysql::general::GeneralLog;
use crate::mysql::slow::SlowLog;
use crate::mysql::table::LogTable;
use crate::pgbouncer::PgBouncerLog;
use crate::postgres::csvlog::CsvLog;
use crate::postgres::jsonlog::JsonLog;
use crate::postgres::stderr::StderrLog;
use crate::span::Span;
use crate::timestamp::TimestampReader;
use crate::wrapper::{Reader, Unwrapper};

pub(crate) use output::{Booked, Output};

/// How much of one record is read. Of a longer one the head is read and marked as truncated; the rest is counted with it.
pub const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Where decoded things go.
pub type Sink<'s> = dyn FnMut(Decoded<'_>) + 's;

/// Decodes one source, fed in pieces.
#[derive(Debug)]
pub struct Decoder {
    /// Takes what shippers put around the lines off; `None` when the log is as its server wrote it.
    unwrapper: Option<Box<Unwrapper>>,
    grammar: GrammarDecoder,
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
enum GrammarDecoder {
    Stderr(Box<StderrLog>),
    Csv(Box<CsvLog>),
    Json(Box<JsonLog>),
    Slow(Box<SlowLog>),
    Table(Box<Entries<LogTable>>),
    General(Box<Entries<GeneralLog>>),
    Error(Box<Entries<ErrorLog>>),
    ErrorJson(Box<Entries<ErrorJson>>),
    PgBouncer(Box<Entries<PgBouncerLog>>),
}

impl GrammarDecoder {
    fn new(grammar: &Grammar, time: TimestampReader) -> GrammarDecoder {
        match grammar {
            Grammar::PostgresStderr(prefix) => {
                GrammarDecoder::Stderr(Box::new(StderrLog::new(prefix.clone(), time)))
            }
            Grammar::PostgresCsv => GrammarDecoder::Csv(Box::new(CsvLog::new(time))),
            Grammar::PostgresJson => GrammarDecoder::Json(Box::new(JsonLog::new(time))),
            Grammar::MysqlSlow => GrammarDecoder::Slow(Box::new(SlowLog::new(time))),
            Grammar::MysqlSlowTable => GrammarDecoder::Table(Box::new(Entries::new(LogTable::new(time)))),
            Grammar::MysqlGeneral => GrammarDecoder::General(Box::new(Entries::new(GeneralLog::new(time)))),
            Grammar::MysqlError => GrammarDecoder::Error(Box::new(Entries::new(ErrorLog::new(time)))),
            Grammar::MysqlErrorJson => {
                GrammarDecoder::ErrorJson(Box::new(Entries::new(ErrorJson::new(time))))
            }
            Grammar::PgBouncer => GrammarDecoder::PgBouncer(Box::new(Entries::new(PgBouncerLog::new(time)))),
        }
    }

    fn records(&mut self) -> &mut dyn Records {
        match self {
            GrammarDecoder::Stderr(log) => log.as_mut(),
            GrammarDecoder::Csv(log) => log.as_mut(),
            GrammarDecoder::Json(log) => log.as_mut(),
            GrammarDecoder::Slow(log) => log.as_mut(),
            GrammarDecoder::Table(log) => log.as_mut(),
            GrammarDecoder::General(log) => log.as_mut(),
            GrammarDecoder::Error(log) => log.as_mut(),
            GrammarDecoder::ErrorJson(log) => log.as_mut(),
            GrammarDecoder::PgBouncer(log) => log.as_mut(),
        }
    }
}

impl Decoder {
    /// A decoder of `format` whose first byte is at stream offset `position`. `zone` is the server's, where its log does not say.
    pub fn new(format: &Format, zone: Option<TimeZone>, position: u64) -> Decoder {
        let time = TimestampReader::new(zone.clone());
        let wrappers = format.wrappers();
        Decoder {
            unwrapper: (!wrappers.is_empty())
                .then(|| Box::new(Unwrapper::new(wrappers, format.grammar(), zone))),
            grammar: GrammarDecoder::new(format.grammar(), time),
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
        match &self.unwrapper {
            Some(unwrapper) => unwrapper.position(self.base),
            None => self.base,
        }
    }

    /// Spans of earlier records that a decoder beginning at [`position`](Decoder::position) has to [`learn`](Decoder::learn).
    pub fn context(&mut self) -> Vec<Span> {
        let spans = self.grammar.records().context();
        match &self.unwrapper {
            Some(unwrapper) => unwrapper.context(&spans),
            None => spans,
        }
    }

    /// Reads a record of the context again. Call once per span, in order, before the first `push`.
    pub fn learn(&mut self, record: &[u8], span: Span) {
        let (mut ledger, mut nobody) = (Ledger::default(), |_: Decoded<'_>| {});
        match &mut self.unwrapper {
            Some(unwrapper) => {
                let mut reader = Reader {
                    records: self.grammar.records(),
                    ledger: &mut ledger,
                    sink: &mut nobody,
                };
                unwrapper.learn(record, span.start, &mut reader);
            }
            None => {
                let mut output = Output::new(&mut ledger, None, &mut nobody);
                self.grammar.records().take(record, span.start, true, &mut output);
            }
        }
    }

    fn take(&mut self, buffer: &[u8], at_end: bool, sink: &mut Sink<'_>) -> usize {
        let taken = match &mut self.unwrapper {
            Some(unwrapper) => {
                let mut reader = Reader {
                    records: self.grammar.records(),
                    ledger: &mut self.ledger,
                    sink,
                };
                unwrapper.take(buffer, self.base, at_end, &mut reader)
            }
            None => {
                let mut output = Output::new(&mut self.ledger, None, sink);
                self.grammar
                    .records()
                    .take(buffer, self.base, at_end, &mut output)
            }
        };
        self.base += taken as u64;
        taken
    }
}

#[cfg(test)]
mod tests;
