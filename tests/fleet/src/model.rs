//! The fleet: its servers, applications and queries, and what they do in one hour. A model of a shop's databases, not a measurement
//! of any: what counts is that columns depend on each other as they do in logs.

use crate::random::{Lottery, Random, mixed};

pub(crate) const SERVERS: usize = 200;
pub(crate) const QUERIES: usize = 2000;
pub(crate) const DAYS: usize = 30;
pub(crate) const HOURS: usize = DAYS * 24;
pub(crate) const HOUR_US: i64 = 3_600_000_000;
pub(crate) const DAY_US: i64 = 24 * HOUR_US;
/// 2026-10-19 00:00:00 UTC, a Monday.
pub(crate) const START_US: i64 = 1_792_368_000_000_000;
/// The last seven days, and the seven before them.
pub(crate) const THIS_WEEK_US: i64 = START_US + 23 * DAY_US;
pub(crate) const LAST_WEEK_US: i64 = START_US + 16 * DAY_US;

/// Servers of a cluster; the first is the primary, the others replicate from it.
const CLUSTER_SERVERS: usize = 10;
/// How often a replica's lag is sampled.
const SAMPLE_US: i64 = 900_000_000;

const APPLICATIONS: [&str; 8] = [
    "web",
    "api",
    "checkout",
    "search",
    "mailer",
    "backoffice",
    "reporting",
    "cron",
];
/// The application that hardly ever runs. It has queries of its own, the rarest ones.
pub(crate) const RARE_APPLICATION: &str = "year-end-close";
const RARE_QUERIES: usize = 5;
const DATABASES: [&str; 5] = ["shop", "billing", "stock", "users", "analytics"];
const SESSIONS: u64 = 48;
/// One query in so many appeared within the thirty days.
const NEW_QUERIES: usize = 40;
/// One execution in so many fails.
const FAILURES: u64 = 1000;
/// One execution in so many keeps its text, and every one of a second or more.
const SAMPLES: u64 = 200;

/// One execution, by numbers only.
#[derive(Clone, Copy)]
pub(crate) struct Execution {
    pub(crate) ts_us: i64,
    pub(crate) source_offset: i64,
    pub(crate) query_time_us: i64,
    pub(crate) fingerprint: i64,
    pub(crate) lock_time_us: u32,
    pub(crate) rows_examined: u32,
    pub(crate) rows_sent: u32,
    pub(crate) session_id: u32,
    pub(crate) query: u16,
    pub(crate) server: u8,
    pub(crate) client: u8,
    pub(crate) has_failed: bool,
    pub(crate) has_text: bool,
}

impl Execution {
    /// Only servers of the MySQL kind log rows, locks and errors with an execution.
    pub(crate) fn is_mysql(&self) -> bool {
        is_mysql(self.server.into())
    }
}

/// What every query is.
pub(crate) struct Query {
    pub(crate) fingerprint: i64,
    pub(crate) application: &'static str,
    pub(crate) database: &'static str,
    /// Its executions begin here.
    born_us: i64,
    median_us: f64,
    examined: u32,
}

pub(crate) fn is_mysql(server: usize) -> bool {
    (server / CLUSTER_SERVERS).is_multiple_of(2)
}

pub(crate) fn cluster(server: usize) -> usize {
    server / CLUSTER_SERVERS
}

pub(crate) struct Fleet {
    pub(crate) queries: Vec<Query>,
    random: Random,
    by_frequency: Lottery,
    by_load: Lottery,
    /// Executions that begin before each hour, as a share of all.
    share_before: Vec<f64>,
    /// How far each server's log has come, bytes.
    offsets: Vec<i64>,
}

impl Fleet {
    pub(crate) fn new(seed: u64) -> Fleet {
        let ranks = (0..QUERIES).map(|rank| 1.0 / (rank + 1) as f64);
        let loads = (0..SERVERS).map(|server| 1.0 + (mixed(server as u64) % 9) as f64);
        let mut share_before = vec![0.0];
        let mut sum = 0.0;
        for hour in 0..HOURS {
            let of_day = (hour % 24) as f64 / 24.0;
            let by_day = if hour / 24 % 7 >= 5 { 0.6 } else { 1.0 };
            sum += by_day * (1.0 - 0.6 * (of_day * std::f64::consts::TAU).cos());
            share_before.push(sum);
        }
        share_before.iter_mut().for_each(|share| *share /= sum);
        Fleet {
            queries: (0..QUERIES).map(Query::of_rank).collect(),
            random: Random::new(mixed(seed)),
            by_frequency: Lottery::new(&ranks.collect::<Vec<_>>()),
            by_load: Lottery::new(&loads.collect::<Vec<_>>()),
            share_before,
            offsets: vec![0; SERVERS],
        }
    }

