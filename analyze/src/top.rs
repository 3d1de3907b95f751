//! The job `top`: which queries the time of a window went to. One pass over the executions for the ranking, one for who ran them
//! where, and three small ones for the texts and the ledger.

mod order;
mod statements;

use std::collections::{BTreeMap, HashMap};

use slowlake_sql::{LatencyHistogram, QueryResult, Rows, Session, Value};

use crate::error::AnalyzeError;
use crate::filter::Filters;
use crate::report::{
    Breakdown, Dimension, Entries, HourLoad, LatencyBin, LedgerCoverage, Others, Part, TopQuery, TopReport,
    TopTotals,
};
use crate::rollups::{ReadFrom, RollUps};
use crate::rows::{each_row, time};
use crate::window::TimeWindow;

use order::Ranking;
pub use order::TopOrder;

/// Names listed of each dimension; the rest is summed.
const PARTS_MAX: usize = 50;

/// What `top` is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopRequest {
    /// The stretch of time by start of execution; `None` is everything.
    pub window: Option<TimeWindow>,
    /// What the queries are ordered by.
    pub order: TopOrder,
    /// How many queries.
    pub limit: usize,
    /// Which executions count.
    pub filters: Filters,
}

/// Finds the queries that come first in the order asked for, and what all executions come to.
///
/// # Errors
/// [`AnalyzeError::Sql`] if the lake cannot be queried.
pub async fn top(session: &Session, request: &TopRequest) -> Result<TopReport, AnalyzeError> {
    let rollups = RollUps::choose(session, request.window, &request.filters);
    top_from(session, request, rollups.as_ref()).await
}

/// The same, from roll-ups where there are some.
async fn top_from(
    session: &Session,
    request: &TopRequest,
    rollups: Option<&RollUps>,
) -> Result<TopReport, AnalyzeError> {
    let measures = match rollups {
        Some(rollups) => statements::measures_of_rollups(&rollups.relation),
        None => statements::measures(request),
    };
    let whole_breakdown = match rollups {
        Some(rollups) => statements::whole_breakdown_of_rollups(&rollups.relation, &rollups.by_hour),
        None => statements::whole_breakdown(request),
    };
    // Each for itself leaves a thread idle in between.
    let ((mut totals, ranked), (breakdown, servers, hours), ledger) = futures::try_join!(
        rank(session, request, &measures),
        whole(session, &whole_breakdown),
        ledger(session, request)
    )?;
    totals.servers = servers;
    let mut details = details(session, request, rollups, &ranked).await?;
    let queries = ranked.into_iter().enumerate().map(|(i, ranked)| {
        let detail = details.remove(&ranked.fingerprint).unwrap_or_default();
        query(i + 1, ranked, detail, totals.estimated_total_us)
    });
    let queries = queries.collect();
    Ok(TopReport {
        window: request.window,
        filters: request.filters.clone(),
        order: request.order,
        read_from: rollups.map_or(ReadFrom::EXECUTIONS, |rollups| rollups.read_from),
        totals,
        queries,
        breakdown,
        hours,
        ledger,
    })
}

/// The measures of one query, before its texts are known.
#[derive(Debug, Clone, Default)]
struct Ranked {
    fingerprint: i64,
    calls: i64,
    total_us: i64,
    min_us: Option<i64>,
    max_us: Option<i64>,
    latency: LatencyHistogram,
    lock_time_us: Option<i64>,
    rows_sent: Option<i64>,
    rows_examined: Option<i64>,
    first_us: Option<i64>,
    last_us: Option<i64>,
    estimated_calls: i64,
    estimated_total_us: i64,
    nested_calls: i64,
    nested_us: i64,
    nested_estimated_us: i64,
}

impl Ranked {
    fn read(rows: &Rows, row: usize) -> Ranked {
        Ranked {
            fingerprint: rows.integer(row, 0).unwrap_or_default(),
            calls: rows.integer(row, 1).unwrap_or_default(),
            total_us: rows.integer(row, 2).unwrap_or_default(),
            min_us: rows.integer(row, 3),
            max_us: rows.integer(row, 4),
            latency: rows.latency(row, 5).unwrap_or_default(),
            lock_time_us: rows.integer(row, 6),
            rows_sent: rows.integer(row, 7),
            rows_examined: rows.integer(row, 8),
            first_us: time(rows, row, 9),
            last_us: time(rows, row, 10),
            estimated_calls: rows.integer(row, 11).unwrap_or_default(),
            estimated_total_us: rows.integer(row, 12).unwrap_or_default(),
            nested_calls: rows.integer(row, 13).unwrap_or_default(),
            nested_us: rows.integer(row, 14).unwrap_or_default(),
            nested_estimated_us: rows.integer(row, 15).unwrap_or_default(),
        }
    }

