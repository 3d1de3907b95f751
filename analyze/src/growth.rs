//! The job `growth`: what of the fleet grows, and when it reaches an end that is known. Forecasts are held against the past first
//! (`forecast`); where the past does not allow one, none is given. From daily samples of collectors and from weekly roll-ups.

mod forecast;
mod slow;

use std::collections::BTreeMap;

use serde::Serialize;
use slowlake_sql::Session;

use crate::error::AnalyzeError;
use crate::filter::{DAY_US, Filters};
use crate::rows::{day, each_row};
use crate::trends::{NamedTrend, QueryTrend, QueryWeeks, named_queries, weekly_sums};
use crate::weeks::{WeekRequest, Weeks};
use crate::window::TimeWindow;

pub use forecast::{Forecast, ForecastDay};
pub use slow::SlowGrowth;
pub(crate) use slow::slow_growth;

/// What `growth` is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrowthRequest {
    /// The week whose end is the present.
    pub week: WeekRequest,
    /// How many of each kind.
    pub limit: usize,
}

/// What grows.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct GrowthReport {
    /// Only what was sampled before this is known, µs since 1970 UTC; `None` if the lake has nothing.
    pub as_of_us: Option<i64>,
    /// Series of samples that there are.
    pub series: usize,
    /// Those of them too short, or too shortly behind a jump, to tell anything.
    pub untold: usize,
    /// Sizes that grow, those that reach an end first, then the fastest.
    pub sizes: Vec<SizeGrowth>,
    /// Queries whose load grows week by week without a day that stands out, the fastest first.
    pub queries: Vec<QueryGrowth>,
    /// Servers whose load does.
    pub servers: Vec<ServerGrowth>,
}

/// A size that was sampled day by day.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SizeGrowth {
    /// The server; `None` is unknown.
    pub server: Option<String>,
    /// What was sampled, such as `database_size`.
    pub metric: String,
    /// What of the server.
    pub object: Option<String>,
    /// The last sample of each day, the oldest first: the day's begin, µs since 1970 UTC, and the size, bytes.
    pub samples: Vec<(i64, i64)>,
    /// How it goes on.
    pub forecast: Forecast,
    /// The end it has, bytes, where one is known.
    pub limit: Option<i64>,
    /// When it is reached by the upper bound, the likely value and the lower bound, µs since 1970 UTC; unknown beyond what can be foretold.
    pub reached_us: [Option<i64>; 3],
}

/// A query whose load grows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueryGrowth {
    /// The query.
    #[serde(flatten)]
    pub query: QueryTrend,
    /// Its growth.
    pub growth: SlowGrowth,
}

/// A server whose load grows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServerGrowth {
    /// The server.
    #[serde(flatten)]
    pub server: NamedTrend,
    /// Its growth.
    pub growth: SlowGrowth,
}

/// Days of samples that are read: what the longest forecast needs, and as many for its backtest.
const DAYS: i64 = 120;
/// Samples that are sizes of data.
const METRICS: &str = "'database_size', 'slot'";

/// Looks at what grows.
///
/// # Errors
/// [`AnalyzeError::Sql`] if the lake cannot be queried.
pub async fn growth(session: &Session, request: &GrowthRequest) -> Result<GrowthReport, AnalyzeError> {
    let Some(weeks) = Weeks::resolve(session, request.week).await? else {
        return Ok(GrowthReport::default());
    };
    let everything = Filters::default();
    let (mut report, sums) =
        futures::try_join!(sizes(session, weeks), weekly_sums(session, weeks, &everything))?;
    report.sizes.truncate(request.limit);
    let mut servers: Vec<ServerGrowth> = sums
        .servers
        .into_iter()
        .filter_map(|(name, trend)| {
            let growth = slow_growth(&trend.weeks_us, &sums.days)?;
            let server = NamedTrend { name, trend };
            Some(ServerGrowth { server, growth })
        })
        .collect();
    servers.sort_by(|a, b| b.growth.per_week.total_cmp(&a.growth.per_week));
    servers.truncate(request.limit);
    report.servers = servers;
    report.queries = query_growth(session, &sums.queries, &sums.days, request.limit).await?;
    Ok(report)
}

