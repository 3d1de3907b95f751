//! The latency histogram: durations in whole microseconds counted in logarithmic bins, so that percentiles merge exactly.
//!
//! Bin `b ≥ 0` counts the durations in `(γ^(b-1), γ^b]` µs with `γ = 1.01 / 0.99`; bin −1 counts exact zeros. A bin stands for
//! `0.99 · γ^b` µs, which is within 1 % of every duration in it. Any engine can therefore merge histograms with
//! `unnest, group by bin, sum(calls)` and read a value back as `0.99 * power(1.01 / 0.99, bin)`.
//!
//! All arithmetic is on integers computed at compile time, so the same durations give the same bins on every machine, in any
//! order and under any partition of the work. This module never sees rows, tables or clocks; `functions` offers it to SQL.

mod functions;

use std::fmt;

pub use functions::{latency_aggregates, latency_at, latency_data_type, latency_quantile};

/// The bin of durations of exactly zero.
pub const ZERO_BIN: i32 = -1;

/// The last bin, the one that holds `i64::MAX`.
pub const MAX_BIN: i32 = BINS as i32 - 1;

/// Bins 0..=2184 cover 1 µs to `i64::MAX` µs (checked by a test).
const BINS: usize = 2185;

/// Up to so many distinct bins a histogram keeps a sorted list; above, a dense array over the used range.
const SPARSE_LIMIT: usize = 16;

/// A count of durations per logarithmic bin. See the module documentation for the bins.
///
/// An empty histogram allocates nothing; one with up to 16 distinct bins takes ≤ 256 bytes; beyond that it is a dense array of
/// 8 bytes per bin between the smallest and the largest used (a factor of ten in duration is 115 bins, 920 bytes).
#[derive(Clone, Default)]
pub struct LatencyHistogram {
    count: i64,
    bins: Bins,
}

#[derive(Clone)]
enum Bins {
    /// Sorted by bin, counts above zero.
    Sparse(Vec<(i32, i64)>),
    /// `counts[i]` belongs to bin `first + i`; first and last entries may be zero.
    Dense { first: i32, counts: Vec<i64> },
}

impl Default for Bins {
    fn default() -> Bins {
        Bins::Sparse(Vec::new())
    }
}

impl LatencyHistogram {
    /// An empty histogram.
    pub fn new() -> LatencyHistogram {
        LatencyHistogram::default()
    }

    /// The bin of a duration in µs. Negative durations (a clock set back) count as zero.
    #[inline]
    pub fn bin_of(us: i64) -> i32 {
        if us <= 0 {
            return ZERO_BIN;
        }
        let us = us as u64;
        let start = START[cell_of(us)];
        // A cell is narrower than a bin, so it touches two bins at most.
        i32::from(start) + i32::from(us > UPPER[start as usize])
    }

    /// The duration in µs that stands for a bin: within 1 % (and the rounding to a whole µs) of every duration counted in it.
    /// Bins outside `ZERO_BIN..=MAX_BIN` are taken as the nearest of the two.
    pub fn value_of(bin: i32) -> i64 {
        match bin.clamp(ZERO_BIN, MAX_BIN) {
            ZERO_BIN => 0,
            bin => VALUE[bin as usize],
        }
    }

    /// Counts one duration, in µs.
    #[inline]
    pub fn record(&mut self, us: i64) {
        self.add(LatencyHistogram::bin_of(us), 1);
    }

    /// Counts `n` equal durations, in µs. `n ≤ 0` counts nothing.
    #[inline]
    pub fn record_n(&mut self, us: i64, n: i64) {
        self.add(LatencyHistogram::bin_of(us), n);
    }

