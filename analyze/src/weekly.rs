//! The job `weekly`: all that is told of one week of a fleet. A page of six numbers, and behind it the eleven sections that a DBA goes
//! through; every figure from roll-ups, events and samples of the lake, and from the reports of the other jobs. The same lake and week
//! give the same report. What the lake does not have is absent, never zero.

mod details;
mod page;
mod parts;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;
use slowlake_sql::Session;

use crate::advice::{AdviceReport, advise};
use crate::error::AnalyzeError;
use crate::filter::Filters;
use crate::growth::{GrowthReport, query_growth, sizes};
use crate::regressions::{RegressionsReport, RegressionsRequest, regressions};
use crate::trends::{NamedTrend, QueryTrend, QueryWeeks, named_queries, weekly_sums};
use crate::weeks::{LAST, THIS, WeekRequest, Weeks};
use crate::window::TimeWindow;

pub use details::{DayLoad, QueryDetail, SeenPlan};
pub use page::{ChangeKind, ChangeLine, PageOne, RegressionNumbers, TimeNumbers};
pub use parts::{Coverage, EventCount, FleetHour, Quality, ServerGap};

/// The version of the report as data: raised when a key changes its meaning or goes, not when one comes.
pub const WEEKLY_SCHEMA_VERSION: u32 = 1;

/// What `weekly` is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WeeklyRequest {
    /// Which week.
    pub week: WeekRequest,
}

/// One week of a fleet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeeklyReport {
    /// [`WEEKLY_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The week; `None` if the lake has no execution.
    pub week: Option<TimeWindow>,
    /// The first page.
    pub page: PageOne,
    /// Fleet load by hour, this week and the week before.
    pub hours: Vec<FleetHour>,
    /// A and B: changes of single queries and of whole servers; `None` where nobody looked, see `series`.
    pub regressions: Option<RegressionsReport>,
    /// How many queries on how many servers there are to be looked at.
    pub series: usize,
    /// C: queries that ran for the first time in five weeks, the heaviest first.
    pub new_queries: Vec<QueryTrend>,
    /// C: queries that ran last week and did not in this one, the heaviest first.
    pub gone_queries: Vec<QueryTrend>,
    /// D: queries by time, with their rank in the week before.
    pub top: Vec<RankedQuery>,
    /// D: servers by change of time.
    pub servers: Vec<NamedTrend>,
    /// D: applications by change of time.
    pub applications: Vec<NamedTrend>,
    /// D: databases by change of time.
    pub databases: Vec<NamedTrend>,
    /// The largest changes of time against the week before, either way.
    pub changes: Vec<QueryTrend>,
    /// E and J: what grows.
    pub growth: GrowthReport,
    /// F: queries with the longest tail, by time that executions beyond the 95th percentile may cost.
    pub tails: Vec<QueryTrend>,
    /// F: events of the servers by kind, this week and the week before.
    pub events: Vec<EventCount>,
    /// H: advice.
    pub advice: AdviceReport,
    /// K: how far all of it can be trusted.
    pub quality: Quality,
    /// Each query that is named above, in full.
    pub queries: BTreeMap<String, QueryDetail>,
}

/// A query and its places in the order of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankedQuery {
    /// Place this week, from 1.
    pub rank: usize,
    /// Place in the week before; `None` if it did not run.
    pub last_rank: Option<usize>,
    /// The query.
    #[serde(flatten)]
    pub query: QueryTrend,
}

/// Queries in each list of the report.
const TOP: usize = 25;
const CHANGES: usize = 15;
const NEW: usize = 10;
const TAILS: usize = 10;
const GROWING: usize = 10;
/// Servers, databases and applications in each list.
const NAMES: usize = 50;
/// Queries on servers up to which the report looks for regressions itself; beyond, that takes longer than a report may.
const SERIES_MAX: usize = 2_000;
/// Findings of regressions that get a detail of their own.
const FINDINGS: usize = 30;

