//! Fleets made up for tests: hour buckets with seasons, correlated noise, rare calls, lock waits, incidents, drifts, and what was
//! planted in them. The same seed gives the same fleet. Knows nothing of the detector.

use std::f64::consts::TAU;

/// Servers that run the same queries.
pub(super) const SHARDS: usize = 5;
/// Queries of a cluster.
const QUERIES: usize = 25;
/// Hours of history before anything is planted: four weeks.
pub(super) const HISTORY: usize = 28 * 24;
/// Hours in all: two weeks more.
pub(super) const HOURS: usize = 42 * 24;

/// What a fleet is like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recipe {
    /// Groups of [`SHARDS`] servers; each has 125 series.
    pub(super) clusters: usize,
    /// Whether queries become slower, faster, and slow for a time. Otherwise nothing real happens to any query.
    pub(super) planted: bool,
    /// Whether there are incidents, drifts, steps of traffic and lock waits, which are no regressions.
    pub(super) traps: bool,
}

/// One made-up bucket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Simulated {
    pub(super) server: u32,
    pub(super) fingerprint: i64,
    pub(super) hour: i64,
    pub(super) calls: i64,
    pub(super) total_us: i64,
    pub(super) sumsq_us2: f64,
}

/// What happens to a series in truth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Truth {
    Nothing,
    /// Slower by a share, for good.
    Slower {
        effect: f64,
        onset: i64,
    },
    /// Faster for good.
    Faster,
    /// Slower for 13 to 36 hours: an alert is neither right nor wrong.
    RolledBack,
}

/// One series' key, truth and size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planted {
    pub(super) server: u32,
    pub(super) fingerprint: i64,
    pub(super) truth: Truth,
    pub(super) calls_per_hour: f64,
    /// Whether the whole server became slower at some time.
    pub(super) server_moved: bool,
}

/// Makes up a fleet.
pub(super) fn fleet(recipe: Recipe, seed: u64) -> (Vec<Simulated>, Vec<Planted>) {
    let mut chance = Chance::of(seed);
    let servers: Vec<(Vec<f64>, bool)> = (0..recipe.clusters * SHARDS)
        .map(|_| server_factor(recipe, &mut chance))
        .collect();
    let (mut buckets, mut truths) = (Vec::new(), Vec::new());
    for cluster in 0..recipe.clusters {
        let phase = chance.uniform(0.0, 24.0);
        for query in 0..QUERIES {
            let shape = Shape::draw(recipe, phase, &mut chance);
            for shard in 0..SHARDS {
                let server = cluster * SHARDS + shard;
                let fingerprint = (cluster * QUERIES + query) as i64;
                let truth = if shape.scope.is_none_or(|only| only == shard) {
                    shape.truth
                } else {
                    Truth::Nothing
                };
                let (server, factor) = (server as u32, &servers[server]);
                truths.push(Planted {
                    server,
                    fingerprint,
                    truth,
                    calls_per_hour: shape.base,
                    server_moved: factor.1,
                });
                let key = Simulated {
                    server,
                    fingerprint,
                    hour: 0,
                    calls: 0,
                    total_us: 0,
                    sumsq_us2: 0.0,
                };
                shape.hours(
                    truth,
                    &factor.0,
                    recipe,
                    &mut chance,
                    |hour, calls, mean_us, phi| {
                        let sumsq_us2 = calls * mean_us * mean_us * (1.0 + phi);
                        let total_us = (calls * mean_us).round() as i64;
                        buckets.push(Simulated {
                            hour: hour as i64,
                            calls: calls as i64,
                            total_us,
                            sumsq_us2,
                            ..key
                        });
                    },
                );
            }
        }
    }
    (buckets, truths)
}

fn server_factor(recipe: Recipe, chance: &mut Chance) -> (Vec<f64>, bool) {
    let sd = chance.uniform(0.01, 0.06);
    let mut factor = correlated(chance, 0.7, sd, false);
    if !recipe.traps {
        return (factor, false);
    }
    for _ in 0..chance.poisson(3.0) as usize {
        let (from, hours) = (chance.below(HOURS - 10), 1 + chance.below(8));
        let rise = chance.uniform(1.3, 5.0).ln();
        factor[from..from + hours].iter_mut().for_each(|y| *y += rise);
    }
    let moves = chance.unit() < 0.08;
    if moves {
        let from = HISTORY + chance.below(HOURS - 72 - HISTORY);
        let rise = chance.uniform(1.15, 1.8).ln();
        factor[from..].iter_mut().for_each(|y| *y += rise);
    }
    (factor, moves)
}

