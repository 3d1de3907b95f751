//! Which of the changes that looks found are believed, and what is said of them: each change once, with its size, its spread over servers
//! and its cost. Needs the rows of the few series that are spoken of once more; see [`Verdict::fingerprints`].

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::buckets::Series;
use super::calibration::Calibration;
use super::decomposition::{Load, LoadChange};
use super::dependence::Dependence;
use super::discovery_rate::{LOOKS_PER_BUDGET, rejected};
use super::impact::{self, Impact};
use super::look::Looked;
use super::noise::Measured;
use super::persistence::{has_recovered, shift};
use super::pooling::{Move, common_move, taking_part};
use super::populations;
use super::scan::Sums;
use super::survey::Facts;
use super::trial::Candidate;
use super::window::WEEK;
use super::{Direction, FALSE_DISCOVERY_RATE, Findings, Regression, STRATA, ServerChange, Watched};

/// A change this near (hours) to one that was reported of the same query and server is the same.
const SAME_CHANGE: i64 = 60;
/// Queries, pooled queries and servers have strata of their own.
const LEVELS: usize = 3;

/// Series that are laid out at once to be spoken of: 100 MB of them.
const SERIES_AT_ONCE: usize = 4096;

/// What is believed.
#[derive(Debug)]
pub(super) struct Verdict {
    facts: Facts,
    looks: Vec<Looked>,
    /// By direction, look by look.
    believed: [Vec<Vec<Believed>>; 2],
    /// What has been said of it, by direction, look by look.
    said: [Vec<Findings>; 2],
}

/// A test that passed.
#[derive(Debug, Clone, Copy)]
struct Believed {
    level: usize,
    row: usize,
    claim: Claim,
}

/// A change that is believed.
#[derive(Debug, Clone, Copy)]
struct Claim {
    candidate: Candidate,
    p_value: f64,
    servers: usize,
}

impl Verdict {
    pub(super) fn of(facts: Facts, placebo: &[Looked], looks: Vec<Looked>) -> Verdict {
        let strata = Strata::of(&facts);
        let believed = Direction::BOTH.map(|direction| {
            let calibration = strata.calibration(placebo, direction);
            let of_look = |look| strata.believed(look, direction, &calibration);
            looks.iter().map(of_look).collect()
        });
        let nothing = vec![Findings::default(); looks.len()];
        let mut verdict = Verdict {
            facts,
            looks,
            believed,
            said: [nothing.clone(), nothing],
        };
        verdict.say(&BTreeSet::new(), &BTreeMap::new(), |reporter, look, believed| {
            reporter.findings_of_servers(look, believed)
        });
        verdict
    }

    /// The fingerprints of which the series of all servers are needed to say what is believed, in groups that are to be
    /// [described](Verdict::describe) one by one.
    pub(super) fn fingerprints(&self) -> Vec<BTreeSet<i64>> {
        let claims = self.believed.iter().flatten().flatten();
        let wanted: BTreeSet<i64> = claims
            .filter_map(|claim| match claim.level {
                0 => Some(self.facts.series[claim.row].1),
                1 => Some(self.facts.shared[claim.row]),
                _ => None,
            })
            .collect();
        let mut groups: Vec<BTreeSet<i64>> = Vec::new();
        let mut room = 0;
        for fingerprint in wanted {
            let pool = self.facts.shared.binary_search(&fingerprint);
            let n_series = pool.map_or(1, |pool| self.facts.members[pool].len());
            match groups.last_mut().filter(|_| room >= n_series) {
                Some(group) => {
                    group.insert(fingerprint);
                }
                None => {
                    groups.push([fingerprint].into());
                    room = SERIES_AT_ONCE;
                }
            }
            room = room.saturating_sub(n_series);
        }
        groups
    }

    /// Says what is believed of some fingerprints. `series` has theirs, by server's number and fingerprint.
    pub(super) fn describe(&mut self, fingerprints: &BTreeSet<i64>, series: &BTreeMap<(u32, i64), Series>) {
        self.say(fingerprints, series, |reporter, look, believed| {
            reporter.findings_of_queries(look, believed)
        });
    }

    /// Everything that was said.
    pub(super) fn finish(self) -> Watched {
        let in_order = |mut looks: Vec<Findings>| {
            for look in &mut looks {
                look.regressions
                    .sort_by_key(|found| (found.server, found.fingerprint));
                look.recovered.sort_unstable();
            }
            looks
        };
        let [slower, faster] = self.said.map(in_order);
        Watched {
            first_hour: self.facts.frame.first_hour,
            n_series: self.facts.series.len(),
            slower,
            faster,
            new_queries: populations::heaviest_first(self.facts.new_queries),
            vanished_queries: populations::heaviest_first(self.facts.vanished_queries),
        }
    }

