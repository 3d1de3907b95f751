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
    scratch.clear();
    scratch.extend(values.iter().copied().filter(|value| !value.is_nan()));
    median(scratch)
}

/// Sorts `pairs` of (value, weight) and gives the first value at which half of the weight is reached. NaN for none.
pub(super) fn weighted_median(pairs: &mut [(f64, f64)]) -> f64 {
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let half = pairs.iter().map(|pair| pair.1).sum::<f64>() / 2.0;
    let mut reached = 0.0;
    for &(value, weight) in pairs.iter() {
        reached += weight;
        if reached >= half {
            return value;
        }
    }
    f64::NAN
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