    /// Adds everything that `other` counted.
    pub fn merge(&mut self, other: &LatencyHistogram) {
        if self.count == 0 {
            self.clone_from(other);
            return;
        }
        let Bins::Dense { first, counts } = &other.bins else {
            self.add_bins(other.bins());
            return;
        };
        // Saturation keeps addition commutative and associative for counts ≥ 0.
        self.count = self.count.saturating_add(other.count);
        let own = self.bins.dense_over(*first, counts.len());
        for (own, n) in own.iter_mut().zip(counts) {
            *own = own.saturating_add(*n);
        }
    }

    /// How many durations were counted; stops at `i64::MAX`.
    pub fn count(&self) -> i64 {
        self.count
    }

    /// The `q` quantile in µs by nearest rank: the bin value of the smallest duration whose rank, as a share of all, reaches `q`.
    /// `q` below 0 means 0 (the smallest duration), above 1 means 1. `None` for an empty histogram or a `q` that is not a number.
    ///
    /// It is a function of the bins alone (not clamped to an exact minimum or maximum), so that it is the same from rows, from
    /// roll-ups and from any merge of them. It differs from the true nearest-rank value by at most 1 % and ½ µs of rounding.
    pub fn quantile(&self, q: f64) -> Option<i64> {
        if self.count == 0 || q.is_nan() {
            return None;
        }
        let rank = nearest_rank(q.clamp(0.0, 1.0), self.count);
        let mut seen = 0_i64;
        let mut last = ZERO_BIN;
        for (bin, n) in self.bins() {
            seen = seen.saturating_add(n);
            last = bin;
            if seen >= rank {
                break;
            }
        }
        Some(LatencyHistogram::value_of(last))
    }

    /// `(bin, count)` of every bin that counted something, by rising bin.
    pub fn bins(&self) -> impl Iterator<Item = (i32, i64)> + Clone + '_ {
        let (sparse, first, dense): (&[(i32, i64)], i32, &[i64]) = match &self.bins {
            Bins::Sparse(pairs) => (pairs, 0, &[]),
            Bins::Dense { first, counts } => (&[], *first, counts),
        };
        let dense = dense
            .iter()
            .enumerate()
            .filter(|(_, n)| **n > 0)
            .map(move |(i, n)| (first + i as i32, *n));
        sparse.iter().copied().chain(dense)
    }

    /// The histogram of `(bin, count)` pairs in any order; a bin may occur more than once. Counts ≤ 0 are ignored and a bin out of
    /// range counts as the nearest bin, as such pairs can only come from a foreign writer.
    pub fn from_bins(bins: impl IntoIterator<Item = (i32, i64), IntoIter: Clone>) -> LatencyHistogram {
        let mut histogram = LatencyHistogram::new();
        histogram.add_bins(bins);
        histogram
    }

    /// Adds everything in such pairs; see [`from_bins`](LatencyHistogram::from_bins).
    fn add_bins(&mut self, bins: impl IntoIterator<Item = (i32, i64), IntoIter: Clone>) {
        let bins = bins.into_iter();
        let bins = bins.map(|(bin, n)| (bin.clamp(ZERO_BIN, MAX_BIN), n));
        // Room for all of them at once: growing bin by bin copies the counts again and again.
        let (mut first, mut last, mut distinct) = (MAX_BIN, ZERO_BIN, 0);
        for (bin, _) in bins.clone().filter(|(_, n)| *n > 0) {
            (first, last, distinct) = (first.min(bin), last.max(bin), distinct + 1);
        }
        if distinct > SPARSE_LIMIT {
            self.bins.dense_over(first, (last - first) as usize + 1);
        }
        for (bin, n) in bins {
            self.add(bin, n);
        }
    }

    /// `bin` must be in `ZERO_BIN..=MAX_BIN`.
    #[inline]
    fn add(&mut self, bin: i32, n: i64) {
        if n <= 0 {
            return;
        }
        // Saturation keeps addition commutative and associative for counts ≥ 0.
        self.count = self.count.saturating_add(n);
        if let Bins::Dense { first, counts } = &mut self.bins
            && let Some(slot) = usize::try_from(bin - *first).ok().and_then(|i| counts.get_mut(i))
        {
            *slot = slot.saturating_add(n);
            return;
        }
        self.bins.add_slow(bin, n);
    }
}

