//! Hours of events: which of them changed since a version of the lake, and how to say so in SQL. Never reads a table.

use std::collections::BTreeSet;
use std::ops::Range;

/// An hour, µs.
pub(crate) const HOUR_US: i64 = 3_600_000_000;
/// Hours of a day.
pub(crate) const HOURS_OF_DAY: i64 = 24;

/// The day of the rows whose time is unknown or not in the calendar.
pub(crate) const UNDATED: i32 = 0;

/// A condition names so many stretches of time at most; nearer ones are joined beyond that.
const STRETCHES_MAX: usize = 48;

/// A set of hours of the calendar, and of the undated rows, which are one thing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Touched {
    /// Since 1970-01-01 00:00 UTC.
    hours: BTreeSet<i64>,
    undated: bool,
}

impl Touched {
    /// Adds the hours of a file of one day, between the times of its rows, µs since 1970; all of the day where those are not known.
    pub(crate) fn add(&mut self, day: i32, times_us: Option<(i64, i64)>) {
        if day == UNDATED {
            self.undated = true;
            return;
        }
        let first = i64::from(day) * HOURS_OF_DAY;
        let last = first + HOURS_OF_DAY - 1;
        let (from, to) = times_us.map_or((first, last), |(from, to)| {
            // The log's bounds are wider than the rows.
            let hour = |us: i64| us.div_euclid(HOUR_US).clamp(first, last);
            (hour(from), hour(to))
        });
        self.hours.extend(from..=to);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.hours.is_empty() && !self.undated
    }

    /// How many hours; the undated rows count as one.
    pub(crate) fn len(&self) -> usize {
        self.hours.len() + usize::from(self.undated)
    }

    /// Takes out what is before a day, but for the undated rows.
    pub(crate) fn forget_before(&mut self, day: i32) {
        self.hours = self.hours.split_off(&(i64::from(day) * HOURS_OF_DAY));
    }

    /// The days that have any of it, rising.
    pub(crate) fn days(&self) -> BTreeSet<i32> {
        let dated = self.hours.iter().map(|hour| day_of(*hour));
        dated.chain(self.undated.then_some(UNDATED)).collect()
    }

    /// The hours of a day, rising.
    pub(crate) fn hours_of(&self, day: i32) -> Vec<i64> {
        let first = i64::from(day) * HOURS_OF_DAY;
        self.hours.range(first..first + HOURS_OF_DAY).copied().collect()
    }

    /// What of it is of a day.
    pub(crate) fn of_day(&self, day: i32) -> Touched {
        Touched {
            hours: self.hours_of(day).into_iter().collect(),
            undated: self.undated && day == UNDATED,
        }
    }

    /// Each day of which it has an hour, as a whole.
    pub(crate) fn whole_days(&self) -> Touched {
        let mut whole = Touched::default();
        self.days().into_iter().for_each(|day| whole.add(day, None));
        whole
    }

    /// Joins the nearest stretches until a condition can name all. What it then has in addition is before no hour that it had.
    pub(crate) fn joined(mut self) -> Touched {
        let stretches = self.stretches();
        let mut gaps: Vec<Range<i64>> = stretches
            .windows(2)
            .map(|pair| pair[0].end..pair[1].start)
            .collect();
        gaps.sort_by_key(|gap| gap.end - gap.start);
        let surplus = stretches.len().saturating_sub(STRETCHES_MAX);
        self.hours.extend(gaps.into_iter().take(surplus).flatten());
        self
    }

    /// The stretches of hours without a gap, rising.
    fn stretches(&self) -> Vec<Range<i64>> {
        let mut stretches: Vec<Range<i64>> = Vec::new();
        for hour in &self.hours {
            match stretches.last_mut() {
                Some(last) if last.end == *hour => last.end += 1,
                _ => stretches.push(*hour..hour + 1),
            }
        }
        stretches
    }

    /// The condition that a row of some time is of it. `column` has that time, or any time of the same hour. Days are named as well, so
    /// that whole partitions are left out.
    pub(crate) fn condition(&self, column: &str) -> String {
        let mut conditions: Vec<String> = self
            .stretches()
            .into_iter()
            .map(|hours| within(column, &hours))
            .collect();
        if self.undated {
            conditions.push(format!("event_date = {}", day_literal(UNDATED)));
        }
        match conditions.len() {
            0 => "false".to_owned(),
            _ => format!("({})", conditions.join(" OR ")),
        }
    }

