//! Order statistics: medians, plain and weighted. Knows nothing of time or queries.

/// Reorders `values` and gives their median; the mean of the two in the middle if they are even in number. NaN for none.
pub(super) fn median(values: &mut [f64]) -> f64 {
    let n = values.len();
    if n == 0 {
        return f64::NAN;
    }
    let (below, &mut upper, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    if n % 2 == 1 {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (lower + upper) / 2.0
}

/// The median of the values that are no NaN, with `scratch` to copy them to.
pub(super) fn median_of_known(values: &[f64], scratch: &mut Vec<f64>) -> f64 {
    copy_known(values.iter().copied(), scratch);
    median(scratch)
}

/// Copies the values that are no NaN, without a branch: nearly all are, or every other one is not.
pub(super) fn copy_known(values: impl ExactSizeIterator<Item = f64>, known: &mut Vec<f64>) {
    known.resize(values.len(), 0.0);
    let mut n = 0;
    for value in values {
        known[n] = value;
        n += usize::from(!value.is_nan());
    }
    known.truncate(n);
}

/// Reorders `pairs` of (value, weight) and gives the first value, in rising order, at which half of the weight is reached. NaN for none.
pub(super) fn weighted_median(pairs: &mut [(f64, f64)]) -> f64 {
    let half = pairs.iter().map(|pair| pair.1).sum::<f64>() / 2.0;
    let (mut rest, mut before) = (pairs, 0.0);
    while rest.len() > 1 {
        let middle = rest.len() / 2;
        rest.select_nth_unstable_by(middle, |a, b| a.0.total_cmp(&b.0));
        let (lower, upper) = rest.split_at_mut(middle);
        let weight = before + lower.iter().map(|pair| pair.1).sum::<f64>();
        if weight >= half {
            rest = lower;
        } else {
            (rest, before) = (upper, weight);
        }
    }
    rest.first().map_or(f64::NAN, |pair| pair.0)
}

/// The value below which the share `q` of sorted `values` lies, interpolated. NaN for none.
pub(super) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let at = q * last as f64;
    let (low, share) = (at.floor() as usize, at.fract());
    let high = (low + 1).min(last);
    sorted[low] * (1.0 - share) + sorted[high] * share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&mut [3.0, -1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), 2.5);
        assert!(median(&mut []).is_nan());
        assert_eq!(
            median_of_known(&[f64::NAN, 5.0, 1.0, f64::NAN, 3.0], &mut Vec::new()),
            3.0
        );
    }

    #[test]
    fn weighted_medians() {
        assert_eq!(weighted_median(&mut [(3.0, 1.0), (1.0, 1.0), (2.0, 1.0)]), 2.0);
        assert_eq!(
            weighted_median(&mut [(1.0, 1.0), (2.0, 1.0), (3.0, 9.0), (4.0, 1.0)]),
            3.0
        );
        assert_eq!(weighted_median(&mut [(9.0, 3.0), (1.0, 1.0), (2.0, 1.0)]), 9.0);
        assert_eq!(weighted_median(&mut [(2.0, 1.0), (1.0, 1.0)]), 1.0);
        assert!(weighted_median(&mut []).is_nan());
    }

    #[test]
    fn quantiles_are_interpolated() {
        assert_eq!(quantile(&[0.0, 1.0, 2.0, 3.0, 4.0], 0.5), 2.0);
        assert_eq!(quantile(&[0.0, 10.0], 0.95), 9.5);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