impl Bins {
    #[cold]
    fn add_slow(&mut self, bin: i32, n: i64) {
        match self {
            Bins::Sparse(pairs) => match pairs.binary_search_by_key(&bin, |pair| pair.0) {
                Ok(i) => pairs[i].1 = pairs[i].1.saturating_add(n),
                Err(i) if pairs.len() < SPARSE_LIMIT => pairs.insert(i, (bin, n)),
                Err(_) => {
                    *self = Bins::dense(pairs, bin);
                    self.add_slow(bin, n);
                }
            },
            Bins::Dense { .. } => {
                for count in self.dense_over(bin, 1) {
                    *count = count.saturating_add(n);
                }
            }
        }
    }

    /// The counts of so many bins from this one on, after a change to the dense form with room for them.
    fn dense_over(&mut self, from: i32, bins: usize) -> &mut [i64] {
        if let Bins::Sparse(pairs) = self {
            *self = Bins::dense(pairs, from);
        }
        let Bins::Dense { first, counts } = self else {
            return &mut [];
        };
        if from < *first {
            let missing = (*first - from) as usize;
            counts.splice(0..0, std::iter::repeat_n(0, missing));
            *first = from;
        }
        let at = (from - *first) as usize;
        if counts.len() < at + bins {
            counts.resize(at + bins, 0);
        }
        &mut counts[at..at + bins]
    }

    /// The dense form of sorted pairs, with room for `bin`.
    fn dense(pairs: &[(i32, i64)], bin: i32) -> Bins {
        let first = pairs.first().map_or(bin, |pair| pair.0.min(bin));
        let last = pairs.last().map_or(bin, |pair| pair.0.max(bin));
        let mut counts = vec![0; (last - first) as usize + 1];
        for (bin, n) in pairs {
            counts[(bin - first) as usize] = *n;
        }
        Bins::Dense { first, counts }
    }
}

/// Equal when the same durations were counted, however they are held.
impl PartialEq for LatencyHistogram {
    fn eq(&self, other: &LatencyHistogram) -> bool {
        self.count == other.count && self.bins().eq(other.bins())
    }
}

impl Eq for LatencyHistogram {}

impl fmt::Debug for LatencyHistogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.bins()).finish()
    }
}

/// The smallest rank `r` in `1..=count` with `r / count ≥ q`. The quotient is what is compared, because `q * count` may land just
/// above a whole number (0.07 × 100 is 7.000000000000001).
fn nearest_rank(q: f64, count: i64) -> i64 {
    let n = count as f64;
    let rank = ((q * n).ceil() as i64).clamp(1, count);
    if rank > 1 && (rank - 1) as f64 / n >= q {
        rank - 1
    } else {
        rank
    }
}

/// Leading bits kept below the highest one: 64 cells per octave, against 34.7 bins.
const CELL_BITS: u32 = 6;

/// `us > 0`: its octave and the next six bits.
#[inline]
const fn cell_of(us: u64) -> usize {
    let octave = 63 - us.leading_zeros();
    let below = if octave >= CELL_BITS {
        us >> (octave - CELL_BITS)
    } else {
        us << (CELL_BITS - octave)
    };
    ((octave << CELL_BITS) | (below as u32 & ((1 << CELL_BITS) - 1))) as usize
}

/// The largest whole duration of each bin: `⌊γ^b⌋`.
static UPPER: [u64; BINS] = EDGES.0;
/// The duration that stands for each bin: `0.99 · γ^b`, rounded.
static VALUE: [i64; BINS] = EDGES.1;
/// The bin of the smallest duration of each cell.
static START: [u16; 63 << CELL_BITS] = starts();

const EDGES: ([u64; BINS], [i64; BINS]) = edges();

