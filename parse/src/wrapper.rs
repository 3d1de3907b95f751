//! What log shippers, syslog daemons and container runtimes put around the lines of a log. Takes it off, line by line and layer by layer, and
//! remembers where each line was, so that entries keep their place in the source and every byte its account. Never reads what a server wrote.

mod marks;

use std::fmt;

use jiff::tz::TimeZone;

use crate::decoder::{Output, Records, Sink};
use crate::ledger::Ledger;
use crate::span::Span;

pub(crate) use marks::{Envelope, Marks};

/// One layer around the lines of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wrapper {
    /// Lines of a syslog daemon: BSD, ISO times, or RFC 5424.
    Syslog,
}

impl fmt::Display for Wrapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wrapper::Syslog => "syslog",
        })
    }
}

/// Takes the wrappers of one source off.
#[derive(Debug)]
pub(crate) struct Unwrapper {
    /// The lines without their wrappers that no record was made of yet, from inner offset `base` on.
    text: Vec<u8>,
    base: u64,
    marks: Marks,
}

impl Unwrapper {
    /// For a source that is read from stream offset `position` on.
    pub(crate) fn new(_wrappers: &[Wrapper], _zone: Option<TimeZone>, _position: u64) -> Unwrapper {
        Unwrapper {
            text: Vec::new(),
            base: 0,
            marks: Marks::default(),
        }
    }

    /// Takes whole lines off the front of `buffer`, which begins at stream offset `base`, and returns the bytes taken.
    pub(crate) fn take(&mut self, buffer: &[u8], base: u64, at_end: bool) -> usize {
        let end = if at_end {
            buffer.len()
        } else {
            memchr::memrchr(b'\n', buffer).map_or(0, |at| at + 1)
        };
        let mut start = 0;
        for line in buffer[..end].split_inclusive(|b| *b == b'\n') {
            let inner = self.base + self.text.len() as u64;
            let at = base + start as u64;
            self.marks.text(
                inner,
                Span {
                    start: at,
                    end: at + line.len() as u64,
                },
                Envelope::default(),
            );
            self.text.extend_from_slice(line);
            start += line.len();
        }
        end
    }

    /// Has a format read the lines that were unwrapped.
    pub(crate) fn decode(
        &mut self,
        records: &mut dyn Records,
        at_end: bool,
        ledger: &mut Ledger,
        sink: &mut Sink<'_>,
    ) {
        let mut output = Output::new(ledger, Some(&self.marks), sink);
        let taken = records.take(&self.text, self.base, at_end, &mut output);
        self.text.drain(..taken);
        self.base += taken as u64;
        let kept = records.context();
        self.marks.leave(self.base, &kept, ledger);
    }

    /// Stream offset up to which everything is decoded, when lines up to `taken` are taken.
    pub(crate) fn position(&self, taken: u64) -> u64 {
        self.marks.first().unwrap_or(taken)
    }

    /// Spans of inner records in the source.
    pub(crate) fn context(&self, spans: &[Span]) -> Vec<Span> {
        let mut places: Vec<Span> = spans.iter().filter_map(|span| self.marks.kept(*span)).collect();
        places.sort_unstable();
        places
    }
}
