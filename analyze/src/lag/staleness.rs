//! How old what a replica has is, on the source's clock: the time since the source was where the replica is now. Positions and times only;
//! knows no engine, and never takes a vendor's word for it.

/// A source that was not looked at for so long may have done anything meanwhile.
pub(super) const SOURCE_GAP_US: i64 = 60_000_000;

/// Where a source was at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SourcePoint {
    /// The moment, µs since 1970 UTC, by the clock that replicas are sampled by, too.
    pub(super) ts_us: i64,
    /// Bytes, in any origin that lasts.
    pub(super) position: i64,
}

/// How old something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Staleness {
    /// µs; zero is in step.
    pub(super) us: i64,
    /// Whether it is that, and not at least that: what it had is from before the source was looked at.
    pub(super) is_exact: bool,
}

/// Where a source was over time: it only moves on, or begins anew (a failover, a restore), which makes another stretch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Curve {
    points: Vec<SourcePoint>,
    /// Where each stretch begins among the points.
    begins: Vec<usize>,
}

impl Curve {
    /// The curve through these points, in any order.
    pub(super) fn new(mut points: Vec<SourcePoint>) -> Curve {
        points.sort_unstable();
        points.dedup();
        let is_begin = |at: &usize| *at == 0 || points[*at].position < points[*at - 1].position;
        let begins = (0..points.len()).filter(is_begin).collect();
        Curve { points, begins }
    }

    /// The points, in the order of time.
    pub(super) fn points(&self) -> &[SourcePoint] {
        &self.points
    }

    /// How old what a replica has is that was at `position` at `ts_us`; `None` if nobody knows.
    pub(super) fn staleness(&self, ts_us: i64, position: i64) -> Option<Staleness> {
        let stretch = self.stretch_at(ts_us)?;
        let passed = stretch.partition_point(|point| point.position <= position);
        let Some(after) = stretch.get(passed) else {
            // It is where the source was last seen: in step, unless the source moved on unseen.
            let is_known = stretch
                .last()
                .is_some_and(|last| ts_us - last.ts_us <= SOURCE_GAP_US);
            return is_known.then_some(Staleness {
                us: 0,
                is_exact: true,
            });
        };
        let (left_us, is_exact) = match passed.checked_sub(1).map(|before| stretch[before]) {
            Some(before) => (left_at(before, *after, position), true),
            None => (after.ts_us, false),
        };
        Some(Staleness {
            us: (ts_us - left_us).max(0),
            is_exact,
        })
    }

    /// Where the source was, between the points next to it; `None` before the first one, and long after the last one.
    pub(super) fn position_at(&self, ts_us: i64) -> Option<i64> {
        let stretch = self.stretch_at(ts_us)?;
        let next = stretch.partition_point(|point| point.ts_us <= ts_us);
        let before = stretch[next - 1];
        match stretch.get(next) {
            Some(after) => Some(interpolated(
                ts_us,
                (before.ts_us, after.ts_us),
                (before.position, after.position),
            )),
            None => (ts_us - before.ts_us <= SOURCE_GAP_US).then_some(before.position),
        }
    }

    /// How far the source moved from one moment to another, bytes; what happened where it began anew is not counted.
    pub(super) fn progress(&self, from_us: i64, to_us: i64) -> i64 {
        let mut sum = 0;
        for stretch in self.stretches() {
            let (Some(first), Some(last)) = (stretch.first(), stretch.last()) else {
                continue;
            };
            let at = |us: i64| {
                let us = us.clamp(first.ts_us, last.ts_us);
                let next = stretch.partition_point(|point| point.ts_us <= us);
                let before = stretch[next - 1];
                stretch.get(next).map_or(before.position, |after| {
                    let times = (before.ts_us, after.ts_us);
                    interpolated(us, times, (before.position, after.position))
                })
            };
            if from_us < last.ts_us && to_us > first.ts_us {
                sum += at(to_us) - at(from_us);
            }
        }
        sum
    }

    /// The stretch that was going on at a moment; it has a point at or before it.
    fn stretch_at(&self, ts_us: i64) -> Option<&[SourcePoint]> {
        let begun = |begin: &usize| self.points[*begin].ts_us <= ts_us;
        let number = self.begins.partition_point(begun).checked_sub(1)?;
        Some(self.stretch(number))
    }

    fn stretches(&self) -> impl Iterator<Item = &[SourcePoint]> {
        (0..self.begins.len()).map(|number| self.stretch(number))
    }

    fn stretch(&self, number: usize) -> &[SourcePoint] {
        let end = self.begins.get(number + 1).copied();
        &self.points[self.begins[number]..end.unwrap_or(self.points.len())]
    }
}

/// When the source left `position`, which lies from one point up to, not including, another.
fn left_at(before: SourcePoint, after: SourcePoint, position: i64) -> i64 {
    if after.ts_us - before.ts_us > SOURCE_GAP_US {
        return before.ts_us;
    }
    interpolated(
        position,
        (before.position, after.position),
        (before.ts_us, after.ts_us),
    )
}

