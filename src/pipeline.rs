//! Sources to batches of executions: opens, detects the format, decodes, and hands out. One reading thread, any number of helpers; what the
//! helpers do with a batch is the caller's business. Never decides whether a reject is an error.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::tz::TimeZone;
use slowlake_ingest::{IngestError, Reader, Source};
use slowlake_parse::statement::{Dialect, Options};
use slowlake_parse::{
    DETECT_BYTES, Decoder, Detection, Format, Grammar, Ledger, Prefix, detect, detect_wrappers,
};

use crate::batch::Batch;

/// Bytes read at once, unless a test wants fewer.
pub(crate) const CHUNK_BYTES: usize = 1024 * 1024;

/// How logs are to be read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReadOptions {
    /// What the server writes, when the user insists.
    pub(crate) grammar: Option<Grammar>,
    /// `log_line_prefix` of PostgreSQL's stderr format, when the user gives it.
    pub(crate) prefix: Option<String>,
    /// Zone of the servers' clocks.
    pub(crate) zone: Option<TimeZone>,
    /// Bytes read at once.
    pub(crate) chunk_bytes: usize,
    /// How statements are read.
    pub(crate) statement: StatementOptions,
}

/// What makes one query of two statements, where the user wants it other than usual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct StatementOptions {
    /// In table names, long numbers, UUIDs and hashes do not count.
    pub(crate) group_numbered_tables: bool,
    /// MySQL servers run with `ANSI_QUOTES`.
    pub(crate) ansi_quotes: bool,
    /// MySQL servers run with `NO_BACKSLASH_ESCAPES`.
    pub(crate) no_backslash_escapes: bool,
    /// The number of equal arms of a `UNION` counts, for MySQL as for PostgreSQL.
    pub(crate) keep_unions: bool,
}

impl StatementOptions {
    /// The options for the statements of one family of servers.
    pub(crate) fn of(self, dialect: Dialect) -> Options {
        let usual = Options::new(dialect);
        Options {
            ansi_quotes: self.ansi_quotes,
            no_backslash_escapes: self.no_backslash_escapes,
            collapse_unions: usual.collapse_unions && !self.keep_unions,
            group_numbered_tables: self.group_numbered_tables,
            ..usual
        }
    }
}

/// What became of one source.
#[derive(Debug)]
pub(crate) struct SourceOutcome {
    /// Its name.
    pub(crate) name: String,
    /// Its format; `None` when it is empty or nothing fits.
    pub(crate) format: Option<Format>,
    /// The books of its bytes.
    pub(crate) ledger: Ledger,
    /// Why reading ended early, if it did.
    pub(crate) failure: Option<SourceFailure>,
}

/// Why a source was not read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceFailure {
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] IngestError),
    /// No format fits its bytes.
    #[error("{name}: no known log format fits ({})", tried(.detection))]
    UnknownFormat {
        /// The source.
        name: String,
        /// What was tried, and how well it fitted.
        detection: Detection,
    },
}

impl SourceFailure {
    /// Whether there is nothing that could be read; there may be later.
    pub(crate) fn is_not_there(&self) -> bool {
        use IngestError::{EmptyDirectory, NoMatch, NotFound};
        matches!(
            self,
            SourceFailure::Read(NotFound { .. } | NoMatch { .. } | EmptyDirectory { .. })
        )
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            SourceFailure::Read(error) => error.hint().map(str::to_owned),
            SourceFailure::UnknownFormat { .. } => Some(
                "if it is PostgreSQL's stderr log, give its setting with --log-line-prefix; --format insists on a format".to_owned(),
            ),
        }
    }
}

fn tried(detection: &Detection) -> String {
    let each = |tried: &slowlake_parse::Tried| {
        format!("{} understands {:.0} % of it", tried.format, tried.share * 100.0)
    };
    let list: Vec<String> = detection.tried.iter().map(each).collect();
    format!("tried: {}", list.join(", "))
}

/// Decodes one source from its beginning, passing every full batch on; `pass` gives an empty batch back.
pub(crate) fn decode(
    source: &Source,
    options: &ReadOptions,
    progress: &AtomicU64,
    mut pass: impl FnMut(Batch) -> Batch,
) -> SourceOutcome {
    let mut outcome = SourceOutcome {
        name: source.name.clone(),
        format: None,
        ledger: Ledger::default(),
        failure: None,
    };
    let mut batch = Batch::default();
    if let Err(failure) = decode_into(
        source,
        options,
        progress,
        &mut outcome,
        &mut |full: &mut Batch| {
            *full = pass(std::mem::take(full));
        },
        &mut batch,
    ) {
        outcome.failure = Some(failure);
    }
    if !batch.is_empty() {
        pass(batch);
    }
    outcome
}

fn decode_into(
    source: &Source,
    options: &ReadOptions,
    progress: &AtomicU64,
    outcome: &mut SourceOutcome,
    pass: &mut dyn FnMut(&mut Batch),
    batch: &mut Batch,
) -> Result<(), SourceFailure> {
    let mut reader = Reader::open(source)?;
    let (head, damage) = read_head(&mut reader);
    if head.is_empty() {
        return damage.map_or(Ok(()), |error| Err(error.into()));
    }
    let format = choose_format(&source.name, &head, options)?;
    outcome.format = Some(format.clone());
    let mut decoder = Decoder::new(&format, options.zone.clone(), 0);
    let mut feed = |bytes: &[u8], decoder: &mut Decoder| {
        decoder.push(bytes, &mut |decoded| {
            batch.push(&decoded);
            if batch.is_full() {
                pass(batch);
            }
        });
    };
    for piece in head.chunks(options.chunk_bytes) {
        feed(piece, &mut decoder);
    }
    let mut failure = damage;
    let mut on_disk = 0;
    let mut chunk = Vec::new();
    while failure.is_none() {
        match reader.read_chunk(&mut chunk, options.chunk_bytes) {
            Ok(0) => break,
            Ok(_) => feed(&chunk, &mut decoder),
            Err(error) => failure = Some(error),
        }
        progress.fetch_add(reader.bytes_read_on_disk() - on_disk, Ordering::Relaxed);
        on_disk = reader.bytes_read_on_disk();
    }
    decoder.finish(&mut |decoded| batch.push(&decoded));
    outcome.ledger = decoder.take_ledger();
    failure.map_or(Ok(()), |error| Err(error.into()))
}

/// The first bytes of a source, enough to know its format; an error does not take away the bytes before it.
pub(crate) fn read_head(reader: &mut Reader) -> (Vec<u8>, Option<IngestError>) {
    let (mut head, mut chunk) = (Vec::new(), Vec::new());
    while head.len() < DETECT_BYTES {
        match reader.read_chunk(&mut chunk, DETECT_BYTES - head.len()) {
            Ok(0) => break,
            Ok(_) => head.extend_from_slice(&chunk),
            Err(error) => return (head, Some(error)),
        }
    }
    (head, None)
}

/// The format of a log that begins with `head`.
pub(crate) fn choose_format(name: &str, head: &[u8], options: &ReadOptions) -> Result<Format, SourceFailure> {
    if let Some(setting) = &options.prefix {
        return Ok(detect_wrappers(
            head,
            Grammar::PostgresStderr(Prefix::new(setting)),
        ));
    }
    if let Some(grammar) = &options.grammar {
        return Ok(detect_wrappers(head, grammar.clone()));
    }
    let detection = detect(head);
    match detection.format() {
        Some(format) => Ok(format.clone()),
        None => Err(SourceFailure::UnknownFormat {
            name: name.to_owned(),
            detection,
        }),
    }
}
