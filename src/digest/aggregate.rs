//! Executions to sums per query. Merging two aggregates gives the aggregate of both inputs, whatever the order: sums, minima, histograms, and
//! an example chosen by its duration and its place.

use hashbrown::HashMap;
use slowlake_parse::Execution;
use slowlake_parse::statement::{Analyzer, Dialect, Fingerprint, Options};
use slowlake_store::LatencyHistogram;

use crate::batch::Batch;
use crate::digest::timeline::Timeline;
use crate::summary::{Breakdown, Part, Percentiles, Query, Summary, decade_of, dialect_name};

/// Bytes of an example statement that are kept.
const EXAMPLE_BYTES: usize = 16 * 1024;

/// Sums per query, and the timeline.
#[derive(Default)]
pub(crate) struct Aggregate {
    classes: HashMap<Fingerprint, Class>,
    timeline: Timeline,
    origins: Origins,
    postgres: Option<Analyzer>,
    mysql: Option<Analyzer>,
}

/// One query class: all executions of one fingerprint.
#[derive(Default)]
struct Class {
    calls: i64,
    total_us: i64,
    min_us: i64,
    latency: LatencyHistogram,
    rows_sent: Option<i64>,
    rows_examined: Option<i64>,
    lock_time_us: Option<i64>,
    first_us: Option<i64>,
    last_us: Option<i64>,
    example: Example,
    /// Calls and database time (µs) by origin.
    origins: HashMap<u32, (i64, i64)>,
}

/// The slowest execution; of equals the first.
#[derive(Default)]
struct Example {
    query_time_us: i64,
    /// Whose SQL it is; what both servers write alike is one query.
    dialect: Option<Dialect>,
    /// Number of the source, and offset in it.
    at: (u32, u64),
    statement: Vec<u8>,
    normalized: String,
    verb: String,
    tables: Vec<String>,
}

/// Where executions come from: database, user and application, numbered as they are seen.
#[derive(Default)]
struct Origins {
    numbers: HashMap<Box<[u8]>, u32>,
    names: Vec<[String; 3]>,
    key: Vec<u8>,
}

const ORIGIN_NAMES: [&str; 3] = ["database", "user", "application"];

impl Aggregate {
    /// Adds a batch of the source with this number.
    pub(crate) fn batch(&mut self, source: u32, batch: &Batch) {
        batch.executions(|execution| self.execution(source, execution));
    }

    /// Adds the executions of another aggregate.
    pub(crate) fn merge(&mut self, other: Aggregate) {
        self.timeline.merge(other.timeline);
        let renumbered: Vec<u32> = other
            .origins
            .names
            .iter()
            .map(|names| self.origins.number(names.each_ref().map(|n| n.as_bytes())))
            .collect();
        for (key, mut class) in other.classes {
            class.origins = class
                .origins
                .into_iter()
                .map(|(origin, sum)| (renumbered[origin as usize], sum))
                .collect();
            self.classes.entry(key).or_default().merge(class);
        }
    }

