//! Steps 4 and 5: where in the last week a row of hours is most unlike what was before, how unlike, and whether that is a step at all:
//! not a drift, not something older than the week. Makes no decision about chance; see `calibration`.

use super::calibration::TAIL_START_MIN;
use super::noise::Residuals;
use super::window::WEEK;

/// A change is looked at once it has lasted this many hours.
pub(super) const AFTER_MIN: usize = 18;
/// Standardised hours count for at most this much (Huber): one wild hour is not a change.
pub(super) const CLIP: f64 = 3.0;
/// A split this near to the week's edge (hours) may as well be older than the week.
const EDGE: usize = 12;
/// A step must beat the split at the edge of the week by this much (z).
const EDGE_MARGIN: f64 = 1.0;
/// Unless a step beats a straight line by this much in twice the log likelihood, only what it explains beyond the line counts.
const TREND_MARGIN: f64 = 4.0;

/// The best split of a row of hours in two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Split {
    /// The difference of the parts over its standard error; positive is higher after. Beside a line, if there is one.
    pub(super) z: f64,
    /// The first hour after the change.
    pub(super) at: usize,
    /// Whether the split is inside the week, not at its edge.
    pub(super) is_inside: bool,
}

/// Running sums over a row of hours; entry `i` is of the hours before `i`.
#[derive(Debug, Default)]
pub(super) struct Sums {
    weights: Vec<f64>,
    moments: Vec<f64>,
    /// λ, see `dependence`.
    inflation: f64,
}

/// Hours over their standard deviation, clipped; NaN where nothing is known.
pub(super) fn standardised(rows: &Residuals) -> impl Iterator<Item = f64> {
    rows.y.iter().zip(&rows.variance).map(|(y, variance)| (y / variance.sqrt()).clamp(-CLIP, CLIP))
}

impl Sums {
    /// Adds up a row of hours, whose standardised hours are `clipped`.
    pub(super) fn load(&mut self, rows: &Residuals, clipped: &[f64], inflation: f64) {
        self.inflation = inflation;
        self.weights.clear();
        self.moments.clear();
        let (mut weight, mut moment) = (0.0, 0.0);
        for (z, variance) in clipped.iter().zip(&rows.variance) {
            self.weights.push(weight);
            self.moments.push(moment);
            if !z.is_nan() {
                weight += 1.0 / variance;
                moment += z / variance.sqrt();
            }
        }
        self.weights.push(weight);
        self.moments.push(moment);
    }

    /// Tries every split in the last week. `None` if one side of all of them is empty.
    pub(super) fn scan(&self, rows: &Residuals, clipped: &[f64]) -> Option<Split> {
        let n = rows.y.len();
        let candidates = (n - WEEK..=n - AFTER_MIN).filter(|&at| self.is_split(at));
        // The first of equals.
        let best = |best: Option<(f64, usize)>, at| {
            let z = self.difference(at) / self.error(at);
            if best.is_none_or(|best| z > best.0) { Some((z, at)) } else { best }
        };
        let (mut z, at) = candidates.fold(None, best)?;
        let edge = if self.is_split(n - WEEK) { self.difference(n - WEEK) / self.error(n - WEEK) } else { 0.0 };
        let is_inside = at >= n - WEEK + EDGE && z - edge.max(0.0) > EDGE_MARGIN;
        if is_inside && z > TAIL_START_MIN {
            let (line, beside_line) = self.trend(rows, clipped, at);
            if z * z <= line + TREND_MARGIN {
                z = z.min(beside_line);
            }
        }
        Some(Split { z, at, is_inside })
    }

    /// The standard error of the difference of the parts at a split.
    pub(super) fn error(&self, at: usize) -> f64 {
        let before = self.weights[at];
        (self.inflation * (1.0 / before + 1.0 / (self.all() - before))).sqrt()
    }

    fn all(&self) -> f64 {
        self.weights.last().copied().unwrap_or_default()
    }

    fn is_split(&self, at: usize) -> bool {
        // Sums of weights that differ by rounding only hold no hour between them.
        let rounding = self.all() * 1e-12;
        self.weights[at] > rounding && self.all() - self.weights[at] > rounding
    }

