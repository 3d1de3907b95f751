//! `slowlake digest`: logs to a report, without any set-up.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use clap::builder::PossibleValuesParser;
use regex::bytes::RegexSet;
use slowlake_analyze::TimeWindow;
use slowlake_ingest::{IngestError, discover};
use slowlake_parse::{Grammar, Ledger, RejectReason, Tally};

use crate::command::reading::{ReadArguments, ingest_error, say_failure, say_source_failure};
use crate::command::window::WindowArguments;
use crate::digest::filter::Filter;
use crate::digest::{Recipe, digest, total_ledger};
use crate::exit_code::ExitCode;
use crate::output;
use crate::pipeline::SourceOutcome;
use crate::progress::Progress;
use crate::render::quantity::{bytes, plural};
use crate::render::{OutputFormat, render, section, text};
use crate::settings::Settings;
use crate::summary::sections::Sections;
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
    #[command(flatten)]
    window: WindowArguments,
    #[command(flatten)]
    filter: FilterArguments,
    /// Queries to show [default: 10 in text, Markdown and HTML, all in JSON and CSV]
    #[arg(long)]
    limit: Option<usize>,
    /// Show only this query, in full
    #[arg(long, value_name = "FINGERPRINT")]
    query: Option<String>,
    /// Sections to show in full, separated by commas, or all; in CSV, the section whose table it is
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = section_names())]
    sections: Vec<String>,
    /// Show what became of every byte
    #[arg(long)]
    coverage: bool,
    /// Show no literal: normalized statements instead of examples, of messages only what is the server's own. Names of users, databases,
    /// applications, clients and objects are shown
    #[arg(long)]
    redact: bool,
    /// Form of the report
    #[arg(long, value_enum, default_value = "text")]
    output: OutputFormat,
    /// Write the report to this file instead of standard output
    #[arg(short = 'o', value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Which entries of the logs count. Several values of one option are alternatives; what does not say is left out.
#[derive(Debug, Args)]
struct FilterArguments {
    /// Only this database; may be given several times
    #[arg(long, value_name = "NAME")]
    database: Vec<String>,
    /// Only this user; may be given several times
    #[arg(long, value_name = "NAME")]
    user: Vec<String>,
    /// Only this application; may be given several times
    #[arg(long, value_name = "NAME")]
    application: Vec<String>,
    /// Only this client host or address; may be given several times
    #[arg(long, value_name = "NAME")]
    client: Vec<String>,
    /// The server that wrote the logs; of logs that name servers, only this one; may be given several times
    #[arg(long, value_name = "NAME")]
    server: Vec<String>,
    /// Only statements that match this regular expression; may be given several times
    #[arg(long, value_name = "REGEX")]
    include: Vec<String>,
    /// No statement that matches this regular expression; may be given several times
    #[arg(long, value_name = "REGEX")]
    exclude: Vec<String>,
}

impl FilterArguments {
    /// The filter that was asked for; `None` when every entry counts.
    fn resolve(&self, window: Option<TimeWindow>) -> anyhow::Result<Option<Filter>> {
        let names = [
            &self.database,
            &self.user,
            &self.application,
            &self.client,
            &self.server,
            &self.include,
            &self.exclude,
        ];
        if window.is_none() && names.iter().all(|list| list.is_empty()) {
            return Ok(None);
        }
        Ok(Some(Filter {
            window: window.map(|window| (window.begin_us(), window.end_us())),
            databases: self.database.clone(),
            users: self.user.clone(),
            applications: self.application.clone(),
            clients: self.client.clone(),
            servers: self.server.clone(),
            include: patterns("--include", &self.include)?,
            exclude: patterns("--exclude", &self.exclude)?,
        }))
    }
}

/// Regular expressions as one set, if there are any.
pub(crate) fn patterns(option: &str, list: &[String]) -> anyhow::Result<Option<RegexSet>> {
    if list.is_empty() {
        return Ok(None);
    }
    RegexSet::new(list)
        .map(Some)
        .with_context(|| format!("{option} is no regular expression"))
}

/// Names that `--sections` takes.
pub(crate) fn section_names() -> PossibleValuesParser {
    PossibleValuesParser::new(section::NAMES.into_iter().chain([section::ALL]))
}