    /// Fills the parts of a summary that executions decide; `source_name` names a source by its number.
    pub(crate) fn summarize(&self, limit: usize, source_name: impl Fn(u32) -> String) -> Summary {
        let total_us = self.classes.values().map(|class| class.total_us).sum();
        let mut latency = LatencyHistogram::new();
        for class in self.classes.values() {
            latency.merge(&class.latency);
        }
        let max_us = self
            .classes
            .values()
            .map(|class| class.example.query_time_us)
            .max()
            .unwrap_or(0);
        let mut order: Vec<_> = self.classes.iter().collect();
        order.sort_by_key(|(fingerprint, class)| (std::cmp::Reverse(class.total_us), **fingerprint));
        let left_out = &order[order.len().min(limit)..];
        let mut all_origins: HashMap<u32, (i64, i64)> = HashMap::new();
        for (origin, (calls, us)) in self.classes.values().flat_map(|class| &class.origins) {
            let sum = all_origins.entry(*origin).or_default();
            *sum = (sum.0 + calls, sum.1.saturating_add(*us));
        }
        Summary {
            window: self.window(),
            calls: self.classes.values().map(|class| class.calls).sum(),
            total_us,
            shapes: self.classes.len(),
            latency: percentiles(&latency, max_us),
            timeline: self.timeline.slots(),
            order: "total time".to_owned(),
            left_out: (
                left_out.len(),
                left_out.iter().map(|(_, class)| class.total_us).sum(),
            ),
            by: self.origins.breakdowns(&all_origins),
            queries: (1..)
                .zip(order.into_iter().take(limit))
                .map(|(rank, (fingerprint, class))| {
                    let mut query = class.query(rank, total_us);
                    query.fingerprint = fingerprint.to_string();
                    query.dialect = class.example.dialect.map_or("", dialect_name).to_owned();
                    query.by = self.origins.breakdowns(&class.origins);
                    query.example_at =
                        format!("{} byte {}", source_name(class.example.at.0), class.example.at.1);
                    query
                })
                .collect(),
            ..Summary::default()
        }
    }

    fn window(&self) -> Option<(i64, i64)> {
        let first = self.classes.values().filter_map(|class| class.first_us).min()?;
        let last = self.classes.values().filter_map(|class| class.last_us).max()?;
        Some((first, last))
    }

    fn execution(&mut self, source: u32, execution: &Execution<'_>) {
        let analyzer = match execution.dialect {
            Dialect::Postgres => self
                .postgres
                .get_or_insert_with(|| Analyzer::new(Options::new(Dialect::Postgres))),
            Dialect::Mysql => self
                .mysql
                .get_or_insert_with(|| Analyzer::new(Options::new(Dialect::Mysql))),
        };
        let fingerprint = analyzer.fingerprint(execution.statement);
        let origin = self
            .origins
            .number([execution.database, execution.user, execution.application]);
        if let Some(at) = execution.end_us.or(execution.start_us) {
            self.timeline.record(at, execution.query_time_us);
        }
        let class = self.classes.entry(fingerprint).or_default();
        class.add(execution, origin);
        let at = (source, execution.span.start);
        if class.calls == 1 || class.example.is_beaten_by(execution.query_time_us, at) {
            class.example.replace(execution, at, analyzer);
        }
    }
}

impl Class {
    fn add(&mut self, execution: &Execution<'_>, origin: u32) {
        let us = execution.query_time_us;
        self.min_us = if self.calls == 0 { us } else { self.min_us.min(us) };
        self.calls += 1;
        self.total_us = self.total_us.saturating_add(us);
        self.latency.record(us);
        self.rows_sent = sum(self.rows_sent, execution.rows_sent);
        self.rows_examined = sum(self.rows_examined, execution.rows_examined);
        self.lock_time_us = sum(self.lock_time_us, execution.lock_time_us);
        self.first_us = least(self.first_us, execution.start_us);
        self.last_us = greatest(self.last_us, execution.end_us);
        self.add_origin(origin, (1, us));
    }

    fn merge(&mut self, other: Class) {
        if self.calls == 0 {
            *self = other;
            return;
        }
        self.min_us = self.min_us.min(other.min_us);
        self.calls += other.calls;
        self.total_us = self.total_us.saturating_add(other.total_us);
        self.latency.merge(&other.latency);
        self.rows_sent = sum(self.rows_sent, other.rows_sent);
        self.rows_examined = sum(self.rows_examined, other.rows_examined);
        self.lock_time_us = sum(self.lock_time_us, other.lock_time_us);
        self.first_us = least(self.first_us, other.first_us);
        self.last_us = greatest(self.last_us, other.last_us);
        for (origin, sum) in other.origins {
            self.add_origin(origin, sum);
        }
        if self
            .example
            .is_beaten_by(other.example.query_time_us, other.example.at)
        {
            self.example = other.example;
        }
    }

