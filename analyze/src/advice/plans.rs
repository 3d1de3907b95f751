//! Rules of plans: what plans and flags of executions show, and queries that are run now by one plan, now by a slower one.

use std::collections::HashMap;

use slowlake_sql::Session;

use super::{AdviceCard, Claim, Subject, among};
use crate::error::AnalyzeError;
use crate::filter::Filters;
use crate::rows::each_row;
use crate::window::TimeWindow;

/// Executions that each of two plans must have had.
const EXECUTIONS_MIN: i64 = 15;
/// How much slower the slower must be.
const SLOWER_MIN: f64 = 3.0;

/// What executions and plans of a query show.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shown {
    /// Executions that their server flagged, and plans that were logged, with a scan of a whole table.
    pub(super) full_scans: i64,
}

/// Full scans by query.
pub(super) async fn shown(
    session: &Session,
    week: TimeWindow,
    fingerprints: &[i64],
) -> Result<HashMap<i64, Shown>, AnalyzeError> {
    let (within, among) = (
        Filters::default().condition_on(Some(week), "ts"),
        among(fingerprints),
    );
    let statement = format!(
        "SELECT fingerprint, count(*) FROM executions WHERE full_scan AND {among} AND {within} GROUP BY fingerprint \
         UNION ALL \
         SELECT fingerprint, count(*) FROM server_events WHERE event = 'plan' AND (plan LIKE '%Seq Scan%' OR plan LIKE '%ALL%') \
            AND {among} AND {within} GROUP BY fingerprint"
    );
    let mut shown = HashMap::<i64, Shown>::new();
    each_row(session.query(&statement).await?, |rows, row| {
        let scans = &mut shown
            .entry(rows.integer(row, 0).unwrap_or_default())
            .or_default()
            .full_scans;
        *scans += rows.integer(row, 1).unwrap_or_default();
    })
    .await?;
    Ok(shown)
}

/// The plans of one query, by fingerprint: executions and their mean, µs.
pub(super) type Plans = Vec<(String, i64, i64)>;

/// Queries whose executions are known by plan, of at least two.
pub(super) async fn flips(
    session: &Session,
    week: TimeWindow,
    fingerprints: &[i64],
) -> Result<HashMap<i64, Plans>, AnalyzeError> {
    let statement = format!(
        "SELECT fingerprint, fingerprint_hex(plan_fingerprint) AS plan, count(*), sum(query_time_us) FROM executions \
         WHERE plan_fingerprint IS NOT NULL AND {} AND {} GROUP BY fingerprint, plan_fingerprint ORDER BY fingerprint, plan",
        among(fingerprints),
        Filters::default().condition_on(Some(week), "ts")
    );
    let mut plans = HashMap::<i64, Plans>::new();
    each_row(session.query(&statement).await?, |rows, row| {
        let executions = rows.integer(row, 2).unwrap_or_default().max(1);
        let plan = rows.text(row, 1).unwrap_or_default().to_owned();
        let mean_us = rows.integer(row, 3).unwrap_or_default() / executions;
        plans
            .entry(rows.integer(row, 0).unwrap_or_default())
            .or_default()
            .push((plan, executions, mean_us));
    })
    .await?;
    plans.retain(|_, plans| plans.len() > 1);
    Ok(plans)
}

/// The slowest of the plans that were used often takes several times as long as the quickest.
pub(super) fn plan_flips(subject: &Subject<'_>, plans: &Plans) -> Option<AdviceCard> {
    let often = || {
        plans
            .iter()
            .filter(|(_, executions, _)| *executions >= EXECUTIONS_MIN)
    };
    let quick = often().min_by_key(|(_, _, mean_us)| *mean_us)?;
    let slow = often().max_by_key(|(_, _, mean_us)| *mean_us)?;
    let times = slow.2 as f64 / quick.2.max(1) as f64;
    if times < SLOWER_MIN {
        return None;
    }
    let all: f64 = plans
        .iter()
        .map(|(_, executions, mean_us)| (executions * mean_us) as f64)
        .sum();
    let saved = (slow.1 * (slow.2 - quick.2)) as f64 / all.max(1.0);
    let told = |(plan, executions, mean_us): &(String, i64, i64)| {
        format!("{plan}: {executions} executions of {mean_us} µs")
    };
    Some(subject.card(Claim {
        rule: "plan_flips",
        claim: format!("is run by plans of which one takes {times:.1} times as long as another"),
        confidence: 'A',
        evidence: vec![("the quick plan", told(quick)), ("the slow plan", told(slow))],
        gain: [saved, 0.5 * saved, saved],
        statements: None,
        risk: "parameters may differ: look whether the slow plan serves values that the quick one could not",
        verify: "sum(calls) AS calls, sum(total_us) / sum(calls) AS mean_us, max(max_us) AS max_us",
    }))
}
