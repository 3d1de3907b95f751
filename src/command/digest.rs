//! `slowlake digest`: logs to a report, without any set-up.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use jiff::tz::TimeZone;
use slowlake_ingest::{Source, discover};
use slowlake_parse::Format;

use crate::digest::{digest, total_ledger};
use crate::exit_code::ExitCode;
use crate::output;
use crate::pipeline::{CHUNK_BYTES, ReadOptions, SourceFailure, SourceOutcome};
use crate::render::quantity::{bytes, plural};
use crate::render::{OutputFormat, render, text};
use crate::settings::Settings;
use crate::summary::{Coverage, Summary};

/// Queries in a text report, unless asked otherwise.
const LIMIT_TEXT: usize = 10;
/// Names of inputs of one format that are shown.
const NAMES_SHOWN: usize = 3;

#[derive(Debug, Args)]
pub(crate) struct DigestArguments {
    /// Log files, folders or patterns, compressed or not; - is standard input
    #[arg(required = true)]
    paths: Vec<String>,
    #[command(flatten)]
    reading: ReadArguments,
    /// Name of the server that wrote the logs
    #[arg(long)]
    server: Option<String>,
    /// Queries to show [default: 10 in text, Markdown and HTML, all in JSON and CSV]
    #[arg(long)]
    limit: Option<usize>,
    /// Show only this query, in full
    #[arg(long, value_name = "FINGERPRINT")]
    query: Option<String>,
    /// Show what became of every byte
    #[arg(long)]
    coverage: bool,
    /// Form of the report
    #[arg(long, value_enum, default_value = "text")]
    output: OutputFormat,
    /// Write the report to this file instead of standard output
    #[arg(short = 'o', value_name = "FILE")]
    file: Option<PathBuf>,
}

