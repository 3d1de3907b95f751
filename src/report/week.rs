//! What the reports of a week have in common: which week, and the forms of their documents.

use clap::Args;
use slowlake_analyze::{AnalyzeError, WeekRequest, parse_time};

use crate::render::OutputFormat;
use crate::report::Remark;

/// The week of a report.
#[derive(Debug, Args)]
pub(super) struct WeekOptions {
    /// The seven days before this one, for example 2026-11-16 [default: the lake's last whole week, from Monday to Sunday]
    #[arg(long, value_name = "DAY", conflicts_with = "as_of")]
    to: Option<String>,
    /// The last whole week, from Monday to Sunday, that was over then, for example 2026-11-18T08:00:00Z
    #[arg(long, value_name = "T")]
    as_of: Option<String>,
}

/// Forms of the reports of a week.
pub(super) const FORMS: &[OutputFormat] = &[
    OutputFormat::Text,
    OutputFormat::Json,
    OutputFormat::Markdown,
    OutputFormat::Html,
];

/// A week without executions.
pub(super) const NOTHING: Remark = Remark {
    kind: "error",
    text: "no execution in that week of the lake",
    hint: None,
};

impl WeekOptions {
    /// The week that was asked for.
    pub(super) fn week(&self) -> Result<WeekRequest, AnalyzeError> {
        Ok(match (&self.to, &self.as_of) {
            (Some(day), _) => WeekRequest::EndsAt(parse_time(day)?),
            (None, Some(text)) => WeekRequest::AsOf(parse_time(text)?),
            (None, None) => WeekRequest::Last,
        })
    }
}
