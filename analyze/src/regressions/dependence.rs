//! Hours are not independent: how much less a mean of them knows than if they were. Measured twice, by the correlation of neighbours and
//! by the scatter of whole days; the second is right but rough, so that it is drawn to the first as far as the fleet's rows agree on it.

use super::order::median_of_known;
use super::window::DAY;

/// The most that hours may depend on each other: a day's as one.
const INFLATION_MAX: f64 = DAY as f64;
/// The least: correlation below zero is not believed.
const INFLATION_MIN: f64 = 1.0;
/// The most that neighbouring hours may correlate.
const CORRELATION_MAX: f64 = 0.9;
/// The standard deviation over the median absolute deviation, for a normal distribution.
const MAD_TO_SD: f64 = 1.4826;
/// Fewer whole days say nothing about days.
const DAYS_MIN: f64 = 5.0;

/// What the standardised hours of one row's baseline say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Dependence {
    /// The mean square of an hour.
    square: f64,
    /// λ by neighbours: (1 + ρ)/(1 − ρ).
    neighbours: f64,
    /// λ by days: the mean square of a day's sum over the square root of its hours, over that of an hour.
    days: f64,
    /// The days that `days` was measured on.
    n_days: f64,
}

impl Dependence {
    /// Measures standardised, clipped hours; NaN where nothing is known.
    pub(super) fn of(hours: &[f64]) -> Dependence {
        let known = hours.iter().filter(|z| !z.is_nan());
        let (sum, sum_of_squares, n) =
            known.fold((0.0, 0.0, 0.0), |(sum, squares, n), z| (sum + z, squares + z * z, n + 1.0));
        if n < 2.0 {
            return Dependence { square: 1.0, neighbours: 1.0, days: 1.0, n_days: 0.0 };
        }
        let mean = sum / n;
        let square = (sum_of_squares / n - mean * mean).max(1e-9);
        let products = hours.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).filter(|product| !product.is_nan());
        let (sum, pairs) = products.fold((0.0, 0.0), |(sum, n), product| (sum + product, n + 1.0));
        let correlation = if pairs > 0.0 { (sum / pairs / square).clamp(0.0, CORRELATION_MAX) } else { 0.0 };
        let (mut squares, mut n_days) = (0.0, 0.0);
        for day in hours.rchunks_exact(DAY) {
            let known = day.iter().filter(|z| !z.is_nan());
            let (sum, n) = known.fold((0.0, 0.0), |(sum, n), z| (sum + (z - mean), n + 1.0));
            if n > 0.0 {
                squares += sum * sum / n;
                n_days += 1.0;
            }
        }
        let degrees: f64 = n_days - 1.0;
        let days = if degrees > 0.0 { squares / degrees / square } else { 1.0 };
        Dependence { square, neighbours: (1.0 + correlation) / (1.0 - correlation), days, n_days }
    }

    fn log_ratio(&self) -> f64 {
        if self.n_days < DAYS_MIN || self.days <= 0.0 { f64::NAN } else { (self.days / self.neighbours).ln() }
    }
}

/// How λ by days relates to λ by neighbours in a fleet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Prior {
    /// Their usual ratio.
    ratio: f64,
    /// How many days' worth of measuring the ratio is worth for a single row.
    worth_days: f64,
}

impl Prior {
    /// Learns from all rows of a fleet: the scatter of the log ratio beyond what so few days explain is how much rows really differ
    /// (moderated variances, as Smyth has them for genes).
    pub(super) fn of(rows: &[Dependence]) -> Prior {
        let mut scratch = Vec::new();
        let ratios: Vec<f64> = rows.iter().map(Dependence::log_ratio).collect();
        let center = median_of_known(&ratios, &mut scratch);
        if center.is_nan() {
            return Prior { ratio: 1.0, worth_days: 0.0 };
        }
        let distances: Vec<f64> = ratios.iter().map(|ratio| (ratio - center).abs()).collect();
        let scatter = (MAD_TO_SD * median_of_known(&distances, &mut scratch)).powi(2);
        let days: Vec<f64> = rows.iter().map(|row| row.n_days).filter(|&days| days >= DAYS_MIN).collect();
        // ln of a mean of squares over d degrees of freedom has variance 2/d and lies 1/d low.
        let degrees = (median_of_known(&days, &mut scratch) - 1.0).max(1.0);
        let real = (scatter - 2.0 / degrees).max(1e-3);
        Prior { ratio: (center + 1.0 / degrees).exp(), worth_days: 2.0 / real }
    }

    /// λ of a row, times the mean square of its hours: what the variance of its means is to be multiplied by.
    pub(super) fn inflation(&self, row: &Dependence) -> f64 {
        let expected = row.neighbours * self.ratio;
        let degrees = (row.n_days - 1.0).max(0.0);
        let weight = (degrees + self.worth_days).max(1.0);
        let shrunk = (row.days * degrees + expected * (weight - degrees)) / weight;
        shrunk.clamp(INFLATION_MIN, INFLATION_MAX) * row.square
    }
}
