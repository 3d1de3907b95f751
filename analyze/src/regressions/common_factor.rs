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

/// Subtracts from the series of one server their hourly median, and gives it back as a row of its own; `None` if they are too few to
/// have one.
pub(super) fn remove_common_factor(server: &mut [Residuals], scratch: &mut Vec<f64>) -> Option<Residuals> {
    let witnesses = witnesses(server, scratch);
    if witnesses.len() < SERIES_MIN {
        return None;
    }
    let n_hours = server[0].y.len();
    let mut factor = Residuals {
        y: vec![f64::NAN; n_hours],
        variance: vec![f64::INFINITY; n_hours],
    };
    for hour in 0..n_hours {
        scratch.clear();
        let mut weight = 0.0;
        for &i in &witnesses {
            if !server[i].y[hour].is_nan() {
                scratch.push(server[i].y[hour]);
                weight += 1.0 / (server[i].variance[hour] + PROCESS_VARIANCE_GUESS);
            }
        }
        if scratch.len() < SERIES_MIN {
            continue;
        }
        factor.y[hour] = median(scratch);
        factor.variance[hour] = MEDIAN_VARIANCE / weight;
    }
    for rows in server {
        for (y, factor) in rows
            .y
            .iter_mut()
            .zip(&factor.y)
            .filter(|(_, factor)| !factor.is_nan())
        {
            *y -= factor;
        }
    }
    Some(factor)
}

/// The series whose hours are measured well; all of them if those are too few.
fn witnesses(server: &[Residuals], scratch: &mut Vec<f64>) -> Vec<usize> {
    let is_well_measured = |rows: &Residuals, scratch: &mut Vec<f64>| {
        scratch.clear();
        scratch.extend(
            rows.variance
                .iter()
                .copied()
                .filter(|variance| variance.is_finite()),
        );
        median(scratch) < WELL_MEASURED
    };
    let well: Vec<usize> = (0..server.len())
        .filter(|&i| is_well_measured(&server[i], scratch))
        .collect();
    if well.len() >= SERIES_MIN {
        well
    } else {
        (0..server.len()).collect()
    }
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

    #[test]
    fn what_all_queries_do_is_the_servers_and_what_one_does_is_its_own() {
        let mut rows = server(6, |series, hour| {
            let incident = if hour == 4 { 1.5 } else { 0.0 };
            incident + if series == 2 && hour >= 7 { 0.8 } else { 0.0 }
        });
        let factor = remove_common_factor(&mut rows, &mut Vec::new()).unwrap();
        assert_eq!((factor.y[3], factor.y[4], factor.y[8]), (0.0, 1.5, 0.0));
        assert!((factor.variance[0] - MEDIAN_VARIANCE * 0.02 / 6.0).abs() < 1e-12);
        assert_eq!((rows[0].y[4], rows[2].y[6], rows[2].y[8]), (0.0, 0.0, 0.8));
    }

    #[test]
    fn too_few_queries_have_nothing_in_common() {
        let mut rows = server(4, |_, _| 1.0);
        assert_eq!(remove_common_factor(&mut rows, &mut Vec::new()), None);
        assert_eq!(rows[0].y[0], 1.0);
        // Five, but of which one is silent at times: nothing is taken out then.
        let mut rows = server(
            5,
            |series, hour| if series == 0 && hour < 5 { f64::NAN } else { 1.0 },
        );
        let factor = remove_common_factor(&mut rows, &mut Vec::new()).unwrap();
        assert!(factor.y[0].is_nan() && rows[1].y[0] == 1.0 && rows[1].y[5] == 0.0);
    }
}
