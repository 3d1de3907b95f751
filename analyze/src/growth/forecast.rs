//! How a daily series goes on: the method that would have foretold its own past best, with bands as wide as it was wrong. Nothing is told
//! of a series that is too short, and no trend where "as a week ago" does as well. Plain arithmetic; knows no lake.
//!
//! Every method is tried from each day of the second half of the series (rolling origin) on all days up to the horizon. The one with the
//! smallest mean absolute error is taken if it beats the seasonal guess by 5 %. Bands are quantiles of its own errors at each distance,
//! as a share of what it said (conformal), never narrower far away than near.

use serde::Serialize;

/// Days without which nothing is foretold.
const DAYS_MIN: usize = 14;
/// The season, days.
const SEASON: usize = 7;
/// A trend must have beaten the seasonal guess by so much.
const BETTER_BY: f64 = 0.95;
/// How much of its growth a damped trend keeps each day.
const DAMPING: f64 = 0.98;
/// Days of growth that a damped trend is measured over.
const DAMPED_DAYS: usize = 14;
/// A day's step of the logarithm that differs from a week before by so many of the usual differences is a jump: what was before tells nothing
/// of what comes.
const JUMP: f64 = 12.0;
/// And it must be so large: 10 %.
const JUMP_MIN: f64 = 0.1;

/// How a series goes on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// What was found to foretell it: `as a week before`, `straight line`, `damped growth`.
    pub method: &'static str,
    /// Whether there is a trend: a method other than `as a week before`.
    pub has_trend: bool,
    /// Its mean absolute error in the past, as a share of that of `as a week before`.
    pub error_ratio: f64,
    /// Growth a week, as a share, by the method.
    pub growth_per_week: f64,
    /// The days to come: the likely value and the bounds that hold it in 80 of 100 cases.
    pub days: Vec<ForecastDay>,
}

/// One day to come.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ForecastDay {
    /// Lower bound, 10 %.
    pub low: f64,
    /// The likely value.
    pub likely: f64,
    /// Upper bound, 90 %.
    pub high: f64,
}

/// Days that may be foretold of a series of so many.
pub(crate) fn horizon(days: usize) -> usize {
    match days {
        0..DAYS_MIN => 0,
        DAYS_MIN..28 => 7,
        28..56 => 28,
        _ => 90,
    }
}

/// The forecast of a series of one value a day, above zero; `None` if it is too short since its last jump.
pub(crate) fn forecast(values: &[f64]) -> Option<Forecast> {
    let regime = &values[last_jump(values)..];
    let horizon = horizon(regime.len());
    if horizon == 0 || regime.iter().any(|value| *value <= 0.0) {
        return None;
    }
    let tried = METHODS.map(|method| (method, errors(regime, method, horizon)));
    let mean = |errors: &[Vec<f64>]| {
        let all = errors.iter().flatten();
        all.clone().map(|error| error.abs()).sum::<f64>() / all.count().max(1) as f64
    };
    let seasonal = mean(&tried[0].1);
    let best = tried.iter().min_by(|a, b| mean(&a.1).total_cmp(&mean(&b.1)))?;
    let (method, errors) = if mean(&best.1) <= seasonal * BETTER_BY {
        best
    } else {
        &tried[0]
    };
    let error_ratio = if seasonal > 0.0 {
        mean(errors) / seasonal
    } else {
        1.0
    };
    let mut days: Vec<ForecastDay> = Vec::with_capacity(horizon);
    let (mut below, mut above) = (0.0_f64, 0.0_f64);
    for ahead in 1..=horizon {
        let likely = method.guess(regime, ahead);
        let shares = errors.get(ahead - 1).map(Vec::as_slice).unwrap_or_default();
        below = below.min(quantile(shares, 0.1));
        above = above.max(quantile(shares, 0.9));
        days.push(ForecastDay {
            low: likely * (1.0 + below),
            likely,
            high: likely * (1.0 + above),
        });
    }
    let last = regime[regime.len() - 1];
    let weeks = horizon as f64 / SEASON as f64;
    let growth = (days[horizon - 1].likely / last).max(f64::MIN_POSITIVE).ln() / weeks;
    Some(Forecast {
        method: method.name(),
        has_trend: *method != Method::Seasonal,
        error_ratio,
        growth_per_week: if *method == Method::Seasonal {
            0.0
        } else {
            growth.exp_m1()
        },
        days,
    })
}

