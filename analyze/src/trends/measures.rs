//! What a week of executions comes to: sums that can be added in any order, and the figures that are told of them. Knows no lake.

use serde::Serialize;
use slowlake_sql::{LatencyHistogram, Rows};

/// Sums over executions of a week or more. Those inside a stored routine, whose call counts and includes their time, are left out of
/// calls and time; where a server logs one in so many, both are estimates. Percentiles are of all that were logged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measures {
    pub(crate) calls: i64,
    pub(crate) total_us: i64,
    pub(crate) logged_calls: i64,
    pub(crate) errors: Option<i64>,
    pub(crate) lock_time_us: Option<i64>,
    pub(crate) rows_sent: Option<i64>,
    pub(crate) rows_examined: Option<i64>,
    pub(crate) max_us: Option<i64>,
    pub(crate) latency: LatencyHistogram,
}

/// What a row of `rollup_day` adds to them, as columns of SQL, in the order of [`Measures::read`].
pub(crate) const MEASURES: &str = "estimated_calls - coalesce(nested_calls, 0), \
     estimated_total_us - coalesce(nested_estimated_us, 0), calls, errors, lock_time_us, rows_sent, rows_examined, max_us, latency";

impl Measures {
    /// Reads the columns of [`MEASURES`], from the one with this number on.
    pub(crate) fn read(rows: &Rows, row: usize, first: usize) -> Measures {
        let number = |column| rows.integer(row, first + column);
        Measures {
            calls: number(0).unwrap_or_default(),
            total_us: number(1).unwrap_or_default(),
            logged_calls: number(2).unwrap_or_default(),
            errors: number(3),
            lock_time_us: number(4),
            rows_sent: number(5),
            rows_examined: number(6),
            max_us: number(7),
            latency: rows.latency(row, first + 8).unwrap_or_default(),
        }
    }

    pub(crate) fn add(&mut self, other: &Measures) {
        self.calls += other.calls;
        self.total_us += other.total_us;
        self.logged_calls += other.logged_calls;
        self.errors = sum(self.errors, other.errors);
        self.lock_time_us = sum(self.lock_time_us, other.lock_time_us);
        self.rows_sent = sum(self.rows_sent, other.rows_sent);
        self.rows_examined = sum(self.rows_examined, other.rows_examined);
        self.max_us = self.max_us.max(other.max_us);
        self.latency.merge(&other.latency);
    }

    /// Calls and µs.
    pub(crate) fn load(&self) -> (i64, i64) {
        (self.calls, self.total_us)
    }

    /// Rows that the server handled: those it read where it says so, else those it returned.
    pub(crate) fn rows(&self) -> i64 {
        self.rows_examined.or(self.rows_sent).unwrap_or_default()
    }

    /// The figures of one of so many weeks: sums are divided, percentiles are of all.
    pub(crate) fn figures(&self, weeks: i64) -> Figures {
        let weeks = weeks.max(1);
        let mean = |sum: i64| mean(sum, weeks);
        let quantile = |q| {
            let us = self.latency.quantile(q);
            // The histogram is within 1 %; the longest is known exactly.
            us.map(|us| self.max_us.map_or(us, |max_us| us.min(max_us)))
        };
        Figures {
            calls: mean(self.calls),
            total_us: mean(self.total_us),
            errors: self.errors.map(mean),
            lock_time_us: self.lock_time_us.map(mean),
            rows_sent: self.rows_sent.map(mean),
            rows_examined: self.rows_examined.map(mean),
            p50_us: quantile(0.5),
            p95_us: quantile(0.95),
            p99_us: quantile(0.99),
            max_us: self.max_us,
        }
    }
}

/// A mean of so many weeks, rounded to the nearest.
pub(crate) fn mean(sum: i64, weeks: i64) -> i64 {
    (sum + weeks / 2).div_euclid(weeks)
}

fn sum(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (known, None) | (None, known) => known,
    }
}

/// What the executions of a week come to, or of the mean of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Executions, as they were where the server logs one in so many, without those whose time is part of a call that counts.
    pub calls: i64,
    /// Their durations together, µs; by 604 800 000 000 they are the average active sessions of a week.
    pub total_us: i64,
    /// Those that failed; `None` if no server said.
    pub errors: Option<i64>,
    /// Time waited for locks, µs; `None` if no server said.
    pub lock_time_us: Option<i64>,
    /// Rows returned; `None` if no server said.
    pub rows_sent: Option<i64>,
    /// Rows read; `None` if no server said.
    pub rows_examined: Option<i64>,
    /// Median duration, µs, within 1 %.
    pub p50_us: Option<i64>,
    /// 95th percentile, µs, within 1 %.
    pub p95_us: Option<i64>,
    /// 99th percentile, µs, within 1 %.
    pub p99_us: Option<i64>,
    /// Longest duration, µs, exact.
    pub max_us: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_divided_and_percentiles_are_not() {
        let mut all = Measures::default();
        for us in [1000, 2000, 4000] {
            let mut one = Measures {
                calls: 1,
                total_us: us,
                rows_sent: (us != 2000).then_some(3),
                max_us: Some(us),
                ..Measures::default()
            };
            one.latency.record(us);
            all.add(&one);
        }
        let figures = all.figures(2);
        assert_eq!((figures.calls, figures.total_us), (2, 3500));
        assert_eq!((figures.rows_sent, figures.errors), (Some(3), None));
        let p50_us = figures.p50_us.expect("a median");
        assert!((1980..=2020).contains(&p50_us), "{p50_us}");
        assert_eq!(figures.max_us, Some(4000));
        assert!(
            figures.p99_us <= Some(4000),
            "a percentile is not above the longest"
        );
        assert_eq!(all.rows(), 6);
    }
}