/// Puts the report of a week together.
///
/// # Errors
/// [`AnalyzeError::Sql`] if the lake cannot be queried.
pub async fn weekly(session: &Session, request: &WeeklyRequest) -> Result<WeeklyReport, AnalyzeError> {
    let Some(weeks) = Weeks::resolve(session, request.week).await? else {
        return Ok(WeeklyReport::empty());
    };
    let window = weeks.window(THIS)?;
    let two_weeks = TimeWindow::new(weeks.window(LAST)?.begin_us(), window.end_us())?;
    let everything = Filters::default();
    let (sums, (hours, servers), events, coverage, growth) = futures::try_join!(
        weekly_sums(session, weeks, &everything),
        parts::hours(session, two_weeks, window),
        parts::events(session, two_weeks, window),
        parts::coverage(session, window),
        sizes(session, weeks)
    )?;
    let advice = advise(session, window, &sums.queries, NAMES).await?;
    let regressions = match sums.series <= SERIES_MAX {
        true => Some(found(session, window).await?),
        false => None,
    };
    let lists = Lists::of(&sums.queries);
    let mut report = WeeklyReport {
        week: Some(window),
        series: sums.series,
        hours,
        events,
        growth,
        advice,
        top: ranked(session, &sums.queries, &lists.top).await?,
        changes: named_queries(session, lists.changes).await?,
        new_queries: named_queries(session, lists.new).await?,
        gone_queries: named_queries(session, lists.gone).await?,
        tails: named_queries(session, lists.tails).await?,
        servers: largest(sums.servers),
        applications: largest(sums.applications),
        databases: largest(sums.databases),
        quality: Quality::of(coverage, servers, window, &sums.days),
        regressions,
        ..WeeklyReport::empty()
    };
    report.growth.queries = query_growth(session, &sums.queries, &sums.days, GROWING).await?;
    report.queries = details::details(session, weeks, &report.named_fingerprints()).await?;
    report.page = page::page(&report, &sums.total, sums.health);
    Ok(report)
}

/// What the detector says as of the end of the week. The last of its daily looks is that of the report.
async fn found(session: &Session, window: TimeWindow) -> Result<RegressionsReport, AnalyzeError> {
    let request = RegressionsRequest {
        as_of_us: Some(window.end_us()),
        servers: Vec::new(),
    };
    regressions(session, &request).await
}

impl WeeklyReport {
    fn empty() -> WeeklyReport {
        WeeklyReport {
            schema_version: WEEKLY_SCHEMA_VERSION,
            week: None,
            page: PageOne::default(),
            hours: Vec::new(),
            regressions: None,
            series: 0,
            new_queries: Vec::new(),
            gone_queries: Vec::new(),
            top: Vec::new(),
            servers: Vec::new(),
            applications: Vec::new(),
            databases: Vec::new(),
            changes: Vec::new(),
            growth: GrowthReport::default(),
            tails: Vec::new(),
            events: Vec::new(),
            advice: AdviceReport::default(),
            quality: Quality::default(),
            queries: BTreeMap::new(),
        }
    }

    /// Every query that the report names, each once.
    fn named_fingerprints(&self) -> Vec<String> {
        let lists = [&self.changes, &self.new_queries, &self.gone_queries, &self.tails];
        let mut named: Vec<String> = lists
            .into_iter()
            .flatten()
            .map(|query| query.fingerprint.clone())
            .collect();
        named.extend(self.top.iter().map(|ranked| ranked.query.fingerprint.clone()));
        named.extend(
            self.growth
                .queries
                .iter()
                .map(|growing| growing.query.fingerprint.clone()),
        );
        named.extend(
            self.advice
                .cards
                .iter()
                .filter_map(|card| card.fingerprint.clone()),
        );
        if let Some(found) = &self.regressions {
            let changes = found
                .regressions
                .iter()
                .take(FINDINGS)
                .chain(found.improvements.iter().take(FINDINGS));
            named.extend(changes.map(|change| change.fingerprint.clone()));
        }
        named.sort_unstable();
        named.dedup();
        named
    }
}

