//! Writes one result in one form, rows as they come: nothing is held back but the first rows of a text table, whose widths are
//! needed. Knows nothing of lakes or sessions.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::Path;

use anyhow::Context;
use slowlake_sql::{Column, Rows};

use super::Format;
use super::cells;
use super::table::{self, Table};
use crate::render::rows::{RowsEncoder, RowsForm};

/// How answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    /// Form.
    pub(super) format: Format,
    /// Text: one line a value.
    pub(super) expanded: bool,
    /// Text: durations with units.
    pub(super) human: bool,
    /// Tell the time each statement took.
    pub(super) timing: bool,
}

impl Style {
    pub(super) fn new(format: Format) -> Style {
        Style {
            format,
            expanded: false,
            human: false,
            timing: false,
        }
    }
}

/// Where answers go.
pub(super) struct Output {
    writer: Box<dyn Write>,
    /// Columns of the terminal, `None` if it is none and everything is to be written in full.
    columns: Option<usize>,
}

impl Output {
    /// A new file, or standard output.
    pub(super) fn open(file: Option<&Path>, columns: usize) -> anyhow::Result<Output> {
        match file {
            Some(path) => {
                let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
                Ok(Output {
                    writer: Box::new(BufWriter::new(file)),
                    columns: None,
                })
            }
            None => {
                let stdout = std::io::stdout();
                let columns = stdout.is_terminal().then_some(columns);
                Ok(Output {
                    writer: Box::new(BufWriter::new(stdout)),
                    columns,
                })
            }
        }
    }

    /// What was written so far goes out.
    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        self.writer.flush().context("cannot write the answer")
    }

    /// Whole lines of text.
    pub(super) fn write(&mut self, text: &str) -> anyhow::Result<()> {
        self.write_bytes(text.as_bytes())
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.writer.write_all(bytes).context("cannot write the answer")
    }
}

/// Rows whose widths decide those of a text table.
const SAMPLE_ROWS: usize = 1_000;

/// One result being written.
pub(super) struct Printer<'o> {
    columns: Vec<Column>,
    style: Style,
    output: &'o mut Output,
    rows: u64,
    /// JSON and CSV.
    encoder: Option<RowsEncoder>,
    /// Text: rows that wait for the widths, or the widths.
    waiting: Vec<Vec<String>>,
    table: Option<Table>,
}

impl<'o> Printer<'o> {
    pub(super) fn begin(
        columns: &[Column],
        style: Style,
        output: &'o mut Output,
    ) -> anyhow::Result<Printer<'o>> {
        let form = match style.format {
            Format::Json => Some(RowsForm::Json),
            Format::Csv => Some(RowsForm::Csv),
            Format::Text | Format::Markdown => None,
        };
        let encoder = form.map(|form| RowsEncoder::new(form, columns));
        let mut head = Vec::new();
        match &encoder {
            Some(encoder) => encoder.begin(&mut head)?,
            None if style.format == Format::Markdown => head = markdown_head(columns).into_bytes(),
            None => {}
        }
        output.write_bytes(&head)?;
        Ok(Printer {
            columns: columns.to_vec(),
            style,
            output,
            rows: 0,
            encoder,
            waiting: Vec::new(),
            table: None,
        })
    }

    pub(super) fn rows(&mut self, rows: &Rows) -> anyhow::Result<()> {
        if let Some(encoder) = &mut self.encoder {
            let mut bytes = Vec::new();
            encoder.rows(rows, 0..rows.len(), &mut bytes)?;
            return self.output.write_bytes(&bytes);
        }
        let mut text = String::new();
        for row in 0..rows.len() {
            self.rows += 1;
            let values = (0..self.columns.len()).map(|column| rows.value(row, column));
            if self.style.format == Format::Markdown {
                for value in values {
                    text.push_str("| ");
                    text.push_str(&cells::markdown(&value));
                    text.push(' ');
                }
                text.push_str("|\n");
            } else {
                let human = self.style.human;
                let cells = values
                    .zip(&self.columns)
                    .map(|(value, column)| cells::text(&value, column, human));
                let cells = cells.collect();
                self.text_row(cells, &mut text);
            }
        }
        self.output.write(&text)
    }

    /// Writes what is left.
    pub(super) fn end(mut self) -> anyhow::Result<()> {
        if let Some(encoder) = &self.encoder {
            let mut bytes = Vec::new();
            encoder.end(&mut bytes);
            return self.output.write_bytes(&bytes);
        }
        let mut text = String::new();
        match self.style.format {
            Format::Text => {
                if self.table.is_none() {
                    self.begin_table(&mut text);
                }
                let plural = if self.rows == 1 { "" } else { "s" };
                text.push_str(&format!("({} row{plural})\n\n", self.rows));
            }
            Format::Markdown => text.push('\n'),
            Format::Json | Format::Csv => {}
        }
        self.output.write(&text)
    }

    fn text_row(&mut self, cells: Vec<String>, text: &mut String) {
        if self.style.expanded {
            table::expanded(self.rows, &self.columns, &cells, text);
            return;
        }
        match &self.table {
            Some(table) => table.row(&cells, text),
            None => {
                self.waiting.push(cells);
                if self.waiting.len() >= SAMPLE_ROWS {
                    self.begin_table(text);
                }
            }
        }
    }

    fn begin_table(&mut self, text: &mut String) {
        if self.style.expanded {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        let table = Table::fit(&self.columns, &waiting, self.output.columns);
        table.head(&self.columns, text);
        for cells in &waiting {
            table.row(cells, text);
        }
        self.table = Some(table);
    }
}

fn markdown_head(columns: &[Column]) -> String {
    let mut head = String::new();
    for column in columns {
        head.push_str("| ");
        head.push_str(&cells::markdown(&slowlake_sql::Value::Text(&column.name)));
        head.push(' ');
    }
    head.push_str("|\n");
    for column in columns {
        head.push_str(if column.is_number { "|--:" } else { "|---" });
    }
    head.push_str("|\n");
    head
}
