//! One look at the fleet: every row of hours freed of what is expected of it, and the best candidate for a change in each. Steps 1 to 6
//! and the size gate of 10, in their order. Remembers nothing; judges no chance.

use super::Direction;
use super::buckets::Fleet;
use super::calibration::TAIL_START_MIN;
use super::common_factor::remove_common_factor;
use super::dependence::{Dependence, Prior};
use super::impact;
use super::noise::{Measured, Residuals};
use super::persistence::{Pairs, onset, shift};
use super::pooling::pooled;
use super::scan::{AFTER_MIN, Sums};
use super::seasonality::{Cells, remove_season};
use super::window::{WEEK, Window};

/// Calls that the last week, and the part of it after a change, must have.
const CALLS_MIN: f64 = 30.0;
/// Hours with calls that the part after a change must have.
const BUCKETS_AFTER_MIN: usize = 5;

/// What a look has before it: rows of residuals at three levels.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) window: Window,
    /// As the fleet's series.
    pub(super) series: Level,
    /// As the fleet's shared fingerprints.
    pub(super) pooled: Level,
    /// As the fleet's servers; a server that has no common factor has no hours.
    pub(super) servers: Level,
}

/// Rows of one kind, with what is most likely a change in each.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub(super) rows: Vec<Measured>,
    pub(super) candidates: Vec<Candidate>,
    /// λ of each row.
    inflations: Vec<f64>,
}

/// The most likely change of a row.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Candidate {
    /// The z of its split; 0 where that is no lasting step of a size that matters.
    pub(super) statistic: f64,
    /// Its first hour, in the window.
    pub(super) at: usize,
    /// ln of after over before.
    pub(super) size: f64,
    /// Its standard error.
    pub(super) error: f64,
}

impl Look {
    /// Looks at what was known at `hour`. `None` if the history is too short.
    pub(super) fn at(fleet: &Fleet, hour: i64, direction: Direction) -> Option<Look> {
        let window = Window::at(hour.min(fleet.end_hour()), fleet.first_hour)?;
        let baseline = window.baseline();
        let (mut cells, mut scratch) = (Cells::new(&window), Vec::new());
        let mut series: Vec<Residuals> = Vec::with_capacity(fleet.series.len());
        for one in &fleet.series {
            let mut rows = Residuals::of_series(one, &window);
            rows.center(baseline, &mut scratch);
            remove_season(&mut rows, &mut cells);
            direction.turn(&mut rows);
            series.push(rows);
        }
        let factor = |servers: &std::ops::Range<usize>| {
            remove_common_factor(&mut series[servers.clone()], &mut scratch)
        };
        let servers: Vec<Residuals> = fleet
            .servers
            .iter()
            .map(factor)
            .map(Option::unwrap_or_default)
            .collect();
        let mut measure = |mut rows: Residuals| {
            rows.center(baseline, &mut scratch);
            rows.measured(baseline, &mut scratch)
        };
        let series: Vec<Measured> = series.into_iter().map(&mut measure).collect();
        let pools = fleet
            .shared
            .iter()
            .map(|members| measure(pooled(members.iter().map(|&i| &series[i]))))
            .collect();
        let servers = servers.into_iter().map(measure).collect();
        let mut look = Look {
            window,
            series: Level::of(series, &window),
            pooled: Level::of(pools, &window),
            servers: Level::of(servers, &window),
        };
        look.drop_untestable(fleet);
        Some(look)
    }

    /// Too few calls are no evidence, whatever they look like.
    fn drop_untestable(&mut self, fleet: &Fleet) {
        let (window, week) = (self.window, self.window.to - WEEK);
        let is_testable = |members: &[usize], candidate: &Candidate| {
            let after = window.from + candidate.at..window.to;
            let calls = |hours: std::ops::Range<usize>| {
                members
                    .iter()
                    .map(|&i| fleet.series[i].calls_in(hours.clone()))
                    .sum::<f64>()
            };
            let has_calls = |hour: &usize| members.iter().any(|&i| fleet.series[i].calls[*hour] > 0.0);
            calls(week..window.to) >= CALLS_MIN
                && calls(after.clone()) >= CALLS_MIN
                && after.filter(has_calls).count() >= BUCKETS_AFTER_MIN
        };
        for (i, candidate) in self.series.candidates.iter_mut().enumerate() {
            if candidate.statistic > 0.0 && !is_testable(&[i], candidate) {
                candidate.statistic = 0.0;
            }
        }
        for (members, candidate) in fleet.shared.iter().zip(&mut self.pooled.candidates) {
            if candidate.statistic > 0.0 && !is_testable(members, candidate) {
                candidate.statistic = 0.0;
            }
        }
    }
}

impl Level {
    fn of(rows: Vec<Measured>, window: &Window) -> Level {
        let dependences: Vec<Dependence> = rows
            .iter()
            .map(|rows| Dependence::of(rows, window.baseline()))
            .collect();
        let prior = Prior::of(&dependences);
        let inflations: Vec<f64> = dependences.iter().map(|row| prior.inflation(row)).collect();
        let (mut sums, mut pairs) = (Sums::default(), Pairs::new());
        let find = |(rows, &inflation): (&Measured, &f64)| {
            sums.load(rows, inflation);
            candidate(rows, &sums, &mut pairs, window)
        };
        let candidates = rows.iter().zip(&inflations).map(find).collect();
        Level {
            rows,
            candidates,
            inflations,
        }
    }

    /// The standard error of row `i`'s change at hour `at`.
    pub(super) fn error(&self, i: usize, at: usize) -> f64 {
        let mut sums = Sums::default();
        sums.load(&self.rows[i], self.inflations[i]);
        sums.error(at)
    }
}

fn candidate(rows: &Measured, sums: &Sums, pairs: &mut Pairs, window: &Window) -> Candidate {
    // A server without a common factor has no hours.
    let split = if rows.y.is_empty() { None } else { sums.scan(rows) };
    let Some(split) = split.filter(|split| split.is_inside && split.z > TAIL_START_MIN) else {
        return Candidate::default();
    };
    let rough = shift(rows, split.at, pairs);
    let at = onset(rows, &rough, window.baseline());
    // The scan's split has hours enough after it; where the change itself came later, a later look will tell.
    if at > rows.y.len() - AFTER_MIN {
        return Candidate::default();
    }
    let shift = shift(rows, at, pairs);
    let error = sums.error(at);
    let counts = shift.stays && impact::is_large(shift.size, error, window.knows_weekends());
    Candidate {
        statistic: if counts { split.z } else { 0.0 },
        at,
        size: shift.size,
        error,
    }
}
