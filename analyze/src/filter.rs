//! Which executions and events a job is about, and the same as a condition of SQL. Executes nothing.

use serde::Serialize;

use crate::window::TimeWindow;

/// Executions and events count when each list of names is empty or has theirs, and their normalized text fits the expressions. What does
/// not say its name, or has no statement, is in no list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Filters {
    /// Servers.
    pub server: Vec<String>,
    /// Databases.
    pub database: Vec<String>,
    /// Users.
    pub user: Vec<String>,
    /// Applications.
    pub application: Vec<String>,
    /// Hosts or addresses of clients.
    pub client: Vec<String>,
    /// Regular expressions, one of which the normalized text must match.
    pub include: Vec<String>,
    /// Regular expressions, none of which the normalized text may match.
    pub exclude: Vec<String>,
}

impl Filters {
    /// The condition on rows of the views `executions` and `server_events`.
    pub(crate) fn condition(&self, window: Option<TimeWindow>) -> String {
        self.condition_on(window, "ts")
    }

    /// The condition on rows of any view, of which this column has the time.
    pub(crate) fn condition_on(&self, window: Option<TimeWindow>, time: &str) -> String {
        self.condition_and(window.map(|window| within(window, time)))
    }

    /// The condition on rows of the view `rollup_day`, of which the window has whole days.
    pub(crate) fn condition_on_days(&self, window: Option<TimeWindow>) -> String {
        self.condition_and(window.map(within_days))
    }

    fn condition_and(&self, in_time: Option<String>) -> String {
        let mut conditions = vec![
            any_of("server", &self.server),
            any_of("database", &self.database),
            any_of("\"user\"", &self.user),
            any_of("application", &self.application),
            any_of("client", &self.client),
        ];
        if !self.include.is_empty() {
            conditions.push(format!("fingerprint IN ({})", matching(&self.include)));
        }
        if !self.exclude.is_empty() {
            // 0 stands for rows without a statement, which nothing can exclude.
            conditions.push(format!(
                "coalesce(fingerprint, 0) NOT IN ({})",
                matching(&self.exclude)
            ));
        }
        conditions.extend(in_time);
        conditions.retain(|condition| condition != EVERYTHING);
        if conditions.is_empty() {
            EVERYTHING.to_owned()
        } else {
            conditions.join(" AND ")
        }
    }
}

const EVERYTHING: &str = "true";

/// The condition that a column has one of these names, if there are any.
pub(crate) fn any_of(column: &str, names: &[String]) -> String {
    if names.is_empty() {
        return EVERYTHING.to_owned();
    }
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    format!("{column} IN ({})", names.join(", "))
}

/// The fingerprints whose text matches one of the expressions.
fn matching(expressions: &[String]) -> String {
    let matches: Vec<String> = expressions
        .iter()
        .map(|expression| format!("regexp_like(normalized, {})", quoted(expression)))
        .collect();
    format!(
        "SELECT fingerprint FROM queries WHERE normalized IS NOT NULL AND ({})",
        matches.join(" OR ")
    )
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The days go with the times so that whole partitions are left out.
fn within(window: TimeWindow, time: &str) -> String {
    let moment = |us: i64| format!("arrow_cast({us}, 'Timestamp(Microsecond, Some(\"UTC\"))')");
    format!(
        "{} AND {time} >= {} AND {time} < {}",
        within_days(window),
        moment(window.begin_us()),
        moment(window.end_us())
    )
}

fn within_days(window: TimeWindow) -> String {
    format!(
        "event_date >= {} AND event_date <= {}",
        day_literal(window.begin_us().div_euclid(DAY_US)),
        day_literal((window.end_us() - 1).div_euclid(DAY_US))
    )
}

/// SQL for a day, counted from 1970.
pub(crate) fn day_literal(day: i64) -> String {
    format!("arrow_cast(arrow_cast({day}, 'Int32'), 'Date32')")
}

/// A day, µs.
pub(crate) const DAY_US: i64 = 86_400_000_000;
