//! Each query that a report names, in full: its text and an example, its load by day, its durations, who runs it where, its plans and what
//! its comments say. Read for all of them at once.

use std::collections::BTreeMap;

use serde::Serialize;
use slowlake_sql::{LatencyHistogram, Session, Value};

use crate::error::AnalyzeError;
use crate::filter::{DAY_US, Filters};
use crate::query_text::{QueryText, query_texts};
use crate::report::LatencyBin;
use crate::rows::{day, each_row, time};
use crate::weeks::{THIS, Weeks};

/// Names of each kind that are told of a query, plans, and values of a tag.
const NAMES: usize = 8;
const PLANS: usize = 4;
const TAGS: usize = 12;

/// One query in full.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct QueryDetail {
    /// Its text.
    #[serde(flatten)]
    pub text: QueryText,
    /// Its load by day, over six weeks; days without an execution are left out.
    pub days: Vec<DayLoad>,
    /// Its durations in the week, in logarithmic bins, rising.
    pub latency: Vec<LatencyBin>,
    /// Time of the week by server, the most first, µs; at most eight.
    pub servers: Vec<(String, i64)>,
    /// Time by database.
    pub databases: Vec<(String, i64)>,
    /// Time by application.
    pub applications: Vec<(String, i64)>,
    /// Plans that were logged in the week, the most frequent first.
    pub plans: Vec<SeenPlan>,
    /// What comments of its statements say, and in how many of those that were kept: `(name, value, executions)`.
    pub tags: Vec<(String, String, i64)>,
}

/// The executions of one query on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DayLoad {
    /// Begin of the day, µs since 1970 UTC.
    pub day_us: i64,
    /// Executions.
    pub calls: i64,
    /// Their durations together, µs.
    pub total_us: i64,
    /// Their median, µs, within 1 %.
    pub p50_us: Option<i64>,
    /// Their 99th percentile, µs, within 1 %.
    pub p99_us: Option<i64>,
}

/// A plan that a server has logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeenPlan {
    /// Of its shape, 16 hexadecimal digits.
    pub plan_fingerprint: Option<String>,
    /// One of them.
    pub plan: String,
    /// How often it was logged.
    pub count: i64,
    /// When first, µs since 1970 UTC.
    pub first_us: Option<i64>,
    /// When last, µs since 1970 UTC.
    pub last_us: Option<i64>,
}

impl QueryDetail {
    /// Who has to do with it: the team that its comments name, else the application that it costs most.
    pub(super) fn owner(&self) -> Option<String> {
        let team = self
            .tags
            .iter()
            .find(|(name, _, _)| name == "team" || name == "owner");
        let team = team.map(|(_, value, _)| value.clone());
        team.or_else(|| self.applications.first().map(|(name, _)| name.clone()))
    }
}

/// Everything about these queries, by fingerprint.
pub(super) async fn details(
    session: &Session,
    weeks: Weeks,
    named: &[String],
) -> Result<BTreeMap<String, QueryDetail>, AnalyzeError> {
    let fingerprints: Vec<i64> = named
        .iter()
        .filter_map(|hex| Some(u64::from_str_radix(hex, 16).ok()? as i64))
        .collect();
    if fingerprints.is_empty() {
        return Ok(BTreeMap::new());
    }
    let list: Vec<String> = fingerprints.iter().map(i64::to_string).collect();
    let reading = Reading {
        session,
        weeks,
        among: format!("fingerprint IN ({})", list.join(", ")),
    };
    let (texts, days, shares, plans, tags) = futures::try_join!(
        query_texts(session, &fingerprints),
        reading.days(),
        reading.shares(),
        reading.plans(),
        reading.tags()
    )?;
    let mut details: BTreeMap<i64, QueryDetail> = fingerprints
        .iter()
        .map(|f| (*f, QueryDetail::default()))
        .collect();
    for (fingerprint, detail) in &mut details {
        detail.text = texts.get(fingerprint).cloned().unwrap_or_default();
        if let Some((days, latency)) = days.get(fingerprint) {
            detail.days.clone_from(days);
            detail.latency = bins(latency);
        }
        let [servers, databases, applications] = shares.get(fingerprint).cloned().unwrap_or_default();
        (detail.servers, detail.databases, detail.applications) =
            (first(servers), first(databases), first(applications));
        detail.plans = plans.get(fingerprint).cloned().unwrap_or_default();
        detail.tags = tags.get(fingerprint).cloned().unwrap_or_default();
    }
    Ok(details
        .into_iter()
        .map(|(fingerprint, detail)| (format!("{fingerprint:016x}"), detail))
        .collect())
}

fn bins(latency: &LatencyHistogram) -> Vec<LatencyBin> {
    let bin = |(bin, calls)| LatencyBin {
        bin,
        us: LatencyHistogram::value_of(bin),
        calls,
    };
    latency.bins().map(bin).collect()
}

fn first(mut names: Vec<(String, i64)>) -> Vec<(String, i64)> {
    names.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    names.truncate(NAMES);
    names
}

type Days = BTreeMap<i64, (Vec<DayLoad>, LatencyHistogram)>;

struct Reading<'a> {
    session: &'a Session,
    weeks: Weeks,
    among: String,
}

