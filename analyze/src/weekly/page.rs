//! The first page: six numbers with those of the week before, and the five changes that somebody should know of. Chooses and counts;
//! words are chosen elsewhere. Knows no lake.

use serde::Serialize;

use super::{FoundChange, QueryDetail, ReplicationNumbers, WeeklyReport};
use crate::growth::SizeGrowth;
use crate::trends::{Health, QueryTrend, Split, Trend};

/// The numbers and lines that a manager reads.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PageOne {
    /// Executions slower than is usual for them.
    pub health: Health,
    /// Time of all executions.
    pub time: TimeNumbers,
    /// Changes of single queries; `None` where nobody looked.
    pub regressions: Option<RegressionNumbers>,
    /// How fresh replicas were; `None` where the lake has no sample of one.
    pub replication: Option<ReplicationNumbers>,
    /// The size that reaches its end first, or else grows fastest; `None` if none is known to grow.
    pub capacity: Option<SizeGrowth>,
    /// Sizes that are sampled; 0 where the lake has none.
    pub sizes: usize,
    /// Cards of advice.
    pub advice_cards: usize,
    /// What they promise together, average active sessions.
    pub advice_sessions: f64,
    /// The largest changes, at most five.
    pub lines: Vec<ChangeLine>,
}

/// Time of all executions of a week.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TimeNumbers {
    /// This week, µs.
    pub total_us: i64,
    /// The week before, µs.
    pub last_week_us: i64,
    /// Executions this week.
    pub calls: i64,
    /// Executions the week before.
    pub last_week_calls: i64,
    /// What the difference consists of.
    pub change: Split,
}

/// Changes of single queries, by the day the detector could tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct RegressionNumbers {
    /// Regressions found in the week.
    pub found: usize,
    /// Those that were gone again at its end.
    pub recovered: usize,
    /// Those that were not.
    pub open: usize,
    /// What those cost, average active sessions.
    pub open_sessions: f64,
    /// Improvements found in the week.
    pub improvements: usize,
    /// What they save, average active sessions.
    pub saved_sessions: f64,
}

/// One change that somebody should know of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangeLine {
    /// What happened.
    pub kind: ChangeKind,
    /// The query, 16 hexadecimal digits.
    pub fingerprint: Option<String>,
    /// Its text.
    pub normalized: Option<String>,
    /// The server, if it is about one.
    pub server: Option<String>,
    /// Servers that it happened on.
    pub servers: usize,
    /// The application that it costs most: who owns it.
    pub owner: Option<String>,
    /// Average active sessions more, or less, than before.
    pub sessions: f64,
    /// The change as a share of what was: of an execution's time, of calls; `None` where there was nothing before.
    pub change: Option<f64>,
    /// Since when, µs since 1970 UTC, where that is known.
    pub since_us: Option<i64>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A query takes longer: confirmed by the detector.
    Regression,
    /// A query takes longer on the whole of the week.
    Slower,
    /// A query takes less long.
    Faster,
    /// A query runs more often.
    MoreCalls,
    /// A query runs less often.
    FewerCalls,
    /// A query did not run before.
    New,
    /// A query does not run any more.
    Gone,
    /// All queries of a server take longer.
    WholeServer,
}

/// Lines on the page, and of one kind among them.
const LINES: usize = 5;
const LINES_OF_KIND: usize = 2;
const WEEK_US: f64 = 604_800e6;

pub(super) fn page(report: &WeeklyReport, total: &Trend, health: Health) -> PageOne {
    let capacity = report
        .growth
        .sizes
        .iter()
        .find(|size| size.forecast.has_trend && size.forecast.growth_per_week > 0.0);
    PageOne {
        health,
        time: TimeNumbers {
            total_us: total.week.total_us,
            last_week_us: total.last_week.total_us,
            calls: total.week.calls,
            last_week_calls: total.last_week.calls,
            change: total.change,
        },
        regressions: report.regressions.as_ref().map(|found| {
            let open = || found.regressions.iter().filter(|change| !change.has_recovered);
            RegressionNumbers {
                found: found.regressions.len(),
                recovered: found.regressions.len() - open().count(),
                open: open().count(),
                open_sessions: open().map(|change| change.extra_sessions).sum(),
                improvements: found.improvements.len(),
                saved_sessions: found
                    .improvements
                    .iter()
                    .map(|change| -change.extra_sessions)
                    .sum(),
            }
        }),
        replication: None,
        capacity: capacity.cloned(),
        sizes: report.growth.series,
        advice_cards: report.advice.cards.len(),
        // The sum of nothing is -0.0.
        advice_sessions: 0.0
            + report
                .advice
                .cards
                .iter()
                .map(|card| card.gain_sessions)
                .sum::<f64>(),
        lines: lines(report),
    }
}

