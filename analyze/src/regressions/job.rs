//! The job `regressions`: what the detector says of a lake as of a point in time. Reads hours before that alone, so that it says the same
//! whenever it is asked again; tells servers and queries by name. The only part of this room that knows of sessions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;
use slowlake_sql::{Session, Value};

use super::window::{DAY, WEEK};
use super::{
    Appearance, Detector, Direction, Findings, Fleet, HourBucket, LoadChange, Regression, ServerChange,
    Severity,
};
use crate::error::AnalyzeError;
use crate::events::normalized_texts;
use crate::filter::Filters;
use crate::rows::{each_row, time};
use crate::window::TimeWindow;

const HOUR_US: i64 = 3_600_000_000;
/// 1970 began on a Thursday; the detector counts hours from a Monday.
const HOURS_SINCE_MONDAY: i64 = 3 * DAY as i64;
/// The report makes the daily looks of its last week anew, so that it need not remember what it said.
const LOOKS: i64 = 7;
/// The hours that the first of those looks and its calibration need: four weeks, and ten days of placebo looks before.
const HISTORY_HOURS: i64 = 6 * WEEK as i64;

/// What `regressions` is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegressionsRequest {
    /// Only what began before this is known, µs since 1970 UTC, down to the whole hour; the begin of the lake's last hour if none.
    pub as_of_us: Option<i64>,
    /// Only findings of these servers, of all if there are none. What is usual is learned from the whole fleet in any case.
    pub servers: Vec<String>,
}

/// What changed in the last week.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RegressionsReport {
    /// The hours before this were known, µs since 1970 UTC; `None` if the lake has no execution.
    pub as_of_us: Option<i64>,
    /// The first hour that was looked at, µs since 1970 UTC.
    pub first_hour_us: Option<i64>,
    /// Whether there were two weeks of hours, without which there is no verdict.
    pub has_history: bool,
    /// How many queries on how many servers were looked at: each of them as often as it ran on one.
    pub series: usize,
    /// Queries that take longer, the most extra load first.
    pub regressions: Vec<QueryChange>,
    /// Queries that take less long, the most saved load first.
    pub improvements: Vec<QueryChange>,
    /// Servers all of whose queries changed, the largest change first.
    pub servers: Vec<WholeServer>,
    /// Queries that were not there before, heaviest first.
    pub new_queries: Vec<QueryAppearance>,
    /// Queries that have stopped, heaviest first.
    pub vanished_queries: Vec<QueryAppearance>,
}

/// A query that takes longer, or less long, than before.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueryChange {
    /// The server; `None` is unknown.
    pub server: Option<String>,
    /// The query, 16 hex digits.
    pub fingerprint: String,
    /// Its text, if the lake has it.
    pub normalized: Option<String>,
    /// Begin of the first hour of the change, µs since 1970 UTC.
    pub onset_us: i64,
    /// When a daily look first could tell, µs since 1970 UTC.
    pub found_us: i64,
    /// How much longer an execution takes: 0.2 is 20 %.
    pub effect: f64,
    /// The least that it is, 90 % sure.
    pub effect_low: f64,
    /// The most that it is, 90 % sure.
    pub effect_high: f64,
    /// The chance of so clear a change where there is none.
    pub p_value: f64,
    /// On how many servers the query changed at once; 1 for this one alone.
    pub servers: usize,
    /// Average active sessions more than before.
    pub extra_sessions: f64,
    /// The same as a share of all query time of the server.
    pub server_share: f64,
    /// What that amounts to: `high`, `medium`, `low` or `negligible`.
    pub severity: &'static str,
    /// What the number of executions adds to the query's time, µs an hour, against the same hours a week before.
    pub calls_us_per_hour: Option<f64>,
    /// What their durations add, µs an hour.
    pub latency_us_per_hour: Option<f64>,
    /// Whether it was gone again in the day before the report.
    pub has_recovered: bool,
}

/// A server all of whose queries changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WholeServer {
    /// The server; `None` is unknown.
    pub server: Option<String>,
    /// Begin of the first hour of the change, µs since 1970 UTC.
    pub onset_us: i64,
    /// When a daily look first could tell, µs since 1970 UTC.
    pub found_us: i64,
    /// How much longer executions take; below zero is less long.
    pub effect: f64,
    /// The chance of so clear a change where there is none.
    pub p_value: f64,
}

/// A query that is new, or gone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueryAppearance {
    /// The server; `None` is unknown.
    pub server: Option<String>,
    /// The query, 16 hex digits.
    pub fingerprint: String,
    /// Its text, if the lake has it.
    pub normalized: Option<String>,
    /// Begin of its first hour, or end of its last, µs since 1970 UTC.
    pub at_us: i64,
    /// Average active sessions since, or until then.
    pub sessions: f64,
}

