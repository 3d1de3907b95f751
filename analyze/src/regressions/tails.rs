//! The shares of executions that failed, or took longer than 99 % used to, of the queries that a lake spends most time on: reads the daily
//! roll-ups and gives them to `shares`. Judges nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use slowlake_sql::Session;
use slowlake_store::LatencyHistogram;

use super::shares::{DAYS, Day, Shift, shifts};
use crate::error::AnalyzeError;
use crate::filter::{DAY_US, Filters};
use crate::rows::each_row;
use crate::window::TimeWindow;

/// Queries on a server that are looked at: those that take most time. Their histograms of four weeks are 100 MB.
const SERIES_MAX: usize = 10_000;
/// The slowest hundredth is the tail.
const TAIL_QUANTILE: f64 = 0.99;
/// The days of the last week, in which a change is looked for, say nothing of what is usual.
const USUAL_DAYS: usize = DAYS - 7;

/// A query of which more executions than before fail, or take long.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShareChange {
    /// The server; `None` is unknown.
    pub server: Option<String>,
    /// The query, 16 hex digits.
    pub fingerprint: String,
    /// Its text, if the lake has it.
    pub normalized: Option<String>,
    /// Begin of the first day of the change, µs since 1970 UTC.
    pub from_us: i64,
    /// The share of the executions before, from 0 to 1.
    pub before: f64,
    /// The share since.
    pub after: f64,
    /// The chance of so clear a change where there is none.
    pub p_value: f64,
    /// Of slow executions: how long 99 % took at most, µs, before…
    pub p99_before_us: Option<i64>,
    /// …and since.
    pub p99_after_us: Option<i64>,
}

/// Shares that grew in the last week.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct ShareChanges {
    pub(super) slow: Vec<(i64, ShareChange)>,
    pub(super) failed: Vec<(i64, ShareChange)>,
}

type Key = (Option<String>, i64);

/// One day of a query on a server.
#[derive(Debug, Clone, Default)]
struct Rolled {
    latency: LatencyHistogram,
    calls: i64,
    errors: i64,
}

/// Looks at the four weeks of whole days before a point in time. Queries that became slower altogether are no news.
pub(super) async fn share_changes(
    session: &Session,
    as_of_us: i64,
    slower: &BTreeSet<(Option<String>, i64)>,
) -> Result<ShareChanges, AnalyzeError> {
    let end_day = as_of_us.div_euclid(DAY_US);
    let first_day = end_day - DAYS as i64;
    let window = TimeWindow::new(first_day * DAY_US, end_day * DAY_US)?;
    let days = read(session, window, first_day).await?;
    let change = |key: &Key, shift: &Shift, rolled: &[Rolled], is_slow: bool| {
        let p99 = |days: &[Rolled]| is_slow.then(|| merged(days).quantile(TAIL_QUANTILE)).flatten();
        let change = ShareChange {
            server: key.0.clone(),
            fingerprint: format!("{:016x}", key.1),
            normalized: None,
            from_us: (first_day + shift.day as i64) * DAY_US,
            before: shift.before,
            after: shift.after,
            p_value: shift.p_value,
            p99_before_us: p99(&rolled[..shift.day]),
            p99_after_us: p99(&rolled[shift.day..]),
        };
        (key.1, change)
    };
    let series: Vec<(&Key, &Vec<Rolled>)> = days.iter().collect();
    let told = |shifts: Vec<Shift>, is_slow: bool| -> Vec<(i64, ShareChange)> {
        let of_series = shifts.iter().map(|shift| (series[shift.series], shift));
        let news = of_series.filter(|((key, _), _)| !is_slow || !slower.contains(*key));
        news.map(|((key, rolled), shift)| change(key, shift, rolled, is_slow))
            .collect()
    };
    let slow: Vec<Vec<Day>> = series.iter().map(|(_, days)| slow_days(days)).collect();
    let failed: Vec<Vec<Day>> = series.iter().map(|(_, days)| failed_days(days)).collect();
    Ok(ShareChanges {
        slow: told(shifts(&slow), true),
        failed: told(shifts(&failed), false),
    })
}

