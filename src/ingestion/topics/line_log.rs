//! One log whose lines come in messages of a partition: decodes them, and remembers which message each byte was in. What was decoded before a
//! restart is neither decoded nor counted again. Never reads a message by itself.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use slowlake_parse::{Decoded, Decoder, Format, Ledger, LogEntry, Span, has_only_banner};

use crate::ingestion::mixed::{MixedBatch, Owner, Spot};
use crate::ingestion::topics::memory::{ContextMemory, LogMemory, PieceMemory};
use crate::pipeline::{ReadOptions, choose_format};

/// First bytes that are enough to tell a format at once.
const HEAD_BYTES_ENOUGH: usize = 16 * 1024;
/// Memory for a line that is kept for the next one.
const LINE_BYTES_KEPT: usize = 64 * 1024;
/// The reason of rejects in which no format was recognised.
const UNKNOWN_FORMAT: &str = "unknown_format";

/// A log of one server and file.
pub(super) struct LineLog {
    owner: Arc<Owner>,
    file: String,
    reading: Reading,
    /// Stream offset after the last byte.
    end: u64,
    /// Which message the stream's bytes were in, in their order; only as far as somebody may still ask.
    pieces: VecDeque<Piece>,
    /// What is before this place of the partition is in the lake.
    begin: Spot,
    /// Earlier records that the decoder has to learn, while they are looked for.
    contexts: Vec<Context>,
    heard_at: Instant,
    /// Up to here it was counted.
    counted: u64,
    /// Bytes that were rejected because their format is unknown, in so many messages.
    unknown: (u64, u64),
    /// A line with its end.
    line: Vec<u8>,
}

enum Reading {
    /// Too little is there to tell the format. What is, begins at this stream offset.
    Head {
        text: Vec<u8>,
        start: u64,
    },
    Decoder {
        decoder: Box<Decoder>,
        format: Format,
    },
}

/// From `stream` on the bytes are those of a message from `at` on.
#[derive(Debug, Clone, Copy)]
struct Piece {
    stream: u64,
    spot: Spot,
}

struct Context {
    span: Span,
    pieces: VecDeque<PieceMemory>,
    text: Vec<u8>,
}

impl LineLog {
    /// A log of which nothing is known but that what is before `begin` is in the lake.
    pub(super) fn new(owner: Arc<Owner>, file: &str, begin: Spot) -> LineLog {
        LineLog {
            owner,
            file: file.to_owned(),
            reading: Reading::Head {
                text: Vec::new(),
                start: 0,
            },
            end: 0,
            pieces: VecDeque::new(),
            begin,
            contexts: Vec::new(),
            heard_at: Instant::now(),
            counted: 0,
            unknown: (0, 0),
            line: Vec::new(),
        }
    }

    /// A log to go on with.
    pub(super) fn resumed(
        owner: Arc<Owner>,
        memory: &LogMemory,
        read: u64,
        options: &ReadOptions,
    ) -> LineLog {
        let begin = memory.begin.unwrap_or([read, 0]);
        let spot = |offset, byte: u64| Spot {
            offset,
            seq: u32::try_from(byte).unwrap_or(u32::MAX),
        };
        let mut log = LineLog::new(owner, &memory.file, spot(begin[0], begin[1]));
        (log.end, log.counted) = (memory.at, memory.at);
        log.reading = match memory.format.as_deref().and_then(Format::from_key) {
            Some(format) => decoding(format, options, memory.at),
            None => Reading::Head {
                text: Vec::new(),
                start: memory.at,
            },
        };
        for context in &memory.contexts {
            let mut stream = context.start;
            for piece in &context.pieces {
                log.pieces.push_back(Piece {
                    stream,
                    spot: spot(piece.offset, piece.byte),
                });
                stream += piece.bytes;
            }
            log.contexts.push(Context {
                span: Span {
                    start: context.start,
                    end: stream,
                },
                pieces: context.pieces.iter().copied().collect(),
                text: Vec::new(),
            });
        }
        log
    }

    /// The next lines of the log, which begin at `spot` of the partition. What is in the lake of them is left out.
    pub(super) fn push(&mut self, text: &[u8], spot: Spot, options: &ReadOptions, batch: &mut MixedBatch) {
        let known = if spot.offset < self.begin.offset {
            return;
        } else if spot.offset == self.begin.offset {
            self.begin.seq.saturating_sub(spot.seq) as usize
        } else {
            0
        };
        if known > text.len() {
            return;
        }
        // Records before this place have been looked for by now.
        self.learn();
        self.heard_at = Instant::now();
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        line.extend_from_slice(&text[known..]);
        line.push(b'\n');
        self.pieces.push_back(Piece {
            stream: self.end,
            // Not longer than a message, which is far below 4 GiB.
            spot: Spot {
                seq: spot.seq + known as u32,
                ..spot
            },
        });
        self.end += line.len() as u64;
        match &mut self.reading {
            Reading::Head { text, .. } => {
                text.extend_from_slice(&line);
                if text.len() >= HEAD_BYTES_ENOUGH {
                    self.begin_reading(options, batch);
                }
            }
            Reading::Decoder { decoder, .. } => {
                let (owner, pieces) = (&self.owner, &self.pieces);
                decoder.push(&line, &mut |decoded| add(&decoded, pieces, owner, batch));
            }
        }
        if line.capacity() <= LINE_BYTES_KEPT {
            self.line = line;
        }
    }

