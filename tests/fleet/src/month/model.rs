//! The fleet of the six weeks: services, their queries, and what runs on which server in which hour. Knows no lake.

use super::plan::{CHANGES, Change, INCIDENT, What};
use super::{DAY_US, HOUR_US, START_US};
use crate::random::{Random, mixed};

/// Servers of a cluster; the first is the primary.
pub(crate) const CLUSTER_SERVERS: usize = 10;
/// Queries of a service, by frequency.
pub(crate) const SERVICE_QUERIES: usize = 20;
/// Calls an hour of the most frequent query on a server of ordinary load, by day.
const CALLS_MAX: f64 = 18.0;

/// A service: database, applications, tables.
pub(crate) struct Service {
    pub(crate) database: &'static str,
    pub(crate) applications: [&'static str; 3],
    pub(crate) tables: [&'static str; 4],
}

pub(crate) const SERVICES: [Service; 8] = [
    service(
        "shop",
        ["web", "checkout", "backoffice"],
        ["orders", "order_items", "customers", "carts"],
    ),
    service(
        "billing",
        ["invoicing", "payments", "reporting"],
        ["invoices", "payments", "accounts", "ledger_entries"],
    ),
    service(
        "stock",
        ["warehouse", "web", "cron"],
        ["products", "stock_levels", "suppliers", "shipments"],
    ),
    service(
        "users",
        ["auth", "web", "mailer"],
        ["users", "sessions", "permissions", "audit_log"],
    ),
    service(
        "search",
        ["search", "indexer", "web"],
        ["documents", "terms", "synonyms", "clicks"],
    ),
    service(
        "messaging",
        ["api", "push", "mailer"],
        ["messages", "threads", "devices", "deliveries"],
    ),
    service(
        "analytics",
        ["reporting", "etl", "dashboards"],
        ["events", "funnels", "cohorts", "daily_totals"],
    ),
    service(
        "catalog",
        ["web", "api", "importer"],
        ["items", "prices", "categories", "reviews"],
    ),
];

const fn service(
    database: &'static str,
    applications: [&'static str; 3],
    tables: [&'static str; 4],
) -> Service {
    Service {
        database,
        applications,
        tables,
    }
}

/// What every query is.
pub(crate) struct Query {
    pub(crate) fingerprint: i64,
    pub(crate) service: usize,
    pub(crate) application: &'static str,
    pub(crate) normalized: String,
    pub(crate) verb: &'static str,
    pub(crate) tables: Vec<&'static str>,
    median_us: f64,
    /// Spread of the logarithm of its durations.
    spread: f64,
    /// Calls an hour by day.
    rate: f64,
    pub(crate) rows: u32,
}

/// One execution, by numbers only.
#[derive(Clone, Copy)]
pub(crate) struct Execution {
    pub(crate) ts_us: i64,
    pub(crate) query_time_us: i64,
    pub(crate) source_offset: i64,
    pub(crate) query: u16,
    pub(crate) server: u16,
    pub(crate) has_text: bool,
}

/// The fleet.
pub(crate) struct Month {
    pub(crate) servers: usize,
    pub(crate) queries: Vec<Query>,
    random: Random,
    offsets: Vec<i64>,
    /// Executions and their durations, µs, by week.
    weeks: [(i64, i64); super::DAYS / 7],
}

impl Month {
    pub(crate) fn new(servers: usize, seed: u64) -> Month {
        Month {
            servers,
            queries: (0..SERVICES.len() * SERVICE_QUERIES)
                .map(Query::of_number)
                .collect(),
            random: Random::new(mixed(seed)),
            offsets: vec![0; servers],
            weeks: Default::default(),
        }
    }

    /// Where each server's log ends, bytes.
    pub(crate) fn offsets(&self) -> &[i64] {
        &self.offsets
    }

    /// Executions and their durations, µs, of each week that was made.
    pub(crate) fn weeks(&self) -> &[(i64, i64)] {
        &self.weeks
    }

    /// Whether a server's service has a query.
    pub(crate) fn runs(&self, server: usize, query: usize) -> bool {
        service_of(server) == self.queries[query].service
    }

    /// Whether a change is on a server that runs its query.
    pub(crate) fn has(&self, server: usize, change: &Change) -> bool {
        server / CLUSTER_SERVERS / SERVICES.len() < change.clusters
    }

    /// The executions of one day, by fingerprint and time.
    pub(crate) fn day(&mut self, day: usize) -> Vec<Execution> {
        let mut executions = Vec::new();
        let mut order: Vec<usize> = (0..self.queries.len()).collect();
        order.sort_unstable_by_key(|query| self.queries[*query].fingerprint);
        for query in order {
            let begin = executions.len();
            for server in (0..self.servers).filter(|server| service_of(*server) == query / SERVICE_QUERIES) {
                for hour in day * 24..day * 24 + 24 {
                    self.hour(query, server, hour, &mut executions);
                }
            }
            executions[begin..].sort_unstable_by_key(|execution| (execution.ts_us, execution.server));
        }
        // Offsets follow the order of time on each server, whatever the order of the rows.
        let mut by_time: Vec<usize> = (0..executions.len()).collect();
        by_time.sort_unstable_by_key(|at| executions[*at].ts_us);
        let mut offsets = self.offsets.clone();
        for at in by_time {
            let execution = &mut executions[at];
            let offset = &mut offsets[usize::from(execution.server)];
            execution.source_offset = *offset;
            *offset += bytes_of(execution);
        }
        executions
    }

    /// Moves each server's log on by the executions of a day.
    pub(crate) fn advance(&mut self, executions: &[Execution]) {
        for execution in executions {
            self.offsets[usize::from(execution.server)] += bytes_of(execution);
            let week = &mut self.weeks[((execution.ts_us - START_US) / (7 * DAY_US)) as usize];
            week.0 += 1;
            week.1 += execution.query_time_us;
        }
    }

    fn hour(&mut self, query: usize, server: usize, hour: usize, executions: &mut Vec<Execution>) {
        let model = &self.queries[query];
        let (mut rate, mut factor) = (model.rate * load(server) * time_of_day(hour), 1.0);
        for change in CHANGES
            .iter()
            .filter(|change| change.query == query && self.has(server, change))
        {
            if (change.from_hour..change.to_hour).contains(&hour) {
                match change.what {
                    What::Latency(times) => factor *= times,
                    What::Calls(times) => rate *= times,
                    What::Growth(times) => rate *= times.powf(hour as f64 / 168.0),
                    What::Absent => return,
                }
            }
        }
        let (slow_server, from_hour, hours, times) = INCIDENT;
        if server == slow_server && (from_hour..from_hour + hours).contains(&hour) {
            factor *= times;
        }
        // What all of a server's executions of an hour have in common.
        factor *= (0.04 * self.random.normal()).exp();
        let calls = (rate + self.random.below(1000) as f64 / 1000.0) as usize;
        for _ in 0..calls {
            let ts_us = START_US + hour as i64 * HOUR_US + self.random.below(HOUR_US as u64) as i64;
            let us = model.median_us * factor * (model.spread * self.random.normal()).exp();
            executions.push(Execution {
                ts_us,
                query_time_us: us as i64,
                source_offset: 0,
                query: query as u16,
                server: server as u16,
                has_text: self.random.below(2000) == 0,
            });
        }
    }
}

fn bytes_of(execution: &Execution) -> i64 {
    240 + (mixed(execution.ts_us as u64) % 400) as i64
}

/// The service whose cluster a server is in.
pub(crate) fn service_of(server: usize) -> usize {
    server / CLUSTER_SERVERS % SERVICES.len()
}

/// The primary has twice the load of a replica, and servers differ.
fn load(server: usize) -> f64 {
    let size = 0.6 + 0.8 * (mixed(server as u64) % 100) as f64 / 100.0;
    if server.is_multiple_of(CLUSTER_SERVERS) {
        2.0 * size
    } else {
        size
    }
}

fn time_of_day(hour: usize) -> f64 {
    let of_day = (hour % 24) as f64 / 24.0;
    let by_day = if hour / 24 % 7 >= 5 { 0.6 } else { 1.0 };
    by_day * (0.6 - 0.4 * (of_day * std::f64::consts::TAU).cos())
}

impl Query {
    fn of_number(number: usize) -> Query {
        let (service, rank) = (number / SERVICE_QUERIES, number % SERVICE_QUERIES);
        let key = mixed(number as u64 + 7_001);
        let of = &SERVICES[service];
        let (first, second) = (of.tables[rank % 4], of.tables[(rank + 1) % 4]);
        let (verb, tables, normalized) = match rank % 7 {
            0 => (
                "SELECT",
                vec![first],
                format!("SELECT * FROM {first} WHERE id = ?"),
            ),
            1 => (
                "SELECT",
                vec![first, second],
                format!(
                    "SELECT a.id, a.state, a.created_at, b.name FROM {first} a JOIN {second} b ON b.{first}_id = a.id WHERE a.owner_id = ? AND a.state = ? ORDER BY a.created_at DESC LIMIT ?"
                ),
            ),
            2 => (
                "UPDATE",
                vec![first],
                format!("UPDATE {first} SET state = ?, updated_at = now() WHERE id = ?"),
            ),
            3 => (
                "SELECT",
                vec![first],
                format!(
                    "SELECT count(*), sum(amount_{rank}) FROM {first} WHERE created_at >= ? AND created_at < ? GROUP BY date_trunc(?, created_at)"
                ),
            ),
            4 => (
                "INSERT",
                vec![first],
                format!("INSERT INTO {first} (owner_id, state, payload_{rank}, created_at) VALUES (?)"),
            ),
            5 => (
                "SELECT",
                vec![first, second],
                format!(
                    "SELECT x.* FROM {first} x WHERE x.state IN (?) AND EXISTS (SELECT ? FROM {second} y WHERE y.{first}_id = x.id AND y.kind_{rank} = ?) ORDER BY x.id LIMIT ? OFFSET ?"
                ),
            ),
            _ => (
                "DELETE",
                vec![first],
                format!("DELETE FROM {first} WHERE expires_at < ? AND state = ?"),
            ),
        };
        Query {
            fingerprint: key as i64,
            service,
            application: of.applications[rank % 3],
            normalized,
            verb,
            tables,
            median_us: 2_000.0 * 120.0_f64.powf((key >> 40) as f64 / (1_u64 << 24) as f64),
            spread: 0.5 + 0.4 * (key >> 20 & 255) as f64 / 255.0,
            rate: CALLS_MAX / (rank + 1) as f64,
            rows: 1 << (key >> 16 & 11),
        }
    }
}