/// Looks at a lake as of a point in time.
///
/// # Errors
/// [`AnalyzeError::Sql`] if the lake cannot be queried.
pub async fn regressions(
    session: &Session,
    request: &RegressionsRequest,
) -> Result<RegressionsReport, AnalyzeError> {
    let as_of_us = match request.as_of_us {
        Some(us) => Some(us),
        None => last_hour_us(session).await?,
    };
    let Some(as_of) = as_of_us.map(|us| us.div_euclid(HOUR_US)) else {
        return Ok(RegressionsReport::default());
    };
    let (fleet, servers) = fleet(session, as_of).await?;
    let now = as_of + HOURS_SINCE_MONDAY;
    let slower = looks(&fleet, now, Direction::Slower);
    let faster = looks(&fleet, now, Direction::Faster);
    let mut names = Names {
        servers,
        texts: HashMap::new(),
    };
    names.read_texts(session, &slower, &faster).await?;
    let last = slower.last().cloned().unwrap_or_default();
    let mut report = RegressionsReport {
        as_of_us: Some(as_of * HOUR_US),
        first_hour_us: (fleet.n_series() > 0).then(|| us_of(fleet.first_hour)),
        has_history: fleet.n_series() > 0 && now - fleet.first_hour >= 2 * WEEK as i64,
        series: fleet.n_series(),
        regressions: names.changes(&slower),
        improvements: names.changes(&faster),
        servers: names.whole_servers(slower.iter().chain(&faster)),
        new_queries: last
            .new_queries
            .iter()
            .map(|query| names.appearance(query))
            .collect(),
        vanished_queries: last
            .vanished_queries
            .iter()
            .map(|query| names.appearance(query))
            .collect(),
    };
    report.keep_servers(&request.servers);
    Ok(report)
}

impl RegressionsReport {
    fn keep_servers(&mut self, names: &[String]) {
        let is_wanted = |server: &Option<String>| {
            names.is_empty() || server.as_ref().is_some_and(|server| names.contains(server))
        };
        self.regressions.retain(|change| is_wanted(&change.server));
        self.improvements.retain(|change| is_wanted(&change.server));
        self.servers.retain(|change| is_wanted(&change.server));
        self.new_queries.retain(|query| is_wanted(&query.server));
        self.vanished_queries.retain(|query| is_wanted(&query.server));
    }
}

/// The begin of the last hour in which anything was executed. Its end may be still to come.
async fn last_hour_us(session: &Session) -> Result<Option<i64>, AnalyzeError> {
    let mut last = None;
    each_row(
        session.query("SELECT max(hour) FROM rollup_hour").await?,
        |rows, row| last = time(rows, row, 0),
    )
    .await?;
    Ok(last)
}

/// The hours before `as_of`, hours since 1970, and the names of the servers by number.
async fn fleet(session: &Session, as_of: i64) -> Result<(Fleet, Vec<Option<String>>), AnalyzeError> {
    let window = TimeWindow::new((as_of - HISTORY_HOURS) * HOUR_US, as_of * HOUR_US)?;
    let hours = Filters::default().condition_on(Some(window), "hour");
    let statement = format!(
        "SELECT hour, server, fingerprint, sum(calls), sum(total_us), CAST(sum(squares_us2) AS DOUBLE) \
         FROM rollup_hour WHERE fingerprint IS NOT NULL AND {hours} GROUP BY hour, server, fingerprint"
    );
    let mut by_server: BTreeMap<Option<String>, Vec<HourBucket>> = BTreeMap::new();
    each_row(session.query(&statement).await?, |rows, row| {
        let server = rows.text(row, 1).map(str::to_owned);
        let bucket = time(rows, row, 0).map(|hour_us| HourBucket {
            server: 0,
            fingerprint: rows.integer(row, 2).unwrap_or_default(),
            hour: hour_us.div_euclid(HOUR_US) + HOURS_SINCE_MONDAY,
            calls: rows.integer(row, 3).unwrap_or_default(),
            total_us: rows.integer(row, 4).unwrap_or_default(),
            sumsq_us2: match rows.value(row, 5) {
                Value::Float(squares) => squares,
                _ => 0.0,
            },
        });
        by_server.entry(server).or_default().extend(bucket);
    })
    .await?;
    let (mut servers, mut buckets) = (Vec::new(), Vec::new());
    for (number, (server, of_server)) in (0..).zip(by_server) {
        servers.push(server);
        buckets.extend(of_server.into_iter().map(|bucket| HourBucket {
            server: number,
            ..bucket
        }));
    }
    Ok((Fleet::new(buckets), servers))
}

