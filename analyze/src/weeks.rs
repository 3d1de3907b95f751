//! The week that a report is about and the weeks before it: seven days of UTC each. Never asks a clock: what is the last week is
//! told by the lake.

use slowlake_sql::Session;

use crate::error::AnalyzeError;
use crate::filter::{DAY_US, day_literal};
use crate::rows::{day, each_row, time};
use crate::window::TimeWindow;

/// Which week a report is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WeekRequest {
    /// The last whole one, Monday to Sunday, that the lake has.
    #[default]
    Last,
    /// The last whole one, Monday to Sunday, that was over at this time, µs since 1970 UTC.
    AsOf(i64),
    /// The seven days before the day of this time, µs since 1970 UTC.
    EndsAt(i64),
}

/// Weeks that a report knows: its own, and five before it.
pub(crate) const WEEKS: usize = 6;
/// The place of the report's own week among them, the oldest first.
pub(crate) const THIS: usize = WEEKS - 1;
/// The place of the week before.
pub(crate) const LAST: usize = THIS - 1;
/// Weeks that "the four weeks before" are.
pub(crate) const MONTH: usize = 4;

/// The day that stands for executions without a time.
const UNDATED: i64 = 0;
const HOUR_US: i64 = 3_600_000_000;
const WEEK_DAYS: i64 = 7;
const WEEK_US: i64 = WEEK_DAYS * DAY_US;
/// 1970 began on a Thursday: the first Monday is day 4.
const FIRST_MONDAY: i64 = 4;

/// A week and those before it, by the day behind its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weeks {
    end_day: i64,
}

impl Weeks {
    /// The weeks that were asked for; `None` if it is left to a lake without an execution whose time is known.
    pub(crate) async fn resolve(
        session: &Session,
        request: WeekRequest,
    ) -> Result<Option<Weeks>, AnalyzeError> {
        match request {
            WeekRequest::AsOf(us) => Ok(Some(Weeks::over_at(us.div_euclid(DAY_US)))),
            WeekRequest::EndsAt(us) => Ok(Some(Weeks {
                end_day: us.div_euclid(DAY_US),
            })),
            WeekRequest::Last => {
                let span = span(session).await?;
                Ok(span.map(|(first_us, end_us)| Weeks::last_of(first_us, end_us)))
            }
        }
    }

    /// The last whole week before the end of a lake; of a lake that is younger, the seven days that end with its last.
    fn last_of(first_us: i64, end_us: i64) -> Weeks {
        let whole = Weeks::over_at(end_us.div_euclid(DAY_US));
        if whole.end_day * DAY_US > first_us {
            return whole;
        }
        Weeks {
            end_day: (end_us - 1).div_euclid(DAY_US) + 1,
        }
    }

    /// The last whole week of which the last day is before this one.
    fn over_at(day: i64) -> Weeks {
        Weeks {
            end_day: (day - FIRST_MONDAY).div_euclid(WEEK_DAYS) * WEEK_DAYS + FIRST_MONDAY,
        }
    }

    /// One week, by its place.
    pub(crate) fn window(self, place: usize) -> Result<TimeWindow, AnalyzeError> {
        let end_us = (self.end_day - WEEK_DAYS * (THIS - place) as i64) * DAY_US;
        TimeWindow::new(end_us - WEEK_US, end_us)
    }

    /// All of them.
    pub(crate) fn all(self) -> Result<TimeWindow, AnalyzeError> {
        TimeWindow::new(self.window(0)?.begin_us(), self.window(THIS)?.end_us())
    }

    /// SQL for the place of the week that the column `event_date` is in.
    pub(crate) fn place_sql(self) -> String {
        let first_day = self.end_day - WEEK_DAYS * WEEKS as i64;
        format!("(arrow_cast(event_date, 'Int32') - {first_day}) / {WEEK_DAYS}")
    }
}

/// The begin of the first day of a lake and the end of its last hour, µs since 1970 UTC, of executions whose time is known.
async fn span(session: &Session) -> Result<Option<(i64, i64)>, AnalyzeError> {
    let mut days = None;
    let statement = format!(
        "SELECT min(event_date), max(event_date) FROM rollup_day WHERE event_date > {}",
        day_literal(UNDATED)
    );
    each_row(session.query(&statement).await?, |rows, row| {
        days = day(rows, row, 0).zip(day(rows, row, 1));
    })
    .await?;
    let Some((first, last)) = days else {
        return Ok(None);
    };
    // Only the last day is read by hour.
    let statement = format!(
        "SELECT max(hour) FROM rollup_hour WHERE event_date = {}",
        day_literal(last)
    );
    let mut hour_us = None;
    each_row(session.query(&statement).await?, |rows, row| {
        hour_us = time(rows, row, 0)
    })
    .await?;
    Ok(Some((first * DAY_US, hour_us.unwrap_or(last * DAY_US) + HOUR_US)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Day 20 773 is 2026-11-16, a Monday.
    const MONDAY: i64 = 20_773;

    #[test]
    fn a_week_begins_on_monday() {
        let check = |day: i64, end_day: i64| assert_eq!(Weeks::over_at(day).end_day, end_day, "{day}");
        check(MONDAY, MONDAY);
        check(MONDAY + 6, MONDAY);
        check(MONDAY - 1, MONDAY - 7);
        check(0, -3);
    }

    #[test]
    fn the_last_week_is_whole_unless_the_lake_is_younger() {
        let check = |first_day: i64, end_us: i64, end_day: i64| {
            assert_eq!(Weeks::last_of(first_day * DAY_US, end_us).end_day, end_day);
        };
        check(MONDAY - 30, MONDAY * DAY_US, MONDAY);
        check(MONDAY - 30, MONDAY * DAY_US - 1, MONDAY - 7);
        check(MONDAY - 1, (MONDAY + 3) * DAY_US, MONDAY);
        check(MONDAY + 1, (MONDAY + 3) * DAY_US + 1, MONDAY + 4);
    }

    #[test]
    fn weeks_follow_each_other() {
        let weeks = Weeks { end_day: MONDAY };
        let window = |place| weeks.window(place).expect("a week");
        assert_eq!(window(THIS).end_us(), MONDAY * DAY_US);
        for place in 1..WEEKS {
            assert_eq!(window(place).begin_us(), window(place - 1).end_us());
        }
        let all = weeks.all().expect("weeks");
        assert_eq!(
            (all.begin_us(), all.end_us()),
            (window(0).begin_us(), window(THIS).end_us())
        );
        assert_eq!(weeks.place_sql(), "(arrow_cast(event_date, 'Int32') - 20731) / 7");
    }
}
