//! The reading thread of an ingestion: decodes a source from where it is told to its end, hands out batches, and says where a round ends. Never
//! waits for a line that may still come longer than [`SETTLE`], and never decides what is committed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use slowlake_ingest::{Compression, IngestError, Location, Reader, Source};
use slowlake_parse::Span;

use crate::ingestion::log::Log;
use crate::ingestion::round::{NobodyListens, Outlet};
use crate::pipeline::ReadOptions;

/// Bytes of a log that are committed together.
const ROUND_BYTES: u64 = 16 * 1024 * 1024;
/// A file whose last line has no end and was written this recently may still be growing.
const SETTLE: Duration = Duration::from_secs(5);

/// What the reading thread works with.
pub(crate) struct Reading<'r> {
    pub(crate) source: Source,
    pub(crate) log: Log,
    pub(crate) options: ReadOptions,
    pub(crate) progress: &'r AtomicU64,
    pub(crate) outlet: Outlet,
}

impl Reading<'_> {
    /// Reads to the end of the source, or until nobody listens. Returns why it ended early, if it did.
    pub(crate) fn run(mut self, mut bytes: Bytes) -> Option<IngestError> {
        let (mut chunk, mut on_disk) = (Vec::new(), 0);
        let failure = loop {
            match bytes.read_chunk(&mut chunk, self.options.chunk_bytes) {
                Ok(0) if !self.log.ends_line && may_grow(&self.source) => std::thread::sleep(SETTLE / 10),
                Ok(0) => break None,
                Ok(_) => self.log.push(&chunk, &mut self.outlet),
                Err(error) => break Some(error),
            }
            self.progress
                .fetch_add(bytes.bytes_read_on_disk() - on_disk, Ordering::Relaxed);
            on_disk = bytes.bytes_read_on_disk();
            if self.log.part_bytes() >= ROUND_BYTES && self.end_round().is_err() {
                return None;
            }
        };
        // The record before a damage may go on in a better copy.
        if failure.is_none() {
            self.log.finish(&mut self.outlet);
        }
        // What was read last is as good as nothing if nobody listens.
        let _ = self.end_round();
        failure
    }

    fn end_round(&mut self) -> Result<(), NobodyListens> {
        self.outlet.pass(&self.log.unit);
        self.outlet.end(Vec::from_iter(self.log.part()))
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
        is_stream: bool,
    ) -> Result<Bytes, IngestError> {
        if is_stream {
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

    /// Appends the bytes of a span to `record`, as far as they are there.
    pub(crate) fn read_span(&mut self, span: Span, record: &mut Vec<u8>) -> Result<(), IngestError> {
        self.skip_to(span.start)?;
        let mut chunk = Vec::new();
        while (record.len() as u64) < span.bytes() {
            let rest = usize::try_from(span.bytes()).unwrap_or(usize::MAX) - record.len();
            if self.read_chunk(&mut chunk, rest)? == 0 {
                break;
            }
            record.extend_from_slice(&chunk);
        }
        Ok(())
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
