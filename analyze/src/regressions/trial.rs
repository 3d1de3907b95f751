//! What is most likely a change in a row of hours, and whether it is one worth testing: steps 4 to 6 and the size gate of 10 on one row.
//! How sure a row is of it, λ, is learned from all rows of a level (`dependence`); until then a trial keeps what it depends on. Judges no
//! chance.

use super::dependence::{Dependence, Prior};
use super::impact;
use super::noise::Measured;
use super::persistence::{Pairs, onset, shift, stays};
use super::scan::{AFTER_MIN, Split, Sums};
use super::window::Window;

/// The most likely change of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    /// The z of its split.
    pub(super) statistic: f64,
    /// Its first hour, in the window.
    pub(super) at: usize,
    /// ln of after over before.
    pub(super) size: f64,
    /// Its standard error.
    pub(super) error: f64,
}

/// What is most likely a change in a row, as far as that can be said without knowing λ.
#[derive(Debug, Clone, Copy)]
struct Trial {
    step: Split,
    /// What a straight line gains.
    line_gain: f64,
    of_step: Option<Step>,
    beside_line: Option<(Split, Step)>,
}

/// A step that stays.
#[derive(Debug, Clone, Copy)]
struct Step {
    at: usize,
    size: f64,
    /// Its standard error where λ is 1.
    error: f64,
}

/// The rows of one level (queries, queries over all servers, servers) as one look has them: what could be a change, and how dependent
/// the hours are.
#[derive(Debug, Default)]
pub(super) struct Rows {
    dependences: Vec<Dependence>,
    /// By direction, of those rows that have one.
    trials: [Vec<(usize, Trial)>; 2],
}

/// Changes that may be, and what λ is learned from.
#[derive(Debug, Clone)]
pub(super) struct Level {
    pub(super) n_rows: usize,
    /// By direction, with the number of their row.
    pub(super) candidates: [Vec<(usize, Candidate)>; 2],
    /// What λ of a row is learned from.
    pub(super) prior: Prior,
}

/// Working space.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    sums: Sums,
    pairs: Pairs,
    distances: Vec<f64>,
}

impl Rows {
    /// Adds a row. `is_testable` says whether there is enough after an hour to judge.
    pub(super) fn push(
        &mut self,
        mut rows: Measured,
        window: &Window,
        scratch: &mut Scratch,
        is_testable: impl Fn(usize) -> bool,
    ) {
        let number = self.dependences.len();
        let dependence = Dependence::of(&rows, window.baseline(), &mut scratch.distances);
        self.dependences.push(dependence);
        // A server without a common factor has no hours.
        if rows.y.is_empty() {
            return;
        }
        scratch.sums.load(&rows);
        for (direction, trials) in self.trials.iter_mut().enumerate() {
            if direction > 0 {
                rows.turn();
                scratch.sums.turn();
            }
            let seen = Seen {
                rows: &rows,
                window,
                least_inflation: dependence.least_inflation(),
            };
            let trial = seen.trial(scratch, &is_testable);
            trials.extend(trial.map(|trial| (number, trial)));
        }
    }

    /// Judges every row by what all of them say of λ.
    pub(super) fn finish(self, window: &Window) -> Level {
        let prior = Prior::of(&self.dependences);
        let candidate = |(number, trial): (usize, Trial)| {
            let inflation = prior.inflation(&self.dependences[number]);
            Some((number, trial.candidate(inflation, window.knows_weekends())?))
        };
        Level {
            n_rows: self.dependences.len(),
            candidates: self
                .trials
                .map(|trials| trials.into_iter().filter_map(candidate).collect()),
            prior,
        }
    }
}

/// A row, and what is known of it before λ is.
struct Seen<'a> {
    rows: &'a Measured,
    window: &'a Window,
    least_inflation: f64,
}

impl Seen<'_> {
    fn trial(&self, scratch: &mut Scratch, is_testable: impl Fn(usize) -> bool) -> Option<Trial> {
        let least = self.least_inflation;
        let step = scratch.sums.step().filter(|step| step.stands_out(least))?;
        let (beside, line_gain) = scratch.sums.step_beside_line(self.rows);
        let can_be_step = step.is_inside(least) && step.beats_line(line_gain, least);
        let of_step = if can_be_step {
            self.lasting_step(&step, scratch, &is_testable)
        } else {
            None
        };
        let beside = beside.filter(|split| split.stands_out(least) && split.is_inside(least));
        let beside_line =
            beside.and_then(|split| Some((split, self.lasting_step(&split, scratch, &is_testable)?)));
        if of_step.is_none() && beside_line.is_none() {
            return None;
        }
        Some(Trial {
            step,
            line_gain,
            of_step,
            beside_line,
        })
    }

    /// The change at a split, if it stays, has enough after it, and is not too small whatever its error.
    fn lasting_step(
        &self,
        split: &Split,
        scratch: &mut Scratch,
        is_testable: impl Fn(usize) -> bool,
    ) -> Option<Step> {
        let rough = shift(self.rows, split.at, &mut scratch.pairs);
        let at = onset(self.rows, &rough, self.window.baseline());
        // The scan's split has hours enough after it; where the change itself came later, a later look will tell.
        if at > self.rows.y.len() - AFTER_MIN || !is_testable(at) {
            return None;
        }
        let shift = if at == split.at {
            rough
        } else {
            shift(self.rows, at, &mut scratch.pairs)
        };
        let counts = impact::is_large(shift.size, 0.0, self.window.knows_weekends())
            && stays(self.rows, at, &shift, &mut scratch.pairs);
        counts.then(|| Step {
            at,
            size: shift.size,
            error: scratch.sums.error(at, 1.0),
        })
    }
}

impl Trial {
    /// The change of a row of which λ is known.
    fn candidate(&self, inflation: f64, knows_weekends: bool) -> Option<Candidate> {
        let is_step = self.step.is_inside(inflation) && self.step.beats_line(self.line_gain, inflation);
        let (split, step) = if !self.step.stands_out(inflation) {
            return None;
        } else if is_step {
            (self.step, self.of_step?)
        } else {
            self.beside_line?
        };
        let error = step.error * inflation.sqrt();
        let counts = split.stands_out(inflation)
            && split.is_inside(inflation)
            && impact::is_large(step.size, error, knows_weekends);
        counts.then(|| Candidate {
            statistic: split.z(inflation),
            at: step.at,
            size: step.size,
            error,
        })
    }
}
