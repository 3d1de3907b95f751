//! The hours of a lake before a point in time, looked at: reads roll-ups a bounded part at a time and gives them to the detector, server by
//! server. Says nothing of what is found.

use std::collections::HashMap;
use std::num::NonZero;
use std::ops::Range;

use slowlake_sql::{Session, Value};

use super::buckets::{Frame, Server, sort};
use super::claims::HOUR_US;
use super::survey::{Schedule, Survey};
use super::window::{DAY, WEEK};
use super::{HourBucket, Watched};
use crate::error::AnalyzeError;
use crate::filter::{Filters, any_of};
use crate::rows::{each_row, time};
use crate::window::TimeWindow;

/// 1970 began on a Thursday; the detector counts hours from a Monday.
pub(super) const HOURS_SINCE_MONDAY: i64 = 3 * DAY as i64;
/// The report makes the daily looks of its last week anew, so that it need not remember what it said.
const LOOKS: i64 = 7;
/// The hours that the first of those looks and its calibration need: four weeks, and ten days of placebo looks before.
const HISTORY_HOURS: i64 = 6 * WEEK as i64;
/// Rows of roll-ups that are in memory at once, but for a server that has more: 100 MB.
const ROWS_AT_ONCE: usize = 2_000_000;

/// The hours before a point in time, as the roll-ups have them.
pub(super) struct History {
    /// By name, whose position is the server's number.
    pub(super) servers: Vec<ServerRows>,
    frame: Frame,
    shared: Vec<i64>,
    /// The condition on the view `rollup_hour`.
    condition: String,
}

/// What there is of a server.
pub(super) struct ServerRows {
    /// `None` is unknown.
    pub(super) name: Option<String>,
    rows: usize,
}

impl History {
    /// Looks what there is before `as_of`, hours since 1970.
    pub(super) async fn of(session: &Session, as_of: i64) -> Result<History, AnalyzeError> {
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

    /// The name of a server.
    pub(super) fn server(&self, number: u32) -> Option<String> {
        self.servers.get(number as usize)?.name.clone()
    }

    /// The daily looks of the week that ends with `as_of`, hours since 1970. Some servers are in memory at a time.
    pub(super) async fn watch(&self, session: &Session, as_of: i64) -> Result<Watched, AnalyzeError> {
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

/// µs since 1970 UTC as the detector's hours.
fn hour_of(us: i64) -> i64 {
    us.div_euclid(HOUR_US) + HOURS_SINCE_MONDAY
}

/// The detector's hours as µs since 1970 UTC.
pub(super) fn us_of(hour: i64) -> i64 {
    (hour - HOURS_SINCE_MONDAY) * HOUR_US
}
