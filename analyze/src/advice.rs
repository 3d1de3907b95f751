//! The job `advice`: what could be done, as cards: a claim, the evidence in the lake, what it promises and what it risks, and how to see
//! whether it was kept. One file a rule family; a rule speaks only where the lake has its evidence. Never says what cannot be checked.

mod columns;
mod indexes;
mod patterns;
mod plans;
mod spills;

use serde::Serialize;
use slowlake_sql::Session;

use crate::error::AnalyzeError;
use crate::filter::Filters;
use crate::trends::{QueryTrend, QueryWeeks, named_queries, weekly_sums};
use crate::weeks::{THIS, WeekRequest, Weeks};
use crate::window::TimeWindow;

/// What `advice` is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdviceRequest {
    /// The week that the evidence is of.
    pub week: WeekRequest,
    /// How many cards.
    pub limit: usize,
}

/// What could be done.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AdviceReport {
    /// The week that the evidence is of; `None` if the lake has no execution.
    pub week: Option<TimeWindow>,
    /// The largest promise first.
    pub cards: Vec<AdviceCard>,
    /// Queries that the rules looked at: those of 0.01 average active sessions or more.
    pub queries: usize,
}

/// One piece of advice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AdviceCard {
    /// The same for the same advice every week: rule and query.
    pub id: String,
    /// `missing_index`, `wide_fetch`, `plan_flips`, `offset_paging`, `function_on_column`, `random_order`, `temporary_files`.
    pub rule: &'static str,
    /// What is claimed, in a sentence.
    pub claim: String,
    /// How sure: `A` is shown by executions or plans of both kinds, `B` by a plan or a flag, `C` by figures or the text alone.
    pub confidence: char,
    /// The query, 16 hexadecimal digits.
    pub fingerprint: Option<String>,
    /// Its text.
    pub normalized: Option<String>,
    /// What it rests on: names and values, as the verifying statement would show them.
    pub evidence: Vec<(&'static str, String)>,
    /// The likely gain, average active sessions.
    pub gain_sessions: f64,
    /// The least and the most that it may be.
    pub gain_bounds: (f64, f64),
    /// The likely gain of one execution, µs.
    pub gain_us_per_call: i64,
    /// The statement that does it, and the one that takes it back, where they can be told.
    pub statements: Option<(String, String)>,
    /// What it may cost.
    pub risk: &'static str,
    /// SQL over this lake that shows the evidence; a week after the change it shows what became of it.
    pub verify: String,
}

/// Load from which on a query is looked at, average active sessions.
const SESSIONS_MIN: f64 = 0.01;
const WEEK_US: f64 = 604_800e6;
/// Queries that are looked at, the heaviest first.
const QUERIES_MAX: usize = 300;

/// Looks for what could be done.
///
/// # Errors
/// [`AnalyzeError::Sql`] if the lake cannot be queried.
pub async fn advice(session: &Session, request: &AdviceRequest) -> Result<AdviceReport, AnalyzeError> {
    let Some(weeks) = Weeks::resolve(session, request.week).await? else {
        return Ok(AdviceReport::default());
    };
    let week = weeks.window(THIS)?;
    let queries = weekly_sums(session, weeks, &Filters::default()).await?.queries;
    advise(session, week, &queries, request.limit).await
}

/// What could be done about these queries of a week.
pub(crate) async fn advise(
    session: &Session,
    week: TimeWindow,
    queries: &[QueryWeeks],
    limit: usize,
) -> Result<AdviceReport, AnalyzeError> {
    let is_heavy = |query: &&QueryWeeks| query.trend.week.total_us as f64 >= SESSIONS_MIN * WEEK_US;
    let mut heavy: Vec<QueryWeeks> = queries.iter().filter(is_heavy).cloned().collect();
    heavy.sort_unstable_by_key(|query| (std::cmp::Reverse(query.trend.week.total_us), query.fingerprint));
    heavy.truncate(QUERIES_MAX);
    let fingerprints: Vec<i64> = heavy.iter().map(|query| query.fingerprint).collect();
    let queries = named_queries(session, heavy).await?;
    let (shown, flips, spills) = futures::try_join!(
        plans::shown(session, week, &fingerprints),
        plans::flips(session, week, &fingerprints),
        spills::temporary_files(session, week, &fingerprints)
    )?;
    let mut cards = Vec::new();
    for (fingerprint, query) in fingerprints.iter().zip(&queries) {
        let subject = Subject { query, week };
        cards.extend(indexes::missing_index(&subject, shown.get(fingerprint)));
        cards.extend(indexes::wide_fetch(&subject));
        cards.extend(patterns::patterns(&subject));
        cards.extend(
            flips
                .get(fingerprint)
                .and_then(|flip| plans::plan_flips(&subject, flip)),
        );
        cards.extend(spills.get(fingerprint).map(|spill| spills::card(&subject, spill)));
    }
    cards.sort_by(|a, b| {
        b.gain_sessions
            .total_cmp(&a.gain_sessions)
            .then_with(|| a.id.cmp(&b.id))
    });
    cards.truncate(limit);
    Ok(AdviceReport {
        week: Some(week),
        cards,
        queries: queries.len(),
    })
}

/// A query that rules look at.
struct Subject<'a> {
    query: &'a QueryTrend,
    week: TimeWindow,
}

/// What a rule adds to a card beyond its query.
struct Claim {
    rule: &'static str,
    claim: String,
    confidence: char,
    evidence: Vec<(&'static str, String)>,
    /// The likely gain as a share of the query's time, and its bounds.
    gain: [f64; 3],
    statements: Option<(String, String)>,
    risk: &'static str,
    /// Columns of the verifying statement over the query's executions of the week.
    verify: &'static str,
}

impl Subject<'_> {
    fn sessions(&self) -> f64 {
        self.query.trend.week.total_us as f64 / WEEK_US
    }

    fn card(&self, claim: Claim) -> AdviceCard {
        let week = &self.query.trend.week;
        let [gain, low, high] = claim.gain.map(|share| share * self.sessions());
        let from = jiff::Timestamp::from_microsecond(self.week.begin_us()).map(|time| time.to_string());
        let to = jiff::Timestamp::from_microsecond(self.week.end_us()).map(|time| time.to_string());
        AdviceCard {
            id: format!("{}-{}", claim.rule, self.query.fingerprint),
            rule: claim.rule,
            claim: claim.claim,
            confidence: claim.confidence,
            fingerprint: Some(self.query.fingerprint.clone()),
            normalized: self.query.text.normalized.clone(),
            evidence: claim.evidence,
            gain_sessions: gain,
            gain_bounds: (low, high),
            gain_us_per_call: (claim.gain[0] * week.total_us as f64 / week.calls.max(1) as f64) as i64,
            statements: claim.statements,
            risk: claim.risk,
            verify: format!(
                "SELECT {} FROM rollup_hour WHERE fingerprint_hex(fingerprint) = '{}' AND hour >= '{}' AND hour < '{}'",
                claim.verify,
                self.query.fingerprint,
                from.unwrap_or_default(),
                to.unwrap_or_default(),
            ),
        }
    }
}

/// `fingerprint IN (…)`; none matches an empty list.
fn among(fingerprints: &[i64]) -> String {
    if fingerprints.is_empty() {
        return "false".to_owned();
    }
    let list: Vec<String> = fingerprints.iter().map(i64::to_string).collect();
    format!("fingerprint IN ({})", list.join(", "))
}
