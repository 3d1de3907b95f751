//! Step 1: what a bucket says and how sure it is of it. The log of a mean of n calls, freed of the bias that few calls give it, and
//! its variance; and the noise that more calls do not average out. Knows nothing of seasons or changes.

use super::buckets::Series;
use super::order::{copy_known, median, median_of_known};
use super::window::Window;

/// The most that few calls may add to a bucket's variance (ln²): beyond it the delta method has no meaning.
const SAMPLING_VARIANCE_MAX: f64 = 4.0;
/// The median of χ² with one degree of freedom: half of the squares of a standard normal are below it.
const CHI_SQUARED_MEDIAN: f64 = 0.455;
/// No series is steadier than this from hour to hour (0.1 %): a floor that keeps weights finite.
const PROCESS_VARIANCE_MIN: f64 = 1e-6;

/// Standardised hours count for at most this much (Huber): one wild hour is not a change.
const CLIP: f64 = 3.0;

/// A row of hours: how far each is from what was expected, and how sure that is as far as sampling goes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Residuals {
    /// ln of the time a call took over what was expected; NaN where nothing is known.
    pub(super) y: Vec<f64>,
    /// The variance of `y`; infinite where nothing is known.
    pub(super) variance: Vec<f64>,
}

impl Residuals {
    /// Becomes the log means of a series, with their sampling variance alone: min(4, ln(1 + φ/n)), half of which is what E[ln mean] falls
    /// short of ln E[mean] by.
    pub(super) fn fill(&mut self, series: &Series, window: &Window) {
        let phi = series.relative_variance(window.from..window.from + window.baseline());
        let hours = window.hours();
        self.y.clear();
        self.variance.clear();
        let rows = series.log_mean[hours.clone()].iter().zip(&series.calls[hours]);
        for (log_mean, calls) in rows {
            if log_mean.is_nan() {
                self.y.push(f64::NAN);
                self.variance.push(f64::INFINITY);
            } else {
                let variance = (phi / calls).ln_1p().min(SAMPLING_VARIANCE_MAX);
                self.y.push(log_mean + variance / 2.0);
                self.variance.push(variance);
            }
        }
    }

    /// Moves the median of the first `baseline` hours to zero.
    pub(super) fn center(&mut self, baseline: usize, scratch: &mut Vec<f64>) {
        let center = median_of_known(&self.y[..baseline], scratch);
        if !center.is_nan() {
            self.y.iter_mut().for_each(|y| *y -= center);
        }
    }

    /// Adds the process noise τ² to the variance: what is left of the baseline's scatter when sampling is accounted for.
    ///
    /// τ² solves median(y²/(τ² + v)) = 0.455. As y² ≤ 0.455 (τ² + v) just where y²/0.455 − v ≤ τ², it is the median of the latter.
    pub(super) fn measured(&self, baseline: usize, scratch: &mut Vec<f64>) -> Measured {
        let excess = |(y, variance): (&f64, &f64)| y * y / CHI_SQUARED_MEDIAN - variance;
        let rows = self.y[..baseline].iter().zip(&self.variance[..baseline]);
        copy_known(rows.map(excess), scratch);
        let process = median(scratch).max(PROCESS_VARIANCE_MIN);
        let precision = |variance: &f64| 1.0 / (variance + process).sqrt();
        let precision: Vec<f64> = self.variance.iter().map(precision).collect();
        let standardised = |(y, precision): (&f64, &f64)| {
            if y.is_nan() {
                0.0
            } else {
                (y * precision).clamp(-CLIP, CLIP)
            }
        };
        Measured {
            z: self.y.iter().zip(&precision).map(standardised).collect(),
            y: self.y.clone(),
            precision,
        }
    }
}

/// A row of hours of which the noise is known: what is left to do with it needs no more.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Measured {
    /// ln of the time a call took over what was expected; NaN where nothing is known.
    pub(super) y: Vec<f64>,
    /// The same over its standard deviation, clipped at three of them; 0 where nothing is known.
    pub(super) z: Vec<f64>,
    /// One over the standard deviation; 0 where nothing is known.
    pub(super) precision: Vec<f64>,
}

impl Measured {
    /// Turns the row upside down, so that what became shorter looks as if it had become longer.
    pub(super) fn turn(&mut self) {
        self.y
            .iter_mut()
            .chain(&mut self.z)
            .for_each(|value| *value = -*value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::buckets::{Fleet, HourBucket};
    use super::super::window::WEEK;
    use super::*;

    #[test]
    fn few_calls_are_uncertain_and_freed_of_their_bias() {
        let bucket = |hour: i64| {
            let calls = if hour % 2 == 0 { 2 } else { 1000 };
            // φ = 2 whatever the number of calls: the squares are 2 (calls - 1) more than that of the mean, 1000 µs.
            let sumsq_us2 = (calls as f64 + 2.0 * (calls as f64 - 1.0)) * 1e6;
            HourBucket {
                server: 1,
                fingerprint: 1,
                hour,
                calls,
                total_us: 1000 * calls,
                sumsq_us2,
            }
        };
        let fleet = Fleet::new(
            (0..3 * WEEK as i64)
                .filter(|hour| hour % 5 != 0)
                .map(bucket)
                .collect(),
        );
        let window = Window::at(fleet.end_hour(), fleet.frame.first_hour).unwrap();
        let mut rows = Residuals::default();
        rows.fill(&fleet.servers[0].series[0], &window);
        for (hour, variance) in [(2, 2f64.ln()), (3, 0.002f64.ln_1p())] {
            let at = hour - fleet.frame.first_hour as usize;
            assert!(
                (rows.variance[at] - variance).abs() < 1e-9,
                "{hour}: {}",
                rows.variance[at]
            );
            assert!((rows.y[at] - (1000f64.ln() + variance / 2.0)).abs() < 1e-9);
        }
        let gap = 5 - fleet.frame.first_hour as usize;
        assert!(rows.y[gap].is_nan() && rows.variance[gap].is_infinite());
    }

    #[test]
    fn process_noise_is_what_sampling_does_not_explain() {
        // The median of y² is 0.455 · 0.04: as of a normal distribution of variance 0.04, of which sampling explains 0.01.
        let y = |hour: usize| [0.01, 0.04f64.sqrt() * CHI_SQUARED_MEDIAN.sqrt(), 0.5][hour % 3];
        let rows = Residuals {
            y: (0..300).map(y).collect(),
            variance: vec![0.01; 300],
        };
        let rows = rows.measured(300, &mut Vec::new());
        assert!((rows.precision[0] - 5.0).abs() < 1e-9, "{}", rows.precision[0]);
        assert!((rows.z[0] - 0.05).abs() < 1e-9 && (rows.z[2] - 2.5).abs() < 1e-9);
    }

    #[test]
    fn the_unknown_weighs_nothing_and_the_wild_is_clipped() {
        let rows = Residuals {
            y: vec![0.0, f64::NAN, 9.0],
            variance: vec![0.01, f64::INFINITY, 0.01],
        };
        let rows = rows.measured(0, &mut Vec::new());
        assert_eq!(
            (rows.z.as_slice(), rows.precision[1]),
            (&[0.0, 0.0, CLIP][..], 0.0)
        );
    }
}
