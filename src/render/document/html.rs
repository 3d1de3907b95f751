//! A document as one HTML page: no network, light and dark, printable, readable on a phone, and readable without scripts, which only sort,
//! filter and copy.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::Chart;
use super::{Block, Card, Document, Line, Number, Section, Table, Verdict};
use crate::render::quantity::count;
use crate::render::section::Cell;

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");
/// No request may leave the page, whatever a log puts into it: the browser is told so.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
/// Rows that are shown at once; the others can be opened.
const ROWS_SHOWN: usize = 12;
/// Rows of a table; JSON has all.
const ROWS_MAX: usize = 400;

/// The whole page.
pub(crate) fn render(document: &Document) -> String {
    let is_report = !document.numbers.is_empty();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (document.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                nav aria-label="Contents" { (contents(document)) }
                main {
                    header #top .page-one[is_report] {
                        h1 { (document.title) }
                        p.quiet { @for (at, about) in document.about.iter().enumerate() { @if at > 0 { " · " } (about) } }
                        @if is_report { div.numbers { @for number in &document.numbers { (number_tile(number)) } } }
                        @if !document.lines.is_empty() {
                            h2 { "What changed, who owns it, what to do" }
                            ol.lines { @for line in &document.lines { (changed(line)) } }
                        }
                        @if let Some(confidence) = &document.confidence { p.confidence { (confidence) } }
                    }
                    @for part in &document.sections { (section(part)) }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

fn contents(document: &Document) -> Markup {
    let details = document
        .sections
        .iter()
        .filter(|section| section.is_detail)
        .count();
    html! {
        a.home href="#top" { (document.title) }
        input #search type="search" placeholder="Search" aria-label="Search the report";
        p #found .quiet role="status" {}
        ol {
            @for section in document.sections.iter().filter(|section| !section.is_detail) {
                li { a href=(format!("#{}", section.anchor)) { (section.title) } }
            }
            @if details > 0 {
                li { a href="#queries" { "Queries (" (details) ")" } }
            }
        }
        button #theme type="button" hidden { "Light or dark" }
    }
}

fn number_tile(number: &Number) -> Markup {
    let verdict = match number.verdict {
        Verdict::Good => "good",
        Verdict::Bad => "bad",
        Verdict::Neither => "even",
        Verdict::Unknown => "unknown",
    };
    html! {
        a.number-tile.(verdict) href=(format!("#{}", number.section)) {
            span.name { (number.name) }
            strong { (number.value) }
            @if !number.before.is_empty() { span.before { "last week " (number.before) } }
            span.note { (number.note) }
        }
    }
}

fn changed(line: &Line) -> Markup {
    html! {
        li {
            a href=(format!("#{}", line.anchor)) { (line.what) }
            span.owner { (line.owner) }
            span.action { (line.action) }
        }
    }
}

fn section(section: &Section) -> Markup {
    let class = if section.is_detail { "card" } else { "part" };
    html! {
        section.(class) id=(section.anchor) data-search {
            @if section.is_detail { h3 { (section.title) } } @else { h2 { (section.title) } }
            @for block in &section.blocks { (draw_block(block)) }
        }
    }
}

fn draw_block(block: &Block) -> Markup {
    match block {
        Block::Text(text) => html! { p { (text) } },
        Block::Missing(text) => html! { p.missing { (text) } },
        Block::Table(table) => draw_table(table),
        Block::Chart(chart) => draw_chart(chart),
        Block::Code { title, text } => code(title, text),
        Block::Card(card) => draw_card(card),
    }
}

fn draw_chart(chart: &Chart) -> Markup {
    html! {
        figure {
            figcaption {
                (chart.title)
                @for (at, name) in chart.legend.iter().enumerate() {
                    span.key { i style=(format!("background:var(--s{})", at % 5 + 1)) {} (name) }
                }
            }
            (PreEscaped(chart.svg()))
        }
    }
}

fn code(title: &str, text: &str) -> Markup {
    html! {
        div.code {
            p.quiet { (title) " " button.copy type="button" hidden { "copy" } }
            pre { code { (text) } }
        }
    }
}

fn draw_card(card: &Card) -> Markup {
    html! {
        article.card id=(card.anchor) data-search {
            h3 { span.severity.(card.severity) { (card.severity) } " " (card.title) }
            @for chart in &card.charts { (draw_chart(chart)) }
            dl { @for (name, fact) in &card.facts { dt { (name) } dd { (fact) } } }
            @if !card.statements.is_empty() {
                details {
                    summary { "Statements" }
                    @for (name, statement) in &card.statements { (code(name, statement)) }
                }
            }
        }
    }
}

fn draw_table(table: &Table) -> Markup {
    let shown = table.rows.len().min(ROWS_SHOWN);
    let most = table.rows.len().min(ROWS_MAX);
    let is_number = |column: usize| table.rows.iter().all(|row| row[column].is_number());
    html! {
        div.table {
            @if !table.title.is_empty() { p.title { (table.title) } }
            div.scroll {
                table.sortable {
                    thead { tr {
                        @for (column, head) in table.columns.iter().enumerate() {
                            th scope="col" .number[is_number(column)] { (head) }
                        }
                    } }
                    tbody {
                        @for (at, row) in table.rows[..most].iter().enumerate() {
                            tr .more[at >= shown] { @for cell in row { (draw_cell(cell)) } }
                        }
                    }
                }
            }
            @if most > shown { button.unfold type="button" hidden { "Show all " (count(most as i64)) } }
            @if table.rows.len() > most { p.quiet { "… and " (count((table.rows.len() - most) as i64)) " more, which JSON has" } }
        }
    }
}

fn draw_cell(cell: &Cell) -> Markup {
    html! {
        @match cell {
            Cell::Sql(text) => td.query { code { (text) } },
            Cell::Text(text) => td { (text) },
            Cell::Id(text) => td.whole { code { (text) } },
            Cell::Query { fingerprint, .. } => td.query { a href=(format!("#q{fingerprint}")) { code { (cell.shown()) } } },
            Cell::Change(change) | Cell::MoreSessions(change) => {
                td.number.more-load[*change > 0.0].less-load[*change < 0.0] data-value=(cell.raw()) { (cell.shown()) }
            },
            other if other.is_number() => td.number data-value=(other.raw()) { (other.shown()) },
            other => td.whole data-value=(other.raw()) { (other.shown()) },
        }
    }
}