/// What a query is like on all servers of its cluster.
struct Shape {
    base: f64,
    mean_us: f64,
    sigma: f64,
    daily: Vec<f64>,
    call_amplitude: f64,
    latency_amplitude: f64,
    weekend_calls: f64,
    weekend_latency: f64,
    noise: f64,
    correlation: f64,
    heavy_noise: bool,
    lock_waits: bool,
    growth: f64,
    call_step: Option<(usize, f64)>,
    truth: Truth,
    duration: usize,
    ramp: bool,
    scope: Option<usize>,
}

impl Shape {
    fn draw(recipe: Recipe, phase: f64, chance: &mut Chance) -> Shape {
        let mut shape = Shape {
            base: 10f64.powf(chance.uniform(0.0, 5.3)),
            mean_us: 1e3 * 10f64.powf(chance.uniform(-1.5, 3.0)),
            sigma: chance.uniform(0.4, 1.5),
            daily: vec![0.0; HOURS],
            call_amplitude: chance.uniform(0.2, 1.5),
            latency_amplitude: chance.one_of(&[0.0, 0.05, 0.15, 0.35]),
            weekend_calls: chance.one_of(&[0.0, -0.3, -1.2]),
            weekend_latency: chance.one_of(&[0.0, 0.0, -0.15, 0.15]),
            noise: chance.uniform(0.02, 0.15),
            correlation: chance.uniform(0.2, 0.8),
            heavy_noise: chance.unit() < 0.3,
            lock_waits: recipe.traps && chance.unit() < 0.25,
            growth: if recipe.traps && chance.unit() < 0.1 {
                chance.uniform(0.005, 0.02)
            } else {
                0.0
            },
            call_step: None,
            truth: Truth::Nothing,
            duration: 0,
            ramp: false,
            scope: None,
        };
        let shift = 2.0 * chance.normal();
        for (t, daily) in shape.daily.iter_mut().enumerate() {
            *daily = (TAU * (t as f64 - phase - shift) / 24.0).cos();
        }
        if recipe.traps && chance.unit() < 0.1 {
            let rise = chance.uniform(1.7, 4.0).ln() * chance.one_of(&[1.0, 1.0, -1.0]);
            shape.call_step = Some((HISTORY + chance.below(HOURS - 48 - HISTORY), rise));
        }
        if recipe.planted {
            shape.plant(chance);
        }
        shape
    }

    fn plant(&mut self, chance: &mut Chance) {
        let kind = chance.unit();
        let onset = (HISTORY + 24 + chance.below(HOURS - 72 - HISTORY - 24)) as i64;
        let whole = chance.unit() < 0.7;
        let shard = chance.below(SHARDS);
        if kind < 0.25 {
            let effect = chance.one_of(&[0.03, 0.05, 0.10, 0.20, 0.50, 1.0, 3.0]);
            self.truth = Truth::Slower { effect, onset };
            self.scope = (!whole).then_some(shard);
            self.ramp = chance.unit() < 0.3;
        } else if kind < 0.34 {
            self.truth = if kind < 0.30 {
                Truth::Faster
            } else {
                Truth::RolledBack
            };
            self.duration = 13 + chance.below(24);
        }
    }

    /// ln of the planted change at an hour.
    fn planted(&self, truth: Truth, hour: usize, onset: usize, size: f64) -> f64 {
        let since = hour as f64 - onset as f64;
        match truth {
            Truth::Nothing => 0.0,
            _ if since < 0.0 => 0.0,
            Truth::RolledBack if since >= self.duration as f64 => 0.0,
            Truth::Slower { .. } if self.ramp && since < 24.0 => size * since / 23.0,
            _ => size,
        }
    }

