//! One number for how well a fleet does: the share of executions that were slower than nearly all of the same query on the same server
//! in the four weeks before. Knows no lake.

use serde::Serialize;
use slowlake_sql::LatencyHistogram;

/// The quantile of a query's own past that "slow" begins behind: two standard deviations of a normal distribution.
const USUAL: f64 = 0.977;
/// Executions that a query must have had on a server before anything is called usual for it.
const CALLS_MIN: i64 = 200;

/// Executions that were slower than is usual for their query on their server. Where nothing changed, 2.3 % of them are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Of the week.
    pub week: Slowness,
    /// Of the week before, against the four weeks before that.
    pub last_week: Slowness,
}

/// Executions, and the slow ones of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Slowness {
    /// Logged executions of queries with at least 200 on the same server in the four weeks before.
    pub calls: i64,
    /// Those that took longer than 97.7 % of those.
    pub slow_calls: i64,
}

impl Slowness {
    /// Counts the executions of a query on a server by those that were there before.
    pub(crate) fn add(&mut self, before: &LatencyHistogram, week: &LatencyHistogram) {
        if before.count() < CALLS_MIN {
            return;
        }
        let Some(usual_us) = before.quantile(USUAL) else {
            return;
        };
        let usual_bin = LatencyHistogram::bin_of(usual_us);
        self.calls += week.count();
        let slow = week.bins().filter(|(bin, _)| *bin > usual_bin);
        self.slow_calls += slow.map(|(_, calls)| calls).sum::<i64>();
    }

    /// The share of slow ones, 0 to 1; `None` if nothing is known of any.
    pub fn share(self) -> Option<f64> {
        (self.calls > 0).then(|| self.slow_calls as f64 / self.calls as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(parts: &[(i64, i64)]) -> LatencyHistogram {
        let mut histogram = LatencyHistogram::new();
        parts
            .iter()
            .for_each(|(us, calls)| histogram.record_n(*us, *calls));
        histogram
    }

    #[test]
    fn slow_is_what_is_rare_before() {
        let check = |before: &[(i64, i64)], week: &[(i64, i64)], expect: (i64, i64)| {
            let mut found = Slowness::default();
            found.add(&histogram(before), &histogram(week));
            assert_eq!((found.calls, found.slow_calls), expect);
        };
        let usual = [(1000, 977), (9000, 23)];
        check(&usual, &usual, (1000, 23));
        check(&usual, &[(1000, 10), (2000, 5), (100, 3)], (18, 5));
        // 97 % are below: the quantile is among the slow ones.
        check(&[(1000, 970), (9000, 30)], &[(2000, 5), (10_000, 1)], (6, 1));
        check(&[(1000, 199)], &[(2000, 5)], (0, 0));
        check(&[], &[(2000, 5)], (0, 0));
    }

    #[test]
    fn a_share_of_nothing_is_unknown() {
        assert_eq!(Slowness::default().share(), None);
        let some = Slowness {
            calls: 200,
            slow_calls: 5,
        };
        assert_eq!(some.share(), Some(0.025));
    }
}
