//! One query: the sums over its executions, and the slowest of them as an example.

use hashbrown::HashMap;
use slowlake_parse::Execution;
use slowlake_parse::statement::{Analyzer, Dialect};
use slowlake_store::LatencyHistogram;

use crate::digest::bounded::Place;
use crate::digest::origins::{CallsAndTime, estimate, plus};
use crate::summary::{DECADES, Percentiles, Query, decade_of, dialect_name};

/// Bytes of an example statement that are kept.
const EXAMPLE_BYTES: usize = 16 * 1024;

/// One query class: all executions of one fingerprint.
#[derive(Default)]
pub(super) struct Class {
    pub(super) calls: i64,
    pub(super) total_us: i64,
    /// Calls and time as they were, where the server logs one execution in so many.
    pub(super) estimated: CallsAndTime,
    /// What of that is in the time of a stored routine as well: of the estimate, and the time as logged.
    pub(super) nested: CallsAndTime,
    pub(super) nested_logged_us: i64,
    /// Calls and time (µs) of the steps before executions, where they are logged apart.
    pub(super) parses: CallsAndTime,
    pub(super) binds: CallsAndTime,
    pub(super) min_us: i64,
    pub(super) latency: LatencyHistogram,
    pub(super) rows_sent: Option<i64>,
    pub(super) rows_examined: Option<i64>,
    pub(super) lock_time_us: Option<i64>,
    pub(super) first_us: Option<i64>,
    pub(super) last_us: Option<i64>,
    pub(super) example: Example,
    /// Estimated calls and database time (µs) by origin.
    pub(super) origins: HashMap<u32, CallsAndTime>,
}

/// The slowest execution; of equals the first.
#[derive(Default)]
pub(super) struct Example {
    pub(super) query_time_us: i64,
    /// Whose SQL it is; what both servers write alike is one query.
    pub(super) dialect: Option<Dialect>,
    pub(super) at: Place,
    pub(super) statement: Vec<u8>,
    pub(super) parameters: Vec<u8>,
    pub(super) normalized: String,
    pub(super) verb: String,
    pub(super) tables: Vec<String>,
}

impl Class {
    pub(super) fn add(&mut self, execution: &Execution<'_>, origin: u32) {
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
        let estimated = estimate(execution);
        self.estimated = plus(self.estimated, estimated);
        if let Some(us) = execution.parse_time_us {
            self.parses = plus(self.parses, (1, us));
        }
        if let Some(us) = execution.bind_time_us {
            self.binds = plus(self.binds, (1, us));
        }
        add_origin(&mut self.origins, origin, estimated);
        if execution.is_nested {
            self.nested = plus(self.nested, estimated);
            self.nested_logged_us = self.nested_logged_us.saturating_add(us);
        }
    }

    pub(super) fn merge(&mut self, other: Class) {
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
        self.estimated = plus(self.estimated, other.estimated);
        self.nested = plus(self.nested, other.nested);
        self.nested_logged_us = self.nested_logged_us.saturating_add(other.nested_logged_us);
        self.parses = plus(self.parses, other.parses);
        self.binds = plus(self.binds, other.binds);
        for (origin, sum) in other.origins {
            add_origin(&mut self.origins, origin, sum);
        }
        if self
            .example
            .is_beaten_by(other.example.query_time_us, other.example.at)
        {
            self.example = other.example;
        }
    }

    pub(super) fn query(&self, rank: usize, report_total_us: i64) -> Query {
        let mut decades = [0; DECADES];
        for (bin, calls) in self.latency.bins() {
            decades[decade_of(LatencyHistogram::value_of(bin))] += calls;
        }
        Query {
            rank,
            dialect: self.example.dialect.map_or("", dialect_name).to_owned(),
            normalized: self.example.normalized.clone(),
            verb: self.example.verb.clone(),
            tables: self.example.tables.clone(),
            calls: self.calls,
            total_us: self.total_us,
            estimated_calls: self.estimated.0,
            estimated_total_us: self.estimated.1,
            nested_calls: self.nested.0,
            share: if report_total_us == 0 {
                0.0
            } else {
                self.estimated.1 as f64 / report_total_us as f64
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
            parameters: String::from_utf8_lossy(&self.example.parameters).into_owned(),
            ..Query::default()
        }
    }
}

impl Example {
    pub(super) fn is_beaten_by(&self, query_time_us: i64, at: Place) -> bool {
        (query_time_us, std::cmp::Reverse(at)) > (self.query_time_us, std::cmp::Reverse(self.at))
    }

    pub(super) fn replace(
        &mut self,
        execution: &Execution<'_>,
        at: Place,
        analyzer: &mut Analyzer,
        redact: bool,
    ) {
        let statement = execution.statement;
        (self.query_time_us, self.at, self.dialect) = (execution.query_time_us, at, Some(execution.dialect));
        let analysis = analyzer.analyze(statement);
        let shown = if redact {
            analysis.normalized.as_bytes()
        } else {
            statement
        };
        self.parameters.clear();
        if !redact {
            let parameters = execution.parameters;
            self.parameters
                .extend_from_slice(&parameters[..parameters.len().min(EXAMPLE_BYTES)]);
        }
        self.statement.clear();
        self.statement
            .extend_from_slice(&shown[..shown.len().min(EXAMPLE_BYTES)]);
        analysis.normalized.clone_into(&mut self.normalized);
        analysis.verb.clone_into(&mut self.verb);
        self.tables = analysis.tables.to_vec();
    }
}

/// Quantiles of a histogram; the largest value is known exactly and bounds them.
pub(super) fn percentiles(latency: &LatencyHistogram, max_us: i64) -> Percentiles {
    let quantile = |q| latency.quantile(q).unwrap_or(0).min(max_us);
    Percentiles {
        p50_us: quantile(0.50),
        p95_us: quantile(0.95),
        p99_us: quantile(0.99),
        max_us,
    }
}

fn add_origin(origins: &mut HashMap<u32, CallsAndTime>, origin: u32, sum: CallsAndTime) {
    let entry = origins.entry(origin).or_default();
    *entry = plus(*entry, sum);
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
