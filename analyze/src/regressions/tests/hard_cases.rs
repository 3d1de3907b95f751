//! What fleets do besides noise and regressions: logs with holes, clocks that change, queries that run once a month, and mixes of plans. Nothing
//! of it may be taken for a regression but what is one.

use super::super::simulated::{Chance, Recipe, Simulated, fleet};
use super::*;

const FLEETS: u64 = 2;
/// The clocks go forward at two on the Sunday of the first week that is looked at.
const CLOCK_CHANGE: i64 = 34 * 24 + 2;

/// The false alerts of queries in fleets of which nothing but noise is known, changed in some way.
fn false_alerts(change: impl Fn(u64, Vec<Simulated>) -> Vec<Simulated>) -> usize {
    let alerts = |seed: u64| {
        let recipe = Recipe {
            clusters: 2,
            planted: false,
            traps: false,
        };
        let (buckets, _) = fleet(recipe, 500 + seed);
        let looks = fortnight(&laid_out(&change(seed, buckets)));
        looks.iter().map(|look| look.regressions.len()).sum::<usize>()
    };
    (0..FLEETS).map(alerts).sum()
}

#[test]
fn logs_with_holes_are_no_regressions() {
    // Each server loses up to eight stretches of up to two days, some of them in the weeks that are looked at.
    let with_holes = |seed: u64, buckets: Vec<Simulated>| {
        let mut chance = Chance::of(seed);
        let holes: Vec<Vec<(i64, i64)>> = (0..10)
            .map(|_| {
                let hole = |_| {
                    let from = chance.below(HOURS) as i64;
                    (from, from + chance.below(48) as i64)
                };
                (0..8).map(hole).collect()
            })
            .collect();
        let is_there = |bucket: &Simulated| {
            let of_server = &holes[bucket.server as usize];
            !of_server
                .iter()
                .any(|(from, to)| (*from..*to).contains(&bucket.hour))
        };
        buckets.into_iter().filter(is_there).collect()
    };
    let alerts = false_alerts(with_holes);
    println!("{alerts} false alerts in {FLEETS} fleets with holes");
    assert_eq!(alerts, 0);
}

#[test]
fn a_change_of_clocks_is_no_regression() {
    // From then on, everything that goes by the servers' time comes an hour earlier by UTC.
    let with_summer = |_, buckets: Vec<Simulated>| {
        let shift = |bucket: Simulated| match bucket.hour {
            CLOCK_CHANGE => None,
            hour if hour > CLOCK_CHANGE => Some(Simulated {
                hour: hour - 1,
                ..bucket
            }),
            _ => Some(bucket),
        };
        buckets.into_iter().filter_map(shift).collect()
    };
    let alerts = false_alerts(with_summer);
    println!("{alerts} false alerts in {FLEETS} fleets whose clocks change");
    assert_eq!(alerts, 0);
}

/// A query that runs for three hours on the first and the 29th day, and takes twice as long the second time.
#[test]
fn what_runs_once_a_month_is_not_judged_by_one_run() {
    let with_batch = |_, mut buckets: Vec<Simulated>| {
        let runs = [0, 28 * 24].into_iter().flat_map(|day| (day + 1)..(day + 4));
        buckets.extend(runs.map(|hour| Simulated {
            server: 0,
            fingerprint: -1,
            hour,
            calls: 500,
            total_us: 500_000_000 * if hour > HISTORY as i64 { 2 } else { 1 },
            sumsq_us2: 6e14 * if hour > HISTORY as i64 { 4.0 } else { 1.0 },
        }));
        buckets
    };
    assert_eq!(false_alerts(with_batch), 0);
}

/// A query of which a third of the executions takes five times as long, and from an hour on two thirds do.
#[test]
fn another_mix_of_plans_is_found_as_what_it_amounts_to() {
    let onset = FIRST_LOOK + 100;
    let mut chance = Chance::of(9);
    let mut bucket = |fingerprint: i64, hour: i64| {
        let share = if fingerprint == 0 && hour >= onset {
            0.67
        } else {
            0.33
        };
        let calls = 400.0;
        let slow = chance.poisson(calls * share).min(calls);
        let time = 1000.0 * (1.0 + 0.05 * chance.normal());
        HourBucket {
            server: 0,
            fingerprint,
            hour,
            calls: calls as i64,
            total_us: ((calls + 4.0 * slow) * time) as i64,
            sumsq_us2: (calls + 24.0 * slow) * time * time,
        }
    };
    let mut buckets = Vec::new();
    for hour in 0..FIRST_LOOK + 200 {
        (0..6).for_each(|fingerprint| buckets.push(bucket(fingerprint, hour)));
    }
    let looks = daily(&Fleet::new(buckets), FIRST_LOOK + 200).slower;
    let alerts: Vec<&Regression> = looks.iter().flat_map(|look| &look.regressions).collect();
    let [alert] = alerts[..] else { panic!("{alerts:?}") };
    assert_eq!((alert.fingerprint, alert.onset_hour), (0, onset));
    // (1 + 4 · 0.67) over (1 + 4 · 0.33).
    assert!((alert.effect - 0.586).abs() < 0.04, "{alert:?}");
}