    fn rows_examined_per_row_sent(&self) -> Option<f64> {
        Some(self.rows_examined? as f64 / self.rows_sent?.max(1) as f64)
    }

    fn percentile(&self, q: f64) -> Option<i64> {
        percentile(&self.latency, q, self.max_us)
    }

    fn mean_us(&self) -> Option<i64> {
        let timed = self.latency.count();
        (timed > 0).then(|| (self.total_us.saturating_add(timed / 2)) / timed)
    }
}

/// Ranks all queries while adding them up; holds no more than a few times the limit.
async fn rank(
    session: &Session,
    request: &TopRequest,
    measures: &str,
) -> Result<(TopTotals, Vec<Ranked>), AnalyzeError> {
    let mut totals = TopTotals::default();
    let mut latency = LatencyHistogram::new();
    let mut ranking = Ranking::new(request.order, request.limit);
    let mut result = session.query(measures).await?;
    while let Some(rows) = result.next().await? {
        for row in 0..rows.len() {
            let query = Ranked::read(&rows, row);
            latency.merge(&query.latency);
            totals.calls += query.calls;
            totals.total_us = totals.total_us.saturating_add(query.total_us);
            totals.estimated_calls += query.estimated_calls;
            totals.estimated_total_us = totals
                .estimated_total_us
                .saturating_add(query.estimated_total_us - query.nested_estimated_us);
            totals.nested_calls += query.nested_calls;
            totals.nested_us = totals.nested_us.saturating_add(query.nested_us);
            totals.nested_estimated_us = totals
                .nested_estimated_us
                .saturating_add(query.nested_estimated_us);
            totals.max_us = totals.max_us.max(query.max_us);
            totals.first_us = [totals.first_us, query.first_us].into_iter().flatten().min();
            totals.last_us = totals.last_us.max(query.last_us);
            // Executions that no fingerprint could be made of count in the totals but are no query.
            if rows.integer(row, 0).is_some() {
                totals.queries += 1;
                ranking.push(query);
            }
        }
    }
    let quantile = |q| percentile(&latency, q, totals.max_us);
    (totals.p50_us, totals.p95_us, totals.p99_us) = (quantile(0.5), quantile(0.95), quantile(0.99));
    Ok((totals, ranking.finish()))
}

/// All executions by dimension and hour; the number is that of servers.
async fn whole(
    session: &Session,
    whole_breakdown: &str,
) -> Result<(Breakdown, i64, Vec<HourLoad>), AnalyzeError> {
    let mut result = session.query(whole_breakdown).await?;
    let mut groups = Groups::default();
    let mut hours = Vec::new();
    while let Some(rows) = result.next().await? {
        for row in 0..rows.len() {
            match rows.integer(row, 0) {
                Some(dimension @ 0..=3) => groups.push(dimension, &rows, row, 2),
                _ => hours.extend(time(&rows, row, 6).map(|hour_us| HourLoad {
                    hour_us,
                    calls: rows.integer(row, 7).unwrap_or_default(),
                    total_us: rows.integer(row, 9).unwrap_or_default(),
                })),
            }
        }
    }
    hours.sort_unstable_by_key(|hour| hour.hour_us);
    let servers = groups.0[0].len() as i64;
    Ok((groups.finish(), servers, hours))
}

/// What is told about a query beyond its measures.
#[derive(Debug, Default)]
struct Detail {
    dialect: Option<String>,
    normalized: Option<String>,
    verb: Option<String>,
    tables: Vec<String>,
    example: Option<String>,
    breakdown: Breakdown,
}

async fn details(
    session: &Session,
    request: &TopRequest,
    rollups: Option<&RollUps>,
    ranked: &[Ranked],
) -> Result<HashMap<i64, Detail>, AnalyzeError> {
    let fingerprints: Vec<i64> = ranked.iter().map(|query| query.fingerprint).collect();
    if fingerprints.is_empty() {
        return Ok(HashMap::new());
    }
    let (mut details, examples, breakdowns) = futures::try_join!(
        texts(session, &fingerprints),
        examples(session, request, ranked),
        breakdowns(session, request, rollups, &fingerprints)
    )?;
    for (fingerprint, example) in examples {
        details.entry(fingerprint).or_default().example = Some(example);
    }
    for (fingerprint, groups) in breakdowns {
        details.entry(fingerprint).or_default().breakdown = groups.finish();
    }
    Ok(details)
}