    fn say(
        &mut self,
        fingerprints: &BTreeSet<i64>,
        series: &BTreeMap<(u32, i64), Series>,
        findings: impl Fn(&mut Reporter<'_>, &Looked, &[Believed]) -> Findings,
    ) {
        for direction in Direction::BOTH {
            let mut reporter = Reporter {
                facts: &self.facts,
                fingerprints,
                series,
                direction,
                reported: BTreeMap::new(),
            };
            let looks = self.looks.iter().zip(&self.believed[direction as usize]);
            for ((look, believed), said) in looks.zip(&mut self.said[direction as usize]) {
                let found = findings(&mut reporter, look, believed);
                said.regressions.extend(found.regressions);
                said.servers.extend(found.servers);
                said.recovered.extend(found.recovered);
            }
        }
    }
}

/// The stratum of each row, level by level.
struct Strata([Vec<usize>; LEVELS]);

impl Strata {
    fn of(facts: &Facts) -> Strata {
        let of = |level: usize, rate: f64| {
            level * (STRATA.len() + 1) + STRATA.iter().filter(|&&limit| rate >= limit).count()
        };
        Strata([
            facts.series.iter().map(|series| of(0, series.2)).collect(),
            facts.shared_rates.iter().map(|&rate| of(1, rate)).collect(),
            facts.servers.iter().map(|server| of(2, server.1)).collect(),
        ])
    }

    /// What placebo looks say of chance.
    fn calibration(&self, placebo: &[Looked], direction: Direction) -> Calibration {
        let mut statistics = vec![Vec::new(); LEVELS * (STRATA.len() + 1)];
        for look in placebo {
            for (level, strata) in look.levels.iter().zip(&self.0) {
                let mut of_rows = vec![0.0; level.n_rows];
                for (row, candidate) in &level.candidates[direction as usize] {
                    of_rows[*row] = candidate.statistic;
                }
                for (statistic, &stratum) in of_rows.into_iter().zip(strata) {
                    statistics[stratum].push(statistic);
                }
            }
        }
        Calibration::of(statistics)
    }

    fn believed(&self, look: &Looked, direction: Direction, calibration: &Calibration) -> Vec<Believed> {
        let levels = look.levels.iter().zip(&self.0).enumerate();
        let tests: Vec<Believed> = levels
            .flat_map(|(number, (level, strata))| {
                let test = move |&(row, candidate): &(usize, Candidate)| Believed {
                    level: number,
                    row,
                    claim: Claim {
                        candidate,
                        p_value: calibration.p_value(strata[row], candidate.statistic),
                        servers: 1,
                    },
                };
                level.candidates[direction as usize].iter().map(test)
            })
            .collect();
        // Rows without a candidate were tested too: their p-value is 1.
        let n_tests = look.levels.iter().map(|level| level.n_rows).sum();
        let p_values: Vec<f64> = tests.iter().map(|test| test.claim.p_value).collect();
        rejected(&p_values, n_tests, FALSE_DISCOVERY_RATE / LOOKS_PER_BUDGET)
            .into_iter()
            .map(|test| tests[test])
            .collect()
    }
}

/// Goes from look to look and reports each change once.
struct Reporter<'a> {
    facts: &'a Facts,
    /// Those that are spoken of.
    fingerprints: &'a BTreeSet<i64>,
    series: &'a BTreeMap<(u32, i64), Series>,
    direction: Direction,
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

impl Reporter<'_> {
    fn findings_of_servers(&mut self, look: &Looked, believed: &[Believed]) -> Findings {
        let servers: BTreeMap<usize, Claim> = believed
            .iter()
            .filter(|believed| believed.level == 2)
            .map(|believed| (believed.row, believed.claim))
            .collect();
        Findings {
            servers: servers
                .into_iter()
                .filter_map(|(server, claim)| self.server_change(look, server, claim))
                .collect(),
            ..Findings::default()
        }
    }

    fn findings_of_queries(&mut self, look: &Looked, believed: &[Believed]) -> Findings {
        let recovered = self.recovered(look);
        // By (server's position, fingerprint): the order of the series.
        let mut claims: BTreeMap<(u32, i64), Claim> = BTreeMap::new();
        for &Believed { level, row, claim } in believed {
            match level {
                0 => {
                    let (server, fingerprint, _) = self.facts.series[row];
                    if self.fingerprints.contains(&fingerprint) {
                        keep_surest(&mut claims, (server, fingerprint), claim);
                    }
                }
                1 if self.fingerprints.contains(&self.facts.shared[row]) => {
                    self.spread(look, row, claim, &mut claims);
                }
                _ => {}
            }
        }
        Findings {
            regressions: claims
                .into_iter()
                .filter_map(|(key, claim)| self.regression(look, key, claim))
                .collect(),
            servers: Vec::new(),
            recovered,
        }
    }

    /// Turns a claim about all servers into one about each that takes part.
    fn spread(&self, look: &Looked, pool: usize, claim: Claim, claims: &mut BTreeMap<(u32, i64), Claim>) {
        let (at, size) = (claim.candidate.at, claim.candidate.size);
        let fingerprint = self.facts.shared[pool];
        let members = &self.facts.members[pool];
        let moves: Vec<Move> = members
            .iter()
            .map(|&server| self.moved(look, server, fingerprint, at))
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
        for (&server, _) in members
            .iter()
            .zip(&takes_part)
            .filter(|(_, takes_part)| **takes_part)
        {
            keep_surest(claims, (server, fingerprint), claim);
        }
    }

