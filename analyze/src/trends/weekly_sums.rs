//! Reads the daily roll-ups of six weeks once, in the order of query and server, and adds them up by all that a trend is told of.

use std::collections::BTreeMap;

use slowlake_sql::{Rows, Session};

use super::measures::{MEASURES, Measures, mean};
use super::{Health, RowsSplit, Split, Trend};
use crate::error::AnalyzeError;
use crate::filter::Filters;
use crate::rows::each_row;
use crate::weeks::{LAST, MONTH, THIS, WEEKS, Weeks};

/// What the weeks come to.
#[derive(Debug, Default)]
pub(crate) struct WeeklySums {
    /// Days of each week that have executions, the oldest week first.
    pub(crate) days: [i64; WEEKS],
    /// How many of the four weeks before have executions.
    pub(crate) weeks_before: i64,
    /// How many queries on how many servers: each as often as it ran on one.
    pub(crate) series: usize,
    pub(crate) total: Trend,
    pub(crate) health: Health,
    /// By fingerprint, rising.
    pub(crate) queries: Vec<QueryWeeks>,
    pub(crate) servers: BTreeMap<Option<String>, Trend>,
    pub(crate) databases: BTreeMap<Option<String>, Trend>,
    pub(crate) applications: BTreeMap<Option<String>, Trend>,
}

/// One query's weeks.
#[derive(Debug, Clone)]
pub(crate) struct QueryWeeks {
    pub(crate) fingerprint: i64,
    /// Servers that it ran on in the last of the weeks.
    pub(crate) servers: usize,
    pub(crate) trend: Trend,
    pub(crate) rows: Option<RowsSplit>,
}

/// The four weeks before the last.
pub(super) fn month(weeks: &[Measures]) -> impl Iterator<Item = &Measures> {
    weeks[THIS - MONTH..THIS].iter()
}

/// Adds up the weeks.
pub(crate) async fn weekly_sums(
    session: &Session,
    weeks: Weeks,
    filters: &Filters,
) -> Result<WeeklySums, AnalyzeError> {
    let condition = filters.condition_on_days(Some(weeks.all()?));
    let place = weeks.place_sql();
    let mut days = [0; WEEKS];
    let statement = format!(
        "SELECT {place} AS week, count(DISTINCT event_date) FROM rollup_day WHERE {condition} GROUP BY week"
    );
    each_row(session.query(&statement).await?, |rows, row| {
        if let Some(week) = week_of(rows, row, 0) {
            days[week] = rows.integer(row, 1).unwrap_or_default();
        }
    })
    .await?;
    let weeks_before = days[THIS - MONTH..THIS].iter().filter(|days| **days > 0).count() as i64;

    let statement = format!(
        "SELECT fingerprint, server, database, application, {place} AS week, {MEASURES} FROM rollup_day WHERE {condition} \
         GROUP BY fingerprint, server, database, application, week ORDER BY fingerprint, server"
    );
    let mut adding = Adding::new(weeks_before);
    each_row(session.query(&statement).await?, |rows, row| {
        if let Some(week) = week_of(rows, row, 4) {
            adding.row(Row {
                fingerprint: rows.integer(row, 0),
                names: [1, 2, 3].map(|column| rows.text(row, column)),
                week,
                measures: Measures::read(rows, row, 5),
            });
        }
    })
    .await?;
    Ok(adding.finish(days))
}

fn week_of(rows: &Rows, row: usize, column: usize) -> Option<usize> {
    let week = usize::try_from(rows.integer(row, column)?).ok()?;
    (week < WEEKS).then_some(week)
}

/// One query's week on one server, database and application.
struct Row<'a> {
    fingerprint: Option<i64>,
    /// Server, database, application.
    names: [Option<&'a str>; 3],
    week: usize,
    measures: Measures,
}

type Week6 = [Measures; WEEKS];

/// A server, database or application, or all: its weeks, and the sum of the changes of its queries.
#[derive(Debug, Default)]
struct Subject {
    weeks: Week6,
    change: Split,
    change_four_weeks: Split,
}

/// The loads of one query in the weeks, `(calls, µs)`.
type Loads = [(i64, i64); WEEKS];

/// What is held while rows come in: sums by name, and the query and the server that the rows are of.
struct Adding {
    weeks_before: i64,
    series: usize,
    total: Subject,
    health: Health,
    queries: Vec<QueryWeeks>,
    /// Servers, databases, applications.
    named: [BTreeMap<Option<String>, Subject>; 3],
    fingerprint: Option<i64>,
    query: Week6,
    /// The query's loads by server, database and application.
    query_loads: [BTreeMap<Option<String>, Loads>; 3],
    server: Option<String>,
    /// The query's weeks on that server.
    on_server: Week6,
}

