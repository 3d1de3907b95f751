//! Whether an answer can be read from hourly roll-ups, and from which: whole hours from them, what is left at the ends of a window from the
//! executions, summed up the same way. Executes nothing.

use serde::{Serialize, Serializer};
use slowlake_sql::{Session, rollup_of};

use crate::filter::Filters;
use crate::window::TimeWindow;

/// What a report was computed from. The figures are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadFrom {
    /// Executions alone.
    #[default]
    Executions,
    /// Hourly roll-ups alone.
    RollupHour,
    /// Hourly roll-ups, and the executions of the hours that are only in part in the window.
    RollupHourAndExecutions,
}

impl ReadFrom {
    /// The name that reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            ReadFrom::Executions => "executions",
            ReadFrom::RollupHour => "rollup_hour",
            ReadFrom::RollupHourAndExecutions => "rollup_hour_and_executions",
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            ReadFrom::Executions => "executions",
            ReadFrom::RollupHour => "hourly roll-ups",
            ReadFrom::RollupHourAndExecutions => {
                "hourly roll-ups, and executions of the first and the last hour"
            }
        }
    }
}

impl Serialize for ReadFrom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The executions of a window as roll-ups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RollUps {
    /// A relation with the columns of the view `rollup_hour`, of the executions that count and no others.
    pub(crate) relation: String,
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
        let (hours, ends) = match window {
            None => (None, Vec::new()),
            Some(window) => {
                let (hours, ends) = whole_hours(window)?;
                (Some(hours), ends)
            }
        };
        let of_hours = filters.condition_on(hours, "hour");
        let mut relation = format!("SELECT {COLUMNS} FROM rollup_hour WHERE {of_hours}");
        for end in &ends {
            let of_end = rollup_of(&filters.condition(Some(*end)));
            relation += &format!(" UNION ALL SELECT {COLUMNS} FROM ({of_end}) AS an_end");
        }
        Some(RollUps {
            relation: format!("({relation}) AS rolled"),
            read_from: if ends.is_empty() {
                ReadFrom::RollupHour
            } else {
                ReadFrom::RollupHourAndExecutions
            },
        })
    }
}

/// What any of the jobs sums up.
const COLUMNS: &str = r#"hour, server, database, "user", application, fingerprint, calls, total_us, min_us, max_us, latency,
    lock_time_us, rows_sent, rows_examined, parses, parse_time_us, binds, bind_time_us, first_ts, last_ts,
    estimated_calls, estimated_total_us, nested_calls, nested_us, nested_estimated_us"#;

/// The whole hours of a window, and what is left of it at its ends.
fn whole_hours(window: TimeWindow) -> Option<(TimeWindow, Vec<TimeWindow>)> {
    let (begin_us, end_us) = (window.begin_us(), window.end_us());
    let first_us = begin_us.checked_add(HOUR_US - 1)?.div_euclid(HOUR_US) * HOUR_US;
    let last_us = end_us.div_euclid(HOUR_US) * HOUR_US;
    let hours = TimeWindow::new(first_us, last_us).ok()?;
    // An end without length is no window.
    let ends = [(begin_us, first_us), (last_us, end_us)];
    let ends = ends
        .into_iter()
        .filter_map(|(from, to)| TimeWindow::new(from, to).ok());
    Some((hours, ends.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_whole_hours_and_ends() {
        let check = |from_us, to_us, hours: Option<(i64, i64)>, ends: &[(i64, i64)]| {
            let window = TimeWindow::new(from_us, to_us).expect("a window");
            let bounds = |window: TimeWindow| (window.begin_us(), window.end_us());
            let found = whole_hours(window);
            assert_eq!(found.as_ref().map(|(hours, _)| bounds(*hours)), hours);
            let found: Vec<_> = found.map(|(_, ends)| ends).unwrap_or_default();
            assert_eq!(found.into_iter().map(bounds).collect::<Vec<_>>(), ends);
        };
        let h = HOUR_US;
        check(0, 2 * h, Some((0, 2 * h)), &[]);
        check(1, 2 * h, Some((h, 2 * h)), &[(1, h)]);
        check(-1, h + 1, Some((0, h)), &[(-1, 0), (h, h + 1)]);
        check(1, h, None, &[]);
        check(1, h + 5, None, &[]);
        check(i64::MAX - 1, i64::MAX, None, &[]);
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
