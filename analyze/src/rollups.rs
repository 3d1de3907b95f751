//! Whether an answer can be read from roll-ups, and from which: whole days from the daily ones, whole hours at the ends of a window from the
//! hourly ones, what is left from the executions, summed up the same way. Executes nothing.

use serde::{Serialize, Serializer};
use slowlake_sql::{Session, rollup_of};

use crate::filter::{DAY_US, Filters};
use crate::window::TimeWindow;

/// What a report was computed from. The figures are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadFrom {
    /// Daily roll-ups.
    pub days: bool,
    /// Hourly roll-ups.
    pub hours: bool,
    /// Executions: with roll-ups, those of the hours that are only in part in the window.
    pub executions: bool,
}

impl ReadFrom {
    /// Executions alone.
    pub const EXECUTIONS: ReadFrom = ReadFrom {
        days: false,
        hours: false,
        executions: true,
    };

    /// The names of the views.
    pub fn names(self) -> Vec<&'static str> {
        let named = [
            (self.days, "rollup_day"),
            (self.hours, "rollup_hour"),
            (self.executions, "executions"),
        ];
        let read = named.into_iter().filter(|(is_read, _)| *is_read);
        read.map(|(_, name)| name).collect()
    }

    /// In words.
    pub fn words(self) -> String {
        if self == ReadFrom::EXECUTIONS {
            return "executions".to_owned();
        }
        let rollups = match self.days {
            true => "daily and hourly roll-ups",
            false => "hourly roll-ups",
        };
        match self.executions {
            true => format!("{rollups}, and executions of the first and the last hour"),
            false => rollups.to_owned(),
        }
    }
}

impl Serialize for ReadFrom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.names().serialize(serializer)
    }
}

/// The executions of a window as roll-ups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RollUps {
    /// A relation with the measures of the views `rollup_day` and `rollup_hour`, of the executions that count and no others.
    pub(crate) relation: String,
    /// The same by hour, with few of the measures: `hour, estimated_calls, estimated_total_us, nested_estimated_us`.
    pub(crate) by_hour: String,
    pub(crate) read_from: ReadFrom,
}

const HOUR_US: i64 = 3_600_000_000;

impl RollUps {
    /// None where the lake keeps none, where no whole hour is in the window, or where a filter asks for what they do not have.
    pub(crate) fn choose(
        session: &Session,
        window: Option<TimeWindow>,
        filters: &Filters,
    ) -> Option<RollUps> {
        if !session.has_rollups() {
            return None;
        }
        RollUps::of(window, filters)
    }

    /// The same of a lake that keeps them.
    pub(crate) fn of(window: Option<TimeWindow>, filters: &Filters) -> Option<RollUps> {
        if !filters.client.is_empty() {
            return None;
        }
        let Some(window) = window else {
            let everything = filters.condition(None);
            return Some(RollUps {
                relation: union([format!("SELECT {MEASURES} FROM rollup_day WHERE {everything}")]),
                by_hour: union([format!("SELECT {BY_HOUR} FROM rollup_hour WHERE {everything}")]),
                read_from: ReadFrom {
                    days: true,
                    hours: true,
                    executions: false,
                },
            });
        };
        let (hours, parts_of_hours) = whole(window, HOUR_US);
        let hours = hours?;
        let (days, other_hours) = whole(hours, DAY_US);

        let of_days = |days| {
            let condition = filters.condition_on_days(Some(days));
            format!("SELECT {MEASURES} FROM rollup_day WHERE {condition}")
        };
        let of_hours = |columns: &str, hours| {
            let condition = filters.condition_on(Some(hours), "hour");
            format!("SELECT {columns} FROM rollup_hour WHERE {condition}")
        };
        let of_parts = |columns: &str| {
            let columns = columns.to_owned();
            parts_of_hours.clone().into_iter().map(move |part| {
                let rolled = rollup_of(&filters.condition(Some(part)));
                format!("SELECT {columns} FROM ({rolled}) AS part_of_an_hour")
            })
        };
        let relation = days
            .map(of_days)
            .into_iter()
            .chain(other_hours.into_iter().map(|hours| of_hours(MEASURES, hours)))
            .chain(of_parts(MEASURES));
        Some(RollUps {
            relation: union(relation),
            by_hour: union(std::iter::once(of_hours(BY_HOUR, hours)).chain(of_parts(BY_HOUR))),
            read_from: ReadFrom {
                days: days.is_some(),
                hours: true,
                executions: !parts_of_hours.is_empty(),
            },
        })
    }
}

