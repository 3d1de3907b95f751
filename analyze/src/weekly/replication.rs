//! What the job `lag` says of the week and of the one before: the replicas' objective in numbers for the first page. Measures nothing itself.

use serde::Serialize;
use slowlake_sql::Session;

use crate::error::AnalyzeError;
use crate::lag::{LagReport, LagRequest, lag};
use crate::window::TimeWindow;

/// More staleness than this is too much, µs.
const THRESHOLD_US: i64 = 10_000_000;
/// The part of all minutes that should be without it.
const TARGET: f64 = 0.999;

/// How fresh the replicas were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct ReplicationNumbers {
    /// Replicas with samples in the week.
    pub replicas: usize,
    /// Replicas that missed their objective.
    pub missed: usize,
    /// Times that a replica was too stale.
    pub episodes: usize,
    /// The part of all minutes of replicas in which they were fresh, 0 to 1.
    pub good_share: f64,
    /// The same in the week before; `None` without samples.
    pub last_week_good_share: Option<f64>,
    /// What the part should be, 0 to 1.
    pub target: f64,
    /// More staleness than this is not fresh, µs.
    pub threshold_us: i64,
}

/// Replication in the week, and the part of good minutes in the week before; `None` where the lake has no sample of a replica in the week.
pub(super) async fn replication(
    session: &Session,
    week: TimeWindow,
    last_week: TimeWindow,
) -> Result<Option<(LagReport, Option<f64>)>, AnalyzeError> {
    let report = lag(session, &request(week)).await?;
    if report.replicas.is_empty() {
        return Ok(None);
    }
    let before = lag(session, &request(last_week)).await?;
    Ok(Some((report, good_share(&before))))
}

/// The week's replication in numbers.
pub(super) fn numbers(report: &LagReport, last_week_good_share: Option<f64>) -> ReplicationNumbers {
    let missed = report.replicas.iter().filter(|it| it.objective.budget_used > 1.0);
    ReplicationNumbers {
        replicas: report.replicas.len(),
        missed: missed.count(),
        episodes: report.episodes.len(),
        good_share: good_share(report).unwrap_or_default(),
        last_week_good_share,
        target: report.target,
        threshold_us: report.threshold_us,
    }
}

fn request(week: TimeWindow) -> LagRequest {
    LagRequest {
        window: Some(week),
        as_of_us: Some(week.end_us()),
        threshold_us: THRESHOLD_US,
        target: TARGET,
        servers: Vec::new(),
    }
}

/// Of all replicas together, minute by minute.
fn good_share(report: &LagReport) -> Option<f64> {
    let objectives = || report.replicas.iter().map(|replica| &replica.objective);
    let minutes: i64 = objectives().map(|objective| objective.minutes).sum();
    let good: i64 = objectives().map(|objective| objective.good_minutes).sum();
    (minutes > 0).then(|| good as f64 / minutes as f64)
}
