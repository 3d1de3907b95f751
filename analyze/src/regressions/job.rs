//! The job `regressions`: what the detector says of a lake as of a point in time. Reads hours before that alone, so that it says the same
//! whenever it is asked again; tells servers and queries by name. The only part of this room that knows of sessions.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZero;
use std::ops::Range;

use serde::Serialize;
use slowlake_sql::{Session, Value};

use super::buckets::{Frame, Server, sort};
use super::survey::{Schedule, Survey};
use super::window::{DAY, WEEK};
use super::{Appearance, Findings, HourBucket, LoadChange, Regression, ServerChange, Severity, Watched};
use crate::error::AnalyzeError;
use crate::events::normalized_texts;
use crate::filter::{Filters, any_of};
use crate::rows::{each_row, time};
use crate::window::TimeWindow;

const HOUR_US: i64 = 3_600_000_000;
/// 1970 began on a Thursday; the detector counts hours from a Monday.
const HOURS_SINCE_MONDAY: i64 = 3 * DAY as i64;
/// The report makes the daily looks of its last week anew, so that it need not remember what it said.
const LOOKS: i64 = 7;
/// The hours that the first of those looks and its calibration need: four weeks, and ten days of placebo looks before.
const HISTORY_HOURS: i64 = 6 * WEEK as i64;

