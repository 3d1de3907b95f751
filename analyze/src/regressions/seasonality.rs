//! Step 2: the time of day and the weekend taken out of a row of hours, as far as the baseline shows that they matter. Learns from the
//! baseline only, so that a change in the last week cannot hide in its own season.

use super::noise::Residuals;
use super::window::{DAY, Window};

/// Hours of the day, twice: working days and weekends.
const CELLS: usize = 2 * DAY;
/// The most hours of a cell: every day of three weeks, where weekends are days as others.
const HOURS_MAX: usize = 21;
/// π/2: the variance of a median over that of a mean.
const MEDIAN_VARIANCE: f64 = std::f64::consts::FRAC_PI_2;
/// The process variance (ln²) that weights take before it is known: an hour within 10 % of its neighbours.
const PROCESS_VARIANCE_GUESS: f64 = 0.01;

/// Subtracts the seasonal profile of the baseline.
pub(super) fn remove_season(rows: &mut Residuals, cells: &mut Cells) {
    cells.fill(rows);
    let profile = cells.profile();
    for (y, &cell) in rows.y.iter_mut().zip(&cells.of_hours) {
        *y -= profile[cell];
    }
}

/// Working space: the baseline's hours by cell.
#[derive(Debug)]
pub(super) struct Cells {
    /// The cell of each hour of the window.
    of_hours: Vec<usize>,
    baseline: usize,
    n_cells: usize,
    /// Sorted by value.
    hours: [Cell; CELLS],
    weights: [f64; CELLS],
}

impl Cells {
    pub(super) fn new(window: &Window) -> Cells {
        Cells {
            of_hours: (0..window.len()).map(|at| window.cell(at)).collect(),
            baseline: window.baseline(),
            n_cells: if window.knows_weekends() { CELLS } else { DAY },
            hours: [Cell::default(); CELLS],
            weights: [0.0; CELLS],
        }
    }

    fn fill(&mut self, rows: &Residuals) {
        self.hours.iter_mut().for_each(|cell| cell.n = 0);
        self.weights.fill(0.0);
        let baseline = rows.y.iter().zip(&rows.variance).take(self.baseline);
        for ((&y, variance), &cell) in baseline.zip(&self.of_hours) {
            if !y.is_nan() {
                let weight = 1.0 / (variance + PROCESS_VARIANCE_GUESS);
                self.hours[cell].push(Packed::of(y, weight));
                self.weights[cell] += weight;
            }
        }
        self.hours.iter_mut().for_each(Cell::sort);
    }

    /// The weighted median of each cell and its neighbours an hour away, shrunk: C·B/(B + V), where V is the variance of the cell's
    /// median and B what the cells differ by beyond it.
    fn profile(&self) -> [f64; CELLS] {
        let n_cells = self.n_cells;
        let (mut medians, mut variances) = ([0.0; CELLS], [0.0; CELLS]);
        for cell in 0..n_cells {
            let (day, hour) = (cell / DAY * DAY, cell % DAY);
            let near = [day + (hour + DAY - 1) % DAY, cell, day + (hour + 1) % DAY];
            let weight: f64 = near.iter().map(|&cell| self.weights[cell]).sum();
            medians[cell] = merged_median(near.map(|cell| &self.hours[cell]), weight);
            // Nothing known: as uncertain as a single call at most is.
            variances[cell] = MEDIAN_VARIANCE / weight.max(MEDIAN_VARIANCE / 4.0);
        }
        let n = n_cells as f64;
        let mean = medians[..n_cells].iter().sum::<f64>() / n;
        let scatter = medians[..n_cells]
            .iter()
            .map(|median| (median - mean).powi(2))
            .sum::<f64>()
            / n;
        let between = (scatter - variances[..n_cells].iter().sum::<f64>() / n).max(0.0);
        for (median, variance) in medians.iter_mut().zip(&variances[..n_cells]) {
            *median *= between / (between + variance);
        }
        medians
    }
}

/// A value and its weight, each rounded to 24 bits of precision, as one number that sorts by the value: half of the time of a look went
/// into sorting pairs of floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Packed(u64);

impl Packed {
    /// Sorts after everything else.
    const END: Packed = Packed(u64::MAX);

    fn of(value: f64, weight: f64) -> Packed {
        let bits = (value as f32).to_bits();
        // Floats of either sign in the order of unsigned numbers, as `total_cmp` has it.
        let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
        Packed(u64::from(ordered) << 32 | u64::from((weight as f32).to_bits()))
    }

    fn value(self) -> f64 {
        let ordered = (self.0 >> 32) as u32;
        let bits = if ordered >> 31 == 1 {
            ordered & !(1 << 31)
        } else {
            !ordered
        };
        f64::from(f32::from_bits(bits))
    }

    fn weight(self) -> f64 {
        f64::from(f32::from_bits(self.0 as u32))
    }
}

