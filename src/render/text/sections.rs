//! The sections for a terminal: a line each, and those that were asked for with their tables, as wide as the terminal and no wider.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use super::{Page, bars, printable, right, wrapped};
use crate::render::markdown::shorten;
use crate::render::section::{ALL, Cell, Panel, Table, panels};
use crate::summary::sections::Sections;

/// Width of the names before the lines.
const NAME_WIDTH: usize = 17;
/// Rows of a table; more are counted.
const ROWS_SHOWN: usize = 20;
/// What a column of text is not made narrower than.
const TEXT_WIDTH_MIN: usize = 8;
/// Bars of something over time.
const BARS_MAX: usize = 100;

impl Page<'_> {
    pub(super) fn sections(&mut self, sections: &Sections) -> std::fmt::Result {
        let panels = panels(sections);
        if panels.is_empty() {
            return Ok(());
        }
        let is_asked_for = |panel: &Panel| {
            let asked = self.style.sections.iter();
            self.style.in_full || asked.into_iter().any(|name| name == ALL || name == panel.name)
        };
        let (in_full, in_lines): (Vec<Panel>, Vec<Panel>) = panels.into_iter().partition(is_asked_for);
        for panel in &in_lines {
            self.line(panel)?;
        }
        for (at, panel) in in_full.iter().enumerate() {
            if at > 0 || !in_lines.is_empty() {
                writeln!(self.out)?;
            }
            self.in_full(panel)?;
        }
        writeln!(self.out)
    }

    fn line(&mut self, panel: &Panel) -> std::fmt::Result {
        let room = self.style.columns.saturating_sub(NAME_WIDTH).max(20);
        let name = self.strong(&format!("{:<NAME_WIDTH$}", panel.name.replace('_', " ")));
        for (at, line) in wrapped(&printable(&panel.line), room).iter().enumerate() {
            let before = if at == 0 { &name } else { &" ".repeat(NAME_WIDTH) };
            writeln!(self.out, "{before}{line}")?;
        }
        for line in &panel.top {
            let line = self.faint(&shorten(&printable(line), room));
            writeln!(self.out, "{:NAME_WIDTH$}{line}", "")?;
        }
        Ok(())
    }

    fn in_full(&mut self, panel: &Panel) -> std::fmt::Result {
        let title = self.strong(panel.title);
        writeln!(self.out, "{title}")?;
        for line in wrapped(&printable(&panel.line), self.style.columns.saturating_sub(2)) {
            writeln!(self.out, "  {line}")?;
        }
        if let Some((values, label)) = &panel.course {
            let room = self.style.columns.saturating_sub(label.width() + 6);
            let merge = values.len().div_ceil(room.clamp(10, BARS_MAX));
            let most: Vec<i64> = values
                .chunks(merge)
                .map(|chunk| chunk.iter().copied().max().unwrap_or(0))
                .collect();
            writeln!(self.out, "  {}  {label}", bars(&most))?;
        }
        for table in panel.tables.iter().filter(|table| !table.rows.is_empty()) {
            self.table(table)?;
        }
        for text in panel.in_full.iter().take(ROWS_SHOWN) {
            self.wrapped("  ", text)?;
        }
        Ok(())
    }

    fn table(&mut self, table: &Table) -> std::fmt::Result {
        let rows = &table.rows[..table.rows.len().min(ROWS_SHOWN)];
        let cells: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(shown).collect()).collect();
        // A column without any value only takes room.
        let columns: Vec<usize> = (0..table.columns.len())
            .filter(|at| cells.iter().any(|row| !row[*at].is_empty()))
            .collect();
        let is_number = |at: usize| {
            rows.iter()
                .any(|row| row[at].is_number() && row[at] != Cell::Nothing)
        };
        let mut widths: Vec<usize> = columns
            .iter()
            .map(|at| {
                let values = cells.iter().map(|row| row[*at].width());
                values.chain([table.columns[*at].1.width()]).max().unwrap_or(0)
            })
            .collect();
        let is_text = |row: &Vec<Cell>, at: usize| matches!(row[at], Cell::Text(_) | Cell::Sql(_));
        let flexible: Vec<bool> = columns
            .iter()
            .map(|at| rows.iter().any(|row| is_text(row, *at)))
            .collect();
        narrow(&mut widths, &flexible, self.style.columns.saturating_sub(2));
        let line = |texts: &mut dyn Iterator<Item = &str>| {
            let mut line = String::new();
            for ((text, at), width) in texts.zip(&columns).zip(&widths) {
                let text = shorten(text, *width);
                if is_number(*at) {
                    line += &right(&text, *width);
                } else {
                    line += &text;
                    line += &" ".repeat(width.saturating_sub(text.width()));
                }
                line += "  ";
            }
            line.trim_end().to_owned()
        };
        let head = line(&mut columns.iter().map(|at| table.columns[*at].1));
        writeln!(self.out, "  {}", self.faint(table.title))?;
        writeln!(self.out, "  {}", self.strong(&head))?;
        for row in &cells {
            let line = line(&mut columns.iter().map(|at| row[*at].as_str()));
            writeln!(self.out, "  {line}")?;
        }
        if table.rows.len() > rows.len() {
            let more = format!(
                "… and {} more; JSON and CSV have all",
                table.rows.len() - rows.len()
            );
            writeln!(self.out, "  {}", self.faint(&more))?;
        }
        Ok(())
    }
}

/// A value without what would take room for nothing: the year is at the head of the report.
fn shown(cell: &Cell) -> String {
    let text = printable(&cell.shown());
    match cell {
        Cell::Time(_) => text.get(5..).unwrap_or(&text).to_owned(),
        _ => text,
    }
}

/// Makes the widest columns of text narrower until all fit into `room`.
fn narrow(widths: &mut [usize], flexible: &[bool], room: usize) {
    let gaps = 2 * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > room {
        let candidates = widths.iter_mut().zip(flexible).filter(|(_, is_text)| **is_text);
        match candidates
            .map(|(width, _)| width)
            .max()
            .filter(|width| **width > TEXT_WIDTH_MIN)
        {
            Some(widest) => *widest -= 1,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_text_give_way() {
        let mut widths = [10, 100, 40];
        narrow(&mut widths, &[false, true, true], 80);
        assert_eq!(widths, [10, 33, 33]);
        let mut widths = [50, 9, 50];
        narrow(&mut widths, &[false, true, false], 60);
        assert_eq!(widths, [50, TEXT_WIDTH_MIN, 50]);
    }
}
