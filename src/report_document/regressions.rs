//! The report `regressions` as a document.

use slowlake_analyze::{QueryAppearance, QueryChange, RegressionsReport, ShareChange};

use super::name_or_unknown;
use crate::render::document::{Document, Section};
use crate::render::quantity::time;
use crate::render::section::Cell;

/// A document of the whole report.
pub(crate) fn document(report: &RegressionsReport, lake: &str) -> Document {
    let moment = |us: Option<i64>| us.map_or_else(|| "never".to_owned(), time);
    let known = format!(
        "as of {} UTC, {} queries of servers, known since {} UTC",
        moment(report.as_of_us),
        report.series,
        moment(report.first_hour_us)
    );
    let mut rewritten = Section::new("rewritten", "Rewritten queries");
    let rows = report.rewritten_queries.iter().map(|query| {
        let mut row = appearance(&query.new);
        row[1] = Cell::MoreSessions(query.extra_sessions);
        row.push(Cell::Id(query.old.fingerprint.clone()));
        row
    });
    let columns = ["since", "sessions", "server", "fingerprint", "query", "before"];
    rewritten.table("", &columns, rows.collect(), NONE);
    let mut servers = Section::new("servers", "Servers that changed as a whole");
    let rows = report.servers.iter().map(|change| {
        vec![
            Cell::Change(change.effect),
            Cell::Time(change.onset_us),
            Cell::Text(name_or_unknown(&change.server)),
        ]
    });
    servers.table("", &["change", "since", "server"], rows.collect(), NONE);
    Document {
        title: "slowlake regressions".to_owned(),
        about: vec![format!("lake {lake}"), known],
        sections: vec![
            changes("slower", "Slower", &report.regressions),
            changes("faster", "Faster", &report.improvements),
            servers,
            appearances("new", "New queries", "since", &report.new_queries),
            appearances("vanished", "Vanished queries", "until", &report.vanished_queries),
            rewritten,
            shares(
                "tails",
                "Slower tails: longer than 99 % used to take",
                &report.slower_tails,
            ),
            shares("errors", "More errors", &report.more_errors),
        ],
        ..Document::default()
    }
}

const NONE: &str = "None.";

fn changes(anchor: &str, title: &str, changes: &[QueryChange]) -> Section {
    let mut section = Section::new(anchor, title);
    let columns = [
        "change",
        "at least",
        "at most",
        "sessions",
        "severity",
        "since",
        "server",
        "fingerprint",
        "query",
        "perhaps",
    ];
    let rows = changes.iter().map(|change| {
        vec![
            Cell::Change(change.effect),
            Cell::Change(change.effect_low),
            Cell::Change(change.effect_high),
            Cell::MoreSessions(change.extra_sessions),
            Cell::Text(change.severity.to_owned()),
            Cell::Time(change.onset_us),
            Cell::Text(name_or_unknown(&change.server)),
            Cell::Id(change.fingerprint.clone()),
            text(&change.normalized),
            change
                .causes
                .first()
                .map_or(Cell::Nothing, |cause| Cell::Text(cause.what.clone())),
        ]
    });
    section.table("", &columns, rows.collect(), NONE);
    section
}

fn appearances(anchor: &str, title: &str, when: &'static str, queries: &[QueryAppearance]) -> Section {
    let mut section = Section::new(anchor, title);
    let columns = [when, "sessions", "server", "fingerprint", "query"];
    section.table("", &columns, queries.iter().map(appearance).collect(), NONE);
    section
}

fn appearance(query: &QueryAppearance) -> Vec<Cell> {
    vec![
        Cell::Time(query.at_us),
        Cell::Sessions(query.sessions),
        Cell::Text(name_or_unknown(&query.server)),
        Cell::Id(query.fingerprint.clone()),
        text(&query.normalized),
    ]
}

fn shares(anchor: &str, title: &str, changes: &[ShareChange]) -> Section {
    let mut section = Section::new(anchor, title);
    let columns = [
        "of executions",
        "before",
        "since",
        "server",
        "fingerprint",
        "query",
    ];
    let rows = changes.iter().map(|change| {
        vec![
            Cell::Share(change.after),
            Cell::Share(change.before),
            Cell::Time(change.from_us),
            Cell::Text(name_or_unknown(&change.server)),
            Cell::Id(change.fingerprint.clone()),
            text(&change.normalized),
        ]
    });
    section.table("", &columns, rows.collect(), NONE);
    section
}

fn text(normalized: &Option<String>) -> Cell {
    normalized.clone().map_or(Cell::Nothing, Cell::Sql)
}
