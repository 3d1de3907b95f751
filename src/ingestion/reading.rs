//! The reading thread of an ingestion: decodes a source from where it is told to its end, hands out batches, and says where a round ends. Never
//! waits for a line that may still come longer than [`SETTLE`], and never decides what is committed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, Sender};
use slowlake_ingest::{Compression, IngestError, Location, Reader, Source};
use slowlake_parse::{Decoded, Decoder, Ledger, Span};

use crate::batch::Batch;
use crate::ingestion::resume::Resume;
use crate::pipeline::ReadOptions;

/// Bytes of a log that are committed together.
const ROUND_BYTES: u64 = 16 * 1024 * 1024;
/// A file whose last line has no end and was written this recently may still be growing.
const SETTLE: Duration = Duration::from_secs(5);

/// What the reading thread sends.
pub(crate) enum Message {
    /// Executions and rejects, in order.
    Batch(Batch),
    /// Everything since the last round has been sent: it can be committed.
    End(Box<Round>),
}

/// A piece of a source that is committed at once.
pub(crate) struct Round {
    pub(crate) range: Span,
    pub(crate) ledger: Ledger,
    /// Records that whoever goes on after this round has to read again.
    pub(crate) context: Vec<Span>,
}

/// What the reading thread works with.
pub(crate) struct Reading<'r> {
    pub(crate) source: Source,
    pub(crate) options: ReadOptions,
    pub(crate) progress: &'r AtomicU64,
    pub(crate) send: Sender<Message>,
    /// Batches to use again.
    pub(crate) empty: Receiver<Batch>,
}

impl Reading<'_> {
    /// Reads to the end of the source, or until nobody listens. Returns why it ended early, if it did.
    pub(crate) fn run(&self, mut bytes: Bytes, mut decoder: Decoder) -> Option<IngestError> {
        let mut batch = Batch::default();
        let mut start = decoder.position();
        let (mut chunk, mut on_disk, mut ends_line) = (Vec::new(), 0, true);
        let failure = loop {
            match bytes.read_chunk(&mut chunk, self.options.chunk_bytes) {
                Ok(0) if !ends_line && may_grow(&self.source) => std::thread::sleep(SETTLE / 10),
                Ok(0) => break None,
                Ok(_) => {
                    ends_line = chunk.ends_with(b"\n");
                    decoder.push(&chunk, &mut |decoded| self.add(&decoded, &mut batch));
                }
                Err(error) => break Some(error),
            }
            self.progress
                .fetch_add(bytes.bytes_read_on_disk() - on_disk, Ordering::Relaxed);
            on_disk = bytes.bytes_read_on_disk();
            if decoder.position() - start >= ROUND_BYTES && !self.end(&mut decoder, &mut batch, &mut start) {
                return None;
            }
        };
        // The record before a damage may go on in a better copy.
        if failure.is_none() {
            decoder.finish(&mut |decoded| self.add(&decoded, &mut batch));
        }
        if decoder.position() > start {
            self.end(&mut decoder, &mut batch, &mut start);
        }
        failure
    }

    fn add(&self, decoded: &Decoded<'_>, batch: &mut Batch) {
        batch.push(decoded);
        if batch.is_full() {
            self.pass(batch);
        }
    }

    /// `false` when nobody listens any more.
    fn pass(&self, batch: &mut Batch) -> bool {
        let full = std::mem::replace(batch, self.empty.try_recv().unwrap_or_default());
        self.send.send(Message::Batch(full)).is_ok()
    }

    /// Ends a round; `false` when nobody listens any more.
    fn end(&self, decoder: &mut Decoder, batch: &mut Batch, start: &mut u64) -> bool {
        let range = Span {
            start: *start,
            end: decoder.position(),
        };
        *start = range.end;
        let round = Round {
            range,
            ledger: decoder.take_ledger(),
            context: decoder.context(),
        };
        self.pass(batch) && self.send.send(Message::End(Box::new(round))).is_ok()
    }
}

/// A reader that can still go to the beginning of what the lake needs: plain files seek, archives are opened anew, and a stream, which can
/// be read once, gives the head that was read of it back.
pub(crate) enum Bytes {
    Reader(Reader),
    Stream { head: Vec<u8>, at: usize, rest: Reader },
}

impl Bytes {
    /// The reader that has read `head`, from the beginning again.
    pub(crate) fn reopen(
        source: &Source,
        head: Vec<u8>,
        reader: Reader,
        resume: &Resume,
    ) -> Result<Bytes, IngestError> {
        if resume.is_stream {
            return Ok(Bytes::Stream {
                head,
                at: 0,
                rest: reader,
            });
        }
        Ok(Bytes::Reader(Reader::open(source)?))
    }

    pub(crate) fn skip_to(&mut self, offset: u64) -> Result<(), IngestError> {
        match self {
            Bytes::Reader(reader) => reader.skip_to(offset),
            Bytes::Stream { head, at, rest } => {
                *at = usize::try_from(offset).unwrap_or(usize::MAX).min(head.len());
                if offset > head.len() as u64 {
                    rest.skip_to(offset)
                } else {
                    Ok(())
                }
            }
        }
    }

    pub(crate) fn read_chunk(&mut self, buffer: &mut Vec<u8>, limit: usize) -> Result<usize, IngestError> {
        match self {
            Bytes::Reader(reader) => reader.read_chunk(buffer, limit),
            Bytes::Stream { head, at, .. } if *at < head.len() => {
                let end = head.len().min(*at + limit);
                buffer.clear();
                buffer.extend_from_slice(&head[*at..end]);
                *at = end;
                Ok(buffer.len())
            }
            Bytes::Stream { rest, .. } => rest.read_chunk(buffer, limit),
        }
    }

    fn bytes_read_on_disk(&self) -> u64 {
        match self {
            Bytes::Reader(reader) | Bytes::Stream { rest: reader, .. } => reader.bytes_read_on_disk(),
        }
    }
}

/// Whether a file without a line end was written so recently that the rest of its last line may be on its way.
fn may_grow(source: &Source) -> bool {
    let Location::File(path) = &source.location else {
        return false;
    };
    if source.compression != Compression::None {
        return false;
    }
    let Ok(modified) = std::fs::metadata(path).and_then(|metadata| metadata.modified()) else {
        return false;
    };
    // A time in the future says nothing.
    SystemTime::now()
        .duration_since(modified)
        .is_ok_and(|age| age < SETTLE)
}