    /// How far one server moved at an hour of the window.
    fn moved(&self, look: &Looked, server: u32, fingerprint: i64, at: usize) -> Move {
        let Some(rows) = self.row(look, server, fingerprint) else {
            return Move {
                size: 0.0,
                error: f64::INFINITY,
            };
        };
        let shift = shift(&rows, at, &mut Vec::new());
        let dependence = Dependence::of(&rows, look.window.baseline(), &mut Vec::new());
        let mut sums = Sums::default();
        sums.load(&rows);
        Move {
            // A server that did not run the query on one side did not move.
            size: if shift.size.is_nan() { 0.0 } else { shift.size },
            error: sums.error(at, look.levels[0].prior.inflation(&dependence)),
        }
    }

    fn row(&self, look: &Looked, server: u32, fingerprint: i64) -> Option<Measured> {
        let series = self.series_of(server, fingerprint)?;
        Some(look.row(server as usize, series, self.direction))
    }

    fn series_of(&self, server: u32, fingerprint: i64) -> Option<&Series> {
        let number = self.facts.servers[server as usize].0;
        self.series.get(&(number, fingerprint))
    }

    fn regression(&mut self, look: &Looked, key: (u32, i64), claim: Claim) -> Option<Regression> {
        let (facts, (server, fingerprint)) = (self.facts, key);
        let Candidate { at, size, error, .. } = claim.candidate;
        let onset_hour = facts.frame.first_hour + (look.window.from + at) as i64;
        self.report_once((server, Some(fingerprint)), onset_hour, size)?;
        let series = self.series_of(server, fingerprint)?;
        let after = look.window.from + at..look.window.to;
        let hours = after.len() as f64;
        let load = |hours: Range<usize>| Load {
            calls: series.calls_in(hours.clone()) / hours.len() as f64,
            time_us: series.time_in(hours.clone()) / hours.len() as f64,
        };
        let (number, _, server_time_us) = &facts.servers[server as usize];
        let server_us = server_time_us[after.clone()].iter().sum::<f64>() / hours;
        let now = load(after.clone());
        let effect = |size| self.direction.effect(size);
        // The share of today's time that would not be there at the old time of a call; below zero for improvements.
        let extra_us = now.time_us * effect(size) / (1.0 + effect(size));
        let bounds = [impact::lower_bound(size, error), impact::upper_bound(size, error)].map(effect);
        Some(Regression {
            server: *number,
            fingerprint,
            look_hour: look.hour,
            onset_hour,
            effect: effect(size),
            effect_bounds: (bounds[0].min(bounds[1]), bounds[0].max(bounds[1])),
            p_value: claim.p_value,
            servers: claim.servers,
            impact: Impact::of(extra_us, server_us),
            load: LoadChange::between(load(after.start - WEEK..after.end - WEEK), now),
        })
    }

    fn server_change(&mut self, look: &Looked, server: usize, claim: Claim) -> Option<ServerChange> {
        let facts = self.facts;
        let onset_hour = facts.frame.first_hour + (look.window.from + claim.candidate.at) as i64;
        self.report_once((server as u32, None), onset_hour, claim.candidate.size)?;
        Some(ServerChange {
            server: facts.servers[server].0,
            look_hour: look.hour,
            onset_hour,
            effect: self.direction.effect(claim.candidate.size),
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

    /// The changes that were reported and are no longer there, each once; as long as their onset is in sight.
    fn recovered(&mut self, look: &Looked) -> Vec<(u32, i64, i64)> {
        let first = self.facts.frame.first_hour + look.window.from as i64;
        let mut reported = std::mem::take(&mut self.reported);
        let mut found = Vec::new();
        for (&(server, fingerprint), known) in &mut reported {
            let in_sight = |open: &&mut Open| !open.has_recovered && open.onset_hour > first;
            let mut known = known.iter_mut().filter(in_sight).peekable();
            let Some(fingerprint) = fingerprint.filter(|_| known.peek().is_some()) else {
                continue;
            };
            let Some(rows) = self.row(look, server, fingerprint) else {
                continue;
            };
            for open in known {
                let at = (open.onset_hour - first) as usize;
                open.has_recovered = has_recovered(&rows, at, open.size, &mut Vec::new());
                if open.has_recovered {
                    let number = self.facts.servers[server as usize].0;
                    found.push((number, fingerprint, open.onset_hour));
                }
            }
        }
        self.reported = reported;
        found
    }
}

/// Of what a query's own hours say and what all servers' together say, the clearer.
fn keep_surest(claims: &mut BTreeMap<(u32, i64), Claim>, key: (u32, i64), claim: Claim) {
    let known = claims.entry(key).or_insert(claim);
    if claim.candidate.statistic > known.candidate.statistic {
        *known = claim;
    }
}
