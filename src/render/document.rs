//! A report as a document: numbers at the top, lines, sections of texts, tables, charts and cards. The jobs' reports are made into one, and
//! drawn as text, Markdown or HTML. Chooses no words and computes nothing.

pub(crate) mod chart;
mod html;
mod markdown;
mod text;

use crate::render::section::Cell;

/// Draws a document as one HTML page.
pub(crate) use html::render as html;
/// Draws a document as Markdown.
pub(crate) use markdown::render as markdown;
/// Draws a document for a terminal of so many columns.
pub(crate) use text::render as text;

/// A report for people.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) title: String,
    /// What it is about: the lake, the week.
    pub(crate) about: Vec<String>,
    /// The first page: what somebody has to know who reads nothing else.
    pub(crate) numbers: Vec<Number>,
    /// What changed, who owns it, what to do.
    pub(crate) lines: Vec<Line>,
    /// How far all of it can be trusted.
    pub(crate) confidence: Option<String>,
    pub(crate) sections: Vec<Section>,
}

/// One number of the first page, beside what it was.
#[derive(Debug)]
pub(crate) struct Number {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    /// The same a week before, in words.
    pub(crate) before: String,
    /// What it is made of, or what it means.
    pub(crate) note: String,
    pub(crate) verdict: Verdict,
    /// The section that has more, by its anchor.
    pub(crate) section: &'static str,
}

/// Whether a change is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    Bad,
    Neither,
    /// The lake does not have what it takes.
    Unknown,
}

/// One line of the first page.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) what: String,
    pub(crate) owner: String,
    pub(crate) action: String,
    /// The section or query that has more, by its anchor.
    pub(crate) anchor: String,
}

/// A part of a document with a place of its own.
#[derive(Debug)]
pub(crate) struct Section {
    /// Unique in the document.
    pub(crate) anchor: String,
    pub(crate) title: String,
    pub(crate) blocks: Vec<Block>,
    /// Whether it is one of many that the contents do not list one by one.
    pub(crate) is_detail: bool,
}

/// A piece of a section.
#[derive(Debug)]
pub(crate) enum Block {
    /// A paragraph.
    Text(String),
    /// The lake does not have what it takes, and how it could.
    Missing(String),
    Table(Table),
    Chart(chart::Chart),
    /// A statement, or a plan, in full.
    Code {
        title: String,
        text: String,
    },
    Card(Card),
}

/// Rows that can be sorted.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) columns: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// A finding: what is claimed, and all that it takes to check it.
#[derive(Debug)]
pub(crate) struct Card {
    pub(crate) anchor: String,
    pub(crate) title: String,
    pub(crate) severity: &'static str,
    /// What is said of it, by name.
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) charts: Vec<chart::Chart>,
    /// Statements to be copied, by what they are for.
    pub(crate) statements: Vec<(&'static str, String)>,
}

impl Section {
    pub(crate) fn new(anchor: &str, title: &str) -> Section {
        Section {
            anchor: anchor.to_owned(),
            title: title.to_owned(),
            blocks: Vec::new(),
            is_detail: false,
        }
    }

    pub(crate) fn text(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Text(text.into()));
    }

    pub(crate) fn missing(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Missing(text.into()));
    }

    /// A table, or a paragraph in its place where it has no row.
    pub(crate) fn table(&mut self, title: &str, columns: &[&'static str], rows: Vec<Vec<Cell>>, none: &str) {
        if rows.is_empty() {
            return self.text(none);
        }
        self.blocks.push(Block::Table(Table {
            title: title.to_owned(),
            columns: columns.to_vec(),
            rows,
        }));
    }

    pub(crate) fn chart(&mut self, chart: chart::Chart) {
        if !chart.is_empty() {
            self.blocks.push(Block::Chart(chart));
        }
    }
}