/// What the queries are, without examples and breakdown.
async fn texts(session: &Session, fingerprints: &[i64]) -> Result<HashMap<i64, Detail>, AnalyzeError> {
    let mut details: HashMap<i64, Detail> = HashMap::new();
    let found = session.query(&statements::texts(fingerprints)).await?;
    each_row(found, |rows, row| {
        let detail = details.entry(fingerprint_of(rows, row)).or_default();
        detail.dialect = rows.text(row, 2).map(str::to_owned);
        detail.normalized = rows.text(row, 3).map(str::to_owned);
        detail.verb = rows.text(row, 4).map(str::to_owned);
        if let Value::List(tables) = rows.value(row, 5) {
            detail.tables = tables.iter().map(Value::to_string).collect();
        }
    })
    .await?;
    Ok(details)
}

/// Who ran each query where.
async fn breakdowns(
    session: &Session,
    request: &TopRequest,
    rollups: Option<&RollUps>,
    fingerprints: &[i64],
) -> Result<HashMap<i64, Groups>, AnalyzeError> {
    let mut groups: HashMap<i64, Groups> = HashMap::new();
    let breakdown = match rollups {
        Some(rollups) => statements::breakdown_of_rollups(&rollups.relation, fingerprints),
        None => statements::breakdown(request, fingerprints),
    };
    let parts = session.query(&breakdown).await?;
    each_row(parts, |rows, row| {
        let dimension = rows.integer(row, 0).unwrap_or_default();
        groups
            .entry(fingerprint_of(rows, row))
            .or_default()
            .push(dimension, rows, row, 2);
    })
    .await?;
    Ok(groups)
}

fn fingerprint_of(rows: &Rows, row: usize) -> i64 {
    rows.integer(row, 1).unwrap_or_default()
}

/// The text of the slowest execution of each query that kept its own. That is nearly always one of the slowest of all, which are found
/// without reading the texts of the others; only queries of which none of those has one are looked through.
async fn examples(
    session: &Session,
    request: &TopRequest,
    ranked: &[Ranked],
) -> Result<HashMap<i64, String>, AnalyzeError> {
    let mut examples = HashMap::new();
    let from_us: Vec<(i64, i64)> = ranked
        .iter()
        .map(|query| (query.fingerprint, slow_from_us(&query.latency)))
        .collect();
    // With many queries most of the executions are looked at in any case.
    if from_us.len() <= CONDITIONS_MAX {
        let slow = session
            .query(&statements::slow_examples(request, &from_us))
            .await?;
        add_examples(slow, &mut examples).await?;
    }
    let mut others: Vec<i64> = ranked.iter().map(|query| query.fingerprint).collect();
    others.retain(|fingerprint| !examples.contains_key(fingerprint));
    if !others.is_empty() {
        let any = session.query(&statements::examples(request, &others)).await?;
        add_examples(any, &mut examples).await?;
    }
    Ok(examples)
}

async fn add_examples(found: QueryResult, examples: &mut HashMap<i64, String>) -> Result<(), AnalyzeError> {
    each_row(found, |rows, row| {
        let text = rows.integer(row, 1).zip(rows.text(row, 2));
        examples.extend(text.map(|(fingerprint, text)| (fingerprint, text.to_owned())));
    })
    .await
}

/// Queries that a statement has conditions of their own for.
const CONDITIONS_MAX: usize = 256;

/// Executions of a query among which its example is looked for first.
const SLOWEST: i64 = 100;

/// A duration, µs, that as many of the longest reach, or all. It is below all that are counted in the same bin.
fn slow_from_us(latency: &LatencyHistogram) -> i64 {
    let mut shorter = latency.count();
    let bins: Vec<(i32, i64)> = latency.bins().collect();
    for (bin, calls) in bins.into_iter().rev() {
        shorter -= calls;
        if latency.count() - shorter >= SLOWEST {
            return LatencyHistogram::value_of(bin - 1);
        }
    }
    0
}

