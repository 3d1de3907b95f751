//! Changes of a share of a query's executions, day by day: those that failed, or those that took longer than nearly all used to. The mean
//! of a query can stay where it is while its slowest hundredth becomes three times as slow. The best split of the last week, with the
//! scatter of the days before it as the measure; its chance as placebo ends have it, in a family of tests of its own. Knows nothing of
//! durations or of what is counted.

use super::calibration::{Calibration, TAIL_START_MIN};
use super::discovery_rate::{LOOKS_PER_BUDGET, rejected};
use super::{FALSE_DISCOVERY_RATE, STRATA};

/// Days that are looked at: four weeks, of which the last is where a change is looked for.
pub(super) const DAYS: usize = 28;
const WEEK_DAYS: usize = 7;
/// Days with executions that there must be before the last week.
const DAYS_BEFORE_MIN: usize = 7;
/// Placebo ends, as days before the last: they see none of its week.
const PLACEBO_DAYS_BACK: [usize; 4] = [7, 9, 11, 13];
/// A share must grow by this factor to be told of.
const RATIO_MIN: f64 = 1.5;
/// Executions after a change that must count.
const COUNTED_MIN: f64 = 10.0;
/// The last day must still have this part of the change.
const LATE_PART: f64 = 0.5;

/// One day of a query on a server.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Day {
    /// Executions.
    pub(super) calls: f64,
    /// Those of them that count.
    pub(super) counted: f64,
}

/// A share that grew.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shift {
    /// The number of the series.
    pub(super) series: usize,
    /// The first day of the change.
    pub(super) day: usize,
    pub(super) before: f64,
    pub(super) after: f64,
    /// The chance of so clear a change where there is none.
    pub(super) p_value: f64,
}

/// What is most likely a change.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    statistic: f64,
    day: usize,
    before: f64,
    after: f64,
}

/// The shares that grew in the last week, of series that all have the same days.
pub(super) fn shifts(series: &[Vec<Day>]) -> Vec<Shift> {
    let strata: Vec<usize> = series.iter().map(|days| stratum(days)).collect();
    let mut statistics = vec![Vec::new(); STRATA.len() + 1];
    for (days, &stratum) in series.iter().zip(&strata) {
        let ends = PLACEBO_DAYS_BACK
            .iter()
            .filter_map(|back| days.len().checked_sub(*back));
        for end in ends.filter(|end| *end >= DAYS_BEFORE_MIN + WEEK_DAYS) {
            let statistic = candidate(&days[..end]).map_or(0.0, |found| found.statistic);
            statistics[stratum].push(statistic);
        }
    }
    let calibration = Calibration::of(statistics);
    let tests: Vec<(usize, Candidate)> = series
        .iter()
        .enumerate()
        .filter_map(|(number, days)| Some((number, candidate(days)?)))
        .collect();
    let p_values: Vec<f64> = tests
        .iter()
        .map(|(number, found)| calibration.p_value(strata[*number], found.statistic))
        .collect();
    let mut found: Vec<Shift> = rejected(&p_values, series.len(), FALSE_DISCOVERY_RATE / LOOKS_PER_BUDGET)
        .into_iter()
        .map(|test| {
            let (
                series,
                Candidate {
                    day, before, after, ..
                },
            ) = tests[test];
            Shift {
                series,
                day,
                before,
                after,
                p_value: p_values[test],
            }
        })
        .collect();
    found.sort_by_key(|shift| shift.series);
    found
}

fn stratum(days: &[Day]) -> usize {
    let calls: f64 = days.iter().map(|day| day.calls).sum();
    let rate = calls / (24 * days.len().max(1)) as f64;
    STRATA.iter().filter(|&&limit| rate >= limit).count()
}

/// The clearest growth that begins in the last week, lasts and is large enough.
fn candidate(days: &[Day]) -> Option<Candidate> {
    let week = days.len().checked_sub(WEEK_DAYS)?;
    let usual = Sum::of(&days[..week]);
    if usual.days < DAYS_BEFORE_MIN {
        return None;
    }
    let scatter = scatter(&days[..week], usual.share());
    let mut best: Option<Candidate> = None;
    for day in week..days.len() {
        let (before, after) = (Sum::of(&days[..day]), Sum::of(&days[day..]));
        if after.counted < COUNTED_MIN || days[day].calls == 0.0 {
            continue;
        }
        let share = before.share();
        let variance = scatter * share * (1.0 - share) * (1.0 / before.calls + 1.0 / after.calls);
        let found = Candidate {
            statistic: (after.share() - share) / variance.sqrt(),
            day,
            before: share,
            after: after.share(),
        };
        if best.is_none_or(|best| found.statistic > best.statistic) {
            best = Some(found);
        }
    }
    let best =
        best.filter(|best| best.statistic > TAIL_START_MIN && best.after >= RATIO_MIN * best.before)?;
    let last = days[best.day..].iter().rev().find(|day| day.calls > 0.0)?;
    let stays = last.counted / last.calls >= best.before + LATE_PART * (best.after - best.before);
    stays.then_some(best)
}

