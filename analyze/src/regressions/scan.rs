//! Steps 4 and 5: where in the last week a row of hours is most unlike what was before, how unlike, and whether that is a step at all:
//! not a drift, not something older than the week. Makes no decision about chance; see `calibration`.

use super::calibration::TAIL_START_MIN;
use super::noise::Measured;
use super::window::WEEK;

/// A change is looked at once it has lasted this many hours.
pub(super) const AFTER_MIN: usize = 18;
/// A split this near to the week's edge (hours) may as well be older than the week.
const EDGE: usize = 12;
/// A step must beat the split at the edge of the week by this much (z).
const EDGE_MARGIN: f64 = 1.0;
/// Unless a step beats a straight line by this much in twice the log likelihood, only what it explains beyond the line counts.
const TREND_MARGIN: f64 = 4.0;

/// The best split of a row of hours in two. How sure it is depends on what hours know of each other: λ, which `dependence` learns from all
/// rows of a fleet. Here it is 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Split {
    /// The difference of the parts over its standard error; positive is higher after. Beside a line, if there is one.
    z: f64,
    /// The same of the split at the edge of the week; 0 where that is none, or downward.
    edge: f64,
    /// The first hour after the change.
    pub(super) at: usize,
    is_off_edge: bool,
}

impl Split {
    /// How clear it is where the variance of means is λ times that of independent hours.
    pub(super) fn z(&self, inflation: f64) -> f64 {
        self.z / inflation.sqrt()
    }

    /// Whether it is clear at all.
    pub(super) fn stands_out(&self, inflation: f64) -> bool {
        self.z(inflation) > TAIL_START_MIN
    }

    /// Whether it is inside the week, not at its edge.
    pub(super) fn is_inside(&self, inflation: f64) -> bool {
        self.is_off_edge && (self.z - self.edge) / inflation.sqrt() > EDGE_MARGIN
    }

    /// Whether it explains a row better than a line that gains so much.
    pub(super) fn beats_line(&self, gain: f64, inflation: f64) -> bool {
        (self.z * self.z - gain) / inflation > TREND_MARGIN
    }
}

/// Running sums over a row of hours; entry `i` is of the hours before `i`.
#[derive(Debug, Default)]
pub(super) struct Sums {
    weights: Vec<f64>,
    moments: Vec<f64>,
}

impl Sums {
    /// Adds up a row of hours.
    pub(super) fn load(&mut self, rows: &Measured) {
        self.weights.clear();
        self.moments.clear();
        let (mut weight, mut moment) = (0.0, 0.0);
        self.weights.push(weight);
        self.moments.push(moment);
        self.weights.extend(rows.precision.iter().map(|precision| {
            weight += precision * precision;
            weight
        }));
        let products = rows.z.iter().zip(&rows.precision);
        self.moments.extend(products.map(|(z, precision)| {
            moment += z * precision;
            moment
        }));
    }

    /// Turns the row upside down.
    pub(super) fn turn(&mut self) {
        self.moments.iter_mut().for_each(|moment| *moment = -*moment);
    }

    /// The best step in the last week. `None` if one side of all splits is empty.
    pub(super) fn step(&self) -> Option<Split> {
        self.best(|at| self.step_at(at))
    }

    /// The best step beside a line through the same row, and what the line alone gains over a constant, in twice the log likelihood.
    pub(super) fn step_beside_line(&self, rows: &Measured) -> (Option<Split>, f64) {
        let line = Line::through(rows);
        (self.best(|at| line.step_beside(self, at)), line.gain(self))
    }

    /// The split in the last week with the largest z, the first of equals.
    fn best(&self, z: impl Fn(usize) -> f64) -> Option<Split> {
        let n = self.weights.len() - 1;
        let week = n - WEEK;
        let mut best: Option<(f64, usize)> = None;
        for at in (week..=n - AFTER_MIN).filter(|&at| self.is_split(at)) {
            let z = z(at);
            if best.is_none_or(|best| z > best.0) {
                best = Some((z, at));
            }
        }
        let (best, at) = best?;
        let edge = if self.is_split(week) {
            z(week).max(0.0)
        } else {
            0.0
        };
        Some(Split {
            z: best,
            edge,
            at,
            is_off_edge: at >= week + EDGE,
        })
    }

    /// The standard error of the difference of the parts at a split.
    pub(super) fn error(&self, at: usize, inflation: f64) -> f64 {
        let before = self.weights[at];
        (inflation * (1.0 / before + 1.0 / (self.all() - before))).sqrt()
    }

    fn all(&self) -> f64 {
        self.weights.last().copied().unwrap_or_default()
    }

    fn moment(&self) -> f64 {
        self.moments.last().copied().unwrap_or_default()
    }

    fn is_split(&self, at: usize) -> bool {
        // Sums of weights that differ by rounding only hold no hour between them.
        let rounding = self.all() * 1e-12;
        self.weights[at] > rounding && self.all() - self.weights[at] > rounding
    }

    /// The z of a step at `at`: the difference of the parts' means over its error.
    fn step_at(&self, at: usize) -> f64 {
        let (before, moment) = (self.weights[at], self.moments[at]);
        let after = self.all() - before;
        let difference = (self.moment() - moment) * before - moment * after;
        difference / (before * after * self.all()).sqrt()
    }
}

