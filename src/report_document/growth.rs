//! The report `growth` as a document.

use slowlake_analyze::{GrowthReport, QueryGrowth, SizeGrowth};

use super::{name_or_unknown, query_cell, sessions};
use crate::render::document::chart::{Chart, Plot};
use crate::render::document::{Document, Section};
use crate::render::quantity::{day, plural};
use crate::render::section::Cell;

const DAY_US: i64 = 86_400_000_000;

/// A document of the whole report.
pub(crate) fn document(report: &GrowthReport, lake: &str) -> Document {
    let mut document = Document {
        title: "slowlake growth".to_owned(),
        about: vec![format!("lake {lake}")],
        ..Document::default()
    };
    let Some(as_of_us) = report.as_of_us else {
        return document;
    };
    document.about.push(format!("as of {} UTC", day(as_of_us)));
    let mut sizes = Section::new("sizes", "Sizes");
    match report.series {
        0 => sizes.missing("The lake has no samples of sizes: `slowlake run` with collectors takes them."),
        series => sizes.text(format!(
            "{} sampled, {} too short to tell.",
            plural(series as i64, "size"),
            report.untold
        )),
    }
    if let Some(size) = report.sizes.first() {
        sizes.chart(size_chart(size));
    }
    if report.series > 0 {
        sizes.table(
            "",
            size_columns(),
            report.sizes.iter().map(size_row).collect(),
            "None can be foretold.",
        );
    }
    let mut queries = Section::new("queries", "Queries whose load grows week by week");
    queries.table(
        "",
        QUERY_COLUMNS,
        report.queries.iter().map(query_row).collect(),
        NONE,
    );
    let mut servers = Section::new("servers", "Servers whose load grows week by week");
    let rows = report.servers.iter().map(|grown| {
        let week = &grown.server.trend.week;
        let mut row = vec![
            Cell::Text(name_or_unknown(&grown.server.name)),
            Cell::Sessions(sessions(week.total_us)),
        ];
        row.extend(growth_cells(&grown.growth));
        row
    });
    servers.table(
        "",
        &[
            "server",
            "sessions",
            "a week",
            "twice in weeks",
            "seen over weeks",
        ],
        rows.collect(),
        NONE,
    );
    document.sections = vec![sizes, queries, servers];
    document
}

const NONE: &str = "None grows steadily by 1 % a week or more. It takes five whole weeks to tell.";

/// Columns of [`query_row`].
pub(crate) const QUERY_COLUMNS: &[&str] =
    &["query", "sessions", "a week", "twice in weeks", "seen over weeks"];

pub(crate) fn query_row(grown: &QueryGrowth) -> Vec<Cell> {
    let query = &grown.query;
    let mut row = vec![
        query_cell(&query.fingerprint, query.text.normalized.as_deref()),
        Cell::Sessions(sessions(query.trend.week.total_us)),
    ];
    row.extend(growth_cells(&grown.growth));
    row
}

fn growth_cells(growth: &slowlake_analyze::SlowGrowth) -> [Cell; 3] {
    [
        Cell::Change(growth.per_week),
        Cell::Count(growth.weeks_to_double.round() as i64),
        Cell::Count(growth.weeks as i64),
    ]
}

/// Columns of [`size_row`].
pub(crate) fn size_columns() -> &'static [&'static str] {
    &[
        "server",
        "what",
        "now",
        "a week",
        "told by",
        "in so many days",
        "between",
        "and",
        "full on",
    ]
}

pub(crate) fn size_row(size: &SizeGrowth) -> Vec<Cell> {
    let days = &size.forecast.days;
    let bytes = |value: f64| Cell::Bytes(value as i64);
    let last = days.last();
    let what = format!(
        "{} {}",
        size.metric.replace('_', " "),
        size.object.as_deref().unwrap_or_default()
    );
    vec![
        Cell::Text(name_or_unknown(&size.server)),
        Cell::Text(what.trim_end().to_owned()),
        size.samples
            .last()
            .map_or(Cell::Nothing, |(_, size)| Cell::Bytes(*size)),
        Cell::Change(size.forecast.growth_per_week),
        Cell::Text(size.forecast.method.to_owned()),
        Cell::Count(days.len() as i64),
        last.map_or(Cell::Nothing, |day| bytes(day.low)),
        last.map_or(Cell::Nothing, |day| bytes(day.high)),
        Cell::Text(size.reached_us[1].map_or_else(String::new, day)),
    ]
}

/// A size and how it goes on, in GB.
pub(crate) fn size_chart(size: &SizeGrowth) -> Chart {
    let gigabytes = |bytes: f64| bytes / 1e9;
    let known: Vec<(i64, f64)> = size
        .samples
        .iter()
        .map(|(us, bytes)| (*us, gigabytes(*bytes as f64)))
        .collect();
    let last_us = size.samples.last().map_or(0, |(us, _)| *us);
    let to_come = |value: fn(&slowlake_analyze::ForecastDay) -> f64| {
        let days = size.forecast.days.iter().enumerate();
        days.map(|(at, day)| (last_us + (at as i64 + 1) * DAY_US, gigabytes(value(day))))
            .collect::<Vec<_>>()
    };
    Chart {
        title: format!(
            "{} {} on {}, GB",
            size.metric.replace('_', " "),
            size.object.as_deref().unwrap_or_default(),
            name_or_unknown(&size.server)
        ),
        description: "the size by day and its forecast with bounds".to_owned(),
        legend: ["samples", "likely", "lower bound", "upper bound"]
            .map(str::to_owned)
            .to_vec(),
        plot: Plot::Course {
            lines: vec![
                known,
                to_come(|day| day.likely),
                to_come(|day| day.low),
                to_come(|day| day.high),
            ],
            stretches: Vec::new(),
            moments: Vec::new(),
            reaches: 0.0,
        },
    }
}
