//! Step 1: what a bucket says and how sure it is of it. The log of a mean of n calls, freed of the bias that few calls give it, and
//! its variance; and the noise that more calls do not average out. Knows nothing of seasons or changes.

use super::buckets::Series;
use super::order::median;
use super::window::Window;

/// The most that few calls may add to a bucket's variance (ln²): beyond it the delta method has no meaning.
const SAMPLING_VARIANCE_MAX: f64 = 4.0;
/// The median of χ² with one degree of freedom: half of the squares of a standard normal are below it.
const CHI_SQUARED_MEDIAN: f64 = 0.455;
/// No series is steadier than this from hour to hour (0.1 %): a floor that keeps weights finite.
const PROCESS_VARIANCE_MIN: f64 = 1e-6;

/// A row of hours: how far each is from what was expected, and how sure that is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Residuals {
    /// ln of the time a call took over what was expected; NaN where nothing is known.
    pub(super) y: Vec<f64>,
    /// The variance of `y`; infinite where nothing is known.
    pub(super) variance: Vec<f64>,
}

impl Residuals {
    /// The log means of a series, with their sampling variance alone: min(4, ln(1 + φ/n)), half of which is what E[ln mean] falls
    /// short of ln E[mean] by.
    pub(super) fn of_series(series: &Series, window: &Window) -> Residuals {
        let phi = series.relative_variance(window.from..window.from + window.baseline());
        let hours = window.hours();
        let sampling = |calls: &f64| (phi / calls).ln_1p().min(SAMPLING_VARIANCE_MAX);
        let mut rows = Residuals {
            y: series.log_mean[hours.clone()].to_vec(),
            variance: series.calls[hours].iter().map(sampling).collect(),
        };
        for (y, variance) in rows.y.iter_mut().zip(&mut rows.variance) {
            if y.is_nan() {
                *variance = f64::INFINITY;
            } else {
                *y += *variance / 2.0;
            }
        }
        rows
    }

    /// Moves the median of the first `baseline` hours to zero.
    pub(super) fn center(&mut self, baseline: usize, scratch: &mut Vec<f64>) {
        let known = |value: &f64| !value.is_nan();
        scratch.clear();
        scratch.extend(self.y[..baseline].iter().copied().filter(known));
        let center = median(scratch);
        if !center.is_nan() {
            self.y.iter_mut().for_each(|y| *y -= center);
        }
    }

    /// Adds the process noise τ² to the variance: what is left of the baseline's scatter when sampling is accounted for.
    ///
    /// τ² solves median(y²/(τ² + v)) = 0.455. As y² ≤ 0.455 (τ² + v) just where y²/0.455 − v ≤ τ², it is the median of the latter.
    pub(super) fn add_process_noise(&mut self, baseline: usize, scratch: &mut Vec<f64>) {
        let excess = |(y, variance): (&f64, &f64)| y * y / CHI_SQUARED_MEDIAN - variance;
        let rows = self.y.iter().zip(&self.variance).take(baseline);
        scratch.clear();
        scratch.extend(rows.filter(|(y, _)| !y.is_nan()).map(excess));
        let process = median(scratch).max(PROCESS_VARIANCE_MIN);
        self.variance.iter_mut().for_each(|variance| *variance += process);
    }

    /// The weight of an hour; 0 where nothing is known.
    pub(super) fn weight(&self, at: usize) -> f64 {
        1.0 / self.variance[at]
    }
}