/// Reads the logs and writes the report.
pub(crate) fn run(arguments: &DigestArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let options = arguments.reading.resolve()?;
    let recipe = Recipe {
        statement: options.statement,
        filter: arguments.filter.resolve(arguments.window.resolve()?)?,
        redact: arguments.redact,
    };
    if arguments.output == OutputFormat::Csv && arguments.sections.len() > 1 {
        anyhow::bail!(
            "a CSV holds one table: give one section, not {}",
            arguments.sections.len()
        );
    }
    let found = discover(&arguments.paths).map_err(ingest_error)?;
    let progress = Progress::start(settings, &found.sources);
    let began = Instant::now();
    let (outcomes, aggregate) = digest(
        &found.sources,
        &options,
        &recipe,
        settings.threads,
        &progress.bytes,
    );
    let elapsed = began.elapsed();
    progress.finish();

    let failures = say_failures(&found.failures, &outcomes);
    let ledger = total_ledger(&outcomes);
    let mut summary = aggregate.summarize(limit(arguments), |source| outcomes[source as usize].name.clone());
    summary.title = "slowlake digest".to_owned();
    summary.inputs = describe_inputs(
        &outcomes,
        (arguments.output == OutputFormat::Text).then_some(elapsed),
    );
    summary.servers.clone_from(&arguments.filter.server);
    summary.coverage = Coverage {
        filtered: summary.coverage.filtered,
        rejected_shapes: std::mem::take(&mut summary.coverage.rejected_shapes),
        ..Coverage::from(&ledger)
    };
    if let Some(wanted) = &arguments.query {
        keep_query(&mut summary, wanted)?;
    } else if arguments.output == OutputFormat::Text {
        summary.next = next_steps(&arguments.paths, &summary);
    }
    let nothing_read = outcomes.iter().all(|outcome| outcome.format.is_none()) && failures > 0;
    if nothing_read && arguments.output == OutputFormat::Text {
        return Ok(ExitCode::Failed);
    }
    let has_sections = summary.sections != Sections::default();
    let is_empty = summary.calls == 0 && !has_sections && ledger.bytes() > 0;
    if summary.calls == 0 && ledger.bytes() > 0 {
        let kind = if has_sections { "note" } else { "error" };
        say_nothing_found(kind, &outcomes, &ledger, recipe.filter.is_some());
    }
    let style = text::Style {
        columns: settings.columns,
        color: settings.color && arguments.file.is_none(),
        coverage: arguments.coverage || is_empty,
        in_full: arguments.query.is_some(),
        sections: &arguments.sections,
    };
    output::write(
        &render(&summary, arguments.output, &style)?,
        arguments.file.as_ref(),
    )?;
    Ok(if nothing_read {
        ExitCode::Failed
    } else if is_empty || failures > 0 || ledger.rejected_total().records > 0 {
        ExitCode::Found
    } else {
        ExitCode::Ok
    })
}

/// How many queries the report has.
fn limit(arguments: &DigestArguments) -> usize {
    match (&arguments.query, arguments.limit, arguments.output) {
        (Some(_), ..) | (None, None, OutputFormat::Json | OutputFormat::Csv) => usize::MAX,
        (None, Some(limit), _) => limit,
        (None, None, _) => LIMIT_TEXT,
    }
}

/// Says which inputs failed; how many did.
fn say_failures(unopened: &[IngestError], outcomes: &[SourceOutcome]) -> usize {
    for error in unopened {
        say_failure(error);
    }
    let failed = || outcomes.iter().filter_map(|outcome| outcome.failure.as_ref());
    for failure in failed() {
        say_source_failure(failure);
    }
    unopened.len() + failed().count()
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
    summary.sections.keep_query(&wanted);
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

/// A report without queries is never silent.
fn say_nothing_found(kind: &str, outcomes: &[SourceOutcome], ledger: &Ledger, is_filtered: bool) {
    let read = outcomes.iter().filter(|outcome| outcome.format.is_some());
    let formats: Vec<String> = read
        .clone()
        .filter_map(|outcome| outcome.format.as_ref().map(ToString::to_string))
        .collect();
    let total = ledger.bytes();
    output::say(
        kind,
        &format!(
            "no statement found in {} ({})",
            plural(read.count() as i64, "file"),
            bytes(total)
        ),
    );
    let executions = ledger.executions().records;
    if is_filtered && executions > 0 {
        output::say(
            "hint",
            &format!(
                "the filters leave out all of {}; try without some of them",
                plural(i64::try_from(executions).unwrap_or(i64::MAX), "execution")
            ),
        );
        return;
    }
    let mismatched: u64 = outcomes
        .iter()
        .flat_map(|outcome| outcome.ledger.rejected())
        .map(bytes_mismatched)
        .sum();
    if mismatched > total / 2 {
        output::say(
            "     ",
            "the lines have another prefix than --log-line-prefix says",
        );
        output::say(
            "hint",
            "leave --log-line-prefix out to have it found out, or ask the server with SHOW log_line_prefix",
        );
        return;
    }
    let mysql = outcomes.iter().any(|outcome| {
        outcome
            .format
            .as_ref()
            .is_some_and(|format| *format.grammar() == Grammar::MysqlSlow)
    });
    if let Some(format) = formats.first() {
        output::say(
            "     ",
            &format!("the lines look like {format}, but none is a statement with its duration"),
        );
    }
    output::say(
        "hint",
        if mysql {
            "the server logs nothing slow enough; lower it: SET GLOBAL long_query_time = 0.1"
        } else {
            "the server logs no durations; set log_min_duration_statement = 100ms (or 0 for a short while) and reload"
        },
    );
}

fn bytes_mismatched((reason, tally): (RejectReason, Tally)) -> u64 {
    if reason == RejectReason::PrefixMismatch {
        tally.bytes
    } else {
        0
    }
}