fn lines(report: &WeeklyReport) -> Vec<ChangeLine> {
    let mut lines: Vec<ChangeLine> = Vec::new();
    if let Some(found) = &report.regressions {
        lines.extend(by_query(&found.regressions, ChangeKind::Regression));
        lines.extend(by_query(&found.improvements, ChangeKind::Faster));
        lines.extend(found.servers.iter().map(|server| ChangeLine {
            kind: ChangeKind::WholeServer,
            fingerprint: None,
            normalized: None,
            server: server.server.clone(),
            servers: 1,
            owner: None,
            sessions: 0.0,
            change: Some(server.effect),
            since_us: Some(server.onset_us),
        }));
    }
    for query in &report.changes {
        let line = of_trend(query);
        // What the detector has found is told once, with its onset.
        if !lines.iter().any(|other| other.fingerprint == line.fingerprint) {
            lines.push(line);
        }
    }
    lines.sort_by(|a, b| {
        b.sessions
            .abs()
            .total_cmp(&a.sessions.abs())
            .then_with(|| a.fingerprint.cmp(&b.fingerprint))
    });
    let mut chosen: Vec<ChangeLine> = Vec::with_capacity(LINES);
    for line in lines {
        let of_kind = chosen.iter().filter(|other| other.kind == line.kind).count();
        if chosen.len() < LINES && of_kind < LINES_OF_KIND {
            chosen.push(line);
        }
    }
    for line in &mut chosen {
        let detail = line
            .fingerprint
            .as_ref()
            .and_then(|fingerprint| report.queries.get(fingerprint));
        line.owner = detail.and_then(QueryDetail::owner);
    }
    chosen
}

/// Changes of queries, those of one query on several servers together.
fn by_query(changes: &[FoundChange], kind: ChangeKind) -> Vec<ChangeLine> {
    let mut lines: Vec<ChangeLine> = Vec::new();
    for change in changes.iter().filter(|change| !change.has_recovered) {
        let same = lines
            .iter_mut()
            .find(|line| line.fingerprint.as_ref() == Some(&change.fingerprint));
        match same {
            Some(line) => {
                line.sessions += change.extra_sessions;
                line.servers += 1;
                line.server = None;
                line.since_us = line.since_us.min(Some(change.onset_us));
            }
            None => lines.push(ChangeLine {
                kind,
                fingerprint: Some(change.fingerprint.clone()),
                normalized: change.normalized.clone(),
                server: change.server.clone(),
                servers: 1,
                owner: None,
                sessions: change.extra_sessions,
                change: Some(change.effect),
                since_us: Some(change.onset_us),
            }),
        }
    }
    lines
}

/// A query's change against the week before, by the largest of its parts.
fn of_trend(query: &QueryTrend) -> ChangeLine {
    let trend = &query.trend;
    let split = trend.change;
    let mean = |figures: &crate::trends::Figures| figures.total_us as f64 / figures.calls.max(1) as f64;
    let is_of_latency = split.latency_us.abs() >= split.calls_us.abs();
    let (kind, change) = match (split.new_us != 0, split.gone_us != 0) {
        (true, _) => (ChangeKind::New, None),
        (_, true) => (ChangeKind::Gone, Some(-1.0)),
        _ if is_of_latency => {
            let change = mean(&trend.week) / mean(&trend.last_week) - 1.0;
            (
                if change > 0.0 {
                    ChangeKind::Slower
                } else {
                    ChangeKind::Faster
                },
                Some(change),
            )
        }
        _ => {
            let change = trend.week.calls as f64 / trend.last_week.calls as f64 - 1.0;
            (
                if change > 0.0 {
                    ChangeKind::MoreCalls
                } else {
                    ChangeKind::FewerCalls
                },
                Some(change),
            )
        }
    };
    ChangeLine {
        kind,
        fingerprint: Some(query.fingerprint.clone()),
        normalized: query.text.normalized.clone(),
        server: None,
        servers: query.servers,
        owner: None,
        sessions: split.change_us as f64 / WEEK_US,
        change,
        since_us: None,
    }
}
