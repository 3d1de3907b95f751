//! A summary as text, JSON, CSV, Markdown or HTML. Formats of numbers are here, once; what a number means is decided elsewhere.

pub(crate) mod csv;
pub(crate) mod document;
pub(crate) mod html;
pub(crate) mod json;
pub(crate) mod markdown;
pub(crate) mod quantity;
pub(crate) mod rows;
pub(crate) mod section;
pub(crate) mod text;

use clap::ValueEnum;

/// Forms of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For a terminal
    Text,
    /// For programs
    Json,
    /// One row a query, or one a row of the section that is asked for
    Csv,
    /// For issues and wikis
    Markdown,
    /// One self-contained page
    Html,
}

use crate::summary::Summary;

/// Draws a summary.
pub(crate) fn render(
    summary: &Summary,
    format: OutputFormat,
    style: &text::Style<'_>,
) -> anyhow::Result<String> {
    match format {
        OutputFormat::Text => Ok(text::render(summary, style)),
        OutputFormat::Json => json::render(summary),
        OutputFormat::Csv => csv::render(summary, style.sections),
        OutputFormat::Markdown => Ok(markdown::render(summary)),
        OutputFormat::Html => Ok(html::render(summary)),
    }
}
