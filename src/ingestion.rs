//! Sources to a lake, exactly once: finds out how far each source is in the lake, decodes the rest, and commits rows, books and progress
//! together, round by round. Knows nothing of how files are found or what a table looks like on disk.

mod resume;
mod rows;
mod sampling;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, Sender, bounded};
use slowlake_ingest::{Compression, IngestError, Location, Reader, Source};
use slowlake_parse::{Decoder, Format, Ledger, Span};
use slowlake_store::{Commit, Lake, Outcome, Progress, StoreError, Uploaded};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::batch::Batch;
use crate::ingestion::resume::Resume;
pub(crate) use crate::ingestion::rows::RowMaker;
pub(crate) use crate::ingestion::sampling::TextPolicy;
use crate::pipeline::{ReadOptions, SourceFailure, SourceOutcome, choose_format, collect, read_head};

/// Bytes of a log that are committed together.
const ROUND_BYTES: u64 = 16 * 1024 * 1024;
/// Rounds whose files are being written while the next is decoded.
const UPLOADS_MAX: usize = 2;
/// How often another owner of the same source is given way before giving up.
const FENCED_MAX: u32 = 20;
/// A file whose last line has no end and was written this recently may still be growing.
const SETTLE: Duration = Duration::from_secs(5);

/// Where executions go, and what is kept of them.
pub(crate) struct Ingestion<'i> {
    runtime: &'i Runtime,
    lake: Lake,
    server: String,
    options: ReadOptions,
    maker: RowMaker,
    progress: &'i AtomicU64,
}

/// What became of one source.
pub(crate) struct Ingested {
    pub(crate) outcome: SourceOutcome,
    /// Bytes that the lake had already.
    pub(crate) bytes_known: u64,
    pub(crate) commits: u64,
}