/// Rows of roll-ups that are in memory at once, but for a server that has more: 100 MB.
const ROWS_AT_ONCE: usize = 2_000_000;

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
    let history = History::of(session, as_of).await?;
    let watched = history.watch(session, as_of).await?;
    let names = Names {
        texts: texts(session, &watched).await?,
        servers: history.servers.into_iter().map(|server| server.name).collect(),
    };
    let mut report = RegressionsReport {
        as_of_us: Some(as_of * HOUR_US),
        first_hour_us: (watched.n_series > 0).then(|| us_of(watched.first_hour)),
        has_history: watched.n_series > 0
            && as_of + HOURS_SINCE_MONDAY - watched.first_hour >= 2 * WEEK as i64,
        series: watched.n_series,
        regressions: names.changes(&watched.slower),
        improvements: names.changes(&watched.faster),
        servers: names.whole_servers(watched.slower.iter().chain(&watched.faster)),
        new_queries: watched
            .new_queries
            .iter()
            .map(|query| names.appearance(query))
            .collect(),
        vanished_queries: watched
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

/// The hours before a point in time, as the roll-ups have them.
struct History {
    /// By name, whose position is the server's number.
    servers: Vec<ServerRows>,
    frame: Frame,
    shared: Vec<i64>,
    /// The condition on the view `rollup_hour`.
    condition: String,
}

/// What there is of a server.
struct ServerRows {
    /// `None` is unknown.
    name: Option<String>,
    rows: usize,
}

impl History {
    /// Looks what there is before `as_of`, hours since 1970.
    async fn of(session: &Session, as_of: i64) -> Result<History, AnalyzeError> {
        let window = TimeWindow::new((as_of - HISTORY_HOURS) * HOUR_US, as_of * HOUR_US)?;
        let hours = Filters::default().condition_on(Some(window), "hour");
        let condition = format!("fingerprint IS NOT NULL AND calls > 0 AND total_us >= 0 AND {hours}");
        let (mut servers, mut first, mut end) = (Vec::new(), i64::MAX, i64::MIN);
        let statement = format!(
            "SELECT server, count(*), min(hour), max(hour) FROM rollup_hour WHERE {condition} GROUP BY server"
        );
        each_row(session.query(&statement).await?, |rows, row| {
            servers.push(ServerRows {
                name: rows.text(row, 0).map(str::to_owned),
                rows: rows.integer(row, 1).unwrap_or_default() as usize,
            });
            first = time(rows, row, 2).map_or(first, |us| first.min(hour_of(us)));
            end = time(rows, row, 3).map_or(end, |us| end.max(hour_of(us) + 1));
        })
        .await?;
        servers.sort_by(|a, b| a.name.cmp(&b.name));
        let frame = Frame {
            first_hour: if servers.is_empty() { 0 } else { first },
            n_hours: end.saturating_sub(first).max(0) as usize,
        };
        let mut shared = Vec::new();
        let statement = format!(
            "SELECT fingerprint FROM rollup_hour WHERE {condition} GROUP BY fingerprint \
             HAVING min(server) <> max(server) OR count(server) < count(*) AND min(server) IS NOT NULL \
             ORDER BY fingerprint"
        );
        each_row(session.query(&statement).await?, |rows, row| {
            shared.extend(rows.integer(row, 0));
        })
        .await?;
        Ok(History {
            servers,
            frame,
            shared,
            condition,
        })
    }

    /// The daily looks of the week that ends with `as_of`, hours since 1970. Some servers are in memory at a time.
    async fn watch(&self, session: &Session, as_of: i64) -> Result<Watched, AnalyzeError> {
        let now = as_of + HOURS_SINCE_MONDAY;
        let first = now - (LOOKS - 1) * DAY as i64;
        let schedule = Schedule {
            calibrated_until: first,
            looks: (first..=now).step_by(DAY).collect(),
        };
        let threads = NonZero::new(session.settings().threads).unwrap_or(NonZero::<usize>::MIN);
        let mut survey = Survey::new(self.frame, schedule, self.shared.clone());
        while survey.begin_round() {
            for group in self.groups() {
                let buckets = self.buckets(session, &self.condition_on(&group)).await?;
                for rows in buckets.chunk_by(|a, b| a.server == b.server) {
                    survey.add(&Server::of(rows, self.frame), threads);
                }
            }
            survey.end_round();
        }
        let mut verdict = survey.judge();
        for group in verdict.fingerprints() {
            let fingerprints: Vec<String> = group.iter().map(i64::to_string).collect();
            let condition = format!("fingerprint IN ({})", fingerprints.join(", "));
            let buckets = self.buckets(session, &condition).await?;
            let of_server = buckets.chunk_by(|a, b| a.server == b.server);
            let series = of_server
                .flat_map(|rows| Server::of(rows, self.frame).series)
                .map(|series| ((series.server, series.fingerprint), series))
                .collect();
            verdict.describe(&group, &series);
        }
        Ok(verdict.finish())
    }

    /// The servers, in groups of not too many rows together.
    fn groups(&self) -> Vec<Range<usize>> {
        let mut groups: Vec<Range<usize>> = Vec::new();
        let mut rows = 0;
        for (number, server) in self.servers.iter().enumerate() {
            rows += server.rows;
            match groups.last_mut().filter(|_| rows <= ROWS_AT_ONCE) {
                Some(group) => group.end = number + 1,
                None => {
                    groups.push(number..number + 1);
                    rows = server.rows;
                }
            }
        }
        groups
    }

    fn condition_on(&self, group: &Range<usize>) -> String {
        let servers = &self.servers[group.clone()];
        let names: Vec<String> = servers.iter().filter_map(|server| server.name.clone()).collect();
        match (names.len() == servers.len(), names.is_empty()) {
            (true, _) => any_of("server", &names),
            (false, true) => "server IS NULL".to_owned(),
            (false, false) => format!("(server IS NULL OR {})", any_of("server", &names)),
        }
    }

    /// The rows that satisfy a condition, in the order of the detector.
    async fn buckets(&self, session: &Session, condition: &str) -> Result<Vec<HourBucket>, AnalyzeError> {
        let statement = format!(
            "SELECT hour, server, fingerprint, calls, total_us, CAST(squares_us2 AS DOUBLE) \
             FROM rollup_hour WHERE {} AND {condition}",
            self.condition
        );
        let numbers: HashMap<Option<&str>, u32> = (0..)
            .zip(&self.servers)
            .map(|(number, server)| (server.name.as_deref(), number))
            .collect();
        let mut buckets = Vec::new();
        each_row(session.query(&statement).await?, |rows, row| {
            let number = numbers.get(&rows.text(row, 1));
            let hour = time(rows, row, 0).map(hour_of);
            buckets.extend(number.zip(hour).map(|(&server, hour)| HourBucket {
                server,
                fingerprint: rows.integer(row, 2).unwrap_or_default(),
                hour,
                calls: rows.integer(row, 3).unwrap_or_default(),
                total_us: rows.integer(row, 4).unwrap_or_default(),
                sumsq_us2: match rows.value(row, 5) {
                    Value::Float(squares) => squares,
                    _ => 0.0,
                },
            }));
        })
        .await?;
        sort(&mut buckets);
        Ok(buckets)
    }
}

/// The texts of the queries that are spoken of.
async fn texts(session: &Session, watched: &Watched) -> Result<HashMap<i64, String>, AnalyzeError> {
    let changed = watched
        .slower
        .iter()
        .chain(&watched.faster)
        .flat_map(|look| &look.regressions)
        .map(|change| change.fingerprint);
    let appearances = watched.new_queries.iter().chain(&watched.vanished_queries);
    let fingerprints: BTreeSet<i64> = changed
        .chain(appearances.map(|query| query.fingerprint))
        .collect();
    let fingerprints: Vec<i64> = fingerprints.into_iter().collect();
    normalized_texts(session, &fingerprints).await
}

/// µs since 1970 UTC as the detector's hours.
fn hour_of(us: i64) -> i64 {
    us.div_euclid(HOUR_US) + HOURS_SINCE_MONDAY
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
