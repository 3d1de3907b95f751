//! Whether a replica was as fresh as it should be, minute by minute: a minute of which nothing is known is a bad one.

use serde::Serialize;

/// A minute, µs.
pub(super) const MINUTE_US: i64 = 60_000_000;
const HOUR_US: i64 = 60 * MINUTE_US;

/// How fast the budget of an objective may be used up before somebody is told: burn rate, over the long window and over the short one, and
/// what is done about it. As in Google's Site Reliability Workbook.
const ALERTS: [(f64, i64, i64, BurnAlert); 3] = [
    (14.4, HOUR_US, 5 * MINUTE_US, BurnAlert::Page),
    (6.0, 6 * HOUR_US, 30 * MINUTE_US, BurnAlert::Page),
    (1.0, 72 * HOUR_US, 6 * HOUR_US, BurnAlert::Ticket),
];

/// What is done about a budget that is used up too fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BurnAlert {
    /// Somebody looks at it in working hours.
    Ticket,
    /// Somebody is woken up.
    Page,
}

/// How stale it was at a moment, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Freshness {
    /// µs since 1970 UTC.
    pub(super) ts_us: i64,
    /// µs, beyond the delay that is configured; `None` where nobody knows, or where it is only known to be more than something.
    pub(super) staleness_us: Option<i64>,
}

/// The objective over a window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Objective {
    /// Minutes of the window.
    pub minutes: i64,
    /// Of those, minutes in which it was never more stale than allowed.
    pub good_minutes: i64,
    /// Of the others, minutes in which nothing was known.
    pub unknown_minutes: i64,
    /// The part of good minutes, 0 to 1.
    pub good_share: f64,
    /// The part of bad minutes over what is allowed of them: above 1, the objective is missed.
    pub budget_used: f64,
    /// What is to be done about how fast the budget is used up at the end of the window.
    pub alert: Option<BurnAlert>,
}

/// What became of a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Minute {
    Unknown,
    Bad,
    Good,
}

/// The objective that `target` (0 to 1) of all minutes have no staleness above `limit_us`, over a window of µs since 1970 UTC.
/// `samples` are in the order of time.
pub(super) fn objective(
    samples: &[Freshness],
    (from_us, to_us): (i64, i64),
    limit_us: i64,
    target: f64,
) -> Objective {
    let first = from_us.div_euclid(MINUTE_US);
    let n_minutes = (to_us - 1).div_euclid(MINUTE_US) - first + 1;
    let mut minutes = vec![Minute::Unknown; usize::try_from(n_minutes).unwrap_or(0)];
    for sample in samples {
        let number = usize::try_from(sample.ts_us.div_euclid(MINUTE_US) - first);
        let Some(minute) = number.ok().and_then(|number| minutes.get_mut(number)) else {
            continue;
        };
        *minute = match (sample.staleness_us, *minute) {
            (Some(us), Minute::Unknown | Minute::Good) if us <= limit_us => Minute::Good,
            (None, Minute::Unknown) => Minute::Unknown,
            _ => Minute::Bad,
        };
    }
    let count = |what: Minute| minutes.iter().filter(|minute| **minute == what).count() as i64;
    let good_share = part(count(Minute::Good), n_minutes);
    let allowed = (1.0 - target).max(f64::EPSILON);
    let burn = |window_us: i64| {
        let length = usize::try_from(window_us / MINUTE_US).unwrap_or(usize::MAX);
        let last = &minutes[minutes.len().saturating_sub(length)..];
        let bad = last.iter().filter(|minute| **minute != Minute::Good).count();
        // What is before the window counts as good: nobody is woken up for a short report.
        bad as f64 / length as f64 / allowed
    };
    let burns = ALERTS
        .iter()
        .filter(|(rate, long_us, short_us, _)| burn(*long_us) >= *rate && burn(*short_us) >= *rate);
    Objective {
        minutes: n_minutes,
        good_minutes: count(Minute::Good),
        unknown_minutes: count(Minute::Unknown),
        good_share,
        budget_used: (1.0 - good_share) / allowed,
        alert: burns.map(|(_, _, _, alert)| *alert).max(),
    }
}

fn part(some: i64, all: i64) -> f64 {
    if all == 0 { 1.0 } else { some as f64 / all as f64 }
}