    fn add_origin(&mut self, origin: u32, (calls, total_us): (i64, i64)) {
        let sum = self.origins.entry(origin).or_default();
        *sum = (sum.0 + calls, sum.1.saturating_add(total_us));
    }

    fn query(&self, rank: usize, report_total_us: i64) -> Query {
        let mut decades = [0; crate::summary::DECADES];
        for (bin, calls) in self.latency.bins() {
            decades[decade_of(LatencyHistogram::value_of(bin))] += calls;
        }
        Query {
            rank,
            normalized: self.example.normalized.clone(),
            verb: self.example.verb.clone(),
            tables: self.example.tables.clone(),
            calls: self.calls,
            total_us: self.total_us,
            share: if report_total_us == 0 {
                0.0
            } else {
                self.total_us as f64 / report_total_us as f64
            },
            min_us: self.min_us,
            latency: percentiles(&self.latency, self.example.query_time_us),
            rows_sent: self.rows_sent,
            rows_examined: self.rows_examined,
            lock_time_us: self.lock_time_us,
            first_us: self.first_us,
            last_us: self.last_us,
            decades,
            example: String::from_utf8_lossy(&self.example.statement).into_owned(),
            ..Query::default()
        }
    }
}

impl Example {
    fn is_beaten_by(&self, query_time_us: i64, at: (u32, u64)) -> bool {
        (query_time_us, std::cmp::Reverse(at)) > (self.query_time_us, std::cmp::Reverse(self.at))
    }

    fn replace(&mut self, execution: &Execution<'_>, at: (u32, u64), analyzer: &mut Analyzer) {
        let statement = execution.statement;
        (self.query_time_us, self.at, self.dialect) = (execution.query_time_us, at, Some(execution.dialect));
        self.statement.clear();
        self.statement
            .extend_from_slice(&statement[..statement.len().min(EXAMPLE_BYTES)]);
        let analysis = analyzer.analyze(statement);
        analysis.normalized.clone_into(&mut self.normalized);
        analysis.verb.clone_into(&mut self.verb);
        self.tables = analysis.tables.to_vec();
    }
}

impl Origins {
    fn number(&mut self, names: [&[u8]; 3]) -> u32 {
        self.key.clear();
        for name in names {
            self.key.extend_from_slice(name);
            self.key.push(0);
        }
        if let Some(number) = self.numbers.get(self.key.as_slice()) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names
            .push(names.map(|name| String::from_utf8_lossy(name).into_owned()));
        self.numbers.insert(self.key.as_slice().into(), number);
        number
    }

    /// One breakdown for each of database, user and application that is known at all.
    fn breakdowns(&self, sums: &HashMap<u32, (i64, i64)>) -> Vec<Breakdown> {
        let breakdown = |which: usize| {
            let mut parts: HashMap<&str, (i64, i64)> = HashMap::new();
            for (origin, (calls, total_us)) in sums {
                let part = parts.entry(&self.names[*origin as usize][which]).or_default();
                *part = (part.0 + calls, part.1.saturating_add(*total_us));
            }
            let parts = parts.into_iter().map(|(name, (calls, total_us))| Part {
                name: name.to_owned(),
                calls,
                total_us,
            });
            Breakdown::sorted(ORIGIN_NAMES[which], parts.collect())
        };
        (0..3)
            .map(breakdown)
            .filter(|breakdown| breakdown.parts.iter().any(|part| !part.name.is_empty()))
            .collect()
    }
}

/// Quantiles of a histogram; the largest value is known exactly and bounds them.
pub(crate) fn percentiles(latency: &LatencyHistogram, max_us: i64) -> Percentiles {
    let quantile = |q| latency.quantile(q).unwrap_or(0).min(max_us);
    Percentiles {
        p50_us: quantile(0.50),
        p95_us: quantile(0.95),
        p99_us: quantile(0.99),
        max_us,
    }
}

fn sum(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    }
}

fn least(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn greatest(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    a.max(b)
}
