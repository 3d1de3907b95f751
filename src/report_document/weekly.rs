//! The report `weekly` as a document: a page for the manager, eleven sections for the DBA, and each query in full.

mod findings;
mod page;
mod queries;

use slowlake_analyze::{EventCount, FleetHour, QueryTrend, RankedQuery, TimeWindow, WeeklyReport};

use super::growth::{size_columns, size_row};
use super::{change, changes_chart, days, name_or_unknown, query_cell, sessions};
use crate::render::document::chart::{Chart, Plot};
use crate::render::document::{Block, Document, Section};
use crate::render::quantity::{bytes, count, day, percent, plural};
use crate::render::section::Cell;

/// An hour of one session, µs.
const HOUR_US: f64 = 3.6e9;

/// A document of the whole report.
pub(crate) fn document(report: &WeeklyReport, lake: &str) -> Document {
    let mut document = Document {
        title: "Weekly report".to_owned(),
        about: vec![format!("lake {lake}")],
        ..Document::default()
    };
    let Some(week) = report.week else {
        return document;
    };
    document.title = format!("Database week {}", days(week));
    document.numbers = page::numbers(report);
    document.lines = page::lines(report);
    document.confidence = Some(page::confidence(report));
    document.sections = vec![
        findings::regressions(report),
        findings::servers(report),
        appearances(report),
        load(report, week),
        slow_growth(report),
        tails(report),
        replication(),
        advice(report),
        maintenance(report),
        capacity(report),
        quality(report),
    ];
    document.sections.extend(queries::queries(report));
    document
}

/// C: what is new and what is gone.
fn appearances(report: &WeeklyReport) -> Section {
    let mut section = Section::new("appearances", "C. New and vanished queries");
    let row = |query: &QueryTrend| {
        let week = if query.trend.week.calls > 0 {
            &query.trend.week
        } else {
            &query.trend.last_week
        };
        vec![
            query_cell(&query.fingerprint, query.text.normalized.as_deref()),
            Cell::Sessions(sessions(week.total_us)),
            Cell::Count(week.calls),
            week.p50_us.map_or(Cell::Nothing, Cell::Duration),
            week.p99_us.map_or(Cell::Nothing, Cell::Duration),
            owner(report, &query.fingerprint),
        ]
    };
    let columns = ["query", "sessions", "calls", "p50", "p99", "owner"];
    let rows = |queries: &[QueryTrend]| queries.iter().map(row).collect();
    section.table(
        "New: ran for the first time in six weeks",
        &columns,
        rows(&report.new_queries),
        "No query is new.",
    );
    section.table(
        "Vanished: ran last week and not in this one",
        &columns,
        rows(&report.gone_queries),
        "No query has gone.",
    );
    section
}

/// Who has to do with a query, as far as is known.
fn owner(report: &WeeklyReport, fingerprint: &str) -> Cell {
    let detail = report.queries.get(fingerprint);
    let team = detail.and_then(|detail| {
        detail
            .tags
            .iter()
            .find(|(name, _, _)| name == "team" || name == "owner")
    });
    let application = detail.and_then(|detail| detail.applications.first());
    let name = team
        .map(|(_, value, _)| value)
        .or(application.map(|(name, _)| name));
    Cell::Text(name.cloned().unwrap_or_default())
}

/// D: what takes the time.
fn load(report: &WeeklyReport, week: TimeWindow) -> Section {
    let mut section = Section::new("load", "D. Load");
    section.chart(hours_chart(&report.hours, week));
    section.chart(changes_chart(report.changes.iter()));
    let total = report.page.time.total_us.max(1) as f64;
    let row = |ranked: &RankedQuery| {
        let query = &ranked.query;
        let trend = &query.trend;
        let known = |us: Option<i64>| us.map_or(Cell::Nothing, Cell::Duration);
        vec![
            Cell::Count(ranked.rank as i64),
            ranked
                .last_rank
                .map_or(Cell::Nothing, |rank| Cell::Count(rank as i64)),
            Cell::Share(trend.week.total_us as f64 / total),
            Cell::Sessions(sessions(trend.week.total_us)),
            change(trend.last_week.total_us, trend.week.total_us),
            change(trend.four_weeks.total_us, trend.week.total_us),
            Cell::Count(trend.week.calls),
            known(trend.week.p50_us),
            known(trend.week.p95_us),
            known(trend.week.p99_us),
            query_cell(&query.fingerprint, query.text.normalized.as_deref()),
        ]
    };
    let columns = [
        "#",
        "last #",
        "share",
        "sessions",
        "last week",
        "4 weeks",
        "calls",
        "p50",
        "p95",
        "p99",
        "query",
    ];
    section.table(
        "Queries by time",
        &columns,
        report.top.iter().map(row).collect(),
        "No query ran.",
    );
    let rows = report.changes.iter().map(super::trends::query_row).collect();
    section.table(
        "Queries by change against last week",
        super::trends::QUERY_COLUMNS,
        rows,
        "Nothing changed.",
    );
    for (title, named) in [
        ("Servers by change", &report.servers),
        ("Applications by change", &report.applications),
        ("Databases by change", &report.databases),
    ] {
        let rows = named.iter().map(super::trends::named_row).collect();
        section.table(title, super::trends::NAMED_COLUMNS, rows, "None.");
    }
    section
}