/// How many times as much the days scatter as executions that do not depend on each other would; never less.
fn scatter(days: &[Day], share: f64) -> f64 {
    let ran = days.iter().filter(|day| day.calls > 0.0);
    let squares = ran.clone().map(|day| {
        let expected = day.calls * share;
        (day.counted - expected).powi(2) / (expected * (1.0 - share))
    });
    (squares.sum::<f64>() / (ran.count() as f64 - 1.0).max(1.0)).max(1.0)
}

/// Several days together.
struct Sum {
    calls: f64,
    counted: f64,
    days: usize,
}

impl Sum {
    fn of(days: &[Day]) -> Sum {
        Sum {
            calls: days.iter().map(|day| day.calls).sum(),
            counted: days.iter().map(|day| day.counted).sum(),
            days: days.iter().filter(|day| day.calls > 0.0).count(),
        }
    }

    /// The share that counts, never quite none or all.
    fn share(&self) -> f64 {
        (self.counted + 0.5) / (self.calls + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::simulated::Chance;
    use super::*;

    /// Series of which so many calls a day count by a share that scatters by a fifth from day to day; every tenth grows by `factor` in the
    /// last week if there is one. The day of the growth, by series.
    fn fleet(seed: u64, n: usize, factor: Option<f64>) -> (Vec<Vec<Day>>, Vec<Option<usize>>) {
        let mut chance = Chance::of(seed);
        let row = |number: usize| {
            let calls = 10f64.powf(chance.uniform(2.5, 5.5));
            let share = chance.uniform(0.005, 0.015);
            let onset = factor
                .filter(|_| number.is_multiple_of(10))
                .map(|_| DAYS - 1 - chance.below(6));
            let day = |day: usize| {
                let grown = onset.is_some_and(|onset| day >= onset);
                let factor = if grown { factor.unwrap_or(1.0) } else { 1.0 };
                let share = share * factor * (0.2 * chance.normal()).exp();
                let calls = chance.poisson(calls);
                Day {
                    calls,
                    counted: chance.poisson(calls * share).min(calls),
                }
            };
            ((0..DAYS).map(day).collect(), onset)
        };
        (0..n).map(row).unzip()
    }

    #[test]
    fn grown_shares_are_found_and_dated() {
        let (mut planted, mut found, mut dated, mut wrong) = (0, 0, 0, 0);
        for seed in 0..5 {
            let (series, onsets) = fleet(seed, 1000, Some(3.0));
            // Of fewer than a hundred an hour, a hundredth is too few to judge in a day or two.
            let is_busy = |number: usize| Sum::of(&series[number]).calls >= 2400.0 * DAYS as f64;
            planted += (0..series.len())
                .filter(|&number| onsets[number].is_some() && is_busy(number))
                .count();
            for shift in shifts(&series) {
                match onsets[shift.series] {
                    Some(_) if !is_busy(shift.series) => {}
                    Some(onset) => {
                        found += 1;
                        dated += usize::from(onset == shift.day);
                    }
                    None => wrong += 1,
                }
            }
        }
        println!("{found} of {planted} found, {dated} to the day, {wrong} wrong");
        assert!(
            found * 100 >= planted * 90 && dated * 100 >= found * 90,
            "{found} {dated} of {planted}"
        );
        assert!(wrong * 50 <= found, "{wrong} of {found}");
    }

    #[test]
    fn nothing_is_found_where_nothing_grew() {
        let wrong: usize = (10..30)
            .map(|seed| shifts(&fleet(seed, 1000, None).0).len())
            .sum();
        println!("{wrong} wrong in 20 fleets of 1000");
        assert!(wrong <= 2, "{wrong}");
    }

    #[test]
    fn too_few_executions_and_short_growths_are_none() {
        let steady = |day: usize| Day {
            calls: 1000.0,
            counted: 10.0 + (day % 3) as f64,
        };
        let with = |grown: std::ops::Range<usize>, counted: f64| -> Vec<Day> {
            let day = |day| {
                if grown.contains(&day) {
                    Day {
                        counted,
                        ..steady(day)
                    }
                } else {
                    steady(day)
                }
            };
            (0..DAYS).map(day).collect()
        };
        assert_eq!(candidate(&with(25..28, 40.0)).map(|found| found.day), Some(25));
        assert_eq!(candidate(&with(24..26, 40.0)), None);
        assert_eq!(candidate(&with(25..28, 14.0)), None);
        assert_eq!(candidate(&[Day::default(); DAYS]), None);
        assert_eq!(candidate(&[]), None);
    }
}