/// A straight line through a row of hours: weighted sums over them, with x the hours from their middle.
struct Line {
    x: f64,
    xx: f64,
    xy: f64,
    /// The sum of x over the hours before.
    xs: Vec<f64>,
}

impl Line {
    fn through(rows: &Measured) -> Line {
        let n = rows.z.len();
        let middle = n as f64 / 2.0;
        let mut line = Line {
            x: 0.0,
            xx: 0.0,
            xy: 0.0,
            xs: Vec::with_capacity(n),
        };
        for (hour, (z, precision)) in rows.z.iter().zip(&rows.precision).enumerate() {
            line.xs.push(line.x);
            let x = (hour as f64 - middle) * precision;
            line.x += x * precision;
            line.xx += x * x;
            line.xy += x * z;
        }
        line
    }

    /// What the line gains over a constant in twice the log likelihood.
    fn gain(&self, sums: &Sums) -> f64 {
        let (own, y) = self.slope(sums);
        y * y / own
    }

    /// The z of a step at `at` beside the line.
    fn step_beside(&self, sums: &Sums, at: usize) -> f64 {
        let (all, moment) = (sums.all(), sums.moment());
        let (after, after_moment) = (all - sums.weights[at], moment - sums.moments[at]);
        let (line, line_y) = self.slope(sums);
        let step_y = after_moment - after * moment / all;
        let step_line = self.x - self.xs[at] - after * self.x / all;
        let own = after - after * after / all - step_line * step_line / line;
        (step_y - step_line * line_y / line) / own.sqrt()
    }

    /// The squares of x around its mean, and its products with y.
    fn slope(&self, sums: &Sums) -> (f64, f64) {
        (
            self.xx - self.x * self.x / sums.all(),
            self.xy - self.x * sums.moment() / sums.all(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::noise::Residuals;
    use super::*;

    const N: usize = 4 * WEEK;

    struct Scanned {
        z: f64,
        at: usize,
        is_inside: bool,
    }

    /// The best step, or the best beside a line where that explains as much.
    fn scanned(y: impl Fn(usize) -> f64) -> Scanned {
        let rows = Residuals {
            y: (0..N).map(y).collect(),
            variance: vec![0.01; N],
        };
        // Without scatter in the baseline there is no process noise.
        let rows = rows.measured(0, &mut Vec::new());
        let mut sums = Sums::default();
        sums.load(&rows);
        let step = sums.step().unwrap();
        let (beside, gain) = sums.step_beside_line(&rows);
        let is_step = !step.stands_out(1.0) || step.is_inside(1.0) && step.beats_line(gain, 1.0);
        let best = if is_step { step } else { beside.unwrap() };
        Scanned {
            z: best.z(1.0),
            at: best.at,
            is_inside: best.is_inside(1.0),
        }
    }

    /// Noise without chance: up and down by a tenth.
    fn wave(hour: usize) -> f64 {
        if hour.is_multiple_of(2) { 0.1 } else { -0.1 }
    }

    #[test]
    fn a_step_is_found_where_it_is_with_its_z() {
        let split = scanned(|hour| if hour >= N - 100 { 0.2 } else { 0.0 });
        assert_eq!(split.at, N - 100);
        assert!(split.is_inside);
        // Beside the hours' own variance, the least process noise.
        let expect = 0.2 / ((0.01 + 1e-6) * (1.0 / 100.0 + 1.0 / (N as f64 - 100.0))).sqrt();
        assert!((split.z - expect).abs() < 1e-9, "{} at {}", split.z, split.at);
    }

    #[test]
    fn a_wild_hour_counts_for_three_deviations() {
        let split = scanned(|hour| if hour == N - 30 { 50.0 } else { 0.0 });
        assert!(
            split.z < 3.0 * 0.1 / (0.01f64 * 18.0).sqrt(),
            "{} at {}",
            split.z,
            split.at
        );
    }

    #[test]
    fn a_step_older_than_the_week_is_at_its_edge() {
        assert!(!scanned(|hour| if hour >= N - WEEK - 48 { 0.2 } else { 0.0 }).is_inside);
        assert!(!scanned(|hour| if hour >= N - WEEK + 5 { 0.2 } else { 0.0 }).is_inside);
    }

    #[test]
    fn a_drift_is_no_step_but_a_step_on_a_drift_is() {
        let drift = |hour: usize| 0.2 * hour as f64 / N as f64 + wave(hour);
        assert!(scanned(drift).z < 2.0, "{}", scanned(drift).z);
        let split = scanned(|hour| drift(hour) + if hour >= N - 90 { 0.15 } else { 0.0 });
        assert!(
            split.z > 5.0 && split.at.abs_diff(N - 90) <= 1,
            "{} at {}",
            split.z,
            split.at
        );
    }

    #[test]
    fn nothing_to_compare_is_no_split() {
        let rows = Measured {
            y: vec![f64::NAN; N],
            z: vec![0.0; N],
            precision: vec![0.0; N],
        };
        let mut sums = Sums::default();
        sums.load(&rows);
        assert_eq!(sums.step(), None);
    }
}