/// The parts of the four dimensions, in the order of [`Breakdown`].
#[derive(Debug, Default)]
struct Groups([Vec<Part>; 4]);

impl Groups {
    /// Adds a row of `… name of each dimension from column `names` on, (hour), calls, total_us`.
    fn push(&mut self, dimension: i64, rows: &Rows, row: usize, names: usize) {
        // The statement numbers the dimensions, so anything else cannot come back.
        let Some(index) = usize::try_from(dimension)
            .ok()
            .filter(|index| *index < self.0.len())
        else {
            return;
        };
        self.0[index].push(Part {
            name: rows.text(row, names + index).map(str::to_owned),
            calls: rows.integer(row, 7).unwrap_or_default(),
            total_us: rows.integer(row, 8).unwrap_or_default(),
        });
    }

    fn finish(self) -> Breakdown {
        let [server, database, user, application] = self.0.map(dimension);
        Breakdown {
            server,
            database,
            user,
            application,
        }
    }
}

fn dimension(mut parts: Vec<Part>) -> Dimension {
    parts.sort_unstable_by(|a, b| {
        b.total_us
            .cmp(&a.total_us)
            .then(b.calls.cmp(&a.calls))
            .then_with(|| a.name.cmp(&b.name))
    });
    let rest = parts.split_off(parts.len().min(PARTS_MAX));
    let others = (!rest.is_empty()).then(|| Others {
        names: rest.len(),
        calls: rest.iter().map(|part| part.calls).sum(),
        total_us: rest.iter().map(|part| part.total_us).sum(),
    });
    Dimension { parts, others }
}

fn query(rank: usize, ranked: Ranked, detail: Detail, report_total_us: i64) -> TopQuery {
    let bin = |(bin, calls)| LatencyBin {
        bin,
        us: LatencyHistogram::value_of(bin),
        calls,
    };
    TopQuery {
        rank,
        fingerprint: format!("{:016x}", ranked.fingerprint),
        dialect: detail.dialect,
        normalized: detail.normalized,
        verb: detail.verb,
        tables: detail.tables,
        calls: ranked.calls,
        total_us: ranked.total_us,
        estimated_calls: ranked.estimated_calls,
        estimated_total_us: ranked.estimated_total_us,
        nested_calls: ranked.nested_calls,
        share: if report_total_us > 0 {
            ranked.estimated_total_us as f64 / report_total_us as f64
        } else {
            0.0
        },
        mean_us: ranked.mean_us(),
        min_us: ranked.min_us,
        p50_us: ranked.percentile(0.5),
        p95_us: ranked.percentile(0.95),
        p99_us: ranked.percentile(0.99),
        max_us: ranked.max_us,
        lock_time_us: ranked.lock_time_us,
        rows_sent: ranked.rows_sent,
        rows_examined: ranked.rows_examined,
        rows_examined_per_row_sent: ranked.rows_examined_per_row_sent(),
        latency: ranked.latency.bins().map(bin).collect(),
        first_us: ranked.first_us,
        last_us: ranked.last_us,
        example: detail.example,
        breakdown: detail.breakdown,
    }
}

async fn ledger(session: &Session, request: &TopRequest) -> Result<LedgerCoverage, AnalyzeError> {
    let mut coverage = LedgerCoverage::default();
    let sums = session.query(&statements::ledger(request)).await?;
    each_row(sums, |rows, row| {
        let sum = |column| rows.integer(row, column).unwrap_or_default();
        coverage = LedgerCoverage {
            bytes: sum(0),
            bytes_parsed: sum(1),
            bytes_rejected: sum(2),
            bytes_skipped: sum(3),
            entries: Entries {
                query: sum(4),
                log: sum(5),
            },
            rejects: BTreeMap::new(),
        };
    })
    .await?;
    let rejects = session.query(&statements::rejects(request)).await?;
    each_row(rejects, |rows, row| {
        let reason = rows.text(row, 0).unwrap_or("unknown").to_owned();
        coverage
            .rejects
            .insert(reason, rows.integer(row, 1).unwrap_or_default());
    })
    .await?;
    Ok(coverage)
}

/// A percentile within 1 %, and never above the longest duration, which is known exactly.
fn percentile(latency: &LatencyHistogram, q: f64, max_us: Option<i64>) -> Option<i64> {
    Some(latency.quantile(q)?.min(max_us?))
}

#[cfg(test)]
mod tests;
