//! Reads the daily roll-ups of six weeks once and adds them up by all that a trend is told of. Only sums: the order in which rows come
//! does not matter.

use std::collections::{BTreeMap, HashMap};

use slowlake_sql::{LatencyHistogram, Rows, Session};

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

impl WeeklySums {
    /// Begin of the first of the weeks that has executions, µs since 1970 UTC.
    pub(crate) fn first_us(&self, weeks: Weeks) -> Result<Option<i64>, AnalyzeError> {
        let first = self.days.iter().position(|days| *days > 0);
        first.map(|place| Ok(weeks.window(place)?.begin_us())).transpose()
    }
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

    let mut adding = Adding::new(weeks_before);
    for part in parts_of_fingerprints(rows_of(session, &condition).await?) {
        let statement = format!(
            "SELECT fingerprint, server, database, application, {place}, {MEASURES} FROM rollup_day WHERE {condition} AND {part}"
        );
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
        adding.close_queries();
    }
    Ok(adding.finish(days))
}

/// Rows of the daily roll-ups that are added up at a time: with a histogram each, some hundred MiB.
const ROWS_AT_A_TIME: i64 = 1_000_000;

async fn rows_of(session: &Session, condition: &str) -> Result<i64, AnalyzeError> {
    let mut count = 0;
    let statement = format!("SELECT count(*) FROM rollup_day WHERE {condition}");
    each_row(session.query(&statement).await?, |rows, row| {
        count = rows.integer(row, 0).unwrap_or_default();
    })
    .await?;
    Ok(count)
}