/// Fleet load by hour, this week over the week before.
fn hours_chart(hours: &[FleetHour], week: TimeWindow) -> Chart {
    let length_us = week.end_us() - week.begin_us();
    let point = |hour: &FleetHour| (hour.hour_us, hour.total_us as f64 / HOUR_US);
    let is_this = |hour: &&FleetHour| hour.hour_us >= week.begin_us();
    let this = hours.iter().filter(is_this).map(point).collect();
    let last = hours.iter().filter(|hour| !is_this(hour)).map(point);
    Chart {
        title: "Average active sessions by hour".to_owned(),
        description: "average active sessions of the fleet by hour, this week and the week before".to_owned(),
        legend: vec!["this week".to_owned(), "last week".to_owned()],
        plot: Plot::Course {
            lines: vec![this, last.map(|(us, value)| (us + length_us, value)).collect()],
            stretches: Vec::new(),
            moments: Vec::new(),
            reaches: 0.0,
        },
    }
}

/// E: load that grows without a day that stands out.
fn slow_growth(report: &WeeklyReport) -> Section {
    let mut section = Section::new("growth", "E. Slow growth");
    let rows = report
        .growth
        .queries
        .iter()
        .map(super::growth::query_row)
        .collect();
    section.table(
        "Queries whose load grows week by week",
        super::growth::QUERY_COLUMNS,
        rows,
        "No query's load grows steadily by 1 % a week or more. It takes five whole weeks to tell.",
    );
    section
}

/// F: what is slow now and then, and what fails.
fn tails(report: &WeeklyReport) -> Section {
    let mut section = Section::new("tails", "F. Tail and errors");
    let row = |query: &QueryTrend| {
        let week = &query.trend.week;
        let known = |us: Option<i64>| us.map_or(Cell::Nothing, Cell::Duration);
        let ratio = week.p99_us.zip(week.p50_us).filter(|(_, p50)| *p50 > 0);
        vec![
            query_cell(&query.fingerprint, query.text.normalized.as_deref()),
            ratio.map_or(Cell::Nothing, |(p99, p50)| Cell::Factor(p99 as f64 / p50 as f64)),
            known(week.p50_us),
            known(week.p99_us),
            known(query.trend.last_week.p99_us),
            known(week.max_us),
            week.errors.map_or(Cell::Nothing, Cell::Count),
            known(week.lock_time_us),
        ]
    };
    let columns = [
        "query",
        "p99 / p50",
        "p50",
        "p99",
        "p99 before",
        "max",
        "errors",
        "lock time",
    ];
    section.table(
        "Queries by what their slowest executions cost",
        &columns,
        report.tails.iter().map(row).collect(),
        "None.",
    );
    let row = |event: &EventCount| {
        vec![
            Cell::Text(event.event.replace('_', " ")),
            Cell::Id(event.sql_state.clone().unwrap_or_default()),
            Cell::Count(event.count),
            Cell::Count(event.last_week),
            change(event.last_week, event.count),
            Cell::Count(event.servers),
            event.duration_us.map_or(Cell::Nothing, Cell::Duration),
            event.size_bytes.map_or(Cell::Nothing, Cell::Bytes),
        ]
    };
    let columns = [
        "event",
        "SQLSTATE",
        "this week",
        "last week",
        "change",
        "servers",
        "time",
        "bytes",
    ];
    let rows = report.events.iter().map(row).collect();
    section.table(
        "Events of the servers",
        &columns,
        rows,
        "The lake has no event of trouble in these two weeks.",
    );
    section
}

/// G: replication.
fn replication() -> Section {
    let mut section = Section::new("replication", "G. Replication");
    section.missing(
        "Nothing is told of replication here: this report has no samples of replicas. `slowlake run` with collectors takes them.",
    );
    section
}

/// H: advice.
fn advice(report: &WeeklyReport) -> Section {
    let mut section = Section::new("advice", "H. Advice");
    super::advice::cards(&mut section, &report.advice);
    section
}

