//! Sources to a lake, exactly once: finds out how far each source is in the lake, decodes the rest, and commits rows, books and progress
//! together, round by round. Knows nothing of how files are found or what a table looks like on disk.

#[cfg(feature = "kafka")]
mod consuming;
mod following;
mod known;
mod log;
mod mixed;
mod reading;
mod resume;
mod round;
mod rows;
mod samples;
mod sampling;
mod tail;
#[cfg(feature = "kafka")]
mod topics;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, never, select};
use slowlake_ingest::{Identity, IngestError, Location, Reader, Source};
use slowlake_parse::{Decoder, Ledger, has_only_banner};
use slowlake_store::{Commit, Lake, Outcome, Progress, Rows, StoreError, Uploaded};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::batch::Batch;
#[cfg(feature = "kafka")]
pub(crate) use crate::ingestion::consuming::Consumption;
pub(crate) use crate::ingestion::following::{Behind, FollowLimits, Following, Stop};
use crate::ingestion::known::{Known, KnownUnit};
use crate::ingestion::log::Log;
use crate::ingestion::reading::{Bytes, Reading};
use crate::ingestion::resume::{Resume, Seen, lasting_path, teach};
use crate::ingestion::round::{Message, Outlet, Part, Round};
pub(crate) use crate::ingestion::rows::{RowMaker, ServerName, Texts};
pub(crate) use crate::ingestion::samples::{SampleCommits, SampleRound, SampledServer};
pub(crate) use crate::ingestion::sampling::TextPolicy;
use crate::ingestion::tail::lock;
#[cfg(feature = "kafka")]
pub(crate) use crate::ingestion::topics::Starts;
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
    /// What the lake knows; `None` until it is asked, and after another owner was met.
    known: Option<Arc<Mutex<Known>>>,
}

/// What became of one source.
pub(crate) struct Ingested {
    pub(crate) outcome: SourceOutcome,
    /// Bytes that the lake had already.
    pub(crate) bytes_known: u64,
    pub(crate) commits: u64,
}

/// What was committed.
#[derive(Debug, Default)]
pub(crate) struct Committed {
    /// Files that were begun or gone on with.
    pub(crate) sources: usize,
    pub(crate) commits: u64,
    pub(crate) ledger: Ledger,
}

/// What happens while sources are ingested, for whoever watches.
#[derive(Debug)]
pub(crate) enum Event<'e> {
    /// A source cannot be read, or not now; others go on.
    Failed(&'e SourceFailure),
    /// A round is in the lake.
    Committed {
        /// Its books.
        ledger: &'e Ledger,
        /// From the moment when everything of it was read.
        took: Duration,
    },
}

