//! `slowlake report`: answers computed from a lake.

mod lag;
mod regressions;
mod trends;
mod week;
mod weekly;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use slowlake_analyze::{AnalyzeError, EventsRequest, Filters, TopOrder, TopRequest, top};

use crate::clustering::ClusterArguments;
use crate::command::digest::{patterns, section_names};
use crate::command::lake::{location, open, runtime};
use crate::command::window::WindowArguments;
use crate::exit_code::ExitCode;
use crate::output::{self, with_hint};
use crate::render::{OutputFormat, render, text};
use crate::report_sections::sections;
use crate::report_summary;
use crate::settings::Settings;
use crate::summary::sections::Sections;

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    #[command(subcommand)]
    report: Report,
    #[command(flatten)]
    cluster: ClusterArguments,
}

#[derive(Debug, Subcommand)]
enum Report {
    /// Queries by the time they take, by calls, percentiles, or rows read for rows returned
    Top(Box<TopArguments>),
    /// All of a week: a page for the manager, eleven sections for the DBA, each query in full
    Weekly(weekly::WeeklyArguments),
    /// A week beside the week before and four weeks: what changed, and whether by calls or by latency
    Trends(trends::TrendsArguments),
    /// Queries that became slower or faster in the last week, and those that are new or gone
    Regressions(regressions::RegressionsArguments),
    /// How old what replicas have is, when that was too much, why, and who wrote what they could not follow
    Lag(lag::LagArguments),
    /// What grows, how it goes on, and when it reaches an end that is known
    Growth(weekly::WeeklyArguments),
    /// What could be done, with evidence, what it promises and what it risks
    Advice(weekly::WeeklyArguments),
}

#[derive(Debug, Args)]
pub(crate) struct TopArguments {
    /// The lake [default: the environment's SLOWLAKE_LAKE]
    #[arg(long, value_name = "URI")]
    lake: Option<String>,
    #[command(flatten)]
    window: WindowArguments,
    /// What to order by
    #[arg(long, value_enum, default_value = "time")]
    order: Order,
    /// Queries to show [default: 10 in text, Markdown and HTML, all in JSON and CSV]
    #[arg(long)]
    limit: Option<usize>,
    /// Only this server; may be given several times
    #[arg(long, value_name = "NAME")]
    server: Vec<String>,
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
    /// Only queries whose normalized text matches this regular expression; may be given several times
    #[arg(long, value_name = "REGEX")]
    include: Vec<String>,
    /// No query whose normalized text matches this regular expression; may be given several times
    #[arg(long, value_name = "REGEX")]
    exclude: Vec<String>,
    /// Sections to show in full, separated by commas, or all; in CSV, the section whose table it is
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = section_names())]
    sections: Vec<String>,
    /// Form of the report
    #[arg(long, value_enum, default_value = "text")]
    output: OutputFormat,
    /// Write the report to this file instead of standard output
    #[arg(short = 'o', value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Order {
    /// Total time
    Time,
    /// Executions
    Calls,
    /// 95th percentile
    P95,
    /// Longest execution
    Max,
    /// Rows examined per row sent
    RowsExamined,
}

impl Order {
    fn of_job(self) -> TopOrder {
        match self {
            Order::Time => TopOrder::TotalTime,
            Order::Calls => TopOrder::Calls,
            Order::P95 => TopOrder::P95,
            Order::Max => TopOrder::Max,
            Order::RowsExamined => TopOrder::RowsExaminedPerRowSent,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Order::Time => "total time",
            Order::Calls => "calls",
            Order::P95 => "p95",
            Order::Max => "max",
            Order::RowsExamined => "rows examined per row sent",
        }
    }
}

/// Queries in a text report, unless asked otherwise.
const LIMIT_TEXT: usize = 10;

/// Computes the report that was asked for and writes it.
pub(crate) fn run(arguments: &ReportArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let settings = &arguments.cluster.resolve(settings)?;
    match &arguments.report {
        Report::Top(arguments) => run_top(arguments, settings),
        Report::Weekly(arguments) => weekly::run(arguments, settings),
        Report::Trends(arguments) => trends::run(arguments, settings),
        Report::Regressions(arguments) => regressions::run(arguments, settings),
        Report::Lag(arguments) => lag::run(arguments, settings),
        Report::Growth(arguments) => weekly::run_growth(arguments, settings),
        Report::Advice(arguments) => weekly::run_advice(arguments, settings),
    }
}

fn run_top(arguments: &TopArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let limit = match (arguments.limit, arguments.output) {
        (Some(limit), _) => limit,
        (None, OutputFormat::Json | OutputFormat::Csv) => usize::MAX,
        (None, _) => LIMIT_TEXT,
    };
    let filters = Filters {
        server: arguments.server.clone(),
        database: arguments.database.clone(),
        user: arguments.user.clone(),
        application: arguments.application.clone(),
        client: arguments.client.clone(),
        include: arguments.include.clone(),
        exclude: arguments.exclude.clone(),
    };
    patterns("--include", &filters.include)?;
    patterns("--exclude", &filters.exclude)?;
    let about = EventsRequest {
        window: arguments.window.resolve()?,
        filters: filters.clone(),
    };
    let request = TopRequest {
        window: about.window,
        order: arguments.order.of_job(),
        limit,
        filters,
    };
    let location = location(arguments.lake.as_ref(), settings)?;
    let runtime = runtime(settings)?;
    let (report, (sections, of_events)) = runtime.block_on(async {
        let (_, session) = open(&location, settings).await?;
        let report = top(&session, &request).await.map_err(analyze_error)?;
        let sections = sections(&session, &about).await.map_err(analyze_error)?;
        anyhow::Ok((report, sections))
    })?;
    let mut summary = report_summary::of_top(&report, arguments.order.words());
    summary.inputs = vec![format!("lake {location}")];
    summary.window = summary.window.or(of_events);
    summary.sections = sections;
    let is_empty = summary.calls == 0 && summary.sections == Sections::default();
    if arguments.output == OutputFormat::Text && !is_empty {
        summary.next = next_steps(&location.to_string());
    }
    if is_empty {
        output::say("error", "no execution and no event in this window of the lake");
        output::say(
            "hint",
            "slowlake sql -c 'SELECT min(ts), max(ts), count(*) FROM executions' shows what there is",
        );
    }
    let style = text::Style {
        columns: settings.columns,
        color: settings.color && arguments.file.is_none(),
        coverage: false,
        in_full: false,
        sections: &arguments.sections,
    };
    output::write(
        &render(&summary, arguments.output, &style)?,
        arguments.file.as_ref(),
    )?;
    Ok(if is_empty { ExitCode::Found } else { ExitCode::Ok })
}

/// An error of a job with its next step.
pub(crate) fn analyze_error(error: AnalyzeError) -> anyhow::Error {
    let hint = error.hint();
    with_hint(error, hint)
}

fn next_steps(lake: &str) -> Vec<(String, String)> {
    vec![
        (
            format!("slowlake report top --lake {lake} --order p95"),
            "the same by another measure".to_owned(),
        ),
        (
            format!("slowlake sql --lake {lake}"),
            "ask in SQL; \\d shows what there is".to_owned(),
        ),
        (
            format!("slowlake report top --lake {lake} --output html -o report.html"),
            "for someone else".to_owned(),
        ),
    ]
}
