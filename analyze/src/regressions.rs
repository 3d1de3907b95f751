//! Regressions of queries, found in hour buckets: which query became slower on which server, since when, by how much, and how sure that
//! is. Looks as often as it is asked to and keeps the share of false alerts under a level over a fortnight of daily looks. Pure and
//! deterministic; reads no clock, and nothing but calls, their time and its squares; `job` alone reads a lake.
//!
//! One look: log means with their variance (`noise`), without season (`seasonality`) and what a server's queries have in common
//! (`common_factor`); the best step in the last week (`dependence`, `scan`, `persistence`), on each server and over all servers that run
//! the query (`pooling`); its chance, as the fleet's quiet past has it (`calibration`), held against the number of looks and tests
//! (`discovery_rate`); its weight (`impact`, `decomposition`). `populations` has what is new and what is gone.

mod buckets;
mod calibration;
mod common_factor;
mod decomposition;
mod dependence;
mod discovery_rate;
mod impact;
mod job;
mod look;
mod noise;
mod order;
mod persistence;
mod pooling;
mod populations;
mod scan;
mod seasonality;
mod window;

#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;

pub use buckets::{Fleet, HourBucket};
pub use decomposition::{Load, LoadChange};
pub use impact::{Impact, Severity};
pub use job::{
    QueryAppearance, QueryChange, RegressionsReport, RegressionsRequest, WholeServer, regressions,
};
pub use populations::Appearance;

use std::collections::BTreeMap;
use std::ops::Range;

use calibration::Calibration;
use discovery_rate::{LOOKS_PER_BUDGET, rejected};
use look::{Candidate, Look};
use noise::Residuals;
use persistence::has_recovered;
use pooling::{Move, common_move, taking_part};
use window::{WEEK, Window};

/// The share of alerts that may be false, over the daily looks of a fortnight.
pub const FALSE_DISCOVERY_RATE: f64 = 0.05;

/// Placebo looks, as hours before the first look: five in the last week and a half of the history, a day and a half apart so that they
/// fall on different hours of the day.
const PLACEBO_HOURS_BACK: [i64; 5] = [36, 72, 108, 144, 180];
/// A change this near (hours) to one that was reported of the same query and server is the same.
const SAME_CHANGE: i64 = 60;
/// Calls an hour that divide the strata of calibration: rare, ordinary and busy queries have different tails.
const STRATA: [f64; 2] = [30.0, 1000.0];
/// Queries, pooled queries and servers have strata of their own.
const LEVELS: usize = 3;

/// Which change is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
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
    /// Regressions that an earlier look reported and that are gone again: their server, fingerprint and onset hour.
    pub recovered: Vec<(u32, i64, i64)>,
    /// Queries of the last week that were not there before; heaviest first.
    pub new_queries: Vec<Appearance>,
    /// Queries that have stopped in the last week; heaviest first.
    pub vanished_queries: Vec<Appearance>,
}

/// Looks at a fleet again and again, and reports each change once.
#[derive(Debug)]
pub struct Detector<'a> {
    fleet: &'a Fleet,
    direction: Direction,
    calibration: Calibration,
    /// The stratum of each row, level by level.
    strata: [Vec<usize>; LEVELS],
    /// What was reported, by (server, fingerprint), and by server.
    reported: BTreeMap<(u32, Option<i64>), Vec<Open>>,
}

/// A change that was reported.
#[derive(Debug, Clone, Copy)]
struct Open {
    onset_hour: i64,
    size: f64,
    has_recovered: bool,
}

impl Direction {
    /// Makes the change that is looked for an upward one.
    fn turn(self, rows: &mut Residuals) {
        if self == Direction::Faster {
            rows.y.iter_mut().for_each(|y| *y = -*y);
        }
    }

    /// The relative change of an upward change of `size` (ln).
    fn effect(self, size: f64) -> f64 {
        match self {
            Direction::Slower => size.exp_m1(),
            Direction::Faster => (-size).exp_m1(),
        }
    }
}

