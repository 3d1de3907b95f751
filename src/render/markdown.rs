//! The summary as Markdown that GitHub, GitLab and wikis show as tables.

use std::fmt::Write;

use crate::render::quantity::{bytes, count, duration, percent, plural, time};
use crate::render::section::{Cell, Panel, panels};
use crate::summary::Summary;

/// Rows of a section's table; more are counted.
const ROWS_SHOWN: usize = 20;
/// Characters of a text in a table.
const TEXT_MAX: usize = 120;

/// One document.
pub(crate) fn render(summary: &Summary) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_summary(summary, &mut out);
    out
}

fn write_summary(summary: &Summary, out: &mut String) -> std::fmt::Result {
    writeln!(out, "# {}\n", escape(&summary.title))?;
    for input in &summary.inputs {
        writeln!(out, "- {}", escape(input))?;
    }
    if let Some((first, last)) = summary.window {
        writeln!(
            out,
            "- {} → {} UTC ({})",
            time(first),
            time(last),
            duration(last - first)
        )?;
    }
    writeln!(
        out,
        "- {}, {}, {} database time, p50 {}, p95 {}, p99 {}, max {}\n",
        plural(summary.calls, "execution"),
        plural(summary.shapes as i64, "query shape"),
        duration(summary.database_time_us()),
        duration(summary.latency.p50_us),
        duration(summary.latency.p95_us),
        duration(summary.latency.p99_us),
        duration(summary.latency.max_us),
    )?;
    if summary.is_sampled {
        writeln!(
            out,
            "The server logs one execution in so many: in fact about {}, {} database time; order and shares are by that.\n",
            plural(summary.estimated_calls, "execution"),
            duration(summary.estimated_total_us),
        )?;
    }
    write_queries(summary, out)?;
    for panel in panels(&summary.sections) {
        write_panel(&panel, out)?;
    }
    let coverage = &summary.coverage;
    writeln!(
        out,
        "\n{} read: {} parsed, {} skipped, {} rejected in {}.",
        bytes(coverage.bytes),
        bytes(coverage.bytes_parsed),
        bytes(coverage.bytes_skipped),
        bytes(coverage.bytes_rejected),
        plural(coverage.rejects as i64, "piece"),
    )
}

fn write_queries(summary: &Summary, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "| # | share | time | calls | p50 | p95 | p99 | max | query | fingerprint |"
    )?;
    writeln!(out, "|--:|--:|--:|--:|--:|--:|--:|--:|---|---|")?;
    for query in &summary.queries {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | `{}` |",
            query.rank,
            percent(query.share),
            duration(query.total_us),
            count(query.calls),
            duration(query.latency.p50_us),
            duration(query.latency.p95_us),
            duration(query.latency.p99_us),
            duration(query.latency.max_us),
            code(&shorten(&query.normalized, TEXT_MAX)),
            query.fingerprint,
        )?;
    }
    if summary.left_out.0 > 0 {
        writeln!(
            out,
            "\n{} more, {} database time.",
            plural(summary.left_out.0 as i64, "query shape"),
            duration(summary.left_out.1)
        )?;
    }
    for query in &summary.queries {
        writeln!(out, "\n## {}. `{}`\n", query.rank, query.fingerprint)?;
        writeln!(
            out,
            "Slowest, {}, at {}:\n",
            duration(query.latency.max_us),
            escape(&query.example_at)
        )?;
        // Four backticks: an example may hold three.
        writeln!(out, "````sql\n{}\n````", query.example)?;
    }
    Ok(())
}

fn write_panel(panel: &Panel, out: &mut String) -> std::fmt::Result {
    writeln!(out, "\n## {}\n\n{}", panel.title, escape(&panel.line))?;
    for table in panel.tables.iter().filter(|table| !table.rows.is_empty()) {
        let heads: Vec<&str> = table.columns.iter().map(|(_, head)| *head).collect();
        let first = &table.rows[0];
        let lines: Vec<&str> = first
            .iter()
            .map(|cell| if cell.is_number() { "--:" } else { "---" })
            .collect();
        writeln!(out, "\n### {}\n", table.title)?;
        writeln!(out, "| {} |\n|{}|", heads.join(" | "), lines.join("|"))?;
        for row in table.rows.iter().take(ROWS_SHOWN) {
            let cells: Vec<String> = row.iter().map(cell).collect();
            writeln!(out, "| {} |", cells.join(" | "))?;
        }
        if table.rows.len() > ROWS_SHOWN {
            writeln!(out, "\n… and {} more.", table.rows.len() - ROWS_SHOWN)?;
        }
    }
    Ok(())
}

/// A cell of a table.
pub(crate) fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Sql(text) if !text.is_empty() => code(&shorten(text, TEXT_MAX)),
        Cell::Query { fingerprint, text } => format!("{} `{fingerprint}`", code(&shorten(text, TEXT_MAX))),
        Cell::Text(text) => escape(&shorten(&text.replace('\n', " "), TEXT_MAX)),
        Cell::Id(text) => escape(text),
        other => other.shown(),
    }
}

/// At most `length` characters, with an ellipsis when there were more.
pub(crate) fn shorten(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(length.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// Text as code within a line.
pub(crate) fn code(text: &str) -> String {
    let fence = if text.contains('`') { "``" } else { "`" };
    let space = if text.contains('`') { " " } else { "" };
    format!(
        "{fence}{space}{}{space}{fence}",
        text.replace('|', "\\|").replace('\n', " ")
    )
}

/// Text without what Markdown would take for its own.
pub(crate) fn escape(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            ["\\"]
                .into_iter()
                .filter(move |_| matches!(c, '*' | '_' | '`' | '|' | '<' | '[' | '#'))
                .flat_map(str::chars)
                .chain([c])
        })
        .collect()
}
