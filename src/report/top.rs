//! The report `top`: queries by what they take, and what else happened.

use clap::Args;
use slowlake_analyze::{EventsRequest, Filters, TopOrder, TopRequest, top};
use slowlake_sql::Session;

use crate::command::digest::{patterns, section_names};
use crate::command::window::WindowArguments;
use crate::render::{OutputFormat, render, text};
use crate::report::{Drawing, Job, Made, Remark, ReportError};
use crate::report_sections::sections;
use crate::report_summary;
use crate::summary::sections::Sections;

#[derive(Debug, Args)]
pub(crate) struct TopOptions {
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

impl Job for TopOptions {
    const FORMS: &'static [OutputFormat] = &[
        OutputFormat::Text,
        OutputFormat::Json,
        OutputFormat::Csv,
        OutputFormat::Markdown,
        OutputFormat::Html,
    ];

    async fn make(&self, session: &Session, drawing: &Drawing<'_>) -> Result<Made, ReportError> {
        let (request, about) = self.requests(drawing.form).map_err(ReportError::Option)?;
        let report = top(session, &request).await?;
        let (sections, of_events) = sections(session, &about).await?;
        let mut summary = report_summary::of_top(&report, self.order.words());
        summary.inputs = vec![format!("lake {}", drawing.lake)];
        summary.window = summary.window.or(of_events);
        summary.sections = sections;
        let is_empty = summary.calls == 0 && summary.sections == Sections::default();
        if drawing.form == OutputFormat::Text && !is_empty {
            summary.next = next_steps(drawing.lake);
        }
        let style = text::Style {
            columns: drawing.columns,
            color: drawing.color,
            coverage: false,
            in_full: false,
            sections: &self.sections,
        };
        let text = render(&summary, drawing.form, &style).map_err(ReportError::Drawing)?;
        Ok(Made::new(text).with_remark(is_empty.then_some(Remark {
            kind: "error",
            text: "no execution and no event in this window of the lake",
            hint: Some(
                "slowlake sql -c 'SELECT min(ts), max(ts), count(*) FROM executions' shows what there is",
            ),
        })))
    }
}

impl TopOptions {
    /// What is asked about queries, and about everything else.
    fn requests(&self, form: OutputFormat) -> anyhow::Result<(TopRequest, EventsRequest)> {
        let limit = match (self.limit, form) {
            (Some(limit), _) => limit,
            (None, OutputFormat::Json | OutputFormat::Csv) => usize::MAX,
            (None, _) => LIMIT_TEXT,
        };
        let filters = Filters {
            server: self.server.clone(),
            database: self.database.clone(),
            user: self.user.clone(),
            application: self.application.clone(),
            client: self.client.clone(),
            include: self.include.clone(),
            exclude: self.exclude.clone(),
        };
        patterns("--include", &filters.include)?;
        patterns("--exclude", &filters.exclude)?;
        let about = EventsRequest {
            window: self.window.resolve()?,
            filters: filters.clone(),
        };
        let request = TopRequest {
            window: about.window,
            order: self.order.of_job(),
            limit,
            filters,
        };
        Ok((request, about))
    }
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