/// The first day in how many a bound, a likely value and the other bound reach a limit, counted from 1; `None` where it is not within the
/// days that are foretold.
pub(crate) fn reaches(forecast: &Forecast, limit: f64) -> [Option<usize>; 3] {
    let first = |value: fn(&ForecastDay) -> f64| {
        let at = forecast.days.iter().position(|day| value(day) >= limit);
        at.map(|at| at + 1)
    };
    [
        first(|day| day.high),
        first(|day| day.likely),
        first(|day| day.low),
    ]
}

/// Ways to tell a value so many days behind the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Seasonal,
    Line,
    Damped,
}

const METHODS: [Method; 3] = [Method::Seasonal, Method::Line, Method::Damped];

impl Method {
    fn name(self) -> &'static str {
        match self {
            Method::Seasonal => "as a week before",
            Method::Line => "straight line",
            Method::Damped => "damped growth",
        }
    }

    fn guess(self, past: &[f64], ahead: usize) -> f64 {
        let last = past.len() - 1;
        match self {
            Method::Seasonal => past[last + 1 - SEASON + (ahead - 1) % SEASON],
            Method::Line => {
                let slope = slope(past);
                let level = median(
                    past.iter()
                        .enumerate()
                        .map(|(day, value)| value + slope * (last - day) as f64),
                );
                level + slope * ahead as f64
            }
            Method::Damped => {
                let days = DAMPED_DAYS.min(last);
                let growth = (past[last] / past[last - days]).ln() / days as f64;
                let kept: f64 = (1..=ahead).map(|day| DAMPING.powi(day as i32)).sum();
                past[last] * (growth * kept).exp()
            }
        }
    }
}

/// The errors of a method at each distance, as a share of what it said.
fn errors(values: &[f64], method: Method, horizon: usize) -> Vec<Vec<f64>> {
    let mut errors = vec![Vec::new(); horizon];
    for origin in (values.len() / 2).max(SEASON + 1)..values.len() {
        for (ahead, errors) in (1..=horizon).zip(&mut errors) {
            let Some(value) = values.get(origin + ahead - 1) else {
                break;
            };
            let guess = method.guess(&values[..origin], ahead);
            if guess > 0.0 {
                errors.push((value - guess) / guess);
            }
        }
    }
    errors
}

/// The median of the slopes between all pairs of days (Theil and Sen), a day.
fn slope(values: &[f64]) -> f64 {
    let pairs = (0..values.len()).flat_map(|from| (from + 1..values.len()).map(move |to| (from, to)));
    median(pairs.map(|(from, to)| (values[to] - values[from]) / (to - from) as f64))
}

/// Where the part of a series begins that tells of the future: behind its last jump. A day's step is held against that of the same day of
/// the week before, so that a weekend is none; a week behind a jump the same difference comes back with the other sign, and is none either.
fn last_jump(values: &[f64]) -> usize {
    if values.len() < 2 * SEASON || values.iter().any(|value| *value <= 0.0) {
        return 0;
    }
    let step = |day: usize| {
        (values[day] / values[day - 1]).ln() - (values[day - SEASON] / values[day - SEASON - 1]).ln()
    };
    let days = SEASON + 1..values.len();
    let jump = (JUMP * median(days.clone().map(|day| step(day).abs()))).max(JUMP_MIN);
    let is_echo =
        |day: usize| day > 2 * SEASON && (step(day) + step(day - SEASON)).abs() < step(day).abs() / 2.0;
    let is_jump = |day: &usize| step(*day).abs() > jump && !is_echo(*day);
    days.rev().find(is_jump).unwrap_or(0)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    quantile(&values.collect::<Vec<_>>(), 0.5)
}