impl<'a> Detector<'a> {
    /// Learns from the history before `first_look` how large chance makes changes in this fleet.
    pub fn new(fleet: &'a Fleet, first_look: i64, direction: Direction) -> Detector<'a> {
        let strata = strata(fleet, first_look);
        let mut statistics = vec![Vec::new(); LEVELS * (STRATA.len() + 1)];
        // A look that cannot tell weekends takes them for changes: no measure for looks that can.
        let knows_weekends = |hour| Window::at(hour, fleet.first_hour).map(|window| window.knows_weekends());
        let is_as_good = |hour: &i64| knows_weekends(*hour) == knows_weekends(first_look);
        let placebo = PLACEBO_HOURS_BACK
            .iter()
            .map(|back| first_look - back)
            .filter(is_as_good);
        for look in placebo.filter_map(|hour| Look::at(fleet, hour, direction)) {
            for (level, strata) in [&look.series, &look.pooled, &look.servers]
                .into_iter()
                .zip(&strata)
            {
                for (candidate, &stratum) in level.candidates.iter().zip(strata) {
                    statistics[stratum].push(candidate.statistic);
                }
            }
        }
        let calibration = Calibration::of(statistics);
        Detector {
            fleet,
            direction,
            calibration,
            strata,
            reported: BTreeMap::new(),
        }
    }

    /// Looks at what is known at `hour`: the hours before it. Empty if that is less than two weeks.
    pub fn look(&mut self, hour: i64) -> Findings {
        let Some(look) = Look::at(self.fleet, hour, self.direction) else {
            return Findings::default();
        };
        let recovered = self.recovered(&look);
        let levels = [&look.series, &look.pooled, &look.servers];
        let tests: Vec<(usize, usize, Candidate)> = levels
            .iter()
            .enumerate()
            .flat_map(|(level, rows)| {
                rows.candidates
                    .iter()
                    .enumerate()
                    .map(move |(i, &candidate)| (level, i, candidate))
            })
            .collect();
        let p_value = |&(level, i, candidate): &(usize, usize, Candidate)| {
            self.calibration
                .p_value(self.strata[level][i], candidate.statistic)
        };
        let p_values: Vec<f64> = tests.iter().map(p_value).collect();
        let believed = rejected(&p_values, FALSE_DISCOVERY_RATE / LOOKS_PER_BUDGET);
        let mut claims: BTreeMap<usize, Claim> = BTreeMap::new();
        let mut servers = Vec::new();
        for test in believed {
            let (level, i, candidate) = tests[test];
            if candidate.statistic <= 0.0 {
                continue;
            }
            let p_value = p_values[test];
            let claim = Claim {
                candidate,
                p_value,
                servers: 1,
            };
            match level {
                0 => keep_surest(&mut claims, i, claim),
                1 => self.spread(&look, i, claim, &mut claims),
                _ => servers.push((i, claim)),
            }
        }
        Findings {
            regressions: claims
                .into_iter()
                .filter_map(|(i, claim)| self.regression(&look, hour, i, claim))
                .collect(),
            servers: servers
                .into_iter()
                .filter_map(|(i, claim)| self.server_change(&look, hour, i, claim))
                .collect(),
            recovered,
            new_queries: populations::new_queries(self.fleet, &look.window),
            vanished_queries: populations::vanished_queries(self.fleet, &look.window),
        }
    }

    /// Turns a claim about all servers into one about each that takes part.
    fn spread(&self, look: &Look, pool: usize, claim: Claim, claims: &mut BTreeMap<usize, Claim>) {
        let (at, size) = (claim.candidate.at, claim.candidate.size);
        let members = &self.fleet.shared[pool];
        let mut pairs = Vec::new();
        let moves: Vec<Move> = members
            .iter()
            .map(|&i| {
                let shift = persistence::shift(&look.series.rows[i], at, &mut pairs);
                // A server that did not run the query on one side did not move.
                let size = if shift.size.is_nan() { 0.0 } else { shift.size };
                Move {
                    size,
                    error: look.series.error(i, at),
                }
            })
            .collect();
        let Some(takes_part) = taking_part(size, &moves) else {
            return;
        };
        let servers = takes_part.iter().filter(|&&takes_part| takes_part).count();
        let Move { size, error } = common_move(&moves, &takes_part);
        let claim = Claim {
            candidate: Candidate {
                size,
                error,
                ..claim.candidate
            },
            servers,
            ..claim
        };
        for (&i, _) in members
            .iter()
            .zip(&takes_part)
            .filter(|(_, takes_part)| **takes_part)
        {
            keep_surest(claims, i, claim);
        }
    }

    fn regression(&mut self, look: &Look, hour: i64, i: usize, claim: Claim) -> Option<Regression> {
        let fleet = self.fleet;
        let series = &fleet.series[i];
        let Candidate { at, size, error, .. } = claim.candidate;
        let onset_hour = fleet.first_hour + (look.window.from + at) as i64;
        self.report_once((series.server, Some(series.fingerprint)), onset_hour, size)?;
        let after = look.window.from + at..look.window.to;
        let hours = after.len() as f64;
        let load = |hours: Range<usize>| Load {
            calls: series.calls_in(hours.clone()) / hours.len() as f64,
            time_us: series.time_in(hours.clone()) / hours.len() as f64,
        };
        let server = fleet
            .servers
            .iter()
            .find(|server| server.contains(&i))
            .cloned()
            .unwrap_or(i..i + 1);
        let server_us = fleet.series[server]
            .iter()
            .map(|series| series.time_in(after.clone()))
            .sum::<f64>()
            / hours;
        let now = load(after.clone());
        let effect = |size| self.direction.effect(size);
        // The share of today's time that would not be there at the old time of a call; below zero for improvements.
        let extra_us = now.time_us * effect(size) / (1.0 + effect(size));
        let bounds = [impact::lower_bound(size, error), impact::upper_bound(size, error)].map(effect);
        Some(Regression {
            server: series.server,
            fingerprint: series.fingerprint,
            look_hour: hour,
            onset_hour,
            effect: effect(size),
            effect_bounds: (bounds[0].min(bounds[1]), bounds[0].max(bounds[1])),
            p_value: claim.p_value,
            servers: claim.servers,
            impact: Impact::of(extra_us, server_us),
            load: LoadChange::between(load(after.start - WEEK..after.end - WEEK), now),
        })
    }

    fn server_change(&mut self, look: &Look, hour: i64, i: usize, claim: Claim) -> Option<ServerChange> {
        let server = self.fleet.series[self.fleet.servers[i].start].server;
        let onset_hour = self.fleet.first_hour + (look.window.from + claim.candidate.at) as i64;
        self.report_once((server, None), onset_hour, claim.candidate.size)?;
        let effect = self.direction.effect(claim.candidate.size);
        Some(ServerChange {
            server,
            look_hour: hour,
            onset_hour,
            effect,
            p_value: claim.p_value,
        })
    }

    /// `None` if the change was reported before.
    fn report_once(&mut self, key: (u32, Option<i64>), onset_hour: i64, size: f64) -> Option<()> {
        let known = self.reported.entry(key).or_default();
        if known
            .iter()
            .any(|open| (open.onset_hour - onset_hour).abs() <= SAME_CHANGE)
        {
            return None;
        }
        known.push(Open {
            onset_hour,
            size,
            has_recovered: false,
        });
        Some(())
    }

    /// The regressions that were reported and are no longer there, each once; as long as their onset is in sight.
    fn recovered(&mut self, look: &Look) -> Vec<(u32, i64, i64)> {
        let first = self.fleet.first_hour + look.window.from as i64;
        let mut pairs = Vec::new();
        let mut found = Vec::new();
        for (rows, series) in look.series.rows.iter().zip(&self.fleet.series) {
            let known = self
                .reported
                .get_mut(&(series.server, Some(series.fingerprint)))
                .into_iter()
                .flatten();
            for open in known.filter(|open| !open.has_recovered && open.onset_hour > first) {
                open.has_recovered =
                    has_recovered(rows, (open.onset_hour - first) as usize, open.size, &mut pairs);
                if open.has_recovered {
                    found.push((series.server, series.fingerprint, open.onset_hour));
                }
            }
        }
        found
    }
}

/// A change that is believed.
#[derive(Debug, Clone, Copy)]
struct Claim {
    candidate: Candidate,
    p_value: f64,
    servers: usize,
}

/// Of what a query's own hours say and what all servers' together say, the clearer.
fn keep_surest(claims: &mut BTreeMap<usize, Claim>, i: usize, claim: Claim) {
    let known = claims.entry(i).or_insert(claim);
    if claim.candidate.statistic > known.candidate.statistic {
        *known = claim;
    }
}

/// The stratum of each series, each pooled query and each server by its calls an hour in the history before `first_look`.
fn strata(fleet: &Fleet, first_look: i64) -> [Vec<usize>; LEVELS] {
    let end = (first_look - fleet.first_hour).clamp(0, fleet.n_hours as i64) as usize;
    let rate = |i: usize| fleet.series[i].calls_in(0..end) / end.max(1) as f64;
    let of = |level: usize, rate: f64| {
        level * (STRATA.len() + 1) + STRATA.iter().filter(|&&limit| rate >= limit).count()
    };
    [
        (0..fleet.series.len()).map(|i| of(0, rate(i))).collect(),
        fleet
            .shared
            .iter()
            .map(|members| of(1, members.iter().map(|&i| rate(i)).sum()))
            .collect(),
        fleet
            .servers
            .iter()
            .map(|server| of(2, server.clone().map(rate).sum()))
            .collect(),
    ]
}
