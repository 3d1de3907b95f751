//! Sections A and B: what the detector found, a card each.

use slowlake_analyze::{FoundChange, QueryDetail, WeeklyReport};

use crate::render::document::chart::{Chart, Plot};
use crate::render::document::{Block, Card, Section};
use crate::render::markdown::shorten;
use crate::render::quantity::{percent, signed_decimals, signed_percent, time};
use crate::render::section::Cell;
use crate::report_document::name_or_unknown;

/// Findings that have a card; the table has more.
const CARDS: usize = 20;
const TITLE_MAX: usize = 110;

/// A: regressions, and improvements.
pub(super) fn regressions(report: &WeeklyReport) -> Section {
    let mut section = Section::new("regressions", "A. Regressions");
    let Some(found) = &report.regressions else {
        section.missing(nobody_looked(report));
        return section;
    };
    let how = if found.is_recorded {
        "recorded by the detector's runs"
    } else {
        "looked for now"
    };
    section.text(format!("As of {} UTC, {how}.", &time(found.as_of_us)[..16]));
    if found.regressions.is_empty() {
        section.text("No query became slower.");
    }
    for change in found.regressions.iter().take(CARDS) {
        section.blocks.push(Block::Card(card(change, report)));
    }
    section.table(
        "All of them",
        COLUMNS,
        found.regressions.iter().skip(CARDS).map(row).collect(),
        "",
    );
    section.table(
        "Improvements",
        COLUMNS,
        found.improvements.iter().map(row).collect(),
        "No query became faster.",
    );
    section
}

const COLUMNS: &[&str] = &[
    "query", "change", "at least", "sessions", "severity", "server", "since", "state",
];

fn row(change: &FoundChange) -> Vec<Cell> {
    vec![
        crate::report_document::query_cell(&change.fingerprint, change.normalized.as_deref()),
        Cell::Change(change.effect),
        Cell::Change(change.effect_low),
        Cell::MoreSessions(change.extra_sessions),
        Cell::Text(change.severity.to_owned()),
        Cell::Text(name_or_unknown(&change.server)),
        Cell::Time(change.onset_us),
        Cell::Text(state(change)),
    ]
}

fn state(change: &FoundChange) -> String {
    let state = match (&change.state, change.has_recovered) {
        (_, true) => "gone again",
        (Some(state), false) => state,
        (None, false) => "open, not recorded",
    };
    match &change.note {
        Some(note) => format!("{state} ({note})"),
        None => state.to_owned(),
    }
}

/// Why there are no findings.
pub(super) fn nobody_looked(report: &WeeklyReport) -> String {
    let days: i64 = report.quality.days_by_week.iter().sum();
    if days < 14 {
        return "Nobody looked for regressions: less than two weeks of executions are too few to tell what is usual.".to_owned();
    }
    format!(
        "Nobody looked for regressions: {} queries on servers are more than a report looks at by itself, and nothing is recorded of this week. \
         `slowlake report regressions --record`, once a day, looks at all of them and keeps what it finds.",
        super::count(report.series as i64),
    )
}

fn card(change: &FoundChange, report: &WeeklyReport) -> Card {
    let text = change.normalized.as_deref().unwrap_or(&change.fingerprint);
    let server = name_or_unknown(&change.server);
    let mut facts = vec![
        (
            "change",
            format!(
                "{} longer, between {} and {}",
                signed_percent(change.effect),
                signed_percent(change.effect_low),
                signed_percent(change.effect_high)
            ),
        ),
        (
            "since",
            format!(
                "{} UTC, told by {} UTC",
                &time(change.onset_us)[..16],
                &time(change.found_us)[..16]
            ),
        ),
        (
            "load",
            format!(
                "{} average active sessions, {} of the server's time",
                signed_decimals(change.extra_sessions),
                percent(change.server_share.abs())
            ),
        ),
        (
            "where",
            match change.servers {
                0 | 1 => server.clone(),
                servers => format!("{server}, one of {servers} servers at once"),
            },
        ),
    ];
    if let Some((calls, latency)) = change.calls_us_per_hour.zip(change.latency_us_per_hour) {
        let hour = 3.6e9;
        facts.push((
            "split",
            format!(
                "by calls {}, by latency {} sessions",
                signed_decimals(calls / hour),
                signed_decimals(latency / hour)
            ),
        ));
    }
    for cause in &change.causes {
        facts.push(("may be due to", cause.clone()));
    }
    facts.push(("state", state(change)));
    let detail = report.queries.get(&change.fingerprint);
    Card {
        anchor: format!("regression-{}-{}", change.fingerprint, change.onset_us),
        title: format!("{} on {server}", shorten(text, TITLE_MAX)),
        severity: change.severity.clone(),
        facts,
        charts: detail
            .map(|detail| mean_chart(detail, change.onset_us))
            .into_iter()
            .collect(),
        statements: vec![("Derive it again", derive(change))],
    }
}

/// The mean of an execution by day, with the onset marked.
fn mean_chart(detail: &QueryDetail, onset_us: i64) -> Chart {
    let mean =
        |day: &slowlake_analyze::DayLoad| (day.day_us, day.total_us as f64 / day.calls.max(1) as f64 / 1e3);
    Chart {
        title: "Mean of an execution by day, all servers, ms".to_owned(),
        description: "mean duration by day with the onset of the change marked".to_owned(),
        legend: Vec::new(),
        plot: Plot::Course {
            lines: vec![detail.days.iter().map(mean).collect()],
            stretches: Vec::new(),
            moments: vec![onset_us],
            reaches: 0.0,
        },
    }
}

fn derive(change: &FoundChange) -> String {
    let server = match &change.server {
        Some(server) => format!(" AND server = '{}'", server.replace('\'', "''")),
        None => " AND server IS NULL".to_owned(),
    };
    format!(
        "SELECT hour >= '{}' AS after, sum(calls) AS calls, sum(total_us) / sum(calls) AS mean_us FROM rollup_hour \
         WHERE fingerprint_hex(fingerprint) = '{}'{server} GROUP BY after",
        time(change.onset_us),
        change.fingerprint,
    )
}

/// B: changes of whole servers.
pub(super) fn servers(report: &WeeklyReport) -> Section {
    let mut section = Section::new("servers", "B. Server-wide changes and incidents");
    let Some(found) = &report.regressions else {
        section
            .missing("Nobody looked for changes of whole servers; section D has servers by change of load.");
        return section;
    };
    let rows = found.servers.iter().map(|server| {
        vec![
            Cell::Text(name_or_unknown(&server.server)),
            Cell::Change(server.effect),
            Cell::Time(server.onset_us),
            Cell::Time(server.found_us),
            Cell::Text(server.causes.first().cloned().unwrap_or_default()),
        ]
    });
    section.table(
        "Servers all of whose queries changed",
        &["server", "change", "since", "told", "perhaps"],
        rows.collect(),
        "No server changed as a whole.",
    );
    section
}
