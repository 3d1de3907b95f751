//! What the reports of a week have in common: which week, of which lake, in which form.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use slowlake_analyze::{WeekRequest, parse_time};

use crate::command::report::analyze_error;
use crate::output;
use crate::render::document::{self, Document};
use crate::settings::Settings;

/// The week and the form of a report.
#[derive(Debug, Args)]
pub(crate) struct WeekArguments {
    /// The lake [default: the environment's SLOWLAKE_LAKE]
    #[arg(long, value_name = "URI")]
    pub(crate) lake: Option<String>,
    /// The seven days before this one, for example 2026-11-16 [default: the lake's last whole week, from Monday to Sunday]
    #[arg(long, value_name = "DAY", conflicts_with = "as_of")]
    to: Option<String>,
    /// The last whole week, from Monday to Sunday, that was over then, for example 2026-11-18T08:00:00Z
    #[arg(long, value_name = "T")]
    as_of: Option<String>,
    /// Form of the report
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) output: WeekForm,
    /// Write the report to this file instead of standard output
    #[arg(short = 'o', value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// Forms of the reports of a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum WeekForm {
    /// For a terminal
    Text,
    /// For programs
    Json,
    /// For issues and wikis
    Markdown,
    /// One self-contained page
    Html,
}

impl WeekArguments {
    /// The week that was asked for.
    pub(crate) fn week(&self) -> anyhow::Result<WeekRequest> {
        let time = |text: &str| parse_time(text).map_err(analyze_error);
        Ok(match (&self.to, &self.as_of) {
            (Some(day), _) => WeekRequest::EndsAt(time(day)?),
            (None, Some(text)) => WeekRequest::AsOf(time(text)?),
            (None, None) => WeekRequest::Last,
        })
    }

    /// Writes a report in its form: the document, or the job's own figures with the report's name.
    pub(crate) fn write(
        &self,
        name: &str,
        report: &impl Serialize,
        document: &Document,
        settings: &Settings,
    ) -> anyhow::Result<()> {
        let text = match self.output {
            WeekForm::Text => document::text(document, settings.columns),
            WeekForm::Json => json(name, report)?,
            WeekForm::Markdown => document::markdown(document),
            WeekForm::Html => document::html(document),
        };
        output::write(&text, self.file.as_ref())
    }
}

/// One JSON document, indented, with a line end. The keys are a contract: names and meanings stay, new ones may come.
fn json(name: &str, report: &impl Serialize) -> anyhow::Result<String> {
    let mut document = serde_json::to_value(report)?;
    document["report"] = name.into();
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}