    /// Nothing follows for now: what is held back is decoded as it is.
    pub(super) fn finish(&mut self, options: &ReadOptions, batch: &mut MixedBatch) {
        if let Reading::Head { text, .. } = &self.reading
            && !text.is_empty()
            && !has_only_banner(text)
        {
            self.begin_reading(options, batch);
        }
        if let Reading::Decoder { decoder, .. } = &mut self.reading {
            let (owner, pieces) = (&self.owner, &self.pieces);
            decoder.finish(&mut |decoded| add(&decoded, pieces, owner, batch));
        }
    }

    /// Bytes that are held back.
    pub(super) fn open_bytes(&self) -> u64 {
        self.end - self.position()
    }

    /// When something of it came last.
    pub(super) fn heard_at(&self) -> Instant {
        self.heard_at
    }

    /// Bytes that went through since the last time.
    pub(super) fn take_bytes(&mut self) -> u64 {
        let position = self.position();
        position - std::mem::replace(&mut self.counted, position)
    }

    /// The books of what was decoded since the last time.
    pub(super) fn take_ledger(&mut self) -> Ledger {
        match &mut self.reading {
            Reading::Head { .. } => Ledger::default(),
            Reading::Decoder { decoder, .. } => decoder.take_ledger(),
        }
    }

    /// Messages and bytes in which no format was recognised since the last time.
    pub(super) fn take_unknown(&mut self) -> (&'static str, (u64, u64)) {
        (UNKNOWN_FORMAT, std::mem::take(&mut self.unknown))
    }

    /// Where its first byte is that the lake does not have; `None` if it has all.
    pub(super) fn open_from(&self) -> Option<Spot> {
        (self.open_bytes() > 0).then(|| spot_of(&self.pieces, self.position()))
    }

    /// What whoever goes on with it has to know. Forgets what nobody asks for any more.
    pub(super) fn memory(&mut self) -> LogMemory {
        let position = self.position();
        let (format, mut spans) = match &mut self.reading {
            Reading::Head { .. } => (None, Vec::new()),
            Reading::Decoder { decoder, format } => (Some(format.key()), decoder.context()),
        };
        spans.sort_unstable();
        let context = |span: &Span| ContextMemory {
            start: span.start,
            pieces: self.pieces_of(*span),
        };
        let contexts = spans.iter().map(context).collect();
        let begin = self.open_from().map(|spot| [spot.offset, u64::from(spot.seq)]);
        self.forget_pieces(&spans, position);
        LogMemory {
            server: self.owner.server.clone().unwrap_or_default(),
            cluster: self.owner.cluster.clone(),
            file: self.file.clone(),
            format,
            at: position,
            begin,
            contexts,
        }
    }

    /// Messages with earlier records that are to be learned.
    pub(super) fn context_offsets(&self) -> impl Iterator<Item = u64> {
        let pieces = self.contexts.iter().flat_map(|context| &context.pieces);
        pieces.map(|piece| piece.offset)
    }

    /// Lines that were read before, which begin at `spot`: some of them may be of earlier records.
    pub(super) fn recall(&mut self, text: &[u8], spot: Spot) {
        for context in &mut self.contexts {
            while let Some(piece) = context.pieces.front() {
                let from = usize::try_from(piece.byte).unwrap_or(usize::MAX);
                let Some(from) = from.checked_sub(spot.seq as usize) else {
                    break;
                };
                if piece.offset != spot.offset || from > text.len() {
                    break;
                }
                let to = from.saturating_add(usize::try_from(piece.bytes).unwrap_or(usize::MAX));
                context.text.extend_from_slice(&text[from..to.min(text.len())]);
                if to > text.len() {
                    context.text.push(b'\n');
                }
                context.pieces.pop_front();
            }
        }
    }

    /// All that was to be looked for was, found or not.
    pub(super) fn learn(&mut self) {
        if self.contexts.is_empty() {
            return;
        }
        let contexts = std::mem::take(&mut self.contexts);
        if let Reading::Decoder { decoder, .. } = &mut self.reading {
            for context in contexts.iter().filter(|context| context.pieces.is_empty()) {
                decoder.learn(&context.text, context.span);
            }
        }
    }

