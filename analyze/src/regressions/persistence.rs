//! Step 6: how large a change is, since when exactly, and whether it stayed. Something that came and went is an incident, not a
//! regression.

use super::noise::Measured;
use super::order::weighted_median;
use super::window::DAY;

/// The end of the after-part must still have this share of the change.
const LATE_SHARE: f64 = 0.6;
/// The first half of the after-part must already have this share of it: a ramp of a day counts, an incident at the end does not.
const EARLY_SHARE: f64 = 0.4;
/// The least hours of the end that are looked at.
const LATE_HOURS_MIN: usize = 5;
/// The least hours of the first half.
const EARLY_HOURS_MIN: usize = 6;
/// A change of whose size less than this is left over the last day has gone away.
const RECOVERED_SHARE: f64 = 0.3;

/// How far a row of hours moved at a split, by medians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shift {
    /// The level before.
    pub(super) before: f64,
    /// ln of after over before.
    pub(super) size: f64,
}

/// Working space of [`level`].
pub(super) type Pairs = Vec<(f64, f64)>;

/// Measures the change at hour `at`.
pub(super) fn shift(rows: &Measured, at: usize, pairs: &mut Pairs) -> Shift {
    let before = level(rows, 0..at, pairs);
    Shift {
        before,
        size: level(rows, at..rows.y.len(), pairs) - before,
    }
}

/// Whether a shift at hour `at` was there from the beginning and to the end.
pub(super) fn stays(rows: &Measured, at: usize, shift: &Shift, pairs: &mut Pairs) -> bool {
    let n = rows.y.len();
    let after = n - at;
    let late_hours = (after / 4).clamp(LATE_HOURS_MIN, DAY).min(after);
    let early_hours = (after / 2).max(EARLY_HOURS_MIN).min(after);
    level(rows, n - late_hours..n, pairs) - shift.before > LATE_SHARE * shift.size
        && level(rows, at..at + early_hours, pairs) - shift.before > EARLY_SHARE * shift.size
}

/// Whether a change of `size` at hour `at` is no longer there in the last day.
pub(super) fn has_recovered(rows: &Measured, at: usize, size: f64, pairs: &mut Pairs) -> bool {
    let n = rows.y.len();
    level(rows, n - DAY..n, pairs) - level(rows, 0..at, pairs) < RECOVERED_SHARE * size
}

/// The hour from `from` on at which a shift most likely happened.
///
/// The scan clips at three deviations, so that an hour a little off and one far off look the same to it; here the two levels are known,
/// and each hour votes for the one it is nearer to. Of a ramp this is the middle. The last of equals.
pub(super) fn onset(rows: &Measured, shift: &Shift, from: usize) -> usize {
    let half = shift.size.abs() / 2.0;
    let middle = shift.before + shift.size / 2.0;
    let vote = |hour: usize| {
        let above = (rows.y[hour] - middle) * shift.size.signum();
        if above.is_nan() {
            0.0
        } else {
            above.clamp(-half, half) * rows.precision[hour]
        }
    };
    let (mut votes, mut best, mut onset) = (0.0, f64::NEG_INFINITY, from);
    for hour in (from..rows.y.len()).rev() {
        votes += vote(hour);
        if votes > best {
            (best, onset) = (votes, hour);
        }
    }
    onset
}

/// The weighted median of some hours.
fn level(rows: &Measured, hours: std::ops::Range<usize>, pairs: &mut Pairs) -> f64 {
    pairs.clear();
    let known = rows.y[hours.clone()].iter().zip(&rows.precision[hours]);
    pairs.extend(
        known
            .filter(|(y, _)| !y.is_nan())
            .map(|(y, precision)| (*y, precision * precision)),
    );
    weighted_median(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(y: impl Fn(usize) -> f64) -> Measured {
        Measured {
            y: (0..600).map(y).collect(),
            z: Vec::new(),
            precision: vec![10.0; 600],
        }
    }

    #[test]
    fn what_stays_is_told_from_what_went_away() {
        for (name, from, to, expect) in [
            ("a step", 500, 600, true),
            ("an incident at the beginning", 500, 560, false),
            ("an incident at the end", 580, 600, false),
        ] {
            let rows = rows(|hour| if (from..to).contains(&hour) { 0.3 } else { 0.0 });
            let shift = shift(&rows, 500, &mut Vec::new());
            let found = stays(&rows, 500, &shift, &mut Vec::new()) && shift.size > 0.1;
            assert_eq!(found, expect, "{name}: {shift:?}");
        }
    }

    #[test]
    fn a_recovered_change_is_noticed_after_a_day() {
        let until = |to: usize| rows(move |hour| if (450..to).contains(&hour) { 0.3 } else { 0.0 });
        assert!(!has_recovered(&until(600), 450, 0.3, &mut Vec::new()));
        assert!(!has_recovered(&until(595), 450, 0.3, &mut Vec::new()));
        assert!(has_recovered(&until(580), 450, 0.3, &mut Vec::new()));
    }

    #[test]
    fn the_onset_is_where_the_levels_change_and_the_middle_of_a_ramp() {
        let change = Shift {
            before: 0.0,
            size: 1.0,
        };
        assert_eq!(
            onset(&rows(|hour| if hour >= 520 { 1.0 } else { 0.0 }), &change, 440),
            520
        );
        let ramp = rows(|hour| ((hour as f64 - 500.0) / 24.0).clamp(0.0, 1.0));
        assert!(onset(&ramp, &change, 440).abs_diff(512) <= 1);
    }
}