    fn hours(
        &self,
        truth: Truth,
        factor: &[f64],
        recipe: Recipe,
        chance: &mut Chance,
        mut bucket: impl FnMut(usize, f64, f64, f64),
    ) {
        let (calls_scale, time_scale) = (chance.uniform(0.6, 1.6), chance.uniform(0.8, 1.25));
        let calls_noise = correlated(chance, 0.6, 0.15, false);
        let mut noise = correlated(chance, self.correlation, self.noise, self.heavy_noise);
        if recipe.traps {
            for _ in 0..chance.poisson(0.42) as usize {
                let (from, hours) = (chance.below(HOURS - 14), 1 + chance.below(12));
                let rise = chance.uniform(1.3, 4.0).ln();
                noise[from..from + hours].iter_mut().for_each(|y| *y += rise);
            }
        }
        let (onset, size) = match truth {
            Truth::Slower { effect, onset } => (onset as usize, effect.ln_1p()),
            Truth::Faster => (HISTORY + 150, (-0.35f64).ln_1p()),
            _ => (HISTORY + 150, 1f64.ln_1p()),
        };
        let call_phi = (self.sigma * self.sigma).exp_m1();
        let waits = if self.lock_waits { 2e-4 } else { 0.0 };
        let phi = (call_phi + waits * 150.0 * 150.0) * (0.2 * chance.normal()).exp();
        for t in 0..HOURS {
            let weekend = if t / 24 % 7 >= 5 { 1.0 } else { 0.0 };
            let step = self
                .call_step
                .filter(|step| t >= step.0)
                .map_or(0.0, |step| step.1);
            let rate = (self.base * calls_scale).ln()
                + self.call_amplitude * self.daily[t] * 0.5
                + self.weekend_calls * weekend
                + calls_noise[t]
                + step;
            let calls = chance.poisson(rate.exp());
            if calls == 0.0 {
                continue;
            }
            let level = self.latency_amplitude * self.daily[t]
                + self.weekend_latency * weekend
                + noise[t]
                + factor[t]
                + self.growth * t as f64 / 168.0
                + self.planted(truth, t, onset, size);
            let mut mean = self.mean_of_calls(calls, call_phi, chance);
            for _ in 0..chance.poisson(calls * waits) as usize {
                mean += chance.uniform(30.0, 300.0) / calls;
            }
            bucket(t, calls, mean * level.exp() * self.mean_us * time_scale, phi);
        }
    }

    /// The mean of so many lognormal calls of mean 1; of many, a gamma with the same variance.
    fn mean_of_calls(&self, calls: f64, phi: f64, chance: &mut Chance) -> f64 {
        if calls >= 200.0 {
            let shape = calls / phi;
            return chance.gamma(shape) / shape;
        }
        let one = |chance: &mut Chance| (self.sigma * chance.normal() - self.sigma * self.sigma / 2.0).exp();
        (0..calls as usize).map(|_| one(chance)).sum::<f64>() / calls
    }
}

/// A row of hours each of which depends on the one before; `heavy` has t-distributed innovations of three degrees of freedom.
fn correlated(chance: &mut Chance, correlation: f64, sd: f64, heavy: bool) -> Vec<f64> {
    let scale = sd * (1.0 - correlation * correlation).sqrt();
    let mut last = 0.0;
    let next = |_| {
        let innovation = if heavy {
            let squares = (0..3).map(|_| chance.normal().powi(2)).sum::<f64>();
            chance.normal() / squares.sqrt()
        } else {
            chance.normal()
        };
        last = correlation * last + scale * innovation;
        last
    };
    (0..HOURS).map(next).collect()
}

/// Reproducible chance: SplitMix64 and the usual transformations.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn of(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// In [0, 1).
    fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(super) fn uniform(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.unit()
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    fn one_of(&mut self, choices: &[f64]) -> f64 {
        choices[self.below(choices.len())]
    }

    pub(super) fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (TAU * self.unit()).cos()
    }

    /// Exact below 30 (Knuth), normal above.
    pub(super) fn poisson(&mut self, mean: f64) -> f64 {
        if mean > 30.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0);
        }
        let (mut n, mut product, limit) = (0.0, self.unit(), (-mean).exp());
        while product > limit {
            n += 1.0;
            product *= self.unit();
        }
        n
    }

    /// Of scale 1 (Marsaglia and Tsang).
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            return self.gamma(shape + 1.0) * self.unit().powf(1.0 / shape);
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && (1.0 - self.unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }
}
