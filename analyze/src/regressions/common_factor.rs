//! Step 3: what all queries of a server have in common. A busy neighbour, a failover or a new configuration moves every query there;
//! it is one event of the server, not one of each query. Never looks at more than one server.

use super::noise::Residuals;
use super::order::median;

/// Fewer queries have no common factor: their median would be one of them.
const SERIES_MIN: usize = 5;
/// A series whose median hour has less sampling variance (ln²: 14 %) than this is measured well.
const WELL_MEASURED: f64 = 0.02;
/// π/2: the variance of a median over that of a mean.
const MEDIAN_VARIANCE: f64 = std::f64::consts::FRAC_PI_2;
/// The process variance (ln²) of an hour before it is known.
const PROCESS_VARIANCE_GUESS: f64 = 0.01;

/// Hours that are looked at together: as many as a cache line has.
const HOURS_AT_ONCE: usize = 8;

/// What the series of one server have in common, hour by hour; `None` if they are too few to have anything.
pub(super) fn common_factor(server: &[Residuals], scratch: &mut Vec<f64>) -> Option<Residuals> {
    let witnesses = witnesses(server, scratch);
    if witnesses.len() < SERIES_MIN {
        return None;
    }
    let n_hours = server[0].y.len();
    let mut factor = Residuals {
        y: vec![f64::NAN; n_hours],
        variance: vec![f64::INFINITY; n_hours],
    };
    let mut known: [Vec<f64>; HOURS_AT_ONCE] = Default::default();
    for first in (0..n_hours).step_by(HOURS_AT_ONCE) {
        let hours = first..n_hours.min(first + HOURS_AT_ONCE);
        let mut weights = [0.0; HOURS_AT_ONCE];
        known.iter_mut().for_each(Vec::clear);
        for rows in witnesses.iter().map(|&i| &server[i]) {
            let rows = rows.y[hours.clone()].iter().zip(&rows.variance[hours.clone()]);
            for ((y, variance), (known, weight)) in rows.zip(known.iter_mut().zip(&mut weights)) {
                if !y.is_nan() {
                    known.push(*y);
                    *weight += 1.0 / (variance + PROCESS_VARIANCE_GUESS);
                }
            }
        }
        for (hour, (known, weight)) in hours.zip(known.iter_mut().zip(weights)) {
            if known.len() >= SERIES_MIN {
                factor.y[hour] = median(known);
                factor.variance[hour] = MEDIAN_VARIANCE / weight;
            }
        }
    }
    Some(factor)
}

/// Takes a server's common factor out of one of its series, in the hours that have one.
pub(super) fn subtract(rows: &mut Residuals, factor: &[f64]) {
    for (y, factor) in rows
        .y
        .iter_mut()
        .zip(factor)
        .filter(|(_, factor)| !factor.is_nan())
    {
        *y -= factor;
    }
}

/// The series whose hours are measured well; all of them if those are too few.
fn witnesses(server: &[Residuals], scratch: &mut Vec<f64>) -> Vec<usize> {
    let well: Vec<usize> = (0..server.len())
        .filter(|&i| is_well_measured(&server[i], scratch))
        .collect();
    if well.len() >= SERIES_MIN {
        well
    } else {
        (0..server.len()).collect()
    }
}

/// Whether the median of the hours' variances is small. Counting decides unless the limit is just between the two in the middle.
fn is_well_measured(rows: &Residuals, scratch: &mut Vec<f64>) -> bool {
    let known = || {
        rows.variance
            .iter()
            .copied()
            .filter(|variance| variance.is_finite())
    };
    let (n, n_small) = known().fold((0, 0), |(n, n_small), variance| {
        (n + 1, n_small + usize::from(variance < WELL_MEASURED))
    });
    if 2 * n_small != n {
        return 2 * n_small > n;
    }
    scratch.clear();
    scratch.extend(known());
    median(scratch) < WELL_MEASURED
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(n_series: usize, y: impl Fn(usize, usize) -> f64) -> Vec<Residuals> {
        let row = |series| Residuals {
            y: (0..10).map(|hour| y(series, hour)).collect(),
            variance: vec![0.01; 10],
        };
        (0..n_series).map(row).collect()
    }

    fn taken_out(server: &mut [Residuals]) -> Option<Residuals> {
        let factor = common_factor(server, &mut Vec::new())?;
        server.iter_mut().for_each(|rows| subtract(rows, &factor.y));
        Some(factor)
    }

    #[test]
    fn what_all_queries_do_is_the_servers_and_what_one_does_is_its_own() {
        let mut rows = server(6, |series, hour| {
            let incident = if hour == 4 { 1.5 } else { 0.0 };
            incident + if series == 2 && hour >= 7 { 0.8 } else { 0.0 }
        });
        let factor = taken_out(&mut rows).unwrap();
        assert_eq!((factor.y[3], factor.y[4], factor.y[8]), (0.0, 1.5, 0.0));
        assert!((factor.variance[0] - MEDIAN_VARIANCE * 0.02 / 6.0).abs() < 1e-12);
        assert_eq!((rows[0].y[4], rows[2].y[6], rows[2].y[8]), (0.0, 0.0, 0.8));
    }

    #[test]
    fn too_few_queries_have_nothing_in_common() {
        let mut rows = server(4, |_, _| 1.0);
        assert_eq!(taken_out(&mut rows), None);
        assert_eq!(rows[0].y[0], 1.0);
        // Five, but of which one is silent at times: nothing is taken out then.
        let mut rows = server(
            5,
            |series, hour| if series == 0 && hour < 5 { f64::NAN } else { 1.0 },
        );
        let factor = taken_out(&mut rows).unwrap();
        assert!(factor.y[0].is_nan() && rows[1].y[0] == 1.0 && rows[1].y[5] == 0.0);
    }
}