impl Adding {
    fn new(weeks_before: i64) -> Adding {
        Adding {
            weeks_before,
            series: 0,
            total: Subject::default(),
            health: Health::default(),
            queries: Vec::new(),
            named: Default::default(),
            fingerprint: None,
            query: Week6::default(),
            query_loads: Default::default(),
            server: None,
            on_server: Week6::default(),
        }
    }

    fn row(&mut self, row: Row<'_>) {
        if row.fingerprint != self.fingerprint {
            self.close_query();
            self.fingerprint = row.fingerprint;
            self.server = row.names[0].map(str::to_owned);
        } else if row.names[0] != self.server.as_deref() {
            self.close_server();
            self.server = row.names[0].map(str::to_owned);
        }
        let Row {
            names,
            week,
            measures,
            ..
        } = row;
        self.on_server[week].add(&measures);
        for (kind, name) in names.into_iter().enumerate() {
            let name = name.map(str::to_owned);
            let load = &mut self.query_loads[kind].entry(name.clone()).or_default()[week];
            load.0 += measures.calls;
            load.1 += measures.total_us;
            // Servers are added when all rows of one have come, which is much less often.
            if kind > 0 {
                self.named[kind].entry(name).or_default().weeks[week].add(&measures);
            }
        }
    }

    fn close_server(&mut self) {
        let weeks = std::mem::take(&mut self.on_server);
        self.series += usize::from(weeks.iter().any(|week| week.logged_calls > 0));
        let before = |place: usize| {
            let mut before = slowlake_sql::LatencyHistogram::new();
            weeks[place - MONTH..place]
                .iter()
                .for_each(|week| before.merge(&week.latency));
            before
        };
        self.health.week.add(&before(THIS), &weeks[THIS].latency);
        self.health.last_week.add(&before(LAST), &weeks[LAST].latency);
        let server = self.named[0].entry(self.server.take()).or_default();
        for (week, measures) in weeks.iter().enumerate() {
            server.weeks[week].add(measures);
            self.query[week].add(measures);
        }
    }

    fn close_query(&mut self) {
        self.close_server();
        let weeks = std::mem::take(&mut self.query);
        let loads = weeks.each_ref().map(Measures::load);
        let (change, change_four_weeks) = self.changes(&loads);
        self.total.change.add(change);
        self.total.change_four_weeks.add(change_four_weeks);
        let mut servers = 0;
        for (kind, by_name) in std::mem::take(&mut self.query_loads).into_iter().enumerate() {
            for (name, loads) in by_name {
                servers += usize::from(kind == 0 && loads[THIS].0 > 0);
                let (change, change_four_weeks) = self.changes(&loads);
                let subject = self.named[kind].entry(name).or_default();
                subject.change.add(change);
                subject.change_four_weeks.add(change_four_weeks);
            }
        }
        for (week, measures) in weeks.iter().enumerate() {
            self.total.weeks[week].add(measures);
        }
        // Executions that no fingerprint could be made of count in the sums but are no query.
        if let Some(fingerprint) = self.fingerprint {
            let with_rows = |week: &Measures| (week.calls, week.total_us, week.rows());
            self.queries.push(QueryWeeks {
                fingerprint,
                servers,
                trend: Trend::of(&weeks, self.weeks_before, change, change_four_weeks),
                rows: RowsSplit::of(change, with_rows(&weeks[LAST]), with_rows(&weeks[THIS])),
            });
        }
    }

    /// Against the week before and the mean of the four weeks before.
    fn changes(&self, loads: &Loads) -> (Split, Split) {
        let month = loads[THIS - MONTH..THIS]
            .iter()
            .fold((0, 0), |sum, load| (sum.0 + load.0, sum.1 + load.1));
        let weeks = self.weeks_before.max(1);
        let month = (mean(month.0, weeks), mean(month.1, weeks));
        (
            Split::between(loads[LAST], loads[THIS]),
            Split::between(month, loads[THIS]),
        )
    }

    fn finish(mut self, days: [i64; WEEKS]) -> WeeklySums {
        self.close_query();
        let weeks_before = self.weeks_before;
        let trend = |subject: Subject| {
            Trend::of(
                &subject.weeks,
                weeks_before,
                subject.change,
                subject.change_four_weeks,
            )
        };
        let trends = |named: BTreeMap<Option<String>, Subject>| {
            let named = named
                .into_iter()
                .filter(|(_, subject)| subject.weeks.iter().any(|week| week.logged_calls > 0));
            named.map(|(name, subject)| (name, trend(subject))).collect()
        };
        let [servers, databases, applications] = self.named;
        WeeklySums {
            days,
            weeks_before,
            series: self.series,
            total: trend(self.total),
            health: self.health,
            queries: self.queries,
            servers: trends(servers),
            databases: trends(databases),
            applications: trends(applications),
        }
    }
}