/// How logs are read, the same for every command that reads them.
#[derive(Debug, Args)]
pub(crate) struct ReadArguments {
    /// Format of the logs, if it is not to be found out
    #[arg(long, value_enum, default_value = "auto")]
    format: FormatName,
    /// PostgreSQL's log_line_prefix, if it is not to be found out
    #[arg(long, value_name = "SETTING")]
    log_line_prefix: Option<String>,
    /// Time zone of the server where its log does not say, for example Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Bytes read at once
    #[arg(long, value_name = "BYTES", default_value_t = CHUNK_BYTES, hide = true)]
    chunk_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FormatName {
    Auto,
    PostgresStderr,
    PostgresCsv,
    PostgresJson,
    MysqlSlow,
}

impl ReadArguments {
    /// Checks and resolves them.
    pub(crate) fn resolve(&self) -> anyhow::Result<ReadOptions> {
        let zone = match &self.timezone {
            Some(name) => Some(TimeZone::get(name).with_context(|| {
                format!("--timezone {name}: no such time zone\nhint: use a name of the time zone database, for example Europe/Berlin")
            })?),
            None => None,
        };
        let format = match self.format {
            FormatName::Auto | FormatName::PostgresStderr => None,
            FormatName::PostgresCsv => Some(Format::PostgresCsv),
            FormatName::PostgresJson => Some(Format::PostgresJson),
            FormatName::MysqlSlow => Some(Format::MysqlSlow),
        };
        if self.format == FormatName::PostgresStderr && self.log_line_prefix.is_none() {
            anyhow::bail!(
                "--format postgres-stderr needs --log-line-prefix\nhint: ask the server with SHOW log_line_prefix"
            );
        }
        if self.log_line_prefix.is_some()
            && !matches!(self.format, FormatName::Auto | FormatName::PostgresStderr)
        {
            anyhow::bail!(
                "--log-line-prefix is a setting of PostgreSQL's stderr format, not of the --format given"
            );
        }
        Ok(ReadOptions {
            format,
            prefix: self.log_line_prefix.clone(),
            zone,
            chunk_bytes: self.chunk_bytes.max(1),
        })
    }
}

/// Reads the logs and writes the report.
pub(crate) fn run(arguments: &DigestArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let options = arguments.reading.resolve()?;
    let found = discover(&arguments.paths).map_err(with_hint)?;
    let progress = Progress::start(settings, &found.sources);
    let began = Instant::now();
    let (outcomes, aggregate) = digest(&found.sources, &options, settings.threads, &progress.bytes);
    let elapsed = began.elapsed();
    progress.finish();

    let mut failures: Vec<String> = found.failures.iter().map(say_failure).collect();
    failures.extend(
        outcomes
            .iter()
            .filter_map(|outcome| outcome.failure.as_ref())
            .map(say_source_failure),
    );
    let ledger = total_ledger(&outcomes);
    let limit = match (&arguments.query, arguments.limit, arguments.output) {
        (Some(_), ..) | (None, None, OutputFormat::Json | OutputFormat::Csv) => usize::MAX,
        (None, Some(limit), _) => limit,
        (None, None, _) => LIMIT_TEXT,
    };
    let mut summary = aggregate.summarize(limit, |source| outcomes[source as usize].name.clone());
    summary.title = "slowlake digest".to_owned();
    summary.inputs = describe_inputs(
        &outcomes,
        (arguments.output == OutputFormat::Text).then_some(elapsed),
    );
    summary.servers = arguments.server.iter().cloned().collect();
    summary.coverage = Coverage::from(&ledger);
    if let Some(wanted) = &arguments.query {
        keep_query(&mut summary, wanted)?;
    } else if arguments.output == OutputFormat::Text {
        summary.next = next_steps(&arguments.paths, &summary);
    }
    let nothing_read = outcomes.iter().all(|outcome| outcome.format.is_none()) && !failures.is_empty();
    if nothing_read && arguments.output == OutputFormat::Text {
        return Ok(ExitCode::Failed);
    }
    let is_empty = summary.calls == 0 && ledger.bytes() > 0;
    if is_empty {
        say_nothing_found(&outcomes, ledger.bytes());
    }
    let style = text::Style {
        columns: settings.columns,
        color: settings.color && arguments.file.is_none(),
        coverage: arguments.coverage || is_empty,
        in_full: arguments.query.is_some(),
    };
    output::write(
        &render(&summary, arguments.output, &style)?,
        arguments.file.as_ref(),
    )?;
    Ok(if nothing_read {
        ExitCode::Failed
    } else if is_empty || !failures.is_empty() || ledger.rejected_total().records > 0 {
        ExitCode::Found
    } else {
        ExitCode::Ok
    })
}

/// An error of reading with its next step.
pub(crate) fn with_hint(error: slowlake_ingest::IngestError) -> anyhow::Error {
    match error.hint() {
        Some(hint) => anyhow::anyhow!("{error}\nhint: {hint}"),
        None => anyhow::anyhow!("{error}"),
    }
}

/// Says that one input failed while others go on.
pub(crate) fn say_failure(error: &slowlake_ingest::IngestError) -> String {
    let text = error.to_string();
    output::say("error", &text);
    if let Some(hint) = error.hint() {
        output::say(" hint", hint);
    }
    text
}

/// The same for an input that was opened.
pub(crate) fn say_source_failure(failure: &SourceFailure) -> String {
    let text = failure.to_string();
    output::say("error", &text);
    if let Some(hint) = failure.hint() {
        output::say(" hint", &hint);
    }
    text
}

/// Formats with the files that have them, and how much was read.
fn describe_inputs(outcomes: &[SourceOutcome], elapsed: Option<Duration>) -> Vec<String> {
    let mut formats: Vec<(String, Vec<&SourceOutcome>)> = Vec::new();
    for outcome in outcomes {
        let format = outcome
            .format
            .as_ref()
            .map_or_else(|| "empty or unknown".to_owned(), ToString::to_string);
        match formats.iter_mut().find(|(name, _)| *name == format) {
            Some((_, list)) => list.push(outcome),
            None => formats.push((format, vec![outcome])),
        }
    }
    let total: u64 = outcomes.iter().map(|outcome| outcome.ledger.bytes()).sum();
    let mut lines: Vec<String> = formats
        .iter()
        .map(|(format, list)| {
            let mut names: Vec<&str> = list
                .iter()
                .take(NAMES_SHOWN)
                .map(|outcome| outcome.name.as_str())
                .collect();
            if list.len() > NAMES_SHOWN {
                names.push("…");
            }
            let read: u64 = list.iter().map(|outcome| outcome.ledger.bytes()).sum();
            format!(
                "{format} · {}, {}: {}",
                plural(list.len() as i64, "file"),
                bytes(read),
                names.join(", ")
            )
        })
        .collect();
    if let (Some(elapsed), Some(last)) = (elapsed, lines.last_mut()) {
        let rate = bytes((total as f64 / elapsed.as_secs_f64().max(1e-6)) as u64);
        last.push_str(&format!(" · read in {:.1} s ({rate}/s)", elapsed.as_secs_f64()));
    }
    lines
}

fn keep_query(summary: &mut Summary, wanted: &str) -> anyhow::Result<()> {
    let wanted = wanted.trim().to_ascii_lowercase();
    summary
        .queries
        .retain(|query| query.fingerprint.starts_with(&wanted));
    if summary.queries.is_empty() {
        anyhow::bail!(
            "no query has the fingerprint {wanted}\nhint: fingerprints are the 16 hexadecimal digits under each query of the report"
        );
    }
    Ok(())
}

fn next_steps(paths: &[String], summary: &Summary) -> Vec<(String, String)> {
    let inputs = paths.join(" ");
    let Some(first) = summary.queries.first() else {
        return Vec::new();
    };
    vec![
        (
            format!("slowlake ingest {inputs} --lake ./lake"),
            "keep it, compare weeks, ask SQL".to_owned(),
        ),
        (
            format!("slowlake digest {inputs} --query {}", first.fingerprint),
            "one query in full".to_owned(),
        ),
        (
            format!("slowlake digest {inputs} --output html -o report.html"),
            "for someone else".to_owned(),
        ),
    ]
}

/// An empty report is never silent.
fn say_nothing_found(outcomes: &[SourceOutcome], total: u64) {
    let read = outcomes.iter().filter(|outcome| outcome.format.is_some());
    let formats: Vec<String> = read
        .clone()
        .filter_map(|outcome| outcome.format.as_ref().map(ToString::to_string))
        .collect();
    output::say(
        "error",
        &format!(
            "no statement found in {} ({})",
            plural(read.count() as i64, "file"),
            bytes(total)
        ),
    );
    let mysql = outcomes
        .iter()
        .any(|outcome| outcome.format == Some(Format::MysqlSlow));
    if let Some(format) = formats.first() {
        output::say(
            "     ",
            &format!("the lines look like {format}, but none is a statement with its duration"),
        );
    }
    output::say(
        " hint",
        if mysql {
            "the server logs nothing slow enough; lower it: SET GLOBAL long_query_time = 0.1"
        } else {
            "the server logs no durations; set log_min_duration_statement = 100ms (or 0 for a short while) and reload"
        },
    );
}

/// A progress bar for what takes longer than a second.
pub(crate) struct Progress {
    /// Bytes read from disk, counted by whoever reads.
    pub(crate) bytes: std::sync::Arc<AtomicU64>,
    stop: Option<(crossbeam_channel::Sender<()>, std::thread::JoinHandle<()>)>,
}

impl Progress {
    /// Watches `bytes` on a thread of its own, if a person looks.
    pub(crate) fn start(settings: &Settings, sources: &[Source]) -> Progress {
        let bytes = std::sync::Arc::new(AtomicU64::new(0));
        if !settings.progress {
            return Progress { bytes, stop: None };
        }
        let total: Option<u64> = sources.iter().map(|source| source.bytes_on_disk).sum();
        let (stop, stopped) = crossbeam_channel::bounded(1);
        let watched = bytes.clone();
        let watcher = std::thread::spawn(move || {
            if stopped.recv_timeout(Duration::from_secs(1)).is_ok() {
                return;
            }
            let bar = match total {
                Some(total) => indicatif::ProgressBar::new(total),
                None => indicatif::ProgressBar::new_spinner(),
            };
            if let Ok(style) = indicatif::ProgressStyle::with_template(
                "{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
            ) {
                bar.set_style(style);
            }
            while stopped.recv_timeout(Duration::from_millis(200)).is_err() {
                bar.set_position(watched.load(Ordering::Relaxed));
            }
            bar.finish_and_clear();
        });
        Progress {
            bytes,
            stop: Some((stop, watcher)),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        if let Some((stop, watcher)) = self.stop {
            let _ = stop.send(());
            let _ = watcher.join();
        }
    }
}