/// The daily looks of the week that ends with the hour `now`.
fn looks(fleet: &Fleet, now: i64, direction: Direction) -> Vec<Findings> {
    let first = now - (LOOKS - 1) * DAY as i64;
    let mut detector = Detector::new(fleet, first, direction);
    (first..=now)
        .step_by(DAY)
        .map(|hour| detector.look(hour))
        .collect()
}

/// The detector's hours as µs since 1970 UTC.
fn us_of(hour: i64) -> i64 {
    (hour - HOURS_SINCE_MONDAY) * HOUR_US
}

/// What numbers stand for.
struct Names {
    servers: Vec<Option<String>>,
    texts: HashMap<i64, String>,
}

impl Names {
    async fn read_texts(
        &mut self,
        session: &Session,
        slower: &[Findings],
        faster: &[Findings],
    ) -> Result<(), AnalyzeError> {
        let changed = slower
            .iter()
            .chain(faster)
            .flat_map(|look| &look.regressions)
            .map(|change| change.fingerprint);
        let appearances = slower
            .last()
            .into_iter()
            .flat_map(|look| look.new_queries.iter().chain(&look.vanished_queries));
        let fingerprints: BTreeSet<i64> = changed
            .chain(appearances.map(|query| query.fingerprint))
            .collect();
        let fingerprints: Vec<i64> = fingerprints.into_iter().collect();
        self.texts = normalized_texts(session, &fingerprints).await?;
        Ok(())
    }

    fn server(&self, number: u32) -> Option<String> {
        self.servers.get(number as usize).cloned().flatten()
    }

    /// The changes of all looks, the largest change of load first.
    fn changes(&self, looks: &[Findings]) -> Vec<QueryChange> {
        let recovered: BTreeSet<(u32, i64, i64)> =
            looks.iter().flat_map(|look| &look.recovered).copied().collect();
        let mut changes: Vec<&Regression> = looks.iter().flat_map(|look| &look.regressions).collect();
        changes.sort_by(|a, b| {
            let key = |change: &Regression| (change.server, change.fingerprint, change.onset_hour);
            let load = |change: &Regression| change.impact.extra_sessions.abs();
            load(b).total_cmp(&load(a)).then(key(a).cmp(&key(b)))
        });
        let is_gone =
            |change: &Regression| recovered.contains(&(change.server, change.fingerprint, change.onset_hour));
        changes
            .into_iter()
            .map(|change| self.change(change, is_gone(change)))
            .collect()
    }

    fn change(&self, change: &Regression, has_recovered: bool) -> QueryChange {
        let parts = match change.load {
            Some(LoadChange::Both { calls_us, latency_us }) => Some((calls_us, latency_us)),
            _ => None,
        };
        QueryChange {
            server: self.server(change.server),
            fingerprint: format!("{:016x}", change.fingerprint),
            normalized: self.texts.get(&change.fingerprint).cloned(),
            onset_us: us_of(change.onset_hour),
            found_us: us_of(change.look_hour),
            effect: change.effect,
            effect_low: change.effect_bounds.0,
            effect_high: change.effect_bounds.1,
            p_value: change.p_value,
            servers: change.servers,
            extra_sessions: change.impact.extra_sessions,
            server_share: change.impact.server_share,
            severity: words(change.impact.severity),
            calls_us_per_hour: parts.map(|parts| parts.0),
            latency_us_per_hour: parts.map(|parts| parts.1),
            has_recovered,
        }
    }

    fn whole_servers<'f>(&self, looks: impl Iterator<Item = &'f Findings>) -> Vec<WholeServer> {
        let mut changes: Vec<&ServerChange> = looks.flat_map(|look| &look.servers).collect();
        changes.sort_by(|a, b| {
            let key = |change: &ServerChange| (change.server, change.onset_hour);
            b.effect
                .abs()
                .total_cmp(&a.effect.abs())
                .then(key(a).cmp(&key(b)))
        });
        let whole = |change: &ServerChange| WholeServer {
            server: self.server(change.server),
            onset_us: us_of(change.onset_hour),
            found_us: us_of(change.look_hour),
            effect: change.effect,
            p_value: change.p_value,
        };
        changes.into_iter().map(whole).collect()
    }

    fn appearance(&self, query: &Appearance) -> QueryAppearance {
        QueryAppearance {
            server: self.server(query.server),
            fingerprint: format!("{:016x}", query.fingerprint),
            normalized: self.texts.get(&query.fingerprint).cloned(),
            at_us: us_of(query.hour),
            sessions: query.sessions,
        }
    }
}

fn words(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
        Severity::Negligible => "negligible",
    }
}
