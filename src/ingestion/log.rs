//! One log on its way through the decoder: how far it is read, and how far that has been handed on to be committed. Never reads a file.

use std::sync::Arc;

use slowlake_parse::{Decoder, Format, Ledger, Span};

use crate::ingestion::known::Unit;
use crate::ingestion::offset_i64;
use crate::ingestion::resume::Resume;
use crate::ingestion::round::{Outlet, Part};

/// A log that is being read.
pub(crate) struct Log {
    pub(crate) unit: Arc<Unit>,
    pub(crate) format: Format,
    format_name: Arc<str>,
    decoder: Decoder,
    /// The next offset to read.
    pub(crate) read: u64,
    /// Up to here it has been handed on in rounds.
    handed_on: u64,
    /// Where the lake is, or will be once all rounds are committed.
    prev: Option<i64>,
    /// Books of decoders that were replaced since the last round.
    ledger: Ledger,
    /// Whether what was read ends with a line.
    pub(crate) ends_line: bool,
    /// Nothing more of it is to be read.
    pub(crate) is_done: bool,
}

impl Log {
    /// A log to go on with, and the decoder that was taught for it.
    pub(crate) fn new(resume: Resume, format: Format, decoder: Decoder) -> Log {
        Log {
            unit: Arc::new(resume.unit),
            format_name: format.to_string().into(),
            format,
            decoder,
            read: resume.offset,
            handed_on: resume.offset,
            prev: resume.prev,
            ledger: Ledger::default(),
            ends_line: true,
            is_done: false,
        }
    }

    /// The next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8], outlet: &mut Outlet) {
        self.read += bytes.len() as u64;
        self.ends_line = bytes.ends_with(b"\n");
        self.decoder
            .push(bytes, &mut |decoded| outlet.add(&decoded, &self.unit));
    }

    /// Whether a record is held back that ends with a whole line, so that it may be all of it.
    pub(crate) fn has_record(&self) -> bool {
        self.ends_line && self.decoder.position() < self.read
    }

    /// Nothing follows: what is held back is decoded as it is.
    pub(crate) fn finish(&mut self, outlet: &mut Outlet) {
        self.decoder
            .finish(&mut |decoded| outlet.add(&decoded, &self.unit));
    }

    /// Spans that a decoder that goes on from here has to learn.
    pub(crate) fn context(&mut self) -> Vec<Span> {
        self.decoder.context()
    }

    /// Goes on with another decoder, which begins where the one that has finished ended.
    pub(crate) fn replace_decoder(&mut self, decoder: Decoder) {
        self.ledger.merge(&self.decoder.take_ledger());
        self.decoder = decoder;
    }

    /// What was decoded since the last round; `None` if nothing was.
    pub(crate) fn part(&mut self) -> Option<Part> {
        let range = Span {
            start: self.handed_on,
            end: self.decoder.position(),
        };
        if range.end == range.start {
            return None;
        }
        let mut ledger = std::mem::take(&mut self.ledger);
        ledger.merge(&self.decoder.take_ledger());
        self.handed_on = range.end;
        Some(Part {
            unit: self.unit.clone(),
            format: self.format_name.clone(),
            prev: self.prev.replace(offset_i64(range.end)),
            range,
            ledger,
            context: self.decoder.context(),
            topic: None,
        })
    }

    /// How much was decoded since the last round, bytes.
    pub(crate) fn part_bytes(&self) -> u64 {
        self.decoder.position() - self.handed_on
    }

    /// Whether all that was decoded of it is in a lake that has it up to `next`.
    pub(crate) fn is_kept(&self, next: Option<i64>) -> bool {
        self.part_bytes() == 0 && self.prev == next
    }
}