    /// The condition that it is not. A row with a day always is or is not, whether or not it has a time.
    pub(crate) fn converse(&self, column: &str) -> String {
        let undated = format!("event_date = {}", day_literal(UNDATED));
        let dated = Touched {
            undated: false,
            ..self.clone()
        };
        let outside = match dated.is_empty() {
            true => "true".to_owned(),
            false => format!("({undated} OR NOT {})", dated.condition(column)),
        };
        if self.undated {
            format!("NOT ({undated}) AND {outside}")
        } else {
            outside
        }
    }
}

/// The day of an hour since 1970.
fn day_of(hour: i64) -> i32 {
    // Hours are made of days, so that it fits.
    i32::try_from(hour.div_euclid(HOURS_OF_DAY)).unwrap_or(UNDATED)
}

/// Whole days need no time.
fn within(column: &str, hours: &Range<i64>) -> String {
    let (first, last) = (day_of(hours.start), day_of(hours.end - 1));
    let days = format!(
        "event_date >= {} AND event_date <= {}",
        day_literal(first),
        day_literal(last)
    );
    let is_whole = hours.start % HOURS_OF_DAY == 0 && hours.end % HOURS_OF_DAY == 0;
    if is_whole {
        return format!("({days})");
    }
    let (from, to) = (time_literal(hours.start), time_literal(hours.end));
    format!("({days} AND {column} >= {from} AND {column} < {to})")
}

pub(crate) fn day_literal(day: i32) -> String {
    format!("arrow_cast(arrow_cast({day}, 'Int32'), 'Date32')")
}

/// The begin of an hour since 1970.
fn time_literal(hour: i64) -> String {
    format!(
        "arrow_cast({}, 'Timestamp(Microsecond, Some(\"UTC\"))')",
        hour * HOUR_US
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23.
    const DAY: i32 = 20_780;

    fn hours(day: i32, hours: &[i64]) -> Touched {
        let mut touched = Touched::default();
        for hour in hours {
            let us = (i64::from(day) * HOURS_OF_DAY + hour) * HOUR_US;
            touched.add(day, Some((us, us + HOUR_US - 1)));
        }
        touched
    }

    #[test]
    fn files_touch_the_hours_between_their_times() {
        let first = i64::from(DAY) * HOURS_OF_DAY;
        let check = |times_us, expected: &[i64]| {
            let mut touched = Touched::default();
            touched.add(DAY, times_us);
            let found: Vec<i64> = touched.hours_of(DAY).iter().map(|hour| hour - first).collect();
            assert_eq!(found, expected, "{times_us:?}");
        };
        let at = |hour: i64| (first + hour) * HOUR_US;
        check(Some((at(3), at(3))), &[3]);
        check(Some((at(3), at(5) + 1)), &[3, 4, 5]);
        check(Some((at(-2), at(0))), &[0]);
        check(Some((at(23), at(24))), &[23]);
        check(None, &(0..24).collect::<Vec<_>>());
    }

    #[test]
    fn conditions_name_stretches_and_days() {
        assert_eq!(Touched::default().condition("ts"), "false");
        assert_eq!(Touched::default().converse("ts"), "true");
        assert_eq!(hours(DAY, &[1, 2, 5]).stretches().len(), 2);
        let whole = hours(DAY, &[7]).whole_days();
        assert!(!whole.condition("ts").contains("ts"), "{}", whole.condition("ts"));
        let mut undated = Touched::default();
        undated.add(UNDATED, None);
        assert_eq!((undated.len(), undated.days()), (1, [UNDATED].into()));
        assert!(undated.converse("ts").starts_with("NOT (event_date = "));
    }

    #[test]
    fn many_stretches_are_joined_and_old_ones_forgotten() {
        let every_other: Vec<i64> = (0..24).step_by(2).collect();
        let mut many = Touched::default();
        for day in DAY..DAY + 10 {
            many.hours.extend(hours(day, &every_other).hours);
        }
        assert_eq!(many.stretches().len(), 120);
        assert_eq!(many.clone().joined().stretches().len(), STRETCHES_MAX);
        assert!(many.joined().hours.iter().all(|hour| day_of(*hour) >= DAY));
        let mut some = hours(DAY, &[23]);
        some.add(DAY + 1, None);
        some.add(UNDATED, None);
        some.forget_before(DAY + 1);
        assert_eq!(some.days(), [UNDATED, DAY + 1].into());
    }
}
