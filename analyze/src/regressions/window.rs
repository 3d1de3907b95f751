//! The stretch of history that one look sees: which hours are before the last week, which are in it, and what time of day they are.

use std::ops::Range;

/// Hours of a day.
pub(super) const DAY: usize = 24;
/// Hours of a week.
pub(super) const WEEK: usize = 7 * DAY;
/// How far back a look sees: four weeks, of which three are the baseline.
pub(super) const HISTORY: usize = 4 * WEEK;
/// A baseline of two weeks has every hour of a weekend four times: enough for a profile that knows weekends.
const WEEKEND_PROFILE: usize = 2 * WEEK;

/// The hours a look sees, counted from the fleet's first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: usize,
    pub(super) to: usize,
    /// The hour of the week of `from`.
    first_hour_of_week: usize,
}

impl Window {
    /// What the look at `hour` sees: the hours before it, at most four weeks. `None` if they are fewer than two weeks: one of
    /// baseline and one in which to look for a change.
    pub(super) fn at(hour: i64, first_hour: i64) -> Option<Window> {
        let to = usize::try_from(hour.checked_sub(first_hour)?).ok()?;
        if to < 2 * WEEK {
            return None;
        }
        let from = to.saturating_sub(HISTORY);
        let first_hour_of_week = (first_hour + from as i64).rem_euclid(WEEK as i64) as usize;
        Some(Window {
            from,
            to,
            first_hour_of_week,
        })
    }

    pub(super) fn hours(&self) -> Range<usize> {
        self.from..self.to
    }

    pub(super) fn len(&self) -> usize {
        self.to - self.from
    }

    /// How many hours of the window are before its last week.
    pub(super) fn baseline(&self) -> usize {
        self.len() - WEEK
    }

    /// The season's cell of the window's hour `at`: hour of the day, and 24 more at weekends if the baseline is long enough to know
    /// them.
    pub(super) fn cell(&self, at: usize) -> usize {
        let hour = (self.first_hour_of_week + at) % WEEK;
        let is_weekend = hour >= 5 * DAY && self.knows_weekends();
        hour % DAY + if is_weekend { DAY } else { 0 }
    }

    /// Whether the baseline has enough weekends to tell them from other days.
    pub(super) fn knows_weekends(&self) -> bool {
        self.baseline() >= WEEKEND_PROFILE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_sees_four_weeks_back_as_far_as_there_are_hours() {
        let check = |hour, first_hour, expect: Option<(usize, usize, bool)>| {
            let window = Window::at(hour, first_hour);
            assert_eq!(
                window.map(|window| (window.from, window.to, window.knows_weekends())),
                expect
            );
        };
        let week = WEEK as i64;
        check(2 * week - 1, 0, None);
        check(2 * week, 0, Some((0, 2 * WEEK, false)));
        check(3 * week, 0, Some((0, 3 * WEEK, true)));
        check(5 * week, 0, Some((WEEK, 5 * WEEK, true)));
        check(5 * week, 3 * week, Some((0, 2 * WEEK, false)));
        check(week, 5 * week, None);
        check(i64::MIN, 1, None);
    }

    #[test]
    fn cells_are_hours_of_working_days_and_of_weekends() {
        let window = Window::at(4 * WEEK as i64 + 5 * DAY as i64 + 3, 0).unwrap();
        // The window begins on a Saturday at three.
        assert_eq!(
            (window.cell(0), window.cell(2 * DAY - 3), window.cell(7 * DAY + 1)),
            (DAY + 3, 0, DAY + 4)
        );
        // Of a short history, weekends are days as others.
        let short = Window::at(5 * DAY as i64 + 2 * WEEK as i64, 5 * DAY as i64).unwrap();
        assert_eq!((short.cell(0), short.cell(30)), (0, 6));
    }
}
