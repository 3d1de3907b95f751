//! Reports of jobs over a lake to the summary that is drawn, so that a report looks the same whether it comes from logs or from a lake.

use slowlake_analyze::{Dimension, TopQuery, TopReport};

use crate::summary::{Breakdown, Coverage, DECADES, Part, Percentiles, Query, Slot, Summary, decade_of};

const HOUR_US: i64 = 3_600_000_000;

/// The summary of `report top`; `order` says in words what it is ordered by.
pub(crate) fn of_top(report: &TopReport, order: &str) -> Summary {
    let totals = &report.totals;
    let shown_us: i64 = report.queries.iter().map(|query| query.estimated_total_us).sum();
    let left_out = usize::try_from(totals.queries)
        .unwrap_or(0)
        .saturating_sub(report.queries.len());
    Summary {
        title: "slowlake report top".to_owned(),
        read_from: Some((report.read_from.as_str(), report.read_from.words())),
        servers: report
            .breakdown
            .server
            .parts
            .iter()
            .filter_map(|part| part.name.clone())
            .collect(),
        window: totals.first_us.zip(totals.last_us),
        calls: totals.calls,
        total_us: totals.total_us,
        estimated_calls: totals.estimated_calls,
        estimated_total_us: totals.estimated_total_us,
        is_sampled: totals.estimated_calls != totals.calls,
        nested: (totals.nested_calls, totals.nested_us),
        shapes: usize::try_from(totals.queries).unwrap_or(0),
        latency: percentiles(totals.p50_us, totals.p95_us, totals.p99_us, totals.max_us),
        timeline: timeline(report),
        order: order.to_owned(),
        queries: report.queries.iter().map(query).collect(),
        left_out: (
            left_out,
            totals.estimated_total_us + totals.nested_estimated_us - shown_us,
        ),
        by: breakdowns(&report.breakdown),
        coverage: coverage(report),
        ..Summary::default()
    }
}

fn query(query: &TopQuery) -> Query {
    let mut decades = [0; DECADES];
    for bin in &query.latency {
        decades[decade_of(bin.us)] += bin.calls;
    }
    Query {
        rank: query.rank,
        fingerprint: query.fingerprint.clone(),
        dialect: query.dialect.clone().unwrap_or_default(),
        normalized: query.normalized.clone().unwrap_or_default(),
        verb: query.verb.clone().unwrap_or_default(),
        tables: query.tables.clone(),
        calls: query.calls,
        total_us: query.total_us,
        estimated_calls: query.estimated_calls,
        estimated_total_us: query.estimated_total_us,
        nested_calls: query.nested_calls,
        share: query.share,
        min_us: query.min_us.unwrap_or(0),
        latency: percentiles(query.p50_us, query.p95_us, query.p99_us, query.max_us),
        rows_sent: query.rows_sent,
        rows_examined: query.rows_examined,
        lock_time_us: query.lock_time_us,
        first_us: query.first_us,
        last_us: query.last_us,
        decades,
        by: breakdowns(&query.breakdown),
        example: query.example.clone().unwrap_or_default(),
        example_at: String::new(),
        parameters: String::new(),
    }
}

fn percentiles(p50: Option<i64>, p95: Option<i64>, p99: Option<i64>, max: Option<i64>) -> Percentiles {
    let max_us = max.unwrap_or(0);
    // A percentile is known within 1 %, the maximum exactly.
    let [p50_us, p95_us, p99_us] = [p50, p95, p99].map(|us| us.unwrap_or(0).min(max_us));
    Percentiles {
        p50_us,
        p95_us,
        p99_us,
        max_us,
    }
}

/// The job leaves out hours without executions; a picture needs them.
fn timeline(report: &TopReport) -> Vec<Slot> {
    let (Some(first), Some(last)) = (report.hours.first(), report.hours.last()) else {
        return Vec::new();
    };
    let n = (last.hour_us - first.hour_us) / HOUR_US + 1;
    let per_slot = (n + 199) / 200;
    let length_us = per_slot * HOUR_US;
    let mut slots: Vec<Slot> = (0..(n + per_slot - 1) / per_slot)
        .map(|at| Slot {
            start_us: first.hour_us + at * length_us,
            length_us,
            calls: 0,
            total_us: 0,
        })
        .collect();
    for hour in &report.hours {
        if let Some(slot) = usize::try_from((hour.hour_us - first.hour_us) / length_us)
            .ok()
            .and_then(|at| slots.get_mut(at))
        {
            slot.calls += hour.calls;
            slot.total_us += hour.total_us;
        }
    }
    slots
}

fn breakdowns(breakdown: &slowlake_analyze::Breakdown) -> Vec<Breakdown> {
    let dimensions = [
        ("server", &breakdown.server),
        ("database", &breakdown.database),
        ("user", &breakdown.user),
        ("application", &breakdown.application),
    ];
    let known = |dimension: &Dimension| dimension.parts.iter().any(|part| part.name.is_some());
    let part = |part: &slowlake_analyze::Part| Part {
        name: part.name.clone().unwrap_or_default(),
        calls: part.calls,
        total_us: part.total_us,
    };
    dimensions
        .into_iter()
        .filter(|(_, dimension)| known(dimension))
        .map(|(name, dimension)| {
            let mut parts: Vec<Part> = dimension.parts.iter().map(part).collect();
            let others = dimension.others.iter().map(|others| Part {
                name: format!("{} others", others.names),
                calls: others.calls,
                total_us: others.total_us,
            });
            parts.extend(others);
            Breakdown { name, parts }
        })
        .collect()
}

fn coverage(report: &TopReport) -> Coverage {
    let ledger = &report.ledger;
    let n = |value: i64| u64::try_from(value).unwrap_or(0);
    Coverage {
        bytes: n(ledger.bytes),
        bytes_parsed: n(ledger.bytes_parsed),
        bytes_rejected: n(ledger.bytes_rejected),
        bytes_skipped: n(ledger.bytes_skipped),
        executions: n(ledger.entries.query),
        logs: n(ledger.entries.log),
        rejects: ledger.rejects.values().map(|count| n(*count)).sum(),
        rejected: ledger
            .rejects
            .iter()
            .map(|(reason, count)| (reason.clone(), n(*count), 0))
            .collect(),
        ..Coverage::default()
    }
}
