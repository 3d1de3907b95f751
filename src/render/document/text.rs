//! A document for a terminal: aligned tables that fit the columns, sparklines in the place of charts.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use super::{Block, Card, Document, Section, Table};
use crate::render::markdown::shorten;
use crate::render::section::Cell;
use crate::render::text::{printable, wrapped};

/// Rows of a table; JSON has all.
const ROWS_SHOWN: usize = 15;
/// Columns of a text in a table, at most and at least.
const TEXT_MAX: usize = 100;
const TEXT_MIN: usize = 16;

/// The whole document.
pub(crate) fn render(document: &Document, columns: usize) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_document(document, columns, &mut out);
    out
}

fn write_document(document: &Document, columns: usize, out: &mut String) -> std::fmt::Result {
    writeln!(out, "{}", document.title)?;
    for about in &document.about {
        write_wrapped(about, "", columns, out)?;
    }
    if !document.numbers.is_empty() {
        writeln!(out)?;
    }
    for number in &document.numbers {
        let before = match number.before.as_str() {
            "" => String::new(),
            before => format!("   (last week {before})"),
        };
        write_wrapped(
            &format!("{:<18} {}{before}", number.name, number.value),
            "  ",
            columns,
            out,
        )?;
        if !number.note.is_empty() {
            write_wrapped(&number.note, "                     ", columns, out)?;
        }
    }
    if !document.lines.is_empty() {
        writeln!(out)?;
    }
    for (at, line) in document.lines.iter().enumerate() {
        write_wrapped(&format!("{}. {}", at + 1, line.what), "  ", columns, out)?;
        write_wrapped(&format!("{}: {}", line.owner, line.action), "     ", columns, out)?;
    }
    if let Some(confidence) = &document.confidence {
        writeln!(out)?;
        write_wrapped(confidence, "  ", columns, out)?;
    }
    for section in document.sections.iter().filter(|section| !section.is_detail) {
        write_section(section, columns, out)?;
    }
    Ok(())
}

fn write_section(section: &Section, columns: usize, out: &mut String) -> std::fmt::Result {
    writeln!(out, "\n{}", section.title)?;
    for block in &section.blocks {
        match block {
            Block::Text(text) | Block::Missing(text) => write_wrapped(text, "  ", columns, out)?,
            Block::Table(table) => write_table(table, columns, out)?,
            Block::Chart(chart) => {
                if let Some(line) = chart.sparkline(columns.saturating_sub(4)) {
                    write_wrapped(&chart.title, "  ", columns, out)?;
                    writeln!(out, "  {line}")?;
                }
            }
            Block::Code { title, text } => {
                writeln!(out, "  {title}")?;
                for line in text.lines() {
                    write_wrapped(line, "    ", columns, out)?;
                }
            }
            Block::Card(card) => write_card(card, columns, out)?,
        }
    }
    Ok(())
}

fn write_card(card: &Card, columns: usize, out: &mut String) -> std::fmt::Result {
    write_wrapped(&format!("{} [{}]", card.title, card.severity), "  ", columns, out)?;
    for (name, fact) in &card.facts {
        write_wrapped(&format!("{name}: {fact}"), "    ", columns, out)?;
    }
    for (name, statement) in &card.statements {
        write_wrapped(&format!("{name}: {statement}"), "    ", columns, out)?;
    }
    Ok(())
}

fn write_table(table: &Table, columns: usize, out: &mut String) -> std::fmt::Result {
    if !table.title.is_empty() {
        write_wrapped(&table.title, "  ", columns, out)?;
    }
    let shown = &table.rows[..table.rows.len().min(ROWS_SHOWN)];
    let is_number: Vec<bool> = (0..table.columns.len())
        .map(|column| shown.iter().all(|row| row[column].is_number()))
        .collect();
    let cells: Vec<Vec<String>> = shown.iter().map(|row| row.iter().map(cell).collect()).collect();
    let width = |column: usize| {
        let cells = cells.iter().map(|row| row[column].width());
        cells.chain([table.columns[column].width()]).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..table.columns.len()).map(width).collect();
    // What is too wide is taken from the widest text.
    let all: usize = widths.iter().sum::<usize>() + 2 * widths.len();
    let widest = (0..widths.len())
        .filter(|column| !is_number[*column])
        .max_by_key(|column| widths[*column]);
    if let Some(widest) = widest {
        let over = all.saturating_sub(columns);
        widths[widest] = widths[widest]
            .min(TEXT_MAX)
            .saturating_sub(over)
            .max(TEXT_MIN.min(widths[widest]));
    }
    let mut line = |cells: &[String]| {
        let mut line = String::new();
        for (column, text) in cells.iter().enumerate() {
            let text = shorten(text, widths[column]);
            let space = " ".repeat(widths[column].saturating_sub(text.width()));
            line += "  ";
            line += &if is_number[column] {
                space + &text
            } else {
                text + &space
            };
        }
        writeln!(out, "{}", line.trim_end())
    };
    let heads: Vec<String> = table.columns.iter().map(|head| (*head).to_owned()).collect();
    line(&heads)?;
    for row in &cells {
        line(row)?;
    }
    if table.rows.len() > shown.len() {
        writeln!(
            out,
            "  {} more: --output json has all",
            table.rows.len() - shown.len()
        )?;
    }
    Ok(())
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Query { fingerprint, text } => printable(&format!("{fingerprint} {text}")),
        other => printable(&other.shown()),
    }
}

fn write_wrapped(text: &str, before: &str, columns: usize, out: &mut String) -> std::fmt::Result {
    for line in wrapped(&printable(text), columns.saturating_sub(before.len())) {
        writeln!(out, "{before}{line}")?;
    }
    Ok(())
}
