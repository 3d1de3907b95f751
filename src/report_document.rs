//! Reports of jobs as documents: which figure goes where, and in which words. Computes nothing but ratios of what it is given.

pub(crate) mod advice;
pub(crate) mod growth;
pub(crate) mod regressions;
pub(crate) mod trends;
pub(crate) mod weekly;

use slowlake_analyze::{QueryTrend, Split, TimeWindow, Trend};

use crate::render::document::chart::{Chart, Plot};
use crate::render::quantity::{day, signed_decimals, signed_percent};
use crate::render::section::Cell;

/// A week, µs.
pub(crate) const WEEK_US: f64 = 604_800e6;

/// Time of a week's executions as average active sessions.
pub(crate) fn sessions(total_us: i64) -> f64 {
    total_us as f64 / WEEK_US
}

/// `2026-11-16 → 2026-11-22 UTC`, the last day included.
pub(crate) fn days(window: TimeWindow) -> String {
    format!("{} → {} UTC", day(window.begin_us()), day(window.end_us() - 1))
}

/// What something became, as a share of what it was.
pub(crate) fn change(before: i64, after: i64) -> Cell {
    if before <= 0 {
        return Cell::Text(if after > 0 { "new" } else { "" }.to_owned());
    }
    Cell::Change((after - before) as f64 / before as f64)
}

/// A change of time and its parts, in words and sessions.
pub(crate) fn split_words(split: Split) -> String {
    let parts = [
        ("calls", split.calls_us),
        ("latency", split.latency_us),
        ("new", split.new_us),
        ("gone", split.gone_us),
    ];
    let parts = parts.map(|(name, us)| format!("{name} {}", signed_decimals(sessions(us))));
    parts.join(", ")
}

/// The change of total time against what it was.
pub(crate) fn change_words(trend: &Trend) -> String {
    match trend.last_week.total_us {
        0 => "no week before".to_owned(),
        before => signed_percent(trend.change.change_us as f64 / before as f64),
    }
}

/// A query as a cell that leads to its own part of the document.
pub(crate) fn query_cell(fingerprint: &str, normalized: Option<&str>) -> Cell {
    Cell::Query {
        fingerprint: fingerprint.to_owned(),
        text: normalized.unwrap_or_default().to_owned(),
    }
}

/// What names are called that are not known.
pub(crate) fn name_or_unknown(name: &Option<String>) -> String {
    name.clone().unwrap_or_else(|| "(unknown)".to_owned())
}

/// Queries in a chart of changes.
const BARS: usize = 12;

/// What the changes of these queries consist of, the largest first.
pub(crate) fn changes_chart<'q>(queries: impl Iterator<Item = &'q QueryTrend>) -> Chart {
    let bar = |query: &QueryTrend| {
        let split = query.trend.change;
        let parts = [split.calls_us, split.latency_us, split.new_us, split.gone_us];
        let name = query.text.normalized.clone();
        (
            name.unwrap_or_else(|| query.fingerprint.clone()),
            parts.map(sessions).to_vec(),
        )
    };
    Chart {
        title: "Change against last week, average active sessions".to_owned(),
        description: "bars of the largest changes of time by query, in parts due to calls, latency, new and gone queries".to_owned(),
        legend: ["calls", "latency", "new", "gone"].map(str::to_owned).to_vec(),
        plot: Plot::Parts(queries.take(BARS).map(bar).collect()),
    }
}
