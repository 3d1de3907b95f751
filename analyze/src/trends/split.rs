//! What a change in total time consists of: more or fewer calls, slower or faster ones, what is new and what is gone (logarithmic mean
//! Divisia index). Whole microseconds, and the parts sum to the change exactly. Knows no lake.
//!
//! With `n` calls of mean `m` before and `n'` of mean `m'` after, `T = n·m`, and `L = (T' − T) / ln(T' / T)`: the calls' part is
//! `L · ln(n' / n)`, the latency's `L · ln(m' / m)`. Their sum is `T' − T` because `ln(T' / T)` is the sum of both logarithms; whichever is
//! changed first makes no difference. The latency's part divides once more where rows are known, since `m` is rows per call times time
//! per row. B. W. Ang, "Decomposition analysis for policymaking in energy: which is the preferred method?", Energy Policy 32 (2004).

use serde::Serialize;

use crate::regressions::{Load, LoadChange};

/// A change in total time, in its parts. `change_us = calls_us + latency_us + new_us + gone_us`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Split {
    /// The whole change, µs.
    pub change_us: i64,
    /// Due to queries that run more often, or less often, µs.
    pub calls_us: i64,
    /// Due to executions that take longer, or less long, µs.
    pub latency_us: i64,
    /// Of queries that did not run before, µs.
    pub new_us: i64,
    /// Of queries that do not run any more, µs, not above zero.
    pub gone_us: i64,
}

impl Split {
    /// The change of one query from `(calls, µs)` to `(calls, µs)`.
    pub(crate) fn between(before: (i64, i64), after: (i64, i64)) -> Split {
        let change_us = after.1 - before.1;
        let nothing = Split {
            change_us,
            ..Split::default()
        };
        let load = |(calls, time_us): (i64, i64)| Load {
            calls: calls.max(1) as f64,
            time_us: time_us as f64,
        };
        match LoadChange::between(load(before), load(after)) {
            None => nothing,
            Some(LoadChange::New(_)) => Split {
                new_us: change_us,
                ..nothing
            },
            Some(LoadChange::Gone(_)) => Split {
                gone_us: change_us,
                ..nothing
            },
            Some(LoadChange::Both { calls_us, .. }) => {
                let calls_us = calls_us.round() as i64;
                Split {
                    calls_us,
                    latency_us: change_us - calls_us,
                    ..nothing
                }
            }
        }
    }

    /// The change of several queries together.
    pub(crate) fn add(&mut self, other: Split) {
        self.change_us += other.change_us;
        self.calls_us += other.calls_us;
        self.latency_us += other.latency_us;
        self.new_us += other.new_us;
        self.gone_us += other.gone_us;
    }
}

/// What the latency's part of a change consists of. `latency_us = rows_us + per_row_us`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RowsSplit {
    /// Due to executions that handle more rows, or fewer: the data grew. µs.
    pub rows_us: i64,
    /// Due to rows that take longer, or less long: a plan, a cache, a lock. µs.
    pub per_row_us: i64,
}

impl RowsSplit {
    /// Divides the latency's part of the change of one query by its `(calls, µs, rows)` before and after; `None` unless there were some
    /// of each in both.
    pub(crate) fn of(split: Split, before: (i64, i64, i64), after: (i64, i64, i64)) -> Option<RowsSplit> {
        let is_some = |(calls, time_us, rows): (i64, i64, i64)| calls > 0 && time_us > 0 && rows > 0;
        if !is_some(before) || !is_some(after) {
            return None;
        }
        // Rows are calls times rows per call, so that what rows add beyond calls is due to rows per call.
        let of_rows = Split::between((before.2, before.1), (after.2, after.1));
        let rows_us = of_rows.calls_us - split.calls_us;
        Some(RowsSplit {
            rows_us,
            per_row_us: split.latency_us - rows_us,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_change_is_split_by_what_changed() {
        let check = |before, after, parts: (i64, i64, i64, i64)| {
            let split = Split::between(before, after);
            let found = (split.calls_us, split.latency_us, split.new_us, split.gone_us);
            assert_eq!(found, parts, "{before:?} to {after:?}");
        };
        check((10, 100), (20, 200), (100, 0, 0, 0));
        check((10, 100), (10, 200), (0, 100, 0, 0));
        // Twice the calls, twice the time each: half of the 300 is due to either.
        check((10, 100), (20, 400), (150, 150, 0, 0));
        check((0, 0), (5, 50), (0, 0, 50, 0));
        check((5, 50), (0, 0), (0, 0, 0, -50));
        check((0, 0), (0, 0), (0, 0, 0, 0));
        // Halved calls: 1 000 to 700 as 10 × 100 to 5 × 140, L = 300 / ln(10 / 7) = 841.1, ln ½ · L = −583.
        check((10, 1000), (5, 700), (-583, 283, 0, 0));
    }

    #[test]
    fn latency_is_split_by_rows() {
        let check = |before: (i64, i64, i64), after: (i64, i64, i64), expect: Option<(i64, i64)>| {
            let split = Split::between((before.0, before.1), (after.0, after.1));
            let found = RowsSplit::of(split, before, after);
            assert_eq!(found.map(|rows| (rows.rows_us, rows.per_row_us)), expect);
        };
        // Twice the rows a call, each as quick as before; then as many rows, each slower; then both.
        check((10, 1000, 100), (10, 2000, 200), Some((1000, 0)));
        check((10, 1000, 100), (10, 2000, 100), Some((0, 1000)));
        check((10, 1000, 100), (10, 4000, 200), Some((1500, 1500)));
        check((10, 1000, 0), (10, 2000, 200), None);
        check((0, 0, 0), (10, 2000, 200), None);
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_change(
            loads in prop::collection::vec(((0..1_000_000_i64, 0..1_i64 << 50), (0..1_000_000_i64, 0..1_i64 << 50)), 1..20)
        ) {
            let mut sum = Split::default();
            for (before, after) in &loads {
                let split = Split::between(*before, *after);
                prop_assert_eq!(split.change_us, after.1 - before.1);
                sum.add(split);
            }
            prop_assert_eq!(sum.change_us, sum.calls_us + sum.latency_us + sum.new_us + sum.gone_us);
        }

        #[test]
        fn forth_and_back_is_nothing(before in (1..1_000_000_i64, 1..1_i64 << 50), after in (1..1_000_000_i64, 1..1_i64 << 50)) {
            let (forth, back) = (Split::between(before, after), Split::between(after, before));
            // Within the rounding of doubles.
            prop_assert!((forth.calls_us + back.calls_us).abs() as f64 <= 1.0 + 1e-12 * forth.calls_us.abs() as f64);
        }
    }
}
