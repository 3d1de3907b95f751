//! All looks of a report, and the placebo looks that calibrate them, over all servers of a fleet. Servers come one after the other, and
//! what is kept of each is small; where the sums over queries of many servers would not be, the looks are taken in rounds, and the
//! servers come again. Threads take looks, never parts of one, so that their number changes nothing. Judges nothing: see `verdict`.

use std::num::NonZero;

use super::buckets::{Frame, Server};
use super::look::{Look, Looked};
use super::populations::{self, Appearance};
use super::verdict::Verdict;
use super::window::{HISTORY, Window};

/// Placebo looks, as hours before the first look: five in the last week and a half of the history, a day and a half apart so that they
/// fall on different hours of the day.
const PLACEBO_HOURS_BACK: [i64; 5] = [36, 72, 108, 144, 180];
/// What the sums over queries of several servers may take, over all looks of a round: one look at 25 000 of them.
const POOLS_BYTES_MAX: usize = 256 << 20;
/// Each look that is taken at once holds the rows of a server.
const THREADS_MAX: usize = 8;

/// When a fleet is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Schedule {
    /// The history before this hour says how large chance makes changes in this fleet.
    pub(super) calibrated_until: i64,
    /// The hours of the looks, in their order: each knows the hours before it.
    pub(super) looks: Vec<i64>,
}

/// Looks at a fleet.
#[derive(Debug)]
pub(super) struct Survey {
    schedule: Schedule,
    /// The hours still to be looked at, and which of them are placebo looks.
    rest: Vec<(i64, bool)>,
    round: Vec<(Look, bool)>,
    looks_per_round: usize,
    is_first_round: bool,
    facts: Facts,
    placebo: Vec<Looked>,
    looks: Vec<Looked>,
}

/// What is kept of servers and queries besides what looks find.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) frame: Frame,
    /// The fingerprints that run on several servers, in their order.
    pub(super) shared: Vec<i64>,
    /// Their calls, hour by hour.
    pub(super) shared_calls: Vec<Vec<f64>>,
    /// Their calls an hour in the history.
    pub(super) shared_rates: Vec<f64>,
    /// The servers of each of them, as positions.
    pub(super) members: Vec<Vec<u32>>,
    /// The position of the server, the fingerprint and the calls an hour of each series.
    pub(super) series: Vec<(u32, i64, f64)>,
    /// The number of each server, its calls an hour, and the time of its queries hour by hour, µs.
    pub(super) servers: Vec<(u32, f64, Vec<f64>)>,
    pub(super) new_queries: Vec<Appearance>,
    pub(super) vanished_queries: Vec<Appearance>,
}

impl Survey {
    /// Prepares to look at servers that have the hours of `frame`. `shared` are the fingerprints that run on several of them.
    pub(super) fn new(frame: Frame, schedule: Schedule, shared: Vec<i64>) -> Survey {
        let first = schedule.calibrated_until;
        // A look that cannot tell weekends takes them for changes: no measure for looks that can.
        let knows_weekends = |hour| Window::at(hour, frame.first_hour).map(|window| window.knows_weekends());
        let placebo = PLACEBO_HOURS_BACK
            .iter()
            .map(|back| first - back)
            .filter(|&hour| knows_weekends(hour) == knows_weekends(first));
        let hours = placebo.map(|hour| (hour, true));
        let bytes_of_look = shared.len() * HISTORY * 2 * size_of::<f64>();
        Survey {
            rest: hours
                .chain(schedule.looks.iter().map(|&hour| (hour, false)))
                .collect(),
            schedule,
            round: Vec::new(),
            looks_per_round: (POOLS_BYTES_MAX / bytes_of_look.max(1)).max(1),
            is_first_round: true,
            facts: Facts {
                frame,
                shared_calls: vec![vec![0.0; frame.n_hours]; shared.len()],
                shared_rates: vec![0.0; shared.len()],
                members: vec![Vec::new(); shared.len()],
                shared,
                ..Facts::default()
            },
            placebo: Vec::new(),
            looks: Vec::new(),
        }
    }

    /// Begins a round, in which all servers are to be [added](Survey::add). False if there is none left.
    pub(super) fn begin_round(&mut self) -> bool {
        let looks = self.looks_per_round.min(self.rest.len());
        let (frame, n_pools) = (self.facts.frame, self.facts.shared.len());
        let look = |(hour, is_placebo)| Some((Look::new(hour, frame, n_pools)?, is_placebo));
        self.round = self.rest.drain(..looks).filter_map(look).collect();
        looks > 0
    }

    /// Looks at a server; they come by ascending number.
    pub(super) fn add(&mut self, server: &Server, threads: NonZero<usize>) {
        let pool_of: Vec<Option<usize>> = server
            .series
            .iter()
            .map(|series| self.facts.shared.binary_search(&series.fingerprint).ok())
            .collect();
        if self.is_first_round {
            self.facts.add(server, &pool_of, &self.schedule);
        }
        let at_once = threads.get().min(THREADS_MAX);
        let share = self.round.len().div_ceil(at_once).max(1);
        std::thread::scope(|scope| {
            let mut shares = self.round.chunks_mut(share);
            let own = shares.next();
            let look = |looks: &mut [(Look, bool)]| {
                for (look, _) in looks {
                    look.add(server, &pool_of);
                }
            };
            for looks in shares {
                scope.spawn(move || look(looks));
            }
            own.map(look);
        });
    }

    /// Ends a round, when all servers were added.
    pub(super) fn end_round(&mut self) {
        for (look, is_placebo) in self.round.drain(..) {
            let looked = look.finish(&self.facts.shared_calls);
            let kind = if is_placebo {
                &mut self.placebo
            } else {
                &mut self.looks
            };
            kind.push(looked);
        }
        self.is_first_round = false;
    }

    /// What is believed of what the looks found, when all rounds are over.
    pub(super) fn judge(self) -> Verdict {
        Verdict::of(self.facts, &self.placebo, self.looks)
    }
}

impl Facts {
    fn add(&mut self, server: &Server, pool_of: &[Option<usize>], schedule: &Schedule) {
        let history = (schedule.calibrated_until - self.frame.first_hour).clamp(0, self.frame.n_hours as i64);
        let history = history as usize;
        let position = self.servers.len() as u32;
        let (mut rates, mut time_us) = (0.0, vec![0.0; self.frame.n_hours]);
        for (series, pool) in server.series.iter().zip(pool_of) {
            let rate = series.calls_in(0..history) / history.max(1) as f64;
            rates += rate;
            self.series.push((position, series.fingerprint, rate));
            for (hour, time_us) in time_us.iter_mut().enumerate() {
                *time_us += series.time_in(hour..hour + 1);
            }
            if let Some(pool) = *pool {
                self.shared_rates[pool] += rate;
                self.members[pool].push(position);
                for (sum, calls) in self.shared_calls[pool].iter_mut().zip(&series.calls) {
                    *sum += calls;
                }
            }
        }
        self.servers.push((server.number, rates, time_us));
        let last = schedule.looks.last().copied().unwrap_or_default();
        if let Some(window) = Window::at(last.min(self.frame.end_hour()), self.frame.first_hour) {
            let frame = self.frame;
            self.new_queries
                .extend(populations::new_queries(server, frame, &window));
            self.vanished_queries
                .extend(populations::vanished_queries(server, frame, &window));
        }
    }
}
