//! `slowlake report`: answers computed from a lake.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use slowlake_analyze::{AnalyzeError, Filters, TimeWindow, TopOrder, TopRequest, top};

use crate::command::lake::{location, open, runtime};
use crate::exit_code::ExitCode;
use crate::output::{self, with_hint};
use crate::render::{OutputFormat, render, text};
use crate::report_summary;
use crate::settings::Settings;

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    #[command(subcommand)]
    report: Report,
}

#[derive(Debug, Subcommand)]
enum Report {
    /// Queries by the time they take, by calls, percentiles, or rows read for rows returned
    Top(TopArguments),
}

#[derive(Debug, Args)]
pub(crate) struct TopArguments {
    /// The lake [default: the environment's SLOWLAKE_LAKE]
    #[arg(long, value_name = "URI")]
    lake: Option<String>,
    /// Begin of the window, for example 2026-11-16 or 2026-11-16T08:30:00Z
    #[arg(long, value_name = "T", requires = "to", conflicts_with = "last")]
    from: Option<String>,
    /// End of the window, itself outside
    #[arg(long, value_name = "T", requires = "from", conflicts_with = "last")]
    to: Option<String>,
    /// The window up to now, for example 7d or 12h
    #[arg(long, value_name = "LENGTH")]
    last: Option<String>,
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
    match &arguments.report {
        Report::Top(arguments) => run_top(arguments, settings),
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
    };
    let request = TopRequest {
        window: window(arguments)?,
        order: arguments.order.of_job(),
        limit,
        filters,
    };
    let location = location(arguments.lake.as_ref(), settings)?;
    let runtime = runtime(settings)?;
    let report = runtime.block_on(async {
        let (_, session) = open(&location, settings).await?;
        top(&session, &request).await.map_err(analyze_error)
    })?;
    let mut summary = report_summary::of_top(&report, arguments.order.words());
    summary.inputs = vec![format!("lake {location}")];
    let is_empty = summary.calls == 0;
    if arguments.output == OutputFormat::Text && !is_empty {
        summary.next = next_steps(&location.to_string());
    }
    if is_empty {
        output::say("error", "no execution in this window of the lake");
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
        sections: &[],
    };
    output::write(
        &render(&summary, arguments.output, &style)?,
        arguments.file.as_ref(),
    )?;
    Ok(if is_empty { ExitCode::Found } else { ExitCode::Ok })
}

fn window(arguments: &TopArguments) -> anyhow::Result<Option<TimeWindow>> {
    let window = match (&arguments.from, &arguments.to, &arguments.last) {
        (Some(from), Some(to), _) => TimeWindow::between(from, to),
        (_, _, Some(last)) => TimeWindow::last(last, jiff::Timestamp::now().as_microsecond()),
        _ => return Ok(None),
    };
    window
        .map(Some)
        .map_err(analyze_error)
        .context("the window is not understood")
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