/// The executions that took longer than 99 % did in the first three weeks.
fn slow_days(days: &[Rolled]) -> Vec<Day> {
    let limit = merged(&days[..USUAL_DAYS]).quantile(TAIL_QUANTILE);
    let limit = limit.map_or(i32::MAX, LatencyHistogram::bin_of);
    let day = |day: &Rolled| {
        let slow = day.latency.bins().filter(|(bin, _)| *bin > limit);
        Day {
            calls: day.calls as f64,
            counted: slow.map(|(_, calls)| calls as f64).sum(),
        }
    };
    days.iter().map(day).collect()
}

fn failed_days(days: &[Rolled]) -> Vec<Day> {
    let day = |day: &Rolled| Day {
        calls: day.calls.max(day.errors) as f64,
        counted: day.errors as f64,
    };
    days.iter().map(day).collect()
}

fn merged(days: &[Rolled]) -> LatencyHistogram {
    let mut all = LatencyHistogram::new();
    days.iter().for_each(|day| all.merge(&day.latency));
    all
}

/// The days of the queries that take most time, all of them for each.
async fn read(
    session: &Session,
    window: TimeWindow,
    first_day: i64,
) -> Result<BTreeMap<Key, Vec<Rolled>>, AnalyzeError> {
    let within = Filters::default().condition_on_days(Some(window));
    let statement = format!(
        "SELECT server, fingerprint FROM rollup_day WHERE fingerprint IS NOT NULL AND {within} \
         GROUP BY server, fingerprint ORDER BY sum(total_us) DESC, fingerprint, server LIMIT {SERIES_MAX}"
    );
    let mut days: BTreeMap<Key, Vec<Rolled>> = BTreeMap::new();
    each_row(session.query(&statement).await?, |rows, row| {
        let key = (
            rows.text(row, 0).map(str::to_owned),
            rows.integer(row, 1).unwrap_or_default(),
        );
        days.insert(key, vec![Rolled::default(); DAYS]);
    })
    .await?;
    if days.is_empty() {
        return Ok(days);
    }
    let fingerprints: BTreeSet<i64> = days.keys().map(|(_, fingerprint)| *fingerprint).collect();
    let fingerprints: Vec<String> = fingerprints.iter().map(i64::to_string).collect();
    let fingerprints = format!("fingerprint IN ({})", fingerprints.join(", "));
    let statement = format!(
        "SELECT server, fingerprint, arrow_cast(event_date, 'Int32'), calls, coalesce(errors, 0), latency \
         FROM rollup_day WHERE {fingerprints} AND {within}"
    );
    each_row(session.query(&statement).await?, |rows, row| {
        let key = (
            rows.text(row, 0).map(str::to_owned),
            rows.integer(row, 1).unwrap_or_default(),
        );
        let day = rows.integer(row, 2).unwrap_or_default() - first_day;
        let day = usize::try_from(day).ok();
        if let Some(day) = day.and_then(|day| days.get_mut(&key)?.get_mut(day)) {
            day.calls += rows.integer(row, 3).unwrap_or_default();
            day.errors += rows.integer(row, 4).unwrap_or_default();
            if let Some(latency) = rows.latency(row, 5) {
                day.latency.merge(&latency);
            }
        }
    })
    .await?;
    // PostgreSQL does not say with an execution that it failed: failed statements are events, and no executions.
    let statement = format!(
        "SELECT server, fingerprint, arrow_cast(event_date, 'Int32'), count(*) FROM server_events \
         WHERE event = 'error' AND dialect = 'postgres' AND {fingerprints} AND {within} GROUP BY 1, 2, 3"
    );
    each_row(session.query(&statement).await?, |rows, row| {
        let key = (
            rows.text(row, 0).map(str::to_owned),
            rows.integer(row, 1).unwrap_or_default(),
        );
        let day = usize::try_from(rows.integer(row, 2).unwrap_or_default() - first_day).ok();
        if let Some(day) = day.and_then(|day| days.get_mut(&key)?.get_mut(day)) {
            let errors = rows.integer(row, 3).unwrap_or_default();
            day.errors += errors;
            day.calls += errors;
        }
    })
    .await?;
    Ok(days)
}