/// A quantile by nearest rank; 0 of nothing.
fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        len => sorted[((len as f64 * q).ceil() as usize).clamp(1, len) - 1],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(days: usize, value: impl Fn(f64) -> f64) -> Vec<f64> {
        // A wobble of half a percent, the same each time.
        let wobble = |day: usize| 1.0 + ((day * 7919 % 101) as f64 / 50.0 - 1.0) * 0.005;
        (0..days).map(|day| value(day as f64) * wobble(day)).collect()
    }

    #[test]
    fn a_line_is_continued_and_a_level_is_none() {
        let line = forecast(&series(42, |day| 100.0 + day)).expect("a forecast");
        assert!(line.has_trend, "{line:?}");
        let day28 = line.days[27];
        assert!(
            (day28.likely - 169.0).abs() < 3.0 && day28.low < 169.0 && day28.high > 169.0,
            "{day28:?}"
        );
        assert_eq!(line.days.len(), 28);

        let level = forecast(&series(42, |_| 100.0)).expect("a forecast");
        assert!(level.growth_per_week.abs() < 0.002, "{level:?}");
        let week = forecast(&series(42, |day| 100.0 + 30.0 * (day % 7.0))).expect("a forecast");
        assert!(!week.has_trend && week.growth_per_week == 0.0, "{}", week.method);
        assert!(
            (week.days[0].likely / 100.0 - 1.0).abs() < 0.02,
            "day 42 is the first of its week"
        );
    }

    #[test]
    fn nothing_is_told_of_what_is_too_short_or_has_just_jumped() {
        assert_eq!(forecast(&series(13, |day| 100.0 + day)), None);
        assert_eq!(
            forecast(&series(14, |day| 100.0 + day)).map(|forecast| forecast.days.len()),
            Some(7)
        );
        let jumped = |at: f64| series(40, move |day| if day < at { 1000.0 } else { 100.0 + day });
        assert_eq!(forecast(&jumped(30.0)), None);
        let after = forecast(&jumped(20.0)).expect("twenty days are enough");
        assert_eq!(after.days.len(), 7);
        assert!((after.days[6].likely - 146.0).abs() < 3.0, "{after:?}");
        assert_eq!(forecast(&[]), None);
    }

    #[test]
    fn a_limit_is_reached_between_its_bounds() {
        let line = forecast(&series(42, |day| 100.0 + day)).expect("a forecast");
        let [early, likely, late] = reaches(&line, 155.0).map(|day| day.expect("within four weeks"));
        assert!(early <= likely && likely <= late, "{early} {likely} {late}");
        // Day 55 is 14 days behind day 41.
        assert!((12..=16).contains(&likely), "{likely}");
        assert_eq!(reaches(&line, 1_000.0), [None; 3]);
    }

    #[test]
    fn bands_hold_what_comes_in_eighty_of_a_hundred_cases() {
        let mut state = 7_u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / (1_u64 << 31) as f64 - 0.5
        };
        let (mut inside, mut all) = (0, 0);
        for _ in 0..200 {
            let growth = 0.002 * random();
            let values: Vec<f64> = (0..70)
                .map(|day| 1e9 * (growth * f64::from(day)).exp() * (1.0 + 0.02 * random()))
                .collect();
            let Some(forecast) = forecast(&values[..42]) else {
                continue;
            };
            for (day, value) in forecast.days.iter().zip(&values[42..]) {
                inside += usize::from((day.low..=day.high).contains(value));
                all += 1;
            }
        }
        let share =
            f64::from(u32::try_from(inside).expect("few")) / f64::from(u32::try_from(all).expect("few"));
        assert!((0.7..=0.95).contains(&share), "{share}");
    }
}
