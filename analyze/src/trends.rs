//! The job `trends`: what a week's executions come to beside the week before and the four weeks before, by query, server, database and
//! application, and what the difference consists of. One pass over daily roll-ups, of part of the queries at a time where there are many.

mod health;
mod measures;
mod split;
mod weekly_sums;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;
use slowlake_sql::Session;

use crate::error::AnalyzeError;
use crate::filter::Filters;
use crate::query_text::{QueryText, query_texts};
use crate::weeks::{LAST, THIS, WeekRequest, Weeks};
use crate::window::TimeWindow;

pub use health::{Health, Slowness};
pub use measures::Figures;
pub(crate) use measures::Measures;
pub use split::{RowsSplit, Split};
pub(crate) use weekly_sums::{QueryWeeks, weekly_sums};

/// What `trends` is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrendsRequest {
    /// Which week.
    pub week: WeekRequest,
    /// Which executions count.
    pub filters: Filters,
    /// How many of each kind.
    pub limit: usize,
}

/// A week beside those before it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrendsReport {
    /// The week; `None` if the lake has no execution.
    pub week: Option<TimeWindow>,
    /// How many of the four weeks before it have executions: what "the four weeks before" is the mean of.
    pub weeks_before: i64,
    /// What was left out.
    pub filters: Filters,
    /// All executions.
    pub total: Trend,
    /// How many of them were slower than is usual for them.
    pub health: Health,
    /// Queries, the largest change against the week before first.
    pub queries: Vec<QueryTrend>,
    /// Servers, the largest change first.
    pub servers: Vec<NamedTrend>,
    /// Databases, the largest change first.
    pub databases: Vec<NamedTrend>,
    /// Applications, the largest change first.
    pub applications: Vec<NamedTrend>,
}

/// A week beside those before it, and how it came to differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Trend {
    /// The week.
    pub week: Figures,
    /// The week before.
    pub last_week: Figures,
    /// The four weeks before, of which sums are the mean of a week.
    pub four_weeks: Figures,
    /// Durations together in each week, µs, the oldest first, the report's own last.
    pub weeks_us: Vec<i64>,
    /// The change of time against the week before.
    pub change: Split,
    /// The change of time against the mean of the four weeks before.
    pub change_four_weeks: Split,
}

/// One query's trend.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueryTrend {
    /// 16 hexadecimal digits.
    pub fingerprint: String,
    /// What the archive has of its text.
    #[serde(flatten)]
    pub text: QueryText,
    /// Servers that it ran on in the week.
    pub servers: usize,
    /// Its weeks.
    #[serde(flatten)]
    pub trend: Trend,
    /// What the latency's part of the change against the week before consists of; `None` where no server says how many rows there were.
    pub rows: Option<RowsSplit>,
}

/// The trend of one server, database or application.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NamedTrend {
    /// `None` is unknown.
    pub name: Option<String>,
    /// Its weeks.
    #[serde(flatten)]
    pub trend: Trend,
}

/// Compares a week with those before it.
///
/// # Errors
/// [`AnalyzeError::Sql`] if the lake cannot be queried.
pub async fn trends(session: &Session, request: &TrendsRequest) -> Result<TrendsReport, AnalyzeError> {
    let weeks = Weeks::resolve(session, request.week).await?;
    let mut report = TrendsReport {
        week: weeks.map(|weeks| weeks.window(THIS)).transpose()?,
        weeks_before: 0,
        filters: request.filters.clone(),
        total: Trend::default(),
        health: Health::default(),
        queries: Vec::new(),
        servers: Vec::new(),
        databases: Vec::new(),
        applications: Vec::new(),
    };
    let Some(weeks) = weeks else {
        return Ok(report);
    };
    let sums = weekly_sums(session, weeks, &request.filters).await?;
    report.weeks_before = sums.weeks_before;
    report.health = sums.health;
    let mut queries = sums.queries;
    queries.sort_unstable_by_key(|query| {
        (
            std::cmp::Reverse(query.trend.change.change_us.abs()),
            query.fingerprint,
        )
    });
    queries.truncate(request.limit);
    report.queries = named_queries(session, queries).await?;
    let limited = |names: BTreeMap<Option<String>, Trend>| largest_change_first(names, request.limit);
    report.total = sums.total;
    report.servers = limited(sums.servers);
    report.databases = limited(sums.databases);
    report.applications = limited(sums.applications);
    Ok(report)
}

/// Queries with their texts, in their order.
pub(crate) async fn named_queries(
    session: &Session,
    queries: Vec<QueryWeeks>,
) -> Result<Vec<QueryTrend>, AnalyzeError> {
    let fingerprints: Vec<i64> = queries.iter().map(|query| query.fingerprint).collect();
    let mut texts = query_texts(session, &fingerprints).await?;
    let named = queries.into_iter().map(|query| QueryTrend {
        fingerprint: format!("{:016x}", query.fingerprint),
        text: texts.remove(&query.fingerprint).unwrap_or_default(),
        servers: query.servers,
        trend: query.trend,
        rows: query.rows,
    });
    Ok(named.collect())
}

fn largest_change_first(names: BTreeMap<Option<String>, Trend>, limit: usize) -> Vec<NamedTrend> {
    let mut named: Vec<NamedTrend> = names
        .into_iter()
        .map(|(name, trend)| NamedTrend { name, trend })
        .collect();
    // Stable, so that equal changes keep the order of their names.
    named.sort_by_key(|named| std::cmp::Reverse(named.trend.change.change_us.abs()));
    named.truncate(limit);
    named
}

impl Trend {
    /// Of weeks, the oldest first, and what their changes against the week before and the four weeks before consist of.
    pub(crate) fn of(
        weeks: &[Measures],
        weeks_before: i64,
        change: Split,
        change_four_weeks: Split,
    ) -> Trend {
        let mut month = Measures::default();
        weekly_sums::month(weeks).for_each(|week| month.add(week));
        Trend {
            week: weeks[THIS].figures(1),
            last_week: weeks[LAST].figures(1),
            four_weeks: month.figures(weeks_before),
            weeks_us: weeks.iter().map(|week| week.total_us).collect(),
            change,
            change_four_weeks,
        }
    }
}