    /// Stream offset up to which everything was decoded.
    fn position(&self) -> u64 {
        match &self.reading {
            Reading::Head { start, .. } => *start,
            Reading::Decoder { decoder, .. } => decoder.position(),
        }
    }

    /// Enough is there to tell the format.
    fn begin_reading(&mut self, options: &ReadOptions, batch: &mut MixedBatch) {
        let Reading::Head { text, start } = &mut self.reading else {
            return;
        };
        let (text, start) = (std::mem::take(text), *start);
        if let Ok(format) = choose_format(&self.file, &text, options) {
            self.reading = decoding(format, options, start);
            if let Reading::Decoder { decoder, .. } = &mut self.reading {
                let (owner, pieces) = (&self.owner, &self.pieces);
                decoder.push(&text, &mut |decoded| add(&decoded, pieces, owner, batch));
            }
            return;
        }
        let head = Span {
            start,
            end: start + text.len() as u64,
        };
        let mut rest = text.as_slice();
        for piece in self.pieces_of(head) {
            let (line, after) =
                rest.split_at(rest.len().min(usize::try_from(piece.bytes).unwrap_or(usize::MAX)));
            let spot = Spot {
                offset: piece.offset,
                seq: u32::try_from(piece.byte).unwrap_or(u32::MAX),
            };
            batch.push_unread(line, UNKNOWN_FORMAT, &self.owner, spot);
            self.unknown = (self.unknown.0 + 1, self.unknown.1 + line.len() as u64);
            rest = after;
        }
        self.reading = Reading::Head {
            text: Vec::new(),
            start: self.end,
        };
    }

    /// The parts of messages in which a span of the stream is.
    fn pieces_of(&self, span: Span) -> Vec<PieceMemory> {
        let first = self
            .pieces
            .partition_point(|piece| piece.stream <= span.start)
            .saturating_sub(1);
        let mut found = Vec::new();
        for (index, piece) in self.pieces.iter().enumerate().skip(first) {
            if piece.stream >= span.end {
                break;
            }
            let from = piece.stream.max(span.start);
            let next = self.pieces.get(index + 1).map_or(self.end, |next| next.stream);
            let to = next.min(span.end);
            if from < to {
                found.push(PieceMemory {
                    offset: piece.spot.offset,
                    byte: u64::from(piece.spot.seq) + (from - piece.stream),
                    bytes: to - from,
                });
            }
        }
        found
    }

    /// Keeps only where bytes from `position` on and those of `spans` were.
    fn forget_pieces(&mut self, spans: &[Span], position: u64) {
        let mut spans = spans.iter().peekable();
        let n_pieces = self.pieces.len();
        let mut kept = VecDeque::new();
        for index in 0..n_pieces {
            let piece = self.pieces[index];
            let next = self.pieces.get(index + 1).map_or(self.end, |next| next.stream);
            while spans.next_if(|span| span.end <= piece.stream).is_some() {}
            let is_asked_for = spans.peek().is_some_and(|span| span.start < next);
            if next > position || is_asked_for {
                kept.push_back(piece);
            }
        }
        self.pieces = kept;
    }
}

fn decoding(format: Format, options: &ReadOptions, position: u64) -> Reading {
    Reading::Decoder {
        decoder: Box::new(Decoder::new(&format, options.zone.clone(), position)),
        format,
    }
}

/// Adds an entry with its place in the partition.
fn add(decoded: &Decoded<'_>, pieces: &VecDeque<Piece>, owner: &Arc<Owner>, batch: &mut MixedBatch) {
    match decoded {
        Decoded::Execution(execution) => {
            batch.push(decoded, owner, spot_of(pieces, execution.span.start));
        }
        Decoded::Reject(reject) => batch.push(decoded, owner, spot_of(pieces, reject.span.start)),
        Decoded::Log(entry) => {
            let execution = entry.execution_offset.map(|start| spot_of(pieces, start).offset);
            let placed = LogEntry {
                execution_offset: execution,
                ..**entry
            };
            batch.push(&Decoded::Log(&placed), owner, spot_of(pieces, entry.span.start));
        }
    }
}

/// Where a byte of the stream was.
fn spot_of(pieces: &VecDeque<Piece>, stream: u64) -> Spot {
    let index = pieces
        .partition_point(|piece| piece.stream <= stream)
        .saturating_sub(1);
    let Some(piece) = pieces.get(index) else {
        return Spot { offset: 0, seq: 0 };
    };
    Spot {
        offset: piece.spot.offset,
        // Within a message.
        seq: piece.spot.seq + stream.saturating_sub(piece.stream) as u32,
    }
}
