//! Step 2: the time of day and the weekend taken out of a row of hours, as far as the baseline shows that they matter. Learns from the
//! baseline only, so that a change in the last week cannot hide in its own season.

use super::noise::Residuals;
use super::window::{DAY, Window};

/// Hours of the day, twice: working days and weekends.
const CELLS: usize = 2 * DAY;
/// π/2: the variance of a median over that of a mean.
const MEDIAN_VARIANCE: f64 = std::f64::consts::FRAC_PI_2;
/// The process variance (ln²) that weights take before it is known: an hour within 10 % of its neighbours.
const PROCESS_VARIANCE_GUESS: f64 = 0.01;

/// Subtracts the seasonal profile of the baseline.
pub(super) fn remove_season(rows: &mut Residuals, window: &Window, cells: &mut Cells) {
    cells.fill(rows, window);
    let profile = cells.profile(window);
    for (at, y) in rows.y.iter_mut().enumerate() {
        *y -= profile[window.cell(at)];
    }
}

/// Working space: the baseline's hours by cell.
#[derive(Debug)]
pub(super) struct Cells {
    /// (value, weight), sorted.
    values: [Vec<(f64, f64)>; CELLS],
    weights: [f64; CELLS],
}

impl Cells {
    pub(super) fn new() -> Cells {
        Cells { values: std::array::from_fn(|_| Vec::new()), weights: [0.0; CELLS] }
    }

    fn fill(&mut self, rows: &Residuals, window: &Window) {
        self.values.iter_mut().for_each(Vec::clear);
        for at in 0..window.baseline() {
            if !rows.y[at].is_nan() {
                let weight = 1.0 / (rows.variance[at] + PROCESS_VARIANCE_GUESS);
                self.values[window.cell(at)].push((rows.y[at], weight));
            }
        }
        for (values, weight) in self.values.iter_mut().zip(&mut self.weights) {
            values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
            *weight = values.iter().map(|value| value.1).sum();
        }
    }

    /// The weighted median of each cell and its neighbours an hour away, shrunk: C·B/(B + V), where V is the variance of the cell's
    /// median and B what the cells differ by beyond it.
    fn profile(&self, window: &Window) -> [f64; CELLS] {
        let n_cells = if window.knows_weekends() { CELLS } else { DAY };
        let (mut medians, mut variances) = ([0.0; CELLS], [0.0; CELLS]);
        for cell in 0..n_cells {
            let (day, hour) = (cell / DAY * DAY, cell % DAY);
            let near = [day + (hour + DAY - 1) % DAY, cell, day + (hour + 1) % DAY];
            let weight: f64 = near.iter().map(|&cell| self.weights[cell]).sum();
            medians[cell] = merged_median(near.map(|cell| self.values[cell].as_slice()), weight);
            // Nothing known: as uncertain as a single call at most is.
            variances[cell] = MEDIAN_VARIANCE / weight.max(MEDIAN_VARIANCE / 4.0);
        }
        let n = n_cells as f64;
        let mean = medians[..n_cells].iter().sum::<f64>() / n;
        let scatter = medians[..n_cells].iter().map(|median| (median - mean).powi(2)).sum::<f64>() / n;
        let between = (scatter - variances[..n_cells].iter().sum::<f64>() / n).max(0.0);
        for (median, variance) in medians.iter_mut().zip(&variances[..n_cells]) {
            *median *= between / (between + variance);
        }
        medians
    }
}

/// The weighted median of three sorted lists together, whose weights sum up to `weight`; 0 for none.
fn merged_median(lists: [&[(f64, f64)]; 3], weight: f64) -> f64 {
    let mut at = [0; 3];
    let mut reached = 0.0;
    loop {
        let heads = (0..3).filter_map(|i| Some((lists[i].get(at[i])?, i)));
        let Some((&(value, own), list)) = heads.min_by(|a, b| a.0.0.total_cmp(&b.0.0)) else {
            return 0.0;
        };
        reached += own;
        if reached >= weight / 2.0 {
            return value;
        }
        at[list] += 1;
    }
}