/// Conditions that each hold for about as many of so many rows, few enough to be held, and for all executions of a query or none.
/// Fingerprints are hashes: equal parts of their range have about equally many of them. Roll-ups lie in their order, so that each part of
/// a file is read once.
fn parts_of_fingerprints(rows: i64) -> Vec<String> {
    let parts = i128::from(rows / ROWS_AT_A_TIME + 1);
    if parts == 1 {
        return vec!["true".to_owned()];
    }
    let bound = |part: i128| i128::from(i64::MIN) + part * (1_i128 << 64) / parts;
    let range = |part| {
        let range = format!("fingerprint BETWEEN {} AND {}", bound(part), bound(part + 1) - 1);
        match part {
            0 => format!("({range} OR fingerprint IS NULL)"),
            _ => range,
        }
    };
    (0..parts).map(range).collect()
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

/// A query while its rows come in, by the numbers of its servers, databases and applications.
#[derive(Default)]
struct QueryRows {
    servers: HashMap<usize, Box<Week6>>,
    /// By database and by application.
    loads: [HashMap<usize, Loads>; 2],
}

/// Names in the order in which they came, and what they come to.
#[derive(Default)]
struct Named {
    numbers: HashMap<Option<String>, usize>,
    subjects: Vec<Subject>,
}

impl Named {
    fn number(&mut self, name: Option<&str>) -> usize {
        // `Option<&str>` cannot be looked for among `Option<String>` without a copy; names are short.
        let next = self.subjects.len();
        let number = *self.numbers.entry(name.map(str::to_owned)).or_insert(next);
        if number == next {
            self.subjects.push(Subject::default());
        }
        number
    }
}

/// What is held while rows come in: sums by name, and the queries of one part of the fingerprints.
struct Adding {
    weeks_before: i64,
    series: usize,
    total: Subject,
    health: Health,
    queries: Vec<QueryWeeks>,
    /// Servers, databases, applications.
    named: [Named; 3],
    open: HashMap<Option<i64>, QueryRows>,
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
            open: HashMap::new(),
        }
    }

    fn row(&mut self, row: Row<'_>) {
        let Row {
            names: [server, database, application],
            week,
            measures,
            ..
        } = row;
        let query = self.open.entry(row.fingerprint).or_default();
        // Servers are added up when all rows of a query on one have come, which is much less often.
        let server = self.named[0].number(server);
        query.servers.entry(server).or_default()[week].add(&measures);
        for (kind, name) in [database, application].into_iter().enumerate() {
            let named = &mut self.named[kind + 1];
            let number = named.number(name);
            named.subjects[number].weeks[week].add(&measures);
            let load = &mut query.loads[kind].entry(number).or_default()[week];
            load.0 += measures.calls;
            load.1 += measures.total_us;
        }
    }

    /// All rows of the queries have come.
    fn close_queries(&mut self) {
        for (fingerprint, query) in std::mem::take(&mut self.open) {
            self.close_query(fingerprint, query);
        }
    }

    fn close_query(&mut self, fingerprint: Option<i64>, query: QueryRows) {
        let mut weeks = Week6::default();
        let mut servers = 0;
        for (server, on_server) in query.servers {
            servers += usize::from(on_server[THIS].calls > 0);
            self.add_series(server, &on_server);
            for (week, measures) in on_server.iter().enumerate() {
                weeks[week].add(measures);
            }
        }
        for (kind, loads) in query.loads.into_iter().enumerate() {
            for (number, loads) in loads {
                self.add_changes(kind + 1, number, &loads);
            }
        }
        let (change, change_four_weeks) = self.changes(&weeks.each_ref().map(Measures::load));
        self.total.change.add(change);
        self.total.change_four_weeks.add(change_four_weeks);
        for (week, measures) in weeks.iter().enumerate() {
            self.total.weeks[week].add(measures);
        }
        // Executions that no fingerprint could be made of count in the sums but are no query.
        if let Some(fingerprint) = fingerprint {
            let with_rows = |week: &Measures| (week.calls, week.total_us, week.rows());
            self.queries.push(QueryWeeks {
                fingerprint,
                servers,
                trend: Trend::of(&weeks, self.weeks_before, change, change_four_weeks),
                rows: RowsSplit::of(change, with_rows(&weeks[LAST]), with_rows(&weeks[THIS])),
            });
        }
    }

    /// One query on one server.
    fn add_series(&mut self, server: usize, weeks: &Week6) {
        self.series += usize::from(weeks.iter().any(|week| week.logged_calls > 0));
        let before = |place: usize| {
            let mut before = LatencyHistogram::new();
            weeks[place - MONTH..place]
                .iter()
                .for_each(|week| before.merge(&week.latency));
            before
        };
        self.health.week.add(&before(THIS), &weeks[THIS].latency);
        self.health.last_week.add(&before(LAST), &weeks[LAST].latency);
        for (week, measures) in weeks.iter().enumerate() {
            self.named[0].subjects[server].weeks[week].add(measures);
        }
        self.add_changes(0, server, &weeks.each_ref().map(Measures::load));
    }

    /// Adds the changes of one query to those of a server, database or application.
    fn add_changes(&mut self, kind: usize, number: usize, loads: &Loads) {
        let (change, change_four_weeks) = self.changes(loads);
        let subject = &mut self.named[kind].subjects[number];
        subject.change.add(change);
        subject.change_four_weeks.add(change_four_weeks);
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
        self.queries.sort_unstable_by_key(|query| query.fingerprint);
        let weeks_before = self.weeks_before;
        let trend = |subject: &Subject| {
            Trend::of(
                &subject.weeks,
                weeks_before,
                subject.change,
                subject.change_four_weeks,
            )
        };
        let trends = |named: Named| {
            let Named { numbers, subjects } = named;
            let trends = numbers.into_iter().filter_map(|(name, number)| {
                let subject = &subjects[number];
                let is_known = subject.weeks.iter().any(|week| week.logged_calls > 0);
                is_known.then(|| (name, trend(subject)))
            });
            trends.collect()
        };
        let [servers, databases, applications] = self.named;
        WeeklySums {
            days,
            weeks_before,
            series: self.series,
            total: trend(&self.total),
            health: self.health,
            queries: self.queries,
            servers: trends(servers),
            databases: trends(databases),
            applications: trends(applications),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_every_fingerprint_once() {
        assert_eq!(parts_of_fingerprints(0), ["true"]);
        assert_eq!(parts_of_fingerprints(ROWS_AT_A_TIME - 1), ["true"]);
        let parts = parts_of_fingerprints(3 * ROWS_AT_A_TIME);
        assert_eq!(parts.len(), 4);
        let mut next = i128::from(i64::MIN);
        for part in &parts {
            let words: Vec<&str> = part
                .trim_matches(['(', ')'])
                .trim_end_matches(" OR fingerprint IS NULL")
                .split(' ')
                .collect();
            let [_, _, from, _, to] = words[..] else {
                panic!("{part}");
            };
            assert_eq!(from.parse(), Ok(next), "{part}");
            next = to.parse::<i128>().expect(part) + 1;
        }
        assert_eq!(next, i128::from(i64::MAX) + 1);
        assert!(parts[0].contains("IS NULL") && !parts[1].contains("IS NULL"));
    }
}
