//! Step 8: which of many p-values to believe, so that the expected share of false alerts stays under a level, over one look and over
//! the looks of a fortnight together. Knows nothing of what was tested.

/// Daily looks that share one budget. Their windows overlap, so that what is there by chance is seen again and again; whatever depends on
/// what, the false discoveries of all looks together are bounded by the sum of what each may have.
pub(super) const LOOKS_PER_BUDGET: f64 = 14.0;

/// The positions of the p-values that Benjamini and Hochberg's procedure rejects at `level`, by ascending p-value. There were `n_tests`
/// tests; the p-values of those that are not given are 1.
pub(super) fn rejected(p_values: &[f64], n_tests: usize, level: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]).then(a.cmp(&b)));
    let n = n_tests as f64;
    let passes = |rank: &usize| p_values[order[*rank]] <= level * (*rank + 1) as f64 / n;
    let n_rejected = (0..order.len()).rev().find(passes).map_or(0, |rank| rank + 1);
    order.truncate(n_rejected);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(p_values: &[f64], level: f64, expect: &[usize]) {
        assert_eq!(
            rejected(p_values, p_values.len(), level),
            expect,
            "{p_values:?} at {level}"
        );
    }

    /// The p-values of the example in section 3.2 of Benjamini and Hochberg (1995): four are rejected at 5 %, three by Bonferroni.
    #[test]
    fn the_published_example_comes_out() {
        let published = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
            0.6528, 0.7590, 1.0,
        ];
        check(&published, 0.05, &[0, 1, 2, 3]);
    }

    #[test]
    fn a_later_pass_takes_the_earlier_with_it() {
        check(&[0.04, 0.03, 0.049], 0.05, &[1, 0, 2]);
        check(&[0.9, 0.01], 0.05, &[1]);
        check(&[0.06, 0.9], 0.05, &[]);
        check(&[], 0.05, &[]);
        // Tests that are not given make the others pass no more easily.
        assert_eq!(rejected(&[0.01, 0.02], 4, 0.05), [0, 1]);
        assert_eq!(rejected(&[0.01, 0.02], 10, 0.05), [0usize; 0]);
    }
}