/// The hours of one cell.
#[derive(Debug, Clone, Copy)]
struct Cell {
    n: usize,
    /// Those that are known; sorted, an end follows.
    hours: [Packed; HOURS_MAX + 1],
}

impl Default for Cell {
    fn default() -> Cell {
        Cell {
            n: 0,
            hours: [Packed::END; HOURS_MAX + 1],
        }
    }
}

impl Cell {
    fn push(&mut self, hour: Packed) {
        self.hours[self.n] = hour;
        self.n += 1;
    }

    fn sort(&mut self) {
        self.hours[..self.n].sort_unstable();
        self.hours[self.n] = Packed::END;
    }
}

/// The weighted median of three sorted cells together, whose weights sum up to `weight`; 0 for none.
fn merged_median(cells: [&Cell; 3], weight: f64) -> f64 {
    let [a, b, c] = cells.map(|cell| &cell.hours);
    let (mut i, mut j, mut k) = (0, 0, 0);
    // By as much as rounded weights may fall short.
    let enough = weight / 2.0 * (1.0 - 1e-6);
    let mut reached = 0.0;
    loop {
        let (x, y, z) = (a[i], b[j], c[k]);
        let least = x.min(y).min(z);
        if least == Packed::END {
            return 0.0;
        }
        reached += least.weight();
        if reached >= enough {
            return least.value();
        }
        // Without branches: which cell has the least is anybody's guess.
        let (is_x, is_y) = (x == least, y == least);
        i += usize::from(is_x);
        j += usize::from(is_y & !is_x);
        k += usize::from(!is_y & !is_x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_values_sort_as_they_are_and_come_back() {
        let values = [-1e9, -2.5, -0.25, 0.0, 1e-9, 0.25, 3.0];
        let packed = values.map(|value| Packed::of(value, 2.0));
        assert!(packed.is_sorted() && packed[6] < Packed::END);
        for (packed, value) in packed.into_iter().zip(values) {
            assert!((packed.value() - value).abs() <= 1e-7 * value.abs() && packed.weight() == 2.0);
        }
    }

    #[test]
    fn the_weighted_median_of_lists_is_that_of_all_their_values() {
        let check = |lists: [&[(f64, f64)]; 3], expect: f64| {
            let weight = lists.iter().flat_map(|list| list.iter()).map(|pair| pair.1).sum();
            let cells = lists.map(|list| {
                let mut cell = Cell::default();
                list.iter()
                    .for_each(|&(value, weight)| cell.push(Packed::of(value, weight)));
                cell
            });
            assert_eq!(merged_median(cells.each_ref(), weight), expect, "{lists:?}");
        };
        check([&[(1.0, 1.0)], &[(3.0, 1.0)], &[(2.0, 1.0)]], 2.0);
        check([&[(1.0, 1.0), (5.0, 4.0)], &[(3.0, 1.0)], &[]], 5.0);
        check(
            [&[(-1.0, 1.0), (-0.5, 1.0)], &[], &[(-2.0, 0.5), (7.0, 0.4)]],
            -1.0,
        );
        check([&[], &[], &[]], 0.0);
    }

    fn season(n_hours: usize, y: impl Fn(usize) -> f64, variance: f64) -> Residuals {
        let window = Window::at(n_hours as i64, 0).unwrap();
        let mut rows = Residuals {
            y: (0..n_hours).map(y).collect(),
            variance: vec![variance; n_hours],
        };
        remove_season(&mut rows, &mut Cells::new(&window));
        rows
    }

    /// A day's wave of 30 %, and weekends 20 % slower.
    fn wave(hour: usize) -> f64 {
        let weekend = if hour / DAY % 7 >= 5 { 0.1 } else { -0.04 };
        0.3 * (std::f64::consts::TAU * hour as f64 / 24.0).cos() + weekend
    }

    #[test]
    fn the_time_of_day_and_the_weekend_are_taken_out() {
        let rows = season(4 * 7 * DAY, wave, 1e-4);
        // The neighbours an hour away are off by up to 0.08 at the steepest; the median of both sides is the hour itself.
        assert!(
            rows.y.iter().all(|y| y.abs() < 0.02),
            "{:?}",
            rows.y.iter().fold(0.0f64, |max, y| max.max(y.abs()))
        );
    }

    #[test]
    fn what_hours_are_too_uncertain_to_know_is_left_in() {
        let rows = season(4 * 7 * DAY, wave, 4.0);
        assert!(
            (0..rows.y.len()).all(|hour| (rows.y[hour] - wave(hour)).abs() < 0.25 * wave(hour).abs() + 1e-6)
        );
    }

    #[test]
    fn the_last_week_does_not_hide_a_change_in_the_season() {
        let n = 4 * 7 * DAY;
        let rows = season(
            n,
            |hour| wave(hour) + if hour >= n - 7 * DAY { 0.5 } else { 0.0 },
            1e-4,
        );
        assert!(rows.y[n - 7 * DAY..].iter().all(|y| (y - 0.5).abs() < 0.02));
    }
}