/// Queries that grow, the fastest first.
pub(crate) async fn query_growth(
    session: &Session,
    queries: &[QueryWeeks],
    days: &[i64],
    limit: usize,
) -> Result<Vec<QueryGrowth>, AnalyzeError> {
    let mut growing: Vec<(SlowGrowth, &QueryWeeks)> = queries
        .iter()
        .filter_map(|query| Some((slow_growth(&query.trend.weeks_us, days)?, query)))
        .collect();
    growing.sort_by(|a, b| {
        b.0.per_week
            .total_cmp(&a.0.per_week)
            .then(a.1.fingerprint.cmp(&b.1.fingerprint))
    });
    growing.truncate(limit);
    let (growths, queries): (Vec<SlowGrowth>, Vec<QueryWeeks>) = growing
        .into_iter()
        .map(|(growth, query)| (growth, query.clone()))
        .unzip();
    let named = named_queries(session, queries).await?;
    let grown = named.into_iter().zip(growths);
    Ok(grown
        .map(|(query, growth)| QueryGrowth { query, growth })
        .collect())
}

/// Sizes by server, metric and object.
type Series = BTreeMap<(Option<String>, String, Option<String>), Vec<(i64, i64)>>;

/// The growth of all sizes that were sampled, before the end of the last of the weeks.
pub(crate) async fn sizes(session: &Session, weeks: Weeks) -> Result<GrowthReport, AnalyzeError> {
    let end_us = weeks.all()?.end_us();
    let window = TimeWindow::new(end_us - DAYS * DAY_US, end_us)?;
    let statement = format!(
        "SELECT server, metric, object, event_date, last_value(size_bytes ORDER BY ts, source_offset, source_seq) FROM metrics \
         WHERE metric IN ({METRICS}) AND size_bytes IS NOT NULL AND {} \
         GROUP BY server, metric, object, event_date ORDER BY server, metric, object, event_date",
        Filters::default().condition_on(Some(window), "ts")
    );
    let mut series = Series::new();
    each_row(session.query(&statement).await?, |rows, row| {
        let text = |column| rows.text(row, column).map(str::to_owned);
        let sample = day(rows, row, 3).zip(rows.integer(row, 4));
        let key = (text(0), text(1).unwrap_or_default(), text(2));
        series
            .entry(key)
            .or_default()
            .extend(sample.map(|(day, size)| (day * DAY_US, size)));
    })
    .await?;
    let mut report = GrowthReport {
        as_of_us: Some(end_us),
        series: series.len(),
        ..GrowthReport::default()
    };
    for ((server, metric, object), samples) in series {
        let values: Vec<f64> = whole_days(&samples)
            .iter()
            .map(|(_, size)| *size as f64)
            .collect();
        let Some(forecast) = forecast::forecast(&values) else {
            report.untold += 1;
            continue;
        };
        let last_us = samples.last().map_or(end_us, |(day_us, _)| *day_us);
        // The end of a size is the disk's, which no collector asks for.
        let limit: Option<i64> = None;
        let reached = limit.map_or([None; 3], |limit| forecast::reaches(&forecast, limit as f64));
        report.sizes.push(SizeGrowth {
            server,
            metric,
            object,
            samples,
            limit,
            reached_us: reached.map(|days| days.map(|days| last_us + days as i64 * DAY_US)),
            forecast,
        });
    }
    report.sizes.sort_by(|a, b| {
        let first = |size: &SizeGrowth| size.reached_us[1].unwrap_or(i64::MAX);
        let name = |size: &SizeGrowth| (size.server.clone(), size.metric.clone(), size.object.clone());
        first(a)
            .cmp(&first(b))
            .then(b.forecast.growth_per_week.total_cmp(&a.forecast.growth_per_week))
            .then_with(|| name(a).cmp(&name(b)))
    });
    Ok(report)
}

/// The samples behind the last day without one: a gap is no value.
fn whole_days(samples: &[(i64, i64)]) -> &[(i64, i64)] {
    let gap = samples
        .windows(2)
        .rposition(|pair| pair[1].0 - pair[0].0 != DAY_US);
    &samples[gap.map_or(0, |at| at + 1)..]
}
