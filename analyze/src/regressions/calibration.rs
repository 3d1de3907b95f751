//! Step 7: how often a statistic as large as this comes by chance, learned from the fleet's own quiet past. Placebo looks give what
//! chance and whatever the model leaves out do to it; an exponential tail continues that beyond what was seen.

use super::order::quantile;

/// The tail begins at this quantile of the placebo statistics…
const TAIL_QUANTILE: f64 = 0.95;
/// …but not below this z, where a scan's statistics are ordinary.
pub(super) const TAIL_START_MIN: f64 = 2.0;
/// The scale of a tail of which nothing is known.
const TAIL_SCALE_UNKNOWN: f64 = 0.5;
/// No tail is believed to fall faster than a normal's at z = 3.
const TAIL_SCALE_MIN: f64 = 0.35;
/// How many excesses of its own weigh as much in a stratum's scale as all strata together.
const SHARED_EXCESSES: f64 = 20.0;
/// Placebo statistics that a calibration needs: 200 series at 4 placebo looks.
const STATISTICS_MIN: usize = 800;
/// Independent places for a change in a week, for p-values without calibration.
const SCAN_FACTOR: f64 = 20.0;

/// What p-values are read from, stratum by stratum.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Calibration {
    /// `None` where there is too little to learn from: then normal, with a factor for the places looked at.
    tails: Option<Vec<Tail>>,
}

/// What placebo looks gave in one stratum.
#[derive(Debug, Clone, PartialEq)]
struct Tail {
    /// Sorted.
    statistics: Vec<f64>,
    start: f64,
    /// The share of the statistics beyond the start.
    share: f64,
    /// The mean of their excess over it.
    scale: f64,
}

impl Calibration {
    /// Learns from the placebo statistics of each stratum.
    pub(super) fn of(strata: Vec<Vec<f64>>) -> Calibration {
        if strata.iter().map(Vec::len).sum::<usize>() < STATISTICS_MIN {
            return Calibration { tails: None };
        }
        let mut tails: Vec<Tail> = strata.into_iter().map(Tail::of).collect();
        // A stratum of few excesses has a scale that means nothing: it is drawn to that of all.
        let (sum, n) = tails
            .iter()
            .map(Tail::excesses)
            .fold((0.0, 0.0), |all, own| (all.0 + own.0, all.1 + own.1));
        let shared = if n > 0.0 { sum / n } else { TAIL_SCALE_UNKNOWN };
        for tail in &mut tails {
            let (sum, n) = tail.excesses();
            tail.scale = ((sum + SHARED_EXCESSES * shared) / (n + SHARED_EXCESSES)).max(TAIL_SCALE_MIN);
        }
        Calibration { tails: Some(tails) }
    }

    /// The chance of a statistic of at least `z` in a stratum where nothing changed.
    pub(super) fn p_value(&self, stratum: usize, z: f64) -> f64 {
        match &self.tails {
            Some(tails) => tails[stratum].p_value(z),
            None => (SCAN_FACTOR * normal_tail(z)).min(1.0),
        }
    }
}

impl Tail {
    fn of(mut statistics: Vec<f64>) -> Tail {
        statistics.sort_unstable_by(f64::total_cmp);
        // `max` passes over the NaN of an empty stratum.
        let start = quantile(&statistics, TAIL_QUANTILE).max(TAIL_START_MIN);
        let mut tail = Tail {
            statistics,
            start,
            share: 1.0,
            scale: TAIL_SCALE_UNKNOWN,
        };
        let n = tail.statistics.len().max(1) as f64;
        tail.share = tail.excesses().1.max(1.0) / n;
        tail
    }

    /// The sum and the number of what is beyond the start.
    fn excesses(&self) -> (f64, f64) {
        let beyond = &self.statistics[self.statistics.partition_point(|&z| z <= self.start)..];
        (beyond.iter().map(|z| z - self.start).sum(), beyond.len() as f64)
    }

    fn p_value(&self, z: f64) -> f64 {
        if z > self.start {
            return self.share * (-(z - self.start) / self.scale).exp();
        }
        let n = self.statistics.len();
        let above = n - self.statistics.partition_point(|&other| other < z);
        (above as f64 / n.max(1) as f64).max(self.share)
    }
}

/// P(Z > z) of a standard normal: a series around zero, a continued fraction in the tail.
fn normal_tail(z: f64) -> f64 {
    /// Enough terms of either for double precision.
    const TERMS: u32 = 60;
    if z < 0.0 {
        return 1.0 - normal_tail(-z);
    }
    let density = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt();
    if z < 3.0 {
        let mut term = z;
        let mut sum = z;
        for k in 1..TERMS {
            term *= z * z / f64::from(2 * k + 1);
            sum += term;
        }
        return 0.5 - density * sum;
    }
    density / (1..=TERMS).rev().fold(z, |tail, k| z + f64::from(k) / tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponential_tail_is_found_again() {
        // Quantiles of an exponential of scale 0.8 that begins at 2, as the upper twentieth of the statistics.
        let tail = (0..500).map(|i| 2.0 - 0.8 * (1.0 - (f64::from(i) + 0.5) / 500.0).ln());
        let statistics: Vec<f64> = (0..9500)
            .map(|i| f64::from(i) / 9500.0 * 2.0)
            .chain(tail)
            .collect();
        let calibration = Calibration::of(vec![statistics]);
        for (z, expect) in [(2.8, 0.05 * (-1.0f64).exp()), (6.0, 0.05 * (-5.0f64).exp())] {
            let found = calibration.p_value(0, z);
            assert!((found / expect - 1.0).abs() < 0.03, "{z}: {found} for {expect}");
        }
        assert!((calibration.p_value(0, 1.0) - 0.525).abs() < 0.001);
    }

    #[test]
    fn a_stratum_without_excesses_takes_the_scale_of_all() {
        let loud: Vec<f64> = (0..1000).map(|i| f64::from(i) / 200.0).collect();
        let calibration = Calibration::of(vec![loud, vec![0.0; 1000], Vec::new()]);
        let tails = calibration.tails.unwrap();
        assert!(
            (tails[0].scale - tails[1].scale).abs() < 1e-9 && (tails[1].scale - tails[2].scale).abs() < 1e-9
        );
        assert_eq!(tails[1].share, 0.001);
    }

    #[test]
    fn a_small_fleet_takes_the_normal_distribution() {
        let calibration = Calibration::of(vec![vec![1.0; 799]]);
        assert_eq!(calibration.p_value(0, 0.0), 1.0);
        assert!((calibration.p_value(0, 5.0) / (20.0 * 2.866_515_7e-7) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_normal_tail_is_that_of_the_tables() {
        for (z, expect) in [
            (0.0, 0.5),
            (1.0, 0.158_655_254),
            (2.9, 1.865_813_3e-3),
            (3.1, 9.676_032e-4),
            (-1.0, 0.841_344_746),
        ] {
            assert!(
                (normal_tail(z) / expect - 1.0).abs() < 1e-6,
                "{z}: {}",
                normal_tail(z)
            );
        }
    }
}
