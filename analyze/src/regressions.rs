//! Regressions of queries, found in hour buckets: which query became slower on which server, since when, by how much, and how sure that
//! is. Looks as often as it is asked to and keeps the share of false alerts under a level over a fortnight of daily looks. Pure and
//! deterministic; reads no clock, and nothing but calls, their time and its squares. `job` alone reads a lake, through `history` and `evidence`.
//!
//! One `look`: log means with their variance (`noise`), without season (`seasonality`) and what a server's queries have in common
//! (`common_factor`); the best step in the last week (`trial`: `dependence`, `scan`, `persistence`), on each server and over all servers
//! that run the query (`pooling`). All looks over all servers are a `survey`; its `verdict` has the chance of a change, as the fleet's quiet
//! past has it (`calibration`), held against the number of looks and tests (`discovery_rate`), and its weight (`impact`, `decomposition`).
//! `populations` has what is new and what is gone, `rewritten` what is only written differently, `shares` what fails or takes long more often.

mod buckets;
mod calibration;
mod causes;
mod claims;
mod common_factor;
mod decomposition;
mod dependence;
mod discovery_rate;
mod evidence;
mod history;
mod impact;
mod job;
mod look;
mod noise;
mod order;
mod persistence;
mod pooling;
mod populations;
mod rewritten;
mod scan;
mod seasonality;
mod shares;
mod survey;
mod tails;
mod trial;
mod verdict;
mod window;

#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::num::NonZero;

pub use buckets::{Fleet, HourBucket};
pub use causes::{Cause, CauseKind};
pub use claims::{QueryAppearance, QueryChange, RegressionsReport, RewrittenQuery, WholeServer};
pub use decomposition::{Load, LoadChange};
pub use impact::{Impact, Severity};
pub use job::{RegressionsRequest, regressions};
pub use populations::Appearance;
use survey::{Schedule, Survey};
pub use tails::ShareChange;

/// The share of alerts that may be false, over the daily looks of a fortnight.
pub const FALSE_DISCOVERY_RATE: f64 = 0.05;

/// Calls an hour that divide the strata of calibration: rare, ordinary and busy queries have different tails.
const STRATA: [f64; 2] = [30.0, 1000.0];

/// Looks at a fleet at some hours, in their order: each look knows the hours before it, and a change is reported by the first that is
/// sure of it. The history before `calibrated_until` says how large chance makes changes in this fleet. Looks before the end of its
/// second week are left out.
pub fn watch(fleet: &Fleet, calibrated_until: i64, looks: Vec<i64>, threads: NonZero<usize>) -> Watched {
    let schedule = Schedule {
        calibrated_until,
        looks,
    };
    let mut survey = Survey::new(fleet.frame, schedule, fleet.shared());
    while survey.begin_round() {
        for server in &fleet.servers {
            survey.add(server, threads);
        }
        survey.end_round();
    }
    let mut verdict = survey.judge();
    for group in verdict.fingerprints() {
        let all = fleet.servers.iter().flat_map(|server| &server.series);
        let series: BTreeMap<_, _> = all
            .filter(|series| group.contains(&series.fingerprint))
            .map(|series| ((series.server, series.fingerprint), series.clone()))
            .collect();
        verdict.describe(&group, &series);
    }
    verdict.finish()
}

/// Which change is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// Regressions.
    Slower,
    /// Improvements.
    Faster,
}

/// A query that takes longer, or less long, than before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regression {
    /// The server.
    pub server: u32,
    /// The query.
    pub fingerprint: i64,
    /// The hour of the look that found it: it knew the hours before.
    pub look_hour: i64,
    /// The first hour of the change.
    pub onset_hour: i64,
    /// How much longer a call takes: 0.2 is 20 % more.
    pub effect: f64,
    /// Bounds of the effect, 80 % sure.
    pub effect_bounds: (f64, f64),
    /// The chance of so clear a change where there is none.
    pub p_value: f64,
    /// On how many servers the query changed at once; 1 for this one alone.
    pub servers: usize,
    /// What it costs.
    pub impact: Impact,
    /// The change of the query's load on the server against the same hours of the week before, in its parts.
    pub load: Option<LoadChange>,
}

/// A server all of whose queries take longer, or less long, than before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ServerChange {
    /// The server.
    pub server: u32,
    /// The hour of the look that found it.
    pub look_hour: i64,
    /// The first hour of the change.
    pub onset_hour: i64,
    /// How much longer a call takes: 0.2 is 20 % more.
    pub effect: f64,
    /// The chance of so clear a change where there is none.
    pub p_value: f64,
}

/// What one look found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Findings {
    /// Changes of queries, by server, then fingerprint.
    pub regressions: Vec<Regression>,
    /// Changes of whole servers, by server.
    pub servers: Vec<ServerChange>,
    /// Changes that an earlier look reported and that are gone again: their server, fingerprint and onset hour.
    pub recovered: Vec<(u32, i64, i64)>,
}

/// What all looks found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Watched {
    /// The first hour of the fleet.
    pub first_hour: i64,
    /// How many (server, fingerprint) there are.
    pub n_series: usize,
    /// Regressions, look by look.
    pub slower: Vec<Findings>,
    /// Improvements, look by look.
    pub faster: Vec<Findings>,
    /// Queries of the week before the last look that were not there before; heaviest first.
    pub new_queries: Vec<Appearance>,
    /// Queries that have stopped in that week; heaviest first.
    pub vanished_queries: Vec<Appearance>,
}

impl Direction {
    const BOTH: [Direction; 2] = [Direction::Slower, Direction::Faster];

    /// The relative change of an upward change of `size` (ln).
    fn effect(self, size: f64) -> f64 {
        match self {
            Direction::Slower => size.exp_m1(),
            Direction::Faster => (-size).exp_m1(),
        }
    }
}
