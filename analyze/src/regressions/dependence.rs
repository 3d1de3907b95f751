//! Hours are not independent: how much less a mean of them knows than if they were. Measured twice, by the correlation of neighbours and
//! by the scatter of whole days; the second is right but rough, so that it is drawn to the first as far as the fleet's rows agree on it.

use super::noise::Measured;
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
    /// Measures the hours of a baseline, with `distances` to work in.
    pub(super) fn of(rows: &Measured, baseline: usize, distances: &mut Vec<f64>) -> Dependence {
        let baseline = baseline.min(rows.precision.len());
        let known = &rows.precision[..baseline];
        let n = known.iter().filter(|known| **known > 0.0).count() as f64;
        if n < 2.0 {
            return Dependence {
                square: 1.0,
                neighbours: 1.0,
                days: 1.0,
                n_days: 0.0,
            };
        }
        // What is not known is 0, and adds nothing to sums.
        let mean = rows.z[..baseline].iter().sum::<f64>() / n;
        let distance = |(z, known): (&f64, &f64)| if *known > 0.0 { z - mean } else { 0.0 };
        distances.clear();
        distances.extend(rows.z[..baseline].iter().zip(known).map(distance));
        let square = (distances.iter().map(|z| z * z).sum::<f64>() / n).max(1e-9);
        let products = distances.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>();
        let pairs = known
            .windows(2)
            .filter(|pair| pair[0] > 0.0 && pair[1] > 0.0)
            .count()
            .max(1) as f64;
        let correlation = (products / pairs / square).clamp(0.0, CORRELATION_MAX);
        let (squares, n_days) = day_scatter(distances, known);
        let degrees = degrees_of(n_days);
        let days = if degrees > 0.0 {
            squares / degrees / square
        } else {
            1.0
        };
        Dependence {
            square,
            neighbours: (1.0 + correlation) / (1.0 - correlation),
            days,
            n_days,
        }
    }

    /// The least that λ of this row can be.
    pub(super) fn least_inflation(&self) -> f64 {
        INFLATION_MIN * self.square
    }

    fn log_ratio(&self) -> f64 {
        if self.n_days < DAYS_MIN || self.days <= 0.0 {
            f64::NAN
        } else {
            (self.days / self.neighbours).ln()
        }
    }
}

/// The degrees of freedom of days around a straight line.
fn degrees_of(n_days: f64) -> f64 {
    (n_days - 2.0).max(0.0)
}

/// The weighted squares of the days' means around a straight line, and how many days there are. A drift is no dependence: it would make
/// hours seem to know less than they do, and it is told from a step elsewhere.
fn day_scatter(distances: &[f64], known: &[f64]) -> (f64, f64) {
    let (mut all, mut x, mut xx, mut y, mut xy, mut yy, mut n_days) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (at, (day, known)) in distances
        .rchunks_exact(DAY)
        .zip(known.rchunks_exact(DAY))
        .enumerate()
    {
        let hours = known.iter().filter(|known| **known > 0.0).count() as f64;
        if hours > 0.0 {
            let (at, sum) = (at as f64, day.iter().sum::<f64>());
            all += hours;
            x += hours * at;
            xx += hours * at * at;
            y += sum;
            xy += sum * at;
            yy += sum * sum / hours;
            n_days += 1.0;
        }
    }
    if degrees_of(n_days) == 0.0 {
        return (0.0, n_days);
    }
    let (line, line_y) = (xx - x * x / all, xy - x * y / all);
    ((yy - y * y / all - line_y * line_y / line).max(0.0), n_days)
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
            return Prior {
                ratio: 1.0,
                worth_days: 0.0,
            };
        }
        let distances: Vec<f64> = ratios.iter().map(|ratio| (ratio - center).abs()).collect();
        let scatter = (MAD_TO_SD * median_of_known(&distances, &mut scratch)).powi(2);
        let days: Vec<f64> = rows
            .iter()
            .map(|row| row.n_days)
            .filter(|&days| days >= DAYS_MIN)
            .collect();
        // ln of a mean of squares over d degrees of freedom has variance 2/d and lies 1/d low.
        let degrees = degrees_of(median_of_known(&days, &mut scratch)).max(1.0);
        let real = (scatter - 2.0 / degrees).max(1e-3);
        Prior {
            ratio: (center + 1.0 / degrees).exp(),
            worth_days: 2.0 / real,
        }
    }

    /// λ of a row, times the mean square of its hours: what the variance of its means is to be multiplied by.
    pub(super) fn inflation(&self, row: &Dependence) -> f64 {
        let expected = row.neighbours * self.ratio;
        let degrees = degrees_of(row.n_days);
        let weight = (degrees + self.worth_days).max(1.0);
        let shrunk = (row.days * degrees + expected * (weight - degrees)) / weight;
        shrunk.clamp(INFLATION_MIN, INFLATION_MAX) * row.square
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOURS: usize = 21 * DAY;

    fn measured(z: impl Fn(usize) -> f64) -> Dependence {
        let z: Vec<f64> = (0..HOURS).map(z).collect();
        Dependence::of(
            &Measured {
                y: z.clone(),
                z,
                precision: vec![1.0; HOURS],
            },
            HOURS,
            &mut Vec::new(),
        )
    }

    /// ±1 without any pattern.
    fn coin(hour: usize) -> f64 {
        let bits = (hour as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        if (bits ^ bits >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 63 == 1 {
            1.0
        } else {
            -1.0
        }
    }

    #[test]
    fn independent_hours_have_a_lambda_of_one() {
        let found = measured(coin);
        assert!(
            (found.square - 1.0).abs() < 0.02 && found.neighbours < 1.3,
            "{found:?}"
        );
        assert!((0.4..2.0).contains(&found.days), "{found:?}");
    }

    #[test]
    fn hours_that_come_in_blocks_know_as_much_as_there_are_blocks() {
        // Six hours alike: correlation 5/6, λ by days 6.
        let found = measured(|hour| coin(hour / 6));
        assert!((found.neighbours - 11.0).abs() < 3.0, "{found:?}");
        assert!((3.0..10.0).contains(&found.days), "{found:?}");
    }

    #[test]
    fn a_drift_is_no_dependence() {
        let drift = |hour: usize| (hour as f64 / HOURS as f64 - 0.5) * 2.0;
        let (flat, drifting) = (measured(coin), measured(|hour| 0.9 * coin(hour) + drift(hour)));
        assert!(drifting.days < flat.days + 0.2, "{drifting:?} {flat:?}");
    }

    #[test]
    fn rows_that_agree_are_drawn_to_what_they_agree_on() {
        let row = |days| Dependence {
            square: 1.0,
            neighbours: 2.0,
            days,
            n_days: 21.0,
        };
        let rows: Vec<Dependence> = [3.0, 3.5, 4.0, 4.5, 5.0, 16.0].map(row).into();
        let prior = Prior::of(&rows);
        let (wild, usual) = (prior.inflation(&rows[5]), prior.inflation(&rows[2]));
        assert!(
            (3.5..5.0).contains(&usual) && (usual..8.0).contains(&wild),
            "{usual} {wild}"
        );
        // Nothing measured: what neighbours say, never under 1, never above a day.
        assert_eq!(
            Prior::of(&[]).inflation(&Dependence {
                n_days: 0.0,
                ..row(0.0)
            }),
            2.0
        );
        assert_eq!(
            Prior::of(&[]).inflation(&Dependence {
                neighbours: 0.2,
                ..row(0.0)
            }),
            INFLATION_MIN
        );
    }
}
