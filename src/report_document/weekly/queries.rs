//! Each query that the report names, at a place of its own.

use slowlake_analyze::{DayLoad, QueryDetail, WeeklyReport};

use crate::render::document::chart::{Chart, Plot};
use crate::render::document::{Block, Section};
use crate::render::markdown::shorten;
use crate::render::quantity::{count, percent, plural, time};

/// A day of one session, µs.
const DAY_US: f64 = 86.4e9;
/// Characters of an example and of a plan.
const EXAMPLE_MAX: usize = 4_000;
const TITLE_MAX: usize = 120;

/// A section a query, by time of the week.
pub(super) fn queries(report: &WeeklyReport) -> Vec<Section> {
    let week_us = |detail: &QueryDetail| -> i64 { detail.servers.iter().map(|(_, us)| us).sum() };
    let mut order: Vec<(&String, &QueryDetail)> = report.queries.iter().collect();
    order.sort_by_key(|(fingerprint, detail)| (std::cmp::Reverse(week_us(detail)), (*fingerprint).clone()));
    let mut sections: Vec<Section> = order
        .into_iter()
        .map(|(fingerprint, detail)| query(fingerprint, detail))
        .collect();
    if !sections.is_empty() {
        let mut head = Section::new("queries", "Queries");
        head.text(format!(
            "{} named above, the heaviest first.",
            plural(sections.len() as i64, "query").replace("querys", "queries")
        ));
        // The contents list it by itself.
        head.is_detail = true;
        sections.insert(0, head);
    }
    sections
}

fn query(fingerprint: &str, detail: &QueryDetail) -> Section {
    let text = detail.text.normalized.as_deref().unwrap_or("text unknown");
    let mut section = Section::new(
        &format!("q{fingerprint}"),
        &format!("{fingerprint} {}", shorten(text, TITLE_MAX)),
    );
    section.is_detail = true;
    let mut about: Vec<String> = Vec::new();
    about.extend(detail.text.verb.clone());
    if !detail.text.tables.is_empty() {
        about.push(format!("tables {}", detail.text.tables.join(", ")));
    }
    for (name, parts) in [
        ("servers", &detail.servers),
        ("databases", &detail.databases),
        ("applications", &detail.applications),
    ] {
        if !parts.is_empty() {
            about.push(format!("{name} {}", shares(parts)));
        }
    }
    if !detail.tags.is_empty() {
        let tags = detail
            .tags
            .iter()
            .map(|(name, value, n)| format!("{name}={value} ({})", count(*n)));
        about.push(format!("comments say {}", tags.collect::<Vec<_>>().join(", ")));
    }
    section.text(about.join(" · "));
    section.chart(days_chart(&detail.days));
    section.chart(Chart {
        title: "Executions of the week by duration".to_owned(),
        description: "executions by duration on a logarithmic scale".to_owned(),
        legend: Vec::new(),
        plot: Plot::Histogram(detail.latency.iter().map(|bin| (bin.us, bin.calls)).collect()),
    });
    section.blocks.push(Block::Code {
        title: "Text".to_owned(),
        text: text.to_owned(),
    });
    if let Some(example) = &detail.text.example {
        section.blocks.push(Block::Code {
            title: "Slowest execution whose text was kept".to_owned(),
            text: shorten(example, EXAMPLE_MAX),
        });
    }
    for plan in &detail.plans {
        section.blocks.push(Block::Code {
            title: format!(
                "Plan {}, logged {}, from {} to {} UTC",
                plan.plan_fingerprint.as_deref().unwrap_or("of unknown shape"),
                plural(plan.count, "time"),
                plan.first_us.map_or_else(|| "?".to_owned(), time),
                plan.last_us.map_or_else(|| "?".to_owned(), time),
            ),
            text: shorten(&plan.plan, EXAMPLE_MAX),
        });
    }
    section
}

fn shares(parts: &[(String, i64)]) -> String {
    let all = parts.iter().map(|(_, us)| us).sum::<i64>().max(1) as f64;
    let part = |(name, us): &(String, i64)| format!("{name} {}", percent(*us as f64 / all));
    parts.iter().take(5).map(part).collect::<Vec<_>>().join(", ")
}

fn days_chart(days: &[DayLoad]) -> Chart {
    Chart {
        title: "Average active sessions by day".to_owned(),
        description: "average active sessions of the query by day over six weeks".to_owned(),
        legend: Vec::new(),
        plot: Plot::Course {
            lines: vec![
                days.iter()
                    .map(|day| (day.day_us, day.total_us as f64 / DAY_US))
                    .collect(),
            ],
            stretches: Vec::new(),
            moments: Vec::new(),
            reaches: 0.0,
        },
    }
}
