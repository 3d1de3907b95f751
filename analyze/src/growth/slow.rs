//! Load that grows week by week, without a week that stands out: what no detector of steps reports and no day shows. Knows no lake.

use serde::Serialize;

use crate::filter::DAY_US;

/// Weeks that must be whole, with executions on every day.
const WEEKS_MIN: usize = 5;
const WEEK_DAYS: i64 = 7;
/// Growth a week that is worth telling.
const GROWTH_MIN: f64 = 0.01;
/// Load that is, in average active sessions of a week.
const SESSIONS_MIN: f64 = 0.01;
/// A week that has more than this of all growth is a step.
const STEP_SHARE: f64 = 0.6;
/// Pairs of weeks that must be in the order of growth: with five weeks all ten, with six thirteen of fifteen (Mann and Kendall, one
/// chance in a hundred each).
const PAIRS_IN_ORDER: f64 = 0.86;

/// How fast something grows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SlowGrowth {
    /// Growth a week as a share: 0.05 is 5 %.
    pub per_week: f64,
    /// Weeks until it is twice what it is.
    pub weeks_to_double: f64,
    /// Weeks that it was seen over.
    pub weeks: usize,
}

/// The growth of a load of so many µs a week, the oldest first, of which so many days each have executions; `None` unless it grows slowly.
pub(crate) fn slow_growth(weeks_us: &[i64], days: &[i64]) -> Option<SlowGrowth> {
    let whole = days.iter().rev().take_while(|days| **days == WEEK_DAYS).count();
    if whole < WEEKS_MIN || weeks_us.len() < whole {
        return None;
    }
    let weeks = &weeks_us[weeks_us.len() - whole..];
    let last_us = *weeks.last()?;
    if weeks.iter().any(|us| *us <= 0) || (last_us as f64) < SESSIONS_MIN * (WEEK_DAYS * DAY_US) as f64 {
        return None;
    }
    let logs: Vec<f64> = weeks.iter().map(|us| (*us as f64).ln()).collect();
    let mut slopes = Vec::with_capacity(whole * whole / 2);
    for from in 0..whole {
        for to in from + 1..whole {
            slopes.push((logs[to] - logs[from]) / (to - from) as f64);
        }
    }
    let rising = slopes.iter().filter(|slope| **slope > 0.0).count();
    if (rising as f64) < PAIRS_IN_ORDER * slopes.len() as f64 {
        return None;
    }
    slopes.sort_unstable_by(f64::total_cmp);
    let slope = slopes[slopes.len() / 2];
    let largest = logs.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
    let all = logs[whole - 1] - logs[0];
    let per_week = slope.exp_m1();
    let is_slow = per_week >= GROWTH_MIN && largest <= STEP_SHARE * all;
    is_slow.then(|| SlowGrowth {
        per_week,
        weeks_to_double: std::f64::consts::LN_2 / slope,
        weeks: whole,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: i64 = WEEK_DAYS * DAY_US;

    #[test]
    fn growth_is_slow_and_steady() {
        let check = |weeks: [f64; 6], days: [i64; 6], expect: Option<f64>| {
            let weeks = weeks.map(|sessions| (sessions * SESSION as f64) as i64);
            let found = slow_growth(&weeks, &days).map(|growth| (growth.per_week * 1000.0).round() / 1000.0);
            assert_eq!(found, expect, "{weeks:?}");
        };
        let all = [7; 6];
        check(
            [1.0, 1.05, 1.1025, 1.157625, 1.21550625, 1.2762815625],
            all,
            Some(0.05),
        );
        check([1.0, 1.06, 1.04, 1.15, 1.2, 1.3], all, Some(0.052));
        // A step, a fall, what is flat, what is next to nothing.
        check([1.0, 1.001, 1.002, 1.5, 1.501, 1.502], all, None);
        check([1.3, 1.2, 1.15, 1.1, 1.05, 1.0], all, None);
        check([1.0, 1.001, 1.002, 1.003, 1.004, 1.005], all, None);
        check([0.001, 0.0011, 0.0012, 0.0013, 0.0014, 0.0015], all, None);
        // A first week that is not whole does not count; with four weeks nothing is told.
        check(
            [0.2, 1.0, 1.05, 1.1025, 1.157625, 1.21550625],
            [2, 7, 7, 7, 7, 7],
            Some(0.05),
        );
        check(
            [0.1, 0.2, 1.05, 1.1025, 1.157625, 1.21550625],
            [2, 5, 7, 7, 7, 7],
            None,
        );
        check([0.0, 1.0, 1.05, 1.1025, 1.157625, 1.21550625], all, None);
    }
}
