//! `slowlake ingest`: logs into a lake, each byte once, however often it is called.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use serde_json::json;
use slowlake_ingest::{Discovery, IngestError, discover};
use slowlake_parse::Ledger;
use slowlake_store::Lake;

use crate::command::follow::FollowArguments;
use crate::command::lake::{location, runtime, store_error};
use crate::command::reading::{ReadArguments, ingest_error, say_failure, say_source_failure};
use crate::configuration::Files;
use crate::exit_code::ExitCode;
use crate::ingestion::{
    Committed, Ingested, Ingestion, IngestionError, RowMaker, ServerName, TextPolicy, Texts,
};
use crate::output;
use crate::pipeline::{ReadOptions, StatementOptions};
use crate::progress::Progress;
use crate::render::json::ledger;
use crate::render::quantity::{bytes, count, percent, plural};
use crate::service::meter::Meters;
use crate::service::{Service, Signal, Wanted, signals};
use crate::settings::Settings;
use crate::summary::Coverage;

#[derive(Debug, Args)]
pub(crate) struct IngestArguments {
    /// Log files, folders or patterns, compressed or not; - is standard input
    #[arg(required = true)]
    paths: Vec<String>,
    /// The lake: a folder, or a bucket's s3://, gs:// or az:// URL; made if it does not exist [default: the environment's SLOWLAKE_LAKE]
    #[arg(long, value_name = "URI")]
    lake: Option<String>,
    /// Name of the server that wrote the logs [default: what the log says, else the name of this machine]
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Name of the cluster the server belongs to
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Which statements keep their text, with its literals
    #[arg(long, value_enum, default_value = "sampled")]
    statement_text: TextPolicy,
    /// Keep no literal: of statements the normalized text, of messages only what is the server's own, of what cannot be read its place. Names of
    /// users, databases, applications, clients and objects stay
    #[arg(long, conflicts_with = "statement_text")]
    redact: bool,
    #[command(flatten)]
    following: FollowArguments,
    #[command(flatten)]
    reading: ReadArguments,
    /// Form of the answer
    #[arg(long, value_enum, default_value = "text")]
    output: AnswerFormat,
    /// Write the answer to this file instead of standard output
    #[arg(short = 'o', value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum AnswerFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// What one call brought into the lake.
#[derive(Debug, Default)]
struct Tally {
    sources: usize,
    failures: usize,
    bytes_known: u64,
    commits: u64,
    ledger: Ledger,
}

/// What is to be ingested.
enum Input {
    /// Files as they are now.
    Found(Discovery),
    /// Files that are being written.
    Followed(Box<Files>),
}

/// Ingests every source that can be read, or follows them.
pub(crate) fn run(arguments: &IngestArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let options = arguments.reading.resolve()?;
    let location = location(arguments.lake.as_ref(), settings)?;
    let input = arguments.input(&options).map_err(ingest_error)?;
    let runtime = Arc::new(runtime(settings)?);
    let began = Instant::now();
    let mut tally = Tally::default();
    let (lake, code) = match input {
        Input::Found(found) => {
            let lake = runtime
                .block_on(Lake::open_or_create(&location))
                .map_err(store_error)?;
            let progress = Progress::start(settings, &found.sources);
            let bytes_read = progress.bytes.clone();
            let maker = arguments.row_maker(settings, options.statement);
            let mut ingestion = Ingestion::new(&runtime, lake, options, maker, &bytes_read);
            tally.ingest(&found, &mut ingestion)?;
            progress.finish();
            (ingestion.into_lake(), tally.exit_code())
        }
        Input::Followed(files) => {
            let told = signals(&runtime)?;
            let mut service = Service::start(runtime.clone(), location.clone(), Meters::new())?;
            let every = arguments.following.commit_every();
            service.run(vec![Wanted::Files(*files)], every, settings)?;
            // There is no file that could be read again.
            while told.recv() == Ok(Signal::Reload) {}
            let done = service.finish();
            tally.failures = done.failures;
            tally.add_committed(done.committed);
            let lake = runtime.block_on(Lake::open(&location)).map_err(store_error)?;
            // It was told to stop, and did.
            (lake, ExitCode::Ok)
        }
    };
    let elapsed_s = began.elapsed().as_secs_f64();
    let answer = match arguments.output {
        AnswerFormat::Text => describe(&tally, &lake, elapsed_s),
        AnswerFormat::Json => document(&tally, &lake)?,
    };
    output::write(&answer, arguments.file.as_ref())?;
    Ok(code)
}

impl IngestArguments {
    fn input(&self, options: &ReadOptions) -> Result<Input, IngestError> {
        if !self.following.is_wanted() {
            return discover(&self.paths).map(Input::Found);
        }
        let follow = self.following.options(&self.paths);
        follow.check()?;
        Ok(Input::Followed(Box::new(Files {
            server: self.server.clone(),
            cluster: self.cluster.clone(),
            read: options.clone(),
            texts: self.texts(),
            follow,
        })))
    }

