//! The reports that can be asked for, at a command line as over HTTP: what can be asked, how it is computed from a session, and how it is
//! drawn. Opens no lake and writes nowhere.

mod lag;
mod regressions;
mod top;
mod trends;
mod week;
mod weekly;

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use slowlake_analyze::{AnalyzeError, Finding};
use slowlake_sql::Session;

use crate::render::OutputFormat;
use crate::render::document::{self, Document};

#[derive(Debug, Subcommand)]
pub(crate) enum Report {
    /// Queries by the time they take, by calls, percentiles, or rows read for rows returned
    Top(Box<Asked<top::TopOptions>>),
    /// All of a week: a page for the manager, eleven sections for the DBA, each query in full
    Weekly(Asked<weekly::WeeklyOptions>),
    /// A week beside the week before and four weeks: what changed, and whether by calls or by latency
    Trends(Asked<trends::TrendsOptions>),
    /// Queries that became slower or faster in the last week, and those that are new or gone
    Regressions(Asked<regressions::RegressionsOptions>),
    /// How old what replicas have is, when that was too much, why, and who wrote what they could not follow
    Lag(Asked<lag::LagOptions>),
    /// What grows, how it goes on, and when it reaches an end that is known
    Growth(Asked<weekly::GrowthOptions>),
    /// What could be done, with evidence, what it promises and what it risks
    Advice(Asked<weekly::AdviceOptions>),
}

/// The options of a report, and what only a command line says: which lake, in which form, to which file.
#[derive(Debug, Args)]
pub(crate) struct Asked<O: Job> {
    /// The lake [default: the environment's SLOWLAKE_LAKE]
    #[arg(long, value_name = "URI")]
    lake: Option<String>,
    #[command(flatten)]
    options: O,
    /// Form of the report
    #[arg(long, value_parser = forms::<O>(), default_value = "text")]
    output: OutputFormat,
    /// Write the report to this file instead of standard output
    #[arg(short = 'o', value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Options, by their names in clap, that are a command line's alone: the lake, the form, the file, and what writes.
pub(crate) const OF_COMMAND_LINE: [&str; 4] = ["lake", "output", "file", "record"];

/// One kind of report, as its options.
pub(crate) trait Job: Args {
    /// Its forms, text first.
    const FORMS: &'static [OutputFormat];

    /// Computes it and draws it.
    async fn make(&self, session: &Session, drawing: &Drawing<'_>) -> Result<Made, ReportError>;
}

/// How a report is drawn.
#[derive(Debug)]
pub(crate) struct Drawing<'a> {
    pub(crate) form: OutputFormat,
    /// Columns of a terminal.
    pub(crate) columns: usize,
    /// Whether text is coloured.
    pub(crate) color: bool,
    /// The lake's name for people.
    pub(crate) lake: &'a str,
}

/// A report that is ready to be read.
pub(crate) struct Made {
    pub(crate) text: String,
    /// What is missing in the lake, if that is why it says little.
    pub(crate) remark: Option<Remark>,
    /// What it claims and somebody may want to write down.
    pub(crate) findings: Vec<Finding>,
}

/// What is said beside a report.
#[derive(Debug)]
pub(crate) struct Remark {
    /// `error` or `warning`.
    pub(crate) kind: &'static str,
    pub(crate) text: &'static str,
    pub(crate) hint: Option<&'static str>,
}

/// Why there is no report.
#[derive(Debug)]
pub(crate) enum ReportError {
    /// An option has a value that means nothing.
    Option(anyhow::Error),
    /// The job failed.
    Job(AnalyzeError),
    /// It could not be drawn.
    Drawing(anyhow::Error),
}

impl From<AnalyzeError> for ReportError {
    fn from(error: AnalyzeError) -> ReportError {
        ReportError::Job(error)
    }
}

/// The same for each kind of report.
macro_rules! each {
    ($report:expr, $asked:ident => $answer:expr) => {
        match $report {
            Report::Top($asked) => $answer,
            Report::Weekly($asked) => $answer,
            Report::Trends($asked) => $answer,
            Report::Regressions($asked) => $answer,
            Report::Lag($asked) => $answer,
            Report::Growth($asked) => $answer,
            Report::Advice($asked) => $answer,
        }
    };
}

impl Report {
    /// The lake that was named.
    pub(crate) fn lake(&self) -> Option<&String> {
        each!(self, asked => asked.lake.as_ref())
    }

    /// The form that was asked for.
    pub(crate) fn form(&self) -> OutputFormat {
        each!(self, asked => asked.output)
    }

    /// The file it is for.
    pub(crate) fn file(&self) -> Option<&PathBuf> {
        each!(self, asked => asked.file.as_ref())
    }

    /// Whether what it claims is to be written down.
    pub(crate) fn is_recorded(&self) -> bool {
        matches!(self, Report::Regressions(asked) if asked.options.record)
    }

    /// Computes the report and draws it.
    pub(crate) async fn make(&self, session: &Session, drawing: &Drawing<'_>) -> Result<Made, ReportError> {
        each!(self, asked => asked.options.make(session, drawing).await)
    }
}

impl Made {
    fn new(text: String) -> Made {
        Made {
            text,
            remark: None,
            findings: Vec::new(),
        }
    }

    fn with_remark(self, remark: Option<Remark>) -> Made {
        Made { remark, ..self }
    }
}

/// What `--output` takes.
fn forms<O: Job>() -> impl TypedValueParser<Value = OutputFormat> {
    let forms = O::FORMS.iter().filter_map(OutputFormat::to_possible_value);
    PossibleValuesParser::new(forms).try_map(|name| OutputFormat::from_str(&name, false))
}

/// A report in its form: the document, or the job's own figures with the report's name.
fn draw(
    name: &str,
    report: &impl Serialize,
    document: &Document,
    drawing: &Drawing<'_>,
) -> Result<Made, ReportError> {
    Ok(Made::new(match drawing.form {
        OutputFormat::Text | OutputFormat::Csv => document::text(document, drawing.columns),
        OutputFormat::Json => json(name, report)?,
        OutputFormat::Markdown => document::markdown(document),
        OutputFormat::Html => document::html(document),
    }))
}

/// One JSON document, indented, with a line end. The keys are a contract: names and meanings stay, new ones may come.
fn json(name: &str, report: &impl Serialize) -> Result<String, ReportError> {
    let encode = || {
        let mut document = serde_json::to_value(report)?;
        document["report"] = name.into();
        Ok(serde_json::to_string_pretty(&document)? + "\n")
    };
    encode().map_err(|error: serde_json::Error| ReportError::Drawing(error.into()))
}
