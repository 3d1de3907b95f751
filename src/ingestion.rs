//! Sources to a lake, exactly once: finds out how far each source is in the lake, decodes the rest, and commits rows, books and progress
//! together, round by round. Knows nothing of how files are found or what a table looks like on disk.

mod reading;
mod resume;
mod rows;
mod sampling;

use std::sync::atomic::AtomicU64;

use crossbeam_channel::{Receiver, Sender, bounded};
use slowlake_ingest::{IngestError, Reader, Source};
use slowlake_parse::{Decoder, Format, Ledger, has_only_banner};
use slowlake_store::{Commit, Lake, Outcome, Progress, StoreError, Uploaded};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::batch::Batch;
use crate::ingestion::reading::{Bytes, Message, Reading, Round};
use crate::ingestion::resume::Resume;
pub(crate) use crate::ingestion::rows::{RowMaker, ServerName, Texts};
pub(crate) use crate::ingestion::sampling::TextPolicy;
use crate::pipeline::{ReadOptions, SourceFailure, SourceOutcome, choose_format, read_head};

/// Batches that wait to become rows.
const MESSAGES_WAITING: usize = 8;
/// How often another owner of the same source is given way before giving up.
const FENCED_MAX: u32 = 20;
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
        if has_only_banner(&head) {
            // A log that was just opened: it is not told from others yet, and there is nothing in it to keep.
            return Ok(true);
        }
        let format = choose_format(&source.name, &head, &self.options)?;
        ingested.outcome.format = Some(format.clone());
        let resume = resume::find(self, source, &head)?;
        if ingested.commits == 0 {
            ingested.bytes_known = resume.offset;
        }
        let mut decoder = Decoder::new(&format, self.options.zone.clone(), resume.offset);
        let mut reader = Bytes::reopen(source, head, reader, &resume)?;
        resume.teach(&mut decoder, &mut reader)?;
        match reader.skip_to(resume.offset) {
            // A shorter copy of what the lake has: nothing new.
            Err(IngestError::TooShort { .. }) => return Ok(true),
            other => other?,
        }
        let (send, receive) = bounded(MESSAGES_WAITING);
        let (give_back, empty) = bounded(MESSAGES_WAITING);
        let reading = Reading {
            source: source.clone(),
            options: self.options.clone(),
            progress: self.progress,
            send,
            empty,
        };
        std::thread::scope(|scope| {
            let reading = scope.spawn(move || reading.run(reader, decoder));
            let committed = self.commit_rounds(&receive, &give_back, &resume, &format, ingested);
            // A sender without a receiver stops.
            drop(receive);
            let failure = reading
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            ingested.outcome.failure = failure.map(SourceFailure::from);
            committed
        })
    }

    /// Turns what is read into rows, has them written, and commits them round by round, in order. `false` when fenced.
    fn commit_rounds(
        &mut self,
        messages: &Receiver<Message>,
        give_back: &Sender<Batch>,
        resume: &Resume,
        format: &Format,
        ingested: &mut Ingested,
    ) -> Result<bool, IngestionError> {
        let mut writing = None;
        let mut prev = resume.prev;
        for message in messages {
            let round = match message {
                Message::Batch(mut batch) => {
                    self.maker.batch(&batch, &resume.source);
                    batch.clear();
                    // A full shelf of empty batches is no reason to wait.
                    let _ = give_back.try_send(batch);
                    continue;
                }
                Message::End(round) => round,
            };
            self.maker.ledger_row(resume, format, &round);
            let rows = self.maker.finish();
            // The rows of this round were made while the files of the one before were written.
            if !self.commit_written(writing.take(), resume, &mut prev, ingested)? {
                return Ok(false);
            }
            let uploader = self.lake.uploader();
            let files = self.runtime.spawn(async move { uploader.upload(rows).await });
            writing = Some(Writing { files, round });
        }
        self.commit_written(writing, resume, &mut prev, ingested)
    }

    fn commit_written(
        &mut self,
        writing: Option<Writing>,
        resume: &Resume,
        prev: &mut Option<i64>,
        ingested: &mut Ingested,
    ) -> Result<bool, IngestionError> {
        let Some(Writing { files, round }) = writing else {
            return Ok(true);
        };
        let files = match self.runtime.block_on(files) {
            Ok(files) => files?,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let next = offset_i64(round.range.end);
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
                ingested.outcome.ledger.merge(&round.ledger);
                Ok(true)
            }
            Outcome::Fenced { .. } => Ok(false),
        }
    }
}

/// A round whose files are being written.
struct Writing {
    files: JoinHandle<Result<Uploaded, StoreError>>,
    round: Box<Round>,
}

/// An offset as the lake has it. No source has 2^63 bytes.
fn offset_i64(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}
