//! Stretches of time in which a replica was too stale, found in its samples one by one: when it began, how bad it was, when it was over.
//! Knows nothing of causes.

use serde::Serialize;

/// What is too stale, and for how long, to be an episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EpisodeRules {
    /// More than this is too stale; less than half of it is well again. µs
    pub(super) threshold_us: i64,
    /// So many samples in a row begin an episode,
    pub(super) samples_min: usize,
    /// or all samples of so long. µs
    pub(super) onset_us: i64,
    /// It is over when all samples of so long are well again. µs
    pub(super) recovery_us: i64,
    /// Two that are nearer to each other are one. µs
    pub(super) merge_us: i64,
}

impl EpisodeRules {
    /// The usual rules for a threshold, µs.
    pub(super) fn new(threshold_us: i64) -> EpisodeRules {
        EpisodeRules {
            threshold_us,
            samples_min: 3,
            onset_us: 30_000_000,
            recovery_us: 60_000_000,
            merge_us: 120_000_000,
        }
    }
}

/// A stretch of time in which a replica was too stale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Episode {
    /// The first sample that was too stale, µs since 1970 UTC.
    pub start_us: i64,
    /// The first sample that was well again, or the last one there is, µs since 1970 UTC.
    pub end_us: i64,
    /// Whether it was not over by the last sample.
    pub is_open: bool,
    /// The worst staleness, µs.
    pub peak_us: i64,
    /// The sample of it, µs since 1970 UTC.
    pub peak_at_us: i64,
    /// Staleness summed up over the episode, seconds times seconds.
    pub lag_seconds: f64,
    /// By how much it grew from the first sample to the worst, µs per second; 1 000 000 is standing still.
    pub onset_us_per_s: i64,
}

/// The episodes in samples of one replica, `(µs since 1970 UTC, staleness in µs)` in the order of time. Moments of which nothing is known
/// are left out.
pub(super) fn episodes(samples: &[(i64, i64)], rules: &EpisodeRules) -> Vec<Episode> {
    let mut found: Vec<(usize, usize, bool)> = Vec::new();
    let mut at = 0;
    while let Some((start, end, is_open)) = next_episode(samples, at, rules) {
        at = end;
        match found.last_mut() {
            Some(before) if samples[start].0 - samples[before.1].0 < rules.merge_us => {
                (before.1, before.2) = (end, is_open);
            }
            _ => found.push((start, end, is_open)),
        }
        if is_open {
            break;
        }
    }
    found
        .into_iter()
        .map(|(start, end, is_open)| episode(&samples[start..=end], is_open))
        .collect()
}

/// First sample, last sample and whether it is open, of the first episode that begins at a sample or later.
fn next_episode(samples: &[(i64, i64)], from: usize, rules: &EpisodeRules) -> Option<(usize, usize, bool)> {
    let start = first_run(
        samples,
        from,
        |run| run.len() >= rules.samples_min || run[run.len() - 1].0 - run[0].0 >= rules.onset_us,
        |us| us > rules.threshold_us,
    )?;
    let is_over = |run: &[(i64, i64)]| run[run.len() - 1].0 - run[0].0 >= rules.recovery_us;
    match first_run(samples, start, is_over, |us| us < rules.threshold_us / 2) {
        Some(end) => Some((start, end, false)),
        None => Some((start, samples.len() - 1, true)),
    }
}

/// Where the first run of samples begins, from a sample on, that all are such and together enough.
fn first_run(
    samples: &[(i64, i64)],
    from: usize,
    is_enough: impl Fn(&[(i64, i64)]) -> bool,
    is_such: impl Fn(i64) -> bool,
) -> Option<usize> {
    let mut begin = None;
    for (at, (_, us)) in samples.iter().enumerate().skip(from) {
        if !is_such(*us) {
            begin = None;
            continue;
        }
        let begin = *begin.get_or_insert(at);
        if is_enough(&samples[begin..=at]) {
            return Some(begin);
        }
    }
    None
}