/// Why a source could not be ingested.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IngestionError {
    /// The source; others may go on.
    #[error(transparent)]
    Source(#[from] SourceFailure),
    /// The lake; nothing can go on.
    #[error(transparent)]
    Lake(#[from] StoreError),
    /// Somebody else ingests the same source again and again.
    #[error("{name}: another slowlake ingests the same file; gave way {FENCED_MAX} times")]
    Fenced {
        /// The source.
        name: String,
    },
}

impl From<IngestError> for IngestionError {
    fn from(error: IngestError) -> IngestionError {
        IngestionError::Source(error.into())
    }
}

/// A piece of a source, decoded.
struct Round {
    batches: Vec<Batch>,
    ledger: Ledger,
    start: u64,
    end: u64,
    context: Vec<Span>,
}

impl<'i> Ingestion<'i> {
    /// An ingestion into `lake` of logs of `server`.
    pub(crate) fn new(
        runtime: &'i Runtime,
        lake: Lake,
        options: ReadOptions,
        maker: RowMaker,
        progress: &'i AtomicU64,
    ) -> Ingestion<'i> {
        Ingestion {
            runtime,
            lake,
            server: maker.server().to_owned(),
            options,
            maker,
            progress,
        }
    }

    /// The lake, for the numbers at the end.
    pub(crate) fn lake(&self) -> &Lake {
        &self.lake
    }

    /// Ingests one source from where the lake has it to its end.
    pub(crate) fn source(&mut self, source: &Source) -> Result<Ingested, IngestionError> {
        let mut ingested = Ingested {
            outcome: SourceOutcome {
                name: source.name.clone(),
                format: None,
                ledger: Ledger::default(),
                failure: None,
            },
            bytes_known: 0,
            commits: 0,
        };
        for _ in 0..FENCED_MAX {
            if self.attempt(source, &mut ingested)? {
                return Ok(ingested);
            }
            // What was read was not committed: it is read again from where the other owner left it.
            self.maker.forget();
            self.runtime.block_on(self.lake.refresh())?;
        }
        Err(IngestionError::Fenced {
            name: source.name.clone(),
        })
    }

    /// One attempt; `false` when another owner came first.
    fn attempt(&mut self, source: &Source, ingested: &mut Ingested) -> Result<bool, IngestionError> {
        let mut reader = Reader::open(source)?;
        let (head, damage) = read_head(&mut reader);
        if head.is_empty() {
            return damage.map_or(Ok(true), |error| Err(error.into()));
        }
        let format = choose_format(&source.name, &head, &self.options)?;
        ingested.outcome.format = Some(format.clone());
        let resume = resume::find(self, source, &head)?;
        if ingested.commits == 0 {
            ingested.bytes_known = resume.offset;
        }
        let mut decoder = Decoder::new(&format, self.options.zone.clone(), resume.offset);
        let mut reader = reopen(source, head, reader, &resume)?;
        resume.teach(&mut decoder, &mut reader)?;
        reader.skip_to(resume.offset)?;
        let (send, receive) = bounded::<Round>(1);
        let (options, progress) = (self.options.clone(), self.progress);
        let source = source.clone();
        std::thread::scope(|scope| {
            let reading =
                scope.spawn(move || read_rounds(&source, reader, decoder, &options, progress, &send));
            let committed = self.commit_rounds(&receive, &resume, &format, ingested);
            // A sender without a receiver stops.
            drop(receive);
            let failure = reading
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            ingested.outcome.failure = failure.map(SourceFailure::from);
            committed
        })
    }

    /// Turns rounds into rows, has them written, and commits them in their order. `false` when fenced.
    fn commit_rounds(
        &mut self,
        rounds: &Receiver<Round>,
        resume: &Resume,
        format: &Format,
        ingested: &mut Ingested,
    ) -> Result<bool, IngestionError> {
        let mut writing: std::collections::VecDeque<Writing> = std::collections::VecDeque::new();
        let mut prev = resume.prev;
        for round in rounds {
            let rows = self.maker.rows(&round.batches, &resume.source, |maker| {
                let range = Span {
                    start: round.start,
                    end: round.end,
                };
                maker.ledger_row(
                    (&resume.app_id, &resume.identity),
                    format,
                    range,
                    &round.ledger,
                    &round.context,
                );
            });
            let uploader = self.lake.uploader();
            let files = self.runtime.spawn(async move { uploader.upload(rows).await });
            writing.push_back(Writing {
                files,
                end: round.end,
                ledger: round.ledger,
            });
            while writing.len() >= UPLOADS_MAX {
                if !self.commit_first(&mut writing, resume, &mut prev, ingested)? {
                    return Ok(false);
                }
            }
        }
        while !writing.is_empty() {
            if !self.commit_first(&mut writing, resume, &mut prev, ingested)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn commit_first(
        &mut self,
        writing: &mut std::collections::VecDeque<Writing>,
        resume: &Resume,
        prev: &mut Option<i64>,
        ingested: &mut Ingested,
    ) -> Result<bool, IngestionError> {
        let Some(first) = writing.pop_front() else {
            return Ok(true);
        };
        let files = match self.runtime.block_on(first.files) {
            Ok(files) => files?,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let next = offset_i64(first.end);
        let progress = vec![Progress {
            app_id: resume.app_id.clone(),
            prev: *prev,
            next,
        }];
        match self.runtime.block_on(self.lake.commit(Commit {
            files: vec![files],
            progress,
        }))? {
            Outcome::Committed { .. } => {
                *prev = Some(next);
                ingested.commits += 1;
                ingested.outcome.ledger.merge(&first.ledger);
                Ok(true)
            }
            Outcome::Fenced { .. } => Ok(false),
        }
    }
}

/// A round whose files are being written.
struct Writing {
    files: JoinHandle<Result<Uploaded, StoreError>>,
    end: u64,
    ledger: Ledger,
}

/// A reader that can still go to the beginning of what the lake needs: plain files seek, archives are opened anew, and a stream, which can
/// be read once, gives the head that was read of it back.
enum Bytes {
    Reader(Reader),
    Stream { head: Vec<u8>, at: usize, rest: Reader },
}

fn reopen(source: &Source, head: Vec<u8>, reader: Reader, resume: &Resume) -> Result<Bytes, IngestionError> {
    if resume.is_stream {
        return Ok(Bytes::Stream {
            head,
            at: 0,
            rest: reader,
        });
    }
    Ok(Bytes::Reader(Reader::open(source)?))
}

impl Bytes {
    fn skip_to(&mut self, offset: u64) -> Result<(), IngestError> {
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

    fn read_chunk(&mut self, buffer: &mut Vec<u8>, limit: usize) -> Result<usize, IngestError> {
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

/// Decodes to the end of the source and sends it round by round. Returns why it ended early, if it did.
fn read_rounds(
    source: &Source,
    mut bytes: Bytes,
    mut decoder: Decoder,
    options: &ReadOptions,
    progress: &AtomicU64,
    send: &Sender<Round>,
) -> Option<IngestError> {
    let mut round = Gathering::default();
    let mut start = decoder.position();
    let (mut chunk, mut on_disk, mut ends_line) = (Vec::new(), 0, true);
    let failure = loop {
        match bytes.read_chunk(&mut chunk, options.chunk_bytes) {
            Ok(0) if !ends_line && may_grow(source) => std::thread::sleep(SETTLE / 10),
            Ok(0) => break None,
            Ok(_) => {
                ends_line = chunk.ends_with(b"\n");
                decoder.push(&chunk, &mut |decoded| round.add(decoded));
            }
            Err(error) => break Some(error),
        }
        progress.fetch_add(bytes.bytes_read_on_disk() - on_disk, Ordering::Relaxed);
        on_disk = bytes.bytes_read_on_disk();
        let is_full = decoder.position() - start >= ROUND_BYTES;
        if is_full && send.send(round.take(&mut decoder, &mut start)).is_err() {
            return None;
        }
    };
    decoder.finish(&mut |decoded| round.add(decoded));
    if decoder.position() > start {
        // Without a receiver there is nobody to tell.
        let _ = send.send(round.take(&mut decoder, &mut start));
    }
    failure
}

/// Batches of the round that is being decoded.
#[derive(Default)]
struct Gathering {
    full: Vec<Batch>,
    last: Batch,
}

impl Gathering {
    fn add(&mut self, decoded: slowlake_parse::Decoded<'_>) {
        collect(decoded, &mut self.last);
        if self.last.is_full() {
            self.full.push(std::mem::take(&mut self.last));
        }
    }

    fn take(&mut self, decoder: &mut Decoder, start: &mut u64) -> Round {
        let mut batches = std::mem::take(&mut self.full);
        batches.push(std::mem::take(&mut self.last));
        let end = decoder.position();
        let round = Round {
            batches,
            ledger: decoder.take_ledger(),
            start: *start,
            end,
            context: decoder.context(),
        };
        *start = end;
        round
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
    let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    let age = modified.map(|modified| {
        SystemTime::now()
            .duration_since(modified)
            .unwrap_or(Duration::ZERO)
    });
    age.is_ok_and(|age| age < SETTLE)
}

/// An offset as the lake has it. No source has 2^63 bytes.
fn offset_i64(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}