impl Event<'_> {
    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Event::Failed(_))
    }
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
            known: None,
        }
    }

    /// The lake, for the numbers at the end.
    pub(crate) fn into_lake(self) -> Lake {
        self.lake
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
            self.give_way()?;
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
        let identity = Identity::of(source).ok();
        let is_stream = identity.is_none();
        let resume = self.resume(source, identity, &head)?;
        if ingested.commits == 0 {
            ingested.bytes_known = resume.offset;
        }
        let mut decoder = Decoder::new(&format, self.options.zone.clone(), resume.offset);
        let mut reader = Bytes::reopen(source, head, reader, is_stream)?;
        teach(&resume.context, &mut decoder, &mut |span, record| {
            reader.read_span(span, record)
        })?;
        match reader.skip_to(resume.offset) {
            // A shorter copy of what the lake has: nothing new.
            Err(IngestError::TooShort { .. }) => return Ok(true),
            other => other?,
        }
        let (send, receive) = bounded(MESSAGES_WAITING);
        let (give_back, empty) = bounded(MESSAGES_WAITING);
        let reading = Reading {
            source: source.clone(),
            log: Log::new(resume, format, decoder),
            options: self.options.clone(),
            progress: self.progress,
            outlet: Outlet::new(send, empty),
        };
        let mut committed = Committed::default();
        let (result, failure) = std::thread::scope(|scope| {
            let reading = scope.spawn(move || reading.run(reader));
            let result = self.commit_rounds(&receive, &give_back, &mut committed, &mut |_| {});
            // A sender without a receiver stops.
            drop(receive);
            let failure = reading
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (result, failure)
        });
        ingested.commits += committed.commits;
        ingested.outcome.ledger.merge(&committed.ledger);
        ingested.outcome.failure = failure.map(SourceFailure::from);
        result
    }

    /// Where to go on with a source.
    fn resume(
        &mut self,
        source: &Source,
        identity: Option<Identity>,
        head: &[u8],
    ) -> Result<Resume, IngestionError> {
        let known = self.known()?;
        let seen = Seen {
            server: &self.server,
            path: match &source.location {
                Location::Stdin => source.name.clone(),
                Location::File(path) => lasting_path(path),
            },
            identity: identity.unwrap_or_else(|| Identity::of_stream(head)),
            head,
        };
        let mut resume = Resume::find(&lock(&known), seen, 0);
        if resume.prev.is_none() {
            // Nothing, unless somebody else begins with the same source right now.
            resume.prev = self.runtime.block_on(self.lake.watermark(&resume.unit.app_id))?;
            resume.offset = u64::try_from(resume.prev.unwrap_or(0)).unwrap_or(0);
        }
        Ok(resume)
    }

    /// What the lake knows, asked for if it was not yet.
    fn known(&mut self) -> Result<Arc<Mutex<Known>>, StoreError> {
        if let Some(known) = &self.known {
            return Ok(known.clone());
        }
        let known = Known::load(self.runtime, &self.lake, &self.server)?;
        Ok(self.known.insert(Arc::new(Mutex::new(known))).clone())
    }

    /// Another owner came first: what was read was not committed, and is read again from where the other one left it.
    fn give_way(&mut self) -> Result<(), StoreError> {
        self.maker.forget();
        self.known = None;
        self.runtime.block_on(self.lake.refresh())
    }

    /// Turns what is read into rows, has them written, and commits them round by round, in order. `false` when fenced.
    fn commit_rounds(
        &mut self,
        messages: &Receiver<Message>,
        give_back: &Sender<Batch>,
        committed: &mut Committed,
        report: &mut dyn FnMut(Event<'_>),
    ) -> Result<bool, IngestionError> {
        let mut writing: Option<Writing> = None;
        loop {
            let is_written = writing.as_ref().map_or_else(never, |it| it.is_written.clone());
            select! {
                recv(messages) -> message => match message {
                    Ok(Message::Batch(mut batch, unit)) => {
                        self.maker.batch(&batch, &unit.source);
                        batch.clear();
                        // A full shelf of empty batches is no reason to wait.
                        let _ = give_back.try_send(batch);
                    }
                    Ok(Message::Mixed(mixed)) => {
                        self.maker.mixed(&mixed);
                        let _ = give_back.try_send(mixed.into_empty());
                    }
                    Ok(Message::Ask(question)) => {
                        if !self.commit_written(writing.take(), committed, report)? {
                            return Ok(false);
                        }
                        question(self.runtime, &mut self.lake);
                    }
                    Ok(Message::Failure(failure)) => report(Event::Failed(&failure)),
                    Ok(Message::End(round)) => {
                        let rows = self.make_rows(&round);
                        // The rows of this round were made while the files of the one before were written.
                        if !self.commit_written(writing.take(), committed, report)? {
                            return Ok(false);
                        }
                        writing = Some(self.write(rows, round));
                    }
                    Err(_) => return self.commit_written(writing, committed, report),
                },
                recv(is_written) -> _ => if !self.commit_written(writing.take(), committed, report)? {
                    return Ok(false);
                },
            }
        }
    }

    /// The rows of a round, with its books.
    fn make_rows(&mut self, round: &Round) -> Rows {
        round.iter().for_each(|part| self.maker.ledger_row(part));
        self.maker.finish()
    }

    /// Has rows written to files by the runtime.
    fn write(&self, rows: Rows, round: Round) -> Writing {
        let uploader = self.lake.uploader();
        let (says_so, is_written) = bounded(0);
        let files = self.runtime.spawn(async move {
            let _dropped_at_the_end: Sender<()> = says_so;
            uploader.upload(rows).await
        });
        Writing {
            files,
            is_written,
            round,
            began: Instant::now(),
        }
    }

    fn commit_written(
        &mut self,
        writing: Option<Writing>,
        committed: &mut Committed,
        report: &mut dyn FnMut(Event<'_>),
    ) -> Result<bool, IngestionError> {
        let Some(Writing {
            files, round, began, ..
        }) = writing
        else {
            return Ok(true);
        };
        let files = match self.runtime.block_on(files) {
            Ok(files) => files?,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let step = |part: &Part| Progress {
            app_id: part.unit.app_id.clone(),
            prev: part.prev,
            next: offset_i64(part.range.end),
        };
        let superseded = round
            .iter()
            .filter_map(|part| part.topic.as_ref()?.supersedes.clone());
        let last_step = |(app_id, prev)| Progress {
            app_id,
            prev: Some(prev),
            next: Progress::SUPERSEDED,
        };
        let commit = Commit {
            files: vec![files],
            progress: round.iter().map(step).chain(superseded.map(last_step)).collect(),
        };
        match self.runtime.block_on(self.lake.commit(commit))? {
            Outcome::Committed { .. } => {
                let mut ledger = Ledger::default();
                for part in round {
                    ledger.merge(&part.ledger);
                    self.note(part);
                }
                committed.commits += 1;
                committed.ledger.merge(&ledger);
                let took = began.elapsed();
                report(Event::Committed {
                    ledger: &ledger,
                    took,
                });
                Ok(true)
            }
            Outcome::Fenced { .. } => Ok(false),
        }
    }

    /// Notes how far a source is now.
    fn note(&mut self, part: Part) {
        // Of topics only the lake knows, for others read them, too.
        if part.topic.is_none()
            && let Some(all) = &self.known
        {
            lock(all).insert(KnownUnit {
                unit: part.unit.as_ref().clone(),
                next: offset_i64(part.range.end),
                context: part.context,
            });
        }
    }
}

/// A round whose files are being written.
struct Writing {
    files: JoinHandle<Result<Uploaded, StoreError>>,
    /// Disconnected once they are written.
    is_written: Receiver<()>,
    round: Round,
    began: Instant,
}

/// An offset as the lake has it. No source has 2^63 bytes.
fn offset_i64(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}