fn episode(samples: &[(i64, i64)], is_open: bool) -> Episode {
    let (start_us, first_us) = samples[0];
    let mut peak = samples[0];
    let mut lag_seconds = 0.0;
    for pair in samples.windows(2) {
        let seconds = (pair[1].0 - pair[0].0) as f64 / 1e6;
        lag_seconds += seconds * (pair[0].1 + pair[1].1) as f64 / 2e6;
        if pair[1].1 > peak.1 {
            peak = pair[1];
        }
    }
    let rise_seconds = ((peak.0 - start_us) as f64 / 1e6).max(1e-6);
    Episode {
        start_us,
        end_us: samples[samples.len() - 1].0,
        is_open,
        peak_us: peak.1,
        peak_at_us: peak.0,
        lag_seconds,
        onset_us_per_s: match peak.0 > start_us {
            true => ((peak.1 - first_us) as f64 / rise_seconds).round() as i64,
            false => 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000;

    fn rules() -> EpisodeRules {
        EpisodeRules::new(10 * SECOND)
    }

    /// Samples every ten seconds with so many seconds of staleness each.
    fn samples(seconds: &[i64]) -> Vec<(i64, i64)> {
        let at = (0..).map(|number| number * 10 * SECOND);
        at.zip(seconds.iter().map(|seconds| seconds * SECOND)).collect()
    }

    /// `(start, end, peak)` in seconds, and whether it is open.
    #[track_caller]
    fn check(seconds: &[i64], expect: &[(i64, i64, i64, bool)]) {
        let found = episodes(&samples(seconds), &rules());
        let shown: Vec<_> = found
            .iter()
            .map(|it| {
                (
                    it.start_us / SECOND,
                    it.end_us / SECOND,
                    it.peak_us / SECOND,
                    it.is_open,
                )
            })
            .collect();
        assert_eq!(shown, expect);
    }

    #[test]
    fn begin_and_end() {
        check(&[0, 0, 0, 0], &[]);
        check(&[], &[]);
        // Two samples are no episode, three are.
        check(&[0, 15, 25, 0, 0, 0, 0, 0, 0, 0, 0], &[]);
        check(&[0, 15, 25, 35, 0, 0, 0, 0, 0, 0, 0], &[(10, 40, 35, false)]);
        // It is over only after a minute below half of the threshold.
        check(
            &[0, 15, 25, 35, 0, 0, 0, 0, 0, 15, 15, 0, 0, 0, 0, 0, 0, 0],
            &[(10, 110, 35, false)],
        );
        check(&[0, 15, 25, 35, 8, 8, 8, 8, 8, 8, 8, 8], &[(10, 110, 35, true)]);
        check(&[15, 25, 35], &[(0, 20, 35, true)]);
    }

    #[test]
    fn neighbours_are_one_and_others_are_not() {
        let mut seconds = vec![20; 4];
        seconds.extend([0; 8]);
        seconds.extend([30; 4]);
        seconds.extend([0; 14]);
        check(&seconds, &[(0, 160, 30, false)]);
        seconds.splice(4..12, [0; 13]);
        check(&seconds, &[(0, 40, 20, false), (170, 210, 30, false)]);
    }

    #[test]
    fn a_long_time_between_two_samples_is_enough() {
        let found = episodes(
            &[(0, 0), (SECOND, 20 * SECOND), (40 * SECOND, 59 * SECOND)],
            &rules(),
        );
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn area_and_slope() {
        let mut seconds = vec![0, 20, 30, 40];
        seconds.extend([0; 8]);
        let found = episodes(&samples(&seconds), &rules());
        // 10 s at 25, at 35, and at 20 on its way down.
        assert_eq!(found[0].lag_seconds, 250.0 + 350.0 + 200.0);
        assert_eq!(found[0].onset_us_per_s, SECOND);
    }

    proptest! {
        /// What is over stays as it was told, whatever comes later.
        #[test]
        fn what_is_over_does_not_change(seconds in prop::collection::vec(0..40_i64, 30..200), cut in 20..200_usize) {
            let samples = samples(&seconds);
            let cut = cut.min(samples.len());
            let settled_us = samples[cut - 1].0 - rules().merge_us - rules().onset_us - 10 * SECOND;
            let all = episodes(&samples, &rules());
            let is_settled = |it: &Episode| !it.is_open && it.end_us < settled_us;
            let then: Vec<Episode> = episodes(&samples[..cut], &rules()).into_iter().filter(is_settled).collect();
            let now: Vec<Episode> = all.into_iter().filter(is_settled).collect();
            prop_assert_eq!(then, now);
        }

        /// Episodes are in order, apart, and nothing that is above the threshold for long is outside of them.
        #[test]
        fn what_is_stale_is_in_an_episode(seconds in prop::collection::vec(0..40_i64, 0..200)) {
            let samples = samples(&seconds);
            let found = episodes(&samples, &rules());
            for pair in found.windows(2) {
                prop_assert!(pair[0].end_us + rules().merge_us <= pair[1].start_us);
            }
            let is_high = |at: &usize| samples[*at..*at + 3].iter().all(|(_, us)| *us > rules().threshold_us);
            for at in (0..samples.len().saturating_sub(2)).filter(is_high) {
                let inside = found.iter().any(|it| it.start_us <= samples[at].0 && samples[at + 2].0 <= it.end_us);
                prop_assert!(inside, "{at}");
            }
        }
    }
}