fn interpolated(x: i64, (x0, x1): (i64, i64), (y0, y1): (i64, i64)) -> i64 {
    if x1 == x0 {
        return y0;
    }
    // Products of positions and times need more than 64 bits.
    let part = i128::from(x - x0) * i128::from(y1 - y0) / i128::from(x1 - x0);
    y0 + part as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000;

    /// Points of seconds and positions.
    fn curve(points: &[(i64, i64)]) -> Curve {
        let points = points.iter().map(|(second, position)| SourcePoint {
            ts_us: second * SECOND,
            position: *position,
        });
        Curve::new(points.collect())
    }

    #[track_caller]
    fn check(curve: &Curve, second: i64, position: i64, expect: Option<(f64, bool)>) {
        let found = curve.staleness(second * SECOND, position);
        let found = found.map(|found| (found.us as f64 / SECOND as f64, found.is_exact));
        assert_eq!(found, expect, "at {second} s in {position}");
    }

    #[test]
    fn it_is_the_time_since_the_source_was_there() {
        let source = curve(&[(0, 100), (10, 200), (20, 300)]);
        check(&source, 20, 300, Some((0.0, true)));
        check(&source, 20, 200, Some((10.0, true)));
        check(&source, 20, 250, Some((5.0, true)));
        check(&source, 18, 250, Some((3.0, true)));
        // It is ahead of what was seen of the source.
        check(&source, 21, 310, Some((0.0, true)));
        // The source is not looked at any more; what the replica lacks is known all the same.
        check(&source, 100, 300, None);
        check(&source, 100, 250, Some((85.0, true)));
    }

    #[test]
    fn an_idle_source_makes_nobody_stale() {
        let source = curve(&[(0, 100), (10, 100), (20, 100), (600, 100), (610, 200)]);
        check(&source, 15, 100, Some((0.0, true)));
        check(&source, 600, 100, Some((0.0, true)));
        check(&source, 650, 100, Some((50.0, true)));
    }

    #[test]
    fn what_is_from_before_the_curve_is_at_least_as_old() {
        let source = curve(&[(100, 500), (110, 600)]);
        check(&source, 110, 400, Some((10.0, false)));
        check(&source, 90, 400, None);
        check(&Curve::default(), 0, 0, None);
    }

    #[test]
    fn a_source_that_begins_anew_is_another_stretch() {
        let source = curve(&[(0, 900), (10, 1_000), (20, 50), (30, 150)]);
        check(&source, 10, 950, Some((5.0, true)));
        check(&source, 30, 100, Some((5.0, true)));
        // Ahead of the new source: it has what that never had.
        check(&source, 30, 1_000, Some((0.0, true)));
        assert_eq!(source.progress(0, 30 * SECOND), 200);
    }

    #[test]
    fn a_long_gap_is_taken_for_the_worse() {
        let source = curve(&[(0, 100), (1_000, 1_100)]);
        check(&source, 1_000, 600, Some((1_000.0, true)));
    }

    #[test]
    fn progress_is_what_was_written_between() {
        let source = curve(&[(0, 100), (10, 200), (20, 400)]);
        assert_eq!(source.progress(5 * SECOND, 15 * SECOND), 150);
        assert_eq!(source.progress(-5 * SECOND, 50 * SECOND), 300);
        assert_eq!(source.progress(30 * SECOND, 50 * SECOND), 0);
        assert_eq!(source.position_at(15 * SECOND), Some(300));
        assert_eq!(source.position_at(-1), None);
    }

    proptest! {
        /// A replica that shows the source as it was `lag` ago is that stale, whatever the source did: as exactly as the source was looked at.
        #[test]
        fn a_known_lag_is_measured(
            steps in prop::collection::vec((1..20_i64, 1..1_000_i64), 3..50),
            at in 0.0..1.0_f64,
            lag in 0..100_i64,
        ) {
            let mut points = vec![(0, 0)];
            for (seconds, bytes) in &steps {
                let last = points[points.len() - 1];
                points.push((last.0 + seconds, last.1 + bytes));
            }
            let source = curve(&points);
            let end = points[points.len() - 1].0 * SECOND;
            let now = lag * SECOND + (at * (end - lag * SECOND).max(0) as f64) as i64;
            prop_assume!(now <= end);
            let position = source.position_at(now - lag * SECOND).unwrap_or_default();
            let found = source.staleness(now, position);
            let poll = steps.iter().map(|(seconds, _)| *seconds).max().unwrap_or_default();
            prop_assert!(found.is_some_and(|found| found.is_exact && (found.us - lag * SECOND).abs() <= poll * SECOND), "{found:?}");
        }

        /// The order in which points arrive does not matter.
        #[test]
        fn points_come_in_any_order(mut points in prop::collection::vec((0..1_000_i64, 0..1_000_i64), 0..40), second in 0..1_000_i64) {
            let one = curve(&points);
            points.reverse();
            prop_assert_eq!(one.staleness(second * SECOND, 500), curve(&points).staleness(second * SECOND, 500));
        }

        /// Who is behind is never told to be in step, and who is further behind is not less stale.
        #[test]
        fn behind_is_never_zero(steps in prop::collection::vec(1..1_000_i64, 2..50), behind in 1..1_000_i64) {
            let mut points = vec![(0, 0)];
            for bytes in &steps {
                let last = points[points.len() - 1];
                points.push((last.0 + 10, last.1 + bytes));
            }
            let source = curve(&points);
            let (second, end) = points[points.len() - 1];
            // Interpolation is to the µs: a byte of a thousand in ten seconds is ten thousand of them.
            let one = source.staleness(second * SECOND, (end - behind).max(0)).map(|found| found.us);
            let further = source.staleness(second * SECOND, (end - behind - 1).max(0)).map(|found| found.us);
            prop_assert!(one > Some(0) && further >= one, "{one:?} {further:?}");
        }
    }
}