/// The staleness that a part of the time (each in 0 to 1, rising) was not exceeded, µs; samples are `(µs since 1970 UTC, staleness)` in the
/// order of time, and each counts for the time until the next one, but not for longer than `longest_us`.
pub(super) fn percentiles(samples: &[(i64, i64)], parts: &[f64], longest_us: i64) -> Vec<i64> {
    let mut weighed: Vec<(i64, i64)> = samples
        .iter()
        .enumerate()
        .map(|(number, (ts_us, us))| {
            let next_us = samples.get(number + 1).map_or(ts_us + longest_us, |next| next.0);
            (*us, (next_us - ts_us).clamp(1, longest_us.max(1)))
        })
        .collect();
    weighed.sort_unstable();
    let total: i64 = weighed.iter().map(|(_, weight)| weight).sum();
    let reached = |part: &f64| {
        let mut sum = 0;
        let is_there = |(_, weight): &&(i64, i64)| {
            sum += weight;
            sum as f64 >= part * total as f64
        };
        weighed
            .iter()
            .find(is_there)
            .or(weighed.last())
            .map_or(0, |(us, _)| *us)
    };
    parts.iter().map(reached).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minutes: `g`ood, `b`ad, `u`nknown by a sample, `.` without one.
    fn minutes(text: &str) -> Objective {
        let samples: Vec<Freshness> = (0..)
            .zip(text.chars())
            .filter(|(_, letter)| *letter != '.')
            .map(|(number, letter)| Freshness {
                ts_us: number * MINUTE_US + 5,
                staleness_us: match letter {
                    'g' => Some(10),
                    'b' => Some(11),
                    _ => None,
                },
            })
            .collect();
        objective(&samples, (0, text.len() as i64 * MINUTE_US), 10, 0.9)
    }

    #[test]
    fn what_is_not_known_is_not_good() {
        let found = minutes("gggggbu.gg");
        assert_eq!(
            (found.minutes, found.good_minutes, found.unknown_minutes),
            (10, 7, 2)
        );
        assert!((found.good_share - 0.7).abs() < 1e-9 && (found.budget_used - 3.0).abs() < 1e-9);
    }

    #[test]
    fn one_bad_sample_spoils_a_minute() {
        let sample = |ts_us, staleness_us| Freshness { ts_us, staleness_us };
        for samples in [
            [sample(0, Some(1)), sample(1, Some(99))],
            [sample(0, Some(99)), sample(1, Some(1))],
            [sample(0, Some(1)), sample(1, None)],
        ] {
            assert_eq!(objective(&samples, (0, MINUTE_US), 10, 0.9).good_minutes, 0);
        }
    }

    #[test]
    fn a_budget_that_burns_fast_is_told() {
        // So many minutes that are good, bad, good, bad and good again.
        let check = |runs: [usize; 5], expect: Option<BurnAlert>| {
            let letters = runs.iter().zip(["g", "b", "g", "b", "g"]);
            let text: String = letters.map(|(n, letter)| letter.repeat(*n)).collect();
            let samples: Vec<Freshness> = (0..)
                .zip(text.chars())
                .map(|(number, letter)| Freshness {
                    ts_us: number * MINUTE_US,
                    staleness_us: Some(if letter == 'g' { 0 } else { 99 }),
                })
                .collect();
            let found = objective(&samples, (0, text.len() as i64 * MINUTE_US), 10, 0.999);
            assert_eq!(found.alert, expect, "{runs:?}");
        };
        check([600, 0, 0, 0, 0], None);
        check([590, 10, 0, 0, 0], Some(BurnAlert::Page));
        // One minute of an hour is more than 14.4 times what is allowed; an hour later it no longer burns.
        check([599, 1, 0, 0, 0], Some(BurnAlert::Page));
        check([539, 1, 60, 0, 0], None);
        // Slowly, for three days and still in the last hours.
        check([3_600, 4, 535, 1, 180], Some(BurnAlert::Ticket));
        check([3_600, 4, 716, 0, 0], None);
    }

    #[test]
    fn percentiles_are_of_time() {
        // Ten samples a second apart, then one that lasts ten seconds.
        let mut samples: Vec<(i64, i64)> = (0..10).map(|second| (second, 1)).collect();
        samples.push((10, 7));
        samples.push((20, 1));
        assert_eq!(percentiles(&samples, &[0.3, 0.5, 0.6, 1.0], 10), [1, 1, 1, 7]);
        assert_eq!(percentiles(&samples, &[0.4, 0.9], 1), [1, 1]);
        assert_eq!(percentiles(&[], &[0.5], 10), [0]);
    }
}