/// The queries of each list.
struct Lists {
    top: Vec<usize>,
    changes: Vec<QueryWeeks>,
    new: Vec<QueryWeeks>,
    gone: Vec<QueryWeeks>,
    tails: Vec<QueryWeeks>,
}

impl Lists {
    fn of(queries: &[QueryWeeks]) -> Lists {
        let first =
            |limit: usize, is_in: &dyn Fn(&QueryWeeks) -> bool, weight: &dyn Fn(&QueryWeeks) -> i64| {
                let mut list: Vec<&QueryWeeks> = queries.iter().filter(|query| is_in(query)).collect();
                list.sort_by_key(|query| (std::cmp::Reverse(weight(query)), query.fingerprint));
                list.truncate(limit);
                list.into_iter().cloned().collect::<Vec<_>>()
            };
        let before = |query: &QueryWeeks| query.trend.weeks_us[..THIS].iter().sum::<i64>();
        let is_known = queries.iter().any(|query| before(query) > 0);
        Lists {
            top: by_time(queries, |query| query.trend.week.total_us),
            changes: first(CHANGES, &|query| query.trend.change.change_us != 0, &|query| {
                query.trend.change.change_us.abs()
            }),
            // In the first week of a lake everything would be new.
            new: first(
                NEW,
                &|query| is_known && query.trend.week.calls > 0 && before(query) == 0,
                &|query| query.trend.week.total_us,
            ),
            gone: first(
                NEW,
                &|query| query.trend.week.calls == 0 && query.trend.last_week.calls > 0,
                &|query| query.trend.last_week.total_us,
            ),
            tails: first(TAILS, &|query| tail_us(query) > 0, &tail_us),
        }
    }
}

/// What the slowest twentieth of a query's executions may cost beyond what they would at its 95th percentile, µs: the room between
/// the 95th and the 99th percentile times a hundredth of its calls.
fn tail_us(query: &QueryWeeks) -> i64 {
    let week = &query.trend.week;
    let room = week.p99_us.zip(week.p95_us).map_or(0, |(p99, p95)| p99 - p95);
    room.saturating_mul(week.calls / 100)
}

/// Numbers of queries by time of a week, those that did not run left out.
fn by_time(queries: &[QueryWeeks], time: impl Fn(&QueryWeeks) -> i64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..queries.len()).filter(|at| time(&queries[*at]) > 0).collect();
    order.sort_unstable_by_key(|at| (std::cmp::Reverse(time(&queries[*at])), queries[*at].fingerprint));
    order
}

async fn ranked(
    session: &Session,
    queries: &[QueryWeeks],
    order: &[usize],
) -> Result<Vec<RankedQuery>, AnalyzeError> {
    let last = by_time(queries, |query| query.trend.last_week.total_us);
    let last: BTreeMap<usize, usize> = last
        .into_iter()
        .enumerate()
        .map(|(at, query)| (query, at + 1))
        .collect();
    let top: Vec<usize> = order.iter().copied().take(TOP).collect();
    let named = named_queries(session, top.iter().map(|at| queries[*at].clone()).collect()).await?;
    let ranked = named.into_iter().zip(top).enumerate();
    let ranked = ranked.map(|(at, (query, number))| RankedQuery {
        rank: at + 1,
        last_rank: last.get(&number).copied(),
        query,
    });
    Ok(ranked.collect())
}

fn largest(names: BTreeMap<Option<String>, crate::trends::Trend>) -> Vec<NamedTrend> {
    let mut named: Vec<NamedTrend> = names
        .into_iter()
        .map(|(name, trend)| NamedTrend { name, trend })
        .collect();
    // Stable: equal changes stay in the order of names.
    named.sort_by_key(|named| std::cmp::Reverse(named.trend.change.change_us.abs()));
    named.truncate(NAMES);
    named
}