    fn row_maker(&self, settings: &Settings, statement: StatementOptions) -> RowMaker {
        let server = ServerName::new(self.server.clone(), settings);
        RowMaker::new(server, self.cluster.clone(), self.texts(), statement)
    }

    fn texts(&self) -> Texts {
        match self.redact {
            true => Texts::Redacted,
            false => Texts::Kept(self.statement_text),
        }
    }
}

impl Tally {
    /// Ingests what was found.
    fn ingest(&mut self, found: &Discovery, ingestion: &mut Ingestion<'_>) -> anyhow::Result<()> {
        self.failures = found.failures.len();
        for failure in &found.failures {
            say_failure(failure);
        }
        for source in &found.sources {
            match ingestion.source(source) {
                Ok(ingested) => self.add(ingested),
                Err(IngestionError::Source(failure)) => {
                    say_source_failure(&failure);
                    self.failures += 1;
                }
                Err(IngestionError::Lake(error)) => return Err(store_error(error)),
                Err(error @ IngestionError::Fenced { .. }) => {
                    output::say("error", &error.to_string());
                    self.failures += 1;
                }
            }
        }
        Ok(())
    }

    fn exit_code(&self) -> ExitCode {
        if self.sources == 0 && self.failures > 0 {
            ExitCode::Failed
        } else if self.failures > 0 || self.ledger.rejected_total().records > 0 {
            ExitCode::Found
        } else {
            ExitCode::Ok
        }
    }

    fn add(&mut self, ingested: Ingested) {
        self.bytes_known += ingested.bytes_known;
        self.add_committed(Committed {
            sources: 1,
            commits: ingested.commits,
            ledger: ingested.outcome.ledger,
        });
        if let Some(failure) = &ingested.outcome.failure {
            say_source_failure(failure);
            self.failures += 1;
        }
    }

    fn add_committed(&mut self, committed: Committed) {
        self.sources += committed.sources;
        self.commits += committed.commits;
        self.ledger.merge(&committed.ledger);
    }
}

fn describe(tally: &Tally, lake: &Lake, elapsed_s: f64) -> String {
    let coverage = Coverage::from(&tally.ledger);
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let n = |n: u64| count(whole(n));
    let mut text = format!(
        "{}, {} from {}, {} in {elapsed_s:.1} s ({}/s)\n",
        plural(whole(coverage.executions), "execution"),
        plural(whole(coverage.logs), "event"),
        plural(tally.sources as i64, "file"),
        bytes(coverage.bytes),
        bytes((coverage.bytes as f64 / elapsed_s.max(1e-6)) as u64),
    );
    if coverage.bytes > 0 {
        let share = |bytes: u64| percent(bytes as f64 / coverage.bytes as f64);
        text += &format!(
            "{} bytes: {} in entries, {} other records, {} rejected in {}\n",
            n(coverage.bytes),
            share(coverage.bytes_parsed),
            share(coverage.bytes_skipped),
            share(coverage.bytes_rejected),
            plural(whole(coverage.rejects), "piece"),
        );
    }
    if tally.bytes_known > 0 {
        text += &format!("{} bytes were in the lake already\n", n(tally.bytes_known));
    }
    let version = lake.version();
    text += &format!(
        "lake {} is at version {version}, {} more\n",
        lake.location(),
        plural(tally.commits as i64, "commit")
    );
    text + &format!("next  slowlake report top --lake {}\n", lake.location())
}

fn document(tally: &Tally, lake: &Lake) -> anyhow::Result<String> {
    let document = json!({
        "lake": lake.location().to_string(),
        "version": lake.version(),
        "commits": tally.commits,
        "sources": tally.sources,
        "failures": tally.failures,
        "bytes_known": tally.bytes_known,
        "ledger": ledger(&Coverage::from(&tally.ledger)),
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}
