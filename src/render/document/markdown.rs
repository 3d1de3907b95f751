//! A document as Markdown that GitHub, GitLab and wikis show with tables. Charts are left out.

use std::fmt::Write;

use super::{Block, Card, Document, Section, Table};
use crate::render::markdown::{cell, escape};

/// Rows of a table; JSON has all.
const ROWS_SHOWN: usize = 30;

/// The whole document.
pub(crate) fn render(document: &Document) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_document(document, &mut out);
    out
}

fn write_document(document: &Document, out: &mut String) -> std::fmt::Result {
    writeln!(out, "# {}\n", escape(&document.title))?;
    for about in &document.about {
        writeln!(out, "- {}", escape(about))?;
    }
    if !document.numbers.is_empty() {
        writeln!(out, "\n| | this week | last week | |\n|---|---|---|---|")?;
    }
    for number in &document.numbers {
        let cells = [number.name, &number.value, &number.before, &number.note].map(escape);
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    if !document.lines.is_empty() {
        writeln!(out)?;
    }
    for (at, line) in document.lines.iter().enumerate() {
        let [what, owner, action] = [&line.what, &line.owner, &line.action].map(|text| escape(text));
        writeln!(out, "{}. {what}. **{owner}**: {action}", at + 1)?;
    }
    if let Some(confidence) = &document.confidence {
        writeln!(out, "\n{}", escape(confidence))?;
    }
    document
        .sections
        .iter()
        .try_for_each(|section| write_section(section, out))
}

fn write_section(section: &Section, out: &mut String) -> std::fmt::Result {
    let level = if section.is_detail { "###" } else { "##" };
    writeln!(out, "\n{level} {}", escape(&section.title))?;
    for block in &section.blocks {
        match block {
            Block::Text(text) | Block::Missing(text) => writeln!(out, "\n{}", escape(text))?,
            Block::Table(table) => write_table(table, out)?,
            Block::Chart(_) => {}
            // Four backticks: a statement may hold three.
            Block::Code { title, text } => writeln!(out, "\n{}\n\n````sql\n{text}\n````", escape(title))?,
            Block::Card(card) => write_card(card, out)?,
        }
    }
    Ok(())
}

fn write_table(table: &Table, out: &mut String) -> std::fmt::Result {
    if !table.title.is_empty() {
        writeln!(out, "\n{}", escape(&table.title))?;
    }
    let is_number = |column: usize| table.rows.iter().all(|row| row[column].is_number());
    let lines: Vec<&str> = (0..table.columns.len())
        .map(|column| if is_number(column) { "--:" } else { "---" })
        .collect();
    writeln!(out, "\n| {} |\n|{}|", table.columns.join(" | "), lines.join("|"))?;
    for row in table.rows.iter().take(ROWS_SHOWN) {
        let cells: Vec<String> = row.iter().map(cell).collect();
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    if table.rows.len() > ROWS_SHOWN {
        writeln!(out, "\n… and {} more.", table.rows.len() - ROWS_SHOWN)?;
    }
    Ok(())
}

fn write_card(card: &Card, out: &mut String) -> std::fmt::Result {
    writeln!(out, "\n**{}** ({})\n", escape(&card.title), card.severity)?;
    for (name, fact) in &card.facts {
        writeln!(out, "- {name}: {}", escape(fact))?;
    }
    for (name, statement) in &card.statements {
        writeln!(out, "\n{name}:\n\n````sql\n{statement}\n````")?;
    }
    Ok(())
}