    fn difference(&self, at: usize) -> f64 {
        let (before, moment) = (self.weights[at], self.moments[at]);
        let all_moments = self.moments.last().copied().unwrap_or_default();
        (all_moments - moment) / (self.all() - before) - moment / before
    }

    /// What a straight line over all hours gains over a constant in twice the log likelihood, and the z of a step at `at` beside it.
    fn trend(&self, rows: &Residuals, clipped: &[f64], at: usize) -> (f64, f64) {
        let n = rows.y.len();
        let (all, moment) = (self.weights[n], self.moments[n]);
        let (after, after_moment) = (all - self.weights[at], moment - self.moments[at]);
        let middle = n as f64 / 2.0;
        let (mut x1, mut x2, mut xy, mut x_after) = (0.0, 0.0, 0.0, 0.0);
        for (hour, (z, variance)) in clipped.iter().zip(&rows.variance).enumerate().filter(|(_, row)| !row.0.is_nan()) {
            let x = hour as f64 - middle;
            let weighted = x / variance;
            x1 += weighted;
            x2 += x * weighted;
            xy += x * z / variance.sqrt();
            if hour >= at {
                x_after += weighted;
            }
        }
        let (line_line, line_y) = (x2 - x1 * x1 / all, xy - x1 * moment / all);
        let (step_step, step_y) = (after - after * after / all, after_moment - after * moment / all);
        let step_line = x_after - after * x1 / all;
        let line = line_y * line_y / line_line / self.inflation;
        let own = (step_step - step_line * step_line / line_line) * self.inflation;
        (line, (step_y - step_line * line_y / line_line) / own.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: usize = 4 * WEEK;

    fn scanned(y: impl Fn(usize) -> f64) -> Split {
        let rows = Residuals { y: (0..N).map(y).collect(), variance: vec![0.01; N] };
        let clipped: Vec<f64> = standardised(&rows).collect();
        let mut sums = Sums::default();
        sums.load(&rows, &clipped, 1.0);
        sums.scan(&rows, &clipped).unwrap()
    }

    /// Noise without chance: up and down by a tenth.
    fn wave(hour: usize) -> f64 {
        if hour % 2 == 0 { 0.1 } else { -0.1 }
    }

    #[test]
    fn a_step_is_found_where_it_is_with_its_z() {
        let split = scanned(|hour| if hour >= N - 100 { 0.2 } else { 0.0 });
        assert_eq!(split.at, N - 100);
        assert!(split.is_inside);
        let expect = 0.2 / (0.01 * (1.0 / 100.0 + 1.0 / (N as f64 - 100.0))).sqrt();
        assert!((split.z - expect).abs() < 1e-9, "{split:?}");
    }

    #[test]
    fn a_wild_hour_counts_for_three_deviations() {
        let split = scanned(|hour| if hour == N - 30 { 50.0 } else { 0.0 });
        assert!(split.z < 3.0 * 0.1 / (0.01f64 * 18.0).sqrt(), "{split:?}");
    }

    #[test]
    fn a_step_older_than_the_week_is_at_its_edge() {
        assert!(!scanned(|hour| if hour >= N - WEEK - 48 { 0.2 } else { 0.0 }).is_inside);
        assert!(!scanned(|hour| if hour >= N - WEEK + 5 { 0.2 } else { 0.0 }).is_inside);
    }

    #[test]
    fn a_drift_is_no_step_but_a_step_on_a_drift_is() {
        let drift = |hour: usize| 0.2 * hour as f64 / N as f64 + wave(hour);
        assert!(scanned(drift).z < 2.0, "{:?}", scanned(drift));
        let split = scanned(|hour| drift(hour) + if hour >= N - 90 { 0.15 } else { 0.0 });
        assert!(split.z > 5.0 && split.at.abs_diff(N - 90) <= 1, "{split:?}");
    }

    #[test]
    fn nothing_to_compare_is_no_split() {
        let rows = Residuals { y: vec![f64::NAN; N], variance: vec![f64::INFINITY; N] };
        let clipped: Vec<f64> = standardised(&rows).collect();
        let mut sums = Sums::default();
        sums.load(&rows, &clipped, 1.0);
        assert_eq!(sums.scan(&rows, &clipped), None);
    }
}
