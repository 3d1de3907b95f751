//! The sections for the page: a card each, with tables that can be sorted.

use maud::{Markup, html};

use super::column_chart;
use crate::render::section::{Cell, Panel, Table, panels};
use crate::summary::sections::Sections;

/// Rows that are shown at once; the others can be opened.
const ROWS_SHOWN: usize = 10;
/// Rows of a table; more are counted.
const ROWS_MAX: usize = 500;

pub(super) fn sections(sections: &Sections) -> Markup {
    let panels = panels(sections);
    html! {
        @if !panels.is_empty() {
            section {
                h2 { "The servers" }
                table { tbody {
                    @for panel in &panels {
                        tr { td { a href=(format!("#{}", panel.name)) { (panel.title) } } td { (panel.line) } }
                    }
                } }
            }
        }
        @for panel in &panels { (card(panel)) }
    }
}

fn card(panel: &Panel) -> Markup {
    html! {
        section.card id=(panel.name) {
            h3 { (panel.title) }
            p { (panel.line) }
            @if let Some((values, label)) = &panel.course {
                figure {
                    (course(values))
                    figcaption.quiet { (label) ", at most " (values.iter().max().copied().unwrap_or(0)) }
                }
            }
            @for table in panel.tables.iter().filter(|table| !table.rows.is_empty()) {
                p.quiet { (table.title) }
                @let shown = table.rows.len().min(ROWS_SHOWN);
                (rows(table, &table.rows[..shown]))
                @if table.rows.len() > shown {
                    details {
                        summary { (table.rows.len() - shown) " more" }
                        (rows(table, &table.rows[shown..table.rows.len().min(ROWS_MAX)]))
                        @if table.rows.len() > ROWS_MAX { p.quiet { "… and " (table.rows.len() - ROWS_MAX) " more; JSON and CSV have all" } }
                    }
                }
            }
        }
    }
}

fn course(values: &[i64]) -> Markup {
    let most = values.iter().copied().max().unwrap_or(0).max(1) as f64;
    column_chart(
        values
            .iter()
            .map(|value| (*value as f64 / most, value.to_string())),
        values.len(),
    )
}

fn rows(table: &Table, rows: &[Vec<Cell>]) -> Markup {
    html! {
        div.scroll {
            table.sortable {
                thead { tr { @for (_, head) in table.columns { th scope="col" { (head) } } } }
                tbody { @for row in rows { tr { @for cell in row { (value(cell)) } } } }
            }
        }
    }
}

fn value(cell: &Cell) -> Markup {
    html! {
        @match cell {
            Cell::Sql(text) => td.query { code { (text) } },
            Cell::Text(text) => td { (text) },
            Cell::Id(text) => td.whole { code { (text) } },
            other if other.is_number() => td.number data-value=(other.raw()) { (other.shown()) },
            other => td.whole data-value=(other.raw()) { (other.shown()) },
        }
    }
}