impl Reading<'_> {
    async fn days(&self) -> Result<Days, AnalyzeError> {
        let begin_us = self.weeks.window(THIS)?.begin_us();
        let statement = format!(
            "SELECT fingerprint, event_date, sum(estimated_calls), sum(estimated_total_us), latency_merge(latency) FROM rollup_day \
             WHERE {} AND {} GROUP BY fingerprint, event_date ORDER BY fingerprint, event_date",
            self.among,
            Filters::default().condition_on_days(Some(self.weeks.all()?))
        );
        let mut days = Days::new();
        each_row(self.session.query(&statement).await?, |rows, row| {
            let (Some(fingerprint), Some(day)) = (rows.integer(row, 0), day(rows, row, 1)) else {
                return;
            };
            let latency = rows.latency(row, 4).unwrap_or_default();
            let (days, of_week) = days.entry(fingerprint).or_default();
            days.push(DayLoad {
                day_us: day * DAY_US,
                calls: rows.integer(row, 2).unwrap_or_default(),
                total_us: rows.integer(row, 3).unwrap_or_default(),
                p50_us: latency.quantile(0.5),
                p99_us: latency.quantile(0.99),
            });
            if day * DAY_US >= begin_us {
                of_week.merge(&latency);
            }
        })
        .await?;
        Ok(days)
    }

    /// Time of the week by server, database and application.
    async fn shares(&self) -> Result<BTreeMap<i64, [Vec<(String, i64)>; 3]>, AnalyzeError> {
        let statement = format!(
            "SELECT fingerprint, CASE WHEN grouping(server) = 0 THEN 0 WHEN grouping(database) = 0 THEN 1 ELSE 2 END, \
                    coalesce(server, database, application, '(unknown)'), sum(estimated_total_us) FROM rollup_day WHERE {} AND {} \
             GROUP BY GROUPING SETS ((fingerprint, server), (fingerprint, database), (fingerprint, application))",
            self.among,
            Filters::default().condition_on_days(Some(self.weeks.window(THIS)?))
        );
        let mut shares = BTreeMap::<i64, [Vec<(String, i64)>; 3]>::new();
        each_row(self.session.query(&statement).await?, |rows, row| {
            let kind = rows.integer(row, 1).and_then(|kind| usize::try_from(kind).ok());
            if let (Some(fingerprint), Some(kind @ 0..=2), Some(name)) =
                (rows.integer(row, 0), kind, rows.text(row, 2))
            {
                let total_us = rows.integer(row, 3).unwrap_or_default();
                shares.entry(fingerprint).or_default()[kind].push((name.to_owned(), total_us));
            }
        })
        .await?;
        Ok(shares)
    }

    async fn plans(&self) -> Result<BTreeMap<i64, Vec<SeenPlan>>, AnalyzeError> {
        let statement = format!(
            "SELECT fingerprint, fingerprint_hex(plan_fingerprint) AS shape, min(plan), count(*) AS seen, min(ts), max(ts) FROM server_events \
             WHERE event = 'plan' AND plan IS NOT NULL AND {} AND {} \
             GROUP BY fingerprint, plan_fingerprint ORDER BY fingerprint, seen DESC, shape",
            self.among,
            Filters::default().condition_on(Some(self.weeks.window(THIS)?), "ts")
        );
        let mut plans = BTreeMap::<i64, Vec<SeenPlan>>::new();
        each_row(self.session.query(&statement).await?, |rows, row| {
            let plans = plans.entry(rows.integer(row, 0).unwrap_or_default()).or_default();
            if plans.len() < PLANS {
                plans.push(SeenPlan {
                    plan_fingerprint: rows.text(row, 1).map(str::to_owned),
                    plan: rows.text(row, 2).unwrap_or_default().to_owned(),
                    count: rows.integer(row, 3).unwrap_or_default(),
                    first_us: time(rows, row, 4),
                    last_us: time(rows, row, 5),
                });
            }
        })
        .await?;
        Ok(plans)
    }

    /// What comments say, of the executions whose text was kept.
    async fn tags(&self) -> Result<BTreeMap<i64, Vec<(String, String, i64)>>, AnalyzeError> {
        let statement = format!(
            "SELECT fingerprint, tags FROM executions WHERE tags IS NOT NULL AND statement IS NOT NULL AND {} AND {}",
            self.among,
            Filters::default().condition_on(Some(self.weeks.window(THIS)?), "ts")
        );
        let mut counted = BTreeMap::<i64, BTreeMap<(String, String), i64>>::new();
        each_row(self.session.query(&statement).await?, |rows, row| {
            let of_query = counted
                .entry(rows.integer(row, 0).unwrap_or_default())
                .or_default();
            if let Value::Map(tags) = rows.value(row, 1) {
                for (name, value) in tags {
                    *of_query.entry((name.to_string(), value.to_string())).or_default() += 1;
                }
            }
        })
        .await?;
        let most = |counted: BTreeMap<(String, String), i64>| {
            let mut tags: Vec<(String, String, i64)> = counted
                .into_iter()
                .map(|((name, value), count)| (name, value, count))
                .collect();
            tags.sort_by_key(|tag| std::cmp::Reverse(tag.2));
            tags.truncate(TAGS);
            tags
        };
        Ok(counted
            .into_iter()
            .map(|(fingerprint, counted)| (fingerprint, most(counted)))
            .collect())
    }
}