/// I: maintenance.
fn maintenance(report: &WeeklyReport) -> Section {
    let mut section = Section::new("maintenance", "I. Maintenance");
    let of = ["autovacuum", "checkpoint"];
    let rows: Vec<Vec<Cell>> = report
        .events
        .iter()
        .filter(|event| of.contains(&event.event.as_str()))
        .map(|event| {
            vec![
                Cell::Text(event.event.clone()),
                Cell::Count(event.count),
                Cell::Count(event.last_week),
                Cell::Count(event.servers),
                event.duration_us.map_or(Cell::Nothing, Cell::Duration),
            ]
        })
        .collect();
    match rows.is_empty() {
        true => section.missing(
            "The lake has no event of vacuum or checkpoints of these two weeks: log_autovacuum_min_duration and log_checkpoints let PostgreSQL \
             log them.",
        ),
        false => section.table("", &["event", "this week", "last week", "servers", "time"], rows, ""),
    }
    section
}

/// J: what becomes full.
fn capacity(report: &WeeklyReport) -> Section {
    let mut section = Section::new("capacity", "J. Capacity");
    if report.growth.series == 0 {
        section.missing("The lake has no samples of sizes: `slowlake run` with collectors takes them.");
        return section;
    }
    section.text(format!(
        "{} sampled, {} of them for too short a time to tell anything. A forecast is as far as it held in the past: four weeks from four weeks of \
         samples, three months from eight.",
        plural(report.growth.series as i64, "size"),
        count(report.growth.untold as i64),
    ));
    if let Some(size) = report.growth.sizes.first() {
        section.chart(super::growth::size_chart(size));
    }
    let rows = report.growth.sizes.iter().map(size_row).collect();
    section.table(
        "Sizes, the first to reach an end first, then the fastest",
        size_columns(),
        rows,
        "None can be foretold.",
    );
    section
}

/// K: how far all of it can be trusted.
fn quality(report: &WeeklyReport) -> Section {
    let quality = &report.quality;
    let mut section = Section::new("quality", "K. Data quality");
    let coverage = &quality.coverage;
    section.text(format!(
        "In the week {} of logs were read: {} parsed, {} skipped, {} rejected in {}.",
        size(coverage.bytes),
        size(coverage.bytes_parsed),
        size(coverage.bytes_skipped),
        size(coverage.bytes_rejected),
        plural(coverage.rejects, "piece"),
    ));
    section.text(format!(
        "{} reported; {} of {} hours of servers have executions ({}). An hour without may have been idle, or its log unread.",
        plural(quality.servers as i64, "server"),
        count(quality.server_hours_seen),
        count(quality.server_hours),
        percent(quality.server_hours_seen as f64 / quality.server_hours.max(1) as f64),
    ));
    if !quality.silent_servers.is_empty() {
        section.text(format!(
            "Silent since last week: {}.",
            quality.silent_servers.join(", ")
        ));
    }
    let days: Vec<String> = quality.days_by_week.iter().map(i64::to_string).collect();
    section.text(format!(
        "Days with executions in each of six weeks, the oldest first: {}.",
        days.join(", ")
    ));
    let found = match &report.regressions {
        None => format!(
            "Regressions: nobody looked. There are {} on servers, more than a report looks at by itself.",
            plural(report.series as i64, "query").replace("querys", "queries")
        ),
        Some(found) if !found.has_history => {
            "Regressions: less than two weeks of executions are too few to tell.".to_owned()
        }
        Some(found) => format!(
            "Regressions: {} on servers were looked at every day, with a share of false alerts of 5 % or less.",
            plural(found.series as i64, "query").replace("querys", "queries")
        ),
    };
    section.text(found);
    let rows = quality.gaps.iter().map(|gap| {
        vec![
            Cell::Text(name_or_unknown(&gap.server)),
            Cell::Count(gap.hours),
            Cell::Time(gap.first_us),
        ]
    });
    section.table(
        "Servers by hours without executions",
        &["server", "hours", "first"],
        rows.collect(),
        "No server has an hour without.",
    );
    section.blocks.push(Block::Text(
        "What is asked: slow is beyond the 97.7th percentile of the same query on the same server in the four weeks before, with at least 200 \
         executions. A change of time is split by the logarithmic mean Divisia index, query by query; the parts sum to the change exactly. \
         Percentiles are within 1 %."
            .to_owned(),
    ));
    section
}

fn size(n: i64) -> String {
    bytes(u64::try_from(n).unwrap_or(0))
}

/// The day of a time.
fn day_of(us: Option<i64>) -> String {
    us.map_or_else(|| "unknown".to_owned(), day)
}