/// `γ^b` is carried as `mantissa · 2^(exponent - 119)` with 120 significant bits, far more than the 64 an edge needs.
const fn edges() -> ([u64; BINS], [i64; BINS]) {
    const ONE: u128 = 1 << 119;
    let mut upper = [0; BINS];
    let mut value = [0; BINS];
    let (mut mantissa, mut exponent) = (ONE, 0);
    let mut bin = 0;
    while bin < BINS {
        upper[bin] = (mantissa >> (119 - exponent)) as u64;
        let middle = mantissa / 100 * 99;
        let rounded = ((middle >> (118 - exponent)) + 1) >> 1;
        value[bin] = if rounded > i64::MAX as u128 {
            i64::MAX
        } else {
            rounded as i64
        };
        mantissa = mantissa * 101 / 99;
        if mantissa >= 2 * ONE {
            mantissa >>= 1;
            exponent += 1;
        }
        bin += 1;
    }
    (upper, value)
}

const fn starts() -> [u16; 63 << CELL_BITS] {
    let mut start = [0; 63 << CELL_BITS];
    let (mut cell, mut bin) = (0, 0);
    while cell < start.len() {
        let octave = (cell >> CELL_BITS) as u32;
        let below = (cell & ((1 << CELL_BITS) - 1)) as u64 | (1 << CELL_BITS);
        let smallest = if octave >= CELL_BITS {
            below << (octave - CELL_BITS)
        } else {
            // Several cells of a low octave share one whole number; those that no number reaches do no harm.
            below >> (CELL_BITS - octave)
        };
        while EDGES.0[bin] < smallest {
            bin += 1;
        }
        start[cell] = bin as u16;
        cell += 1;
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition in floating point, and how far the logarithm is from the edge where it cannot be trusted.
    fn formula(us: i64) -> (i32, f64) {
        let exact = (us as f64).ln() / (1.01_f64 / 0.99).ln();
        (exact.ceil() as i32, (exact - exact.round()).abs())
    }

    #[track_caller]
    fn check_bin(us: i64) {
        let bin = LatencyHistogram::bin_of(us);
        let (expected, from_edge) = formula(us);
        if from_edge > 1e-9 {
            assert_eq!(bin, expected, "bin of {us}");
        }
        let value = LatencyHistogram::value_of(bin);
        let error = (value as f64 - us as f64).abs();
        assert!(
            error <= 0.01 * us as f64 + 0.5 + us as f64 * 1e-12,
            "{us} is read back as {value}"
        );
    }

    #[test]
    fn every_small_duration_and_every_edge_follows_the_formula() {
        (1..300_000).for_each(check_bin);
        for upper in UPPER {
            let upper = i64::try_from(upper).unwrap_or(i64::MAX);
            [upper - 1, upper, upper.saturating_add(1)]
                .into_iter()
                .filter(|us| *us > 0)
                .for_each(check_bin);
        }
        check_bin(i64::MAX);
        assert_eq!(LatencyHistogram::bin_of(i64::MAX), MAX_BIN);
        assert_eq!(LatencyHistogram::bin_of(1), 0);
        assert_eq!(LatencyHistogram::bin_of(0), ZERO_BIN);
        assert_eq!(LatencyHistogram::bin_of(-7), ZERO_BIN);
        assert_eq!(LatencyHistogram::value_of(ZERO_BIN), 0);
    }

    #[test]
    fn small_durations_are_exact() {
        for us in 0..50 {
            assert_eq!(LatencyHistogram::value_of(LatencyHistogram::bin_of(us)), us);
        }
    }

    /// `upper · 99^b ≤ 101^b < (upper + 1) · 99^b` in exact arithmetic: the table has no rounding error at all.
    #[test]
    fn edges_are_exact() {
        let times = |digits: &[u64], factor: u64| -> Vec<u64> {
            let mut out = Vec::with_capacity(digits.len() + 1);
            let mut carry = 0_u128;
            for digit in digits {
                carry += u128::from(*digit) * u128::from(factor);
                out.push(carry as u64);
                carry >>= 64;
            }
            if carry > 0 {
                out.push(carry as u64);
            }
            out
        };
        let at_most = |a: &[u64], b: &[u64]| {
            a.len()
                .cmp(&b.len())
                .then_with(|| a.iter().rev().cmp(b.iter().rev()))
                .is_le()
        };
        let (mut over, mut under) = (vec![1], vec![1]);
        for upper in UPPER {
            assert!(at_most(&times(&under, upper), &over), "{upper} is too large");
            assert!(!at_most(&times(&under, upper + 1), &over), "{upper} is too small");
            (over, under) = (times(&over, 101), times(&under, 99));
        }
    }

    #[track_caller]
    fn check_quantile(durations: &[i64], q: f64, expected: Option<i64>) {
        let mut histogram = LatencyHistogram::new();
        durations.iter().for_each(|us| histogram.record(*us));
        assert_eq!(histogram.quantile(q), expected, "quantile {q} of {durations:?}");
    }

    #[test]
    fn quantiles_are_nearest_rank() {
        check_quantile(&[], 0.5, None);
        check_quantile(&[7], 0.0, Some(7));
        check_quantile(&[7], 1.0, Some(7));
        check_quantile(&[0, 0, 3], 0.5, Some(0));
        check_quantile(&[1, 2, 3, 4], 0.5, Some(2));
        check_quantile(&[1, 2, 3, 4], 0.51, Some(3));
        check_quantile(&[4, 3, 2, 1], 9.0, Some(4));
        check_quantile(&[1], f64::NAN, None);
        assert_eq!(nearest_rank(0.07, 100), 7);
    }

    fn durations() -> impl Strategy<Value = Vec<i64>> {
        let one = prop_oneof![
            0..200_i64,
            0..10_000_000_i64,
            any::<i64>().prop_map(|us| us.max(0))
        ];
        proptest::collection::vec(one, 0..200)
    }

    fn histogram(durations: &[i64]) -> LatencyHistogram {
        let mut histogram = LatencyHistogram::new();
        durations.iter().for_each(|us| histogram.record(*us));
        histogram
    }

    proptest! {
        #[test]
        fn any_duration_follows_the_formula(us in 1..i64::MAX) {
            check_bin(us);
        }

        #[test]
        fn merging_is_counting_together(a in durations(), b in durations(), c in durations()) {
            let all: Vec<i64> = a.iter().chain(&b).chain(&c).rev().copied().collect();
            let expected = histogram(&all);
            let (mut left, mut right) = (histogram(&a), histogram(&c));
            left.merge(&histogram(&b));
            left.merge(&histogram(&c));
            right.merge(&histogram(&b));
            right.merge(&histogram(&a));
            prop_assert_eq!(&left, &expected);
            prop_assert_eq!(&right, &expected);
            prop_assert_eq!(expected.count(), all.len() as i64);
            prop_assert_eq!(&LatencyHistogram::from_bins(expected.bins()), &expected);
        }

        #[test]
        fn a_quantile_is_within_one_percent(mut sample in durations(), q in 0.0..=1.0_f64) {
            prop_assume!(!sample.is_empty());
            let found = histogram(&sample).quantile(q).unwrap_or_default() as f64;
            sample.sort_unstable();
            let exact = sample[nearest_rank(q, sample.len() as i64) as usize - 1] as f64;
            prop_assert!((found - exact).abs() <= 0.01 * exact * (1.0 + 1e-9) + 0.5, "{} for {}", found, exact);
        }

        #[test]
        fn foreign_bins_never_panic(bins in proptest::collection::vec((any::<i32>(), any::<i64>()), 0..50), q in any::<f64>()) {
            let histogram = LatencyHistogram::from_bins(bins);
            let _ = histogram.quantile(q);
        }
    }
}