    /// Where each server's log ends, bytes.
    pub(crate) fn offsets(&self) -> &[i64] {
        &self.offsets
    }

    /// Adds the executions of one hour, of `events` in all thirty days, in order of their start.
    pub(crate) fn hour(&mut self, hour: usize, events: u64, executions: &mut Vec<Execution>) {
        let count = self.executions_before(hour + 1, events) - self.executions_before(hour, events);
        let begin = executions.len();
        let start_us = START_US + hour as i64 * HOUR_US;
        for _ in 0..count {
            let ts_us = start_us + self.random.below(HOUR_US as u64) as i64;
            let execution = self.execution(ts_us);
            executions.push(execution);
        }
        let hour = &mut executions[begin..];
        hour.sort_unstable_by_key(|execution| execution.ts_us);
        for execution in hour {
            let offset = &mut self.offsets[usize::from(execution.server)];
            execution.source_offset = *offset;
            *offset += 240 + (mixed(execution.ts_us as u64) % 400) as i64;
        }
    }

    /// How many executions one day has, of `events` in all thirty days.
    pub(crate) fn executions_of_day(&self, day: usize, events: u64) -> usize {
        let [begin, end] = [day, day + 1].map(|day| self.executions_before(day * 24, events));
        (end - begin) as usize
    }

    fn executions_before(&self, hour: usize, events: u64) -> u64 {
        (self.share_before[hour] * events as f64).round() as u64
    }

    /// The lag of each replica at each moment of one day that it is sampled: `(ts_us, server, lag_us)`.
    pub(crate) fn lags(&mut self, day: usize) -> Vec<(i64, usize, i64)> {
        let start_us = START_US + day as i64 * DAY_US;
        let mut lags = Vec::new();
        for sample in 0..DAY_US / SAMPLE_US {
            for server in (0..SERVERS).filter(|server| server % CLUSTER_SERVERS != 0) {
                let lag_us = 20_000.0 * (1.5 * self.random.normal()).exp() * (1.0 + (server % 7) as f64);
                lags.push((start_us + sample * SAMPLE_US, server, lag_us as i64));
            }
        }
        lags
    }

    #[inline]
    fn execution(&mut self, ts_us: i64) -> Execution {
        let random = &mut self.random;
        let mut rank = self.by_frequency.draw(random);
        if self.queries[rank].born_us > ts_us {
            rank = 0;
        }
        let query = &self.queries[rank];
        let server = self.by_load.draw(random);
        let query_time_us = (query.median_us * (0.8 * random.normal()).exp()) as i64;
        let session = random.below(SESSIONS);
        let application = query.application.len() as u64;
        let hours = (ts_us / (3 * HOUR_US)) as u64;
        let session_key =
            mixed(session + SESSIONS * (server as u64 + SERVERS as u64 * (application + 16 * hours)));
        let dice = random.next();
        Execution {
            ts_us,
            source_offset: 0,
            query_time_us,
            fingerprint: query.fingerprint,
            lock_time_us: 2 + (dice & 15) as u32 + if dice & 0xff0 == 0 { (dice >> 50) as u32 } else { 0 },
            rows_examined: query.examined + ((dice >> 12) % (u64::from(query.examined) / 4 + 1)) as u32,
            rows_sent: 1 + (query.examined / 50).min(100),
            session_id: 20_000 + (session_key % 40_000) as u32,
            query: rank as u16,
            server: server as u8,
            client: (session % 8) as u8,
            has_failed: is_mysql(server) && random.below(FAILURES) == 0,
            has_text: query_time_us >= 1_000_000 || random.below(SAMPLES) == 0,
        }
    }
}

impl Query {
    /// Rank 0 is the most frequent query. Independent of the seed, so that questions can name a query.
    fn of_rank(rank: usize) -> Query {
        let key = mixed(rank as u64 + 1);
        let is_rare = rank >= QUERIES - RARE_QUERIES;
        let is_new = rank % NEW_QUERIES == NEW_QUERIES - 1 && !is_rare;
        let born_hour = if is_new { mixed(key) % HOURS as u64 } else { 0 };
        Query {
            fingerprint: key as i64,
            application: match is_rare {
                true => RARE_APPLICATION,
                false => APPLICATIONS[(key % 8) as usize],
            },
            database: DATABASES[(key / 8 % 5) as usize],
            born_us: START_US + born_hour as i64 * HOUR_US,
            median_us: 200.0 * 1000.0_f64.powf((key >> 40) as f64 / (1_u64 << 24) as f64),
            examined: 1 << (key >> 16 & 15),
        }
    }
}
