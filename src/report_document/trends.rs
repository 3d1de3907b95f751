//! The report `trends` as a document.

use slowlake_analyze::{NamedTrend, QueryTrend, TrendsReport};

use super::{change, change_words, changes_chart, days, name_or_unknown, query_cell, sessions, split_words};
use crate::render::document::{Document, Section};
use crate::render::quantity::{count, percent};
use crate::render::section::Cell;

/// A document of the whole report.
pub(crate) fn document(report: &TrendsReport, lake: &str) -> Document {
    let mut document = Document {
        title: "slowlake trends".to_owned(),
        about: vec![format!("lake {lake}")],
        ..Document::default()
    };
    let Some(week) = report.week else {
        return document;
    };
    document.about.push(days(week));
    document.sections.push(total(report));
    let mut queries = Section::new("changes", "Queries that changed most");
    queries.chart(changes_chart(report.queries.iter()));
    queries.table(
        "",
        QUERY_COLUMNS,
        report.queries.iter().map(query_row).collect(),
        "No query ran.",
    );
    document.sections.push(queries);
    for (anchor, title, named) in [
        ("servers", "Servers", &report.servers),
        ("databases", "Databases", &report.databases),
        ("applications", "Applications", &report.applications),
    ] {
        let mut section = Section::new(anchor, title);
        section.table("", NAMED_COLUMNS, named.iter().map(named_row).collect(), "None.");
        document.sections.push(section);
    }
    document
}

fn total(report: &TrendsReport) -> Section {
    let trend = &report.total;
    let mut section = Section::new("total", "All executions");
    section.text(format!(
        "{} average active sessions, {} against the week before: {}.",
        Cell::Sessions(sessions(trend.week.total_us)).shown(),
        change_words(trend),
        split_words(trend.change),
    ));
    if report.weeks_before > 0 {
        let four = trend.four_weeks.total_us;
        section.text(format!(
            "Against the mean of the {} before: {}: {}.",
            if report.weeks_before == 1 {
                "week".to_owned()
            } else {
                format!("{} weeks", report.weeks_before)
            },
            change(four, trend.week.total_us).shown(),
            split_words(trend.change_four_weeks),
        ));
    }
    if let Some(share) = report.health.week.share() {
        let before = report.health.last_week.share();
        section.text(format!(
            "{} of {} executions were slower than 97.7 % of the same query on the same server in the four weeks before{}; where nothing changed \
             it is 2.3 %.",
            percent(share),
            count(report.health.week.calls),
            before.map_or(String::new(), |before| format!(" (the week before {})", percent(before))),
        ));
    }
    let figures = [
        ("this week", &trend.week),
        ("last week", &trend.last_week),
        ("four weeks before", &trend.four_weeks),
    ];
    let rows = figures.map(|(name, figures)| {
        let known = |us: Option<i64>| us.map_or(Cell::Nothing, Cell::Duration);
        let count = |n: Option<i64>| n.map_or(Cell::Nothing, Cell::Count);
        vec![
            Cell::Text(name.to_owned()),
            Cell::Sessions(sessions(figures.total_us)),
            Cell::Count(figures.calls),
            known(figures.p50_us),
            known(figures.p95_us),
            known(figures.p99_us),
            count(figures.rows_sent),
            count(figures.rows_examined),
        ]
    });
    let columns = [
        "",
        "sessions",
        "calls",
        "p50",
        "p95",
        "p99",
        "rows sent",
        "rows read",
    ];
    section.table("", &columns, rows.to_vec(), "");
    section
}

pub(crate) const NAMED_COLUMNS: &[&str] = &[
    "name",
    "sessions",
    "last week",
    "change",
    "by calls",
    "by latency",
    "new",
    "gone",
    "4 weeks",
    "p95",
    "p95 before",
];

pub(crate) fn named_row(named: &NamedTrend) -> Vec<Cell> {
    let trend = &named.trend;
    let known = |us: Option<i64>| us.map_or(Cell::Nothing, Cell::Duration);
    let more = |us: i64| Cell::MoreSessions(sessions(us));
    vec![
        Cell::Text(name_or_unknown(&named.name)),
        Cell::Sessions(sessions(trend.week.total_us)),
        Cell::Sessions(sessions(trend.last_week.total_us)),
        change(trend.last_week.total_us, trend.week.total_us),
        more(trend.change.calls_us),
        more(trend.change.latency_us),
        more(trend.change.new_us),
        more(trend.change.gone_us),
        change(trend.four_weeks.total_us, trend.week.total_us),
        known(trend.week.p95_us),
        known(trend.last_week.p95_us),
    ]
}

pub(crate) const QUERY_COLUMNS: &[&str] = &[
    "query",
    "sessions",
    "last week",
    "change",
    "by calls",
    "by latency",
    "rows a call",
    "time a row",
    "4 weeks",
    "p95",
    "p95 before",
];

pub(crate) fn query_row(query: &QueryTrend) -> Vec<Cell> {
    let trend = &query.trend;
    let known = |us: Option<i64>| us.map_or(Cell::Nothing, Cell::Duration);
    let more = |us: i64| Cell::MoreSessions(sessions(us));
    vec![
        query_cell(&query.fingerprint, query.text.normalized.as_deref()),
        Cell::Sessions(sessions(trend.week.total_us)),
        Cell::Sessions(sessions(trend.last_week.total_us)),
        change(trend.last_week.total_us, trend.week.total_us),
        more(trend.change.calls_us),
        more(trend.change.latency_us),
        query.rows.map_or(Cell::Nothing, |rows| more(rows.rows_us)),
        query.rows.map_or(Cell::Nothing, |rows| more(rows.per_row_us)),
        change(trend.four_weeks.total_us, trend.week.total_us),
        known(trend.week.p95_us),
        known(trend.last_week.p95_us),
    ]
}