/// What any of the jobs sums up.
const MEASURES: &str = r#"server, database, "user", application, fingerprint, calls, total_us, min_us, max_us, latency,
    lock_time_us, rows_sent, rows_examined, parses, parse_time_us, binds, bind_time_us, first_ts, last_ts,
    estimated_calls, estimated_total_us, nested_calls, nested_us, nested_estimated_us"#;

const BY_HOUR: &str = "hour, estimated_calls, estimated_total_us, nested_estimated_us";

fn union(parts: impl IntoIterator<Item = String>) -> String {
    let parts: Vec<String> = parts.into_iter().collect();
    format!("({}) AS rolled", parts.join(" UNION ALL "))
}

/// The whole units (hours, days) of a window, and what is left of it at its ends; all of it where it has no whole one.
fn whole(window: TimeWindow, unit_us: i64) -> (Option<TimeWindow>, Vec<TimeWindow>) {
    let (begin_us, end_us) = (window.begin_us(), window.end_us());
    let first_us = begin_us
        .checked_add(unit_us - 1)
        .map(|us| us.div_euclid(unit_us) * unit_us);
    let last_us = end_us.div_euclid(unit_us) * unit_us;
    let units = first_us.and_then(|first_us| TimeWindow::new(first_us, last_us).ok());
    let Some(units) = units else {
        return (None, vec![window]);
    };
    // An end without length is no window.
    let ends = [(begin_us, units.begin_us()), (units.end_us(), end_us)];
    let ends = ends
        .into_iter()
        .filter_map(|(from, to)| TimeWindow::new(from, to).ok());
    (Some(units), ends.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from_us: i64, to_us: i64) -> TimeWindow {
        TimeWindow::new(from_us, to_us).expect("a window")
    }

    #[test]
    fn windows_are_whole_units_and_ends() {
        let check = |from_us, to_us, units: Option<(i64, i64)>, ends: &[(i64, i64)]| {
            let bounds = |window: TimeWindow| (window.begin_us(), window.end_us());
            let (found, left) = whole(window(from_us, to_us), HOUR_US);
            assert_eq!(found.map(bounds), units);
            assert_eq!(left.into_iter().map(bounds).collect::<Vec<_>>(), ends);
        };
        let h = HOUR_US;
        check(0, 2 * h, Some((0, 2 * h)), &[]);
        check(1, 2 * h, Some((h, 2 * h)), &[(1, h)]);
        check(-1, h + 1, Some((0, h)), &[(-1, 0), (h, h + 1)]);
        check(1, h, None, &[(1, h)]);
        check(1, h + 5, None, &[(1, h + 5)]);
        check(i64::MAX - 1, i64::MAX, None, &[(i64::MAX - 1, i64::MAX)]);
    }

    #[test]
    fn each_part_of_a_window_is_read_from_the_coarsest_that_has_it() {
        let check = |from_us, to_us, names: &[&str], parts: usize| {
            let rollups = RollUps::of(Some(window(from_us, to_us)), &Filters::default());
            let found = rollups.as_ref().map(|rollups| rollups.read_from.names());
            assert_eq!(found.unwrap_or_default(), names, "{from_us} to {to_us}");
            let found = rollups.map_or(0, |rollups| rollups.relation.matches("UNION ALL").count() + 1);
            assert_eq!(found, parts, "{from_us} to {to_us}");
        };
        let (h, d) = (HOUR_US, DAY_US);
        check(0, d, &["rollup_day", "rollup_hour"], 1);
        check(h, 2 * d + 5 * h, &["rollup_day", "rollup_hour"], 3);
        check(h + 1, 3 * d - 1, &["rollup_day", "rollup_hour", "executions"], 5);
        check(h, d, &["rollup_hour"], 1);
        check(h + 1, d + 2 * h, &["rollup_hour", "executions"], 2);
        check(1, h, &[], 0);
    }

    #[test]
    fn filters_that_need_executions_have_none() {
        let client = Filters {
            client: vec!["10.0.0.7".to_owned()],
            ..Filters::default()
        };
        assert_eq!(RollUps::of(None, &client), None);
        let server = Filters {
            server: vec!["db-1".to_owned()],
            ..Filters::default()
        };
        assert!(
            RollUps::of(None, &server).is_some_and(|rollups| rollups.relation.contains("server IN ('db-1')"))
        );
    }
}
